//! A site in a temporary directory that pages and checkpoints all the time, with members who do
//! everything there is to do, in an order that a seed decides.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall::actors::clock::SystemClock;
use guildhall::actors::handle::{CallError, SiteHandle};
use guildhall::actors::runtime::{RuntimeParts, SiteRuntime};
use guildhall::actors::site::{CheckpointNow, ObserveSite, SiteOptions};
use guildhall::actors::snapshot_thread::SnapshotThread;
use guildhall::actors::verify::{Ground, SiteReport, verify_running, verify_stopped};
use guildhall::domain::command::{
    IncrementBatch, IncrementLine, ItemDetails, NewBadge, NewMember, ProducerPosition, ProfilePatch,
};
use guildhall::domain::event::BadgeRule;
use guildhall::domain::profile::{PrivacyStatus, Profile};
use guildhall::domain::{AppId, BadgeId, Command, ItemKey, MemberId, OpId, SiteId};
use guildhall::journal::{Embedded, EmbeddedOptions, Writer, WriterOptions};
use guildhall::snapshot::{SnapshotOptions, SnapshotStore};
use uuid::Uuid;

const MEMBERS_HOT_MAX: usize = 5;

pub struct Yard {
    directory: tempfile::TempDir,
    pub site: SiteId,
    pub stretch_ordinals: u32,
    running: Option<Running>,
    members: RefCell<Vec<MemberId>>,
    items: RefCell<Vec<ItemKey>>,
    badges: RefCell<Vec<BadgeId>>,
    batches: Cell<u64>,
    dice: Cell<u64>,
}

struct Running {
    runtime: SiteRuntime,
    ground: Ground,
}

impl Yard {
    pub fn new() -> Yard {
        Yard {
            directory: tempfile::tempdir().expect("a temporary directory"),
            site: SiteId::from_u128(1),
            stretch_ordinals: 65_536,
            running: None,
            members: RefCell::default(),
            items: RefCell::default(),
            badges: RefCell::default(),
            batches: Cell::new(0),
            dice: Cell::new(8_412),
        }
    }

    pub fn snapshots(&self) -> PathBuf {
        self.directory.path().join("snapshots")
    }

    pub fn badges(&self) -> Vec<BadgeId> {
        self.badges.borrow().clone()
    }

    fn ground(&self) -> Ground {
        let data = self.directory.path().join("data");
        let journal = Embedded::open(&data, EmbeddedOptions::default()).expect("the journal opens");
        let (store, findings) = SnapshotStore::open(&self.snapshots(), SnapshotOptions::default())
            .expect("the snapshots open");
        assert!(findings.is_empty(), "{findings:?}");
        let ground = Ground::new(Arc::new(journal), Arc::new(store), self.site);
        Ground { stretch_ordinals: self.stretch_ordinals, ..ground }
    }

    pub async fn start(&mut self) -> SiteHandle {
        let ground = self.ground();
        let runtime = SiteRuntime::new(RuntimeParts {
            writer: Writer::start(ground.journal.clone(), WriterOptions::default()),
            journal: ground.journal.clone(),
            store: ground.store.clone(),
            snapshots: SnapshotThread::start().expect("the snapshot thread starts"),
            clock: Arc::new(SystemClock::start()),
            options: SiteOptions {
                checkpoint_log_bytes_max: 20_000,
                members_hot_max: MEMBERS_HOT_MAX,
                ..SiteOptions::default()
            },
            arbiters: 1,
        });
        let site = runtime.start(self.site).await.expect("the site starts");
        self.running = Some(Running { runtime, ground });
        site
    }

    pub async fn stop(&mut self) {
        let Running { runtime, ground } = self.running.take().expect("it runs");
        runtime.stop().await;
        drop(runtime);
        // Files are locked until the last thread of the site lets go of them.
        let deadline = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&ground.journal) > 1 || Arc::strong_count(&ground.store) > 1 {
            assert!(Instant::now() < deadline, "the site lets go of its files");
            tokio::task::yield_now().await;
        }
    }

    pub async fn restart(&mut self) -> SiteHandle {
        self.stop().await;
        self.start().await
    }

    pub async fn verify(&self, site: &SiteHandle) -> SiteReport {
        let running = self.running.as_ref().expect("it runs");
        verify_running(running.ground.clone(), site.clone()).await.expect("the check ends")
    }

    pub async fn verify_stopped(&self) -> SiteReport {
        verify_stopped(self.ground()).await.expect("the check ends")
    }

    pub async fn first_commit(&self) -> u64 {
        let running = self.running.as_ref().expect("it runs");
        running.ground.journal.position(self.site).await.expect("a position").first_commit
    }

    /// Runs a checkpoint to its end.
    pub async fn checkpoint(&self, site: &SiteHandle) {
        loop {
            let (told, outcome) = tokio::sync::oneshot::channel();
            site.supervisor().send(CheckpointNow(told)).await.expect("the supervisor lives");
            // One that runs already answers nobody; then this one is asked for again.
            match outcome.await {
                Ok(is_complete) => return assert!(is_complete, "the checkpoint completes"),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Actors rest, and what they held is in a snapshot and nowhere else.
    pub async fn until_cold(&self, site: &SiteHandle) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let observed = site.supervisor().send(ObserveSite).await;
            let state = observed.expect("the supervisor lives");
            if state.entries_in_memory <= 2 * MEMBERS_HOT_MAX {
                return;
            }
            assert!(Instant::now() < deadline, "{state:?} keeps only what is hot");
            if state.members_active <= MEMBERS_HOT_MAX {
                self.checkpoint(site).await;
            }
            tokio::task::yield_now().await;
        }
    }

    fn roll(&self, sides: usize) -> usize {
        let mut state = self.dice.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.dice.set(state);
        (state % sides as u64) as usize
    }

    fn someone(&self) -> MemberId {
        let members = self.members.borrow();
        members[self.roll(members.len())]
    }

    fn something(&self) -> ItemKey {
        let items = self.items.borrow();
        items[self.roll(items.len())].clone()
    }

    /// Members, items, badges with rules, and a first round of everything.
    pub async fn populate(&self, site: &SiteHandle, members: usize) {
        for number in 0..members {
            let id = MemberId::from(Uuid::new_v4());
            let nickname = Some(format!("Member {number}"));
            let new = NewMember {
                id,
                login_email: Some(format!("m{number}@example.org")),
                profile: Profile { nickname, ..Profile::default() },
                privacy: Some(PrivacyStatus::Public),
                status: None,
                activity: None,
                origin: guildhall::domain::event::MemberOrigin::Creation,
                created_at: None,
            };
            self.done(site, Command::CreateMember(Box::new(new))).await;
            self.members.borrow_mut().push(id);
        }
        for number in 0..members / 2 {
            let item = ItemKey { app: AppId::site_code(), item: format!("item {number}") };
            let author = (number % 5 > 0).then(|| self.someone());
            let details = ItemDetails { author, ..ItemDetails::default() };
            self.done(site, Command::PutItem { item: item.clone(), details }).await;
            self.items.borrow_mut().push(item);
        }
        for reaches in [3, 20] {
            let id = self.badge(site, AppId::site_code(), "visits", reaches).await;
            self.badges.borrow_mut().push(id);
        }
        self.badge(site, AppId::built_in(), "likes.received", 2).await;
        self.churn(site, members * 4).await;
    }

    async fn badge(&self, site: &SiteHandle, app: AppId, key: &str, reaches: i64) -> BadgeId {
        let id = BadgeId::from(Uuid::new_v4());
        let new = NewBadge {
            id,
            title: format!("{key} {reaches}"),
            description: None,
            background_color: "#000000".to_owned(),
            text_color: "#ffffff".to_owned(),
            icon: None,
            permissions_enabled: false,
            rule: Some(BadgeRule { app, key: key.to_owned(), reaches }),
        };
        self.done(site, Command::CreateBadge(Box::new(new))).await;
        id
    }

    /// So many changes of all kinds, several under way at a time.
    pub async fn churn(&self, site: &SiteHandle, changes: usize) {
        let mut left = changes;
        while left > 0 {
            let round = left.min(20);
            let all = (0..round).map(|_| self.change(site));
            futures_util::future::join_all(all).await;
            left -= round;
        }
    }

    async fn change(&self, site: &SiteHandle) {
        let (one, other, item) = (self.someone(), self.someone(), self.something());
        let command = match self.roll(10) {
            0 | 1 => Command::Follow { follower: one, followed: other },
            2 => Command::Unfollow { follower: one, followed: other },
            3 | 4 => Command::Like { liker: one, item },
            5 => Command::Unlike { liker: one, item },
            6 => {
                let nickname = Some(Some(format!("Renamed {}", self.roll(1_000))));
                let patch = Box::new(ProfilePatch { nickname, ..ProfilePatch::default() });
                Command::UpdateProfile { member: one, patch }
            }
            7 => Command::IncrementCounter {
                app: AppId::site_code(),
                member: one,
                key: "visits".to_owned(),
                delta: 1,
                op_id: Some(OpId(*Uuid::new_v4().as_bytes())),
            },
            8 => {
                let (app, public) = (AppId::site_code(), self.roll(2) == 0);
                let (key, count) = (format!("set {}", self.roll(6)), self.roll(9) as i64);
                Command::SetCounter { app, member: one, key, public, count }
            }
            _ => return self.ingest(site).await,
        };
        self.done(site, command).await;
    }

    /// A batch with operation ids, or numbered by its producer.
    async fn ingest(&self, site: &SiteHandle) {
        let lines = (0..20).map(|index| IncrementLine {
            member: self.someone(),
            delta: 1 + i64::from(index % 2),
            index,
            key: (index % 2) as u16,
        });
        let lines: Vec<IncrementLine> = lines.collect();
        let is_numbered = self.roll(2) == 0;
        let ids = || lines.iter().map(|_| Some(OpId(*Uuid::new_v4().as_bytes()))).collect();
        let op_ids = if is_numbered { Vec::new() } else { ids() };
        self.batches.set(self.batches.get() + 1);
        // A producer of its own: batches that are under way together have no order.
        let producer = format!("producer {}", self.batches.get());
        let producer = is_numbered.then_some(ProducerPosition { producer, n: 1 });
        let batch = IncrementBatch {
            app: Some(AppId::site_code()),
            producer,
            keys: vec!["visits".to_owned(), "clicks".to_owned()],
            lines,
            op_ids,
            faults: Vec::new(),
        };
        match site.ingest(batch).await {
            Ok(answer) => assert_eq!(answer.value.errors, Vec::new()),
            Err(error) => panic!("a batch is counted: {error}"),
        }
    }

    /// A refusal is an answer too: somebody may well follow themselves here.
    async fn done(&self, site: &SiteHandle, command: Command) {
        loop {
            match site.command(command.clone()).await {
                Ok(_) | Err(CallError::Refused(_)) => return,
                Err(CallError::Busy) => tokio::task::yield_now().await,
                Err(error) => panic!("{command:?} is answered: {error}"),
            }
        }
    }
}
