//! What the dispatchers of a site need, answered by its log and by values beside it.

use std::sync::Arc;

use tokio::sync::watch;

use super::engine::now;
use super::sites::OpenSite;
use crate::core::delivery::{DeliverySettings, Progress};
use crate::domain::limits::WEBHOOK_IDLE_MS_MAX;
use crate::domain::{EndpointId, Record, WrittenRecord};
use crate::journal::{JournalError, codec};
use crate::webhook::client::{Client, ClientOptions};
use crate::webhook::dispatchers::Dispatchers;
use crate::webhook::guard::Guard;
use crate::webhook::port::{
    BodyOf, EventBody, PortError, PortFuture, Ports, ProgressStore, RecordSource, in_flight_limit,
};
use crate::webhook::site_endpoints::SiteEndpoints;
use crate::webhook::vault::Vault;
use crate::wire::event::{Audience, EventSource, event_id, event_json};

const PROGRESS: &[u8] = b"webhook/progress/";

/// What the deliveries of all sites share.
pub struct Deliveries {
    client: Client,
    vault: Vault,
    in_flight: Arc<tokio::sync::Semaphore>,
}

impl Deliveries {
    pub fn new(guard: Guard, vault: Vault) -> Deliveries {
        let client = Client::new(guard, ClientOptions::default());
        Deliveries { client, vault, in_flight: in_flight_limit() }
    }

    /// Starts the dispatchers of a site on the current arbiter.
    pub fn start(&self, site: OpenSite) -> Dispatchers {
        let source =
            EventSource { site: site.handle.site(), incarnation: site.journal.incarnation() };
        Dispatchers::start(Ports {
            records: Arc::new(site.clone()),
            progress: Arc::new(site.clone()),
            endpoints: Arc::new(SiteEndpoints::new(site.handle)),
            body_of: body_of(source),
            client: self.client.clone(),
            vault: self.vault.clone(),
            clock: Arc::new(now),
            in_flight: self.in_flight.clone(),
            settings: DeliverySettings::default(),
            idle_ms: WEBHOOK_IDLE_MS_MAX,
        })
    }
}

/// Receivers belong to the owner and to integrators: they see what a key sees.
fn body_of(source: EventSource) -> BodyOf {
    Arc::new(move |record: &Record| {
        let EventSource { site, incarnation } = source;
        let json = event_json(record, site, incarnation, Audience::App)?;
        Some(EventBody { id: event_id(source, record.seq), json })
    })
}

impl RecordSource for OpenSite {
    fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>> {
        Box::pin(async move {
            match self.log.records_after(seq, limit).await {
                Err(JournalError::Trimmed { first, .. }) => {
                    let before_first = first.saturating_sub(1);
                    self.log.records_after(before_first, limit).await.map_err(told)
                }
                answer => answer.map_err(told),
            }
        })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        let mut durable = self.log.watch();
        let seq = durable.borrow_and_update().seq;
        let (sender, receiver) = watch::channel(seq);
        actix_rt::spawn(async move {
            loop {
                tokio::select! {
                    changed = durable.changed() => if changed.is_err() { break },
                    () = sender.closed() => break,
                }
                sender.send_replace(durable.borrow_and_update().seq);
            }
        });
        receiver
    }

    fn oldest_seq(&self) -> PortFuture<'_, u64> {
        Box::pin(async {
            let position = self.journal.position(self.handle.site()).await.map_err(told)?;
            Ok(position.first_seq)
        })
    }
}

impl ProgressStore for OpenSite {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>> {
        Box::pin(async move {
            let site = Some(self.handle.site());
            let stored = self.journal.get(site, progress_name(endpoint)).await.map_err(told)?;
            match stored.map(|bytes| codec::decode(&bytes)).transpose() {
                Ok(progress) => Ok(progress),
                Err(error) => Err(PortError(format!("progress of {endpoint}: {error}"))),
            }
        })
    }

    fn store(&self, endpoint: EndpointId, progress: Option<Progress>) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let value = progress.as_ref().map(codec::encode);
            let entries = vec![(progress_name(endpoint), value)];
            self.journal.put(Some(self.handle.site()), entries).await.map_err(told)
        })
    }
}

fn progress_name(endpoint: EndpointId) -> Vec<u8> {
    [PROGRESS, endpoint.as_bytes()].concat()
}

fn told(error: JournalError) -> PortError {
    PortError(error.to_string())
}
