//! Bodies that were made lately, shared by the endpoints of a site: an event that many of them take
//! is put into words once, and lies in memory once while it waits for all of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::port::{BodyOf, EventBody};
use crate::domain::endpoint::PayloadFormat;
use crate::domain::{Record, limits};

/// The same, with a memory.
pub(super) fn shared(body_of: BodyOf) -> BodyOf {
    let shared = [Recent::default(), Recent::default()];
    Arc::new(move |record: &Record, format: &PayloadFormat| {
        let recent = match format {
            PayloadFormat::Standard => &shared[0],
            PayloadFormat::CloudEvents => &shared[1],
            // Its claims are signed for each endpoint with a key of its own.
            PayloadFormat::Jwt { .. } => return body_of(record, format),
        };
        recent.get_or_make(record, || body_of(record, format))
    })
}

/// The newest body of each place; a record's place is its seq.
#[derive(Default)]
struct Recent {
    places: Mutex<Vec<Option<(u64, EventBody)>>>,
}

impl Recent {
    fn get_or_make(
        &self,
        record: &Record,
        make: impl FnOnce() -> Option<EventBody>,
    ) -> Option<EventBody> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.resize(limits::WEBHOOK_BODIES_SHARED, None);
        let place = (record.seq % places.len() as u64) as usize;
        if let Some((seq, body)) = &places[place]
            && *seq == record.seq
        {
            return Some(body.clone());
        }
        let body = make()?;
        let is_small = body.bytes.len() <= limits::WEBHOOK_BODY_SHARED_BYTES_MAX;
        places[place] = is_small.then(|| (record.seq, body.clone()));
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::domain::{Event, MemberId, Timestamp};

    fn record(seq: u64) -> Record {
        let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(2));
        let event = Event::FollowCreated { follower, followed };
        let time = Timestamp::from_unix_ms(0);
        Record { seq, time, member_seq: seq, touches: Default::default(), event }
    }

    /// Bodies of so many bytes, which say what they are of, and how many were made.
    fn counted(bytes: usize) -> (BodyOf, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let body_of: BodyOf = Arc::new(move |record: &Record, format: &PayloadFormat| {
            count.fetch_add(1, Ordering::SeqCst);
            let id = format!("{}-{format:?}", record.seq).into();
            Some(EventBody { id, bytes: Bytes::from(vec![0; bytes]), media_type: "text/plain" })
        });
        (shared(body_of), made)
    }

    #[test]
    fn many_endpoints_of_one_place_share_what_was_made_once() {
        let (body_of, made) = counted(100);
        for _ in 0..20 {
            for seq in 1..=64 {
                for format in [PayloadFormat::Standard, PayloadFormat::CloudEvents] {
                    let body = body_of(&record(seq), &format).expect("a body");
                    assert_eq!(*body.id, format!("{seq}-{format:?}"));
                }
            }
        }
        assert_eq!(made.load(Ordering::SeqCst), 2 * 64);
    }

    #[test]
    fn places_are_taken_over_and_large_bodies_are_not_kept() {
        let (body_of, _) = counted(100);
        for seq in 1..=5_000 {
            let body = body_of(&record(seq), &PayloadFormat::Standard).expect("a body");
            assert_eq!(*body.id, format!("{seq}-Standard"));
        }
        let (body_of, made) = counted(limits::WEBHOOK_BODY_SHARED_BYTES_MAX + 1);
        for _ in 0..3 {
            body_of(&record(1), &PayloadFormat::Standard).expect("a body");
        }
        assert_eq!(made.load(Ordering::SeqCst), 3);
    }
}
