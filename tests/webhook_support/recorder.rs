//! A way out that remembers every address that was dialled, and leads to one place or nowhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use guildhall::webhook::client::{DialFuture, Dialer, TcpDialer};
use guildhall::webhook::guard::{Resolver, ResolverFuture};

pub struct Recorder {
    dialled: Mutex<Vec<SocketAddr>>,
    leads_to: Option<SocketAddr>,
}

impl Recorder {
    /// Nobody answers anywhere.
    pub fn to_nowhere() -> Arc<Recorder> {
        Arc::new(Recorder { dialled: Mutex::default(), leads_to: None })
    }

    /// Whatever is dialled, this one answers.
    pub fn to(address: SocketAddr) -> Arc<Recorder> {
        Arc::new(Recorder { dialled: Mutex::default(), leads_to: Some(address) })
    }

    pub fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().expect("a lock").clone()
    }
}

impl Dialer for Recorder {
    fn dial(&self, address: SocketAddr) -> DialFuture<'_> {
        self.dialled.lock().expect("a lock").push(address);
        match self.leads_to {
            Some(there) => TcpDialer.dial(there),
            None => Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
        }
    }
}

/// Every name is the same, or is unknown.
pub struct Always(pub Option<Vec<IpAddr>>);

impl Resolver for Always {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a> {
        let found = self.0.clone();
        let unknown = move || io::Error::other(format!("no such name: {name}"));
        Box::pin(async move { found.ok_or_else(unknown) })
    }
}
