//! OAuth clients: applications of a site that let visitors and members in. What they are called by
//! is public; what keeps others out is where a code may be sent to.

use actix::prelude::*;
use serde::{Deserialize, Serialize};

use super::keeper::{Changes, Keeper, checked_name, now};
use super::{Registry, RegistryError, store};
use crate::domain::limits::OAUTH_CLIENTS_PER_SITE_MAX;
use crate::domain::{ClientId, SiteId, Timestamp};

/// What is kept of a client. Stored for ever in this order: fields are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRecord {
    pub id: ClientId,
    pub site: SiteId,
    pub name: String,
    /// Where codes may be sent to, letter by letter.
    pub redirect_uris: Vec<String>,
    pub created: Timestamp,
}

/// A client that is to be. The caller has judged its addresses.
#[derive(Clone, Debug)]
pub struct ClientWish {
    pub id: ClientId,
    pub site: SiteId,
    pub name: String,
    pub redirect_uris: Vec<String>,
}

#[derive(Message)]
#[rtype(result = "Result<ClientRecord, RegistryError>")]
struct CreateClient(ClientWish);

#[derive(Message)]
#[rtype(result = "Result<(), RegistryError>")]
struct DeleteClient {
    site: SiteId,
    id: ClientId,
}

impl Registry {
    pub async fn create_client(&self, wish: ClientWish) -> Result<ClientRecord, RegistryError> {
        self.keeper.send(CreateClient(wish)).await.unwrap_or(Err(RegistryError::Stopped))
    }

    /// From the answer on, nobody gets tokens through it. One of another site is unknown.
    pub async fn delete_client(&self, site: SiteId, id: ClientId) -> Result<(), RegistryError> {
        self.keeper.send(DeleteClient { site, id }).await.unwrap_or(Err(RegistryError::Stopped))
    }

    pub fn client(&self, id: ClientId) -> Option<ClientRecord> {
        self.directory.borrow().client(id).cloned()
    }

    /// Of a site, in order of creation.
    pub fn clients(&self, site: SiteId) -> Vec<ClientRecord> {
        self.directory.borrow().clients(site)
    }
}

impl Handler<CreateClient> for Keeper {
    type Result = AtomicResponse<Self, Result<ClientRecord, RegistryError>>;

    fn handle(&mut self, message: CreateClient, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.create_client(message.0).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

impl Handler<DeleteClient> for Keeper {
    type Result = AtomicResponse<Self, Result<(), RegistryError>>;

    fn handle(&mut self, message: DeleteClient, _context: &mut Context<Self>) -> Self::Result {
        let changes = self.changes.clone();
        let change = async move { changes.delete_client(message).await };
        AtomicResponse::new(Box::pin(change.into_actor(self)))
    }
}

impl Changes {
    async fn create_client(&self, wish: ClientWish) -> Result<ClientRecord, RegistryError> {
        let ClientWish { id, site, name, redirect_uris } = wish;
        let directory = self.current();
        let name = checked_name(name)?;
        if directory.clients(site).len() >= OAUTH_CLIENTS_PER_SITE_MAX {
            return Err(RegistryError::ClientsFull { site });
        }
        let client = ClientRecord { id, site, name, redirect_uris, created: now() };
        store::put_client(&*self.journal, id, Some(&client)).await?;
        self.publish(directory.with_client(client.clone()));
        tracing::info!(%site, client = %id, "created OAuth client {id}");
        Ok(client)
    }

    async fn delete_client(&self, wish: DeleteClient) -> Result<(), RegistryError> {
        let DeleteClient { site, id } = wish;
        let directory = self.current();
        if directory.client(id).is_none_or(|client| client.site != site) {
            return Err(RegistryError::UnknownClient(id));
        }
        store::put_client(&*self.journal, id, None).await?;
        self.publish(directory.without_client(id));
        tracing::info!(%site, client = %id, "deleted OAuth client {id}");
        Ok(())
    }
}
