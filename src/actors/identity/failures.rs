//! Wrong passwords, counted by account whether it exists or not: guessing one is slow, and tells
//! nothing about which accounts there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::IdentityError;
use crate::domain::limits::{LOGIN_FAILURES_ACCOUNTS_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS};
use crate::domain::{SiteId, Timestamp};

/// A site, and the hash of an e-mail.
pub type Account = (SiteId, u128);

#[derive(Default)]
pub struct Failures {
    counted: Mutex<HashMap<Account, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since: Timestamp,
    failures: u32,
}

impl Count {
    fn ends_at(self) -> Timestamp {
        self.since.plus_ms(LOGIN_FAILURES_MS)
    }
}

impl Failures {
    pub fn check(&self, account: Account, now: Timestamp) -> Result<(), IdentityError> {
        match self.counted().get(&account) {
            Some(count) if count.failures >= LOGIN_FAILURES_MAX && now < count.ends_at() => {
                let retry_after_ms = count.ends_at().unix_ms - now.unix_ms;
                Err(IdentityError::Throttled { retry_after_ms })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub fn note(&self, account: Account, now: Timestamp) {
        let mut counted = self.counted();
        if counted.len() >= LOGIN_FAILURES_ACCOUNTS_MAX && !counted.contains_key(&account) {
            make_room(&mut counted, now);
        }
        match counted.entry(account) {
            Entry::Occupied(mut known) if now < known.get().ends_at() => {
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

    fn counted(&self) -> MutexGuard<'_, HashMap<Account, Count>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is over goes, and where nothing is, the older half: looking costs more than once in a
/// while only to whoever fills it.
fn make_room(counted: &mut HashMap<Account, Count>, now: Timestamp) {
    counted.retain(|_, count| now < count.ends_at());
    if counted.len() < LOGIN_FAILURES_ACCOUNTS_MAX {
        return;
    }
    let mut ages: Vec<Timestamp> = counted.values().map(|count| count.since).collect();
    let (_, middle, _) = ages.select_nth_unstable(LOGIN_FAILURES_ACCOUNTS_MAX / 2);
    let middle = *middle;
    counted.retain(|_, count| count.since > middle);
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
        let failures = Failures::default();
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
        let failures = Failures::default();
        for _ in 1..LOGIN_FAILURES_MAX {
            failures.note(account(7), NOW);
        }
        failures.forget(account(7));
        failures.note(account(7), NOW);
        assert_eq!(failures.check(account(7), NOW), Ok(()));
    }

    #[test]
    fn the_number_of_counted_accounts_is_bounded() {
        let failures = Failures::default();
        for number in 0..LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 10 {
            failures.note(account(number), NOW.plus_ms(number as i64 / 1_000));
        }
        let counted = failures.counted().len();
        assert!(counted <= LOGIN_FAILURES_ACCOUNTS_MAX, "{counted}");
        let newest = account(LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 9);
        assert!(failures.counted().contains_key(&newest));
    }
}
