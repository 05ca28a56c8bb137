//! The whole run: some sites over one journal, and a seed that says what happens next.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use guildhall::core::dump::Dump;
use guildhall::core::parts::PartKey;
use guildhall::core::site::Site;
use guildhall::domain::{SiteId, Timestamp};
use guildhall::journal::memory::Failure;
use guildhall::journal::{Appended, Memory};
use guildhall::snapshot::values::slot_of;

use crate::random::Random;
use crate::recovering::{replay, restore};
use crate::requests::Request;
use crate::shell::{Outside, Shell};
use crate::slots::Slots;
use crate::tally::Tally;
use crate::trace;

/// Requests of a run, of all sites together; its own work and questions about channels not counted.
const REQUESTS: usize = 2_000;
/// Steps in which a quiet site must come to rest.
const REST_STEPS_MAX: usize = 20_000;

pub struct World {
    random: Random,
    journal: Memory,
    now: Timestamp,
    sites: Vec<Shell>,
    /// Batches of these sites are written and not synced.
    unsynced: Vec<usize>,
    requests: usize,
    /// How often each kind of step comes, other in each run: some runs never crash, others do
    /// little else.
    weights: [usize; 14],
}

/// Runs a seed to its end; panics at the first violation.
pub fn run(seed: u64) -> Tally {
    let mut world = World::new(seed);
    while world.requests < REQUESTS {
        world.step();
    }
    world.come_to_rest();
    world.tally()
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let journal = Memory::new(u128::from(seed) + 1);
        let now = Timestamp::from_unix_ms(1_764_000_000_000);
        let sites = 1 + random.below(2);
        let mut outside = Outside { random: &mut random, journal: &journal, now };
        let sites = (1..=sites as u128).map(|id| Shell::new(SiteId::from_u128(id), &mut outside));
        let sites = sites.collect();
        let mut weights: [usize; 14] = [500, 160, 160, 50, 160, 20, 15, 400, 160, 2, 1, 1, 3, 2];
        // Requests come and are written in every run.
        for weight in &mut weights[3..] {
            let parts = random.weighted(&[2, 4, 8, 4, 2]);
            *weight = (*weight * [0, 1, 2, 4, 8][parts]).div_ceil(2);
        }
        World { random, journal, now, sites, unsynced: Vec::new(), requests: 0, weights }
    }

    fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for site in &self.sites {
            let (model, readers_too_slow) = (&site.auditor.model, site.live.readers_too_slow);
            let (commits, records) = (model.commit, model.seq());
            all.add(Tally { commits, records, readers_too_slow, ..site.tally });
        }
        all
    }

    /// One site does something, with the world around it.
    fn with<T>(&mut self, site: usize, act: impl FnOnce(&mut Shell, &mut Outside<'_>) -> T) -> T {
        let World { random, journal, now, sites, .. } = self;
        let mut outside = Outside { random, journal, now: *now };
        act(&mut sites[site], &mut outside)
    }

    fn step(&mut self) {
        let site = self.random.below(self.sites.len());
        self.now = self.now.plus_ms(self.random.between(0, 40));
        match self.random.weighted(&self.weights) {
            0 => {
                self.requests += 1;
                self.with(site, |shell, outside| shell.request(outside));
            }
            1 => self.write(),
            2 => self.sync(),
            3 => self.with(site, |shell, outside| shell.checkpoint_goes_on(outside)),
            4 => self.with(site, load_goes_on),
            5 => self.with(site, |shell, outside| shell.passivate(outside)),
            6 => {
                let own = if self.random.chance(700) { Request::Report } else { Request::WorkOff };
                self.with(site, |shell, outside| shell.ask(own, outside));
            }
            7 => self.with(site, |shell, outside| shell.live_goes_on(outside)),
            8 => self.with(site, |shell, outside| shell.post_goes_on(outside)),
            9 => self.crash(),
            10 => self.fail(),
            11 => self.retire(site),
            12 => self.look_back(site),
            _ => self.jump(),
        }
        self.rebuild_settled();
    }

    fn write(&mut self) {
        if !self.unsynced.is_empty() {
            return;
        }
        let mut batches = Vec::new();
        for site in 0..self.sites.len() {
            let batch = self.with(site, |shell, outside| shell.take_batch(outside));
            if let Some(batch) = batch {
                batches.push(batch);
                self.unsynced.push(site);
            }
        }
        for answer in self.journal.write_now(batches) {
            assert!(matches!(answer, Appended::Stored(_)), "a batch was answered {answer:?}");
        }
    }

    fn sync(&mut self) {
        self.journal.sync_now();
        for site in std::mem::take(&mut self.unsynced) {
            self.with(site, |shell, outside| shell.synced(outside));
        }
    }

    /// An append fails; the generations that were in it are lost.
    fn fail(&mut self) {
        self.sync();
        let mut batches = Vec::new();
        let mut failed = Vec::new();
        for site in 0..self.sites.len() {
            let batch = self.with(site, |shell, outside| shell.take_batch(outside));
            if let Some(batch) = batch {
                batches.push(batch);
                failed.push(site);
            }
        }
        let kinds =
            [Failure::Unavailable, Failure::Full, Failure::UnknownStored, Failure::UnknownLost];
        let kind = kinds[self.random.below(kinds.len())].clone();
        trace::note(|| format!("an append of sites {failed:?} fails: {kind:?}"));
        if batches.is_empty() {
            return;
        }
        self.journal.fail_next([kind]);
        self.journal.append_now(batches);
        for site in failed {
            self.with(site, |shell, outside| shell.generation_failed(outside));
        }
    }

    /// A site that was given up is rebuilt once all that it handed over is decided.
    fn rebuild_settled(&mut self) {
        for site in 0..self.sites.len() {
            let shell = &self.sites[site];
            let is_decided = !shell.has_queued() && !self.unsynced.contains(&site);
            if shell.site.is_none() && is_decided {
                self.with(site, |shell, outside| shell.rebuild(outside));
            }
        }
    }

    /// The process dies, and starts again: what was not synced may be lost, the clock may be wrong.
    fn crash(&mut self) {
        let kept = self.random.below(2);
        trace::note(|| format!("crash; of the unsynced tail {kept} batches stay"));
        self.journal.crash(kept);
        self.unsynced.clear();
        if self.random.chance(300) {
            self.now = self.now.plus_ms(self.random.between(-3_600_000, 3_600_000));
        }
        for site in 0..self.sites.len() {
            self.with(site, |shell, outside| shell.crash(outside));
        }
    }

    /// Old events leave the log for good.
    fn retire(&mut self, site: usize) {
        let shell = &self.sites[site];
        let first = self.random.below(shell.auditor.model.seq() as usize + 1) as u64;
        let first = if self.random.chance(700) { first / 2 } else { first };
        self.journal.retire_now(shell.id, first).expect("the site is open");
    }

    fn jump(&mut self) {
        let by_ms = match self.random.below(3) {
            0 => self.random.between(1_000, 60_000),
            1 => self.random.between(60_000, 3_600_000),
            _ => self.random.between(3_600_000, 90_000_000),
        };
        trace::note(|| format!("the clock jumps by {by_ms} ms"));
        self.now = self.now.plus_ms(by_ms);
    }

    /// A second machine, built from what is stored, is the same as the one that lives.
    fn look_back(&mut self, site: usize) {
        if self.sites[site].has_queued() || !self.unsynced.is_empty() {
            self.sync();
            self.write_all();
        }
        let shell = &mut self.sites[site];
        let damaged = shell.slots.current().filter(|slot| !shell.slots.is_whole(*slot));
        if let Some(slot) = damaged {
            // Whoever reads everything finds what is damaged.
            shell.give_up(slot);
        }
        self.rebuild_settled();
        let shell = &self.sites[site];
        let Some(live) = &shell.site else { return };
        let dump = dump(live, &shell.slots);
        shell.auditor.judge_dump(&dump);
        shell.auditor.ledger.judge(&shell.auditor.model);
        for slot in guildhall::snapshot::Slot::BOTH {
            let Some(mark) = shell.slots.mark(slot) else { continue };
            if !shell.slots.is_whole(slot) {
                continue;
            }
            let rebuilt = restore(&shell.slots, shell.id, slot, mark).expect("a whole slot reads");
            let rebuilt = replay(&self.journal, rebuilt, live.commit());
            let rebuilt = rebuilt.unwrap_or_else(|gap| panic!("slot {slot} is of no use: {gap}"));
            compare(&dump, self::dump(&rebuilt, &shell.slots), &shell.auditor);
        }
    }

    fn write_all(&mut self) {
        while self.sites.iter().any(Shell::has_queued) {
            self.write();
            self.sync();
        }
    }

    /// Nothing new comes: everything that was begun must come to its end.
    fn come_to_rest(&mut self) {
        self.sync();
        for step in 0.. {
            assert!(step < REST_STEPS_MAX, "a world comes to rest");
            // Where a clock went back, a retry may be due far from now.
            self.now = self.now.plus_ms(if step < 300 { 20 } else { 10_000 });
            self.write();
            self.sync();
            self.rebuild_settled();
            let mut is_busy = self.sites.iter().any(Shell::has_queued);
            for site in 0..self.sites.len() {
                is_busy |= self.with(site, |shell, outside| shell.rest(outside));
            }
            if !is_busy {
                break;
            }
        }
        for site in 0..self.sites.len() {
            self.look_back(site);
            self.with(site, |shell, outside| shell.judge_rest(outside));
        }
    }
}

fn load_goes_on(shell: &mut Shell, outside: &mut Outside<'_>) {
    let loads = shell.loads_len();
    if loads > 0 {
        let position = outside.random.below(loads);
        shell.load_goes_on(position, outside);
    }
}

/// The machine's state, with what is paged out read from its current slot.
pub fn dump(site: &Site, slots: &Slots) -> Dump {
    let slot = site.current_slot().map(slot_of);
    let mut read = |key: PartKey| slot.and_then(|slot| slots.part(slot, key).ok());
    site.dump(&mut read).unwrap_or_else(|misplaced| panic!("{misplaced}"))
}

fn compare(live: &Dump, mut rebuilt: Dump, auditor: &crate::auditor::Auditor) {
    compare_unreported(live, &rebuilt, auditor);
    rebuilt.unreported.clone_from(&live.unreported);
    if *live == rebuilt {
        return;
    }
    for (one, other) in live.members.iter().zip(&rebuilt.members) {
        assert_eq!(one, other, "a rebuilt member");
    }
    for (one, other) in live.items.iter().zip(&rebuilt.items) {
        assert_eq!(one, other, "a rebuilt item");
    }
    let bare = |dump: &Dump| Dump { members: Vec::new(), items: Vec::new(), ..dump.clone() };
    assert_eq!(bare(live), bare(&rebuilt), "a rebuilt site");
    panic!("a rebuilt site has other members or items");
}

/// What is left to be reported. A counter that is what it was reported to be counts as reported,
/// and what only live listeners are told is not kept over a restart.
fn compare_unreported(live: &Dump, rebuilt: &Dump, auditor: &crate::auditor::Auditor) {
    let Some(_) = auditor.model.reports.since else { return };
    let count = |(member, key, _): &(u32, u16, i64)| {
        let mut counters = live.members[*member as usize].resident.counters.iter();
        counters.find(|counter| counter.key == *key).map_or(0, |counter| counter.count)
    };
    let is_open = |one: &&(u32, u16, i64)| one.2 != count(one);
    // What listeners alone were told before an endpoint came is of no account.
    let connected = |one: &&(u32, u16, i64)| {
        let (app, key) = live.keys[one.1 as usize].clone();
        let member = live.members[one.0 as usize].facts.id;
        auditor.model.reports.connected.contains(&(member, app, key))
    };
    let left = rebuilt.unreported.iter().filter(is_open).filter(connected);
    let mut strange = left.filter(|one| !live.unreported.contains(one));
    assert_eq!(strange.next(), None, "a report that is left to a rebuilt site only");
    let left = live.unreported.iter().filter(is_open).filter(connected);
    let mut lost = left.filter(|one| !rebuilt.unreported.contains(one));
    assert_eq!(lost.next(), None, "a report that a rebuilt site forgets");
}

/// Runs a seed and tells what it came to, or how it failed.
pub fn attempt(seed: u64) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
    outcome.map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(panic) => resume_unwind(panic),
        },
    })
}
