//! The journal in a process of its own: killed at any moment, or ended by its own disk.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use guildhall::journal::embedded::disk::DiskStep;
use guildhall::journal::{Embedded, EmbeddedOptions, Journal, Writer, WriterOptions};
use tempfile::TempDir;

use crate::support::*;

const DIRECTORY: &str = "JOURNAL_CONTRACT_DIRECTORY";
/// Set aside for the line that the test harness prints itself.
const MARK: &str = "durable ";

/// This program again, running one of the children below.
fn child(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args(["--exact", name, "--nocapture"]).env(DIRECTORY, directory);
    command
}

/// Set in a child only: without it, the children below are no tests and end at once.
fn own_directory() -> Option<String> {
    std::env::var(DIRECTORY).ok()
}

#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(directory) = own_directory() else { return };
    let journal: Arc<dyn Journal> = Arc::new(open(Path::new(&directory)));
    let position = run(journal.open_site(SITE)).expect("site");
    let writer = Writer::start(journal.clone(), WriterOptions::default());
    let log = writer.attach(SITE, position, 1);
    let mut number = position.commit;
    loop {
        for _ in 0..20 {
            number += 1;
            log.submit(1, commit(number, number..=number));
        }
        run(log.wait(number)).expect("stored");
        writeln!(io::stdout(), "{MARK}{number}").expect("told");
        if number % 200 == 0 {
            run(journal.trim(SITE, number - 100)).expect("trim");
        }
    }
}

#[test]
fn a_killed_process_leaves_all_that_it_acknowledged() {
    let directory = TempDir::new().expect("temporary directory");
    let mut acknowledged = 0;
    for cycle in 1..=6 {
        let mut command = child("process::child_that_writes_until_it_is_killed", directory.path());
        let mut process = command.stdout(Stdio::piped()).spawn().expect("child");
        let output = BufReader::new(process.stdout.take().expect("output"));
        let told = output.lines().map_while(Result::ok).filter_map(|line| {
            line.split_once(MARK).and_then(|(_, number)| number.trim().parse::<u64>().ok())
        });
        acknowledged = told.take(7 * cycle).last().expect("progress").max(acknowledged);
        process.kill().expect("kill");
        process.wait().expect("end");
        let journal = open(directory.path());
        let position = run(journal.position(SITE)).expect("position");
        assert!(position.commit >= acknowledged, "{position:?}, acknowledged {acknowledged}");
        assert_eq!(position.seq, position.commit);
        assert_eq!(seqs_after(&journal, 0, 1 << 20), (1..=position.seq).collect::<Vec<_>>());
    }
}

#[test]
fn child_whose_sync_fails() {
    let Some(directory) = own_directory() else { return };
    let is_armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let armed = is_armed.clone();
    let check = move |step| {
        let fails = step == DiskStep::Sync && armed.load(std::sync::atomic::Ordering::Relaxed);
        if fails { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    };
    let options = EmbeddedOptions { disk_check: Some(Arc::new(check)), ..options() };
    let journal = Embedded::open(Path::new(&directory), options).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    store(&journal, batch(1..=1));
    is_armed.store(true, std::sync::atomic::Ordering::Relaxed);
    append(&journal, batch(2..=2));
    unreachable!("the process ended");
}

#[test]
fn a_failed_sync_ends_the_process_with_code_74() {
    let directory = TempDir::new().expect("temporary directory");
    let mut command = child("process::child_whose_sync_fails", directory.path());
    let output = command.output().expect("child");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{told}");
    assert!(told.contains("the journal cannot be trusted any more"), "{told}");
    assert!(told.contains("the disk is gone"), "{told}");
    let journal = open(directory.path());
    let found = numbers(&commits_after(&journal, SITE, 0));
    assert!(found == [1] || found == [1, 2], "{found:?}");
}
