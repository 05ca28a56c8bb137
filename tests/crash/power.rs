//! Whether the machine of the server still has power. Without it no answer reaches anybody: what a
//! server says in the dark does not count, neither as a promise nor as a fault.

use std::sync::atomic::{AtomicU8, Ordering};

const ON: u8 = 0;
const GOING: u8 = 1;
const GONE: u8 = 2;

#[derive(Default)]
pub struct Power {
    state: AtomicU8,
}

impl Power {
    /// Answers that arrive from here on are not received: a sync that is under way while the file
    /// system shuts down may be told that it succeeded.
    pub fn goes(&self) {
        self.state.store(GOING, Ordering::SeqCst);
    }

    /// The file system is shut down: no sync that begins now can succeed.
    pub fn is_gone_from_now_on(&self) {
        self.state.store(GONE, Ordering::SeqCst);
    }

    pub fn is_on(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ON
    }

    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::SeqCst) == GONE
    }
}
