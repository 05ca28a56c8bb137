//! Who a member is: passwords, logins and the codes that applications get for them. A member's
//! state is the site's business; here is what proves that somebody is that member.

mod accounts;
mod codes;
mod failures;
mod mails;
mod passwords;
#[cfg(test)]
mod tests;
mod verifications;

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use self::accounts::Accounts;
pub use self::accounts::{EmailProof, PolicyPatch, SignOnPolicy};
use self::codes::Codes;
pub use self::codes::{CodeFault, PendingCode};
use self::failures::Failures;
pub use self::mails::Mail;
use self::mails::{Letter, Mails};
pub use self::passwords::PasswordHash;
use self::passwords::Passwords;
pub use self::verifications::Verified;
use self::verifications::{Begun, Verifications};
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
    #[error("too often for this account: try again in {retry_after_ms} ms")]
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

/// A token for a new password, and where it is shown.
pub struct Recovery<'a> {
    pub email: &'a str,
    pub link: Option<&'a str>,
    pub token: &'a str,
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
    mailed: Failures,
    mails: Mails,
    verifications: Verifications,
}

impl Identity {
    pub fn new(journal: Arc<dyn Journal>) -> Identity {
        let parts = Parts {
            accounts: Accounts::new(journal.clone()),
            passwords: Passwords::default(),
            codes: Codes::default(),
            failures: Failures::of_passwords(),
            mailed: Failures::of_mails(),
            mails: Mails::new(journal),
            verifications: Verifications::default(),
        };
        Identity { parts: Arc::new(parts) }
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

    pub async fn hash(&self, password: String) -> Result<PasswordHash, IdentityError> {
        self.parts.passwords.hash(password).await
    }

    /// Sets a member's password, and ends all of its logins. Durable when it answers.
    pub async fn set_password(
        &self,
        site: SiteId,
        member: MemberId,
        password: PasswordHash,
        proof: EmailProof,
    ) -> Result<(), IdentityError> {
        self.parts.accounts.set_password(site, member, password, proof).await
    }

    /// Sets it where it still is the one that the mark was made of; whether it was.
    pub async fn recover(
        &self,
        site: SiteId,
        member: MemberId,
        mark: Uuid,
        password: PasswordHash,
    ) -> Result<bool, IdentityError> {
        self.parts.accounts.replace_password(site, member, mark, password).await
    }

    pub async fn is_verified(&self, site: SiteId, member: MemberId) -> Result<bool, IdentityError> {
        self.parts.accounts.is_verified(site, member).await
    }

    pub async fn set_verified(&self, site: SiteId, member: MemberId) -> Result<(), IdentityError> {
        self.parts.accounts.set_verified(site, member).await
    }

    /// Mails a code to an address; what is answered is to be shown with it.
    pub async fn begin_verification(
        &self,
        site: SiteId,
        email: &str,
        verified: Verified,
        now: Timestamp,
    ) -> Result<String, IdentityError> {
        self.count_mail(site, email, now)?;
        let Begun { code, state_token } = self.parts.verifications.begin(site, verified, now)?;
        self.parts.mails.send(site, Letter::with_code(email, &code), now).await?;
        Ok(state_token)
    }

    pub fn end_verification(
        &self,
        site: SiteId,
        state_token: &str,
        code: &str,
        now: Timestamp,
    ) -> Option<Verified> {
        self.parts.verifications.end(site, state_token, code, now)
    }

    /// Counts a mail before it is known whether anybody has the address.
    pub fn count_mail(
        &self,
        site: SiteId,
        email: &str,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let account = (site, email_hash(email));
        self.parts.mailed.check(account, now)?;
        self.parts.mailed.note(account, now);
        Ok(())
    }

    /// What a recovery token has to be bound to, now.
    pub async fn password_mark(
        &self,
        site: SiteId,
        member: MemberId,
    ) -> Result<Uuid, IdentityError> {
        self.parts.accounts.mark(site, member).await
    }

    pub async fn mail_recovery(
        &self,
        site: SiteId,
        recovery: Recovery<'_>,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let Recovery { email, link, token } = recovery;
        self.parts.mails.send(site, Letter::with_recovery(email, link, token), now).await
    }

    /// The outbox of a site, newest first.
    pub async fn mails(&self, site: SiteId) -> Result<Vec<Mail>, IdentityError> {
        self.parts.mails.list(site).await
    }

    /// How many mails it held.
    pub async fn clear_mails(&self, site: SiteId) -> Result<usize, IdentityError> {
        self.parts.mails.clear(site).await
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
        patch: PolicyPatch,
        now: Timestamp,
    ) -> Result<SignOnPolicy, IdentityError> {
        self.parts.accounts.set_policy(site, patch, now).await
    }
}
