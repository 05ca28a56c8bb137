//! Look-ups within bounds. The operating system's resolver blocks a thread for as long as a name
//! server keeps silent, longer than anybody waits for it: a domain whose names never answer must
//! not take the threads that others need.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::resolver::{Resolver, ResolverFuture};
use crate::domain::limits;

/// Another resolver, asked by so many at once and no more.
pub struct Lookups {
    resolver: Arc<dyn Resolver>,
    all: Arc<Semaphore>,
    /// By the last two labels of a name, while one of its look-ups is under way.
    domains: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Lookups {
    pub fn over(resolver: Arc<dyn Resolver>) -> Lookups {
        let all = Arc::new(Semaphore::new(limits::WEBHOOK_LOOKUPS_MAX));
        Lookups { resolver, all, domains: Mutex::default() }
    }

    fn domain(&self, name: &str) -> Arc<Semaphore> {
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        if domains.len() > limits::WEBHOOK_LOOKUPS_MAX {
            domains.retain(|_, places| places.strong_count() > 0);
        }
        let domain = domain_of(name);
        if let Some(places) = domains.get(&domain).and_then(Weak::upgrade) {
            return places;
        }
        let places = Arc::new(Semaphore::new(limits::WEBHOOK_LOOKUPS_PER_DOMAIN_MAX));
        domains.insert(domain, Arc::downgrade(&places));
        places
    }

    async fn places(&self, name: &str) -> io::Result<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let of_domain = self.domain(name).acquire_owned().await.map_err(io::Error::other)?;
        let of_all = self.all.clone().acquire_owned().await.map_err(io::Error::other)?;
        Ok((of_domain, of_all))
    }
}

impl Resolver for Lookups {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a> {
        Box::pin(async move {
            let places = self.places(name).await?;
            let (resolver, name) = (self.resolver.clone(), name.to_owned());
            let (done, found) = oneshot::channel();
            // It goes on when nobody waits any more, and keeps its places for as long.
            tokio::spawn(async move {
                let answer = resolver.resolve(&name).await;
                drop(places);
                done.send(answer).unwrap_or_default();
            });
            found.await.map_err(io::Error::other)?
        })
    }
}

/// Whose name it is, about: its last two labels.
fn domain_of(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    name[last..].to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Names below `tarpit.test` are never answered.
    #[derive(Default)]
    struct Names {
        asked: AtomicUsize,
    }

    impl Resolver for Names {
        fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if name.ends_with("tarpit.test") {
                return Box::pin(std::future::pending());
            }
            Box::pin(async { Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]) })
        }
    }

    #[test]
    fn a_domain_is_the_last_two_labels() {
        for (name, domain) in [
            ("a.b.example.com", "example.com"),
            ("example.com", "example.com"),
            ("EXAMPLE.com.", "example.com"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(domain_of(name), domain);
        }
    }

    #[actix_rt::test]
    async fn names_that_never_answer_hold_up_their_own_domain_only() {
        tokio::time::pause();
        let names = Arc::new(Names::default());
        let lookups = Lookups::over(names.clone());
        let a_while = std::time::Duration::from_secs(5);
        for number in 0..50 {
            let name = format!("n{number}.tarpit.test");
            // Whoever asked gives up; the thread would not.
            assert!(tokio::time::timeout(a_while, lookups.resolve(&name)).await.is_err());
        }
        let stuck = limits::WEBHOOK_LOOKUPS_PER_DOMAIN_MAX;
        assert_eq!(names.asked.load(Ordering::SeqCst), stuck);
        let found = tokio::time::timeout(a_while, lookups.resolve("good.test")).await;
        assert_eq!(found.expect("in time").expect("found").len(), 1);
        assert_eq!(lookups.all.available_permits(), limits::WEBHOOK_LOOKUPS_MAX - stuck);
    }
}
