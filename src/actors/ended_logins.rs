//! Logins that were ended while access tokens of theirs may still live: such a token is refused at
//! once. Each stays until the last token of it is over, in memory and in a value beside the log.
//! Where a site has ended more than are kept, all tokens of logins up to a time are refused: a
//! member who is still in gets another with the refresh token, and nobody gets back in.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use uuid::Uuid;

use crate::domain::limits::{
    ENDED_LOGIN_SLACK_SECONDS, ENDED_LOGINS_DROPPED_MAX, ENDED_LOGINS_PER_SITE_MAX,
    MEMBER_TOKEN_SECONDS,
};
use crate::domain::{SiteId, Timestamp};
use crate::journal::{Journal, JournalError, codec};

const ENDED: &[u8] = b"identity/ended/";
const FLOOR: &[u8] = b"identity/ended-floor";
const TIME_BYTES: usize = 8;
const LOGIN_BYTES: usize = 16;

/// An access token of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoginToken {
    pub site: SiteId,
    pub login: Uuid,
    pub expires: Timestamp,
}

/// When the last token of a login is over, and which login it is. Ordered by that time.
type Ended = (Timestamp, Uuid);

#[derive(Default)]
pub struct EndedLogins {
    sites: RwLock<HashMap<SiteId, OfSite>>,
    version: AtomicU64,
}

#[derive(Default)]
struct OfSite {
    by_end: BTreeSet<Ended>,
    logins: HashSet<Uuid>,
    /// No token that is over by then holds.
    floor: Timestamp,
}

/// What is to be stored, together with the account that lost its logins, before it is published.
pub struct Ending {
    site: SiteId,
    added: Vec<Ended>,
    dropped: Vec<Ended>,
    floor: Option<Timestamp>,
}

impl EndedLogins {
    /// What the journal knows of a site.
    pub async fn load(&self, journal: &dyn Journal, site: SiteId) -> Result<(), JournalError> {
        let names = journal.scan(Some(site), ENDED.to_vec()).await?;
        let floor = journal.get(Some(site), FLOOR.to_vec()).await?;
        let mut known = OfSite::default();
        for ended in names.iter().filter_map(|(name, _)| read_name(name)) {
            known.insert(ended);
        }
        known.floor = floor.as_deref().and_then(read_time).unwrap_or_default();
        self.write(|sites| sites.insert(site, known));
        Ok(())
    }

    pub fn plan(&self, site: SiteId, logins: &[Uuid], now: Timestamp) -> Ending {
        let lives_ms = (MEMBER_TOKEN_SECONDS + ENDED_LOGIN_SLACK_SECONDS) * 1_000;
        let ends_at = now.plus_ms(lives_ms);
        let added: Vec<Ended> = logins.iter().map(|login| (ends_at, *login)).collect();
        let sites = self.sites();
        let Some(known) = sites.get(&site) else {
            return Ending { site, added, dropped: Vec::new(), floor: None };
        };
        let too_many = (known.by_end.len() + added.len()).saturating_sub(ENDED_LOGINS_PER_SITE_MAX);
        let over = known.by_end.iter().take_while(|(ends_at, _)| *ends_at <= now);
        let count = too_many.max(over.take(ENDED_LOGINS_DROPPED_MAX).count());
        let dropped: Vec<Ended> = known.by_end.iter().take(count).copied().collect();
        let floor = dropped.last().map(|(ends_at, _)| *ends_at).filter(|ends_at| *ends_at > now);
        Ending { site, added, dropped, floor }
    }

    /// Once it is durable: from here on no token of these logins holds.
    pub fn publish(&self, ending: Ending) {
        let Ending { site, added, dropped, floor } = ending;
        self.write(|sites| {
            let known = sites.entry(site).or_default();
            for ended in &dropped {
                known.by_end.remove(ended);
                known.logins.remove(&ended.1);
            }
            for ended in added {
                known.insert(ended);
            }
            known.floor = known.floor.max(floor.unwrap_or_default());
        });
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    pub fn holds(&self, token: &LoginToken) -> bool {
        let sites = self.sites();
        let known = sites.get(&token.site);
        known
            .is_none_or(|known| !known.logins.contains(&token.login) && token.expires > known.floor)
    }

    /// Grows whenever a login ends.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn sites(&self) -> RwLockReadGuard<'_, HashMap<SiteId, OfSite>> {
        self.sites.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<SiteId, OfSite>) -> T) {
        change(&mut self.sites.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl OfSite {
    fn insert(&mut self, ended: Ended) {
        self.logins.insert(ended.1);
        self.by_end.insert(ended);
    }
}

impl Ending {
    /// What the journal is to hold of it.
    pub fn entries(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let gone = self.dropped.iter().map(|ended| (name(ended), None));
        let added = self.added.iter().map(|ended| (name(ended), Some(codec::encode(&ended.0))));
        let floor = self.floor.map(|floor| (FLOOR.to_vec(), Some(codec::encode(&floor))));
        gone.chain(added).chain(floor).collect()
    }
}

/// Names sort by time.
fn name((ends_at, login): &Ended) -> Vec<u8> {
    [ENDED, &ends_at.unix_ms.to_be_bytes(), login.as_bytes()].concat()
}

fn read_name(name: &[u8]) -> Option<Ended> {
    let rest = name.strip_prefix(ENDED)?;
    let (time, login) = rest.split_at_checked(TIME_BYTES)?;
    let login: [u8; LOGIN_BYTES] = login.try_into().ok()?;
    let unix_ms = i64::from_be_bytes(time.try_into().ok()?);
    Some((Timestamp::from_unix_ms(unix_ms), Uuid::from_bytes(login)))
}

fn read_time(bytes: &[u8]) -> Option<Timestamp> {
    codec::decode(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Memory;

    const SITE: SiteId = SiteId::from_u128(1);
    const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

    fn token(login: u128, issued: Timestamp) -> LoginToken {
        let expires = issued.plus_ms(MEMBER_TOKEN_SECONDS * 1_000);
        LoginToken { site: SITE, login: Uuid::from_u128(login), expires }
    }

    async fn end(all: &EndedLogins, journal: &Memory, logins: &[u128], now: Timestamp) {
        let logins: Vec<Uuid> = logins.iter().map(|login| Uuid::from_u128(*login)).collect();
        let ending = all.plan(SITE, &logins, now);
        journal.put(Some(SITE), ending.entries()).await.unwrap();
        all.publish(ending);
    }

    async fn journal() -> Memory {
        let journal = Memory::new(1);
        journal.open_site(SITE).await.unwrap();
        journal
    }

    #[actix_rt::test]
    async fn tokens_of_an_ended_login_hold_no_more_across_a_restart() {
        let (journal, all) = (journal().await, EndedLogins::default());
        assert!(all.holds(&token(7, NOW)));
        let before = all.version();
        end(&all, &journal, &[7], NOW).await;
        assert!(all.version() > before);
        let reopened = EndedLogins::default();
        reopened.load(&journal, SITE).await.unwrap();
        for known in [&all, &reopened] {
            assert!(!known.holds(&token(7, NOW)));
            assert!(known.holds(&token(8, NOW)));
            let elsewhere = LoginToken { site: SiteId::from_u128(2), ..token(7, NOW) };
            assert!(known.holds(&elsewhere));
        }
    }

    #[actix_rt::test]
    async fn what_is_over_is_forgotten_with_its_value() {
        let (journal, all) = (journal().await, EndedLogins::default());
        end(&all, &journal, &[7], NOW).await;
        let later = NOW.plus_ms((MEMBER_TOKEN_SECONDS + ENDED_LOGIN_SLACK_SECONDS) * 1_000);
        end(&all, &journal, &[8], later).await;
        let kept = journal.scan(Some(SITE), ENDED.to_vec()).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert!(all.holds(&token(9, later)), "the floor has not risen");
    }

    #[actix_rt::test]
    async fn one_more_than_are_kept_lets_nobody_back_in() {
        let (journal, all) = (journal().await, EndedLogins::default());
        let ends: Vec<u128> = (1..=ENDED_LOGINS_PER_SITE_MAX as u128).collect();
        end(&all, &journal, &[1], NOW).await;
        let soon = NOW.plus_ms(1_000);
        end(&all, &journal, &ends[1..], soon).await;
        assert!(all.holds(&token(0, NOW)));
        end(&all, &journal, &[ENDED_LOGINS_PER_SITE_MAX as u128 + 1], soon).await;
        let kept = journal.scan(Some(SITE), ENDED.to_vec()).await.unwrap();
        assert_eq!(kept.len(), ENDED_LOGINS_PER_SITE_MAX);
        let reopened = EndedLogins::default();
        reopened.load(&journal, SITE).await.unwrap();
        for known in [&all, &reopened] {
            assert!(!known.holds(&token(1, NOW)), "it was forgotten, and is refused by its time");
            assert!(!known.holds(&token(0, NOW)), "as is who has to renew");
            let renewed = token(0, NOW.plus_ms(ENDED_LOGIN_SLACK_SECONDS * 1_000 + 1));
            assert!(known.holds(&renewed));
        }
    }
}
