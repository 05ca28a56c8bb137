//! How sites and keys stand in the journal's values, and how they are read at start-up. The only
//! place of the registry that knows their bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::clients::ClientRecord;
use super::directory::Directory;
use super::{RegistryError, StartSite};
use crate::actors::keys::KeyRecord;
use crate::domain::{ClientId, KeyId, SiteId, Timestamp};
use crate::journal::{Journal, JournalError, codec};

const SITES: &[u8] = b"registry/site/";
const KEYS: &[u8] = b"registry/key/";
const CLIENTS: &[u8] = b"registry/client/";

/// What is kept of a site. Stored for ever in this order: fields are only appended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    pub id: SiteId,
    pub name: String,
    pub created: Timestamp,
    /// Signs member tokens. Never shown, not in a log either.
    pub(super) token_secret: [u8; 32],
}

impl std::fmt::Debug for SiteRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteRecord").field("id", &self.id).field("name", &self.name).finish()
    }
}

/// Everything the journal knows, with every site started.
pub async fn load(
    journal: &dyn Journal,
    start_site: Option<&StartSite>,
) -> Result<Directory, RegistryError> {
    let mut directory = Directory::default();
    for (name, bytes) in journal.scan(None, SITES.to_vec()).await? {
        let site: SiteRecord = decode(&name, &bytes)?;
        let handle = match start_site {
            Some(start) => Some(started(start, site.id).await?),
            None => None,
        };
        directory = directory.with_site(site, handle);
    }
    for (name, bytes) in journal.scan(None, KEYS.to_vec()).await? {
        directory = directory.with_key(decode(&name, &bytes)?);
    }
    for (name, bytes) in journal.scan(None, CLIENTS.to_vec()).await? {
        directory = directory.with_client(decode(&name, &bytes)?);
    }
    Ok(directory)
}

pub async fn started(
    start: &StartSite,
    site: SiteId,
) -> Result<crate::actors::handle::SiteHandle, RegistryError> {
    start(site).await.map_err(|detail| RegistryError::NotStarted { site, detail })
}

pub async fn put_site(journal: &dyn Journal, site: &SiteRecord) -> Result<(), JournalError> {
    let name = [SITES, site.id.as_bytes()].concat();
    journal.put(None, vec![(name, Some(codec::encode(site)))]).await
}

/// Stores a key and, in the same write, forgets `forgotten`.
pub async fn put_key(
    journal: &dyn Journal,
    key: &KeyRecord,
    forgotten: Option<KeyId>,
) -> Result<(), JournalError> {
    let mut entries = vec![(key_name(key.id), Some(codec::encode(key)))];
    entries.extend(forgotten.map(|id| (key_name(id), None)));
    journal.put(None, entries).await
}

/// Stores a client, or forgets it.
pub async fn put_client(
    journal: &dyn Journal,
    id: ClientId,
    client: Option<&ClientRecord>,
) -> Result<(), JournalError> {
    let name = [CLIENTS, id.as_bytes()].concat();
    journal.put(None, vec![(name, client.map(codec::encode))]).await
}

fn key_name(id: KeyId) -> Vec<u8> {
    [KEYS, id.as_bytes()].concat()
}

fn decode<T: DeserializeOwned>(name: &[u8], bytes: &[u8]) -> Result<T, RegistryError> {
    codec::decode(bytes).map_err(|error| RegistryError::Damaged {
        entry: String::from_utf8_lossy(name).into_owned(),
        detail: error.to_string(),
    })
}
