//! What may be tried so often for one account: passwords, and mails. Counted whether the account
//! exists or not, so that guessing is slow and tells nothing about which ones there are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::IdentityError;
use crate::domain::limits::{
    LOGIN_FAILURES_ACCOUNTS_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS, MAILS_PER_ADDRESS_MAX,
    MAILS_PER_ADDRESS_MS,
};
use crate::domain::{SiteId, Timestamp};

/// A site, and the hash of an e-mail.
pub type Account = (SiteId, u128);

pub struct Tries {
    count_max: u32,
    window_ms: i64,
    counted: Mutex<HashMap<Account, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since: Timestamp,
    tries: u32,
}

impl Tries {
    pub fn of_passwords() -> Tries {
        Tries::new(LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS)
    }

    pub fn of_mails() -> Tries {
        Tries::new(MAILS_PER_ADDRESS_MAX, MAILS_PER_ADDRESS_MS)
    }

    fn new(count_max: u32, window_ms: i64) -> Tries {
        Tries { count_max, window_ms, counted: Mutex::default() }
    }

    fn ends_at(&self, count: Count) -> Timestamp {
        count.since.plus_ms(self.window_ms)
    }

    /// One more, unless there were as many as may be.
    pub fn count(&self, account: Account, now: Timestamp) -> Result<(), IdentityError> {
        let mut counted = self.counted();
        if counted.len() >= LOGIN_FAILURES_ACCOUNTS_MAX && !counted.contains_key(&account) {
            self.make_room(&mut counted, now);
        }
        let count = counted.entry(account).or_insert(Count { since: now, tries: 0 });
        if now >= self.ends_at(*count) {
            *count = Count { since: now, tries: 0 };
        }
        if count.tries >= self.count_max {
            let retry_after_ms = self.ends_at(*count).unix_ms - now.unix_ms;
            return Err(IdentityError::Throttled { retry_after_ms });
        }
        count.tries += 1;
        Ok(())
    }

    /// One that was counted came to nothing.
    pub fn take_back(&self, account: Account) {
        if let Some(count) = self.counted().get_mut(&account) {
            count.tries = count.tries.saturating_sub(1);
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
    fn an_account_rests_after_so_many_tries_and_others_do_not() {
        let tries = Tries::of_passwords();
        for _ in 0..LOGIN_FAILURES_MAX {
            assert_eq!(tries.count(account(7), NOW), Ok(()));
        }
        let later = NOW.plus_ms(1_000);
        let retry_after_ms = LOGIN_FAILURES_MS - 1_000;
        let expected = Err(IdentityError::Throttled { retry_after_ms });
        assert_eq!(tries.count(account(7), later), expected);
        assert_eq!(tries.count(account(8), later), Ok(()));
        assert_eq!(tries.count(account(7), NOW.plus_ms(LOGIN_FAILURES_MS)), Ok(()));
    }

    #[test]
    fn a_right_password_ends_the_count_and_one_not_judged_does_not_count() {
        let tries = Tries::of_passwords();
        for _ in 0..LOGIN_FAILURES_MAX {
            tries.count(account(7), NOW).expect("few enough");
        }
        tries.take_back(account(7));
        assert_eq!(tries.count(account(7), NOW), Ok(()));
        tries.forget(account(7));
        for _ in 0..LOGIN_FAILURES_MAX {
            assert_eq!(tries.count(account(7), NOW), Ok(()));
        }
    }

    #[test]
    fn the_number_of_counted_accounts_is_bounded_where_nothing_is_over() {
        let tries = Tries::of_passwords();
        for number in 0..LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 10 {
            tries.count(account(number), NOW.plus_ms(number as i64 / 1_000)).expect("the first");
        }
        let counted = tries.counted().len();
        assert!(counted <= LOGIN_FAILURES_ACCOUNTS_MAX, "{counted}");
        let newest = account(LOGIN_FAILURES_ACCOUNTS_MAX as u128 + 9);
        assert!(tries.counted().contains_key(&newest));
    }
}
