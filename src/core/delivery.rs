//! The delivery of one site's events to one endpoint, as a machine of values: it is told what there
//! is to read, how tries ended and what time it is, and says what to send, store and wait for.
//! No clock, no randomness, no I/O. Nothing is ever skipped: losing stored progress only repeats.

mod attempt_log;
mod batches;
mod order;
mod outcome;
mod pace;
mod progress;
mod replay;
mod schedule;
mod select;

use std::collections::BTreeMap;

use super::fault::{Fault, planted};
use crate::domain::endpoint::{CounterBatch, DeliveryMode};
use crate::domain::{Timestamp, limits};
use batches::Batches;
use pace::Pace;

pub use attempt_log::{
    AttemptChunk, AttemptLine, AttemptLog, DeadLetter, LoggedResult, StoredAttempts,
};
pub use batches::Gathering;
pub use order::Wanted;
pub use progress::{Parked, Progress};
pub use schedule::{AttemptResult, Jitter, Schedule};

/// What an operator may choose for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Deliveries on their way at once while all is well.
    pub window: usize,
    pub schedule: Schedule,
    /// Events set aside before the endpoint itself is held to be at fault.
    pub parked_max: usize,
    pub mode: DeliveryMode,
    /// Tries a minute, of new events and of old ones.
    pub rate_per_minute: Option<u32>,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        DeliverySettings {
            window: limits::DELIVERY_WINDOW_DEFAULT,
            schedule: Schedule::default(),
            parked_max: limits::DELIVERY_PARKED_MAX,
            mode: DeliveryMode::Parallel,
            rate_per_minute: None,
        }
    }
}

/// What an endpoint wishes of its deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    pub mode: DeliveryMode,
    pub rate_per_minute: Option<u32>,
    pub counter_batch: Option<CounterBatch>,
    /// Deliveries on their way at once, where it is not what the operator chose.
    pub window: Option<usize>,
}

/// One delivery to start now. Its result must come back through [`Delivery::attempted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub seq: u64,
    /// Set aside earlier: the event may have to be read again.
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Fresh,
    Parked,
}

/// How one delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub seq: u64,
    pub result: AttemptResult,
    pub jitter: Jitter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisableReason {
    /// The receiver answered 410.
    Gone,
    /// Nothing was accepted for days.
    OnlyFailures,
}

impl DisableReason {
    pub fn text(self) -> &'static str {
        match self {
            DisableReason::Gone => "the receiver answered 410 Gone",
            DisableReason::OnlyFailures => "no delivery succeeded for 5 days",
        }
    }
}

/// What the shell has to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    pub send: Vec<Due>,
    /// Records after this seq are wanted, if there are any.
    pub read_after: Option<u64>,
    pub persist: Option<Progress>,
    /// Call [`Delivery::tick`] again at this time at the latest.
    pub wake_at: Option<Timestamp>,
    /// Told once; the cursor stays.
    pub disable: Option<DisableReason>,
    /// Events given up after their last try.
    pub exhausted: Vec<u64>,
    pub notices: Vec<Notice>,
}

/// What the owner may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The endpoint, or this event alone, failed so often.
    Failing { seq: u64, tries: u32 },
    /// The endpoint was failing and took this event.
    Recovered { seq: u64, failing_since: Timestamp },
}

/// Records that nobody can read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub first_seq: u64,
    pub last_seq: u64,
}

/// How the endpoint is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// All is well but for this many endpoint faults in a row.
    Closed { faults: u32 },
    /// Held back: nothing is sent before this time.
    Open { next_try_at: Timestamp },
    /// Being tried: few at once, more with each success.
    HalfOpen { allowed: usize, accepted: u32, suspect: Option<u64> },
    /// Nothing is sent any more; a wait that was under way is kept for the next start.
    Stopped { next_try_at: Option<Timestamp> },
}

/// Whether deliveries to an endpoint go through at present: what came last was a success, or
/// nothing came yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Well,
    Unwell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Sent,
    Done,
}

/// An event above the cursor that the endpoint takes.
#[derive(Clone, Copy, Debug)]
struct Slot {
    stage: Stage,
    /// Endpoint faults that this very event met.
    faults: u32,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    origin: Origin,
    /// Which time the endpoint was tried; faults of an earlier time are not counted again.
    round: u32,
}

#[derive(Clone, Copy, Debug)]
struct Unsaved {
    results: u32,
    due_at: Timestamp,
}

/// The delivery of one endpoint.
#[derive(Clone, Debug)]
pub struct Delivery {
    settings: DeliverySettings,
    cursor: u64,
    read_through: u64,
    slots: BTreeMap<u64, Slot>,
    /// Keys of these events, where they have one: events of one key are sent one after the other.
    slot_keys: BTreeMap<u64, u128>,
    parked: BTreeMap<u64, Parked>,
    /// Keys of parked events, where they have one.
    parked_keys: BTreeMap<u64, u128>,
    flights: BTreeMap<u64, Flight>,
    phase: Phase,
    round: u32,
    attempts: u32,
    failing_since: Option<Timestamp>,
    unsaved: Option<Unsaved>,
    /// How many results are in the progress that is being stored; one at a time is.
    storing: Option<u32>,
    disable: Option<DisableReason>,
    exhausted: Vec<u64>,
    notices: Vec<Notice>,
    replays: BTreeMap<u64, u64>,
    pace: Pace,
    batches: Batches,
    wished_window: Option<usize>,
}

impl Delivery {
    pub fn new(settings: DeliverySettings, progress: Progress) -> Delivery {
        assert!(settings.window > 0, "a delivery needs a window");
        let above = progress.done_above.into_iter().filter(|seq| *seq > progress.cursor);
        let done = |seq| (seq, Slot { stage: Stage::Done, faults: 0 });
        let pace = Pace::new(settings.rate_per_minute);
        let phase = match progress.next_try_at {
            Some(next_try_at) => Phase::Open { next_try_at },
            None => Phase::Closed { faults: 0 },
        };
        Delivery {
            settings,
            cursor: progress.cursor,
            read_through: progress.cursor,
            slots: above.map(done).collect(),
            slot_keys: BTreeMap::new(),
            parked: progress.parked.into_iter().map(|parked| (parked.seq, parked)).collect(),
            parked_keys: progress.parked_keys.into_iter().collect(),
            flights: BTreeMap::new(),
            phase,
            round: 0,
            attempts: progress.attempts,
            failing_since: progress.failing_since,
            unsaved: None,
            storing: None,
            disable: None,
            exhausted: Vec::new(),
            notices: Vec::new(),
            replays: progress.replays.into_iter().collect(),
            pace,
            batches: Batches::going_on(progress.gathering, progress.batches),
            wished_window: None,
        }
    }

    /// What the endpoint wishes from here on.
    pub fn obey(&mut self, wishes: Wishes) {
        let Wishes { mode, rate_per_minute, counter_batch, window } = wishes;
        self.settings.mode = mode;
        self.wished_window = window;
        self.batches.wish = counter_batch;
        if self.settings.rate_per_minute != rate_per_minute {
            self.settings.rate_per_minute = rate_per_minute;
            self.pace = Pace::new(rate_per_minute);
        }
    }

    /// What would be stored now.
    pub fn progress(&self) -> Progress {
        let done = self.slots.iter().filter(|(_, slot)| slot.stage == Stage::Done);
        Progress {
            cursor: self.cursor,
            done_above: done.map(|(seq, _)| *seq).collect(),
            parked: self.parked.values().copied().collect(),
            failing_since: self.failing_since,
            attempts: self.attempts,
            next_try_at: match self.phase {
                Phase::Open { next_try_at } => Some(next_try_at),
                Phase::Stopped { next_try_at } => next_try_at,
                Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
            },
            parked_keys: self.parked_keys.iter().map(|(seq, key)| (*seq, *key)).collect(),
            replays: self.replays.iter().map(|(id, next)| (*id, *next)).collect(),
            gathering: self.batches.gathering(),
            batches: self.batches.closed(),
        }
    }

    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    pub fn read_through(&self) -> u64 {
        self.read_through
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    pub fn standing(&self) -> Standing {
        let well = matches!(self.phase, Phase::Closed { faults: 0 });
        if well && self.failing_since.is_none() { Standing::Well } else { Standing::Unwell }
    }

    /// Whether nothing may be sent for now.
    pub fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::Stopped { .. })
    }

    /// Whether the event of this seq will be sent again without being read again.
    pub fn keeps(&self, seq: u64) -> bool {
        self.slots.get(&seq).is_some_and(|slot| slot.stage != Stage::Done)
    }

    /// Nothing to send, nothing to try again, nothing to store: the shell may let go.
    pub fn is_idle(&self) -> bool {
        self.slots.is_empty()
            && self.parked.is_empty()
            && self.flights.is_empty()
            && self.unsaved.is_none()
            && self.storing.is_none()
            && self.replays.is_empty()
            && self.batches.is_empty()
            && matches!(self.phase, Phase::Closed { .. } | Phase::HalfOpen { .. })
    }

    /// The log was read up to and with `through`; of what was new in it, `matching` is wanted.
    pub fn records(&mut self, through: u64, matching: &[u64], now: Timestamp) {
        let wanted: Vec<Wanted> = matching.iter().map(|seq| Wanted::free(*seq)).collect();
        self.take(through, &wanted, now);
    }

    /// The same, of events that may have to wait for one another.
    pub fn take(&mut self, through: u64, wanted: &[Wanted], now: Timestamp) {
        for Wanted { seq, key, gathered } in wanted.iter().copied() {
            if seq <= self.read_through || self.parked.contains_key(&seq) {
                continue;
            }
            assert!(seq <= through, "record {seq} lies beyond what was read");
            if gathered && !self.slots.contains_key(&seq) {
                self.gather(seq, now);
                continue;
            }
            self.slots.entry(seq).or_insert_with(|| {
                self.slot_keys.extend(key.map(|key| (seq, key)));
                Slot { stage: Stage::Waiting, faults: 0 }
            });
        }
        self.read_through = self.read_through.max(through);
        self.advance(now);
    }

    /// The log begins at `oldest_seq` now. What lay between is gone, and told.
    pub fn skip_to(&mut self, oldest_seq: u64, now: Timestamp) -> Option<Skipped> {
        let skipped = Skipped { first_seq: self.read_through + 1, last_seq: oldest_seq - 1 };
        if skipped.first_seq > skipped.last_seq {
            return None;
        }
        self.records(skipped.last_seq, &[], now);
        Some(skipped)
    }

    /// A parked event that was to be sent can no longer be read.
    pub fn lost(&mut self, seq: u64, now: Timestamp) {
        self.flights.remove(&seq);
        self.unpark(seq);
        self.batches.forget(seq);
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.stage = Stage::Done;
        }
        self.note_result(now);
        self.advance(now);
    }

    /// A delivery ended.
    pub fn attempted(&mut self, attempt: Attempt, now: Timestamp) {
        let Some(flight) = self.flights.remove(&attempt.seq) else { return };
        self.note_result(now);
        match attempt.result {
            AttemptResult::Delivered => self.delivered(attempt, flight, now),
            AttemptResult::EventFault => self.event_fault(attempt, flight, now),
            AttemptResult::EndpointFault => self.endpoint_fault(attempt, flight, now),
            AttemptResult::Throttled { .. } => self.hold(attempt, flight, now),
            AttemptResult::Gone => {
                self.put_back(attempt.seq, flight);
                self.stop_for(DisableReason::Gone);
            }
        }
        self.advance(now);
    }

    /// A delivery that was to start did not: as if it had not been chosen.
    pub fn recall(&mut self, seq: u64) {
        if let Some(flight) = self.flights.remove(&seq) {
            self.put_back(seq, flight);
        }
    }

    /// What was handed out by [`Delivery::tick`] is stored. Nothing else is handed out before.
    pub fn persisted(&mut self) {
        self.storing = None;
        self.batches.stored();
    }

    /// Storing failed: it is to be done again.
    pub fn not_persisted(&mut self, now: Timestamp) {
        let results = self.storing.take().unwrap_or(0);
        self.batches.not_stored();
        self.note_unsaved(now.plus_ms(limits::DELIVERY_PERSIST_MS));
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.results += results;
        }
    }

    /// Nothing new is sent from here on; what is on its way may still end.
    pub fn stop(&mut self) {
        self.phase = Phase::Stopped { next_try_at: self.progress().next_try_at };
    }

    /// What is to be done now, and when to ask again.
    pub fn tick(&mut self, now: Timestamp) -> Actions {
        if let Phase::Open { next_try_at } = self.phase
            && now >= next_try_at
        {
            self.phase = Phase::HalfOpen { allowed: 1, accepted: 0, suspect: None };
        }
        self.close_batch_if_due(now);
        let send = self.select(now);
        let persist = self.take_unsaved(now);
        Actions {
            read_after: self.wants_records().then_some(self.read_through),
            wake_at: self.wake_at(now),
            disable: self.disable.take(),
            exhausted: std::mem::take(&mut self.exhausted),
            notices: std::mem::take(&mut self.notices),
            send,
            persist,
        }
    }
}

/// The watermark, and when it is worth storing.
impl Delivery {
    fn advance(&mut self, now: Timestamp) {
        while let Some(first) = self.slots.first_entry() {
            let passes = first.get().stage == Stage::Sent && planted(Fault::CursorPassesUnfinished);
            let is_done = first.get().stage == Stage::Done || passes;
            if !is_done || *first.key() > self.read_through {
                break;
            }
            let (seq, _) = first.remove_entry();
            self.slot_keys.remove(&seq);
        }
        let first = self.slots.first_key_value().map(|(seq, _)| seq - 1);
        let reached = first.map_or(self.read_through, |seq| seq.min(self.read_through));
        assert!(reached >= self.cursor, "the cursor never goes back");
        if reached > self.cursor {
            self.cursor = reached;
            self.note_unsaved(now.plus_ms(limits::DELIVERY_PERSIST_SKIPPED_MS));
        }
    }

    fn note_result(&mut self, now: Timestamp) {
        self.note_unsaved(now.plus_ms(limits::DELIVERY_PERSIST_MS));
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.results += 1;
        }
    }

    fn note_unsaved(&mut self, due_at: Timestamp) {
        let unsaved = self.unsaved.get_or_insert(Unsaved { results: 0, due_at });
        unsaved.due_at = unsaved.due_at.min(due_at);
    }

    fn take_unsaved(&mut self, now: Timestamp) -> Option<Progress> {
        let unsaved = self.unsaved.filter(|_| self.storing.is_none())?;
        if now < unsaved.due_at && unsaved.results < limits::DELIVERY_PERSIST_RESULTS {
            return None;
        }
        self.unsaved = None;
        self.storing = Some(unsaved.results);
        self.batches.handed_out();
        Some(self.progress())
    }

    /// Results that a crash would make forget: what they delivered would be delivered again.
    fn unsaved_results(&self) -> u32 {
        self.storing.unwrap_or(0) + self.unsaved.map_or(0, |unsaved| unsaved.results)
    }
}
