//! Webhook endpoints: a delivery machine for each, receivers that fail in every way, progress that
//! is stored late and may come back older.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::core::delivery::{
    Actions, Attempt, AttemptResult, Delivery, DeliverySettings, Jitter, Origin, Progress, Schedule,
};
use guildhall::core::event_pattern::EventFilter;
use guildhall::domain::event::Endpoint;
use guildhall::domain::{Command, EndpointId};
use guildhall::journal::codec;

use crate::model::Model;
use crate::random::Random;
use crate::requests::Request;
use crate::shell::{Outside, Shell};
use crate::trace;

#[derive(Default)]
pub struct Post {
    mails: BTreeMap<EndpointId, Mail>,
}

/// One endpoint: the machine that delivers, the receiver, and what was seen of both.
struct Mail {
    after_seq: u64,
    filter: EventFilter,
    is_disabled: bool,
    running: Option<Running>,
    /// Every progress that was stored, oldest first.
    stored: Vec<Vec<u8>>,
    health: Health,
    received: BTreeSet<u64>,
    failures: BTreeMap<u64, u32>,
    exhausted: BTreeSet<u64>,
    /// Events that could not be read any more when their time came.
    lost: BTreeSet<u64>,
}

struct Running {
    delivery: Delivery,
    flights: Vec<u64>,
    wants_disable: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Health {
    Well,
    Flaky,
    Down,
    Throttling,
    /// Well but for some events.
    Poisoned,
}

const HEALTHS: [Health; 6] =
    [Health::Well, Health::Well, Health::Flaky, Health::Down, Health::Throttling, Health::Poisoned];
const TRIES_MAX: u32 = 5;

fn settings() -> DeliverySettings {
    let schedule = Schedule::new(vec![200, 1_000, 5_000, 20_000]);
    DeliverySettings { window: 3, schedule, parked_max: 8, ..DeliverySettings::default() }
}

impl Mail {
    fn of(endpoint: &Endpoint) -> Mail {
        Mail {
            after_seq: endpoint.after_seq,
            filter: EventFilter::parse(&endpoint.event_types).expect("patterns are valid"),
            is_disabled: false,
            running: None,
            stored: Vec::new(),
            health: Health::Well,
            received: BTreeSet::new(),
            failures: BTreeMap::new(),
            exhausted: BTreeSet::new(),
            lost: BTreeSet::new(),
        }
    }

    fn start(&mut self) {
        if self.running.is_some() || self.is_disabled {
            return;
        }
        let progress = match self.stored.last() {
            Some(bytes) => codec::decode(bytes).expect("stored progress decodes"),
            None => Progress::starting_after(self.after_seq),
        };
        let delivery = Delivery::new(settings(), progress);
        let (flights, wants_disable) = (Vec::new(), None);
        self.running = Some(Running { delivery, flights, wants_disable });
    }

    /// What the receiver makes of an event, and what becomes known of it.
    fn answer(&mut self, seq: u64, random: &mut Random) -> AttemptResult {
        let faults = [AttemptResult::EndpointFault, AttemptResult::EventFault];
        let pause = AttemptResult::Throttled { retry_after_ms: Some(random.below(3_000) as u64) };
        let result = match self.health {
            Health::Well => AttemptResult::Delivered,
            Health::Flaky if random.chance(500) => AttemptResult::Delivered,
            Health::Flaky => faults[random.below(2)],
            Health::Down => AttemptResult::EndpointFault,
            Health::Throttling if random.chance(300) => AttemptResult::Delivered,
            Health::Throttling => pause,
            Health::Poisoned if seq.is_multiple_of(7) => faults[(seq / 7 % 2) as usize],
            Health::Poisoned => AttemptResult::Delivered,
        };
        // The answer to an event that arrived may be lost.
        let arrived = result == AttemptResult::Delivered || random.chance(100);
        if arrived {
            self.received.insert(seq);
        }
        if result != AttemptResult::Delivered {
            *self.failures.entry(seq).or_default() += 1;
        }
        result
    }
}

impl Post {
    /// Endpoints as they are durable: new ones are delivered to, gone ones no more.
    pub fn follow(&mut self, model: &Model) {
        self.mails.retain(|id, _| model.endpoints.contains_key(id));
        for endpoint in model.endpoints.values() {
            let mail = self.mails.entry(endpoint.id).or_insert_with(|| Mail::of(endpoint));
            mail.is_disabled = endpoint.disabled.is_some();
            if mail.is_disabled {
                mail.running = None;
            }
            mail.start();
        }
    }

    /// The process died: what was on its way is forgotten, and so may be the newest progress.
    pub fn restart(&mut self, model: &Model, random: &mut Random) {
        for mail in self.mails.values_mut() {
            mail.running = None;
            let kept = match random.chance(300) {
                true => random.below(mail.stored.len() + 1),
                false => mail.stored.len(),
            };
            mail.stored.truncate(kept);
        }
        self.follow(model);
    }
}

impl Shell {
    pub fn post_goes_on(&mut self, outside: &mut Outside<'_>) {
        let ids: Vec<EndpointId> = self.post.mails.keys().copied().collect();
        let Some(id) = outside.random.pick(&ids).copied() else { return };
        match outside.random.weighted(&[50, 60, 2, 2]) {
            0 => self.turn_mail(id, outside),
            1 => self.end_flight(id, outside),
            2 => {
                let health = HEALTHS[outside.random.below(HEALTHS.len())];
                self.mail(id).health = health;
            }
            _ if outside.random.chance(30) => self.gone(id, outside),
            _ => {}
        }
    }

    fn mail(&mut self, id: EndpointId) -> &mut Mail {
        self.post.mails.get_mut(&id).expect("an endpoint is known")
    }

    /// The receiver wants nothing any more.
    fn gone(&mut self, id: EndpointId, outside: &mut Outside<'_>) {
        let now = outside.now;
        let Some(running) = &mut self.mail(id).running else { return };
        let Some(seq) = running.flights.pop() else { return };
        let (result, jitter) = (AttemptResult::Gone, Jitter::NONE);
        running.delivery.attempted(Attempt { seq, result, jitter }, now);
    }

    fn end_flight(&mut self, id: EndpointId, outside: &mut Outside<'_>) {
        let mail = self.mail(id);
        let flights = mail.running.as_ref().map_or(0, |running| running.flights.len());
        if flights == 0 {
            return;
        }
        let Some(running) = &mut mail.running else { return };
        let seq = running.flights.swap_remove(outside.random.below(flights));
        let result = mail.answer(seq, outside.random);
        let jitter = Jitter::from_draw(outside.random.next() as u16);
        let Some(running) = &mut mail.running else { return };
        running.delivery.attempted(Attempt { seq, result, jitter }, outside.now);
        trace::note(|| format!("{id} answers event {seq}: {result:?}"));
        self.tally.delivered += u64::from(result == AttemptResult::Delivered);
    }

    /// Asks the machine and does what it says.
    fn turn_mail(&mut self, id: EndpointId, outside: &mut Outside<'_>) {
        let Some(running) = &mut self.mail(id).running else { return };
        let actions = running.delivery.tick(outside.now);
        let Actions { send, read_after, persist, disable, exhausted, notices: _, wake_at: _ } =
            actions;
        running.wants_disable = running.wants_disable.or(disable.map(|reason| reason.text()));
        let wants_disable = running.wants_disable;
        for due in send {
            self.send_event(id, due.seq, due.origin, outside);
        }
        self.tally.exhausted += exhausted.len() as u64;
        let mail = self.mail(id);
        for seq in exhausted {
            let failures = mail.failures.get(&seq).copied().unwrap_or(0);
            assert!(
                failures + 1 >= TRIES_MAX,
                "event {seq} was given up after {failures} failures"
            );
            mail.exhausted.insert(seq);
        }
        if let Some(after) = read_after {
            self.read_for(id, after, outside);
        }
        if let Some(progress) = persist {
            let mail = self.mail(id);
            trace::note(|| format!("{id} stores {progress:?}"));
            match (&mut mail.running, outside.random.chance(50)) {
                (Some(running), true) => running.delivery.not_persisted(outside.now),
                (Some(running), false) => {
                    running.delivery.persisted();
                    mail.stored.push(codec::encode(&progress));
                }
                (None, _) => mail.stored.push(codec::encode(&progress)),
            }
        }
        if let Some(reason) = wants_disable {
            self.tally.disabled += 1;
            let (endpoint, reason) = (id, reason.to_owned());
            self.ask(Request::Command(Command::DisableEndpoint { endpoint, reason }), outside);
        }
    }

    fn send_event(&mut self, id: EndpointId, seq: u64, origin: Origin, outside: &mut Outside<'_>) {
        let is_kept = self.records_after(seq - 1, 1, outside).is_some();
        let model = &self.auditor.model;
        assert!(seq <= model.seq(), "event {seq} is sent and not durable");
        let event = &model.record(seq).event;
        let mail = self.post.mails.get_mut(&id).expect("an endpoint is known");
        assert!(mail.filter.takes(event), "{} is sent to who takes it", event.type_name());
        let Some(running) = &mut mail.running else { return };
        if origin == Origin::Parked && !is_kept {
            mail.lost.insert(seq);
            return running.delivery.lost(seq, outside.now);
        }
        trace::note(|| format!("{id} is sent event {seq} ({origin:?})"));
        running.flights.push(seq);
    }

    fn read_for(&mut self, id: EndpointId, after: u64, outside: &mut Outside<'_>) {
        let (site, now) = (self.id, outside.now);
        let kept = outside.journal.position_now(site).expect("the site is open");
        let from = after.max(kept.first_seq.saturating_sub(1));
        let limit = outside.random.between(1, 64) as usize;
        let page = self.records_after(from, limit, outside).expect("kept records read");
        let mail = self.post.mails.get_mut(&id).expect("an endpoint is known");
        let Some(running) = &mut mail.running else { return };
        let Some((first, last)) = page.first().zip(page.last()) else { return };
        if let Some(skipped) = running.delivery.skip_to(first.seq, now) {
            assert!(skipped.last_seq < kept.first_seq, "only what is gone is skipped");
            trace::note(|| format!("{id} skips {skipped:?}"));
            self.tally.skipped += 1;
            mail.lost.extend(skipped.first_seq..=skipped.last_seq);
        }
        let taken = page.iter().filter(|record| mail.filter.takes(&record.event));
        let matching: Vec<u64> = taken.map(|record| record.seq).collect();
        running.delivery.records(last.seq, &matching, now);
    }

    /// Receivers are well from here on; true while there is anything left for them.
    pub fn deliver_on(&mut self, outside: &mut Outside<'_>) -> bool {
        let ids: Vec<EndpointId> = self.post.mails.keys().copied().collect();
        let seq = self.auditor.model.seq();
        let mut is_busy = false;
        for id in ids {
            self.turn_mail(id, outside);
            let Some(mail) = self.post.mails.get_mut(&id) else { continue };
            mail.health = Health::Well;
            let Some(running) = &mail.running else { continue };
            let is_done = running.delivery.is_idle() && running.delivery.cursor() >= seq;
            is_busy |= !is_done;
            let flights = running.flights.len();
            for _ in 0..flights {
                self.end_flight(id, outside);
            }
        }
        is_busy
    }

    /// Every endpoint has seen every event that it takes.
    pub fn judge_post(&self) {
        let model = &self.auditor.model;
        for (id, mail) in &self.post.mails {
            if mail.is_disabled {
                continue;
            }
            for record in model.records.iter().skip(mail.after_seq as usize) {
                let seq = record.seq;
                let is_excused = mail.exhausted.contains(&seq) || mail.lost.contains(&seq);
                let is_seen = mail.received.contains(&seq) || is_excused;
                let wanted = takes(&model.endpoints[id], record.event.type_name());
                assert!(is_seen || !wanted, "endpoint {id} never saw event {seq}");
            }
        }
    }
}

/// A second reading of patterns.
fn takes(endpoint: &Endpoint, type_name: &str) -> bool {
    let is_plumbing = ["endpoint.", "attempt."].iter().any(|p| type_name.starts_with(p));
    let named = |pattern: &String| match pattern.strip_suffix('*') {
        Some("") => !is_plumbing,
        Some(prefix) => type_name.starts_with(prefix),
        None => pattern == type_name,
    };
    let patterns = &endpoint.event_types;
    if patterns.is_empty() { !is_plumbing } else { patterns.iter().any(named) }
}
