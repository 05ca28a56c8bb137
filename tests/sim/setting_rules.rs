//! What a site decides for all members and which roles they hold: what clients wish, what the log
//! says of it, and what asking must lead to.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::core::dump::DumpedMember;
use guildhall::core::query::{Query, SettingsAsked, View, Viewer};
use guildhall::core::ties::Tie;
use guildhall::domain::command::CommunityAct;
use guildhall::domain::event::CommunityStep;
use guildhall::domain::limits::SLUGS_RESERVED_PER_MEMBER_MAX;
use guildhall::domain::profile::{PrivacyStatus, Status};
use guildhall::domain::settings::{
    Candidates, MemberPrivacyPatch, SettingStep, SettingWish, Visibility,
};
use guildhall::domain::ties::{TieStep, TieWish};
use guildhall::domain::{Command, Event, MemberId, RoleId};

use crate::field_rules::Fields;
use crate::model::Model;
use crate::random::Random;
use crate::requests::{Crowd, Request, page};
use crate::rules::{Expected, Fact, Predicted, one, when};

const ROLE_KEYS: [&str; 3] = ["editor", "helper", "owner"];

/// What is known of the settings: the roles by key, and the revision of each.
#[derive(Clone, Debug)]
pub struct Settings {
    pub default_privacy: (PrivacyStatus, u64),
    pub privacy: (Visibility, Candidates, u64),
    /// Id, whether its holders may be blocked, revision.
    pub roles: BTreeMap<String, (RoleId, bool, u64)>,
    pub held: BTreeSet<(MemberId, RoleId)>,
    /// Slugs that members gave up lately, the newest last. No run is long enough to see one freed.
    pub given_up: BTreeMap<MemberId, Vec<String>>,
    /// Who blocks whom for itself.
    pub blocks: BTreeSet<(MemberId, MemberId)>,
    pub fields: Fields,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            default_privacy: (PrivacyStatus::Private, 1),
            privacy: (Visibility::All, Candidates::Anyone, 1),
            roles: BTreeMap::new(),
            held: BTreeSet::new(),
            given_up: BTreeMap::new(),
            blocks: BTreeSet::new(),
            fields: Fields::default(),
        }
    }
}

impl Settings {
    /// Whether a change of the privacy settings, or a block, leaves this viewer in the dark.
    pub fn closes(event: &Event, member: MemberId, viewer: Viewer) -> bool {
        if let Event::Tie { step: TieStep::Blocked { member: by, blocked } } = event {
            let is_own =
                |own| (own == *by && member == *blocked) || (own == *blocked && member == *by);
            return matches!(viewer, Viewer::Member(own) if is_own(own));
        }
        let Event::Setting { step: SettingStep::MemberPrivacy(privacy) } = event else {
            return false;
        };
        is_closed(privacy.visibility, privacy.candidates, viewer)
    }
}

fn is_closed(visibility: Visibility, candidates: Candidates, viewer: Viewer) -> bool {
    match viewer {
        Viewer::Owner => false,
        Viewer::Member(_) => candidates == Candidates::NoOne,
        Viewer::Visitor => candidates == Candidates::NoOne || visibility == Visibility::MembersOnly,
    }
}

impl Crowd {
    pub fn setting_request(&self, random: &mut Random) -> Request {
        let key = ROLE_KEYS[random.below(ROLE_KEYS.len())].to_owned();
        let revision = random.chance(500).then(|| 1 + random.below(3) as u64);
        let member = self.member(random);
        let other = self.member(random);
        let wish = match random.below(21) {
            16..=18 => {
                let wish = TieWish::Block { other };
                return Request::Command(Command::Tie { member, wish });
            }
            19 => {
                let wish = TieWish::Unblock { other };
                return Request::Command(Command::Tie { member, wish });
            }
            20 => {
                let page = page(random);
                return Request::Query(Query::Blocking { member, page });
            }
            14 | 15 => {
                let act = [CommunityAct::Join, CommunityAct::Leave][random.below(2)];
                return Request::Command(Command::Community { member, act });
            }
            0 => {
                let both = [None, Some(PrivacyStatus::Public), Some(PrivacyStatus::Private)];
                SettingWish::DefaultPrivacy { privacy: both[random.below(3)], revision }
            }
            // Open more often than closed, so that there is something to see.
            1 | 2 => {
                let visibility = [Visibility::All, Visibility::All, Visibility::MembersOnly];
                let candidates = [Candidates::Anyone, Candidates::Anyone, Candidates::NoOne];
                let patch = MemberPrivacyPatch {
                    visibility: Some(visibility[random.below(3)]),
                    candidates: Some(candidates[random.below(3)]),
                };
                SettingWish::MemberPrivacy { patch, revision: None }
            }
            3 | 4 => {
                let (id, blockable) = (RoleId::from_u128(random.uuid()), random.chance(700));
                SettingWish::CreateRole { id, key, title: "A role".to_owned(), blockable }
            }
            5 => {
                let blockable = Some(random.chance(600));
                SettingWish::UpdateRole { key, blockable, revision }
            }
            6 => SettingWish::DeleteRole { key },
            7 => return Request::Query(Query::RolesOf { members: None }),
            8 => return Request::Query(Query::RolesOf { members: Some(vec![member]) }),
            9 => {
                let asked = [
                    SettingsAsked::DefaultPrivacy,
                    SettingsAsked::MemberPrivacy,
                    SettingsAsked::Roles,
                    SettingsAsked::Role { key },
                ];
                return Request::Query(Query::Settings(asked[random.below(4)].clone()));
            }
            10 => {
                let wish = TieWish::UnassignRole { key };
                return Request::Command(Command::Tie { member, wish });
            }
            _ => {
                let wish = TieWish::AssignRole { key };
                return Request::Command(Command::Tie { member, wish });
            }
        };
        Request::Command(Command::Setting(Box::new(wish)))
    }
}

impl Model {
    /// Whether others may see public members at all, as far as this viewer goes.
    pub fn is_closed_to(&self, viewer: Viewer) -> bool {
        let (visibility, candidates, _) = self.settings.privacy;
        is_closed(visibility, candidates, viewer)
    }

    pub fn fold_setting(&mut self, event: &Event) {
        let settings = &mut self.settings;
        match event {
            Event::Setting { step: SettingStep::DefaultPrivacy(default) } => {
                assert_eq!(default.revision, settings.default_privacy.1 + 1, "revisions are dense");
                settings.default_privacy = (default.privacy, default.revision);
            }
            Event::Setting { step: SettingStep::MemberPrivacy(privacy) } => {
                assert_eq!(privacy.revision, settings.privacy.2 + 1, "revisions are dense");
                settings.privacy = (privacy.visibility, privacy.candidates, privacy.revision);
            }
            Event::Setting { step: SettingStep::Role { role, is_new } } => {
                let told = (role.id, role.blockable, role.revision);
                let before = settings.roles.insert(role.key.clone(), told);
                let expected = before.map_or(1, |(_, _, revision)| revision + 1);
                assert_eq!((role.revision, *is_new), (expected, before.is_none()), "a role");
                assert!(before.is_none_or(|(id, ..)| id == role.id), "a role keeps its id");
            }
            Event::Setting { step: SettingStep::RoleDeleted { role } } => {
                assert!(settings.roles.remove(&role.key).is_some(), "a role is deleted once");
                settings.held.retain(|(_, held)| *held != role.id);
            }
            Event::Community { member, step } => {
                let privacy = self.members[member].facts.privacy;
                let told = match step {
                    CommunityStep::PrivacyChanged { privacy } => *privacy,
                    CommunityStep::Joined => PrivacyStatus::Public,
                    CommunityStep::Left => PrivacyStatus::Private,
                };
                assert_eq!(told, privacy, "what {member} is to others");
            }
            Event::Tie { step: TieStep::RoleAssigned { member, role } } => {
                assert!(settings.held.insert((*member, role.id)), "a role is assigned once");
            }
            Event::Tie { step: TieStep::RoleUnassigned { member, role } } => {
                assert!(settings.held.remove(&(*member, role.id)), "it was held");
            }
            Event::Setting { step: SettingStep::Field(step) } => settings.fields.fold(step),
            Event::Tie { step: TieStep::Blocked { member, blocked } } => {
                assert!(settings.blocks.insert((*member, *blocked)), "blocked once");
            }
            Event::Tie { step: TieStep::Unblocked { member, blocked } } => {
                assert!(settings.blocks.remove(&(*member, *blocked)), "it was blocked");
            }
            other => unreachable!("{} is no setting", other.type_name()),
        }
    }

    /// A slug is one member's, and is held back for who gave it up.
    pub fn fold_slug(&mut self, member: MemberId, old: Option<&str>, new: Option<&str>) {
        let Some(new) = new.filter(|new| old != Some(*new)) else { return };
        assert!(self.is_free_slug(new, member), "slug {new} is another's");
        let given_up = self.settings.given_up.entry(member).or_default();
        given_up.retain(|slug| slug != new && Some(slug.as_str()) != old);
        given_up.extend(old.map(str::to_owned));
        if given_up.len() > SLUGS_RESERVED_PER_MEMBER_MAX {
            given_up.remove(0);
        }
    }

    pub fn is_free_slug(&self, slug: &str, member: MemberId) -> bool {
        let others = self.members.iter().filter(|(id, _)| **id != member);
        let is_taken = others.clone().any(|(_, one)| one.facts.slug.as_deref() == Some(slug));
        let given_up = self.settings.given_up.iter().filter(|(id, _)| **id != member);
        let is_held_back = given_up.into_iter().any(|(_, held)| held.iter().any(|one| one == slug));
        !is_taken && !is_held_back
    }

    pub fn predict_community(&self, member: MemberId, act: CommunityAct) -> Predicted {
        let facts = self.facts(member)?;
        let (privacy, name) = match act {
            CommunityAct::Join if self.settings.privacy.1 == Candidates::NoOne => {
                return Err("PUBLIC_MEMBERS_NOT_ALLOWED");
            }
            CommunityAct::Join => (PrivacyStatus::Public, "member.community_joined"),
            CommunityAct::Leave => (PrivacyStatus::Private, "member.community_left"),
        };
        if facts.privacy == privacy {
            return Ok(Expected::default());
        }
        let changed = Fact::Tied("member.privacy_changed", member);
        let facts = vec![Fact::Updated(member), changed, Fact::Tied(name, member)];
        Ok(Expected { facts, ..Expected::default() })
    }

    pub fn predict_setting(&self, wish: &SettingWish) -> Predicted {
        let (known, name) = (&self.settings, setting_name(wish));
        let current = |given: Option<u64>, current: u64| match given {
            Some(given) if given != current => Err("INVALID_REVISION"),
            Some(_) | None => Ok(()),
        };
        match wish {
            SettingWish::Field(wish) => known.fields.predict(wish),
            SettingWish::DefaultPrivacy { privacy, revision } => {
                let (old, of_old) = known.default_privacy;
                current(*revision, of_old)?;
                when(privacy.is_some_and(|new| new != old), Fact::Set(name))
            }
            SettingWish::MemberPrivacy { patch, revision } => {
                let (visibility, candidates, of_old) = known.privacy;
                current(*revision, of_old)?;
                let is_new = patch.visibility.is_some_and(|new| new != visibility)
                    || patch.candidates.is_some_and(|new| new != candidates);
                when(is_new, Fact::Set(name))
            }
            SettingWish::CreateRole { key, .. } if known.roles.contains_key(key) => {
                Err("ROLE_ALREADY_EXISTS")
            }
            SettingWish::CreateRole { .. } => one(Fact::Set(name)),
            SettingWish::UpdateRole { key, blockable, revision } => {
                let (_, old, of_old) = known.roles.get(key).ok_or("ROLE_DOES_NOT_EXIST")?;
                current(*revision, *of_old)?;
                when(blockable.is_some_and(|new| new != *old), Fact::Set(name))
            }
            SettingWish::DeleteRole { key } => {
                known.roles.get(key).ok_or("ROLE_DOES_NOT_EXIST")?;
                one(Fact::Set(name))
            }
        }
    }

    pub fn predict_tie(&self, member: MemberId, wish: &TieWish) -> Predicted {
        let status = self.facts(member)?.status;
        let key = match wish {
            TieWish::AssignRole { key } | TieWish::UnassignRole { key } => key,
            TieWish::Block { other } => return self.predict_block(member, *other),
            TieWish::Unblock { other } if *other == member => {
                return Err("SELF_UNBLOCKING_FORBIDDEN");
            }
            TieWish::Unblock { other } => {
                let is_blocked = self.settings.blocks.contains(&(member, *other));
                let ended = Fact::Tied("member_to_member_block.deleted", member);
                return if is_blocked { one(ended) } else { Err("BLOCK_DOES_NOT_EXIST") };
            }
        };
        let (role, ..) = self.settings.roles.get(key).ok_or("ROLE_DOES_NOT_EXIST")?;
        let is_held = self.settings.held.contains(&(member, *role));
        match wish {
            TieWish::AssignRole { .. } if is_held => Ok(Expected::default()),
            TieWish::AssignRole { .. } if status == Status::Blocked => Err("MEMBER_BLOCKED"),
            TieWish::AssignRole { .. } => one(Fact::Tied("member.role_assigned", member)),
            TieWish::UnassignRole { .. } => {
                when(is_held, Fact::Tied("member.role_unassigned", member))
            }
            TieWish::Block { .. } | TieWish::Unblock { .. } => unreachable!("told above"),
        }
    }

    fn predict_block(&self, member: MemberId, other: MemberId) -> Predicted {
        if member == other {
            return Err("SELF_BLOCKING_FORBIDDEN");
        }
        self.facts(other)?;
        if self.settings.blocks.contains(&(member, other)) {
            return Err("MEMBER_ALREADY_BLOCKED");
        }
        if !self.is_shown(other, Viewer::Member(member)) {
            return Err("MEMBER_NOT_FOUND");
        }
        if self.holds_unblockable_role(other) {
            return Err("ADMIN_BLOCKING_FORBIDDEN");
        }
        let mut facts = vec![Fact::Tied("member_to_member_block.created", member)];
        for (follower, followed) in [(member, other), (other, member)] {
            let follows = self.following.contains(&(follower, followed));
            facts.extend(follows.then_some(Fact::Unfollowed(follower, followed)));
        }
        Ok(Expected { facts, ..Expected::default() })
    }

    /// Whether one of both blocks the other.
    pub fn are_apart(&self, one: MemberId, other: MemberId) -> bool {
        let blocks = &self.settings.blocks;
        blocks.contains(&(one, other)) || blocks.contains(&(other, one))
    }

    /// What a member that looks at another, and does not see it, is told.
    pub fn unseen(&self, member: MemberId, viewer: Viewer) -> &'static str {
        match viewer {
            Viewer::Member(own)
                if self.members.contains_key(&member)
                    && self.settings.blocks.contains(&(own, member)) =>
            {
                "MEMBER_TO_MEMBER_BLOCKED"
            }
            Viewer::Member(_) | Viewer::Owner | Viewer::Visitor => "MEMBER_NOT_FOUND",
        }
    }

    pub fn holds_unblockable_role(&self, member: MemberId) -> bool {
        let is_firm = |(id, blockable, _): &(RoleId, bool, u64)| {
            !blockable && self.settings.held.contains(&(member, *id))
        };
        self.settings.roles.values().any(is_firm)
    }

    pub fn refuses_setting(&self, asked: &SettingsAsked) -> Option<&'static str> {
        match asked {
            SettingsAsked::Role { key } if !self.settings.roles.contains_key(key) => {
                Some("ROLE_DOES_NOT_EXIST")
            }
            SettingsAsked::Field { id } if !self.settings.fields.fields.contains_key(id) => {
                Some("CUSTOM_FIELD_NOT_FOUND")
            }
            SettingsAsked::Application { field }
                if !self.settings.fields.applications.contains_key(field) =>
            {
                Some("CUSTOM_FIELD_APPLICATION_NOT_FOUND")
            }
            SettingsAsked::DefaultPrivacy
            | SettingsAsked::MemberPrivacy
            | SettingsAsked::Role { .. }
            | SettingsAsked::Roles
            | SettingsAsked::Fields
            | SettingsAsked::Field { .. }
            | SettingsAsked::Application { .. }
            | SettingsAsked::Applications { .. } => None,
        }
    }

    pub fn check_settings(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::Settings(asked), View::Settings(steps)) => {
                let expected = match asked {
                    SettingsAsked::Roles => self.settings.roles.len(),
                    SettingsAsked::Fields => self.settings.fields.shown().len(),
                    SettingsAsked::Applications { fields } => {
                        let known = &self.settings.fields.applications;
                        fields.iter().filter(|field| known.contains_key(field)).count()
                    }
                    SettingsAsked::DefaultPrivacy
                    | SettingsAsked::MemberPrivacy
                    | SettingsAsked::Field { .. }
                    | SettingsAsked::Application { .. }
                    | SettingsAsked::Role { .. } => 1,
                };
                assert_eq!(steps.len(), expected, "{asked:?}");
                steps.iter().for_each(|step| self.check_setting(step));
            }
            (Query::RolesOf { members }, View::RolesOf(found)) => {
                let told: BTreeSet<(MemberId, RoleId)> = found
                    .iter()
                    .flat_map(|(member, roles)| roles.iter().map(|role| (*member, role.id)))
                    .collect();
                let wanted =
                    |member: &MemberId| members.as_ref().is_none_or(|some| some.contains(member));
                let held = self.settings.held.iter().filter(|(member, _)| wanted(member));
                assert_eq!(told, held.copied().collect(), "roles of {members:?}");
            }
            (Query::Blocking { member, page }, View::MemberIds(found)) => {
                let blocked = crate::model::peers(&self.settings.blocks, *member);
                self.check_ids(self.listed(blocked), page, found);
            }
            (query, view) => self.check_fields(query, view),
        }
    }

    /// Deleted roles may still be named, and are nobody's.
    pub fn judge_ties(&self, member: MemberId, dumped: &DumpedMember) {
        let lives = |id: &RoleId| self.settings.roles.values().any(|(role, ..)| role == id);
        let told = dumped.ties.iter().filter_map(|tie| match tie {
            Tie::Role(id) => Some(*id),
            Tie::Slug { .. } | Tie::Blocks(_) => None,
        });
        let held = self.settings.held.iter().filter(|(holder, _)| *holder == member);
        let held: BTreeSet<RoleId> = held.map(|(_, role)| *role).collect();
        assert_eq!(told.filter(lives).collect::<BTreeSet<_>>(), held, "roles of {member}");
    }

    pub fn check_setting(&self, step: &SettingStep) {
        let known = &self.settings;
        match step {
            SettingStep::DefaultPrivacy(default) => {
                assert_eq!((default.privacy, default.revision), known.default_privacy);
            }
            SettingStep::MemberPrivacy(privacy) => {
                let told = (privacy.visibility, privacy.candidates, privacy.revision);
                assert_eq!(told, known.privacy);
            }
            SettingStep::Role { role, .. } => {
                let told = (role.id, role.blockable, role.revision);
                assert_eq!(Some(&told), known.roles.get(&role.key));
            }
            SettingStep::Field(step) => known.fields.check(step),
            SettingStep::RoleDeleted { role } => assert!(!known.roles.contains_key(&role.key)),
        }
    }
}

fn setting_name(wish: &SettingWish) -> &'static str {
    match wish {
        SettingWish::DefaultPrivacy { .. } => "default_privacy.updated",
        SettingWish::MemberPrivacy { .. } => "privacy_settings.updated",
        SettingWish::CreateRole { .. } => "role.created",
        SettingWish::UpdateRole { .. } => "role.updated",
        SettingWish::DeleteRole { .. } => "role.deleted",
        SettingWish::Field(_) => "custom_field",
    }
}
