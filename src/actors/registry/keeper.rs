//! The one actor that changes the registry: one change after the other, each synced before it is
//! published, each finished although its asker went away.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix::prelude::*;
use rand::RngCore;
use tokio::sync::watch;
use uuid::Uuid;

use super::directory::Directory;
use super::store::{self, SiteRecord};
use super::{RegistryError, StartSite};
use crate::actors::keys::{
    CredentialHash, KeyRecord, KeyRole, generated_key, key_id_of, last_four,
};
use crate::domain::limits::{
    KEYS_PER_SITE_MAX, KEYS_REVOKED_PER_SITE_MAX, NAME_BYTES_MAX, SITES_MAX,
};
use crate::domain::{KeyId, SiteId, Timestamp};
use crate::journal::Journal;

pub struct Keeper {
    pub(super) changes: Arc<Changes>,
}

#[derive(Message)]
#[rtype(result = "Result<SiteRecord, RegistryError>")]
pub struct CreateSite {
    pub name: String,
    pub id: Option<SiteId>,
}

#[derive(Message)]
#[rtype(result = "Result<(String, KeyRecord), RegistryError>")]
pub struct CreateKey {
    pub site: SiteId,
    pub role: KeyRole,
    pub name: String,
}

#[derive(Message)]
#[rtype(result = "Result<KeyRecord, RegistryError>")]
pub struct AdmitOwnerKey {
    pub site: SiteId,
    pub key: String,
}

#[derive(Message)]
#[rtype(result = "Result<KeyRecord, RegistryError>")]
pub struct RevokeKey {
    pub key: KeyId,
}

impl Keeper {
    pub fn new(
        journal: Arc<dyn Journal>,
        start_site: Option<StartSite>,
        directory: watch::Sender<Arc<Directory>>,
    ) -> Self {
        Keeper { changes: Arc::new(Changes { journal, start_site, directory }) }
    }
}

impl Actor for Keeper {
    type Context = Context<Self>;
}

impl Handler<CreateSite> for Keeper {
    type Result = AtomicResponse<Self, Result<SiteRecord, RegistryError>>;

    fn handle(&mut self, message: CreateSite, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.create_site(message).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

impl Handler<CreateKey> for Keeper {
    type Result = AtomicResponse<Self, Result<(String, KeyRecord), RegistryError>>;

    fn handle(&mut self, message: CreateKey, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.create_key(message).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

impl Handler<AdmitOwnerKey> for Keeper {
    type Result = AtomicResponse<Self, Result<KeyRecord, RegistryError>>;

    fn handle(&mut self, message: AdmitOwnerKey, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.admit_owner_key(message).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

impl Handler<RevokeKey> for Keeper {
    type Result = AtomicResponse<Self, Result<KeyRecord, RegistryError>>;

    fn handle(&mut self, message: RevokeKey, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.revoke_key(message).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

/// What a change needs. The actor above is the only one who holds it, one call at a time.
pub(super) struct Changes {
    pub(super) journal: Arc<dyn Journal>,
    start_site: Option<StartSite>,
    directory: watch::Sender<Arc<Directory>>,
}

impl Changes {
    async fn create_site(&self, wish: CreateSite) -> Result<SiteRecord, RegistryError> {
        let directory = self.current();
        let name = checked_name(wish.name)?;
        let id = wish.id.unwrap_or_else(|| Uuid::new_v4().into());
        if directory.contains(id) {
            return Err(RegistryError::SiteExists(id));
        }
        if directory.site_count() >= SITES_MAX {
            return Err(RegistryError::SitesFull);
        }
        // The log comes first: one without an entry here is invisible, the reverse is a hole.
        self.journal.open_site(id).await?;
        let site = SiteRecord { id, name, created: now(), token_secret: random() };
        store::put_site(&*self.journal, &site).await?;
        let handle = match &self.start_site {
            Some(start) => Some(store::started(start, id).await?),
            None => None,
        };
        self.publish(directory.with_site(site.clone(), handle));
        tracing::info!(site = %id, "created site {id}");
        Ok(site)
    }

    async fn create_key(&self, wish: CreateKey) -> Result<(String, KeyRecord), RegistryError> {
        let name = checked_name(wish.name)?;
        let key = generated_key(Uuid::new_v4().into(), random());
        let record = self.add_key(&key, wish.site, wish.role, name).await?;
        Ok((key, record))
    }

    async fn admit_owner_key(&self, wish: AdmitOwnerKey) -> Result<KeyRecord, RegistryError> {
        let directory = self.current();
        match directory.key(&CredentialHash::of(&wish.key)) {
            Some(known) if known.site == wish.site && known.role == KeyRole::Owner => {
                Ok(known.clone())
            }
            Some(_) => Err(RegistryError::KeyInUse),
            None => self.add_key(&wish.key, wish.site, KeyRole::Owner, "chosen".to_owned()).await,
        }
    }

    async fn add_key(
        &self,
        key: &str,
        site: SiteId,
        role: KeyRole,
        name: String,
    ) -> Result<KeyRecord, RegistryError> {
        let directory = self.current();
        if !directory.contains(site) {
            return Err(RegistryError::UnknownSite(site));
        }
        let live = directory.keys(site).iter().filter(|key| key.revoked.is_none()).count();
        if live >= KEYS_PER_SITE_MAX {
            return Err(RegistryError::KeysFull { site });
        }
        let record = KeyRecord {
            id: key_id_of(key),
            site,
            role,
            name,
            created: now(),
            last_four: last_four(key),
            revoked: None,
            hash: CredentialHash::of(key),
        };
        store::put_key(&*self.journal, &record, None).await?;
        self.publish(directory.with_key(record.clone()));
        tracing::info!(site = %site, key = %record.id, "created key {}", record.id);
        Ok(record)
    }

    async fn revoke_key(&self, wish: RevokeKey) -> Result<KeyRecord, RegistryError> {
        let directory = self.current();
        let Some(known) = directory.key_by_id(wish.key) else {
            return Err(RegistryError::UnknownKey(wish.key));
        };
        if known.revoked.is_some() {
            return Ok(known.clone());
        }
        let record = KeyRecord { revoked: Some(now()), ..known.clone() };
        let forgotten = oldest_revoked(&directory, record.site);
        store::put_key(&*self.journal, &record, forgotten.as_ref().map(|key| key.id)).await?;
        let mut next = directory.with_key(record.clone());
        if let Some(forgotten) = forgotten {
            next = next.without_key(&forgotten.hash);
        }
        self.publish(next);
        tracing::info!(site = %record.site, key = %record.id, "revoked key {}", record.id);
        Ok(record)
    }

    pub(super) fn current(&self) -> Arc<Directory> {
        self.directory.borrow().clone()
    }

    pub(super) fn publish(&self, next: Directory) {
        self.directory.send_replace(Arc::new(next));
    }
}

/// The revoked key that goes when one more is revoked, if there are as many as a site lists.
fn oldest_revoked(directory: &Directory, site: SiteId) -> Option<KeyRecord> {
    let keys = directory.keys(site);
    let revoked: Vec<&KeyRecord> = keys.iter().filter(|key| key.revoked.is_some()).collect();
    if revoked.len() < KEYS_REVOKED_PER_SITE_MAX {
        return None;
    }
    revoked.into_iter().min_by_key(|key| key.revoked).cloned()
}

pub(super) fn checked_name(name: String) -> Result<String, RegistryError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    if fits && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(RegistryError::BadName)
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(since_epoch.as_millis() as i64)
}
