//! The live side of one worker thread: its sockets, its sites, one sweeper for all deadlines, and
//! the drain at the end. Nothing here is shared between threads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hashbrown::HashMap;
use rand::Rng;
use tokio::net::TcpStream;

use super::drive::drive;
use super::feed::{SiteLive, follow};
use super::live::{Live, Seat};
use super::socket::{Socket, run};
use crate::core::hub::SessionKey;
use crate::core::session::CloseReason;
use crate::domain::SiteId;

/// Bytes that one read takes at most; one buffer serves all sockets of the worker.
const SCRATCH_BYTES: usize = 64 * 1_024;
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) struct Worker {
    pub(crate) live: Live,
    started: Instant,
    next_key: Cell<u64>,
    sockets: RefCell<HashMap<SessionKey, Rc<Socket>>>,
    sites: RefCell<HashMap<SiteId, Rc<SiteLive>>>,
    scratch: RefCell<Box<[u8]>>,
    /// Of keys and logins, when those behind the sockets were last looked at.
    holders_version: Cell<u64>,
}

impl Worker {
    /// Starts the live side of this thread, with its sweeper and its drain.
    pub(crate) fn start(live: Live) -> Rc<Worker> {
        let worker = Rc::new(Worker {
            live,
            started: Instant::now(),
            next_key: Cell::new(1),
            sockets: RefCell::new(HashMap::new()),
            sites: RefCell::new(HashMap::new()),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            holders_version: Cell::new(0),
        });
        actix_rt::spawn(sweep(Rc::clone(&worker)));
        actix_rt::spawn(drain(Rc::clone(&worker)));
        worker
    }

    /// Milliseconds on this worker's own clock, which never goes back.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes over a socket after its handshake.
    pub(crate) fn adopt(self: &Rc<Self>, stream: TcpStream, early: BytesMut, seat: Seat) {
        let key = SessionKey(self.next_key.replace(self.next_key.get() + 1));
        let socket = Rc::new(Socket::new(key, stream, seat, self.now_ms()));
        self.sockets.borrow_mut().insert(key, Rc::clone(&socket));
        actix_rt::spawn(run(Rc::clone(&socket), Rc::clone(self), early));
        if self.live.is_draining() {
            // It took its seat before the drain began and was not among those to be closed.
            self.refuse(&socket, CloseReason::Shutdown);
        }
    }

    pub(crate) fn socket(&self, key: SessionKey) -> Option<Rc<Socket>> {
        self.sockets.borrow().get(&key).cloned()
    }

    fn all_sockets(&self) -> Vec<Rc<Socket>> {
        self.sockets.borrow().values().cloned().collect()
    }

    pub(crate) fn with_scratch<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        read(&mut self.scratch.borrow_mut())
    }

    /// The live side of a site on this worker; its feed starts with its first session.
    pub(crate) fn site(self: &Rc<Self>, site: SiteId) -> Option<Rc<SiteLive>> {
        if let Some(known) = self.sites.borrow().get(&site) {
            return Some(Rc::clone(known));
        }
        let port = self.live.source().site(site)?;
        let live = Rc::new(SiteLive::new(site, port));
        self.sites.borrow_mut().insert(site, Rc::clone(&live));
        actix_rt::spawn(follow(Rc::clone(self), Rc::clone(&live)));
        Some(live)
    }

    /// Ends a site's feed; the next session of the site starts another.
    pub(crate) fn forget_site(&self, site: SiteId) {
        self.sites.borrow_mut().remove(&site);
    }

    /// Ends a session from our side, with the protocol's code.
    pub(crate) fn refuse(self: &Rc<Self>, socket: &Rc<Socket>, reason: CloseReason) {
        let outputs = socket.session.borrow_mut().refuse(reason);
        drive(self, socket, outputs);
    }

    /// Takes a session out of its channels and its site.
    pub(crate) fn leave(&self, socket: &Rc<Socket>) {
        let Some(site) = socket.site.borrow_mut().take() else { return };
        for channel in socket.session.borrow().channels() {
            site.hub.borrow_mut().unsubscribe(socket.key, *channel);
        }
        site.sessions.set(site.sessions.get() - 1);
    }

    /// Forgets a socket whose task has ended.
    pub(crate) fn remove(&self, socket: &Rc<Socket>) {
        self.leave(socket);
        self.sockets.borrow_mut().remove(&socket.key);
    }

    /// Closes every session whose key was revoked, or whose login ended, since this last looked.
    fn expel_revoked(self: &Rc<Self>, sockets: &[Rc<Socket>]) {
        let source = self.live.source();
        let version = source.holders_version();
        if self.holders_version.replace(version) == version {
            return;
        }
        // Looked up once each: thousands of sockets share a few keys.
        let mut good = HashMap::new();
        for socket in sockets {
            let Some(holder) = socket.holder.get() else { continue };
            if !*good.entry(holder).or_insert_with(|| source.holds(holder)) {
                self.refuse(socket, CloseReason::Revoked);
            }
        }
    }

    /// Closes every session of a site whose records this worker could not follow.
    pub(crate) fn abandon_site(self: &Rc<Self>, site: SiteId) {
        self.forget_site(site);
        for socket in self.all_sockets() {
            let is_of_site = socket.site.borrow().as_ref().is_some_and(|it| it.site == site);
            if is_of_site {
                self.refuse(&socket, CloseReason::InsufficientState);
            }
        }
    }
}

/// Every deadline of every socket of the worker, with one timer.
async fn sweep(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        let now_ms = worker.now_ms();
        let sockets = worker.all_sockets();
        worker.expel_revoked(&sockets);
        for socket in sockets {
            let outputs = socket.session.borrow_mut().tick(now_ms);
            drive(&worker, &socket, outputs);
            socket.sweep(now_ms);
        }
    }
}

/// Closes all sockets when the server goes down, spread over a while so that clients do not come
/// back all at once.
async fn drain(worker: Rc<Worker>) {
    worker.live.draining().await;
    let spread = worker.live.settings().drain_spread;
    for socket in worker.all_sockets() {
        let delay = rand::rng().random_range(Duration::ZERO..=spread);
        let worker = Rc::clone(&worker);
        let key = socket.key;
        actix_rt::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(socket) = worker.socket(key) {
                worker.refuse(&socket, CloseReason::Shutdown);
            }
        });
    }
}
