//! Checks a site against its journal: folds the log with plain code of its own, and compares what
//! comes out with the snapshots and with the live state. Changes nothing.
//!
//! A large site is checked stretch after stretch of ordinals, each from its base again, so that
//! memory stays bounded. The base of a stretch is nothing where the log begins at commit 1, else
//! the older complete snapshot. A running site goes on: it is asked a block a turn, and where a
//! checkpoint overtakes a stretch, the stretch begins again from the newer base.

mod base;
mod compare;
mod findings;
mod fold;
mod fold_reports;
mod fold_settings;
mod live;
mod log;
mod model;
mod operations;
mod symmetry;

use std::sync::Arc;

use thiserror::Error;

use self::base::{LoadError, Operations, Shelf};
use self::compare::Comparison;
use self::findings::Findings;
use self::live::Live;
use self::log::LogReader;
use self::model::{Catalogue, Item, Member, Model, Stretch};
use self::operations::SeenOperations;
use self::symmetry::Symmetry;
use super::handle::SiteHandle;
use crate::core::inspect::{InspectedBlock, InspectedItem, InspectedMember};
use crate::core::parts::BLOCK;
use crate::core::site::Site;
use crate::domain::SiteId;
use crate::domain::limits::{VERIFY_BLOCKS_AHEAD, VERIFY_STRETCH_ORDINALS, VERIFY_TRIES_MAX};
use crate::journal::{Journal, JournalError};
use crate::snapshot::recovery::recover;
use crate::snapshot::{Mark, Slot, SnapshotStore};

/// Where a site's past lies.
#[derive(Clone)]
pub struct Ground {
    pub journal: Arc<dyn Journal>,
    pub store: Arc<SnapshotStore>,
    pub site: SiteId,
    /// Members, and likewise items, that are folded at once.
    pub stretch_ordinals: u32,
}

impl Ground {
    pub fn new(journal: Arc<dyn Journal>, store: Arc<SnapshotStore>, site: SiteId) -> Ground {
        Ground { journal, store, site, stretch_ordinals: VERIFY_STRETCH_ORDINALS }
    }
}

/// What a check of one site came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteReport {
    pub site: SiteId,
    /// The last commit that was folded.
    pub commit: u64,
    pub members: usize,
    pub records_folded: u64,
    pub increments_folded: u64,
    /// One line each; at most as many as are listed.
    pub differences: Vec<String>,
    /// Differences beyond those.
    pub differences_left_out: u64,
}

impl SiteReport {
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    /// What was looked at, in one line.
    pub fn checked(&self) -> String {
        let SiteReport { site, commit, members, records_folded, increments_folded, .. } = self;
        format!(
            "site {site}: commit {commit}, {members} members, {records_folded} records and \
             {increments_folded} increments folded"
        )
    }
}

#[derive(Debug, Error)]
pub enum VerifyError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal starts at commit {first} and no snapshot reaches back to it")]
    NoBase { first: u64 },
    #[error("the site stopped while it was checked")]
    Stopped,
    #[error("the site was checkpointed or rebuilt again and again while it was checked")]
    Restless,
    #[error("the check itself panicked")]
    Panicked,
}

/// Checks a site that goes on meanwhile. Runs on a thread of its own.
pub async fn verify_running(ground: Ground, site: SiteHandle) -> Result<SiteReport, VerifyError> {
    apart(move || async move { Run::new(&ground, Live::Running(&site)).whole().await }).await
}

/// Checks a site that nobody serves. The live state is what a start would recover.
pub async fn verify_stopped(ground: Ground) -> Result<SiteReport, VerifyError> {
    let (findings, ground) = apart(move || async move {
        let mut findings = Findings::default();
        check_slots(Shelf { store: &ground.store, site: ground.site }, &mut findings);
        Ok((findings, ground))
    })
    .await?;
    let recovering = ground.clone();
    let recovered = apart(move || async move {
        let Ground { journal, store, site, .. } = recovering;
        Ok(recover(&store, &*journal, site).await)
    });
    let why = match recovered.await {
        Ok(Ok(recovered)) => {
            let site = recovered.site;
            return apart(move || async move {
                let mut run = Run::new(&ground, Live::Recovered(&site));
                run.findings = findings;
                run.whole().await
            })
            .await;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_panicked) => "recovery panicked".to_owned(),
    };
    let mut findings = findings;
    findings.note(|| format!("live: {why}"));
    Ok(report(ground.site, None, findings))
}

/// Runs what reads and computes for long off the caller's thread.
async fn apart<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, VerifyError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, VerifyError>>,
{
    let runtime = tokio::runtime::Handle::current();
    let run = tokio::task::spawn_blocking(move || runtime.block_on(work()));
    run.await.unwrap_or(Err(VerifyError::Panicked))
}

fn report(site: SiteId, model: Option<&Model>, findings: Findings) -> SiteReport {
    SiteReport {
        site,
        commit: model.map_or(0, |model| model.commit),
        members: model.map_or(0, |model| model.ids.len()),
        records_folded: model.map_or(0, |model| model.records_folded),
        increments_folded: model.map_or(0, |model| model.increments_folded),
        differences: findings.listed,
        differences_left_out: findings.left_out,
    }
}

/// Every entry of every complete slot against its mark.
fn check_slots(shelf: Shelf<'_>, into: &mut Findings) {
    let Shelf { store, site } = shelf;
    for slot in Slot::BOTH {
        let Some(mark) = store.mark(site, slot) else { continue };
        if let Err(damaged) = store.verify(site, slot)
            && store.mark(site, slot) == Some(mark)
        {
            into.note(|| format!("snapshot {slot}: {damaged}"));
        }
    }
}

struct Run<'a> {
    ground: &'a Ground,
    live: Live<'a>,
    findings: Findings,
    symmetry: Symmetry,
    /// Where all stretches so far were held against each other; `None` once they differ.
    common_commit: Option<u64>,
}

/// Why a stretch came to no end.
enum Halt {
    /// Its base was overwritten or the log trimmed: begin again.
    Overtaken,
    Failed(VerifyError),
}

impl From<VerifyError> for Halt {
    fn from(error: VerifyError) -> Halt {
        Halt::Failed(error)
    }
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Halt {
        match error {
            JournalError::Trimmed { .. } => Halt::Overtaken,
            JournalError::Damaged { .. } | JournalError::Unavailable(_) => {
                Halt::Failed(error.into())
            }
        }
    }
}

/// What one stretch came to.
struct Stretched {
    model: Model,
    findings: Findings,
    symmetry: Symmetry,
    /// Where it was held against the other stretches.
    commit: u64,
}

impl<'a> Run<'a> {
    fn new(ground: &'a Ground, live: Live<'a>) -> Run<'a> {
        let (findings, symmetry) = (Findings::default(), Symmetry::default());
        Run { ground, live, findings, symmetry, common_commit: None }
    }

    fn shelf(&self) -> Shelf<'a> {
        Shelf { store: &self.ground.store, site: self.ground.site }
    }

    async fn whole(mut self) -> Result<SiteReport, VerifyError> {
        if let Live::Running(_) = self.live {
            check_slots(self.shelf(), &mut self.findings);
        }
        let mut first: Option<Model> = None;
        let mut start = 0;
        loop {
            let end = start + self.ground.stretch_ordinals;
            let stretch = Stretch { members: start..end, items: start..end };
            let Stretched { model, findings, symmetry, commit } = self.stretch(&stretch).await?;
            self.findings.append(findings);
            self.symmetry = symmetry;
            let is_common = start == 0 || self.common_commit == Some(commit);
            self.common_commit = is_common.then_some(commit);
            let is_last = model.ids.len().max(model.item_ordinals.len()) <= end as usize;
            first.get_or_insert(model);
            if is_last {
                break;
            }
            start = end;
        }
        if self.common_commit.is_some() {
            self.symmetry.finish(&mut self.findings);
        }
        Ok(report(self.ground.site, first.as_ref(), self.findings))
    }

    /// Begins again where a checkpoint came in between, a bounded number of times.
    async fn stretch(&self, stretch: &Stretch) -> Result<Stretched, VerifyError> {
        for _ in 0..VERIFY_TRIES_MAX {
            match self.attempt(stretch).await {
                Ok(stretched) => return Ok(stretched),
                Err(Halt::Overtaken) => {}
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
        Err(VerifyError::Restless)
    }

    async fn attempt(&self, stretch: &Stretch) -> Result<Stretched, Halt> {
        let (site, journal) = (self.ground.site, &*self.ground.journal);
        let mut findings = Findings::default();
        let end = journal.position(site).await?;
        let mut models = self.bases(stretch, end.first_commit, &mut findings)?;
        let Some(from) = models.iter().map(|model| model.commit).min() else {
            return Err(VerifyError::NoBase { first: end.first_commit }.into());
        };
        // A slot is of one commit only from its end on, and its end is durable.
        let common = self
            .common_commit
            .filter(|commit| self.ends().iter().all(|end| end <= commit) && *commit <= end.commit);
        let commit = common.unwrap_or(end.commit);
        let mut log = LogReader::after(journal, site, from);
        log.fold_to(&mut models, commit).await?;
        let others = models.split_off(1);
        for other in &others {
            let place = other.name.as_str();
            let (expected, into) = (&models[0], &mut findings);
            Comparison { expected, place, into }.model(other);
            if let (Some(seen), Some(other)) = (&models[0].operations, &other.operations) {
                seen.compare(place, other, &mut findings);
            }
        }
        drop(others);
        let mut symmetry = self.symmetry.clone();
        symmetry.add(&models[0], &mut findings);
        self.live_catalogue(&mut log, &mut models, &mut findings).await?;
        self.walk(walk_members(stretch), &mut log, &mut models, &mut findings).await?;
        self.walk(walk_items(stretch), &mut log, &mut models, &mut findings).await?;
        let mut model = models.remove(0);
        findings.append(std::mem::take(&mut model.findings));
        Ok(Stretched { model, findings, symmetry, commit })
    }

    fn ends(&self) -> Vec<u64> {
        let Ground { store, site, .. } = self.ground;
        let marks = Slot::BOTH.into_iter().filter_map(|slot| store.mark(*site, slot));
        marks.map(|mark| mark.end_commit).collect()
    }

    /// What the log can be folded upon, the one that is trusted first.
    fn bases(
        &self,
        stretch: &Stretch,
        first_commit: u64,
        findings: &mut Findings,
    ) -> Result<Vec<Model>, Halt> {
        let Ground { store, site, .. } = self.ground;
        let operations = match stretch.members.start {
            0 => Operations::Seen,
            _ => Operations::LeftOut,
        };
        let mut models = Vec::new();
        if first_commit <= 1 {
            let mut nothing = Model::empty("log", stretch.clone());
            nothing.operations = (operations == Operations::Seen).then(SeenOperations::default);
            models.push(nothing);
        }
        let marked =
            Slot::BOTH.into_iter().filter_map(|slot| Some((store.mark(*site, slot)?, slot)));
        let mut marked: Vec<(Mark, Slot)> = marked.collect();
        marked.sort_by_key(|(mark, _)| mark.begin_commit);
        for (mark, slot) in marked {
            if mark.begin_commit + 1 < first_commit {
                continue;
            }
            let loaded = self.shelf().load(slot, mark, stretch.clone(), operations);
            if store.mark(*site, slot) != Some(mark) {
                return Err(Halt::Overtaken);
            }
            match loaded {
                Ok(model) => models.push(model),
                Err(error) => findings.note(|| format!("snapshot {slot}: {error}")),
            }
        }
        Ok(models)
    }

    async fn live_catalogue(
        &self,
        log: &mut LogReader<'_>,
        models: &mut [Model],
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        if models[0].operations.is_none() {
            return Ok(());
        }
        let seen = self.live.look(|site| site.inspect_catalogue()).await?;
        let Some(found) = seen.durable().await else { return Err(Halt::Overtaken) };
        let stored = found.catalogue;
        log.fold_to(models, stored.commit).await?;
        let (expected, place) = (&models[0], "live");
        findings.compare(|| "live: commit".to_owned(), &expected.commit, &stored.commit);
        findings.compare(|| "live: seq".to_owned(), &expected.seq, &stored.seq);
        let (members, items) = (expected.ids.len(), expected.item_ordinals.len());
        findings.compare(|| "live: members".to_owned(), &members, &(stored.members as usize));
        findings.compare(|| "live: items".to_owned(), &items, &(stored.items as usize));
        if let Some(operations) = &expected.operations {
            operations.compare(place, &SeenOperations::of(&found.windows), findings);
        }
        let found = Catalogue::of(stored);
        Comparison { expected, place, into: findings }.catalogue(&found);
        Ok(())
    }

    /// Every block of a range: asked some ahead, compared one after the other.
    async fn walk<T: Send + 'static, W>(
        &self,
        walk: Walk<T, W>,
        log: &mut LogReader<'_>,
        models: &mut [Model],
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let (mut block, mut tries) = (walk.first_block, 0);
        'groups: while block < walk.end_block {
            let mut asked = Vec::new();
            for block in (block..walk.end_block).take(VERIFY_BLOCKS_AHEAD) {
                let look = walk.look;
                asked.push(self.live.look(move |site| look(site, block)).await?);
            }
            for seen in asked {
                let Some(found) = seen.durable().await else { return Err(Halt::Overtaken) };
                log.fold_to(models, found.commit).await?;
                let is_last = found.entries.len() < BLOCK as usize;
                match (walk.whole)(self.shelf(), block * BLOCK, found) {
                    Ok(whole) => {
                        let (expected, into) = (&models[0], &mut *findings);
                        let mut comparison = Comparison { expected, place: "live", into };
                        (walk.compare)(&mut comparison, block, &whole);
                    }
                    // Checkpoints may have moved a part since the turn: the block is asked again.
                    Err(_) if tries < VERIFY_TRIES_MAX => {
                        tries += 1;
                        continue 'groups;
                    }
                    Err(error) => findings.note(|| format!("live: {error}")),
                }
                (block, tries) = (block + 1, 0);
                if is_last {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A block's entries with their ordinals, whole.
type Whole<W> = Result<Vec<(u32, W)>, LoadError>;

/// How blocks of one kind are seen, brought together and compared.
struct Walk<T, W> {
    first_block: u32,
    end_block: u32,
    look: fn(&Site, u32) -> InspectedBlock<T>,
    whole: fn(Shelf<'_>, u32, InspectedBlock<T>) -> Whole<W>,
    compare: fn(&mut Comparison<'_>, u32, &[(u32, W)]),
}

fn walk_members(stretch: &Stretch) -> Walk<InspectedMember, Member> {
    Walk {
        first_block: stretch.members.start / BLOCK,
        end_block: stretch.members.end.div_ceil(BLOCK),
        look: Site::inspect_members,
        whole: live::whole_members,
        compare: |comparison, block, found| {
            let expected = comparison.expected;
            for (ordinal, member) in found {
                comparison.member(*ordinal, member);
            }
            let end = (block + 1) * BLOCK;
            let missing = expected.members.range(block * BLOCK + found.len() as u32..end);
            missing.for_each(|(_, member)| comparison.missing(member));
        },
    }
}

fn walk_items(stretch: &Stretch) -> Walk<InspectedItem, Item> {
    Walk {
        first_block: stretch.items.start / BLOCK,
        end_block: stretch.items.end.div_ceil(BLOCK),
        look: Site::inspect_items,
        whole: live::whole_items,
        compare: |comparison, _, found| {
            for (ordinal, item) in found {
                comparison.item(*ordinal, item);
            }
        },
    }
}
