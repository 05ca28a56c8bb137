//! What is kept of each member's ways in, and of each site's policy: values beside the log, synced
//! before anything is answered. Changes of one account go one after the other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::IdentityError;
use super::passwords::PasswordHash;
use crate::actors::ended_logins::EndedLogins;
use crate::domain::limits::SESSIONS_PER_MEMBER_MAX;
use crate::domain::{ClientId, MemberId, SiteId, Timestamp};
use crate::journal::{Journal, codec};

const ACCOUNTS: &[u8] = b"identity/account/";
const POLICY: &[u8] = b"identity/policy";
/// Accounts that share a lock: changes are rare and short.
const LOCKS: usize = 64;

/// Stored for ever in this order: fields are only appended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    password: Option<PasswordHash>,
    /// Oldest first.
    logins: Vec<Login>,
    /// Somebody showed a code that was mailed there.
    email_verified: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Login {
    id: [u8; 16],
    client: ClientId,
    began: Timestamp,
}

/// How a site takes in those who register. Stored for ever in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOnPolicy {
    pub require_owner_approval: bool,
    pub require_email_verification: bool,
    pub revision: u64,
    pub updated: Timestamp,
}

/// What is to be another way; `None` leaves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyPatch {
    pub require_owner_approval: Option<bool>,
    pub require_email_verification: Option<bool>,
}

/// Whether somebody showed what was mailed to the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailProof {
    Given,
    Missing,
}

pub struct Accounts {
    journal: Arc<dyn Journal>,
    ended: Arc<EndedLogins>,
    locks: [Mutex<()>; LOCKS],
}

impl Accounts {
    pub fn new(journal: Arc<dyn Journal>, ended: Arc<EndedLogins>) -> Accounts {
        Accounts { journal, ended, locks: std::array::from_fn(|_| Mutex::default()) }
    }

    pub async fn password(
        &self,
        site: SiteId,
        member: MemberId,
    ) -> Result<Option<PasswordHash>, IdentityError> {
        Ok(self.load(site, member).await?.password)
    }

    /// Whoever knew the old one is out.
    pub async fn set_password(
        &self,
        site: SiteId,
        member: MemberId,
        password: PasswordHash,
        proof: EmailProof,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let _alone = self.lock(member).await;
        self.put_password(site, member, password, proof, now).await
    }

    /// The same where the password still is the one of the mark; whether it was.
    pub async fn replace_password(
        &self,
        site: SiteId,
        member: MemberId,
        mark: Uuid,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<bool, IdentityError> {
        let _alone = self.lock(member).await;
        if self.mark(site, member).await? != mark {
            return Ok(false);
        }
        self.put_password(site, member, password, EmailProof::Given, now).await?;
        Ok(true)
    }

    async fn put_password(
        &self,
        site: SiteId,
        member: MemberId,
        password: PasswordHash,
        proof: EmailProof,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let before = self.load(site, member).await?;
        let email_verified = before.email_verified || proof == EmailProof::Given;
        let account = Account { password: Some(password), logins: Vec::new(), email_verified };
        self.store_ending(site, member, &account, before.logins, now).await
    }

    pub async fn is_verified(&self, site: SiteId, member: MemberId) -> Result<bool, IdentityError> {
        Ok(self.load(site, member).await?.email_verified)
    }

    pub async fn set_verified(&self, site: SiteId, member: MemberId) -> Result<(), IdentityError> {
        let _alone = self.lock(member).await;
        let account = Account { email_verified: true, ..self.load(site, member).await? };
        self.store(site, member, Some(&account)).await
    }

    /// Another one after each change of the password.
    pub async fn mark(&self, site: SiteId, member: MemberId) -> Result<Uuid, IdentityError> {
        let password = self.load(site, member).await?.password;
        let digest: [u8; 32] = Sha256::digest(codec::encode(&password)).into();
        Ok(Uuid::from_bytes(std::array::from_fn(|index| digest[index])))
    }

    pub async fn forget(&self, site: SiteId, member: MemberId) -> Result<(), IdentityError> {
        let _alone = self.lock(member).await;
        match self.journal.get(Some(site), name(member)).await? {
            Some(_) => self.store(site, member, None).await,
            // Most members of an import have never had a way in: nothing to write.
            None => Ok(()),
        }
    }

    pub async fn begin_login(
        &self,
        site: SiteId,
        member: MemberId,
        client: ClientId,
        now: Timestamp,
    ) -> Result<Uuid, IdentityError> {
        let _alone = self.lock(member).await;
        let mut account = self.load(site, member).await?;
        let id = Uuid::new_v4();
        account.logins.push(Login { id: id.into_bytes(), client, began: now });
        let too_many = account.logins.len().saturating_sub(SESSIONS_PER_MEMBER_MAX);
        let oldest = account.logins.drain(..too_many).collect();
        self.store_ending(site, member, &account, oldest, now).await?;
        Ok(id)
    }

    pub async fn has_login(
        &self,
        site: SiteId,
        member: MemberId,
        login: Uuid,
    ) -> Result<bool, IdentityError> {
        let account = self.load(site, member).await?;
        Ok(account.logins.iter().any(|known| known.id == *login.as_bytes()))
    }

    pub async fn end_logins(
        &self,
        site: SiteId,
        member: MemberId,
        client: Option<ClientId>,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let _alone = self.lock(member).await;
        let account = self.load(site, member).await?;
        let stays = |login: &Login| client.is_some_and(|client| login.client != client);
        let (logins, ended): (Vec<Login>, Vec<Login>) = account.logins.into_iter().partition(stays);
        if ended.is_empty() {
            return Ok(());
        }
        let account = Account { logins, ..account };
        self.store_ending(site, member, &account, ended, now).await
    }

    pub async fn policy(&self, site: SiteId) -> Result<SignOnPolicy, IdentityError> {
        let stored = self.journal.get(Some(site), POLICY.to_vec()).await?;
        Ok(read(stored)?.unwrap_or_default())
    }

    pub async fn set_policy(
        &self,
        site: SiteId,
        patch: PolicyPatch,
        now: Timestamp,
    ) -> Result<SignOnPolicy, IdentityError> {
        let _alone = self.locks[0].lock().await;
        let before = self.policy(site).await?;
        let approval = patch.require_owner_approval.unwrap_or(before.require_owner_approval);
        let verification = patch.require_email_verification;
        let policy = SignOnPolicy {
            require_owner_approval: approval,
            require_email_verification: verification.unwrap_or(before.require_email_verification),
            revision: before.revision + 1,
            updated: now,
        };
        let entry = (POLICY.to_vec(), Some(codec::encode(&policy)));
        self.journal.put(Some(site), vec![entry]).await?;
        Ok(policy)
    }

    async fn lock(&self, member: MemberId) -> MutexGuard<'_, ()> {
        self.locks[(member.as_u128() % LOCKS as u128) as usize].lock().await
    }

    async fn load(&self, site: SiteId, member: MemberId) -> Result<Account, IdentityError> {
        let stored = self.journal.get(Some(site), name(member)).await?;
        Ok(read(stored)?.unwrap_or_default())
    }

    /// From the answer on, no token of the ended logins holds.
    async fn store_ending(
        &self,
        site: SiteId,
        member: MemberId,
        account: &Account,
        ended: Vec<Login>,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        if ended.is_empty() {
            return self.store(site, member, Some(account)).await;
        }
        let ended: Vec<Uuid> = ended.iter().map(|login| Uuid::from_bytes(login.id)).collect();
        let ending = self.ended.plan(site, &ended, now);
        let mut entries = ending.entries();
        entries.push((name(member), Some(codec::encode(account))));
        self.journal.put(Some(site), entries).await?;
        self.ended.publish(ending);
        Ok(())
    }

    async fn store(
        &self,
        site: SiteId,
        member: MemberId,
        account: Option<&Account>,
    ) -> Result<(), IdentityError> {
        let entry = (name(member), account.map(codec::encode));
        Ok(self.journal.put(Some(site), vec![entry]).await?)
    }
}

fn name(member: MemberId) -> Vec<u8> {
    [ACCOUNTS, member.as_bytes()].concat()
}

fn read<T: serde::de::DeserializeOwned>(
    stored: Option<Vec<u8>>,
) -> Result<Option<T>, IdentityError> {
    let read = stored.map(|bytes| codec::decode(&bytes)).transpose();
    read.map_err(|error| IdentityError::Store(error.to_string()))
}
