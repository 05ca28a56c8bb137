//! A site on a bench: in a temporary directory, started and restarted as the program does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall::actors::clock::SystemClock;
use guildhall::actors::handle::{CallError, SiteHandle};
use guildhall::actors::runtime::{RuntimeParts, SiteRuntime};
use guildhall::actors::site::{CheckpointNow, ObserveSite, SiteOptions, SiteState};
use guildhall::actors::snapshot_thread::SnapshotThread;
use guildhall::core::query::{Ingested, Page, PageStart, PrivateCounters, Query, View, Viewer};
use guildhall::domain::command::{IncrementBatch, ItemDetails, NewBadge, NewMember};
use guildhall::domain::event::BadgeRule;
use guildhall::domain::profile::{PrivacyStatus, Profile};
use guildhall::domain::{AppId, BadgeId, Command, ItemKey, MemberId, SiteId};
use guildhall::journal::Journal;
use guildhall::journal::memory::{Failure, Memory};
use guildhall::journal::{Writer, WriterOptions};
use guildhall::snapshot::{SnapshotOptions, SnapshotStore};
use uuid::Uuid;

#[derive(Clone, Copy)]
pub struct Knobs {
    pub checkpoint_log_bytes_max: usize,
    pub members_hot_max: usize,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs { checkpoint_log_bytes_max: usize::MAX, members_hot_max: 1_000 }
    }
}

pub struct Bench {
    directory: tempfile::TempDir,
    journal: Arc<Memory>,
    knobs: Knobs,
    site: SiteId,
    runtime: Option<SiteRuntime>,
    snapshots: Option<SnapshotThread>,
}

impl Bench {
    pub fn new(knobs: Knobs) -> Bench {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (journal, site) = (Arc::new(Memory::new(7)), SiteId::from_u128(1));
        Bench { directory, journal, knobs, site, runtime: None, snapshots: None }
    }

    pub async fn start(&mut self) -> SiteHandle {
        let (store, findings) =
            SnapshotStore::open(self.directory.path(), SnapshotOptions::default())
                .expect("the snapshots open");
        assert!(findings.is_empty(), "{findings:?}");
        let journal: Arc<dyn Journal> = self.journal.clone();
        let snapshots = SnapshotThread::start().expect("the snapshot thread starts");
        self.snapshots = Some(snapshots.clone());
        let runtime = SiteRuntime::new(RuntimeParts {
            writer: Writer::start(journal.clone(), WriterOptions::default()),
            journal,
            store: Arc::new(store),
            snapshots,
            clock: Arc::new(SystemClock::start()),
            options: SiteOptions {
                checkpoint_log_bytes_max: self.knobs.checkpoint_log_bytes_max,
                members_hot_max: self.knobs.members_hot_max,
                ..SiteOptions::default()
            },
            arbiters: 1,
        });
        let site = runtime.start(self.site).await.expect("the site starts");
        self.runtime = Some(runtime);
        site
    }

    pub async fn restart(&mut self) -> SiteHandle {
        let runtime = self.runtime.take().expect("it was started before");
        runtime.stop().await;
        drop(runtime);
        self.start().await
    }

    pub fn fail_next_append(&self) {
        self.journal.fail_next([Failure::Unavailable]);
    }

    /// Keeps the snapshots' thread, and with it every rebuild, waiting until the answer is dropped.
    pub async fn hold_rebuilds(&self) -> std::sync::mpsc::Sender<()> {
        let (held, released) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let snapshots = self.snapshots.clone().expect("it was started before");
        let holding = move |_: &tokio::runtime::Runtime| {
            begun.send(()).expect("somebody waits for it");
            // It ends with an error: the sender is dropped, nothing is ever sent.
            released.recv().ok();
        };
        actix_rt::spawn(async move { snapshots.run(holding).await });
        has_begun.await.expect("the snapshot thread lives");
        held
    }

    /// Waits until the site says so of itself.
    pub async fn until_rebuilding_is(&self, site: &SiteHandle, expected: bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while site.is_rebuilding() != expected {
            assert!(Instant::now() < deadline, "rebuilding is not {expected}");
            tokio::task::yield_now().await;
        }
    }

    pub fn page(&self) -> Page {
        Page { limit: 100, start: PageStart::Offset(0) }
    }

    pub async fn member(&self, site: &SiteHandle, nickname: &str) -> MemberId {
        let id = MemberId::from(Uuid::new_v4());
        let new = NewMember {
            id,
            login_email: None,
            profile: Profile { nickname: Some(nickname.to_owned()), ..Profile::default() },
            privacy: Some(PrivacyStatus::Public),
            status: None,
            activity: None,
            origin: guildhall::domain::event::MemberOrigin::Creation,
            created_at: None,
        };
        site.command(Command::CreateMember(Box::new(new))).await.expect("a member is created");
        id
    }

    pub async fn item(&self, site: &SiteHandle, item: &str, author: MemberId) -> ItemKey {
        let item = ItemKey { app: AppId::site_code(), item: item.to_owned() };
        let details = ItemDetails { author: Some(author), ..ItemDetails::default() };
        let put = Command::PutItem { item: item.clone(), details };
        site.command(put).await.expect("an item is put");
        item
    }

    pub async fn badge(&self, site: &SiteHandle, title: &str, reaches: i64) -> BadgeId {
        let id = BadgeId::from(Uuid::new_v4());
        let (app, key) = (AppId::site_code(), "visits".to_owned());
        let new = NewBadge {
            id,
            title: title.to_owned(),
            description: None,
            background_color: "#000000".to_owned(),
            text_color: "#ffffff".to_owned(),
            icon: None,
            permissions_enabled: false,
            rule: Some(BadgeRule { app, key, reaches }),
        };
        site.command(Command::CreateBadge(Box::new(new))).await.expect("a badge is created");
        id
    }

    pub async fn count(&self, site: &SiteHandle, member: MemberId, key: &str) -> i64 {
        let query =
            Query::Counters { member, private_of: PrivateCounters::All, viewer: Viewer::Owner };
        let answer = site.query(query).await.expect("counters are answered");
        let View::Counters(apps) = answer.value else { panic!("counters answer counters") };
        let mut counters = apps.iter().flat_map(|app| &app.counters);
        counters.find(|counter| counter.key == key).map_or(0, |counter| counter.count)
    }

    pub async fn followers(&self, site: &SiteHandle, member: MemberId) -> Vec<MemberId> {
        let query = Query::Followers { member, page: self.page(), viewer: Viewer::Owner };
        let answer = site.query(query).await.expect("followers are answered");
        let View::MemberIds(ids) = answer.value else { panic!("followers are member ids") };
        assert_eq!(ids.total, ids.items.len());
        ids.items
    }

    pub async fn holders(&self, site: &SiteHandle, badge: BadgeId) -> Vec<MemberId> {
        let query = Query::Holders { badge, page: self.page() };
        let answer = site.query(query).await.expect("holders are answered");
        let View::MemberIds(page) = answer.value else { panic!("holders are member ids") };
        page.items
    }

    pub async fn is_unknown(&self, site: &SiteHandle, badge: BadgeId) -> bool {
        let answer = site.query(Query::Holders { badge, page: self.page() }).await;
        let Err(CallError::Refused(refusal)) = answer else { return false };
        refusal.code() == "BADGE_NOT_FOUND"
    }

    pub async fn nickname(&self, site: &SiteHandle, id: MemberId) -> String {
        let query = Query::Member { id, viewer: Viewer::Owner };
        let answer = site.query(query).await.expect("a member is answered");
        let View::Member(facts) = answer.value else { panic!("a member is a member") };
        facts.profile.nickname.clone().unwrap_or_default()
    }

    /// Runs a checkpoint to its end.
    pub async fn checkpoint(&self, site: &SiteHandle) -> bool {
        loop {
            let (told, outcome) = tokio::sync::oneshot::channel();
            site.supervisor().send(CheckpointNow(told)).await.expect("the supervisor lives");
            // One that runs already answers nobody; then this one is asked for again.
            match outcome.await {
                Ok(is_complete) => return is_complete,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// The sweep lets go of what is cold; a deadline ends the wait.
    pub async fn until_entries_in_memory_are_below(&self, site: &SiteHandle, limit: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let state = self.observe(site).await;
            if state.entries_in_memory < limit {
                return;
            }
            assert!(Instant::now() < deadline, "{state:?} keeps only what is hot");
            tokio::task::yield_now().await;
        }
    }

    pub async fn observe(&self, site: &SiteHandle) -> SiteState {
        site.supervisor().send(ObserveSite).await.expect("the supervisor lives")
    }

    /// Repeats a batch, as a client does, until the site takes it.
    pub async fn until_accepted(&self, site: &SiteHandle, batch: IncrementBatch) -> Ingested {
        loop {
            match site.ingest(batch.clone()).await {
                Ok(answer) => return answer.value,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}
