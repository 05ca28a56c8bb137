//! What the actors of one site share on their arbiter: the machine, and how a turn is brought to
//! its end when parts must be read first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use super::handle::CallError;
use super::loader::Loader;
use super::machine::{Machine, Reply, TurnFailure, send};
use super::snapshot_thread::SnapshotThread;
use crate::core::graph::Taken;
use crate::core::parts::PartKey;
use crate::core::query::{Outcome, Query, View};
use crate::core::turn::Step;
use crate::core::views::Look;
use crate::domain::limits::{CHECKPOINT_LAG_FACTOR_MAX, LOADS_AT_ONCE_MAX, PAGE_IN_ROUNDS_MAX};
use crate::domain::{Command, MemberId, Refusal};
use crate::journal::Journal;
use crate::snapshot::values::slot_of;

pub struct Shared {
    pub machine: RefCell<Machine>,
    pub loader: Loader,
    pub journal: std::sync::Arc<dyn Journal>,
    pub snapshots: SnapshotThread,
    pub options: super::site::SiteOptions,
    /// Told to rebuild; taken up by the supervisor's next tick or message.
    pub rebuild: Rc<Cell<Option<&'static str>>>,
    pub loads: Cell<usize>,
    /// The current slot was read whole since the start.
    pub is_proven: Cell<bool>,
    /// Told whenever a checkpoint is over, well or not.
    pub checkpoint_ended: Notify,
}

/// A command, and whose token it is asked with.
pub struct Wish {
    pub by: Option<MemberId>,
    pub command: Command,
}

/// How far a command or a question came without waiting.
enum Progress<R> {
    Finished,
    Need { reply: R, keys: Vec<PartKey> },
}

impl Shared {
    /// Runs a command to its answer; at once if all is in memory.
    pub fn command(self: &Rc<Self>, wish: Wish, reply: Reply<Outcome>) {
        if let Err(error) = self.machine.borrow().admit() {
            return send(reply, Err(error));
        }
        if let Progress::Need { reply, keys } = self.try_command(&wish, reply) {
            let shared = self.clone();
            actix_rt::spawn(async move { shared.command_with_parts(wish, reply, keys).await });
        }
    }

    /// The same for an actor that lets nobody of its member overtake.
    pub async fn command_in_order(self: Rc<Self>, wish: Wish, reply: Reply<Outcome>) {
        if let Progress::Need { reply, keys } = self.try_command(&wish, reply) {
            self.command_with_parts(wish, reply, keys).await;
        }
    }

    /// Runs a command without waiting; hands it back where parts must be read first.
    pub fn command_at_once(
        &self,
        wish: Wish,
        reply: Reply<Outcome>,
    ) -> Option<(Wish, Reply<Outcome>)> {
        if let Err(error) = self.machine.borrow().admit() {
            send(reply, Err(error));
            return None;
        }
        match self.try_command(&wish, reply) {
            Progress::Finished => None,
            Progress::Need { reply, .. } => Some((wish, reply)),
        }
    }

    fn try_command(&self, wish: &Wish, reply: Reply<Outcome>) -> Progress<Reply<Outcome>> {
        let mut machine = self.machine.borrow_mut();
        if let Some(refusal) = token_refusal(&machine, wish.by) {
            machine.refuse(reply, refusal);
            return Progress::Finished;
        }
        let command = &wish.command;
        match machine.guarded(command.kind(), |site, now| site.turn(command, now)) {
            Err(failure) => send(reply, Err(self.failed(failure))),
            Ok(Step::Refused(refusal)) => machine.refuse(reply, refusal),
            Ok(Step::Done { outcome, commit }) => {
                if let Some(commit) = commit {
                    machine.submit(commit);
                }
                machine.answer(reply, outcome);
            }
            Ok(Step::Need(keys)) => return Progress::Need { reply, keys },
        }
        Progress::Finished
    }

    async fn command_with_parts(
        self: Rc<Self>,
        wish: Wish,
        mut reply: Reply<Outcome>,
        mut keys: Vec<PartKey>,
    ) {
        let mut brought = Vec::new();
        for _ in 0..PAGE_IN_ROUNDS_MAX {
            if let Err(error) = self.bring_in(&keys).await {
                return send(reply, Err(error));
            }
            brought.append(&mut keys);
            match self.try_command(&wish, reply) {
                Progress::Finished => return self.let_go(&brought),
                Progress::Need { reply: same, keys: more } => (reply, keys) = (same, more),
            }
        }
        self.let_go(&brought);
        send(reply, Err(CallError::Busy));
    }

    /// Answers a question, reading parts first where it must; they are let go of afterwards.
    pub fn query(self: &Rc<Self>, query: Query, reply: Reply<View>) {
        if let Progress::Need { reply, keys } = self.try_query(&query, reply) {
            let shared = self.clone();
            actix_rt::spawn(async move { shared.query_with_parts(query, reply, keys).await });
        }
    }

    /// The same with the token of a member, which may outlive it.
    pub fn query_of_member(self: &Rc<Self>, member: MemberId, query: Query, reply: Reply<View>) {
        let machine = self.machine.borrow();
        if let Some(refusal) = token_refusal(&machine, Some(member)) {
            return machine.refuse(reply, refusal);
        }
        drop(machine);
        self.query(query, reply);
    }

    fn try_query(&self, query: &Query, reply: Reply<View>) -> Progress<Reply<View>> {
        let mut machine = self.machine.borrow_mut();
        match machine.guarded("query", |site, _| site.look(query)) {
            Err(failure) => send(reply, Err(self.failed(failure))),
            Ok(Look::Refused(refusal)) => machine.refuse(reply, refusal),
            Ok(Look::Need(keys)) => return Progress::Need { reply, keys },
            Ok(Look::Seen(view)) if is_durable(&machine, query) => machine.answer_now(reply, view),
            Ok(Look::Seen(view)) => machine.answer(reply, view),
        }
        Progress::Finished
    }

    async fn query_with_parts(
        self: Rc<Self>,
        query: Query,
        mut reply: Reply<View>,
        mut keys: Vec<PartKey>,
    ) {
        let mut brought = Vec::new();
        for _ in 0..PAGE_IN_ROUNDS_MAX {
            if let Err(error) = self.bring_in(&keys).await {
                return send(reply, Err(error));
            }
            brought.append(&mut keys);
            match self.try_query(&query, reply) {
                Progress::Finished => return self.let_go(&brought),
                Progress::Need { reply: same, keys: more } => (reply, keys) = (same, more),
            }
        }
        self.let_go(&brought);
        send(reply, Err(CallError::Busy));
    }

    /// Drops from memory what the current snapshot holds in its newest state.
    pub fn let_go(&self, keys: &[PartKey]) {
        let outcome = self.machine.borrow_mut().guarded("page out", |site, _| site.page_out(keys));
        outcome.unwrap_or_else(|failure| drop(self.failed(failure)));
    }

    /// True while bulk work has to wait: too much of it is in no snapshot yet.
    pub fn lags(&self) -> bool {
        let growth = self.options.checkpoint_log_bytes_max as u64;
        let lag_max = growth.saturating_mul(CHECKPOINT_LAG_FACTOR_MAX);
        self.machine.borrow().tail().lag() > lag_max
    }

    /// Reads parts that are missing and hands them to the machine.
    pub async fn bring_in(&self, keys: &[PartKey]) -> Result<(), CallError> {
        if self.loads.get() >= LOADS_AT_ONCE_MAX {
            return Err(CallError::Busy);
        }
        self.loads.set(self.loads.get() + 1);
        let outcome = self.load(keys).await;
        self.loads.set(self.loads.get() - 1);
        outcome
    }

    async fn load(&self, keys: &[PartKey]) -> Result<(), CallError> {
        let (generation, asked) = {
            let machine = self.machine.borrow();
            let site = machine.site().ok_or(CallError::Undone)?;
            (machine.generation(), site.current_snapshot())
        };
        let Some((slot, _)) = asked else {
            tracing::error!("parts are missing though no snapshot was ever taken");
            return Err(CallError::Internal);
        };
        let loaded = self.loader.load(slot_of(slot), keys.to_vec()).await;
        let mut machine = self.machine.borrow_mut();
        let current = machine.site().and_then(|site| site.current_snapshot());
        // What happened meanwhile makes the asker ask again, it is no damage.
        let moved_on = machine.generation() != generation || current != asked;
        match loaded {
            Err(_) if moved_on => Ok(()),
            Err(damaged) => {
                tracing::error!(%damaged, "a snapshot is damaged, the site is rebuilt: {damaged}");
                Err(self.give_up("a snapshot is damaged", damaged))
            }
            Ok(parts) => {
                for (key, commit, part) in parts {
                    let taken =
                        machine.guarded("page in", |site, _| site.page_in(key, commit, part));
                    match taken {
                        Ok(Taken::In) => {}
                        Ok(Taken::Stale) if moved_on => {}
                        Ok(Taken::Stale) => {
                            drop(machine);
                            let damaged = self.loader.stale(slot_of(slot), key);
                            tracing::error!(%damaged, "a snapshot is stale: {damaged}");
                            return Err(self.give_up("a snapshot is stale", damaged));
                        }
                        Err(failure) => return Err(self.failed(failure)),
                    }
                }
                Ok(())
            }
        }
    }

    /// A snapshot cannot be trusted: it is moved aside before the site is rebuilt.
    pub fn give_up(&self, why: &'static str, damaged: crate::snapshot::Damaged) -> CallError {
        let (store, rebuild) = (self.loader.store().clone(), self.rebuild.clone());
        let moved = actix_rt::task::spawn_blocking(move || store.set_aside_damaged(&damaged));
        actix_rt::spawn(async move {
            if let Ok(Err(error)) = moved.await {
                tracing::error!(%error, "a damaged snapshot could not be moved aside: {error}");
            }
            // Only now: a rebuild that begins before it is gone would read it again.
            rebuild.set(Some(why));
        });
        CallError::Undone
    }

    /// What a caller is told of a turn that did not happen.
    pub fn failed(&self, failure: TurnFailure) -> CallError {
        match failure {
            TurnFailure::Call(error) => error,
            TurnFailure::Torn => {
                self.rebuild.set(Some("a turn panicked while it changed the state"));
                CallError::Internal
            }
        }
    }
}

/// Why the token that something is asked with opens nothing.
fn token_refusal(machine: &Machine, by: Option<MemberId>) -> Option<Refusal> {
    machine.site()?.token_refusal(by?)
}

/// A read of one member may leave at once where the member's last change is durable.
fn is_durable(machine: &Machine, query: &Query) -> bool {
    let Query::Member { id, .. } = query else { return false };
    let Some(site) = machine.site() else { return false };
    let durable = machine.log().durable().commit;
    site.find_member(*id).is_some_and(|member| site.member_commit(member) <= durable)
}
