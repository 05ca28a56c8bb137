//! The admin socket: a unix socket in the data directory, for its owner alone. One request and one
//! answer a connection, each a line of JSON of bounded length. Understands no request itself.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::admin::{Admin, AdminAnswer, AdminRequest};
use crate::domain::limits::{
    ADMIN_ANSWER_BYTES_MAX, ADMIN_CONNECTIONS_MAX, ADMIN_REQUEST_BYTES_MAX,
    ADMIN_REQUEST_SECONDS_MAX,
};

/// Longer paths do not fit into a socket's address on every system that we know.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Serves until it is dropped, and then removes the socket.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    accepting: tokio::task::JoinHandle<()>,
}

impl AdminServer {
    /// Must be called by the holder of the data directory's lock: it replaces what a killed process
    /// left behind.
    pub fn start(path: &Path, admin: Admin) -> io::Result<AdminServer> {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = Near::of(path)?.bind()?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let accepting = actix_rt::spawn(accept(listener, admin));
        Ok(AdminServer { path: path.to_owned(), accepting })
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!("the admin socket was gone already: {error}");
        }
    }
}

async fn accept(listener: UnixListener, admin: Admin) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let admin = admin.clone();
                actix_rt::spawn(async move {
                    if let Err(error) = converse(stream, admin).await {
                        tracing::debug!("an admin connection ended early: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Most likely no descriptors are left: give others the time to return some.
                tracing::warn!("the admin socket cannot accept: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, admin: Admin) -> io::Result<()> {
    let deadline = Duration::from_secs(ADMIN_REQUEST_SECONDS_MAX);
    let line = tokio::time::timeout(deadline, read_line(&mut stream)).await??;
    let answer = match serde_json::from_slice::<AdminRequest>(&line) {
        Ok(request) => admin.answer(request).await,
        Err(error) => AdminAnswer::Refused { detail: format!("not a request: {error}") },
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    tokio::time::timeout(deadline, stream.write_all(&bytes)).await?
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let limited = stream.take(ADMIN_REQUEST_BYTES_MAX as u64);
    let mut line = Vec::new();
    tokio::io::BufReader::new(limited).read_until(b'\n', &mut line).await?;
    match line.last() {
        Some(b'\n') => Ok(line),
        Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, "no whole line came")),
    }
}

/// Asks the server that serves `path`. `None` when no server is there to be asked.
pub fn ask(path: &Path, request: &AdminRequest) -> io::Result<Option<AdminAnswer>> {
    let mut stream = match Near::of(path).and_then(|near| near.connect()) {
        Ok(stream) => stream,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = serde_json::to_vec(request)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut line = Vec::new();
    BufReader::new(stream.take(ADMIN_ANSWER_BYTES_MAX)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server went away"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Nobody listens: there is no socket, or only what a killed process left of one.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// A path short enough for a socket's address; a long one goes through its directory's descriptor.
struct Near {
    path: PathBuf,
    // Keeps the descriptor in `path` alive.
    _directory: Option<File>,
}

impl Near {
    fn of(path: &Path) -> io::Result<Near> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Near { path: path.to_owned(), _directory: None });
        }
        let directory = File::open(parent)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
        Ok(Near { path, _directory: Some(directory) })
    }

    fn bind(&self) -> io::Result<UnixListener> {
        UnixListener::bind(&self.path)
    }

    fn connect(&self) -> io::Result<BlockingStream> {
        BlockingStream::connect(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::registry::Registry;
    use crate::app::admin::VerifyReport;
    use crate::journal::Memory;

    async fn admin() -> Admin {
        let registry = Registry::open(Arc::new(Memory::new(1)), None).await.unwrap();
        let verify = Arc::new(|_| -> futures_util::future::BoxFuture<'static, _> {
            Box::pin(async {
                let mut report = VerifyReport::default();
                report.add("site 1: 3 commits".to_owned(), vec!["ann: 3 is not 4".to_owned()]);
                Ok(report)
            })
        });
        Admin { registry, verify }
    }

    async fn asked(path: &Path, request: AdminRequest) -> AdminAnswer {
        let path = path.to_owned();
        let answer = tokio::task::spawn_blocking(move || ask(&path, &request)).await.unwrap();
        answer.unwrap().expect("a server is there")
    }

    async fn sent(path: &Path, bytes: &'static [u8]) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        // The server may close before it has read all of too long a line.
        stream.write_all(bytes).await.ok();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok();
        answer
    }

    #[actix_rt::test]
    async fn a_key_is_made_listed_and_revoked_over_the_socket() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("admin.sock");
        let _server = AdminServer::start(&path, admin().await).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let create = AdminRequest::CreateSite { name: "home".to_owned(), id: None };
        let AdminAnswer::SiteCreated { site, .. } = asked(&path, create).await else {
            panic!("no site")
        };
        let app = Some("blog".to_owned());
        let create = AdminRequest::CreateKey { site: None, app, name: "one".to_owned() };
        let AdminAnswer::KeyCreated { key, credential } = asked(&path, create).await else {
            panic!("no key")
        };
        assert_eq!((key.site, key.app.as_deref()), (site.id, Some("blog")));
        assert!(credential.ends_with(&key.last_four));
        let AdminAnswer::Keys { keys } = asked(&path, AdminRequest::ListKeys { site: None }).await
        else {
            panic!("no list")
        };
        assert_eq!(keys.len(), 2);
        let revoke = AdminRequest::RevokeKey { key: key.id };
        let AdminAnswer::KeyRevoked { key } = asked(&path, revoke).await else {
            panic!("not revoked")
        };
        assert!(key.revoked_unix_ms.is_some());
        let AdminAnswer::Verified { report } =
            asked(&path, AdminRequest::Verify { site: None }).await
        else {
            panic!("not verified")
        };
        assert_eq!(report.differences, ["ann: 3 is not 4"]);
    }

    #[actix_rt::test]
    async fn a_refusal_and_a_strange_line_are_told_and_too_long_a_line_is_cut() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("admin.sock");
        let _server = AdminServer::start(&path, admin().await).unwrap();
        let no_site = AdminRequest::CreateKey { site: None, app: None, name: "one".to_owned() };
        let detail = "there are 0 sites: name one with --site".to_owned();
        assert_eq!(asked(&path, no_site).await, AdminAnswer::Refused { detail });
        let strange = sent(&path, b"{\"request\":\"list_sites\",\"all\":true}\n").await;
        assert!(strange.starts_with("{\"answer\":\"refused\",\"detail\":\"not a request:"));
        static LONG: [u8; ADMIN_REQUEST_BYTES_MAX + 1] = [b' '; ADMIN_REQUEST_BYTES_MAX + 1];
        assert_eq!(sent(&path, &LONG).await, "");
    }

    #[actix_rt::test]
    async fn a_socket_that_a_killed_process_left_is_no_server_and_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let deep = temp.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("admin.sock");
        assert_eq!(ask(&path, &AdminRequest::ListSites {}).unwrap(), None);
        drop(Near::of(&path).unwrap().bind().unwrap());
        assert!(path.exists());
        assert_eq!(ask(&path, &AdminRequest::ListSites {}).unwrap(), None);
        let server = AdminServer::start(&path, admin().await).unwrap();
        let sites = asked(&path, AdminRequest::ListSites {}).await;
        assert_eq!(sites, AdminAnswer::Sites { sites: Vec::new() });
        drop(server);
        assert!(!path.exists());
    }
}
