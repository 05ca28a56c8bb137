//! A receiver of deliveries on a thread of its own: counts, notes what arrived when, and answers as
//! fast or as slowly as it is told to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What it does with a request.
#[derive(Clone, Copy)]
pub enum Manner {
    Prompt,
    After(Duration),
    Hangs,
}

/// One delivery: which event, when.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub seq: u64,
    pub at: Instant,
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    count: Arc<AtomicU64>,
    arrivals: Option<Arc<Mutex<Vec<Arrival>>>>,
    manner: Manner,
}

impl Receiver {
    pub fn counting(manner: Manner) -> Receiver {
        Receiver::start(manner, None)
    }

    /// Remembers every arrival, not only how many there were.
    pub fn noting(manner: Manner) -> Receiver {
        Receiver::start(manner, Some(Arc::default()))
    }

    fn start(manner: Manner, arrivals: Option<Arc<Mutex<Vec<Arrival>>>>) -> Receiver {
        let (started, address) = mpsc::channel();
        let count = Arc::new(AtomicU64::new(0));
        let noted = (count.clone(), arrivals.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                let (count, arrivals) = noted;
                let receiver = Receiver { address, count, arrivals, manner };
                started.send(address).expect("somebody waits for the address");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(receiver.clone().serve(stream));
                }
            });
        });
        let address = address.recv().expect("the receiver starts");
        Receiver { address, count, arrivals, manner }
    }

    pub fn url(&self, path: u64) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn take_arrivals(&self) -> Vec<Arrival> {
        let arrivals = self.arrivals.as_ref().expect("a receiver that notes");
        std::mem::take(&mut *arrivals.lock().expect("a lock"))
    }

    /// Waits until so many have arrived; tells when the last of them did, about.
    pub fn wait_for(&self, count: u64, longest: Duration) -> Instant {
        let end = Instant::now() + longest;
        while self.count() < count {
            assert!(Instant::now() < end, "{} of {count} arrived", self.count());
            super::wait(Duration::from_micros(200));
        }
        Instant::now()
    }

    async fn serve(self, mut stream: TcpStream) {
        // Errors are the other side's end.
        stream.set_nodelay(true).ok();
        let mut buffer = Vec::with_capacity(4 * 1_024);
        loop {
            while let Some(end) = request_end(&buffer) {
                let at = Instant::now();
                if let Some(arrivals) = &self.arrivals {
                    let seq = seq_of(&buffer);
                    arrivals.lock().expect("a lock").push(Arrival { seq, at });
                }
                self.count.fetch_add(1, Ordering::Relaxed);
                buffer.drain(..end);
                match self.manner {
                    Manner::Prompt => {}
                    Manner::After(wait) => tokio::time::sleep(wait).await,
                    Manner::Hangs => return drop(stream.read_to_end(&mut buffer).await),
                }
                if stream.write_all(ANSWER).await.is_err() {
                    return;
                }
            }
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

fn request_end(buffer: &[u8]) -> Option<usize> {
    let head_end = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
    let length = number_after(&buffer[..head_end], b"content-length: ").unwrap_or(0);
    let end = head_end + length as usize;
    (buffer.len() >= end).then_some(end)
}

fn number_after(text: &[u8], name: &[u8]) -> Option<u64> {
    let start = memchr::memmem::find(text, name)? + name.len();
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The last part of the id is the event's seq.
fn seq_of(request: &[u8]) -> u64 {
    let start = memchr::memmem::find(request, b"webhook-id: ").map_or(0, |at| at + 12);
    let end = memchr::memchr(b'\r', &request[start..]).map_or(request.len(), |at| start + at);
    let from = memchr::memrchr(b'_', &request[start..end]).map_or(end, |at| start + at + 1);
    std::str::from_utf8(&request[from..end]).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Of many durations, in milliseconds.
pub struct Spread {
    sorted_ms: Vec<f64>,
}

impl Spread {
    pub fn new(mut values_ms: Vec<f64>) -> Spread {
        values_ms.sort_by(f64::total_cmp);
        Spread { sorted_ms: values_ms }
    }

    pub fn at(&self, share: f64) -> f64 {
        let last = self.sorted_ms.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.sorted_ms.get(index).copied().unwrap_or(f64::NAN)
    }

    pub fn tell(&self) -> String {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| self.at(share));
        let count = self.sorted_ms.len();
        format!("p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.2} ms of {count}")
    }
}

/// How long after its acknowledgement each event arrived; before it counts as 0.
pub fn delays(arrivals: &[Arrival], acknowledged: &HashMap<u64, Instant>) -> Spread {
    let delay = |arrival: &Arrival| {
        let at = acknowledged.get(&arrival.seq)?;
        Some(arrival.at.saturating_duration_since(*at).as_secs_f64() * 1_000.0)
    };
    Spread::new(arrivals.iter().filter_map(delay).collect())
}
