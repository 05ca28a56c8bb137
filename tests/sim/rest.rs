//! Coming to rest: nothing new is asked, and all that was begun must come to its end.

use guildhall::core::site::Site;

use crate::requests::Request;
use crate::shell::{Outside, Shell};

impl Shell {
    /// One step towards rest; false once there.
    pub fn rest(&mut self, outside: &mut Outside<'_>) -> bool {
        if self.site.is_none() {
            return true;
        }
        let mut is_busy = self.loads_len() > 0 || self.checkpoint.is_some();
        while self.loads_len() > 0 {
            self.load_goes_on(0, outside);
        }
        if self.checkpoint.is_some() {
            self.checkpoint_goes_on(outside);
        }
        if self.site.as_ref().is_some_and(Site::has_reports) {
            self.ask(Request::Report, outside);
            is_busy = true;
        }
        let now = outside.now;
        if self.site.as_ref().is_some_and(|site| site.has_work(now)) {
            self.ask(Request::WorkOff, outside);
            is_busy = true;
        }
        is_busy |= self.deliver_on(outside);
        is_busy |= self.live.hub.position() < self.auditor.model.seq() || self.live.is_opening();
        self.publish(outside);
        self.ask_goes_on(outside);
        is_busy |= self.read_everything(outside);
        is_busy | self.has_queued()
    }

    /// Everything is durable and answered, shown and delivered.
    pub fn judge_rest(&mut self, outside: &mut Outside<'_>) {
        assert!(!self.has_queued() && self.gate.is_empty(), "a site comes to rest");
        self.judge_clients();
        self.judge_post();
        self.judge_reports();
        let overdue = self.auditor.model.overdue(outside.now);
        assert!(overdue.is_empty(), "{overdue:?} wait for the end of a block or mute");
        self.auditor.judge_end();
    }

    /// Nobody who takes reports was left with an old value.
    fn judge_reports(&self) {
        let model = &self.auditor.model;
        if model.reports.since.is_none() {
            return;
        }
        // What listeners alone were told before an endpoint came is of no account.
        for counter in &model.reports.connected {
            let count = model.count(counter).map(|count| count.count);
            let told = model.reports.told.get(counter).copied();
            assert_eq!(told, count, "the last report of {counter:?}");
        }
    }
}
