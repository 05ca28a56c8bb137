//! The engine itself: opened with settings that were measured, written by one at a time, one batch
//! of entries, values and compactions for each sync.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex};

use raft_engine::{Command, Config, Engine, Error, LogBatch, ReadableSize, RecoveryMode};

use super::disk::{Rules, WatchedFiles};
use super::entry::{Entries, Entry};
use super::{EmbeddedOptions, OpenError};
use crate::journal::site_log::lock;
use crate::journal::{Appended, KeyValues};

/// One thing to store.
#[derive(Clone, Debug)]
pub enum Step {
    Append {
        group: u64,
        number: u64,
        bytes: Vec<u8>,
    },
    Put {
        group: u64,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    /// Entries below `first` may go.
    Compact {
        group: u64,
        first: u64,
    },
}

/// Why nothing of a write was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFault {
    Full,
    Unavailable(String),
}

/// Told between a write and its sync.
pub type Written = Box<dyn FnOnce() + Send>;

/// Steps of somebody who does not append, waiting for the next sync.
struct Rider {
    steps: Vec<Step>,
    written: Option<Written>,
    outcome: Arc<Mutex<Option<Result<(), WriteFault>>>>,
}

pub struct Log {
    engine: Engine<WatchedFiles>,
    rules: Arc<Rules>,
    /// Held while writing: one batch for each sync, or a torn tail could not be told from damage.
    turn: Mutex<Turn>,
    riders: Mutex<Vec<Rider>>,
}

/// Whose turn it is to write. Broken after a failure that leaves the disk's state unknown.
#[derive(Default)]
pub struct Turn {
    broken: Option<String>,
}

impl Log {
    pub fn open(
        directory: &Path,
        options: &EmbeddedOptions,
        rules: Arc<Rules>,
    ) -> Result<Log, OpenError> {
        let config = config(directory, options)?;
        let files = Arc::new(WatchedFiles { rules: rules.clone() });
        // The engine panics where its files contradict each other.
        let opened =
            panic::catch_unwind(AssertUnwindSafe(|| Engine::open_with_file_system(config, files)));
        let engine = match opened {
            Ok(Ok(engine)) => engine,
            Ok(Err(error)) => return Err(fault_of_open(directory, &rules, error)),
            Err(payload) => return Err(OpenError::damaged(directory, panic_text(&*payload))),
        };
        rules.opened();
        Ok(Log { engine, rules, turn: Mutex::default(), riders: Mutex::default() })
    }

    pub fn value(&self, group: u64, key: &[u8]) -> Option<Vec<u8>> {
        self.engine.get(group, key)
    }

    /// Values whose key begins with `prefix`, in key order.
    pub fn values(&self, group: u64, prefix: &[u8]) -> Result<KeyValues, String> {
        let mut found = Vec::new();
        let scanned =
            self.engine.scan_raw_messages(group, Some(prefix), None, false, |key, value| {
                let is_own = key.starts_with(prefix);
                if is_own {
                    found.push((key.to_vec(), value.to_vec()));
                }
                is_own
            });
        scanned.map(|()| found).map_err(|error| error.to_string())
    }

    pub fn entry(&self, group: u64, number: u64) -> Result<Option<Vec<u8>>, String> {
        let entry = self.engine.get_entry::<Entries>(group, number);
        entry.map(|entry| entry.map(|entry| entry.bytes)).map_err(|error| error.to_string())
    }

    pub fn first_entry(&self, group: u64) -> Option<u64> {
        self.engine.first_index(group)
    }

    pub fn last_entry(&self, group: u64) -> Option<u64> {
        self.engine.last_index(group)
    }

    pub fn groups(&self) -> Vec<u64> {
        self.engine.raft_groups()
    }

    pub fn purge(&self) -> Result<(), String> {
        self.engine.purge_expired_files().map(|_lagging| ()).map_err(|error| error.to_string())
    }

    pub fn used_bytes(&self) -> usize {
        self.engine.get_used_size()
    }

    /// Stores steps with the next sync, whoever makes it. `written` is told when only a power cut
    /// could still take them.
    pub fn ride(&self, steps: Vec<Step>, written: Option<Written>) -> Result<(), WriteFault> {
        let outcome = Arc::new(Mutex::new(None));
        lock(&self.riders).push(Rider { steps, written, outcome: outcome.clone() });
        let mut turn = lock(&self.turn);
        // Somebody else's sync may have taken these steps along while this waited for its turn.
        let decided = lock(&outcome).clone();
        if let Some(decided) = decided {
            return decided;
        }
        self.write(&mut turn, Vec::new())
    }

    /// Runs `work` as the only writer; it hands what to store to [`Log::write`].
    pub fn in_turn<T>(&self, work: impl FnOnce(&mut Turn) -> T) -> T {
        work(&mut lock(&self.turn))
    }

    /// One write and one sync of `steps` and of all that rides along. Afterwards it is on disk, or
    /// nothing of it is.
    pub fn write(&self, turn: &mut Turn, steps: Vec<Step>) -> Result<(), WriteFault> {
        let mut riders = std::mem::take(&mut *lock(&self.riders));
        // What is appended shows nowhere before it is synced.
        let written = match steps.is_empty() {
            true => riders.iter_mut().filter_map(|rider| rider.written.take()).collect(),
            false => Vec::new(),
        };
        let ridden = riders.iter().flat_map(|rider| rider.steps.iter().cloned());
        let steps = steps.into_iter().chain(ridden).collect();
        let outcome = self.write_all(turn, steps, written);
        for rider in riders {
            *lock(&rider.outcome) = Some(outcome.clone());
        }
        outcome
    }

    /// Nobody else writes before the sync is done: it covers one batch.
    fn write_all(
        &self,
        turn: &mut Turn,
        steps: Vec<Step>,
        written: Vec<Written>,
    ) -> Result<(), WriteFault> {
        if let Some(reason) = &turn.broken {
            return Err(WriteFault::Unavailable(reason.clone()));
        }
        let mut batch = fill(steps).map_err(fault_of_write)?;
        // A failed sync panics inside the engine; nothing else should.
        let stored = panic::catch_unwind(AssertUnwindSafe(|| {
            if written.is_empty() {
                return self.engine.write(&mut batch, true);
            }
            let bytes = self.engine.write(&mut batch, false)?;
            written.into_iter().for_each(|told| told());
            self.rules.sync_newest().unwrap_or_else(|error| panic!("sync failed: {error}"));
            Ok(bytes)
        }));
        match stored {
            Ok(Ok(_bytes)) => Ok(()),
            Ok(Err(error)) => Err(fault_of_write(error)),
            Err(payload) => {
                let reason = format!("write to the log failed: {}", panic_text(&*payload));
                self.rules.end(&reason);
                turn.broken = Some(reason.clone());
                Err(WriteFault::Unavailable(reason))
            }
        }
    }
}

impl From<WriteFault> for Appended {
    fn from(fault: WriteFault) -> Appended {
        match fault {
            WriteFault::Full => Appended::Full,
            WriteFault::Unavailable(reason) => Appended::Unavailable(reason),
        }
    }
}

fn config(directory: &Path, options: &EmbeddedOptions) -> Result<Config, OpenError> {
    let text = directory.to_str();
    let text = text.ok_or_else(|| OpenError::Path(directory.display().to_string()))?;
    Ok(Config {
        dir: text.to_owned(),
        recovery_mode: RecoveryMode::TolerateTailCorruption,
        recovery_threads: 2,
        batch_compression_threshold: ReadableSize(0),
        target_file_size: ReadableSize(options.file_bytes_max),
        purge_threshold: ReadableSize(options.log_bytes_kept),
        enable_log_recycle: true,
        prefill_for_recycle: false,
        ..Config::default()
    })
}

fn fill(steps: Vec<Step>) -> raft_engine::Result<LogBatch> {
    let mut batch = LogBatch::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Append { group, number, bytes } => {
                batch.add_entries::<Entries>(group, &[Entry::new(number, bytes)])?;
            }
            Step::Put { group, key, value } => batch.put(group, key, value)?,
            Step::Compact { group, first } => {
                batch.add_command(group, Command::Compact { index: first });
            }
        }
    }
    Ok(batch)
}

/// An error is only returned where nothing was stored: what was written in part is cut off, or
/// written over by the next write.
fn fault_of_write(error: Error) -> WriteFault {
    match &error {
        Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => WriteFault::Full,
        // The engine tells a full disk by this word once it has tried the next file in vain.
        Error::TryAgain(text) if text.contains("nospace") => WriteFault::Full,
        _ => WriteFault::Unavailable(error.to_string()),
    }
}

fn fault_of_open(directory: &Path, rules: &Rules, error: Error) -> OpenError {
    if let Some(damage) = rules.refused_cut() {
        return OpenError::Damaged { detail: damage };
    }
    match error {
        Error::Io(error) => OpenError::Io { path: directory.to_path_buf(), error },
        Error::Other(error) if error.to_string().contains("lock") => {
            OpenError::Locked { path: directory.to_path_buf() }
        }
        error => OpenError::damaged(directory, error.to_string()),
    }
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("panic without a message").to_owned()
}
