//! What came to pass in a run, so that nobody has to believe that it does.

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub commits: u64,
    pub records: u64,
    pub checkpoints: u64,
    pub checkpoints_given_up: u64,
    pub crashes: u64,
    pub generations_lost: u64,
    pub slots_given_up: u64,
    pub answers_lost: u64,
    pub page_ins: u64,
    pub reads_too_late: u64,
    pub recovered: u64,
    pub reloads: u64,
    pub cuts: u64,
    pub readers_too_slow: u64,
    pub delivered: u64,
    pub skipped: u64,
    pub exhausted: u64,
    pub disabled: u64,
}

impl Tally {
    fn all(&mut self) -> [&mut u64; 18] {
        [
            &mut self.commits,
            &mut self.records,
            &mut self.checkpoints,
            &mut self.checkpoints_given_up,
            &mut self.crashes,
            &mut self.generations_lost,
            &mut self.slots_given_up,
            &mut self.answers_lost,
            &mut self.page_ins,
            &mut self.reads_too_late,
            &mut self.recovered,
            &mut self.reloads,
            &mut self.cuts,
            &mut self.readers_too_slow,
            &mut self.delivered,
            &mut self.skipped,
            &mut self.exhausted,
            &mut self.disabled,
        ]
    }

    pub fn add(&mut self, mut other: Tally) {
        for (sum, one) in self.all().into_iter().zip(other.all()) {
            *sum += *one;
        }
    }

    /// Whether everything that may happen did.
    pub fn is_full(mut self) -> bool {
        self.all().into_iter().all(|count| *count > 0)
    }
}
