//! The server's front door: HTTP and sockets on one address, one set of services a worker.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerHandle};
use actix_service::map_config;
use actix_web::App;
use actix_web::dev::AppConfig;

use super::front::ProcessFront;
use crate::domain::limits::{
    DRAIN_SECONDS_MAX, HTTP_IDLE_SECONDS_MAX, HTTP_REQUEST_SECONDS_MAX, LIVE_DRAIN_SECONDS_MAX,
};
use crate::http;
use crate::realtime::{Live, upgrade_service};

/// A server that accepts, until it is closed.
pub struct Door {
    handle: ServerHandle,
    live: Live,
    serving: tokio::task::JoinHandle<io::Result<()>>,
}

pub fn open(
    listener: TcpListener,
    workers: usize,
    front: Arc<ProcessFront>,
    live: Live,
) -> io::Result<Door> {
    let address = listener.local_addr()?;
    let configure = http::configure(front);
    let sockets = live.clone();
    // Signals are ours: the doors are only the first thing that they close.
    let builder =
        Server::build().workers(workers).disable_signals().shutdown_timeout(DRAIN_SECONDS_MAX);
    let draining = builder.graceful_shutdown_signal();
    let server = builder.listen("guildhall", listener, move || {
        let draining = draining.clone();
        let app = App::new().configure(configure.clone());
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .keep_alive(Duration::from_secs(HTTP_IDLE_SECONDS_MAX))
            .client_request_timeout(Duration::from_secs(HTTP_REQUEST_SECONDS_MAX))
            .tcp_nodelay(true)
            .local_addr(address)
            .upgrade(upgrade_service(sockets.clone()))
            .finish(map_config(app, |_| AppConfig::default()))
            .tcp()
    })?;
    let server = server.run();
    let handle = server.handle();
    Ok(Door { handle, live, serving: actix_rt::spawn(server) })
}

impl Door {
    /// Accepts nobody any more, tells sockets to come back later, and waits for what is under way.
    pub async fn close(self) {
        self.handle.pause().await;
        // Sockets first: they live on the workers' threads and would end with them, without a word.
        self.live.shutdown(Duration::from_secs(LIVE_DRAIN_SECONDS_MAX)).await;
        self.handle.stop(true).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the server ended with an error: {error}"),
            Err(error) => tracing::error!("the server did not end in order: {error}"),
        }
    }
}
