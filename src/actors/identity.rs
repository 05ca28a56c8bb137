//! Who a member is: passwords, logins and the codes that applications get for them. A member's
//! state is the site's business; here is what proves that somebody is that member.

mod accounts;
mod codes;
mod failures;
mod passwords;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use self::accounts::Accounts;
pub use self::accounts::SignOnPolicy;
use self::codes::Codes;
pub use self::codes::{CodeFault, PendingCode};
use self::failures::Failures;
use self::passwords::Passwords;
use super::registry::Registry;
use crate::core::directory::email_hash;
use crate::domain::{ClientId, MemberId, SiteId, Timestamp};
use crate::journal::{Journal, JournalError};

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// Unknown account and wrong password: nobody can tell which.
    #[error("the e-mail or the password is wrong")]
    Wrong,
    #[error("too many wrong passwords: try again in {retry_after_ms} ms")]
    Throttled { retry_after_ms: i64 },
    #[error("too many passwords wait to be judged")]
    Overloaded,
    #[error("accounts cannot be read or stored: {0}")]
    Store(String),
}

impl From<JournalError> for IdentityError {
    fn from(error: JournalError) -> IdentityError {
        IdentityError::Store(error.to_string())
    }
}

/// A password that somebody offers for an account.
pub struct Offer<'a> {
    pub site: SiteId,
    pub email: &'a str,
    /// Whose e-mail it is, if anybody's.
    pub member: Option<MemberId>,
    pub password: String,
}

/// Identity, and where clients and signers are known.
#[derive(Clone)]
pub struct IdentityDesk {
    pub identity: Identity,
    pub registry: Registry,
}

/// One for the process.
#[derive(Clone)]
pub struct Identity {
    parts: Arc<Parts>,
}

struct Parts {
    accounts: Accounts,
    passwords: Passwords,
    codes: Codes,
    failures: Failures,
}

impl Identity {
    pub fn new(journal: Arc<dyn Journal>) -> Identity {
        let (accounts, passwords) = (Accounts::new(journal), Passwords::default());
        let (codes, failures) = (Codes::default(), Failures::default());
        Identity { parts: Arc::new(Parts { accounts, passwords, codes, failures }) }
    }

    /// Judges a password. An account that does not exist costs as much time and gives the same
    /// answer as a wrong password.
    pub async fn judge(&self, offer: Offer<'_>, now: Timestamp) -> Result<MemberId, IdentityError> {
        let Offer { site, email, member, password } = offer;
        let account = (site, email_hash(email));
        self.parts.failures.check(account, now)?;
        let stored = match member {
            Some(member) => self.parts.accounts.password(site, member).await?,
            None => None,
        };
        let is_right = self.parts.passwords.matches(password, stored).await?;
        match member.filter(|_| is_right) {
            Some(member) => {
                self.parts.failures.forget(account);
                Ok(member)
            }
            None => {
                self.parts.failures.note(account, now);
                Err(IdentityError::Wrong)
            }
        }
    }

    /// Sets a member's password, and ends all of its logins. Durable when it answers.
    pub async fn set_password(
        &self,
        site: SiteId,
        member: MemberId,
        password: String,
    ) -> Result<(), IdentityError> {
        let hash = self.parts.passwords.hash(password).await?;
        self.parts.accounts.set_password(site, member, hash).await
    }

    /// What a member that is gone, or never came to be, leaves behind.
    pub async fn forget(&self, site: SiteId, member: MemberId) -> Result<(), IdentityError> {
        self.parts.accounts.forget(site, member).await
    }

    /// A login that can be renewed until it is ended.
    pub async fn begin_login(
        &self,
        site: SiteId,
        member: MemberId,
        client: ClientId,
        now: Timestamp,
    ) -> Result<Uuid, IdentityError> {
        self.parts.accounts.begin_login(site, member, client, now).await
    }

    pub async fn has_login(
        &self,
        site: SiteId,
        member: MemberId,
        login: Uuid,
    ) -> Result<bool, IdentityError> {
        self.parts.accounts.has_login(site, member, login).await
    }

    /// Ends a member's logins through one client, or all of them.
    pub async fn end_logins(
        &self,
        site: SiteId,
        member: MemberId,
        client: Option<ClientId>,
    ) -> Result<(), IdentityError> {
        self.parts.accounts.end_logins(site, member, client).await
    }

    /// A code that its application may turn into tokens, once and soon.
    pub fn new_code(&self, pending: PendingCode, now: Timestamp) -> Result<String, IdentityError> {
        self.parts.codes.add(pending, now)
    }

    pub fn take_code(&self, code: &str, now: Timestamp) -> Result<PendingCode, CodeFault> {
        self.parts.codes.take(code, now)
    }

    pub async fn policy(&self, site: SiteId) -> Result<SignOnPolicy, IdentityError> {
        self.parts.accounts.policy(site).await
    }

    pub async fn set_policy(
        &self,
        site: SiteId,
        require_owner_approval: bool,
        now: Timestamp,
    ) -> Result<SignOnPolicy, IdentityError> {
        self.parts.accounts.set_policy(site, require_owner_approval, now).await
    }
}
