//! Sockets that subscribe and never read again: how long the server keeps them, and what it holds
//! for them meanwhile.

use std::time::{Duration, Instant};

use super::error::LoadError;
use super::http_client::Target;
use super::meter::Window;
use super::scrape::{Reading, Scrape};
use super::watch::Watcher;

const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long after the end of the round they may still be there before that is told as it is.
const CUT_LATE_MAX: Duration = Duration::from_secs(15);

pub struct DeadReaders {
    /// Never read, and closed only by the server.
    sockets: Vec<Watcher>,
    /// The server, as it is looked at; nobody looks where there are no dead readers.
    scrape: Option<(Scrape, Reading)>,
}

/// What was seen of them so far.
#[derive(Debug, Default, PartialEq)]
struct Burial {
    /// Since when something has been waiting without a pause.
    blocked: Option<Instant>,
    /// From the first blocked write until the last of them was gone.
    cut_after: Option<Duration>,
    outbox_bytes_max: f64,
    resident_bytes_max: f64,
}

impl DeadReaders {
    pub async fn open(
        target: &Target,
        count: usize,
        channels: &[String],
    ) -> Result<DeadReaders, LoadError> {
        if count == 0 {
            return Ok(DeadReaders { sockets: Vec::new(), scrape: None });
        }
        let mut scrape = Scrape::open(target).await?;
        let before = scrape.take().await?;
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            sockets.push(Watcher::open(target, channels).await?);
        }
        Ok(DeadReaders { sockets, scrape: Some((scrape, before)) })
    }

    /// Looks at the server until all of them are gone.
    pub async fn watch(self, window: Window) -> Result<(), LoadError> {
        let Some((mut scrape, before)) = self.scrape else { return Ok(()) };
        let mut burial = Burial::default();
        let last = window.end + CUT_LATE_MAX;
        while burial.cut_after.is_none() && Instant::now() < last {
            tokio::time::sleep(LOOK_INTERVAL).await;
            burial.look(scrape.take().await?, before, Instant::now());
        }
        burial.report(self.sockets.len(), before);
        Ok(())
    }
}

impl Burial {
    fn look(&mut self, now: Reading, before: Reading, at: Instant) {
        self.outbox_bytes_max = self.outbox_bytes_max.max(now.outbox_bytes);
        self.resident_bytes_max = self.resident_bytes_max.max(now.resident_bytes);
        if now.live_sessions <= before.live_sessions {
            let since = self.blocked.unwrap_or(at);
            self.cut_after = Some(at.saturating_duration_since(since));
        } else if now.outbox_bytes > 0.0 {
            self.blocked.get_or_insert(at);
        } else {
            // A reader that was only slow for a moment.
            self.blocked = None;
        }
    }

    fn report(&self, count: usize, before: Reading) {
        let fate = match self.cut_after {
            Some(after) => format!("cut {:.2} s after the first write", after.as_secs_f64()),
            None => "NOT cut".to_owned(),
        };
        println!(
            "{count} dead readers: {fate} that blocked, at most {:.0} KiB waited for them, \
             resident at most {:.1} MiB above before",
            self.outbox_bytes_max / 1_024.0,
            (self.resident_bytes_max - before.resident_bytes) / 1_048_576.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_counts_from_the_write_that_stayed_blocked() {
        let before = Reading { resident_bytes: 1e6, outbox_bytes: 0.0, live_sessions: 1 };
        let began = Instant::now();
        let mut burial = Burial::default();
        let mut look = |ms, outbox_bytes, live_sessions| {
            let now = Reading { resident_bytes: 1e6 + outbox_bytes, outbox_bytes, live_sessions };
            burial.look(now, before, began + Duration::from_millis(ms));
        };
        look(100, 10.0, 2);
        look(200, 0.0, 2);
        look(300, 500.0, 2);
        look(400, 700.0, 2);
        look(4_800, 0.0, 1);
        assert_eq!(burial.cut_after, Some(Duration::from_millis(4_500)));
        assert_eq!((burial.outbox_bytes_max, burial.resident_bytes_max), (700.0, 1e6 + 700.0));
    }
}
