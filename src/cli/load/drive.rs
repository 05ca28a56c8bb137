//! Runs many connections on few threads, and paces them in an open loop.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::error::LoadError;

/// How long after the end of a round its last answers may come.
const GRACE: Duration = Duration::from_secs(60);

/// Runs `work` once per input, which is one connection, on one current-thread runtime per thread,
/// and gives back what each made, in the order of the inputs. `end` is when the work means to be
/// done, if it has an end.
pub fn drive<I, T, F, W>(
    threads: usize,
    end: Option<Instant>,
    inputs: Vec<I>,
    work: W,
) -> Result<Vec<T>, LoadError>
where
    I: Send,
    T: Send,
    F: Future<Output = Result<T, LoadError>>,
    W: Fn(usize, I) -> F + Send + Sync,
{
    let threads = threads.clamp(1, inputs.len().max(1));
    let mut shares: Vec<Vec<(usize, I)>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, input) in inputs.into_iter().enumerate() {
        shares[number % threads].push((number, input));
    }
    let work = &work;
    let run: Vec<Result<Vec<(usize, T)>, LoadError>> = std::thread::scope(|scope| {
        let spawned: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || run_share(share, end, work)))
            .collect();
        let panicked = |_| Err(LoadError::protocol("a load thread", "panicked"));
        spawned.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    });
    let mut made = Vec::new();
    for share in run {
        made.extend(share?);
    }
    made.sort_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, value)| value).collect())
}

fn run_share<I, T, F>(
    share: Vec<(usize, I)>,
    end: Option<Instant>,
    work: impl Fn(usize, I) -> F,
) -> Result<Vec<(usize, T)>, LoadError>
where
    F: Future<Output = Result<T, LoadError>>,
{
    runtime()?.block_on(async {
        let numbers: Vec<usize> = share.iter().map(|(number, _)| *number).collect();
        let all = join_all(share.into_iter().map(|(number, input)| work(number, input)));
        let made = match end {
            None => all.await,
            Some(end) => tokio::time::timeout_at((end + GRACE).into(), all)
                .await
                .map_err(|_| LoadError::Stuck { seconds: GRACE.as_secs() })?,
        };
        numbers.into_iter().zip(made).map(|(number, made)| Ok((number, made?))).collect()
    })
}

/// A runtime of the calling thread alone.
pub fn runtime() -> Result<tokio::runtime::Runtime, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(LoadError::io("cannot start a runtime"))
}

/// When the next request of one connection is due. Without a rate: as soon as the last is done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Option<Duration>,
    due: Instant,
}

impl Pace {
    /// The share of connection `number` of a rate of requests a second over all `connections`.
    pub fn new(requests_per_second: Option<f64>, connections: usize, number: usize) -> Pace {
        let now = Instant::now();
        let interval = requests_per_second
            .map(|rate| Duration::from_secs_f64(connections as f64 / rate.max(1e-3)));
        // Spread over one interval, so that connections do not all send at once.
        let offset = interval.unwrap_or_default().mul_f64(number as f64 / connections as f64);
        Pace { interval, due: now + offset }
    }

    /// Waits until a request is due, and gives the time from which its latency counts: when it was
    /// due, if the connection was still busy then (no omission is coordinated away), else when
    /// this was woken, because a late timer of ours is not the server's.
    pub async fn turn(&mut self) -> Instant {
        let now = Instant::now();
        let Some(interval) = self.interval else { return now };
        let due = self.due;
        self.due += interval;
        if due <= now {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }

    /// When the next request is due; `None` where that is at once.
    pub fn due(&self) -> Option<Instant> {
        self.interval.map(|_| self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_run_once_and_answers_in_order() {
        let inputs = vec!["a", "b", "c", "d", "e"];
        let made = drive(2, None, inputs, |number, input| async move { Ok((input, number)) });
        assert_eq!(made.unwrap(), [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]);
    }

    #[test]
    fn one_failure_fails_the_run() {
        let made = drive(1, None, vec![Some(0), None], |_, input| async move {
            input.ok_or_else(|| LoadError::Usage("no".to_owned()))
        });
        assert_eq!(made.unwrap_err().to_string(), "no");
    }

    #[test]
    fn a_late_connection_counts_from_when_it_was_due() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            let mut pace = Pace::new(Some(1_000.0), 1, 0);
            // The server kept us for 50 ms: the turns missed meanwhile count from their due times.
            pace.due = began - Duration::from_millis(50);
            assert_eq!(pace.turn().await, began - Duration::from_millis(50));
            assert_eq!(pace.turn().await, began - Duration::from_millis(49));
        });
    }
}
