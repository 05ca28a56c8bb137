//! The published view of the registry: a value that is replaced as a whole, never changed in place.

use std::collections::HashMap;
use std::sync::Arc;

use super::clients::ClientRecord;
use super::store::SiteRecord;
use crate::actors::handle::SiteHandle;
use crate::actors::keys::{CredentialHash, KeyRecord};
use crate::actors::tokens::TokenSigner;
use crate::domain::{ClientId, KeyId, SiteId};

#[derive(Clone, Default)]
pub struct Directory {
    sites: HashMap<SiteId, Entry>,
    keys: HashMap<CredentialHash, Arc<KeyRecord>>,
    keys_version: u64,
    clients: HashMap<ClientId, Arc<ClientRecord>>,
}

#[derive(Clone)]
struct Entry {
    record: Arc<SiteRecord>,
    signer: Arc<TokenSigner>,
    /// `None` while the server is stopped.
    handle: Option<SiteHandle>,
}

impl Directory {
    pub fn with_site(&self, record: SiteRecord, handle: Option<SiteHandle>) -> Directory {
        let mut next = self.clone();
        let signer = Arc::new(TokenSigner::new(record.id, &record.token_secret));
        next.sites.insert(record.id, Entry { record: Arc::new(record), signer, handle });
        next
    }

    /// Puts a key in, or in the place of its former record.
    pub fn with_key(&self, key: KeyRecord) -> Directory {
        let mut next = self.clone();
        next.keys.insert(key.hash, Arc::new(key));
        next.keys_version += 1;
        next
    }

    pub fn without_key(&self, hash: &CredentialHash) -> Directory {
        let mut next = self.clone();
        next.keys.remove(hash);
        next.keys_version += 1;
        next
    }

    pub fn key(&self, hash: &CredentialHash) -> Option<&KeyRecord> {
        self.keys.get(hash).filter(|key| key.hash.matches(hash)).map(|key| &**key)
    }

    pub fn keys_version(&self) -> u64 {
        self.keys_version
    }

    pub fn key_by_id(&self, id: KeyId) -> Option<&KeyRecord> {
        self.keys.values().find(|key| key.id == id).map(|key| &**key)
    }

    pub fn with_client(&self, client: ClientRecord) -> Directory {
        let mut next = self.clone();
        next.clients.insert(client.id, Arc::new(client));
        next
    }

    pub fn without_client(&self, id: ClientId) -> Directory {
        let mut next = self.clone();
        next.clients.remove(&id);
        next
    }

    pub fn client(&self, id: ClientId) -> Option<&ClientRecord> {
        self.clients.get(&id).map(|client| &**client)
    }

    pub fn clients(&self, site: SiteId) -> Vec<ClientRecord> {
        let own = self.clients.values().filter(|client| client.site == site);
        let mut clients: Vec<ClientRecord> = own.map(|client| (**client).clone()).collect();
        clients.sort_by_key(|client| (client.created, client.id));
        clients
    }

    pub fn signer(&self, site: SiteId) -> Option<&TokenSigner> {
        self.sites.get(&site).map(|entry| &*entry.signer)
    }

    pub fn handle(&self, site: SiteId) -> Option<SiteHandle> {
        self.sites.get(&site).and_then(|entry| entry.handle.clone())
    }

    /// Of all sites that run.
    pub fn handles(&self) -> impl Iterator<Item = &SiteHandle> {
        self.sites.values().filter_map(|entry| entry.handle.as_ref())
    }

    pub fn contains(&self, site: SiteId) -> bool {
        self.sites.contains_key(&site)
    }

    pub fn site_count(&self) -> usize {
        self.sites.len()
    }

    pub fn sites(&self) -> Vec<SiteRecord> {
        let mut sites: Vec<SiteRecord> =
            self.sites.values().map(|entry| SiteRecord::clone(&entry.record)).collect();
        sites.sort_by_key(|site| (site.created, site.id));
        sites
    }

    pub fn keys(&self, site: SiteId) -> Vec<KeyRecord> {
        let mut keys: Vec<KeyRecord> = self
            .keys
            .values()
            .filter(|key| key.site == site)
            .map(|key| KeyRecord::clone(key))
            .collect();
        keys.sort_by_key(|key| (key.created, key.id));
        keys
    }
}
