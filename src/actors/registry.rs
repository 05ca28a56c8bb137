//! Which sites there are, who may speak for them, and where they run. Reading asks nobody: it looks
//! at the newest published directory. Changing goes through one actor and is synced first.

mod clients;
mod directory;
mod keeper;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix::{Actor, Addr};
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;
use uuid::Uuid;

pub use self::clients::{ClientRecord, ClientWish};
pub use self::store::SiteRecord;

use self::directory::Directory;
use self::keeper::{AdmitOwnerKey, CreateKey, CreateSite, Keeper, RevokeKey};
use super::ended_logins::{EndedLogins, LoginToken};
use super::handle::{Caller, Role, SiteHandle};
use super::keys::{CredentialHash, KeyRecord, KeyRole};
use super::tokens::{Grant, ProvenToken, TokenCache, TokenUse, claimed_site};
use crate::domain::limits::{
    CREDENTIAL_BYTES_MAX, KEYS_PER_SITE_MAX, NAME_BYTES_MAX, OAUTH_CLIENTS_PER_SITE_MAX, SITES_MAX,
};
use crate::domain::{ClientId, KeyId, MemberId, SiteId, Timestamp};
use crate::journal::{Journal, JournalError};

/// Starts a site and answers once it is ready to be asked.
pub type StartSite =
    Arc<dyn Fn(SiteId) -> BoxFuture<'static, Result<SiteHandle, String>> + Send + Sync>;

#[derive(Debug, Error)]
pub enum RegistryError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("registry entry {entry} is damaged: {detail}")]
    Damaged { entry: String, detail: String },
    #[error("there are {SITES_MAX} sites already, which is the most")]
    SitesFull,
    #[error("site {site} has {KEYS_PER_SITE_MAX} keys already, which is the most")]
    KeysFull { site: SiteId },
    #[error("site {0} exists already")]
    SiteExists(SiteId),
    #[error(
        "site {site} has {OAUTH_CLIENTS_PER_SITE_MAX} OAuth clients already, which is the most"
    )]
    ClientsFull { site: SiteId },
    #[error("no OAuth client {0}")]
    UnknownClient(ClientId),
    #[error("the key is in use already")]
    KeyInUse,
    #[error("no site {0}")]
    UnknownSite(SiteId),
    #[error("no key {0}")]
    UnknownKey(KeyId),
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
    BadName,
    #[error("site {site} did not start: {detail}")]
    NotStarted { site: SiteId, detail: String },
    #[error("cannot sign a member token: {0}")]
    Unsigned(#[from] jsonwebtoken::errors::Error),
    #[error("the registry stopped")]
    Stopped,
}

/// A credential that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub caller: Caller,
    /// When it ends; `None` for keys.
    pub expires_at: Option<Timestamp>,
    /// What may be taken back before that.
    pub holder: Option<Holder>,
}

/// What a credential stands and falls with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Key(KeyId),
    Login(LoginToken),
}

/// Why a credential does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// Unknown, damaged or revoked: which of these is nobody's business.
    Invalid,
    Expired,
}

/// All sites and keys of the process, from anywhere.
#[derive(Clone)]
pub struct Registry {
    directory: watch::Receiver<Arc<Directory>>,
    tokens: Arc<TokenCache>,
    ended: Arc<EndedLogins>,
    keeper: Addr<Keeper>,
}

impl Registry {
    /// Loads what the journal knows and starts every site. Without `start_site` no site runs: that
    /// is for looking after keys and sites while the server is stopped.
    pub async fn open(
        journal: Arc<dyn Journal>,
        start_site: Option<StartSite>,
    ) -> Result<Registry, RegistryError> {
        let directory = store::load(&*journal, start_site.as_ref()).await?;
        let ended = Arc::new(EndedLogins::default());
        for site in directory.sites() {
            ended.load(&*journal, site.id).await?;
        }
        let (publisher, directory) = watch::channel(Arc::new(directory));
        let keeper = Keeper::new(journal, start_site, publisher).start();
        Ok(Registry { directory, tokens: Arc::default(), ended, keeper })
    }

    /// Who a key or a member token speaks for. `None` for everything unknown, revoked or expired.
    pub fn authenticate(&self, credential: &str, now: Timestamp) -> Option<Caller> {
        self.prove(credential, now).ok().map(|proven| proven.caller)
    }

    /// The same for those who must know when a token ends, or that it ended.
    pub fn prove(&self, credential: &str, now: Timestamp) -> Result<Proven, Unproven> {
        if credential.len() > CREDENTIAL_BYTES_MAX {
            return Err(Unproven::Invalid);
        }
        let hash = CredentialHash::of(credential);
        let directory = self.directory.borrow();
        if let Some(key) = directory.key(&hash) {
            let caller = caller_of_key(key).ok_or(Unproven::Invalid)?;
            let holder = Some(Holder::Key(key.id));
            return Ok(Proven { caller, expires_at: None, holder });
        }
        let token = self.token(&directory, hash, credential).ok_or(Unproven::Invalid)?;
        let role = match token.grant.token_use {
            TokenUse::Member => Role::Member { member: token.member() },
            TokenUse::Visitor => Role::Visitor,
            TokenUse::VisitorRefresh
            | TokenUse::MemberRefresh
            | TokenUse::Session
            | TokenUse::Approval
            | TokenUse::Recovery => return Err(Unproven::Invalid),
        };
        if now >= token.expires {
            return Err(Unproven::Expired);
        }
        let holder = login_token(&token).map(Holder::Login);
        if holder.is_some_and(|holder| !self.holds(holder)) {
            return Err(Unproven::Invalid);
        }
        let caller = Caller { site: token.site, role };
        Ok(Proven { caller, expires_at: Some(token.expires), holder })
    }

    /// A token of any use that has not expired.
    pub fn prove_token(&self, token: &str, now: Timestamp) -> Option<ProvenToken> {
        let is_short = token.len() <= CREDENTIAL_BYTES_MAX;
        let directory = self.directory.borrow();
        let proven = directory.signer(claimed_site(token).filter(|_| is_short)?)?.prove(token)?;
        let ended = login_token(&proven).is_some_and(|token| !self.ended.holds(&token));
        (now < proven.expires && !ended).then_some(proven)
    }

    fn token(
        &self,
        directory: &Directory,
        hash: CredentialHash,
        credential: &str,
    ) -> Option<ProvenToken> {
        if let Some(token) = self.tokens.get(&hash) {
            return Some(token);
        }
        let token = directory.signer(claimed_site(credential)?)?.prove(credential)?;
        self.tokens.put(hash, token);
        Some(token)
    }

    /// Grows whenever a key comes or goes, or a login ends.
    pub fn holders_version(&self) -> u64 {
        self.directory.borrow().keys_version() + self.ended.version()
    }

    /// Whether what a credential was proven by is still good.
    pub fn holds(&self, holder: Holder) -> bool {
        match holder {
            Holder::Key(key) => {
                let directory = self.directory.borrow();
                directory.key_by_id(key).is_some_and(|key| key.revoked.is_none())
            }
            Holder::Login(token) => self.ended.holds(&token),
        }
    }

    /// For who ends them.
    pub fn ended_logins(&self) -> Arc<EndedLogins> {
        self.ended.clone()
    }

    pub fn site(&self, site: SiteId) -> Option<SiteHandle> {
        self.directory.borrow().handle(site)
    }

    /// A token, and the seconds it lives.
    pub fn issue_token(
        &self,
        site: SiteId,
        grant: Grant,
        now: Timestamp,
    ) -> Result<(String, i64), RegistryError> {
        let directory = self.directory.borrow();
        let signer = directory.signer(site).ok_or(RegistryError::UnknownSite(site))?;
        Ok(signer.issue(grant, Uuid::new_v4(), now)?)
    }

    /// For `member`, to act with.
    pub fn issue_member_token(
        &self,
        site: SiteId,
        member: MemberId,
        now: Timestamp,
    ) -> Result<(String, i64), RegistryError> {
        self.issue_token(site, Grant::member(member), now)
    }

    /// Makes and starts a site; it is registered durably when this answers.
    pub async fn create_site(
        &self,
        name: &str,
        id: Option<SiteId>,
    ) -> Result<SiteRecord, RegistryError> {
        self.keeper
            .send(CreateSite { name: name.to_owned(), id })
            .await
            .unwrap_or(Err(RegistryError::Stopped))
    }

    /// In order of creation.
    pub fn sites(&self) -> Vec<SiteRecord> {
        self.directory.borrow().sites()
    }

    /// Of those that run, how many there are and how many are being rebuilt.
    pub fn rebuilding(&self) -> (usize, usize) {
        let directory = self.directory.borrow();
        let rebuilding = directory.handles().filter(|handle| handle.is_rebuilding()).count();
        (directory.handles().count(), rebuilding)
    }

    /// The new key in full, to be shown this once, and what is kept of it.
    pub async fn create_key(
        &self,
        site: SiteId,
        role: KeyRole,
        name: &str,
    ) -> Result<(String, KeyRecord), RegistryError> {
        self.keeper
            .send(CreateKey { site, role, name: name.to_owned() })
            .await
            .unwrap_or(Err(RegistryError::Stopped))
    }

    /// Makes a key that the operator chose an owner key of the site. Harmless when it is one.
    pub async fn admit_owner_key(
        &self,
        site: SiteId,
        key: &str,
    ) -> Result<KeyRecord, RegistryError> {
        self.keeper
            .send(AdmitOwnerKey { site, key: key.to_owned() })
            .await
            .unwrap_or(Err(RegistryError::Stopped))
    }

    /// Keys of a site in order of creation, the revoked ones among them.
    pub fn keys(&self, site: SiteId) -> Vec<KeyRecord> {
        self.directory.borrow().keys(site)
    }

    /// From the answer on, no request is proven by this key. Harmless when it was revoked before.
    pub async fn revoke_key(&self, key: KeyId) -> Result<KeyRecord, RegistryError> {
        self.keeper.send(RevokeKey { key }).await.unwrap_or(Err(RegistryError::Stopped))
    }
}

/// Access tokens alone: whether a login can be renewed is its account's to say.
fn login_token(token: &ProvenToken) -> Option<LoginToken> {
    let login = token.grant.login.filter(|_| token.grant.token_use == TokenUse::Member)?;
    Some(LoginToken { site: token.site, login, expires: token.expires })
}

fn caller_of_key(key: &KeyRecord) -> Option<Caller> {
    if key.revoked.is_some() {
        return None;
    }
    let role = match &key.role {
        KeyRole::Owner => Role::Owner { key: key.id },
        KeyRole::App(app) => Role::App { key: key.id, app: app.clone() },
    };
    Some(Caller { site: key.site, role })
}
