//! Planted faults: wrong behaviour that the simulation has to notice, one at a time, so that the
//! simulation is itself tested. Without the feature `faults` every switch is a constant no.

/// One wrong behaviour, each a line of the code that it spoils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The gate lets an answer out before its commit is synced.
    GateOpensEarly,
    /// Replay applies what the restored block holds already.
    ReplayDoubles,
    /// A part of another stamp is taken in.
    PageInTakesStale,
    /// A part that is read back forgets the operations that came meanwhile.
    PageInForgetsDelta,
    /// A rule line that is passed by more than one step awards nothing.
    RuleLineLost,
    /// The log is trimmed behind the newer slot instead of the older one.
    TrimTooFar,
    /// Operation ids are not taken over from a snapshot.
    OpIdsForgotten,
    /// Producers' last numbers are not taken over from a snapshot.
    ProducersForgotten,
    /// A follow is noted by the follower only.
    HalfFollow,
    /// An unlike leaves the author's total as it was.
    UnlikeKeepsTotal,
    /// Settling drops operations that the checkpoint has not copied.
    SettleDropsUncopied,
    /// The cursor of a delivery passes an event that is on its way.
    CursorPassesUnfinished,
    /// The hub loses what is published while a channel is being opened.
    HubForgetsOpening,
    /// A recovery ends one record too early.
    RecoveryStopsShort,
    /// A producer's number may leave a gap.
    ProducerGapAccepted,
    /// A counter's last report is not taken over from a snapshot.
    ReportForgotten,
    /// A checkpoint that was given up counts as copied.
    AbortKeepsStamps,
    /// A restart forgets that edges of a deleted member have yet to end.
    ErasureForgotten,
    /// A restart forgets which blocks and mutes end by themselves.
    LapsesForgotten,
    /// A member that is blocked is listed as before.
    BlockedAreListed,
}

impl Fault {
    pub const ALL: [Fault; 20] = [
        Fault::GateOpensEarly,
        Fault::ReplayDoubles,
        Fault::PageInTakesStale,
        Fault::PageInForgetsDelta,
        Fault::RuleLineLost,
        Fault::TrimTooFar,
        Fault::OpIdsForgotten,
        Fault::ProducersForgotten,
        Fault::HalfFollow,
        Fault::UnlikeKeepsTotal,
        Fault::SettleDropsUncopied,
        Fault::CursorPassesUnfinished,
        Fault::HubForgetsOpening,
        Fault::RecoveryStopsShort,
        Fault::ProducerGapAccepted,
        Fault::ReportForgotten,
        Fault::AbortKeepsStamps,
        Fault::ErasureForgotten,
        Fault::LapsesForgotten,
        Fault::BlockedAreListed,
    ];
}

#[cfg(feature = "faults")]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether this thread is to do it wrong.
    pub fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// From here on this thread does this one thing wrong, or none.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }
}

#[cfg(feature = "faults")]
pub use switch::{plant, planted};

/// Whether this thread is to do it wrong: never, in a program that is no test.
#[cfg(not(feature = "faults"))]
pub const fn planted(_: Fault) -> bool {
    false
}
