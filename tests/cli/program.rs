//! The program as a child process with a desk of its own: files, environment, deadlines.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
const LISTENING: &str = "guildhall listening on http://";

/// A temporary directory; the data directory is `data` in it.
pub struct Desk {
    directory: TempDir,
    environment: Vec<(&'static str, &'static str)>,
}

/// How a process ended and what it said.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { directory: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: &'static str) -> Desk {
        self.environment.push((name, value));
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Every file and directory with its time of change and its size.
    pub fn listing(&self) -> Vec<(PathBuf, SystemTime, u64)> {
        let mut found = Vec::new();
        list(self.directory.path(), &mut found);
        found.sort();
        found
    }

    /// Whether any file holds this text.
    pub fn holds(&self, text: &str) -> bool {
        self.listing().into_iter().any(|(path, _, _)| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env("GUILDHALL_DATA_DIR", self.data_dir());
        command.envs(self.environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments).spawn().unwrap(), String::new())
    }

    /// A server on a free port that accepts.
    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// The same with more arguments.
    pub fn start_with(&self, arguments: &[&str]) -> Server {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = self.command(&arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            while stdout.read_line(&mut text).is_ok_and(|bytes| bytes > 0) {
                if let Some(at) = text.find(LISTENING).filter(|_| text.ends_with('\n')) {
                    let address = text[at + LISTENING.len()..].trim().parse().unwrap();
                    sender.send((text, address)).ok();
                    return;
                }
            }
        });
        match lines.recv_timeout(DEADLINE) {
            Ok((stdout, address)) => Server { child: Some(child), stdout, address },
            Err(_) => {
                child.kill().ok();
                panic!("no server: {:?}", finish(child, String::new()));
            }
        }
    }
}

fn list(directory: &Path, found: &mut Vec<(PathBuf, SystemTime, u64)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            list(&path, found);
        }
        found.push((path, about.modified().unwrap(), about.len()));
    }
}

/// Waits for the end of a process, but not for ever.
fn finish(mut child: Child, stdout: String) -> Finished {
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut finished = Finished { code: None, stdout, stderr: String::new() };
        let mut stderr = child.stderr.take().unwrap();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).ok();
            text
        });
        if let Some(mut rest) = child.stdout.take() {
            rest.read_to_string(&mut finished.stdout).ok();
        }
        finished.code = child.wait().unwrap().code();
        finished.stderr = reading.join().unwrap();
        sender.send(finished).ok();
    });
    ended.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        signal(pid, "-KILL");
        panic!("the process did not end");
    })
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A running server, killed when it is dropped.
pub struct Server {
    child: Option<Child>,
    stdout: String,
    pub address: SocketAddr,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What it said until it accepted.
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// The word behind a label of the first start's block.
    pub fn word_after(&self, label: &str) -> Option<String> {
        let rest = self.stdout.lines().find_map(|line| line.trim().strip_prefix(label))?;
        rest.split_whitespace().next().map(str::to_owned)
    }

    /// One request on a connection of its own: the whole answer.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A connection that had its request answered and is kept open.
    pub fn rest(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 4_096]).unwrap() > 0);
        stream
    }

    pub fn send(&self, name: &str) {
        signal(self.id(), name);
    }

    pub fn terminate(self) -> Finished {
        self.send("-TERM");
        self.wait()
    }

    pub fn wait(mut self) -> Finished {
        finish(self.child.take().unwrap(), std::mem::take(&mut self.stdout))
    }

    pub fn kill(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when the process is gone already.
            child.kill().ok();
            child.wait().ok();
        }
    }
}
