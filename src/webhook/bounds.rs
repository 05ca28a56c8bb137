//! What all deliveries of a process share, and how much of it one site may take at once: places on
//! their way, bytes of bodies in memory, connections kept for later. Whoever waits for something
//! waits in line, and a dispatcher waits with one wish at a time, so that endpoints take turns.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::delivery::Standing;
use crate::domain::limits;

/// One for the whole process.
#[derive(Clone)]
pub struct Bounds {
    pub places: Arc<Semaphore>,
    /// Of the places, what endpoints may take that do not work at present.
    pub unwell_places: Arc<Semaphore>,
    pub body_bytes: Arc<Semaphore>,
    pub connections: Arc<Semaphore>,
    /// Pages of older records that sites keep for all of their endpoints.
    pub pages: Arc<Semaphore>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            places: Arc::new(Semaphore::new(limits::WEBHOOK_IN_FLIGHT_MAX)),
            unwell_places: Arc::new(Semaphore::new(limits::WEBHOOK_IN_FLIGHT_UNWELL_MAX)),
            body_bytes: Arc::new(Semaphore::new(limits::WEBHOOK_BODIES_BYTES_MAX)),
            connections: Arc::new(Semaphore::new(limits::WEBHOOK_CONNECTIONS_KEPT_MAX)),
            pages: Arc::new(Semaphore::new(limits::WEBHOOK_KEPT_PAGES_MAX)),
        }
    }
}

/// The share of one site in each.
pub struct SiteBounds {
    places: Share,
    unwell_places: Share,
    body_bytes: Share,
    connections: Share,
}

impl SiteBounds {
    pub(super) fn new(process: &Bounds) -> SiteBounds {
        let share = |all: &Arc<Semaphore>, site: usize| Share {
            site: Arc::new(Semaphore::new(site)),
            all: all.clone(),
        };
        let unwell_max = limits::WEBHOOK_IN_FLIGHT_UNWELL_PER_SITE_MAX;
        SiteBounds {
            places: share(&process.places, limits::WEBHOOK_IN_FLIGHT_PER_SITE_MAX),
            unwell_places: share(&process.unwell_places, unwell_max),
            body_bytes: share(&process.body_bytes, limits::WEBHOOK_BODIES_BYTES_PER_SITE_MAX),
            connections: share(&process.connections, limits::WEBHOOK_CONNECTIONS_PER_SITE_MAX),
        }
    }

    /// A place, if nobody has to be waited for.
    pub(super) fn try_place(&self, standing: Standing) -> Option<Place> {
        let unwell = match standing {
            Standing::Well => None,
            Standing::Unwell => Some(self.unwell_places.try_take(1)?),
        };
        Some(Place { _place: self.places.try_take(1)?, _unwell: unwell })
    }

    pub(super) async fn place(self: Arc<Self>, standing: Standing) -> Place {
        let unwell = match standing {
            Standing::Well => None,
            Standing::Unwell => Some(self.unwell_places.take(1).await),
        };
        Place { _place: self.places.take(1).await, _unwell: unwell }
    }

    /// Room for the bodies of a page that is about to be read.
    pub(super) async fn body_room(&self) -> Taken {
        self.body_bytes.take(limits::WEBHOOK_PAGE_ROOM_BYTES as u32).await
    }

    /// Makes room for so much more; whether there was any.
    pub(super) fn grow_body_room(&self, room: &mut Taken, bytes: usize) -> bool {
        let more = u32::try_from(bytes).ok().and_then(|bytes| self.body_bytes.try_take(bytes));
        more.map(|more| room.merge(more)).is_some()
    }

    /// Leave to keep one connection open for later.
    pub(super) fn try_connection(&self) -> Option<Taken> {
        self.connections.try_take(1)
    }
}

/// One delivery on its way.
pub struct Place {
    _place: Taken,
    _unwell: Option<Taken>,
}

/// The site's part first, so that one site never stands in line for all of the process with more
/// than it may take.
struct Share {
    site: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Share {
    fn try_take(&self, count: u32) -> Option<Taken> {
        let site = self.site.clone().try_acquire_many_owned(count).ok()?;
        let all = self.all.clone().try_acquire_many_owned(count).ok()?;
        Some(Taken { parts: Some((site, all)) })
    }

    async fn take(&self, count: u32) -> Taken {
        let site = self.site.clone().acquire_many_owned(count).await;
        let all = self.all.clone().acquire_many_owned(count).await;
        // They are never closed; without them the work goes on all the same.
        Taken { parts: site.ok().zip(all.ok()) }
    }
}

/// Given back when it is dropped.
#[derive(Default)]
pub struct Taken {
    parts: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Taken {
    pub(super) fn count(&self) -> usize {
        self.parts.as_ref().map_or(0, |(site, _)| site.num_permits())
    }

    pub(super) fn merge(&mut self, more: Taken) {
        match (&mut self.parts, more.parts) {
            (Some((site, all)), Some((more_site, more_all))) => {
                site.merge(more_site);
                all.merge(more_all);
            }
            (parts @ None, more) => *parts = more,
            (Some(_), None) => {}
        }
    }

    /// Gives so much back, or all there is.
    pub(super) fn give_back(&mut self, count: usize) {
        let count = count.min(self.count());
        if let Some((site, all)) = &mut self.parts {
            drop((site.split(count), all.split(count)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(site: usize, all: &Arc<Semaphore>) -> Share {
        Share { site: Arc::new(Semaphore::new(site)), all: all.clone() }
    }

    #[test]
    fn a_site_takes_its_part_and_no_more() {
        let all = Arc::new(Semaphore::new(5));
        let (one, other) = (share(3, &all), share(3, &all));
        let mut taken = one.try_take(3).expect("room");
        assert!(one.try_take(1).is_none(), "beyond its part");
        assert!(other.try_take(3).is_none(), "beyond what is left");
        let more = other.try_take(2).expect("room");
        taken.give_back(2);
        assert_eq!((taken.count(), all.available_permits()), (1, 2));
        taken.give_back(9);
        assert_eq!((taken.count(), all.available_permits()), (0, 3));
        drop(more);
        assert_eq!(all.available_permits(), 5);
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let all = Arc::new(Semaphore::new(1));
        let (one, other) = (share(2, &all), share(2, &all));
        let held = one.try_take(1).expect("room");
        assert!(other.try_take(1).is_none());
        drop(held);
        assert!(other.try_take(1).is_some(), "its own part was given back");
    }
}
