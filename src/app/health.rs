//! Whether requests should be sent here now: a load balancer's question, answered from what the
//! process knows of itself at this moment.

use super::life::{Life, Stage};
use crate::actors::disk::DiskReserve;
use crate::actors::registry::Registry;
use crate::http::front::Unready;

pub struct Health {
    pub life: Life,
    pub registry: Registry,
    pub disk: DiskReserve,
}

impl Health {
    /// Every reason to stay away, by code.
    pub fn unready(&self) -> Vec<Unready> {
        let found = [of_stage(self.life.stage()), self.of_disk(), self.of_sites()];
        found.into_iter().flatten().collect()
    }

    fn of_disk(&self) -> Option<Unready> {
        let detail = match self.disk.is_touched() {
            Ok(false) => return None,
            Ok(true) => "the disk has less room than its reserve: changes are refused".to_owned(),
            Err(error) => format!("the disk does not tell its room: {error}"),
        };
        Some(Unready { code: "DISK_FULL", detail })
    }

    /// A site whose commits the journal did not take, or whose state was torn, is built again. Who
    /// asks is a stranger: which site it is stands in the log.
    fn of_sites(&self) -> Option<Unready> {
        let (sites, rebuilding) = self.registry.rebuilding();
        let detail = format!("{rebuilding} of {sites} sites being rebuilt");
        (rebuilding > 0).then_some(Unready { code: "REBUILDING", detail })
    }
}

fn of_stage(stage: Stage) -> Option<Unready> {
    let (code, detail) = match stage {
        Stage::Starting => ("STARTING", "starting"),
        Stage::Serving => return None,
        Stage::Draining => ("DRAINING", "draining: no new connections are taken"),
    };
    Some(Unready { code, detail: detail.to_owned() })
}
