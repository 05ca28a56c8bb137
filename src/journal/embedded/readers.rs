//! How many read the log at a time: each holds about one batch in memory while it does.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::journal::site_log::lock;

pub struct Readers {
    free: Mutex<usize>,
    left: Condvar,
}

/// A reader's place, given back when dropped.
pub struct Reading<'a> {
    readers: &'a Readers,
}

impl Readers {
    pub fn new(count_max: usize) -> Readers {
        Readers { free: Mutex::new(count_max), left: Condvar::new() }
    }

    pub fn enter(&self) -> Reading<'_> {
        let mut free = lock(&self.free);
        while *free == 0 {
            free = self.left.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Reading { readers: self }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        *lock(&self.readers.free) += 1;
        self.readers.left.notify_one();
    }
}
