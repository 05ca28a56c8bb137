//! The site supervisor: owns a site's machine, activates and passivates member actors, runs the
//! ingest lane and the site's timers, rebuilds after a failure.

mod background;
mod checkpoints;
mod ingest;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{Notify, oneshot};

use super::clock::Clock;
use super::disk::DiskReserve;
use super::handle::{CallError, HandleCore};
use super::import;
use super::loader::Loader;
use super::log_tail::LogTail;
use super::machine::{Machine, Reply, send};
use super::member::{MemberActor, Passivate, Turn};
use super::shared::{Shared, Wish};
use super::snapshot_thread::SnapshotThread;
use crate::core::query::{Imported, Ingested, Outcome, Query, View};
use crate::core::site::Site;
use crate::domain::command::{IncrementBatch, NewMember};
use crate::domain::limits::{IMPORTS_AT_ONCE_MAX, MEMBERS_HOT_MAX, SITE_MAILBOX_MAX};
use crate::domain::{MemberId, MemberOrdinal};
use crate::journal::{Journal, SiteLog};
use crate::snapshot::SnapshotStore;
use crate::snapshot::recovery::recover;

/// How a site is run.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Bytes of commits after which the next checkpoint begins.
    pub checkpoint_log_bytes_max: usize,
    /// Members whose actors stay active.
    pub members_hot_max: usize,
    /// Pace of counter reports.
    pub report_pace_ms: u64,
    /// What stays free of the disk; `None` to leave it alone.
    pub disk: Option<DiskReserve>,
}

impl Default for SiteOptions {
    fn default() -> SiteOptions {
        SiteOptions {
            checkpoint_log_bytes_max: 128 * 1_024 * 1_024,
            members_hot_max: MEMBERS_HOT_MAX,
            report_pace_ms: 1_000,
            disk: None,
        }
    }
}

/// Everything a supervisor is made of; sent to its arbiter.
pub struct SiteParts {
    pub site: Site,
    pub log: SiteLog,
    pub generation: u64,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<SnapshotStore>,
    pub journal: Arc<dyn Journal>,
    pub snapshots: SnapshotThread,
    pub options: SiteOptions,
    pub core: Arc<HandleCore>,
    /// What was replayed when the site was recovered.
    pub replayed_bytes: u64,
}

pub struct SiteSupervisor {
    shared: Rc<Shared>,
    core: Arc<HandleCore>,
    members: HashMap<u32, Active, foldhash::fast::RandomState>,
    ticks: u64,
    imports: Rc<Cell<usize>>,
    /// Batches that wait, in order, until the snapshots have caught up.
    ingests: VecDeque<Ingest>,
    checkpointing: Rc<Cell<bool>>,
    working_off: Rc<Cell<bool>>,
    rebuilding: bool,
}

struct Active {
    address: Addr<MemberActor>,
    last_tick: u64,
}

const TICK: Duration = Duration::from_millis(100);

#[derive(Message)]
#[rtype(result = "()")]
pub struct Do {
    pub wish: Wish,
    pub reply: Reply<Outcome>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct Ask {
    /// Whose token it is asked with.
    pub member: Option<MemberId>,
    pub query: Query,
    pub reply: Reply<View>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct Ingest {
    pub batch: IncrementBatch,
    pub reply: Reply<Ingested>,
}

/// An import, line by line with the line's position.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Import {
    pub lines: ImportLines,
    pub reply: Reply<Imported>,
}

pub enum ImportLines {
    Members(Vec<(u32, NewMember)>),
    Follows(Vec<(u32, MemberId, MemberId)>),
}

/// What the supervisor holds, for tests and the console.
#[derive(Message)]
#[rtype(result = "SiteState")]
pub struct ObserveSite;

#[derive(Clone, Debug, PartialEq, Eq, MessageResponse)]
pub struct SiteState {
    pub members: usize,
    pub members_active: usize,
    pub entries_in_memory: usize,
    pub commit: u64,
    pub seq: u64,
    pub generation: u64,
}

/// Asks for a checkpoint now; answered when it is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CheckpointNow(pub oneshot::Sender<bool>);

/// Runs a turn for an inspector: reads, changes nothing.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Inspect(pub Box<dyn FnOnce(Option<&Site>) + Send>);

impl SiteSupervisor {
    pub fn new(parts: SiteParts) -> SiteSupervisor {
        let loader = Loader::new(parts.store, parts.site.id());
        let mut machine = Machine::new(parts.site, parts.log, parts.clock, parts.generation);
        *machine.tail_mut() = LogTail::replayed(parts.replayed_bytes);
        let shared = Rc::new(Shared {
            machine: RefCell::new(machine),
            loader,
            journal: parts.journal,
            snapshots: parts.snapshots,
            options: parts.options,
            rebuild: Rc::new(Cell::new(None)),
            loads: Cell::new(0),
            is_proven: Cell::new(false),
            checkpoint_ended: Notify::new(),
        });
        SiteSupervisor {
            shared,
            core: parts.core,
            members: HashMap::default(),
            ticks: 0,
            imports: Rc::new(Cell::new(0)),
            ingests: VecDeque::new(),
            checkpointing: Rc::new(Cell::new(false)),
            working_off: Rc::new(Cell::new(false)),
            rebuilding: false,
        }
    }

    /// The actor of a member; it is started on first use.
    fn activate(&mut self, member: MemberOrdinal) -> Addr<MemberActor> {
        let (ticks, shared) = (self.ticks, &self.shared);
        let active = self.members.entry(member.0).or_insert_with(|| Active {
            address: MemberActor::new(member, shared.clone()).start(),
            last_tick: ticks,
        });
        active.last_tick = ticks;
        active.address.clone()
    }

    /// Passivates those that were not used for longest, down to the limit.
    fn sweep(&mut self) {
        let hot_max = self.shared.options.members_hot_max;
        if self.members.len() <= hot_max {
            return;
        }
        let mut ages: Vec<u64> = self.members.values().map(|active| active.last_tick).collect();
        let cut = ages.len() - hot_max;
        let (_, oldest_kept, _) = ages.select_nth_unstable(cut);
        let (oldest_kept, mut surplus) = (*oldest_kept, cut);
        self.members.retain(|_, active| {
            let goes = surplus > 0 && active.last_tick <= oldest_kept;
            if goes && active.address.try_send(Passivate).is_ok() {
                surplus -= 1;
                return false;
            }
            true
        });
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        self.ticks += 1;
        if let Some(why) = self.shared.rebuild.take() {
            self.rebuild(why, context);
        }
        if self.rebuilding {
            return;
        }
        self.sweep();
        self.follow_listeners();
        self.check_disk();
        background::work_off(&self.shared, &self.working_off);
        let report_ticks = (self.shared.options.report_pace_ms / TICK.as_millis() as u64).max(1);
        if self.ticks.is_multiple_of(report_ticks) {
            background::report_counters(&self.shared);
        }
        if self.is_checkpoint_due() {
            self.start_checkpoint(None);
        }
        self.take_in_waiting();
        let site = self.shared.machine.borrow().id().to_string();
        let active = metrics::gauge!("site_members_active_count", "site" => site);
        active.set(self.members.len() as f64);
    }

    fn follow_listeners(&self) {
        let listeners = self.core.listeners();
        let mut machine = self.shared.machine.borrow_mut();
        let set = machine.guarded("listeners", |site, _| site.set_live_listeners(listeners));
        set.unwrap_or_else(|failure| drop(self.shared.failed(failure)));
    }

    fn check_disk(&self) {
        let Some(Ok(is_full)) = self.shared.options.disk.as_ref().map(DiskReserve::is_touched)
        else {
            return;
        };
        self.shared.machine.borrow_mut().set_disk_is_full(is_full);
    }

    /// Throws the state away and builds it again from what is durable.
    fn rebuild(&mut self, why: &'static str, context: &mut Context<Self>) {
        if self.rebuilding {
            return;
        }
        self.rebuilding = true;
        self.core.set_rebuilding(true);
        let id = self.shared.machine.borrow().id();
        tracing::error!(site = %id, why, "site {id} is rebuilt: {why}");
        self.shared.machine.borrow_mut().discard();
        for (_, active) in self.members.drain() {
            // A full mailbox ends with its actor when the last address is gone.
            active.address.try_send(Passivate).unwrap_or_default();
        }
        let shared = self.shared.clone();
        let recovering = async move {
            let log = shared.machine.borrow().log().clone();
            log.settled().await;
            let (store, journal) = (shared.loader.store().clone(), shared.journal.clone());
            shared
                .snapshots
                .run(move |runtime| runtime.block_on(recover(&store, &*journal, id)))
                .await
        };
        context.spawn(recovering.into_actor(self).map(|outcome, supervisor, _| match outcome {
            Ok(Ok(recovered)) => {
                let mut machine = supervisor.shared.machine.borrow_mut();
                machine.replace(recovered);
                supervisor.rebuilding = false;
                supervisor.core.set_rebuilding(false);
                metrics::counter!("site_rebuilds_total").increment(1);
            }
            Ok(Err(error)) => give_up(&error.to_string()),
            Err(error) => give_up(&error.to_string()),
        }));
    }
}

/// What is durable cannot be read back: going on would be guessing.
fn give_up(why: &str) -> ! {
    eprintln!("guildhall: a site could not be rebuilt: {why}");
    std::process::exit(78);
}

impl Actor for SiteSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(SITE_MAILBOX_MAX);
        self.check_disk();
        context.run_interval(TICK, |supervisor, context| supervisor.tick(context));
        let failures = self.shared.machine.borrow().log().failures();
        let watch = async_watch(failures, context.address());
        context.spawn(watch.into_actor(self));
    }
}

/// Tells the supervisor when the writer lost what this generation handed over.
async fn async_watch(
    mut failures: tokio::sync::watch::Receiver<Option<u64>>,
    supervisor: Addr<SiteSupervisor>,
) {
    while failures.changed().await.is_ok() {
        let failed = *failures.borrow_and_update();
        if failed.is_some() && supervisor.send(GenerationFailed).await.is_err() {
            return;
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct GenerationFailed;

impl Handler<GenerationFailed> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, _: GenerationFailed, context: &mut Context<Self>) {
        self.rebuild("the journal did not take its commits", context);
    }
}

impl Handler<Do> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: Do, _: &mut Context<Self>) {
        let Do { wish, reply } = message;
        let member = wish.command.acting_member().and_then(|id| {
            let machine = self.shared.machine.borrow();
            machine.site().and_then(|site| site.find_member(id))
        });
        let Some(member) = member else { return self.shared.command(wish, reply) };
        let address = self.activate(member);
        if let Err(refused) = address.try_send(Turn { wish, reply }) {
            let (Turn { reply, .. }, error) = match refused {
                SendError::Full(turn) => (turn, CallError::Busy),
                SendError::Closed(turn) => (turn, CallError::Undone),
            };
            self.members.remove(&member.0);
            send(reply, Err(error));
        }
    }
}

impl Handler<Ask> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: Ask, _: &mut Context<Self>) {
        let Ask { member, query, reply } = message;
        match member {
            Some(member) => self.shared.query_of_member(member, query, reply),
            None => self.shared.query(query, reply),
        }
    }
}

impl Handler<Import> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: Import, _: &mut Context<Self>) {
        let Import { lines, reply } = message;
        if self.imports.get() >= IMPORTS_AT_ONCE_MAX {
            return send(reply, Err(CallError::Busy));
        }
        self.imports.set(self.imports.get() + 1);
        let (shared, imports) = (self.shared.clone(), self.imports.clone());
        actix_rt::spawn(async move {
            match import::run(&shared, lines).await {
                Ok(imported) => shared.machine.borrow().answer(reply, imported),
                Err(error) => send(reply, Err(error)),
            }
            imports.set(imports.get() - 1);
        });
    }
}

impl Handler<Inspect> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: Inspect, _: &mut Context<Self>) {
        message.0(self.shared.machine.borrow().site());
    }
}

impl Handler<ObserveSite> for SiteSupervisor {
    type Result = MessageResult<ObserveSite>;

    fn handle(&mut self, _: ObserveSite, _: &mut Context<Self>) -> Self::Result {
        let machine = self.shared.machine.borrow();
        let site = machine.site();
        MessageResult(SiteState {
            members: site.map_or(0, Site::members_len),
            members_active: self.members.len(),
            entries_in_memory: site.map_or(0, Site::entries_len),
            commit: site.map_or(0, Site::commit),
            seq: site.map_or(0, Site::seq),
            generation: machine.generation(),
        })
    }
}
