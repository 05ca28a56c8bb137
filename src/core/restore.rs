//! Taking state in: the values of a complete slot, then the journal's commits after its begin.

use crate::domain::profile::Status;
use crate::domain::{MemberId, SiteId};

use super::checkpoint::SlotIndex;
use super::counters::Counter;
use super::directory::Row;
use super::fault::{Fault, planted};
use super::member_reports::MemberReports;
use super::operations::WindowCopy;
use super::parts::{BLOCK, Catalogue, ItemBlock, MemberBlock, OperationRun, ResidentMember};
use super::settings::Settings;
use super::site::Site;

/// Builds a site from a slot, value by value, in the order catalogue, member blocks, item blocks.
pub struct Restorer {
    site: Site,
    slot: SlotIndex,
    catalogue: Catalogue,
    next_member_block: u32,
    next_item_block: u32,
}

/// Why stored values do not make a site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("block {found} stands where block {expected} should")]
    BlockOrder { expected: u32, found: u32 },
    #[error("the snapshot holds {found} {what}, its catalogue names {expected}")]
    Count { what: &'static str, expected: u32, found: u32 },
}

impl Restorer {
    /// `begins` are the begin commits of both slots, 0 where one is not complete.
    pub fn new(id: SiteId, slot: SlotIndex, begins: [u64; 2], catalogue: Catalogue) -> Restorer {
        let mut site = Site::new(id);
        (site.commit, site.seq, site.time) = (catalogue.commit, catalogue.seq, catalogue.time);
        site.stamps.set_slots(Some(slot), begins);
        for (app, key) in &catalogue.keys {
            site.keys.push(app.clone(), key.clone());
        }
        for stored in &catalogue.badges {
            let rule = stored.badge.rule.as_ref();
            let key = rule.and_then(|rule| site.keys.find(&rule.app, &rule.key));
            site.badges.push(stored.badge.clone(), stored.deleted, key);
        }
        for endpoint in &catalogue.endpoints {
            site.endpoints.insert(endpoint.id, endpoint.clone());
        }
        for (app, producer, n) in &catalogue.producers {
            if planted(Fault::ProducersForgotten) {
                break;
            }
            site.operations.advance_producer(app, producer, *n);
        }
        site.member_reports = MemberReports::restored(&catalogue.reports);
        site.settings = Settings::restored(&catalogue.settings);
        site.count_reporting_endpoints();
        Restorer { site, slot, catalogue, next_member_block: 0, next_item_block: 0 }
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The runs of the window at `position` in the catalogue, oldest first.
    pub fn window(&mut self, position: usize, runs: Vec<OperationRun>) -> Result<(), RestoreError> {
        let stored = &self.catalogue.windows[position];
        if runs.len() as u64 != stored.runs {
            let (expected, found) = (stored.runs as u32, runs.len() as u32);
            return Err(RestoreError::Count { what: "runs of operation ids", expected, found });
        }
        let copy = WindowCopy { first_run: stored.first_run, floor_ms: stored.floor_ms, runs };
        if !planted(Fault::OpIdsForgotten) {
            self.site.operations.restore_window(stored.app.clone(), copy);
        }
        Ok(())
    }

    pub fn member_block(&mut self, block: u32, value: MemberBlock) -> Result<(), RestoreError> {
        if block != self.next_member_block {
            let expected = self.next_member_block;
            return Err(RestoreError::BlockOrder { expected, found: block });
        }
        self.next_member_block += 1;
        self.site.stamps.set_restored_member_block(self.slot, block, &value);
        for member in value.members {
            self.member(member);
        }
        for (member, row) in value.abouts {
            self.site.abouts.restore(member, row);
        }
        for (member, standing) in value.standings {
            self.site.standings.restore(member, standing);
        }
        for (member, ties) in value.ties {
            self.site.ties.restore(member, ties);
        }
        Ok(())
    }

    fn member(&mut self, stored: ResidentMember) {
        let site = &mut self.site;
        let member = site.directory.len() as u32;
        let id: MemberId = stored.id;
        site.counters.push(id);
        site.directory.push_restored(id, row_of(&stored));
        let has_edges = stored.status == Status::Deleted && stored.graph_commit != 0;
        if has_edges && !planted(Fault::ErasureForgotten) {
            site.erasing.insert(member);
        }
        for stored in stored.counters {
            let counter = Counter { key: stored.key, public: stored.public, count: stored.count };
            site.counters.set(member, counter);
            if let Some(reported) = stored.reported.filter(|_| !planted(Fault::ReportForgotten)) {
                site.reports.restore(member, stored.key, reported);
            }
        }
        for held in stored.badges {
            site.badges.assign(member, held);
        }
    }

    pub fn item_block(&mut self, block: u32, value: ItemBlock) -> Result<(), RestoreError> {
        if block != self.next_item_block {
            let expected = self.next_item_block;
            return Err(RestoreError::BlockOrder { expected, found: block });
        }
        self.next_item_block += 1;
        self.site.stamps.set_restored_item_block(self.slot, block, &value);
        for row in value.rows {
            self.site.items.push_row(row);
        }
        Ok(())
    }

    /// All blocks were given: the site as of its slot, ready to replay what came after.
    pub fn finish(mut self) -> Result<Site, RestoreError> {
        let blocks = [
            ("member blocks", self.catalogue.members.div_ceil(BLOCK), self.next_member_block),
            ("item blocks", self.catalogue.items.div_ceil(BLOCK), self.next_item_block),
        ];
        for (what, expected, found) in blocks {
            if expected != found {
                return Err(RestoreError::Count { what, expected, found });
            }
        }
        self.site.directory.index_nicknames();
        Ok(self.site)
    }
}

fn row_of(stored: &ResidentMember) -> Row {
    Row {
        email: stored.email,
        slug: stored.slug,
        nickname: stored.nickname.clone(),
        created_at: stored.created_at,
        last_seq: stored.last_seq,
        member_seq: stored.member_seq,
        facts_commit: stored.facts_commit,
        graph_commit: stored.graph_commit,
        status: stored.status,
        privacy: stored.privacy,
        activity: stored.activity,
    }
}
