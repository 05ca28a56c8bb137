//! A site that keeps its records in memory: what live connections see of the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use guildhall::actors::ended_logins::LoginToken;
use guildhall::actors::handle::{Answer, CallError, Caller, Role};
use guildhall::actors::live::{Authenticated, ChannelFault, LiveFuture, LiveSite, LiveSource};
use guildhall::actors::registry::Holder;
use guildhall::core::query::{Ingested, Viewer};
use guildhall::core::recovery::Barrier;
use guildhall::core::session::TokenFault;
use guildhall::domain::command::IncrementBatch;
use guildhall::domain::event::{MemberFacts, Record};
use guildhall::domain::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use guildhall::domain::{
    AppId, Event, KeyId, MemberId, Refusal, SiteId, Timestamp, Touch, WrittenRecord,
};
use guildhall::journal::JournalError;
use tokio::sync::watch;
use uuid::Uuid;

pub const SITE: SiteId = SiteId::from_u128(0x5);
pub const INCARNATION: u128 = 0xabc;

const OWNER: KeyId = KeyId::from_u128(1);
const APP: KeyId = KeyId::from_u128(2);

/// One server's worth of sites: one.
pub struct StandIn {
    site: Arc<StandInSite>,
    /// How often a key was revoked: the first time it is the owner's.
    revocations: AtomicU64,
    ended: Mutex<BTreeSet<Uuid>>,
}

pub struct StandInSite {
    state: Mutex<State>,
    durable: watch::Sender<u64>,
    /// While it is set, increments are counted and not answered.
    holds_answers: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    records: Vec<WrittenRecord>,
    last_seqs: BTreeMap<MemberId, u64>,
    hidden: BTreeSet<MemberId>,
    /// Records before it are gone.
    first_seq: u64,
    batches: Vec<IncrementBatch>,
    producer_n: u64,
}

pub fn member(number: u128) -> MemberId {
    MemberId::from_u128(number)
}

/// The token of a member; `owner` is the owner's key, `app` an integrator's.
pub fn token(member: MemberId) -> String {
    format!("member:{member}")
}

/// The token of a member who logged in.
pub fn login_token(member: MemberId, login: Uuid) -> String {
    format!("member:{member}/{login}")
}

fn login_of(token: &str) -> Option<LoginToken> {
    let login = token.split_once('/')?.1.parse().ok()?;
    Some(LoginToken { site: SITE, login, expires: Timestamp::from_unix_ms(i64::MAX) })
}

impl StandIn {
    pub fn new() -> (Arc<StandIn>, Arc<StandInSite>) {
        let (durable, _) = watch::channel(0);
        let (holds_answers, _) = watch::channel(false);
        let site = Arc::new(StandInSite { state: Mutex::default(), durable, holds_answers });
        let revocations = AtomicU64::new(0);
        (Arc::new(StandIn { site: Arc::clone(&site), revocations, ended: Mutex::default() }), site)
    }
}

impl StandIn {
    pub fn end_login(&self, login: Uuid) {
        self.ended.lock().unwrap().insert(login);
    }

    /// Revokes the owner's key; the integrator's stays good.
    pub fn revoke_owner(&self) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
    }
}

impl StandInSite {
    /// Makes one event durable and gives its seq.
    pub fn write(&self, event: Event) -> u64 {
        self.write_all(vec![event])
    }

    /// Makes events durable together, as one sync does, and gives the last seq.
    pub fn write_all(&self, events: Vec<Event>) -> u64 {
        let mut state = self.state.lock().unwrap();
        for event in events {
            state.write(event);
        }
        let seq = state.records.len() as u64;
        drop(state);
        self.durable.send_replace(seq);
        seq
    }

    pub fn trim_before(&self, first_seq: u64) {
        self.state.lock().unwrap().first_seq = first_seq;
    }

    pub fn hold_answers(&self, holds: bool) {
        self.holds_answers.send_replace(holds);
    }

    pub fn batches(&self) -> Vec<IncrementBatch> {
        self.state.lock().unwrap().batches.clone()
    }
}

impl State {
    fn write(&mut self, event: Event) {
        let seq = self.records.len() as u64 + 1;
        if let Event::MemberUpdated { facts, .. } = &event {
            match facts.privacy {
                PrivacyStatus::Private => self.hidden.insert(facts.id),
                PrivacyStatus::Public => self.hidden.remove(&facts.id),
            };
        }
        let members = [event.member(), event.affected_member()];
        let mut touch = |member| {
            let previous_seq = self.last_seqs.insert(member, seq).unwrap_or(0);
            Touch { member, previous_seq }
        };
        let touches = members.into_iter().flatten().map(&mut touch).collect();
        let time = Timestamp::from_unix_ms(1_795_426_200_000 + seq as i64);
        self.records.push(Arc::new(Record { seq, time, member_seq: seq, touches, event }));
    }
}

pub fn counted(member: MemberId, new: i64) -> Event {
    Event::CounterUpdated {
        member,
        app: AppId::site_code(),
        key: "views".into(),
        public: true,
        old: new - 1,
        new,
    }
}

pub fn turned(member: MemberId, privacy: PrivacyStatus) -> Event {
    let facts = MemberFacts {
        id: member,
        login_email: Some("secret@example.com".into()),
        slug: None,
        status: Status::Approved,
        privacy,
        activity: ActivityStatus::Active,
        created_at: Timestamp::from_unix_ms(0),
        updated_at: Timestamp::from_unix_ms(0),
        revision: 1,
        profile: Arc::new(Profile::default()),
    };
    Event::MemberUpdated { facts: Arc::new(facts), changes: Vec::new() }
}

impl LiveSource for StandIn {
    fn authenticate(&self, token: String) -> LiveFuture<'_, Result<Authenticated, TokenFault>> {
        let login = login_of(&token);
        let role = match token.as_str() {
            "owner" => Ok(Role::Owner { key: OWNER }),
            "app" => Ok(Role::App { key: APP, app: AppId::parse("shop").unwrap() }),
            "expired" => Err(TokenFault::Expired),
            other => other
                .strip_prefix("member:")
                .and_then(|id| id.split('/').next()?.parse().ok())
                .map(|member| Role::Member { member })
                .ok_or(TokenFault::Invalid),
        };
        let caller = move |role| {
            let caller = Caller { site: SITE, role };
            let holder = caller.key().map(Holder::Key).or(login.map(Holder::Login));
            Authenticated { caller, expires_at: None, holder }
        };
        Box::pin(async move { role.map(caller) })
    }

    fn holders_version(&self) -> u64 {
        1 + self.revocations.load(Ordering::SeqCst) + self.ended.lock().unwrap().len() as u64
    }

    fn holds(&self, holder: Holder) -> bool {
        match holder {
            Holder::Key(key) => key != OWNER || self.revocations.load(Ordering::SeqCst) == 0,
            Holder::Login(token) => !self.ended.lock().unwrap().contains(&token.login),
        }
    }

    fn site(&self, site: SiteId) -> Option<Arc<dyn LiveSite>> {
        (site == SITE).then(|| Arc::clone(&self.site) as Arc<dyn LiveSite>)
    }
}

impl LiveSite for StandInSite {
    fn incarnation(&self) -> u128 {
        INCARNATION
    }

    fn durable_seq(&self) -> u64 {
        *self.durable.borrow()
    }

    fn wait_after(&self, seq: u64) -> LiveFuture<'_, ()> {
        let mut durable = self.durable.subscribe();
        Box::pin(async move {
            durable.wait_for(|durable| *durable > seq).await.unwrap();
        })
    }

    fn records_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> LiveFuture<'_, Result<Vec<WrittenRecord>, JournalError>> {
        let state = self.state.lock().unwrap();
        let after = state.records.iter().skip(seq as usize).take(limit);
        let records = after.cloned().collect();
        Box::pin(async move { Ok(records) })
    }

    fn record(&self, seq: u64) -> LiveFuture<'_, Result<Option<WrittenRecord>, JournalError>> {
        let state = self.state.lock().unwrap();
        let kept = seq >= state.first_seq;
        let record = state.records.get(seq as usize - 1).filter(|_| kept).cloned();
        Box::pin(async move { Ok(record) })
    }

    fn channel(
        &self,
        member: MemberId,
        viewer: Viewer,
    ) -> LiveFuture<'_, Result<Barrier, ChannelFault>> {
        let state = self.state.lock().unwrap();
        let is_stranger = !matches!(viewer, Viewer::Owner) && viewer != Viewer::Member(member);
        let answer = if is_stranger && state.hidden.contains(&member) {
            Err(ChannelFault::Unknown)
        } else {
            let last_seq = state.last_seqs.get(&member).copied().unwrap_or(0);
            Ok(Barrier { seq: state.records.len() as u64, last_seq })
        };
        Box::pin(async move { answer })
    }

    fn ingest(&self, batch: IncrementBatch) -> LiveFuture<'_, Result<Answer<Ingested>, CallError>> {
        let mut state = self.state.lock().unwrap();
        let answer = state.ingest(batch);
        drop(state);
        let mut holds = self.holds_answers.subscribe();
        Box::pin(async move {
            // An answer is never there at once: it waits for the sync.
            tokio::task::yield_now().await;
            holds.wait_for(|holds| !*holds).await.unwrap();
            answer.map(|value| Answer { value, seq: 0 })
        })
    }
}

impl State {
    fn ingest(&mut self, batch: IncrementBatch) -> Result<Ingested, CallError> {
        if let Some(position) = &batch.producer {
            if position.n <= self.producer_n {
                let duplicates = batch.lines.len();
                return Ok(Ingested { duplicates, ..Ingested::default() });
            }
            if position.n > self.producer_n + 1 {
                let (producer, given) = (position.producer.clone(), position.n);
                let last = self.producer_n;
                return Err(CallError::Refused(Refusal::ProducerGap { producer, last, given }));
            }
            self.producer_n = position.n;
        }
        let (accepted, errors) = (batch.lines.len(), batch.faults.clone());
        self.batches.push(batch);
        Ok(Ingested { accepted, errors, ..Ingested::default() })
    }
}
