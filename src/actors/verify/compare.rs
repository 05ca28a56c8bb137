//! Comparing a site as the journal tells it with a site as it was found. Each difference is one
//! line: where, which, what was expected and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::findings::Findings;
use super::model::{Catalogue, Item, Member, Model};
use crate::domain::{MemberId, ReportId};

/// What the journal tells, and the place that is held against it.
pub struct Comparison<'a> {
    pub expected: &'a Model,
    pub place: &'a str,
    pub into: &'a mut Findings,
}

impl Comparison<'_> {
    /// Everything of another model of the same stretch and commit.
    pub fn model(&mut self, found: &Model) {
        let (expected, place) = (self.expected, self.place);
        self.into.compare(|| format!("{place}: commit"), &expected.commit, &found.commit);
        self.into.compare(|| format!("{place}: seq"), &expected.seq, &found.seq);
        self.into.compare(|| format!("{place}: members"), &expected.ids.len(), &found.ids.len());
        let (items, found_items) = (expected.item_ordinals.len(), found.item_ordinals.len());
        self.into.compare(|| format!("{place}: items"), &items, &found_items);
        self.catalogue(&found.catalogue);
        for (ordinal, member) in &found.members {
            self.member(*ordinal, member);
        }
        for (ordinal, member) in &expected.members {
            if !found.members.contains_key(ordinal) {
                self.missing(member);
            }
        }
        for (ordinal, item) in &found.items {
            self.item(*ordinal, item);
        }
    }

    /// A member that the journal tells and that is not there.
    pub fn missing(&mut self, member: &Member) {
        let (place, id) = (self.place, member.id);
        self.into.note(|| format!("{place}: member {id}: expected one, found none"));
    }

    pub fn catalogue(&mut self, found: &Catalogue) {
        let (expected, place) = (&self.expected.catalogue, self.place);
        self.into.compare(|| format!("{place}: counter keys"), &expected.keys, &found.keys);
        let (badges, found_badges) = (expected.badges.len(), found.badges.len());
        self.into.compare(|| format!("{place}: badges"), &badges, &found_badges);
        for (badge, found) in expected.badges.iter().zip(&found.badges) {
            let id = badge.badge.id;
            self.into.compare(|| format!("{place}: badge {id}"), badge, found);
        }
        // Endpoints hold secrets, sealed as they are: only their names are told.
        self.maps(|id| format!("endpoint {id}"), &expected.endpoints, &found.endpoints, |_| "one");
        // What reporters wrote is nobody else's business.
        let report = |id: &ReportId| format!("report {id}");
        self.maps(report, &expected.reports, &found.reports, |_| "one");
        let reviewed = |reviewed: &BTreeSet<MemberId>| reviewed.iter().copied().collect::<Vec<_>>();
        let (one, other) = (reviewed(&expected.reviewed), reviewed(&found.reviewed));
        self.into.compare(|| format!("{place}: reviewed members"), &one, &other);
        let (fields, found_fields) = (&expected.field_order, &found.field_order);
        self.into.compare(|| format!("{place}: order of fields"), fields, found_fields);
        let setting = |name: &String| name.clone();
        self.maps(setting, &expected.settings, &found.settings, |step| step.clone());
        let name =
            |producer: &(_, String)| format!("producer {} of app {}", producer.1, producer.0);
        self.maps(name, &expected.producers, &found.producers, |n| *n);
    }

    pub fn member(&mut self, ordinal: u32, found: &Member) {
        let place = self.place;
        let Some(member) = self.expected.members.get(&ordinal) else {
            let id = found.id;
            return self.into.note(|| format!("{place}: member {id}: expected none, found one"));
        };
        if member == found {
            return;
        }
        let id = member.id;
        let mut field = |name: &str, expected: &dyn Debug, found: &dyn Debug| {
            let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
            if expected != found {
                self.into.note(|| {
                    format!("{place}: member {id}: {name}: expected {expected}, found {found}")
                });
            }
        };
        field("id", &member.id, &found.id);
        field("e-mail hash", &member.email, &found.email);
        field("slug hash", &member.slug, &found.slug);
        field("nickname", &member.nickname, &found.nickname);
        field("creation", &member.created_at, &found.created_at);
        field("status", &member.status, &found.status);
        field("privacy", &member.privacy, &found.privacy);
        field("activity", &member.activity, &found.activity);
        field("facts", &member.facts, &found.facts);
        field("about", &member.about, &found.about);
        field("block and mute", &member.standing, &found.standing);
        field("ties", &member.ties, &found.ties);
        field("last seq", &member.last_seq, &found.last_seq);
        field("own sequence", &member.member_seq, &found.member_seq);
        field("commit of its edges", &member.graph_commit, &found.graph_commit);
        self.edges(ordinal, member, found);
        let of = |what: String| format!("member {id}: {what}");
        let model = self.expected;
        let counter = |key: &u16| of(model.key_name(*key));
        self.maps(counter, &member.counters, &found.counters, |(public, count)| {
            format!("{count} {}", if *public { "public" } else { "private" })
        });
        let badge = |badge: &u16| of(model.badge_name(*badge));
        self.maps(badge, &member.badges, &found.badges, |since| format!("held since {since:?}"));
    }

    fn edges(&mut self, ordinal: u32, member: &Member, found: &Member) {
        let model = self.expected;
        let name = model.member_name(ordinal);
        let peer = |peer: u32| model.member_name(peer);
        let item = |item: u32| model.item_name(item);
        let (expected, found) = (&member.edges, &found.edges);
        self.sets(|| format!("{name}: follows"), &expected.following, &found.following, peer);
        self.sets(|| format!("{name}: followers"), &expected.followers, &found.followers, peer);
        self.sets(|| format!("{name}: likes"), &expected.likes, &found.likes, item);
    }

    pub fn item(&mut self, ordinal: u32, found: &Item) {
        let (model, place) = (self.expected, self.place);
        let Some(item) = model.items.get(&ordinal) else {
            let key = &found.key;
            let line = || format!("{place}: item {}/{}: expected none", key.app, key.item);
            return self.into.note(line);
        };
        if item == found {
            return;
        }
        let name = model.item_name(ordinal);
        let mut field = |what: &str, expected: &dyn Debug, found: &dyn Debug| {
            let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
            let what = || format!("{place}: {name}: {what}");
            self.into.compare(what, &expected, &found);
        };
        field("key", &item.key, &found.key);
        field("details", &item.details, &found.details);
        field("creation", &item.created_at, &found.created_at);
        field("author", &item.author, &found.author);
        field("commit", &item.commit, &found.commit);
        let peer = |peer: u32| model.member_name(peer);
        self.sets(|| format!("{name}: likers"), &item.likers, &found.likers, peer);
    }

    /// Two sets: how many there are, and the first that is in one of them only.
    fn sets(
        &mut self,
        what: impl Fn() -> String,
        expected: &BTreeSet<u32>,
        found: &BTreeSet<u32>,
        name: impl Fn(u32) -> String,
    ) {
        if expected == found {
            return;
        }
        let place = self.place;
        self.into.note(|| {
            let first = |one: Option<&u32>| one.map_or("none".to_owned(), |one| name(*one));
            let missing = first(expected.difference(found).next());
            let surplus = first(found.difference(expected).next());
            let (expected, found) = (expected.len(), found.len());
            format!(
                "{place}: {}: expected {expected}, found {found} (missing: {missing}, surplus: \
                 {surplus})",
                what()
            )
        });
    }

    /// Two maps, entry by entry; `show` is all that is told of a value.
    fn maps<K: Ord, V: PartialEq, S: Debug>(
        &mut self,
        name: impl Fn(&K) -> String,
        expected: &BTreeMap<K, V>,
        found: &BTreeMap<K, V>,
        show: impl Fn(&V) -> S,
    ) {
        let place = self.place;
        let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
        for key in keys {
            let (one, other) = (expected.get(key), found.get(key));
            if one != other {
                let told = |value: Option<&V>| match value {
                    Some(value) => format!("{:?}", show(value)),
                    None => "none".to_owned(),
                };
                let (one, other) = (told(one), told(other));
                self.into.note(|| format!("{place}: {}: expected {one}, found {other}", name(key)));
            }
        }
    }
}
