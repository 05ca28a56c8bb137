//! Attempts and what was given up, as values beside the log.

use std::sync::Arc;

use super::sites::OpenSite;
use crate::core::delivery::{AttemptChunk, AttemptLine, DeadLetter};
use crate::domain::limits::{ATTEMPT_CHUNK_LINES, DEAD_LETTERS_MAX};
use crate::domain::{EndpointId, SiteId};
use crate::journal::{Journal, JournalError, KeyValues, codec};
use crate::webhook::port::{AttemptEntry, AttemptStore, PortError, PortFuture};

const ATTEMPTS: &[u8] = b"webhook/attempts/";
const DEAD_LETTERS: &[u8] = b"webhook/given-up/";

/// The place of one site's attempts.
#[derive(Clone)]
pub struct Shelf {
    journal: Arc<dyn Journal>,
    site: SiteId,
}

impl OpenSite {
    pub fn shelf(&self) -> Shelf {
        Shelf { journal: self.journal.clone(), site: self.id() }
    }
}

impl AttemptStore for Shelf {
    fn last(&self, endpoint: EndpointId) -> PortFuture<'_, Option<AttemptChunk>> {
        Box::pin(async move {
            let mut chunks = self.chunks(endpoint).await?;
            Ok(chunks.pop())
        })
    }

    fn store(&self, entries: Vec<AttemptEntry>) -> PortFuture<'_, ()> {
        let entries: Vec<_> = entries.iter().flat_map(stored).collect();
        Box::pin(async move { self.journal.put(Some(self.site), entries).await.map_err(told) })
    }

    fn give_up(&self, endpoint: EndpointId, letters: Vec<DeadLetter>) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let mut all = self.dead_letters(endpoint).await?;
            all.retain(|known| letters.iter().all(|letter| letter.seq != known.seq));
            let over = (all.len() + letters.len()).saturating_sub(DEAD_LETTERS_MAX);
            all.sort_by_key(|letter| letter.given_up_at);
            let gone = all.iter().take(over);
            let gone = gone.map(|letter| (numbered(DEAD_LETTERS, endpoint, letter.seq), None));
            let kept = letters.iter().map(|letter| {
                (numbered(DEAD_LETTERS, endpoint, letter.seq), Some(codec::encode(letter)))
            });
            let entries: Vec<_> = gone.chain(kept).collect();
            self.journal.put(Some(self.site), entries).await.map_err(told)
        })
    }

    fn forget(&self, endpoint: EndpointId) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let mut entries = Vec::new();
            for prefix in [ATTEMPTS, DEAD_LETTERS] {
                entries.extend(self.below(prefix, endpoint).await?);
            }
            let gone = entries.into_iter().map(|(key, _)| (key, None)).collect();
            self.journal.put(Some(self.site), gone).await.map_err(told)
        })
    }
}

/// What the doors show of it.
impl Shelf {
    /// Newest last, each with its number.
    pub async fn attempts(
        &self,
        endpoint: EndpointId,
    ) -> Result<Vec<(u64, AttemptLine)>, PortError> {
        let chunks = self.chunks(endpoint).await?;
        let numbered = chunks.into_iter().flat_map(|chunk| {
            let first = chunk.number * ATTEMPT_CHUNK_LINES as u64;
            (first + 1..).zip(chunk.lines)
        });
        Ok(numbered.collect())
    }

    /// By seq.
    pub async fn dead_letters(&self, endpoint: EndpointId) -> Result<Vec<DeadLetter>, PortError> {
        decoded(self.below(DEAD_LETTERS, endpoint).await?)
    }

    pub async fn forget_dead_letters(
        &self,
        endpoint: EndpointId,
        seqs: &[u64],
    ) -> Result<(), PortError> {
        let gone = seqs.iter().map(|seq| (numbered(DEAD_LETTERS, endpoint, *seq), None)).collect();
        self.journal.put(Some(self.site), gone).await.map_err(told)
    }

    async fn chunks(&self, endpoint: EndpointId) -> Result<Vec<AttemptChunk>, PortError> {
        decoded(self.below(ATTEMPTS, endpoint).await?)
    }

    async fn below(&self, prefix: &[u8], endpoint: EndpointId) -> Result<KeyValues, PortError> {
        let prefix = [prefix, endpoint.as_bytes()].concat();
        self.journal.scan(Some(self.site), prefix).await.map_err(told)
    }
}

/// What one endpoint's attempts are as values.
fn stored((endpoint, attempts): &AttemptEntry) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    let chunks = attempts.chunks.iter();
    let chunks = chunks
        .map(|chunk| (numbered(ATTEMPTS, *endpoint, chunk.number), Some(codec::encode(chunk))));
    let gone = attempts.forgotten.iter();
    chunks.chain(gone.map(|number| (numbered(ATTEMPTS, *endpoint, *number), None)))
}

fn decoded<T: serde::de::DeserializeOwned>(entries: KeyValues) -> Result<Vec<T>, PortError> {
    let values = entries.into_iter().map(|(_, bytes)| codec::decode(&bytes));
    values.collect::<Result<Vec<T>, _>>().map_err(|error| PortError(error.to_string()))
}

/// In key order they are in the order of their numbers.
fn numbered(prefix: &[u8], endpoint: EndpointId, number: u64) -> Vec<u8> {
    [prefix, endpoint.as_bytes(), &number.to_be_bytes()].concat()
}

fn told(error: JournalError) -> PortError {
    PortError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::delivery::{AttemptLog, LoggedResult};
    use crate::domain::Timestamp;
    use crate::journal::Memory;

    const ONE: EndpointId = EndpointId::from_u128(1);
    const OTHER: EndpointId = EndpointId::from_u128(2);

    async fn shelf() -> Shelf {
        let (journal, site) = (Arc::new(Memory::new(1)), SiteId::from_u128(1));
        journal.open_site(site).await.expect("a site");
        Shelf { journal, site }
    }

    fn letter(seq: u64, at: i64) -> DeadLetter {
        DeadLetter { seq, tries: 10, given_up_at: Timestamp::from_unix_ms(at), status: Some(422) }
    }

    #[actix_rt::test]
    async fn the_newest_dead_letters_are_kept_and_each_endpoint_has_its_own() {
        let shelf = shelf().await;
        let many: Vec<DeadLetter> =
            (1..=DEAD_LETTERS_MAX as u64).map(|seq| letter(seq, seq as i64)).collect();
        shelf.give_up(ONE, many).await.expect("kept");
        shelf.give_up(ONE, vec![letter(5_000, 9_000), letter(2, 9_001)]).await.expect("kept");
        shelf.give_up(OTHER, vec![letter(7, 1)]).await.expect("kept");
        let kept = shelf.dead_letters(ONE).await.expect("a list");
        assert_eq!(kept.len(), DEAD_LETTERS_MAX);
        assert_eq!(kept[0], letter(2, 9_001), "an event that is given up again is listed once");
        assert_eq!(kept[1].seq, 3, "the one that was given up first made room");
        assert_eq!(kept.last(), Some(&letter(5_000, 9_000)));
        shelf.forget_dead_letters(ONE, &[2, 3]).await.expect("gone");
        assert_eq!(shelf.dead_letters(ONE).await.expect("a list")[0].seq, 4);
        shelf.forget(ONE).await.expect("gone");
        assert_eq!(shelf.dead_letters(ONE).await, Ok(Vec::new()));
        assert_eq!(shelf.dead_letters(OTHER).await, Ok(vec![letter(7, 1)]));
    }

    #[actix_rt::test]
    async fn attempts_are_numbered_on_across_a_restart() {
        let shelf = shelf().await;
        let line = |seq: u64| AttemptLine {
            seq,
            at: Timestamp::from_unix_ms(seq as i64),
            latency_ms: 3,
            status: None,
            result: LoggedResult::EndpointFault,
            fault: Some("could not connect".to_owned()),
            snippet: None,
            next_try_at: None,
        };
        let mut log = AttemptLog::going_on(None);
        for seq in 1..=1_000 {
            log.note(line(seq), Timestamp::from_unix_ms(seq as i64));
            if seq.is_multiple_of(100) {
                shelf.store(vec![(ONE, log.take().expect("lines"))]).await.expect("stored");
                log = AttemptLog::going_on(shelf.last(ONE).await.expect("a chunk"));
            }
        }
        let kept = shelf.attempts(ONE).await.expect("a list");
        assert!(kept.iter().all(|(number, line)| *number == line.seq));
        assert_eq!(kept.last().map(|(number, _)| *number), Some(1_000));
        assert_eq!(shelf.attempts(OTHER).await, Ok(Vec::new()));
    }
}
