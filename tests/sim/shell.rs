//! One site with all that surrounds it, as the product's shell has it: turns, the gate, parts that
//! are read late, a rebuild after a loss. No thread, no clock: each step is called for.

use std::sync::Arc;

use guildhall::core::parts::PartKey;
use guildhall::core::query::Query;
use guildhall::core::site::Site;
use guildhall::core::turn::{Step, WorkedOff};
use guildhall::core::views::Look;
use guildhall::domain::{Commit, MemberOrdinal, SiteId, Timestamp, WrittenRecord};
use guildhall::journal::gate::{Gate, Parked};
use guildhall::journal::{Batch, Memory};
use guildhall::snapshot::Slot;

use crate::auditor::{Auditor, Told, Turn};
use crate::checkpoints::Checkpoint;
use crate::clients::Live;
use crate::deliveries::Post;
use crate::loads::Load;
use crate::random::Random;
use crate::recovering::recover;
use crate::requests::{Crowd, Request, SharedRequest};
use crate::slots::Slots;
use crate::tally::Tally;
use crate::trace;

/// What a site's step may look at.
pub struct Outside<'a> {
    pub random: &'a mut Random,
    pub journal: &'a Memory,
    pub now: Timestamp,
}

/// A request on its way, by its number.
#[derive(Clone, Debug)]
pub struct Operation {
    pub number: u64,
    pub request: SharedRequest,
}

/// What waits at the gate.
#[derive(Debug)]
pub enum Ticket {
    Answer {
        operation: Operation,
        saw: u64,
        told: Told,
    },
    /// Where a channel stands; `None` where it is not to be seen.
    Channel {
        ask: u64,
        saw: u64,
        seq: u64,
        last_seq: Option<u64>,
    },
}

pub struct Shell {
    pub id: SiteId,
    /// `None` while it waits to be rebuilt.
    pub site: Option<Site>,
    pub generation: u64,
    queue: Vec<Arc<Commit>>,
    pub gate: Gate<Ticket>,
    pub slots: Slots,
    pub loads: Vec<Load>,
    pub active: Vec<MemberOrdinal>,
    pub checkpoint: Option<Checkpoint>,
    pub tally: Tally,
    pub auditor: Auditor,
    pub crowd: Crowd,
    /// Requests whose answer was lost, to be sent again.
    unanswered: Vec<Operation>,
    operations: u64,
    pub live: Live,
    pub post: Post,
}

impl Shell {
    pub fn new(id: SiteId, outside: &mut Outside<'_>) -> Shell {
        outside.journal.open_site_now(id);
        Shell {
            id,
            site: Some(Site::new(id)),
            generation: 1,
            queue: Vec::new(),
            gate: Gate::new(0),
            slots: Slots::default(),
            loads: Vec::new(),
            active: Vec::new(),
            checkpoint: None,
            tally: Tally::default(),
            auditor: Auditor::default(),
            crowd: Crowd::new(outside.random),
            unanswered: Vec::new(),
            operations: 0,
            live: Live::new(0),
            post: Post::default(),
        }
    }

    /// A client sends something new, or repeats what it was not answered.
    pub fn request(&mut self, outside: &mut Outside<'_>) {
        if !self.unanswered.is_empty() && outside.random.chance(300) {
            let position = outside.random.below(self.unanswered.len());
            let again = self.unanswered.swap_remove(position);
            return self.send(again, outside);
        }
        let request = self.crowd.request(outside.random, outside.now);
        self.ask(request, outside);
    }

    pub fn ask(&mut self, request: Request, outside: &mut Outside<'_>) {
        self.operations += 1;
        let operation = Operation { number: self.operations, request: Arc::new(request) };
        self.send(operation, outside);
    }

    fn send(&mut self, operation: Operation, outside: &mut Outside<'_>) {
        trace::note(|| format!("{} sends {operation:?}", self.id));
        self.auditor.ledger.sending(&operation.request, operation.number);
        self.attempt(operation, 0, Vec::new(), outside);
    }

    pub fn undone(&mut self, operation: Operation) {
        trace::note(|| format!("{} answers {} undone", self.id, operation.number));
        self.tally.answers_lost += 1;
        if operation.request.is_safe_to_repeat() {
            self.unanswered.push(operation);
        }
    }

    /// Runs a request's turn, or asks for the parts that it needs.
    pub fn attempt(
        &mut self,
        operation: Operation,
        rounds: usize,
        brought: Vec<PartKey>,
        outside: &mut Outside<'_>,
    ) {
        self.activate(&operation, outside);
        // Now and then a turn is handed a time of before.
        let back_ms = if outside.random.chance(20) { outside.random.between(0, 5_000) } else { 0 };
        let now = outside.now.plus_ms(-back_ms);
        let Some(site) = self.site.as_mut() else { return self.undone(operation) };
        let before = site.commit();
        let (told, commit) = match turn(site, &operation.request, now, outside.random) {
            Ok(done) => done,
            Err(keys) => {
                assert_eq!(site.commit(), before, "who asks for parts has changed nothing");
                return self.load(operation, keys, rounds, brought, outside);
            }
        };
        assert!(!site.is_torn(), "a turn came to its end");
        let made = commit.as_ref().map(|commit| commit.number);
        assert_eq!(site.commit(), made.unwrap_or(before), "what changes nothing makes no commit");
        let saw = site.commit();
        site.page_out(&brought);
        trace::note(|| format!("{} turned {} at {saw}: {made:?}", self.id, operation.number));
        self.queue.extend(commit);
        let request = operation.request.clone();
        self.auditor.turned(Turn { request, made, saw, told: told.clone() });
        if !matches!(told, Told::Nothing) {
            self.answer(operation, saw, told);
        }
    }

    fn answer(&mut self, operation: Operation, saw: u64, told: Told) {
        if let (Request::Query(query), Told::View(view)) = (&*operation.request, &told)
            && self.is_durable(query)
        {
            return self.auditor.model.check_view(query, view);
        }
        let ticket = Ticket::Answer { operation, saw, told };
        if let Parked::Open(ticket) = self.gate.park(saw, ticket) {
            self.hand_out(ticket);
        }
    }

    /// A read of one member leaves at once where the member's last change is durable.
    fn is_durable(&self, query: &Query) -> bool {
        let Query::Member { id, .. } = query else { return false };
        let Some(site) = &self.site else { return false };
        let member = site.find_member(*id);
        member.is_some_and(|member| site.member_commit(member) <= self.gate.durable())
    }

    /// An answer leaves the process.
    pub fn hand_out(&mut self, ticket: Ticket) {
        let durable = self.auditor.model.commit;
        match ticket {
            Ticket::Answer { operation, saw, told } => {
                let Operation { number, request } = operation;
                assert!(saw <= durable, "{number} was answered at {saw}, durable is {durable}");
                trace::note(|| format!("{} answers {number} {told:?}", self.id));
                match &told {
                    Told::Ingested(answer) => {
                        let refused: Vec<u32> = answer.errors.iter().map(|f| f.index).collect();
                        if answer.duplicates == 0 {
                            self.auditor.ledger.acknowledged(&request, number, &refused);
                        }
                    }
                    Told::Outcome(outcome) => {
                        self.auditor.ledger.acknowledged(&request, number, &[]);
                        self.crowd.learn(outcome);
                    }
                    Told::Imported(_) | Told::View(_) | Told::Refused(_) | Told::Nothing => {}
                }
            }
            Ticket::Channel { ask, saw, seq, last_seq } => {
                assert!(saw <= durable, "a channel was shown at {saw}, durable is {durable}");
                self.channel_answered(ask, seq, last_seq);
            }
        }
    }
}

/// The writer's side, and what a loss means.
impl Shell {
    pub fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The next batch for the writer.
    pub fn take_batch(&mut self, outside: &mut Outside<'_>) -> Option<Batch> {
        let commits = match outside.random.chance(300) {
            true => outside.random.below(self.queue.len() + 1),
            false => self.queue.len(),
        };
        let commits: Vec<_> = self.queue.drain(..commits).collect();
        let expected = commits.first()?.number - 1;
        let (generation, batch_id) = (self.generation, outside.random.uuid());
        Some(Batch { site: self.id, generation, epoch: 1, batch_id, expected, commits })
    }

    /// What is synced is read back and judged; who waited for it is answered.
    pub fn synced(&mut self, outside: &mut Outside<'_>) {
        self.follow_log(outside);
        let durable = self.auditor.model.commit;
        for ticket in self.gate.release(durable) {
            self.hand_out(ticket);
        }
    }

    fn follow_log(&mut self, outside: &mut Outside<'_>) {
        let known = self.auditor.model.commit;
        let at = outside.journal.position_now(self.id).expect("the site is open");
        assert!(at.commit >= known, "what was durable is gone: {known} was, {} is", at.commit);
        while self.auditor.model.commit < at.commit {
            let known = self.auditor.model.commit;
            let commits = outside.journal.read_commits_now(self.id, known, usize::MAX);
            for commit in commits.expect("what is newly durable can be read") {
                trace::note(|| format!("{} is durable up to {}", self.id, commit.number));
                self.auditor.durable(&commit);
            }
        }
        self.post.follow(&self.auditor.model);
    }

    /// The writer lost what this generation handed over.
    pub fn generation_failed(&mut self, outside: &mut Outside<'_>) {
        trace::note(|| format!("{} lost generation {}", self.id, self.generation));
        self.tally.generations_lost += 1;
        for ticket in self.gate.fail() {
            self.turn_away(ticket);
        }
        self.queue.clear();
        self.rebuild(outside);
    }

    /// Durable records after a seq; `None` where the next one is no longer kept. They are the
    /// auditor's own copies, because the journal in memory looks through all it has.
    pub fn records_after(
        &self,
        after: u64,
        limit: usize,
        outside: &mut Outside<'_>,
    ) -> Option<Vec<WrittenRecord>> {
        let kept = outside.journal.position_now(self.id).expect("the site is open");
        let from = &self.auditor.model.records[after as usize..];
        let page = from[..limit.min(from.len())].to_vec();
        let found = (after + 1 >= kept.first_seq).then_some(page);
        if outside.random.chance(10) {
            let read = outside.journal.read_records_now(self.id, after, limit).ok();
            assert_eq!(read, found, "records after {after}, kept from {}", kept.first_seq);
        }
        found
    }

    fn turn_away(&mut self, ticket: Ticket) {
        match ticket {
            Ticket::Answer { operation, .. } => self.undone(operation),
            Ticket::Channel { ask, .. } => self.channel_unavailable(ask),
        }
    }

    /// A slot is not what was written: it is moved aside, and the site rebuilt from the other.
    pub fn give_up(&mut self, slot: Slot) {
        trace::note(|| format!("{} gives up slot {slot}", self.id));
        self.tally.slots_given_up += 1;
        self.slots.set_aside(slot);
        (self.site, self.checkpoint) = (None, None);
    }

    /// The state is built again from what is durable.
    pub fn rebuild(&mut self, outside: &mut Outside<'_>) {
        for load in std::mem::take(&mut self.loads) {
            self.undone(load.operation);
        }
        self.generation += 1;
        self.restart(outside);
        let durable = self.auditor.model.commit;
        let reached = self.gate.release(durable);
        assert!(reached.is_empty(), "nobody waits at the gate of a new generation");
    }

    fn restart(&mut self, outside: &mut Outside<'_>) {
        (self.checkpoint, self.active) = (None, Vec::new());
        self.follow_log(outside);
        self.auditor.lost();
        let site = recover(&mut self.slots, outside.journal, self.id);
        let site = site.unwrap_or_else(|missing| panic!("the site cannot be rebuilt: {missing}"));
        let model = &self.auditor.model;
        assert_eq!((site.commit(), site.seq()), (model.commit, model.seq()), "a rebuilt site");
        self.site = Some(site);
    }

    /// The process dies: all that is not in the log or in a slot is gone.
    pub fn crash(&mut self, outside: &mut Outside<'_>) {
        trace::note(|| format!("{} crashes", self.id));
        self.tally.crashes += 1;
        let waiting = self.gate.fail();
        waiting.into_iter().for_each(|ticket| self.turn_away(ticket));
        for load in std::mem::take(&mut self.loads) {
            self.undone(load.operation);
        }
        self.queue.clear();
        // Either slot may be damaged: the other one is whole, and the log behind it is kept.
        let is_sound = |slot: &Slot| self.slots.mark(*slot).is_some() && self.slots.is_whole(*slot);
        if Slot::BOTH.iter().all(is_sound) && outside.random.chance(400) {
            self.damage(outside);
        }
        self.generation = 1;
        self.restart(outside);
        self.gate = Gate::new(self.auditor.model.commit);
        self.live.restart(self.auditor.model.seq());
        self.post.restart(&self.auditor.model, outside.random);
    }

    fn damage(&mut self, outside: &mut Outside<'_>) {
        let slot = if outside.random.chance(650) { self.slots.current() } else { Some(Slot::A) };
        let Some(slot) = slot else { return };
        trace::note(|| format!("{} has slot {slot} damaged", self.id));
        match outside.random.chance(600) {
            true => self.slots.set_aside(slot),
            false => self.slots.damage(slot, outside.random.below(usize::MAX)),
        }
    }
}

type Done = (Told, Option<Arc<Commit>>);

fn turn(
    site: &mut Site,
    request: &Request,
    now: Timestamp,
    random: &mut Random,
) -> Result<Done, Vec<PartKey>> {
    Ok(match request {
        Request::Command(command) => match site.turn(command, now) {
            Step::Need(keys) => return Err(keys),
            Step::Refused(refusal) => (Told::Refused(refusal), None),
            Step::Done { outcome, commit } => (Told::Outcome(outcome), commit),
        },
        Request::Ingest(batch) => match site.ingest(batch.clone(), now) {
            Ok(intake) => (Told::Ingested(intake.answer), intake.commit),
            Err(refusal) => (Told::Refused(refusal), None),
        },
        Request::ImportMembers(lines) => {
            let intake = site.import_members(lines, now);
            (Told::Imported(intake.answer), intake.commit)
        }
        Request::ImportFollows(lines) => {
            let intake = site.import_follows(lines, now)?;
            (Told::Imported(intake.answer), intake.commit)
        }
        Request::Query(query) => match site.look(query) {
            Look::Need(keys) => return Err(keys),
            Look::Refused(refusal) => (Told::Refused(refusal), None),
            Look::Seen(view) => (Told::View(view), None),
        },
        Request::Report => {
            (Told::Nothing, site.report_counters(random.between(1, 40) as usize, now))
        }
        Request::WorkOff => match site.work_off(random.between(1, 5) as usize, now) {
            WorkedOff::Nothing => (Told::Nothing, None),
            WorkedOff::Need(keys) => return Err(keys),
            WorkedOff::Done(commit) => (Told::Nothing, Some(commit)),
        },
    })
}
