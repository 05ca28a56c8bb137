//! One connection to a receiver: opened to a judged address, driven in the background, closed
//! when nobody holds it any more. HTTP/2 where a receiver behind TLS chooses it, else HTTP/1.1.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Host;

use super::CallFault;
use super::dial::Dialer;
use crate::domain::limits;
use crate::webhook::guard::{Guard, Scheme, Target};

/// A connection that can carry one delivery after another, or in HTTP/2 many side by side.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    opened_at: Instant,
    driver: Arc<Driver>,
}

#[derive(Debug)]
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Many(http2::SendRequest<Full<Bytes>>),
}

/// What receivers may choose from, the best first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
const HTTP_2: &[u8] = b"h2";

/// The background half. It ends with the connection, whatever the receiver does.
#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Whether it is worth handing in again.
    pub fn is_fresh(&self) -> bool {
        let age_max = Duration::from_millis(limits::WEBHOOK_CONNECTION_AGE_MS_MAX);
        let is_closed = match &self.sender {
            Sender::One(sender) => sender.is_closed(),
            Sender::Many(sender) => sender.is_closed(),
        };
        !is_closed && self.opened_at.elapsed() < age_max
    }

    /// The same connection once more, where it can carry several deliveries at a time.
    pub fn share(&self) -> Option<Connection> {
        let Sender::Many(sender) = &self.sender else { return None };
        let (sender, driver) = (Sender::Many(sender.clone()), self.driver.clone());
        Some(Connection { sender, opened_at: self.opened_at, driver })
    }

    /// The request is made when it can go, so that nothing holds it while it waits.
    pub(super) async fn send(
        &mut self,
        request: impl FnOnce() -> Result<Request<Full<Bytes>>, CallFault>,
    ) -> Result<Response<Incoming>, CallFault> {
        let sent = match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await.map_err(|_| CallFault::Broken)?;
                sender.send_request(request()?).await
            }
            Sender::Many(sender) => {
                sender.ready().await.map_err(|_| CallFault::Broken)?;
                sender.send_request(with_authority(request()?)?).await
            }
        };
        sent.map_err(|_| CallFault::Broken)
    }

    async fn start<S>(stream: S) -> Result<Connection, CallFault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handshake = http1::Builder::new()
            .max_buf_size(limits::WEBHOOK_RESPONSE_HEADER_BYTES_MAX)
            .max_headers(limits::WEBHOOK_RESPONSE_HEADERS_MAX)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| CallFault::Broken)?;
        // How the connection ends is seen by whoever sends over it.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection::driven(Sender::One(sender), driver.abort_handle()))
    }

    async fn start_many<S>(stream: S) -> Result<Connection, CallFault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handshake = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(limits::WEBHOOK_RESPONSE_HEADER_BYTES_MAX as u32)
            .initial_stream_window_size(limits::WEBHOOK_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::WEBHOOK_CONNECTION_WINDOW_BYTES)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| CallFault::Broken)?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection::driven(Sender::Many(sender), driver.abort_handle()))
    }

    fn driven(sender: Sender, driver: AbortHandle) -> Connection {
        Connection { sender, opened_at: Instant::now(), driver: Arc::new(Driver(driver)) }
    }
}

/// HTTP/2 says in the request's own address what HTTP/1.1 says in `Host`. Only spoken over TLS.
fn with_authority(mut request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, CallFault> {
    let host = request.headers_mut().remove(header::HOST).ok_or(CallFault::Broken)?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri = Uri::builder().scheme("https").authority(host.as_bytes()).path_and_query(path);
    *request.uri_mut() = uri.build().map_err(|_| CallFault::Broken)?;
    Ok(request)
}

#[derive(Clone)]
pub(super) struct Connector {
    guard: Guard,
    dialer: Arc<dyn Dialer>,
    tls: TlsConnector,
    connect_ms: u64,
}

impl Connector {
    pub(super) fn new(
        guard: Guard,
        dialer: Arc<dyn Dialer>,
        connect_ms: u64,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> Connector {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        roots.add_parsable_certificates(extra_roots);
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|error| unreachable!("ring knows the default versions: {error}"))
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Connector { guard, dialer, tls: TlsConnector::from(Arc::new(config)), connect_ms }
    }

    /// Looks up, judges and connects, all within the time for connecting.
    pub(super) async fn connect(&self, target: &Target) -> Result<Connection, CallFault> {
        let deadline = Instant::now() + Duration::from_millis(self.connect_ms);
        let addresses = within(deadline, async { Ok(self.guard.addresses(target).await?) }).await?;
        let tried = addresses.len().min(limits::WEBHOOK_ADDRESSES_TRIED_MAX);
        let mut last = Err(CallFault::Unreachable);
        for (index, address) in addresses.into_iter().take(tried).enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            // The time left is shared fairly among the addresses that are left.
            let share = left / (tried - index) as u32;
            last = within(Instant::now() + share, self.connect_to(target, address)).await;
            if last.is_ok() {
                break;
            }
        }
        last
    }

    async fn connect_to(
        &self,
        target: &Target,
        address: SocketAddr,
    ) -> Result<Connection, CallFault> {
        let stream = self.dialer.dial(address).await.map_err(|_| CallFault::Unreachable)?;
        match target.scheme {
            Scheme::Http => Connection::start(stream).await,
            Scheme::Https => {
                let name = server_name(target)?;
                let stream = self.tls.connect(name, stream).await;
                let stream = stream.map_err(|_| CallFault::Unreachable)?;
                match stream.get_ref().1.alpn_protocol() {
                    Some(HTTP_2) => Connection::start_many(stream).await,
                    _ => Connection::start(stream).await,
                }
            }
        }
    }
}

async fn within<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, CallFault>>,
) -> Result<T, CallFault> {
    timeout_at(deadline, step).await.unwrap_or(Err(CallFault::Unreachable))
}

fn server_name(target: &Target) -> Result<ServerName<'static>, CallFault> {
    match &target.host {
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_owned();
            ServerName::try_from(name).map_err(|_| CallFault::Unreachable)
        }
    }
}
