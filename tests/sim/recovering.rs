//! Rebuilding a site from its slots and the log, in the order of the product's own recovery, with
//! its own restorer and replay.

use guildhall::core::parts::Catalogue;
use guildhall::core::restore::Restorer;
use guildhall::core::site::Site;
use guildhall::domain::SiteId;
use guildhall::journal::{Memory, codec};
use guildhall::snapshot::values::{self, CATALOGUE, ITEM_BLOCK, MEMBER_BLOCK, OPERATION_RUN};
use guildhall::snapshot::{Key, Slot};

use crate::slots::{Complete, Damaged, Slots};

/// Bytes of commits that are read at a time: few, so that a replay takes several reads.
const READ_BYTES: usize = 4_096;

/// Damaged slots are moved aside on the way. `Err` says what is missing for good.
pub fn recover(slots: &mut Slots, journal: &Memory, id: SiteId) -> Result<Site, String> {
    let at = journal.position_now(id).map_err(|error| error.to_string())?;
    let mut why = String::from("none was found");
    while let Some(slot) = slots.current() {
        let mark = slots.mark(slot).expect("a current slot is complete");
        if mark.end > at.commit {
            return Err(format!("the journal ends at {}, before {slot} of {mark:?}", at.commit));
        }
        let restored = match mark.begin + 1 < at.first_commit {
            true => Err(Damaged { slot, why: "the journal was trimmed beyond it".to_owned() }),
            false => restore(slots, id, slot, mark),
        };
        match restored {
            Ok(site) => return replay(journal, site, at.commit),
            Err(damaged) => {
                why = damaged.why;
                slots.set_aside(slot);
            }
        }
    }
    if at.first_commit > 1 {
        return Err(format!("no snapshot is left ({why}), the log starts at {}", at.first_commit));
    }
    replay(journal, Site::new(id), at.commit)
}

pub fn replay(journal: &Memory, mut site: Site, up_to: u64) -> Result<Site, String> {
    while site.commit() < up_to {
        let commits = journal.read_commits_now(site.id(), site.commit(), READ_BYTES);
        let commits = commits.map_err(|error| error.to_string())?;
        if commits.is_empty() {
            return Err(format!("no commit follows {}, though {up_to} exists", site.commit()));
        }
        commits.iter().for_each(|commit| site.replay(commit));
    }
    Ok(site)
}

/// Builds the site as a slot has it.
pub fn restore(slots: &Slots, id: SiteId, slot: Slot, mark: Complete) -> Result<Site, Damaged> {
    let bad = |why: String| Damaged { slot, why };
    let bytes = slots.get(slot, Key::new(CATALOGUE, 0, 0))?;
    let bytes = bytes.ok_or_else(|| bad("the catalogue is missing".to_owned()))?;
    let catalogue: Catalogue = codec::decode(bytes).map_err(|error| bad(error.to_string()))?;
    assert_eq!(catalogue.commit, mark.begin, "a mark is of its own checkpoint");
    let begins = [Slot::A, Slot::B].map(|slot| slots.mark(slot).map_or(0, |mark| mark.begin));
    let mut restorer = Restorer::new(id, values::index_of(slot), begins, catalogue);
    let windows: Vec<u64> = restorer.catalogue().windows.iter().map(|window| window.runs).collect();
    for (position, runs) in windows.into_iter().enumerate() {
        let mut read = Vec::new();
        for run in 0..runs {
            let bytes = slots.get(slot, Key::new(OPERATION_RUN, run, position as u32))?;
            let bytes = bytes.ok_or_else(|| bad("operation ids are missing".to_owned()))?;
            read.push(codec::decode(bytes).map_err(|error| bad(error.to_string()))?);
        }
        restorer.window(position, read).map_err(|error| bad(error.to_string()))?;
    }
    for (key, bytes) in slots.scan(slot, MEMBER_BLOCK)? {
        let value = codec::decode(bytes).expect("an honest block decodes");
        let taken = restorer.member_block(key.number as u32, value);
        taken.unwrap_or_else(|error| panic!("a complete slot does not fit: {error}"));
    }
    for (key, bytes) in slots.scan(slot, ITEM_BLOCK)? {
        let value = codec::decode(bytes).expect("an honest block decodes");
        let taken = restorer.item_block(key.number as u32, value);
        taken.unwrap_or_else(|error| panic!("a complete slot does not fit: {error}"));
    }
    // The slots are honest: what does not fit together was not damaged, but copied wrongly.
    Ok(restorer.finish().unwrap_or_else(|error| panic!("a complete slot does not fit: {error}")))
}
