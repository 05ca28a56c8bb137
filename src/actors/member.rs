//! One actor per active member. It owns its member's entry while it lives: every command of that
//! member is decided in its turn, in order, and the entry stays in memory.

use std::rc::Rc;

use actix::prelude::*;

use super::machine::Reply;
use super::shared::{Shared, Wish};
use crate::core::entries::Activity;
use crate::core::query::Outcome;
use crate::domain::MemberOrdinal;
use crate::domain::limits::MEMBER_MAILBOX_MAX;

pub struct MemberActor {
    member: MemberOrdinal,
    shared: Rc<Shared>,
    commands: u64,
}

/// A command of this member.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Turn {
    pub wish: Wish,
    pub reply: Reply<Outcome>,
}

/// The supervisor's sweep: the member was not used for long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Passivate;

/// What the actor holds, for tests and the console.
#[derive(Message)]
#[rtype(result = "MemberState")]
pub struct ObserveMember;

#[derive(Clone, Copy, Debug, PartialEq, Eq, MessageResponse)]
pub struct MemberState {
    pub member: MemberOrdinal,
    pub commands: u64,
    pub holds_entry: bool,
}

impl MemberActor {
    pub fn new(member: MemberOrdinal, shared: Rc<Shared>) -> MemberActor {
        MemberActor { member, shared, commands: 0 }
    }

    fn set_activity(&self, activity: Activity) {
        let member = self.member;
        let mut machine = self.shared.machine.borrow_mut();
        let set = machine.guarded("activity", |site, _| site.set_active(member, activity));
        set.unwrap_or_else(|failure| drop(self.shared.failed(failure)));
    }
}

impl Actor for MemberActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MEMBER_MAILBOX_MAX);
        self.set_activity(Activity::Active);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.set_activity(Activity::Passive);
    }
}

impl Handler<Turn> for MemberActor {
    type Result = ();

    fn handle(&mut self, turn: Turn, context: &mut Context<Self>) {
        self.commands += 1;
        let waiting = self.shared.command_at_once(turn.wish, turn.reply);
        if let Some((wish, reply)) = waiting {
            // Parts are read first; the mailbox rests, so nobody of this member overtakes.
            let ordered = self.shared.clone().command_in_order(wish, reply);
            context.wait(ordered.into_actor(self));
        }
    }
}

impl Handler<Passivate> for MemberActor {
    type Result = ();

    fn handle(&mut self, _: Passivate, context: &mut Context<Self>) {
        context.stop();
    }
}

impl Handler<ObserveMember> for MemberActor {
    type Result = MessageResult<ObserveMember>;

    fn handle(&mut self, _: ObserveMember, _: &mut Context<Self>) -> Self::Result {
        let machine = self.shared.machine.borrow();
        let holds_entry = machine.site().is_some_and(|site| site.holds_entry(self.member));
        MessageResult(MemberState { member: self.member, commands: self.commands, holds_entry })
    }
}
