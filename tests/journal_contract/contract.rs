//! What every engine promises.

use std::sync::Barrier;
use std::thread;

use guildhall::journal::{Appended, Batch, JournalError};

use crate::support::*;

#[test]
fn what_was_stored_is_read_back_as_it_was() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        assert_eq!(run(journal.open_site(SITE)), Ok(at(0, 0)));
        let stored = batch_of(0, vec![commit(1, 1..=3), bare(2), counted(3), commit(4, 4..=4)]);
        assert_eq!(store(&*journal, stored.clone()), at(4, 4));
        let more = batch_of(4, vec![counted(5)]);
        assert_eq!(store(&*journal, more.clone()), at(5, 4));
        let read = commits_after(&*journal, SITE, 0);
        let expected: Vec<_> =
            stored.commits.iter().chain(&more.commits).map(|commit| (**commit).clone()).collect();
        assert_eq!(read, expected);
        assert_eq!(numbers(&commits_after(&*journal, SITE, 2)), [3, 4, 5]);
        assert_eq!(seqs_after(&*journal, 1, 2), [2, 3]);
        assert_eq!(seqs_after(&*journal, 4, 9), [0; 0]);
        assert_eq!(run(journal.sites()), Ok(vec![SITE]));
    });
}

#[test]
fn one_of_many_racing_appenders_wins() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        let start = Barrier::new(8);
        let racers: Vec<Appended> = thread::scope(|scope| {
            let race = |racer: u128| {
                let (journal, start) = (journal.clone(), &start);
                scope.spawn(move || {
                    let batch = Batch { batch_id: 50 + racer, ..batch(1..=2) };
                    start.wait();
                    append(&*journal, batch)
                })
            };
            let racers: Vec<_> = (0..8).map(race).collect();
            racers.into_iter().map(|racer| racer.join().expect("racer")).collect()
        });
        let won = racers.iter().filter(|outcome| **outcome == Appended::Stored(at(2, 2))).count();
        let conflict = Appended::Conflict { tail: at(2, 2) };
        let lost = racers.iter().filter(|outcome| **outcome == conflict).count();
        assert_eq!((won, lost), (1, 7));
        assert_eq!(numbers(&commits_after(&*journal, SITE, 0)), [1, 2]);
    });
}

#[test]
fn a_stale_generation_or_epoch_or_expectation_is_refused() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        store(&*journal, Batch { generation: 4, epoch: 2, ..batch(1..=2) });
        let next = Batch { generation: 4, epoch: 2, ..batch(3..=3) };
        let conflict = Appended::Conflict { tail: at(2, 2) };
        let stale = [
            Batch { generation: 3, ..next.clone() },
            Batch { epoch: 1, ..next.clone() },
            Batch { generation: 9, epoch: 1, ..next.clone() },
            Batch { generation: 4, epoch: 2, batch_id: 77, ..batch(2..=2) },
            Batch { generation: 4, epoch: 2, ..batch(4..=4) },
        ];
        for stale in stale {
            assert_eq!(append(&*journal, stale), conflict);
        }
        assert_eq!(store(&*journal, next), at(3, 3));
    });
}

#[test]
fn a_takeover_without_commits_fences_the_former_owner() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        store(&*journal, batch(1..=2));
        let takeover = Batch { epoch: 2, batch_id: 5, ..batch_of(2, vec![]) };
        assert_eq!(store(&*journal, takeover), at(2, 2));
        assert_eq!(append(&*journal, batch(3..=3)), Appended::Conflict { tail: at(2, 2) });
        assert_eq!(store(&*journal, Batch { epoch: 2, ..batch(3..=4) }), at(4, 4));
        subject.crash();
        let journal = subject.journal();
        assert_eq!(numbers(&commits_after(&*journal, SITE, 0)), [1, 2, 3, 4]);
        assert_eq!(append(&*journal, batch(5..=5)), Appended::Conflict { tail: at(4, 4) });
    });
}

#[test]
fn an_unknown_outcome_sent_again_gives_one_copy() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        store(&*journal, batch(1..=3));
        assert_eq!(store(&*journal, batch(1..=3)), at(3, 3));
        subject.crash();
        let journal = subject.journal();
        assert_eq!(store(&*journal, batch(1..=3)), at(3, 3));
        let twice = vec![batch(4..=5), batch(4..=5)];
        let stored = Appended::Stored(at(5, 5));
        assert_eq!(run(journal.append(twice)), [stored.clone(), stored]);
        assert_eq!(numbers(&commits_after(&*journal, SITE, 0)), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_batch_with_a_hole_never_reaches_the_log() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        store(&*journal, batch(1..=1));
        let holes = [
            batch_of(1, vec![commit(3, 2..=2)]),
            batch_of(1, vec![commit(2, 3..=3)]),
            batch_of(1, vec![commit(2, 2..=2), commit(3, 2..=2)]),
        ];
        for hole in holes {
            let outcome = append(&*journal, hole);
            assert!(matches!(outcome, Appended::Unavailable(_)), "{outcome:?}");
        }
        assert_eq!(store(&*journal, batch(2..=2)), at(2, 2));
    });
}

#[test]
fn every_acknowledged_batch_survives_a_crash() {
    on_every_engine(|subject| {
        run(subject.journal().open_site(SITE)).expect("site");
        run(subject.journal().open_site(OTHER_SITE)).expect("site");
        let mut reached = 0;
        for round in 1..=5 {
            let journal = subject.journal();
            for _ in 0..round {
                let other = Batch { site: OTHER_SITE, ..batch(reached + 1..=reached + 2) };
                let outcomes = run(journal.append(vec![batch(reached + 1..=reached + 2), other]));
                reached += 2;
                assert_eq!(outcomes, vec![Appended::Stored(at(reached, reached)); 2]);
            }
            drop(journal);
            subject.crash();
            let journal = subject.journal();
            let all: Vec<u64> = (1..=reached).collect();
            assert_eq!(run(journal.position(SITE)), Ok(at(reached, reached)));
            assert_eq!(numbers(&commits_after(&*journal, SITE, 0)), all);
            assert_eq!(numbers(&commits_after(&*journal, OTHER_SITE, 0)), all);
        }
    });
}

#[test]
fn the_incarnation_stays() {
    on_every_engine(|subject| {
        let incarnation = subject.journal().incarnation();
        subject.crash();
        assert_eq!(subject.journal().incarnation(), incarnation);
    });
}

#[test]
fn a_trim_keeps_the_newest_and_every_record() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        for first in (1..=39).step_by(3) {
            store(&*journal, batch(first..=first + 2));
        }
        run(journal.trim(SITE, 20)).expect("trim");
        let position = run(journal.position(SITE)).expect("position");
        // Engines let go of whole batches, never of more than was allowed.
        assert!((19..=21).contains(&position.first_commit), "{position:?}");
        let asked = position.first_commit - 1;
        let first = position.first_commit;
        let trimmed = JournalError::Trimmed { site: SITE, first, asked };
        assert_eq!(run(journal.read_commits(SITE, asked - 1, 1)), Err(trimmed));
        assert_eq!(seqs_after(&*journal, 0, 100), (1..=39).collect::<Vec<_>>());
        assert_eq!(seqs_after(&*journal, 17, 4), [18, 19, 20, 21]);

        run(journal.trim(SITE, 1_000)).expect("trim");
        drop(journal);
        subject.crash();
        let journal = subject.journal();
        let position = run(journal.position(SITE)).expect("position");
        assert_eq!((position.commit, position.seq, position.first_seq), (39, 39, 1));
        let kept = commits_after(&*journal, SITE, position.first_commit - 1);
        assert_eq!(kept.last().map(|commit| commit.number), Some(39));
        assert_eq!(seqs_after(&*journal, 0, 100), (1..=39).collect::<Vec<_>>());
        assert_eq!(store(&*journal, batch(40..=41)).commit, 41);
        assert_eq!(seqs_after(&*journal, 30, 100), (31..=41).collect::<Vec<_>>());
    });
}

#[test]
fn values_are_kept_apart_by_site_and_in_key_order() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        run(journal.open_site(SITE)).expect("site");
        let put = |key: &str, value: &str| (key.into(), Some(value.into()));
        let own = vec![put("hook/b", "2"), put("hook/a", "1"), put("hop", "3"), put("gone", "x")];
        run(journal.put(Some(SITE), own)).expect("put");
        run(journal.put(None, vec![put("hook/z", "root")])).expect("put");
        let changed = vec![put("hook/a", "4"), (b"gone".to_vec(), None)];
        run(journal.put(Some(SITE), changed)).expect("put");
        drop(journal);
        subject.crash();
        let journal = subject.journal();
        let scanned = run(journal.scan(Some(SITE), b"hook/".to_vec())).expect("scan");
        let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(scanned, [pair("hook/a", "4"), pair("hook/b", "2")]);
        assert_eq!(run(journal.get(Some(SITE), b"gone".to_vec())), Ok(None));
        assert_eq!(run(journal.get(None, b"hook/z".to_vec())), Ok(Some(b"root".to_vec())));
        assert_eq!(run(journal.scan(None, b"".to_vec())).expect("scan").len(), 1);
    });
}

#[test]
fn a_site_that_was_not_opened_is_told() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        assert!(matches!(append(&*journal, batch(1..=1)), Appended::Unavailable(_)));
        assert!(run(journal.position(SITE)).is_err());
        assert!(run(journal.read_commits(SITE, 0, 1)).is_err());
    });
}
