//! Bringing parts of members and items into memory. What is read is checked by its stamp: a value
//! that is older or newer than the row says is never taken.

use super::entries::{CleanParts, Loaded};
use super::graph::Taken;
use super::parts::{Part, PartKey};
use super::site::Site;

impl Site {
    /// True where the part is in memory already, or was never stored.
    pub fn holds_part(&self, key: PartKey) -> bool {
        match key {
            PartKey::Facts(member) => self.entries.facts(member).is_some(),
            PartKey::Graph(member) => self.graph(member).is_ok(),
            PartKey::Item(item) => self.items.whole(item).is_some(),
            PartKey::About(member) => {
                self.abouts.row(member).is_none() || self.abouts.content(member).is_some()
            }
        }
    }

    /// Takes in a part that was read from the current slot with its stamp.
    pub fn page_in(&mut self, key: PartKey, commit: u64, part: Part) -> Taken {
        match (key, part) {
            (PartKey::Facts(member), Part::Facts(facts)) => {
                if self.entries.facts(member).is_some() {
                    return Taken::In;
                }
                if self.directory.row(member).facts_commit != commit {
                    return Taken::Stale;
                }
                self.entries.put_facts(member, facts);
                Taken::In
            }
            (PartKey::Graph(member), Part::Graph(graph)) => {
                let stored_commit = self.directory.row(member).graph_commit;
                self.entries.page_in_graph(member, stored_commit, Loaded { commit, graph })
            }
            (PartKey::Item(item), Part::Item(loaded)) => self.items.page_in(item, commit, loaded),
            (PartKey::About(member), Part::About(content)) => {
                self.abouts.page_in(member, commit, content)
            }
            (PartKey::Facts(_) | PartKey::Graph(_) | PartKey::Item(_) | PartKey::About(_), _) => {
                Taken::Stale
            }
        }
    }

    /// Lets go of what a question brought in, where the current slot holds it too.
    pub fn page_out(&mut self, keys: &[PartKey]) {
        for key in keys {
            match key {
                PartKey::Facts(member) | PartKey::Graph(member) | PartKey::About(member) => {
                    self.release_member(*member);
                }
                PartKey::Item(item) => self.release_item(*item),
            }
        }
    }

    /// Drops those parts of a member that the current slot holds, unless its actor is active.
    pub(super) fn release_member(&mut self, member: u32) {
        let Some(slot) = self.current_slot() else { return };
        let row = self.directory.row(member);
        let clean = CleanParts {
            facts: self.stamps.holds_member(slot, member, row.facts_commit),
            graph: self.stamps.holds_member(slot, member, row.graph_commit),
        };
        self.entries.release(member, clean);
        let about = self.abouts.row(member);
        if about.is_none_or(|row| self.stamps.holds_member(slot, member, row.commit)) {
            self.abouts.release(member);
        }
    }

    /// Drops an item that the current slot holds in its newest state.
    pub fn release_item(&mut self, item: u32) {
        let Some(slot) = self.current_slot() else { return };
        if self.stamps.holds_item(slot, item, self.items.row(item).commit) {
            self.items.release(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::NewMember;
    use crate::domain::profile::Profile;
    use crate::domain::{Command, MemberId, SiteId, Timestamp};

    fn member(site: &mut Site, id: u128) {
        let new = NewMember {
            id: MemberId::from_u128(id),
            login_email: None,
            profile: Profile::default(),
            privacy: None,
            status: None,
            activity: None,
            origin: crate::domain::event::MemberOrigin::Creation,
            created_at: None,
        };
        site.turn(&Command::CreateMember(Box::new(new)), Timestamp::default());
    }

    fn checkpoint(site: &mut Site) {
        site.begin_checkpoint();
        while !site.copy_slice(100).is_last {}
        site.end_checkpoint();
    }

    /// A read may outlast two checkpoints. What it brings is then of the same slot and yet stale,
    /// which is no damage: whoever asked must be able to tell.
    #[test]
    fn a_slot_that_comes_round_again_is_another_snapshot() {
        let mut site = Site::new(SiteId::from_u128(1));
        let mut seen = Vec::new();
        for id in 1..=4 {
            member(&mut site, id);
            checkpoint(&mut site);
            seen.push((site.current_slot(), site.current_snapshot()));
        }
        assert_eq!((seen[0].0, seen[1].0), (seen[2].0, seen[3].0));
        assert!(seen[0].1 != seen[2].1 && seen[1].1 != seen[3].1);
    }
}
