//! Members and whom they follow.

use std::sync::Arc;

use super::refuse::{conflict, forbidden, limit, member_not_found, need};
use super::{Answering, Decided, Decision};
use crate::core::directory::{email_hash, text_hash};
use crate::core::parts::PartKey;
use crate::core::profile_edit;
use crate::core::query::Viewer;
use crate::core::site::Site;
use crate::domain::command::{CommunityAct, NewMember, ProfilePatch};
use crate::domain::event::{CommunityStep, MemberFacts};
use crate::domain::limits::{FOLLOWING_PER_MEMBER_MAX, MEMBERS_PER_SITE_MAX};
use crate::domain::profile::PrivacyStatus;
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
        self.free_email(new.login_email.as_deref(), None)?;
        let facts = MemberFacts {
            id: new.id,
            login_email: new.login_email.clone(),
            slug: Some(self.free_slug(new, now)),
            status: new.status.unwrap_or_default(),
            privacy: new.privacy.unwrap_or(self.settings.default_privacy.privacy),
            activity: new.activity.unwrap_or_default(),
            created_at: new.created_at.unwrap_or(now),
            updated_at: now,
            revision: 1,
            profile: Arc::new(new.profile.clone()),
        };
        let ordinal = MemberOrdinal(self.directory.len() as u32);
        Ok(Event::MemberCreated { ordinal, facts: Arc::new(facts), origin: new.origin })
    }

    fn free_email(&self, email: Option<&str>, of: Option<u32>) -> Result<(), Refusal> {
        let holder = email.and_then(|email| self.directory.find_email(email_hash(email)));
        if holder.is_none() || holder == of {
            return Ok(());
        }
        let detail = "another member of this site has this login e-mail".to_owned();
        Err(conflict("LOGIN_EMAIL_ALREADY_EXISTS", detail))
    }

    /// From the nickname, else the login e-mail; made unique by a piece of the member's id.
    fn free_slug(&self, new: &NewMember, now: Timestamp) -> String {
        let email_name = new.login_email.as_deref().and_then(|email| email.split('@').next());
        let source = new.profile.nickname.as_deref().or(email_name).unwrap_or("member");
        let slug = slug_of(source);
        let is_free = |slug: &String| self.is_free_slug(slug, None, now);
        if is_free(&slug) {
            return slug;
        }
        let id = new.id.uuid().simple().to_string();
        let longer = [8, 16, 32].map(|len| format!("{slug}-{}", &id[32 - len..]));
        longer.iter().find(|slug| is_free(slug)).unwrap_or(&longer[2]).clone()
    }

    /// Nobody else's, and not held back for who had it.
    fn is_free_slug(&self, slug: &str, of: Option<u32>, now: Timestamp) -> bool {
        let hash = text_hash(slug);
        let holder = self.directory.find_slug(hash);
        let is_taken = holder.is_some() && holder != of;
        !is_taken && !self.ties.is_held_back(hash, of, now)
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
        self.free_email(patch.login_email.as_deref(), Some(member))?;
        if let Some(slug) = &patch.slug
            && !self.is_free_slug(slug, Some(member), now)
        {
            let detail = "another member of this site has this slug, or had it lately".to_owned();
            return Err(conflict("SLUG_ALREADY_EXISTS", detail).into());
        }
        let revision = facts.revision + 1;
        let privacy_before = facts.privacy;
        let facts = Arc::new(MemberFacts { updated_at: now, revision, ..changed });
        let privacy = facts.privacy;
        let mut events = vec![Event::MemberUpdated { facts, changes }];
        if privacy != privacy_before {
            let step = CommunityStep::PrivacyChanged { privacy };
            events.push(Event::Community { member: id, step });
        }
        Ok(Decision::new(events, Answering::Member(member)))
    }

    /// Joining is being public, leaving being private.
    pub(super) fn decide_community(
        &self,
        id: MemberId,
        act: CommunityAct,
        now: Timestamp,
    ) -> Decided {
        let (privacy, step) = match act {
            CommunityAct::Join => (PrivacyStatus::Public, CommunityStep::Joined),
            CommunityAct::Leave => (PrivacyStatus::Private, CommunityStep::Left),
        };
        self.member(id)?;
        if act == CommunityAct::Join && !self.settings.shows_members() {
            let what = "cannot be public: this site has no public members";
            return Err(forbidden("PUBLIC_MEMBERS_NOT_ALLOWED", what).into());
        }
        let patch = ProfilePatch { privacy: Some(privacy), ..ProfilePatch::default() };
        let mut decision = self.decide_update(id, &patch, now)?;
        if !decision.events.is_empty() {
            decision.events.push(Event::Community { member: id, step });
        }
        Ok(decision)
    }

    /// What `by` does not see cannot be followed, and looks unknown.
    pub(in crate::core) fn decide_follow(
        &self,
        follower: MemberId,
        followed: MemberId,
        by: Viewer,
    ) -> Decided {
        let from = self.social_member(follower)?;
        if follower == followed {
            let detail = "a member cannot follow itself".to_owned();
            return Err(Refusal::Conflict { code: "SELF_FOLLOW_FORBIDDEN", detail }.into());
        }
        let to = self.member(followed)?;
        if !self.directory.is_listed(to) {
            return Err(member_not_found(followed).into());
        }
        // A follow that stands outlives what may be seen.
        let graph = self.graph(from)?;
        if graph.follows(to) {
            return Ok(Decision::already(Answering::Done));
        }
        self.visible_member(followed, by)?;
        limit(graph.following_len(), FOLLOWING_PER_MEMBER_MAX, "FOLLOW_LIMIT", "follows")?;
        let created = Event::FollowCreated { follower, followed };
        Ok(Decision::new(vec![created], Answering::Done))
    }

    pub(super) fn decide_unfollow(&self, follower: MemberId, followed: MemberId) -> Decided {
        let (from, to) = (self.member(follower)?, self.member(followed)?);
        if !self.graph(from)?.follows(to) {
            self.visible_member(followed, Viewer::Member(follower))?;
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
