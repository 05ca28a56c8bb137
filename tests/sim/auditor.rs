//! Holds what was answered against what is durable. Knows of a turn only what its caller would:
//! what was asked, what was told, and which commit the answer depends on.

use std::collections::{BTreeMap, VecDeque};

use guildhall::core::dump::Dump;
use guildhall::core::query::{Imported, Ingested, Outcome, View};
use guildhall::domain::{AppId, Command, Commit, MemberId, Refusal, Timestamp};

use crate::ledger::Ledger;
use crate::model::{Count, CounterKey, Model};
use crate::requests::{Request, SharedRequest};
use crate::rules::{Expected, Fact, Predicted, facts_of};

/// What a caller is told.
#[derive(Clone, Debug)]
pub enum Told {
    Outcome(Outcome),
    Ingested(Ingested),
    Imported(Imported),
    View(View),
    Refused(Refusal),
    /// The site's own work has no caller.
    Nothing,
}

/// One turn, as its caller saw it.
#[derive(Clone, Debug)]
pub struct Turn {
    pub request: SharedRequest,
    /// The commit that it made.
    pub made: Option<u64>,
    /// The site's commit when it was told.
    pub saw: u64,
    pub told: Told,
}

#[derive(Default)]
pub struct Auditor {
    pub model: Model,
    pub ledger: Ledger,
    turns: VecDeque<Turn>,
}

impl Auditor {
    /// A turn was run; what it did is judged once it is durable.
    pub fn turned(&mut self, turn: Turn) {
        if turn.made.is_none() && turn.saw <= self.model.commit && self.turns.is_empty() {
            assert_eq!(turn.saw, self.model.commit, "a turn sees all that is durable");
            return self.judge_quiet(&turn);
        }
        self.turns.push_back(turn);
    }

    /// One more commit is durable.
    pub fn durable(&mut self, commit: &Commit) {
        let maker = self.turns.pop_front().expect("a commit has a turn that made it");
        assert_eq!(maker.made, Some(commit.number), "{:?} made a commit", maker.request.name());
        let predicted = self.model.predict(&maker.request);
        let mut facts = facts_of(&self.model, commit);
        match &*maker.request {
            Request::Report => assert!(facts.iter().all(|fact| matches!(fact, Fact::Reported(_)))),
            Request::WorkOff => self.judge_work(&facts, commit.time),
            request => {
                let Ok(mut expected) = predicted.clone() else {
                    panic!("{request:?} did {facts:?} and should be refused as {predicted:?}")
                };
                facts.sort();
                expected.facts.sort();
                assert_eq!(facts, expected.facts, "what {request:?} did, and what it should do");
            }
        }
        self.model.fold(commit);
        self.judge_told(&maker, &predicted);
        while let Some(turn) = self.turns.pop_front_if(|turn| turn.made.is_none()) {
            if turn.saw > self.model.commit {
                self.turns.push_front(turn);
                break;
            }
            self.judge_quiet(&turn);
        }
    }

    pub fn judge_end(&self) {
        assert!(self.turns.is_empty(), "every turn is durable in the end");
        self.ledger.judge(&self.model);
    }

    /// What is not durable by now never will be.
    pub fn lost(&mut self) {
        self.turns.clear();
    }

    /// What a site does of its own accord ends what deleted badges and members left behind.
    fn judge_work(&self, facts: &[Fact], now: Timestamp) {
        let gone = |member: &MemberId| self.model.gone.contains_key(member);
        for fact in facts {
            let is_due = match fact {
                Fact::Revoked(badge, _) => self.model.badges_deleted.contains(badge),
                Fact::Unfollowed(follower, followed) => gone(follower) || gone(followed),
                Fact::Ruled(name, member) => self.model.is_lapsed(name, *member, now),
                Fact::Unliked(liker, _) | Fact::Erased(liker) => gone(liker),
                _ => false,
            };
            assert!(is_due, "{fact:?} is nothing that was left to do");
        }
    }

    /// A turn that made no commit: a refusal, a question, or something that was so already.
    fn judge_quiet(&self, turn: &Turn) {
        let predicted = self.model.predict(&turn.request);
        if let Ok(expected) = &predicted {
            let nothing: &[Fact] = &[];
            assert_eq!(expected.facts, nothing, "{:?} changed nothing", turn.request);
        }
        self.judge_told(turn, &predicted);
    }

    fn judge_told(&self, turn: &Turn, predicted: &Predicted) {
        let request = &turn.request;
        match (&turn.told, predicted) {
            (Told::Nothing, _) => {}
            (Told::Refused(refusal), Err(code)) => assert_eq!(refusal.code(), *code),
            (Told::Refused(refusal), Ok(_)) => panic!("{request:?} was refused: {refusal}"),
            (told, Err(code)) => panic!("{request:?} was told {told:?}, not refused as {code}"),
            (Told::View(view), Ok(_)) => match &**request {
                Request::Query(query) => self.model.check_view(query, view),
                other => panic!("{} is no question", other.name()),
            },
            (Told::Ingested(told), Ok(expected)) => {
                assert_eq!(told.accepted, expected.accepted, "lines of {request:?} accepted");
                assert_eq!(told.duplicates, expected.duplicates, "lines of {request:?} repeated");
                let faults = told.errors.iter().map(|fault| (fault.index, fault.code));
                assert_eq!(faults.collect::<Vec<_>>(), expected.faults, "faults of {request:?}");
            }
            (Told::Imported(told), Ok(expected)) => {
                assert_eq!(told.ids.iter().flatten().count(), expected.accepted, "imported lines");
                let faults = told.errors.iter().map(|fault| (fault.index, fault.code));
                assert_eq!(faults.collect::<Vec<_>>(), expected.faults, "faults of {request:?}");
            }
            (Told::Outcome(outcome), Ok(expected)) => match &**request {
                Request::Command(command) => self.judge_outcome(command, outcome, expected),
                other => panic!("{} is no command", other.name()),
            },
        }
    }

    fn judge_outcome(&self, command: &Command, outcome: &Outcome, expected: &Expected) {
        let model = &self.model;
        match outcome {
            Outcome::Done => {}
            Outcome::Member(facts) => assert_eq!(*facts, model.members[&facts.id].facts),
            Outcome::Item(view) => model.check_item(&view.item, view),
            Outcome::Counters { counters, duplicate } => {
                assert_eq!(*duplicate, expected.duplicates > 0, "{command:?} is a repeat");
                let own = model.counters.iter().filter(|((member, app, _), _)| {
                    (*member, app) == (counters.member, &counters.app)
                });
                let own: Vec<_> = own.map(|((_, _, key), c)| (key, c.public, c.count)).collect();
                let told = counters.counters.iter().map(|c| (&c.key, c.public, c.count));
                assert_eq!(told.collect::<Vec<_>>(), own, "counters after {command:?}");
            }
            Outcome::Badges(badges) => model.judge_order(command, badges),
            Outcome::Assignments(results) => model.judge_assignments(command, results),
            Outcome::Badge(badge) => assert_eq!(*badge, model.badges[&badge.id]),
            Outcome::Assignment(one) => {
                assert_eq!(model.held.get(&(one.badge, one.member)), Some(&one.id));
            }
            Outcome::About(about) => {
                let known = model.abouts.get(&about.member).map(|known| &**known);
                assert_eq!(known, Some(about), "an about that is answered");
            }
            Outcome::Setting(step) => model.check_setting(step),
            Outcome::Report(report) => {
                let known = model.member_reports.values().any(|one| one == report);
                assert!(known, "a report that is answered");
            }
            Outcome::Endpoint(endpoint) => {
                let known = &model.endpoints[&endpoint.id];
                assert_eq!(endpoint.disabled, known.disabled, "an endpoint that is answered");
            }
        }
    }

    /// The whole state of a machine, member by member and item by item.
    pub fn judge_dump(&self, dump: &Dump) {
        let model = &self.model;
        assert_eq!((dump.commit, dump.seq), (model.commit, model.seq()), "commit and seq");
        let ids: Vec<MemberId> = dump.members.iter().map(|member| member.facts.id).collect();
        assert_eq!(ids, model.member_order, "members by ordinal");
        let named = |ordinals: &[u32]| -> Vec<MemberId> {
            let mut named: Vec<_> = ordinals.iter().map(|ordinal| ids[*ordinal as usize]).collect();
            named.sort();
            named
        };
        for (member, id) in dump.members.iter().zip(&ids) {
            let known = model.ever(*id).expect("a member of the order");
            assert_eq!(member.facts, known.facts, "facts of {id}");
            let channel = (member.resident.last_seq, member.resident.member_seq);
            let last_seq = known.channel.last().copied().unwrap_or(0);
            assert_eq!(channel, (last_seq, known.member_seq), "sequences of {id}");
            let following = crate::model::peers(&model.following, *id);
            assert_eq!(named(&member.following), following, "whom {id} follows");
            let followers = crate::model::peers(&model.followers, *id);
            assert_eq!(named(&member.followers), followers, "who follows {id}");
            let likes = member.likes.iter().map(|item| model.item_order[*item as usize].clone());
            let mut likes: Vec<_> = likes.collect();
            likes.sort();
            assert_eq!(likes, model.likes_of(*id).cloned().collect::<Vec<_>>(), "likes of {id}");
            let about = model.abouts.get(id);
            let told = member.about.as_ref().map(|(row, text)| (row.revision, text));
            assert_eq!(told, about.map(|one| (one.revision, &one.content)), "the about of {id}");
            model.judge_ties(*id, member);
            self.judge_resident(*id, dump, &member.resident);
        }
        for (item, key) in dump.items.iter().zip(&model.item_order) {
            assert_eq!((&item.item.key, &item.item.details), (key, &model.items[key]), "an item");
            let likers: Vec<u32> = item.item.likers.iter().collect();
            assert_eq!(named(&likers), model.likers_of(key), "likers of {}", key.item);
        }
        assert_eq!(dump.items.len(), model.item_order.len(), "items");
        let reports: Vec<_> = model.member_reports.values().cloned().collect();
        assert_eq!(dump.reports.reports, reports, "reports");
        let reviewed: Vec<_> = model.reviewed.iter().copied().collect();
        assert_eq!(dump.reports.reviewed, reviewed, "reviewed members");
        dump.settings.iter().for_each(|step| model.check_setting(step));
    }

    fn judge_resident(
        &self,
        id: MemberId,
        dump: &Dump,
        resident: &guildhall::core::parts::ResidentMember,
    ) {
        let told = resident.counters.iter().map(|counter| {
            let (app, key): &(AppId, String) = &dump.keys[counter.key as usize];
            let count = Count { public: counter.public, count: counter.count };
            ((id, app.clone(), key.clone()), count)
        });
        self.model.check_counters(id, told.collect::<BTreeMap<CounterKey, Count>>());
        let held = resident.badges.iter().map(|held| dump.badges[held.badge as usize].badge.id);
        let mut held: Vec<_> = held.collect();
        held.sort();
        let known = self.model.held.keys().filter(|(_, member)| *member == id);
        assert_eq!(held, known.map(|(badge, _)| *badge).collect::<Vec<_>>(), "badges of {id}");
    }
}
