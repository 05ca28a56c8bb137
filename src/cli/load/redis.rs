//! The yardstick: a Redis of our own that syncs every write, driven by its own benchmark program
//! with as much in flight as our lanes have.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::LoadError;

const START_TIME_MAX: Duration = Duration::from_secs(10);
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
const POLL_PAUSE: Duration = Duration::from_millis(20);
/// What redis-benchmark can open without further settings of the system.
const CLIENTS_MAX: usize = 5_000;
/// How much the first, unmeasured run of a command does.
const CALIBRATION_COMMANDS: usize = 200_000;

/// One way to ask Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub command: RedisCommand,
    pub pipeline: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisCommand {
    /// A key of its own for each counter.
    Incr,
    /// A hash for each member, with one field.
    HashIncr,
}

/// All that a round asks.
pub const ASKED: [Asked; 4] = [
    Asked { command: RedisCommand::Incr, pipeline: 100 },
    Asked { command: RedisCommand::Incr, pipeline: 1_000 },
    Asked { command: RedisCommand::HashIncr, pipeline: 100 },
    Asked { command: RedisCommand::HashIncr, pipeline: 1_000 },
];

impl Asked {
    pub fn name(self) -> String {
        match self.command {
            RedisCommand::Incr => format!("redis INCR -P {}", self.pipeline),
            RedisCommand::HashIncr => format!("redis HINCRBY -P {}", self.pipeline),
        }
    }

    /// As many clients as keep `in_flight` commands under way.
    pub fn clients(self, in_flight: usize) -> usize {
        ((in_flight + self.pipeline / 2) / self.pipeline).clamp(1, CLIENTS_MAX)
    }
}

impl RedisCommand {
    fn words(self) -> &'static [&'static str] {
        match self {
            RedisCommand::Incr => &["INCR", "counter:__rand_int__"],
            RedisCommand::HashIncr => &["HINCRBY", "member:__rand_int__", "likes", "1"],
        }
    }
}

/// A running server with `appendfsync always` and no snapshots.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Redis {
    pub fn start(parent: &Path) -> Result<Redis, LoadError> {
        let directory = parent.join(format!("guildhall-load-redis-{}", std::process::id()));
        let what = format!("cannot create {}", directory.display());
        std::fs::create_dir(&directory).map_err(LoadError::io(what))?;
        let port = free_port()?;
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            // Rewriting the log meanwhile would slow Redis down.
            .args(["--auto-aof-rewrite-percentage", "0", "--dir"])
            .arg(&directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .map_err(LoadError::io("cannot start redis-server"))?;
        let redis = Redis { child, port, directory };
        redis.wait_until_it_answers()?;
        Ok(redis)
    }

    fn wait_until_it_answers(&self) -> Result<(), LoadError> {
        let end = Instant::now() + START_TIME_MAX;
        while Instant::now() < end {
            if self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
                return Ok(());
            }
            pause();
        }
        Err(LoadError::protocol("redis-server", "does not answer"))
    }

    /// One command and the first bytes of its answer.
    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(START_TIME_MAX))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let count = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
    }

    /// Makes every key once or so, unsynced, so that the first round is no slower than the last.
    pub fn fill(&self, keys: usize, in_flight: usize) -> Result<(), LoadError> {
        self.set_sync("no")?;
        for asked in [ASKED[1], ASKED[3]] {
            self.benchmark(asked, keys, in_flight, keys.max(CALIBRATION_COMMANDS))?;
        }
        self.set_sync("always")
    }

    fn set_sync(&self, when: &str) -> Result<(), LoadError> {
        let answer = self.ask(&format!("CONFIG SET appendfsync {when}"));
        let answer = answer.map_err(LoadError::io("cannot ask redis-server"))?;
        match answer.starts_with("+OK") {
            true => Ok(()),
            false => Err(LoadError::protocol("redis-server", answer)),
        }
    }

    /// Commands a second over about `duration`.
    pub fn measure(
        &self,
        asked: Asked,
        keys: usize,
        in_flight: usize,
        duration: Duration,
    ) -> Result<f64, LoadError> {
        let rate = self.benchmark(asked, keys, in_flight, CALIBRATION_COMMANDS)?;
        let commands = (rate * duration.as_secs_f64()) as usize;
        self.benchmark(asked, keys, in_flight, commands.max(CALIBRATION_COMMANDS))
    }

    fn benchmark(
        &self,
        asked: Asked,
        keys: usize,
        in_flight: usize,
        commands: usize,
    ) -> Result<f64, LoadError> {
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--csv"])
            .args(["-c", &asked.clients(in_flight).to_string()])
            .args(["-P", &asked.pipeline.to_string()])
            .args(["-n", &commands.to_string(), "-r", &keys.to_string()])
            .args(asked.command.words())
            .stdin(Stdio::null())
            .output()
            .map_err(LoadError::io("cannot run redis-benchmark"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        commands_per_second(&text)
            .ok_or_else(|| LoadError::protocol("redis-benchmark", text.into_owned()))
    }

    /// Asks it to end, by its process id alone.
    fn stop(&mut self) -> std::io::Result<()> {
        // It may be gone already; then there is nobody to tell.
        let told = self.ask("SHUTDOWN NOSAVE");
        let end = Instant::now() + STOP_TIME_MAX;
        while told.is_ok() && Instant::now() < end {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            pause();
        }
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let stopped = self.stop();
        let removed = std::fs::remove_dir_all(&self.directory);
        if let Err(error) = stopped.and(removed) {
            eprintln!("cannot clean up after redis-server: {error}");
        }
    }
}

/// Until a process of its own pace is asked again.
#[allow(clippy::disallowed_methods, reason = "a thread of the generator that only waits here")]
fn pause() {
    std::thread::sleep(POLL_PAUSE);
}

fn free_port() -> Result<u16, LoadError> {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(LoadError::io("cannot find a free port"))
}

/// The second field of the last line of redis-benchmark's CSV.
fn commands_per_second(csv: &str) -> Option<f64> {
    let line = csv.lines().rfind(|line| line.starts_with('"'))?;
    line.split("\",\"").nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_csv() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\
                   \"HINCRBY member:__rand_int__ likes 1\",\"123456.78\",\"0.5\"\n";
        assert_eq!(commands_per_second(csv), Some(123_456.78));
        assert_eq!(commands_per_second("no\n"), None);
    }

    #[test]
    fn as_many_commands_are_in_flight_as_our_updates() {
        assert_eq!(ASKED[0].clients(32_000), 320);
        assert_eq!(ASKED[1].clients(32_000), 32);
        assert_eq!(ASKED[1].clients(6_400), 6);
        assert_eq!(ASKED[1].clients(64), 1);
    }
}
