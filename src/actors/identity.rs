//! Who a member is: passwords, logins and the codes that applications get for them. A member's
//! state is the site's business; here is what proves that somebody is that member.

mod accounts;
mod codes;
mod mails;
mod passwords;
#[cfg(test)]
mod tests;
mod tries;
mod verifications;

use std::sync::Arc;

use thiserror::Error;

pub use self::accounts::{Accounts, EmailProof, PolicyPatch, SignOnPolicy};
pub use self::codes::{CodeFault, Codes, PendingCode};
pub use self::mails::{Letter, Mail, Mails};
pub use self::passwords::{PasswordHash, Passwords};
use self::tries::Tries;
use self::verifications::Begun;
pub use self::verifications::{Verifications, Verified};
use super::ended_logins::EndedLogins;
use super::registry::Registry;
use crate::core::directory::email_hash;
use crate::domain::{MemberId, SiteId, Timestamp};
use crate::journal::{Journal, JournalError};

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// Unknown account and wrong password: nobody can tell which.
    #[error("the e-mail or the password is wrong")]
    Wrong,
    #[error("too often for this account: try again in {retry_after_ms} ms")]
    Throttled { retry_after_ms: i64 },
    #[error("too many wait to be judged")]
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
    pub identity: Arc<Identity>,
    pub registry: Registry,
}

/// One for the process.
pub struct Identity {
    pub accounts: Accounts,
    pub codes: Codes,
    pub mails: Mails,
    pub passwords: Passwords,
    pub verifications: Verifications,
    logins_tried: Tries,
    mails_asked: Tries,
}

impl Identity {
    pub fn new(journal: Arc<dyn Journal>, ended: Arc<EndedLogins>) -> Identity {
        Identity {
            accounts: Accounts::new(journal.clone(), ended),
            codes: Codes::default(),
            mails: Mails::new(journal),
            passwords: Passwords::default(),
            verifications: Verifications::default(),
            logins_tried: Tries::of_passwords(),
            mails_asked: Tries::of_mails(),
        }
    }

    /// Judges a password. An account that does not exist costs as much time and gives the same
    /// answer as a wrong password.
    pub async fn judge(&self, offer: Offer<'_>, now: Timestamp) -> Result<MemberId, IdentityError> {
        let Offer { site, email, member, password } = offer;
        let account = (site, email_hash(email));
        let stored = match member {
            Some(member) => self.accounts.password(site, member).await?,
            None => None,
        };
        // Before it is judged: whoever tries many at a time has no more tries than others.
        self.logins_tried.count(account, now)?;
        let judged = self.passwords.matches(password, stored).await;
        let is_right = judged.inspect_err(|_| self.logins_tried.take_back(account))?;
        match member.filter(|_| is_right) {
            Some(member) => {
                self.logins_tried.forget(account);
                Ok(member)
            }
            None => Err(IdentityError::Wrong),
        }
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
        let Begun { code, state_token } = self.verifications.begin(site, verified, now)?;
        self.mails.send(site, Letter::with_code(email, &code), now).await?;
        Ok(state_token)
    }

    /// Counts a mail before it is known whether anybody has the address.
    pub fn count_mail(
        &self,
        site: SiteId,
        email: &str,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        self.mails_asked.count((site, email_hash(email)), now)
    }
}
