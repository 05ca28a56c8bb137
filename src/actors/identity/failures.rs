//! What may happen so often for one account: wrong passwords, and mails. Counted whether the
//! account exists or not, so that guessing is slow and tells nothing about which ones there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::IdentityError;
use crate::domain::limits::{
    LOGIN_FAILURES_ACCOUNTS_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS, MAILS_PER_ADDRESS_MAX,
    MAILS_PER_ADDRESS_MS,
};
use crate::domain::{SiteId, Timestamp};

/// A site, and the hash of an e-mail.
pub type Account = (SiteId, u128);

pub struct Failures {
    count_max: u32,
    window_ms: i64,
    counted: Mutex<HashMap<Account, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since: Timestamp,
    failures: u32,
}

impl Failures {
    pub fn of_passwords() -> Failures {
        Failures::new(LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS)
    }

    pub fn of_mails() -> Failures {
        Failures::new(MAILS_PER_ADDRESS_MAX, MAILS_PER_ADDRESS_MS)
    }

    fn new(count_max: u32, window_ms: i64) -> Failures {
        Failures { count_max, window_ms, counted: Mutex::default() }
    }

    fn ends_at(&self, count: Count) -> Timestamp {
        count.since.plus_ms(self.window_ms)
    }

    pub fn check(&self, account: Account, now: Timestamp) -> Result<(), IdentityError> {
        match self.counted().get(&account) {
            Some(count) if count.failures >= self.count_max && now < self.ends_at(*count) => {
                let retry_after_ms = self.ends_at(*count).unix_ms - now.unix_ms;
                Err(IdentityError::Throttled { retry_after_ms })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub fn note(&self, account: Account, now: Timestamp) {
        let mut counted = self.counted();
        if counted.len() >= LOGIN_FAILURES_ACCOUNTS_MAX && !counted.contains_key(&account) {
            self.make_room(&mut counted, now);
        }
        match counted.entry(account) {
            Entry::Occupied(mut known) if now < self.ends_at(*known.get()) => {
                known.get_mut().failures += 1;
            }
            Entry::Occupied(mut over) => {
                over.insert(Count { since: now, failures: 1 });
            }
            Entry::Vacant(new) => {
                new.insert(Count { since: now, failures: 1 });
            }
        }
    }

    pub fn forget(&self, account: Account) {
        self.counted().remove(&account);
    }

    /// What is over goes, and where nothing is, the older half: looking costs more than once in a
    /// while only to whoever fills it.
    fn make_room(&self, counted: &mut HashMap<Account, Count>, now: Timestamp) {
        counted.retain(|_, count| now < self.ends_at(*count));
        if counted.len() < LOGIN_FAILURES_ACCOUNTS_MAX {
            return;
        }
        let mut ages: Vec<Timestamp> = counted.values().map(|count| count.since).collect();
        let (_, middle, _) = ages.select_nth_unstable(LOGIN_FAILURES_ACCOUNTS_MAX / 2);
        let middle = *middle;
        counted.retain(|_, count| count.since > middle);
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Account, Count>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

    fn account(number: u128) -> Account {
        (SiteId::from_u128(1), number)
    }

    #[test]
    fn an_account_rests_after_so_many_wrong_passwords_and_others_do_not() {
        let failures = Failures::of_passwords();
        for _ in 0..LOGIN_FAILURES_MAX {
            assert_eq!(failures.check(account(7), NOW), Ok(()));
            failures.note(account(7), NOW);
        }
        let later = NOW.plus_ms(1_000);
        let retry_after_ms = LOGIN_FAILURES_MS - 1_000;
        let expected = Err(IdentityError::Throttled { retry_after_ms });
        assert_eq!(failures.check(account(7), later), expected);
        assert_eq!(failures.check(account(8), later), Ok(()));
        assert_eq!(failures.check(account(7), NOW.plus_ms(LOGIN_FAILURES_MS)), Ok(()));
    }

    #[test]
    fn a_right_password_ends_the_count() {
        let failures = Failures::of_passwords();
        for _ in 1..LOGIN_FAILURES_MAX {
            failures.note(account(7), NOW);
        }
        failures.forget(account(7));
        failures.note(account(7), NOW);
        assert_eq!(failures.check(account(7), NOW), Ok(()));
    }

    #[test]
    fn the_number_of_counted_accounts_is_bounded() {
        let failures = Failures::of_passwords();
        for number in 0..LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 10 {
            failures.note(account(number), NOW.plus_ms(number as i64 / 1_000));
        }
        let counted = failures.counted().len();
        assert!(counted <= LOGIN_FAILURES_ACCOUNTS_MAX, "{counted}");
        let newest = account(LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 9);
        assert!(failures.counted().contains_key(&newest));
    }
}
