//! The last steps of a run, written down only while one seed is replayed: 40 of them, or as many
//! as `SIM_STEPS` says.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

const STEPS_KEPT_DEFAULT: usize = 40;

thread_local! {
    /// How many steps are kept; none while it is off.
    static KEPT: Cell<usize> = const { Cell::new(0) };
    static STEPS: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

pub fn turn_on() {
    let asked = std::env::var("SIM_STEPS").ok().and_then(|text| text.parse().ok());
    KEPT.set(asked.unwrap_or(STEPS_KEPT_DEFAULT));
    STEPS.with_borrow_mut(VecDeque::clear);
}

pub fn turn_off() {
    KEPT.set(0);
}

pub fn note(step: impl FnOnce() -> String) {
    let kept = KEPT.get();
    if kept == 0 {
        return;
    }
    STEPS.with_borrow_mut(|steps| {
        if steps.len() >= kept {
            steps.pop_front();
        }
        steps.push_back(step());
    });
}

pub fn taken() -> Vec<String> {
    STEPS.with_borrow_mut(|steps| steps.drain(..).collect())
}
