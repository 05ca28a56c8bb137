//! A site's log, endpoints and stored progress in memory, behind the ports of the dispatchers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use guildhall::core::delivery::{
    AttemptChunk, AttemptLine, DeadLetter, DeliverySettings, Progress, Schedule,
};
use guildhall::domain::batch::Touches;
use guildhall::domain::endpoint::{
    EndpointReport, EndpointSettings, ReplayJob, ReplayStep, Replayed,
};
use guildhall::domain::event::Endpoint;
use guildhall::domain::{
    AppId, BadgeId, EndpointId, Event, MemberId, Record, Timestamp, WrittenRecord,
};
use guildhall::webhook::bounds::Bounds;
use guildhall::webhook::client::{Client, ClientOptions, Dialer};
use guildhall::webhook::dispatcher::DispatcherState;
use guildhall::webhook::dispatchers::Dispatchers;
use guildhall::webhook::port::{
    AttemptEntry, AttemptStore, Clock, EndpointSource, EventBody, Listed, PortError, PortFuture,
    Ports, ProgressEntry, ProgressStore, RecordSource,
};
use guildhall::webhook::signature::Secret;
use guildhall::webhook::vault::Vault;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, interval};

use super::{DEADLINE, client, open_guard};

/// Retries without the patience of the real schedule.
pub const RETRY_MS: u64 = 20;

struct Inner {
    records: Vec<WrittenRecord>,
    oldest_seq: u64,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    progress: BTreeMap<EndpointId, Progress>,
    disabled: Vec<(EndpointId, &'static str)>,
    attempts: BTreeMap<(EndpointId, u64), AttemptChunk>,
    letters: Vec<(EndpointId, DeadLetter)>,
}

#[derive(Clone)]
pub struct Site {
    inner: Arc<Mutex<Inner>>,
    durable: watch::Sender<u64>,
    stores: watch::Sender<u64>,
    pub vault: Vault,
}

impl Site {
    pub fn new() -> Site {
        let inner = Inner {
            records: Vec::new(),
            oldest_seq: 1,
            endpoints: BTreeMap::new(),
            progress: BTreeMap::new(),
            disabled: Vec::new(),
            attempts: BTreeMap::new(),
            letters: Vec::new(),
        };
        Site {
            inner: Arc::new(Mutex::new(inner)),
            durable: watch::Sender::new(0),
            stores: watch::Sender::new(0),
            vault: Vault::from_key([7; 32]),
        }
    }

    pub fn ports(&self) -> Ports {
        Ports {
            records: Arc::new(self.clone()),
            progress: Arc::new(self.clone()),
            attempts: Arc::new(self.clone()),
            endpoints: Arc::new(self.clone()),
            body_of: Arc::new(|record, _| Some(body_of(record))),
            batch_of: Arc::new(|between, records, _| batch_of(between, records)),
            client: client(15_000),
            vault: self.vault.clone(),
            clock: Arc::new(now),
            bounds: Bounds::default(),
            settings: DeliverySettings {
                schedule: Schedule::new(vec![RETRY_MS; 9]),
                ..DeliverySettings::default()
            },
            idle_ms: 60_000,
        }
    }

    /// With everything as released, over connections of the test's own and by the runtime's clock,
    /// which the test has paused: it only moves while nobody has anything to do.
    pub fn ports_in_pretended_time(&self, dialer: Arc<dyn Dialer>) -> Ports {
        Ports {
            client: Client::over(dialer, open_guard(), ClientOptions::default()),
            clock: pretended_clock(),
            settings: DeliverySettings::default(),
            ..self.ports()
        }
    }

    pub fn start(&self) -> Dispatchers {
        Dispatchers::start(self.ports())
    }

    pub fn write(&self, event: Event) -> u64 {
        let mut inner = self.inner.lock().expect("a lock");
        let seq = inner.records.len() as u64 + 1;
        let time = Timestamp::from_unix_ms(1_700_000_000_000 + seq as i64);
        let touches = Touches::new();
        inner.records.push(Arc::new(Record { seq, time, member_seq: 0, touches, event }));
        drop(inner);
        self.durable.send_replace(seq);
        seq
    }

    pub fn follow(&self) -> u64 {
        let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(2));
        self.write(Event::FollowCreated { follower, followed })
    }

    pub fn follows(&self, count: usize) {
        for _ in 0..count {
            self.follow();
        }
    }

    /// A counter of one member took one more step.
    pub fn counter(&self, member: u128) -> u64 {
        let (member, app) = (MemberId::from_u128(member), AppId::parse("shop").expect("an app"));
        let (old, new, key) = (0, 1, "orders".to_owned());
        self.write(Event::CounterUpdated { member, app, key, public: true, old, new })
    }

    pub fn badge_deleted(&self) -> u64 {
        self.write(Event::BadgeDeleted { badge: BadgeId::from_u128(3) })
    }

    /// Creates an endpoint as the site would: with its record, delivering what comes after.
    pub fn endpoint(&self, number: u128, url: &str, patterns: &[&str]) -> (EndpointId, Secret) {
        let id = EndpointId::from_u128(number);
        let secret = Secret::generate();
        let endpoint = Arc::new(Endpoint {
            id,
            url: url.to_owned(),
            event_types: patterns.iter().map(|text| (*text).to_owned()).collect(),
            sealed_secret: self.vault.seal(id, &secret),
            previous_secret: None,
            after_seq: *self.durable.borrow() + 1,
            created_at: Timestamp::default(),
            disabled: None,
            settings: EndpointSettings::default(),
        });
        self.inner.lock().expect("a lock").endpoints.insert(id, endpoint.clone());
        self.write(Event::EndpointCreated { endpoint });
        (id, secret)
    }

    pub fn delete(&self, endpoint: EndpointId) {
        self.inner.lock().expect("a lock").endpoints.remove(&endpoint);
        self.write(Event::EndpointDeleted { endpoint });
    }

    pub fn rotate(&self, endpoint: EndpointId, overlap_until: Timestamp) -> Secret {
        let secret = Secret::generate();
        let sealed_secret = self.vault.seal(endpoint, &secret);
        self.write(Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until });
        secret
    }

    /// Begins a replay as the site would.
    pub fn replay(&self, endpoint: EndpointId, what: Replayed) {
        let job = ReplayJob { id: *self.durable.borrow() + 1, what };
        self.step(endpoint, ReplayStep::Started(job));
    }

    fn step(&self, endpoint: EndpointId, step: ReplayStep) {
        let mut inner = self.inner.lock().expect("a lock");
        let known = inner.endpoints.get_mut(&endpoint).expect("a known endpoint");
        Arc::make_mut(known).replay(&step);
        drop(inner);
        self.write(Event::EndpointReplay { endpoint, step });
    }

    /// An endpoint with other settings from here on.
    pub fn update(&self, endpoint: EndpointId, change: impl FnOnce(&mut Endpoint)) {
        let mut inner = self.inner.lock().expect("a lock");
        let known = inner.endpoints.get_mut(&endpoint).expect("a known endpoint");
        change(Arc::make_mut(known));
        let endpoint = known.clone();
        drop(inner);
        self.write(Event::EndpointUpdated { endpoint });
    }

    /// Replays that the site holds to be under way.
    pub fn replays(&self, endpoint: EndpointId) -> Vec<ReplayJob> {
        self.inner.lock().expect("a lock").endpoints[&endpoint].settings.replays.clone()
    }

    /// Waits until the site is as described: it is looked at whenever something was stored.
    pub async fn until(&self, good: impl Fn(&Site) -> bool) {
        let mut stores = self.stores.subscribe();
        let waiting = async {
            while !good(self) {
                stores.changed().await.expect("a site");
            }
        };
        assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "waited in vain");
    }

    /// Every report in the log, in order.
    pub fn reports(&self) -> Vec<EndpointReport> {
        let inner = self.inner.lock().expect("a lock");
        let report = |record: &WrittenRecord| match &record.event {
            Event::EndpointReported { report, .. } => Some(*report),
            _ => None,
        };
        inner.records.iter().filter_map(report).collect()
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let inner = self.inner.lock().expect("a lock");
        inner.letters.iter().map(|(_, letter)| *letter).collect()
    }

    /// What is written down of an endpoint's attempts, oldest first.
    pub fn attempts(&self, endpoint: EndpointId) -> Vec<AttemptLine> {
        let inner = self.inner.lock().expect("a lock");
        let own = inner.attempts.range((endpoint, 0)..=(endpoint, u64::MAX));
        own.flat_map(|(_, chunk)| chunk.lines.clone()).collect()
    }

    /// Retention takes everything before this seq.
    pub fn trim_before(&self, oldest_seq: u64) {
        self.inner.lock().expect("a lock").oldest_seq = oldest_seq;
    }

    pub fn progress(&self, endpoint: EndpointId) -> Option<Progress> {
        self.inner.lock().expect("a lock").progress.get(&endpoint).cloned()
    }

    pub fn disabled(&self) -> Vec<(EndpointId, &'static str)> {
        self.inner.lock().expect("a lock").disabled.clone()
    }

    /// Waits until what is stored of an endpoint is as described.
    pub async fn stored(&self, endpoint: EndpointId, good: impl Fn(Option<&Progress>) -> bool) {
        let mut stores = self.stores.subscribe();
        let waiting = async {
            while !good(self.progress(endpoint).as_ref()) {
                stores.changed().await.expect("a site");
            }
        };
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(waited.is_ok(), "stored is {:?}", self.progress(endpoint));
    }
}

fn now() -> Timestamp {
    let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    Timestamp::from_unix_ms(now as i64)
}

/// Moves with the clock of the runtime.
fn pretended_clock() -> Clock {
    let (began, start) = (Instant::now(), now());
    Arc::new(move || start.plus_ms(began.elapsed().as_millis() as i64))
}

/// Waits by the pretended clock, for at most so long, until something is so.
pub async fn eventually(time: Duration, good: impl Fn() -> bool) {
    let end = Instant::now() + time;
    let mut seconds = interval(Duration::from_secs(1));
    while !good() {
        assert!(Instant::now() < end, "not so within {time:?}");
        seconds.tick().await;
    }
}

pub fn body_of(record: &Record) -> EventBody {
    let kind = record.event.type_name();
    let json = format!("{{\"type\":\"{kind}\",\"seq\":{}}}", record.seq);
    let (id, bytes) = (format!("evt_{}", record.seq), Bytes::from(json));
    EventBody { id: id.into(), bytes, media_type: "application/json" }
}

pub fn batch_of(between: &RangeInclusive<u64>, records: &[WrittenRecord]) -> Option<EventBody> {
    let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
    let (first, last) = (between.start(), between.end());
    seqs.first()?;
    let json = format!("{{\"type\":\"counter.batch\",\"seqs\":{seqs:?}}}");
    let (id, bytes) = (format!("evt_{first}-{last}"), Bytes::from(json));
    Some(EventBody { id: id.into(), bytes, media_type: "application/json" })
}

/// Waits until the dispatchers are as described, asking again and again.
pub async fn until(dispatchers: &Dispatchers, good: impl Fn(&[DispatcherState]) -> bool) {
    let waiting = async {
        while !good(&dispatchers.observable_state().await) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(waited.is_ok(), "dispatchers are {:?}", dispatchers.observable_state().await);
}

impl RecordSource for Site {
    fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>> {
        let inner = self.inner.lock().expect("a lock");
        let from = (seq + 1).max(inner.oldest_seq) as usize - 1;
        let records = inner.records.iter().skip(from).take(limit).cloned().collect();
        Box::pin(async move { Ok(records) })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }
}

impl ProgressStore for Site {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>> {
        let progress = self.progress(endpoint);
        Box::pin(async move { Ok(progress) })
    }

    fn store(&self, entries: Vec<ProgressEntry>) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let mut inner = self.inner.lock().expect("a lock");
            for (endpoint, progress) in entries {
                match progress {
                    Some(progress) => inner.progress.insert(endpoint, progress),
                    None => inner.progress.remove(&endpoint),
                };
            }
            drop(inner);
            self.stores.send_modify(|count| *count += 1);
            Ok(())
        })
    }
}

impl AttemptStore for Site {
    fn last(&self, endpoint: EndpointId) -> PortFuture<'_, Option<AttemptChunk>> {
        let inner = self.inner.lock().expect("a lock");
        let own = inner.attempts.range((endpoint, 0)..=(endpoint, u64::MAX));
        let last = own.last().map(|(_, chunk)| chunk.clone());
        Box::pin(async move { Ok(last) })
    }

    fn store(&self, entries: Vec<AttemptEntry>) -> PortFuture<'_, ()> {
        let mut inner = self.inner.lock().expect("a lock");
        for (endpoint, attempts) in entries {
            for chunk in attempts.chunks {
                inner.attempts.insert((endpoint, chunk.number), chunk);
            }
            for number in attempts.forgotten {
                inner.attempts.remove(&(endpoint, number));
            }
        }
        drop(inner);
        self.stores.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }

    fn give_up(&self, endpoint: EndpointId, letters: Vec<DeadLetter>) -> PortFuture<'_, ()> {
        let letters = letters.into_iter().map(|letter| (endpoint, letter));
        self.inner.lock().expect("a lock").letters.extend(letters);
        self.stores.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, endpoint: EndpointId) -> PortFuture<'_, ()> {
        let mut inner = self.inner.lock().expect("a lock");
        inner.attempts.retain(|(owner, _), _| *owner != endpoint);
        inner.letters.retain(|(owner, _)| *owner != endpoint);
        Box::pin(async { Ok(()) })
    }
}

impl EndpointSource for Site {
    fn report(&self, endpoint: EndpointId, report: EndpointReport) -> PortFuture<'_, ()> {
        self.write(Event::EndpointReported { endpoint, report });
        self.stores.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }

    fn finish_replay(&self, endpoint: EndpointId, id: u64) -> PortFuture<'_, ()> {
        self.step(endpoint, ReplayStep::Finished { id });
        self.stores.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }

    fn list(&self) -> PortFuture<'_, Listed> {
        let endpoints = self.inner.lock().expect("a lock").endpoints.values().cloned().collect();
        let listed = Listed { endpoints, seq: *self.durable.borrow() };
        Box::pin(async move { Ok(listed) })
    }

    fn disable(&self, endpoint: EndpointId, reason: &'static str) -> PortFuture<'_, ()> {
        Box::pin(async move {
            self.inner.lock().expect("a lock").disabled.push((endpoint, reason));
            self.write(Event::EndpointDisabled { endpoint, reason: reason.to_owned() });
            Ok::<(), PortError>(())
        })
    }
}
