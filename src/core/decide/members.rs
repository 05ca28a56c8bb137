//! Members and whom they follow.

use std::sync::Arc;

use super::refuse::{conflict, limit, member_not_found, need};
use super::{Answering, Decided, Decision};
use crate::core::directory::{email_hash, text_hash};
use crate::core::parts::PartKey;
use crate::core::profile_edit;
use crate::core::site::Site;
use crate::domain::command::{NewMember, ProfilePatch};
use crate::domain::event::MemberFacts;
use crate::domain::limits::{FOLLOWING_PER_MEMBER_MAX, MEMBERS_PER_SITE_MAX};
use crate::domain::profile::Status;
use crate::domain::{Event, MemberId, MemberOrdinal, Refusal, Timestamp};

impl Site {
    pub(in crate::core) fn member_created(
        &self,
        new: &NewMember,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        limit(self.directory.len(), MEMBERS_PER_SITE_MAX, "MEMBER_LIMIT", "members of this site")?;
        if self.directory.find_ever(new.id, &self.counters).is_some() {
            return Err(conflict("MEMBER_ALREADY_EXISTS", format!("member {} exists", new.id)));
        }
        if let Some(email) = &new.login_email
            && self.directory.find_email(email_hash(email)).is_some()
        {
            let detail = "another member of this site has this login e-mail".to_owned();
            return Err(conflict("LOGIN_EMAIL_ALREADY_EXISTS", detail));
        }
        let facts = MemberFacts {
            id: new.id,
            login_email: new.login_email.clone(),
            slug: Some(self.free_slug(new)),
            status: new.status.unwrap_or_default(),
            privacy: new.privacy.unwrap_or_default(),
            activity: new.activity.unwrap_or_default(),
            created_at: new.created_at.unwrap_or(now),
            updated_at: now,
            revision: 1,
            profile: Arc::new(new.profile.clone()),
        };
        let ordinal = MemberOrdinal(self.directory.len() as u32);
        Ok(Event::MemberCreated { ordinal, facts: Arc::new(facts), origin: new.origin })
    }

    /// From the nickname, else the login e-mail; made unique by a piece of the member's id.
    fn free_slug(&self, new: &NewMember) -> String {
        let email_name = new.login_email.as_deref().and_then(|email| email.split('@').next());
        let source = new.profile.nickname.as_deref().or(email_name).unwrap_or("member");
        let slug = slug_of(source);
        if self.directory.find_slug(text_hash(&slug)).is_none() {
            return slug;
        }
        let id = new.id.uuid().simple().to_string();
        let longer = [8, 16, 32].map(|len| format!("{slug}-{}", &id[32 - len..]));
        let free = |slug: &&String| self.directory.find_slug(text_hash(slug)).is_none();
        longer.iter().find(free).unwrap_or(&longer[2]).clone()
    }

    pub(super) fn decide_update(
        &self,
        id: MemberId,
        patch: &ProfilePatch,
        now: Timestamp,
    ) -> Decided {
        let member = self.member(id)?;
        let facts = self.entries.facts(member).ok_or_else(|| need(PartKey::Facts(member)))?;
        let (changed, changes) = profile_edit::edit(facts, patch);
        if changes.is_empty() {
            return Ok(Decision::already(Answering::Member(member)));
        }
        let revision = facts.revision + 1;
        let facts = Arc::new(MemberFacts { updated_at: now, revision, ..changed });
        let updated = Event::MemberUpdated { facts, changes };
        Ok(Decision::new(vec![updated], Answering::Member(member)))
    }

    pub(super) fn decide_follow(&self, follower: MemberId, followed: MemberId) -> Decided {
        let from = self.social_member(follower)?;
        if follower == followed {
            let detail = "a member cannot follow itself".to_owned();
            return Err(Refusal::Conflict { code: "SELF_FOLLOW_FORBIDDEN", detail }.into());
        }
        let to = self.member(followed)?;
        match self.directory.row(to).status {
            Status::Approved => {}
            Status::Pending | Status::Blocked | Status::Offline | Status::Deleted => {
                return Err(member_not_found(followed).into());
            }
        }
        let graph = self.graph(from)?;
        if graph.follows(to) {
            return Ok(Decision::already(Answering::Done));
        }
        limit(graph.following_len(), FOLLOWING_PER_MEMBER_MAX, "FOLLOW_LIMIT", "follows")?;
        let created = Event::FollowCreated { follower, followed };
        Ok(Decision::new(vec![created], Answering::Done))
    }

    pub(super) fn decide_unfollow(&self, follower: MemberId, followed: MemberId) -> Decided {
        let (from, to) = (self.member(follower)?, self.member(followed)?);
        if !self.graph(from)?.follows(to) {
            return Ok(Decision::already(Answering::Done));
        }
        let deleted = Event::FollowDeleted { follower, followed };
        Ok(Decision::new(vec![deleted], Answering::Done))
    }
}

/// Letters and digits in lower case, everything else becomes single dashes.
pub(super) fn slug_of(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "member".to_owned() } else { slug.to_owned() }
}
