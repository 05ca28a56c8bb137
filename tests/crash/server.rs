//! The real program as a process: started, killed without warning, asked to verify itself.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::http::{Connection, Request};

pub const OWNER_KEY: &str = "owner-key-of-the-crash-test-0123456789abcdef";
const SITE_ID: &str = "3d1f7c52-6f0e-4a7b-9c55-0a1b2c3d4e5f";
const LISTENING: &str = "guildhall listening on http://";
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Where a server lives across its lives.
pub struct Home {
    pub binary: PathBuf,
    /// Holds the data directory; beside it the configuration and what the lives wrote to stderr.
    pub data_dir: PathBuf,
    pub desk: PathBuf,
}

impl Home {
    /// `GUILDHALL_BINARY` names the program to prove; without it the one built beside this test.
    pub fn new(built_beside: &str, desk: &Path, data_dir: &Path, config: &str) -> Home {
        let named = std::env::var_os("GUILDHALL_BINARY").map(PathBuf::from);
        let binary = named.unwrap_or_else(|| PathBuf::from(built_beside));
        fs::write(desk.join("guildhall.toml"), config).expect("the configuration is written");
        Home { binary, data_dir: data_dir.to_owned(), desk: desk.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--data-dir").arg(&self.data_dir);
        command.arg("--config").arg(self.desk.join("guildhall.toml"));
        command.env("GUILDHALL_OWNER_KEY", OWNER_KEY).env("GUILDHALL_SITE_ID", SITE_ID);
        command.stdin(Stdio::null());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.desk.join("stderr.log")
    }

    pub fn start(&self) -> Starting {
        let log = File::options().create(true).append(true).open(self.log_path());
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(log.expect("the log opens"));
        let began = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Starting { process: Process { child }, lines, began }
    }

    /// Runs `guildhall verify`; a difference it lists fails the test.
    pub fn verify(&self) {
        let output = self.command(&["verify"]).output().expect("verify runs");
        assert!(
            output.status.success(),
            "verify ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub fn assert_no_panic_was_logged(&self) {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let panics: Vec<&str> = text.lines().filter(|line| line.contains("panicked at")).collect();
        assert!(panics.is_empty(), "the program panicked:\n{}", panics.join("\n"));
    }
}

/// A failing test shows the end of what the lives wrote to stderr.
impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = fs::read_to_string(self.log_path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(30)..].join("\n");
            eprintln!("the program's log ends:\n{end}");
        }
    }
}

/// Killed when dropped, so that a failing test leaves nothing running.
struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Started, and perhaps not accepting yet.
pub struct Starting {
    process: Process,
    lines: Receiver<String>,
    began: Instant,
}

impl Starting {
    /// Waits for the given time, does what is to be done and kills: a crash during recovery.
    pub fn interrupt_within(self, delay: Duration, interrupt: impl FnOnce()) {
        let deadline = self.began + delay;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended by itself"),
            }
        }
        interrupt();
        drop(self.process);
    }

    /// Waits until the server accepts and says that it is ready.
    pub fn ready(self) -> Server {
        let deadline = self.began + START_DEADLINE;
        let address: SocketAddr = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("the program says where it listens");
            if let Some(address) = line.strip_prefix(LISTENING) {
                break address.trim().parse().expect("an address follows");
            }
        };
        while !is_ready(address) {
            assert!(Instant::now() < deadline, "never ready");
            // A pause that a line on stdout cuts short.
            self.lines.recv_timeout(Duration::from_millis(2)).ok();
        }
        let ready_after = self.began.elapsed();
        Server { address, ready_after, lines: self.lines, process: self.process }
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let request = Request { method: "GET", path: "/readyz", token: OWNER_KEY, body: None };
    let reply = Connection::open(address).and_then(|mut connection| connection.send(&request));
    reply.is_ok_and(|reply| reply.status == 200)
}

/// A server that is ready.
pub struct Server {
    pub address: SocketAddr,
    pub ready_after: Duration,
    /// Kept, because a program whose stdout is closed may stumble over it.
    lines: Receiver<String>,
    process: Process,
}

impl Server {
    /// For measurements from outside.
    #[allow(dead_code)]
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        let ended = self.process.child.try_wait().expect("the process can be asked");
        assert!(ended.is_none(), "the program ended by itself with {ended:?}");
        drop(self.process);
    }

    /// Lets the program run on for a while after its disk went away, then kills it. It may end by
    /// itself, and should.
    pub fn ends_within(self, delay: Duration) {
        let deadline = Instant::now() + delay;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if self.lines.recv_timeout(left).is_err() {
                break;
            }
        }
        drop(self.process);
    }

    /// The sum of a metric over its labels; 0 where it was never touched.
    pub fn metric(&self, name: &str) -> u64 {
        let request = Request { method: "GET", path: "/metrics", token: OWNER_KEY, body: None };
        let mut connection = Connection::open(self.address).expect("the server accepts");
        let text = connection.send(&request).expect("/metrics answers").text;
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let own = series.split('{').next()? == name;
            own.then(|| value.parse::<f64>().ok()).flatten()
        });
        values.sum::<f64>() as u64
    }
}
