//! Who is let in, blocked and muted: what the log says of it, and what asking must lead to.

use std::sync::Arc;

use guildhall::core::query::{Query, View};
use guildhall::core::standings::{Sanction, Standing};
use guildhall::domain::command::ProfilePatch;
use guildhall::domain::event::MemberFacts;
use guildhall::domain::moderation::{Act, Ruling, Terms, Verdict};
use guildhall::domain::profile::{ActivityStatus, Status};
use guildhall::domain::{MemberId, Timestamp};

use crate::model::Model;
use crate::rules::{Expected, Fact, Predicted, one, when};

impl Model {
    pub fn fold_update(&mut self, facts: &Arc<MemberFacts>) {
        let old_email = self.members[&facts.id].facts.login_email.clone();
        if let Some(old) = old_email {
            self.emails.remove(&old.to_lowercase());
        }
        if let Some(email) = &facts.login_email {
            assert!(self.emails.insert(email.to_lowercase()), "an e-mail is one member's");
        }
        let before = self.members[&facts.id].facts.slug.clone();
        self.fold_slug(facts.id, before.as_deref(), facts.slug.as_deref());
        let member = self.members.get_mut(&facts.id).expect("an updated member exists");
        assert_eq!(facts.revision, member.facts.revision + 1, "revisions are dense");
        member.facts = facts.clone();
    }

    pub fn predict_update(&self, member: MemberId, patch: &ProfilePatch) -> Predicted {
        let facts = self.facts(member)?;
        let changes = patch.nickname.as_ref().is_some_and(|n| *n != facts.profile.nickname)
            || patch.title.as_ref().is_some_and(|t| *t != facts.profile.title)
            || patch
                .login_email
                .as_ref()
                .is_some_and(|new| Some(new) != facts.login_email.as_ref())
            || patch.slug.as_ref().is_some_and(|slug| Some(slug) != facts.slug.as_ref());
        let turns = patch.privacy.is_some_and(|privacy| privacy != facts.privacy);
        if let Some(email) = patch.login_email.as_ref().map(|email| email.to_lowercase()) {
            let own = facts.login_email.as_ref().map(|own| own.to_lowercase());
            if own.as_ref() != Some(&email) && self.emails.contains(&email) {
                return Err("LOGIN_EMAIL_ALREADY_EXISTS");
            }
        }
        if patch.slug.as_ref().is_some_and(|slug| !self.is_free_slug(slug, member)) {
            return Err("SLUG_ALREADY_EXISTS");
        }
        let mut expected = when(changes || turns, Fact::Updated(member))?;
        expected.facts.extend(turns.then_some(Fact::Tied("member.privacy_changed", member)));
        Ok(expected)
    }

    pub fn fold_ruling(&mut self, ruling: &Ruling) {
        let (id, time) = (ruling.facts.id, Timestamp::from_unix_ms(self.time_ms));
        let member = self.members.get_mut(&id).expect("a member that is ruled on is there");
        let before = member.facts.clone();
        let (status, activity) = (ruling.facts.status, ruling.facts.activity);
        let (was_status, was_activity) = (before.status, before.activity);
        let is_sound = match ruling.verdict {
            Verdict::Approved => (was_status, status) == (Status::Pending, Status::Approved),
            Verdict::Rejected => (was_status, status) == (Status::Pending, Status::Blocked),
            Verdict::Blocked => was_status != Status::Offline && status == Status::Blocked,
            Verdict::Unblocked => was_status == Status::Blocked && status != Status::Blocked,
            Verdict::Disconnected => was_status != Status::Offline && status == Status::Offline,
            Verdict::Muted => activity == ActivityStatus::Muted,
            Verdict::Unmuted => was_activity == ActivityStatus::Muted,
        };
        assert!(is_sound, "{ruling:?} follows {was_status:?} and {was_activity:?}");
        let same_otherwise = MemberFacts {
            status: was_status,
            activity: was_activity,
            updated_at: before.updated_at,
            ..(*ruling.facts).clone()
        };
        assert_eq!(same_otherwise, *before, "a ruling changes nothing else");
        member.facts = ruling.facts.clone();
        let standing = self.standings.entry(id).or_default();
        let sanction = Sanction { terms: ruling.terms.clone(), since: time, was: ruling.was };
        match ruling.verdict {
            Verdict::Muted => standing.mute = Some(sanction),
            Verdict::Unmuted => standing.mute = None,
            Verdict::Blocked | Verdict::Rejected => standing.block = Some(sanction),
            Verdict::Approved | Verdict::Unblocked | Verdict::Disconnected => standing.block = None,
        }
    }

    pub fn predict_moderation(&self, member: MemberId, act: Act, terms: &Terms) -> Predicted {
        let facts = self.facts(member)?;
        let standing = self.standings.get(&member).cloned().unwrap_or_default();
        let told = |sanction: Option<Sanction>| {
            sanction.map_or((None, None), |known| (known.terms.reason, known.terms.until))
        };
        let wanted = (terms.reason.clone(), terms.until);
        let is_muted = facts.activity == ActivityStatus::Muted;
        if act == Act::Block && self.holds_unblockable_role(member) {
            return Err("OWNER_MEMBER_BLOCK_FORBIDDEN");
        }
        let name = match (act, facts.status) {
            (Act::Mute, _) if is_muted && told(standing.mute) == wanted => None,
            (Act::Mute, _) => Some("member.muted"),
            (Act::Unmute, _) => is_muted.then_some("member.unmuted"),
            (Act::Disconnect, Status::Offline) => None,
            (Act::Disconnect, _) => Some("member.disconnected"),
            (Act::Approve | Act::Block, Status::Offline) => return Err("MEMBER_OFFLINE"),
            (Act::Approve, Status::Pending) => Some("member.approved"),
            (Act::Approve, Status::Blocked) => Some("member.unblocked"),
            (Act::Approve, _) => None,
            (Act::Block, Status::Blocked) if told(standing.block) == wanted => None,
            (Act::Block, _) => Some("member.blocked"),
            (Act::Reject, Status::Pending) => Some("member.rejected"),
            (Act::Reject, Status::Blocked) => None,
            (Act::Reject, _) => return Err("MEMBER_NOT_PENDING"),
        };
        name.map_or(Ok(Expected::default()), |name| one(Fact::Ruled(name, member)))
    }

    /// Whether the site may do this of its own accord by `now`.
    pub fn is_lapsed(&self, name: &str, member: MemberId, now: Timestamp) -> bool {
        let standing = self.standings.get(&member).cloned().unwrap_or_default();
        let ended = |sanction: Option<Sanction>| {
            sanction.and_then(|sanction| sanction.terms.until).is_some_and(|end| end <= now)
        };
        match name {
            "member.unblocked" => ended(standing.block),
            "member.unmuted" => ended(standing.mute),
            _ => false,
        }
    }

    /// What should have ended by itself by `now` and has not.
    pub fn overdue(&self, now: Timestamp) -> Vec<MemberId> {
        let names = ["member.unblocked", "member.unmuted"];
        let late = |id: &MemberId| names.iter().any(|name| self.is_lapsed(name, *id, now));
        self.standings.keys().copied().filter(late).collect()
    }

    pub fn check_standing(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::Standing { member }, View::Standing(found)) => {
                let known = self.standings.get(member).cloned().unwrap_or_default();
                assert_eq!(*found, known, "what stands against {member}");
            }
            (query, view) => self.check_about(query, view),
        }
    }

    /// A deleted member has nothing to answer for.
    pub fn forget_standing(&mut self, member: MemberId) -> Option<Standing> {
        self.standings.remove(&member)
    }
}
