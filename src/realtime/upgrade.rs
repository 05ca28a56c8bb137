//! The door for sockets: every request for an upgrade comes here, before any route or middleware.
//! It is refused with a plain problem document, or becomes a live session or an ingest stream.

use std::future::ready;
use std::io;
use std::rc::Rc;

use actix_codec::{Encoder, Framed};
use actix_http::body::BodySize;
use actix_http::header::{HOST, HeaderMap, ORIGIN};
use actix_http::{HttpMessage, Request, StatusCode, h1, ws};
use actix_service::{ServiceFactory, fn_factory, fn_service};
use actix_web::Error;
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use url::Url;

use super::ingest_stream::serve;
use super::live::{Live, Seat};
use super::socket::prepare;
use super::worker::Worker;

const LIVE_PATH: &str = "/connection/websocket";
const INGEST_PATH: &str = "/v1/activity-counters/stream";

/// An upgraded connection, as the HTTP layer hands it over.
type Upgrade = (Request, Framed<TcpStream, h1::Codec>);

/// The service for `HttpService::build().upgrade(..)`, one for each worker thread.
pub fn upgrade_service(
    live: Live,
) -> impl ServiceFactory<Upgrade, Config = (), Response = (), Error = Error, InitError = ()> {
    fn_factory(move || {
        let worker = Worker::start(live.clone());
        ready(Ok::<_, ()>(fn_service(move |(request, framed): Upgrade| {
            let worker = Rc::clone(&worker);
            async move {
                // A peer that left in the middle of its handshake is nobody's fault.
                if let Err(error) = enter(worker, request, framed).await {
                    tracing::debug!(%error, "an upgrade was not finished");
                }
                Ok::<_, Error>(())
            }
        })))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Live,
    Ingest,
}

/// Why an upgrade was refused, as its status and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    status: StatusCode,
    detail: &'static str,
}

async fn enter(
    worker: Rc<Worker>,
    request: Request,
    framed: Framed<TcpStream, h1::Codec>,
) -> io::Result<()> {
    let (door, seat) = match admit(&worker.live, &request) {
        Ok(admitted) => admitted,
        Err(refused) => return refuse(framed, refused).await,
    };
    let response = match ws::handshake(request.head()) {
        Ok(mut response) => response.finish(),
        Err(_) => return refuse(framed, BAD_HANDSHAKE).await,
    };
    let mut parts = framed.into_parts();
    let head = h1::Message::Item((response.drop_body(), BodySize::None));
    parts.codec.encode(head, &mut parts.write_buf)?;
    parts.io.write_all(&parts.write_buf).await?;
    prepare(&parts.io)?;
    match door {
        // A buffer of its exact size: the one of the HTTP layer is not kept for an idle socket.
        Door::Live => worker.adopt(parts.io, BytesMut::from(&parts.read_buf[..]), seat),
        Door::Ingest => {
            actix_rt::spawn(serve(worker.live.clone(), parts.io, parts.read_buf, seat));
        }
    }
    Ok(())
}

const BAD_HANDSHAKE: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    detail: "this is no WebSocket handshake of version 13",
};

fn admit(live: &Live, request: &Request) -> Result<(Door, Seat), Refused> {
    let door = match request.path() {
        LIVE_PATH => Door::Live,
        INGEST_PATH => Door::Ingest,
        _ => {
            return Err(Refused {
                status: StatusCode::NOT_FOUND,
                detail: "nothing here takes an upgrade",
            });
        }
    };
    ws::verify_handshake(request.head()).map_err(|_| BAD_HANDSHAKE)?;
    if !is_from_allowed_origin(request.headers(), &live.settings().allowed_origins) {
        let detail = "pages of this origin may not connect";
        return Err(Refused { status: StatusCode::FORBIDDEN, detail });
    }
    let seat = live.take_seat().ok_or(Refused {
        status: StatusCode::SERVICE_UNAVAILABLE,
        detail: "no more live connections are taken now",
    })?;
    Ok((door, seat))
}

/// Programs send no origin. A page may connect from the host it talks to, or from a listed origin.
fn is_from_allowed_origin(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|it| it.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (Url::parse(origin), host) {
        (Ok(origin), Some(host)) => is_same_host(&origin, host),
        _ => false,
    }
}

fn is_same_host(origin: &Url, host: &str) -> bool {
    let asked = Url::parse(&format!("{}://{host}", origin.scheme()));
    asked.is_ok_and(|asked| {
        origin.host().is_some()
            && asked.host() == origin.host()
            && asked.port_or_known_default() == origin.port_or_known_default()
    })
}

/// Answers a problem document and ends the connection.
async fn refuse(framed: Framed<TcpStream, h1::Codec>, refused: Refused) -> io::Result<()> {
    let Refused { status, detail } = refused;
    let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\
         \"detail\":\"{detail}\",\"message\":\"{detail}\"}}"
    );
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 5\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {code} {title}\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n{retry}\r\n",
        body.len()
    );
    let mut stream = framed.into_parts().io;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(origin: Option<&'static str>, host: &'static str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            let name: HeaderName = ORIGIN;
            headers.insert(name, HeaderValue::from_static(origin));
        }
        let allowed = ["https://shop.example".to_owned()];
        assert_eq!(is_from_allowed_origin(&headers, &allowed), expected, "{origin:?} {host}");
    }

    #[test]
    fn pages_connect_from_their_own_host_or_a_listed_origin() {
        check(None, "api.example", true);
        check(Some("https://api.example"), "api.example", true);
        check(Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true);
        check(Some("https://shop.example"), "api.example", true);
        check(Some("https://shop.example.evil"), "api.example", false);
        check(Some("http://shop.example"), "api.example", false);
        check(Some("http://127.0.0.1:8081"), "127.0.0.1:8080", false);
        check(Some("https://evil.example"), "api.example", false);
        check(Some("null"), "api.example", false);
        check(Some("file:///x"), "api.example", false);
    }
}
