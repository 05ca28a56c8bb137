//! A server with nothing but live doors, on a port of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerHandle};
use actix_service::map_config;
use actix_web::App;
use actix_web::dev::AppConfig;
use guildhall::realtime::{Live, LiveSettings, upgrade_service};

use crate::site::{StandIn, StandInSite};

/// Long enough for any answer; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct TestServer {
    pub address: SocketAddr,
    pub site: Arc<StandInSite>,
    pub source: Arc<StandIn>,
    pub live: Live,
    handle: ServerHandle,
}

impl TestServer {
    pub fn start() -> TestServer {
        TestServer::start_with(LiveSettings {
            drain_spread: Duration::from_millis(50),
            ..LiveSettings::default()
        })
    }

    pub fn start_with(settings: LiveSettings) -> TestServer {
        let (source, site) = StandIn::new();
        let live = Live::new(source.clone(), settings);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let doors = live.clone();
        let server = Server::build()
            .workers(1)
            .disable_signals()
            .listen("live", listener, move || {
                HttpService::build()
                    .upgrade(upgrade_service(doors.clone()))
                    .finish(map_config(App::new(), |_| AppConfig::default()))
                    .tcp()
            })
            .unwrap()
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        TestServer { address, site, source, live, handle }
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}
