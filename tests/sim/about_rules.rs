//! What members tell about themselves: what the log says of it, and what asking must lead to.

use std::sync::Arc;

use guildhall::core::query::{Query, View, Viewer};
use guildhall::domain::about::{About, AboutStep};
use guildhall::domain::{AboutId, Command, MemberId};

use crate::model::Model;
use crate::rules::{Fact, Predicted, one};

impl Model {
    pub fn fold_about(&mut self, step: &AboutStep) {
        let member = step.member();
        let before = self.abouts.get(&member).cloned();
        match step {
            AboutStep::Created(about) => {
                assert!(before.is_none() && about.revision == 1, "a member has one about");
                self.abouts.insert(member, about.clone());
            }
            AboutStep::Updated(about) => {
                let before = before.expect("an about that is updated is there");
                assert_eq!((about.id, about.revision), (before.id, before.revision + 1));
                self.abouts.insert(member, about.clone());
            }
            AboutStep::Deleted { about, .. } => {
                assert_eq!(before.map(|before| before.id), Some(*about), "it ends once");
                self.abouts.remove(&member);
            }
        }
    }

    fn about_of_id(&self, id: AboutId) -> Option<&Arc<About>> {
        self.abouts.values().find(|about| about.id == id)
    }

    pub fn predict_about(&self, command: &Command) -> Predicted {
        let own = |id: &AboutId, by: &Option<MemberId>| {
            let found = self.about_of_id(*id);
            let found = found.filter(|about| by.is_none_or(|by| by == about.member));
            found.ok_or("MEMBER_ABOUT_NOT_FOUND")
        };
        match command {
            Command::CreateAbout { member, .. } => {
                self.facts(*member)?;
                match self.abouts.contains_key(member) {
                    true => Err("MEMBER_ABOUT_ALREADY_EXISTS"),
                    false => one(Fact::About("about.created", *member)),
                }
            }
            Command::UpdateAbout { about, by, revision, .. } => {
                let known = own(about, by)?;
                match known.revision == *revision {
                    true => one(Fact::About("about.updated", known.member)),
                    false => Err("INVALID_REVISION"),
                }
            }
            Command::DeleteAbout { about, by } => {
                one(Fact::About("about.deleted", own(about, by)?.member))
            }
            other => unreachable!("{} is no command on abouts", other.kind()),
        }
    }

    /// The code of a question's refusal.
    pub fn refuses_about(&self, query: &Query) -> Option<&'static str> {
        let is_there = match query {
            Query::About { id, viewer } => {
                self.about_of_id(*id).is_some_and(|about| self.is_shown(about.member, *viewer))
            }
            Query::OwnAbout { member } => match self.members.contains_key(member) {
                true => self.abouts.contains_key(member),
                false => return Some("MEMBER_NOT_FOUND"),
            },
            _ => true,
        };
        (!is_there).then_some("MEMBER_ABOUT_NOT_FOUND")
    }

    pub fn check_about(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::About { .. } | Query::OwnAbout { .. }, View::About(found)) => {
                assert_eq!(self.abouts.get(&found.member).map(|known| &**known), Some(found));
            }
            (Query::Abouts { viewer, .. }, View::Abouts(found)) => {
                let shown = |member: &&MemberId| self.is_shown(**member, *viewer);
                assert_eq!(found.total, self.abouts.keys().filter(shown).count(), "abouts in all");
                for one in &found.items {
                    assert!(*viewer == Viewer::Owner || self.is_shown(one.member, *viewer));
                    assert_eq!(self.abouts.get(&one.member).map(|known| &**known), Some(one));
                }
            }
            (query, view) => self.check_reports(query, view),
        }
    }
}
