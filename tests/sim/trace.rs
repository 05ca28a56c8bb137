//! The last steps of a run, written down only while one seed is replayed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

const STEPS_KEPT: usize = 40;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static STEPS: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

pub fn turn_on() {
    IS_ON.set(true);
    STEPS.with_borrow_mut(VecDeque::clear);
}

pub fn turn_off() {
    IS_ON.set(false);
}

pub fn note(step: impl FnOnce() -> String) {
    if !IS_ON.get() {
        return;
    }
    STEPS.with_borrow_mut(|steps| {
        if steps.len() == STEPS_KEPT {
            steps.pop_front();
        }
        steps.push_back(step());
    });
}

pub fn taken() -> Vec<String> {
    STEPS.with_borrow_mut(|steps| steps.drain(..).collect())
}
