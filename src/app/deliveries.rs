//! Deliveries to webhooks: an arbiter of their own, the dispatchers of every site on it, and what
//! those need, answered by the site's log and by values beside it.

use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::consumers::listen_while_there_are_any;
use super::sites::OpenSite;
use crate::actors::clock::Clock;
use crate::core::delivery::{DeliverySettings, Progress};
use crate::domain::endpoint::PayloadFormat;
use crate::domain::limits::{SITES_MAX, WEBHOOK_IDLE_MS_MAX};
use crate::domain::{EndpointId, Record, WrittenRecord};
use crate::journal::{JournalError, codec};
use crate::webhook::bounds::Bounds;
use crate::webhook::client::{Client, ClientOptions};
use crate::webhook::dispatchers::Dispatchers;
use crate::webhook::guard::Guard;
use crate::webhook::port::{
    BatchOf, BodyOf, EventBody, PortError, PortFuture, Ports, ProgressEntry, ProgressStore,
    RecordSource,
};
use crate::webhook::site_endpoints::SiteEndpoints;
use crate::webhook::vault::Vault;
use crate::wire::cloud_event::{self, cloud_event_json};
use crate::wire::counter_batch::{BatchSeqs, batch_cloud_event, batch_id, batch_json};
use crate::wire::event::{Audience, EventSource, event_id, event_json};
use crate::wire::jwt_event::jwt_claims;

const PROGRESS: &[u8] = b"webhook/progress/";

/// Starts deliveries; what the sites share.
pub struct Deliveries {
    arbiter: ArbiterHandle,
    shared: Arc<Shared>,
    started: mpsc::Sender<Dispatchers>,
}

struct Shared {
    client: Client,
    vault: Vault,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    consumers_changed: watch::Receiver<u64>,
}

/// All dispatchers that were started, to be stopped together.
pub struct Running {
    dispatchers: mpsc::Receiver<Dispatchers>,
}

impl Deliveries {
    pub fn new(
        guard: Guard,
        vault: Vault,
        clock: Arc<dyn Clock>,
        consumers_changed: watch::Receiver<u64>,
    ) -> (Deliveries, Running) {
        let client = Client::new(guard, ClientOptions::default());
        let bounds = Bounds::default();
        let shared = Arc::new(Shared { client, vault, clock, bounds, consumers_changed });
        // Signing and TLS are work: they get a thread of their own.
        let arbiter = Arbiter::new().handle();
        let (started, dispatchers) = mpsc::channel(SITES_MAX);
        (Deliveries { arbiter, shared, started }, Running { dispatchers })
    }

    pub fn start(&self, site: OpenSite) {
        let (shared, started) = (self.shared.clone(), self.started.clone());
        let id = site.id();
        let accepted = self.arbiter.spawn_fn(move || {
            let changed = shared.consumers_changed.clone();
            actix_rt::spawn(listen_while_there_are_any(site.clone(), changed));
            if started.try_send(Dispatchers::start(shared.ports(site))).is_err() {
                tracing::error!(site = %id, "deliveries of site {id} ended with the process");
            }
        });
        if !accepted {
            tracing::error!(site = %id, "deliveries of site {id} were not started");
        }
    }
}

impl Running {
    /// Lets end what is on its way, of all sites at the same time.
    pub async fn stop(mut self) {
        let mut all = Vec::new();
        while let Ok(dispatchers) = self.dispatchers.try_recv() {
            all.push(dispatchers.stop());
        }
        futures_util::future::join_all(all).await;
    }
}

impl Shared {
    fn ports(&self, site: OpenSite) -> Ports {
        let source = EventSource { site: site.id(), incarnation: site.journal.incarnation() };
        let clock = self.clock.clone();
        Ports {
            records: Arc::new(site.clone()),
            progress: Arc::new(site.clone()),
            attempts: Arc::new(site.shelf()),
            endpoints: Arc::new(SiteEndpoints::new(site.handle)),
            body_of: body_of(source),
            batch_of: batch_of(source),
            client: self.client.clone(),
            vault: self.vault.clone(),
            clock: Arc::new(move || clock.now()),
            bounds: self.bounds.clone(),
            settings: DeliverySettings::default(),
            idle_ms: WEBHOOK_IDLE_MS_MAX,
        }
    }
}

/// Receivers belong to the owner and to integrators: they see what a key sees.
pub fn body_of(source: EventSource) -> BodyOf {
    Arc::new(move |record: &Record, format: &PayloadFormat| {
        let EventSource { site, incarnation } = source;
        let (bytes, media_type) = match format {
            PayloadFormat::Standard => {
                (event_json(record, site, incarnation, Audience::App)?, "application/json")
            }
            PayloadFormat::CloudEvents => {
                (cloud_event_json(record, source)?, cloud_event::MEDIA_TYPE)
            }
            PayloadFormat::Jwt { badges, .. } => {
                let claims = jwt_claims(record, source, *badges)?;
                (Bytes::from(claims.to_string()), "text/plain; charset=utf-8")
            }
        };
        Some(EventBody { id: event_id(source, record.seq).into(), bytes, media_type })
    })
}

/// The same of counter events that go out together.
pub fn batch_of(source: EventSource) -> BatchOf {
    Arc::new(move |seqs: &BatchSeqs, records: &[WrittenRecord], format: &PayloadFormat| {
        let (bytes, media_type) = match format {
            PayloadFormat::Standard => (batch_json(seqs, records, source)?, "application/json"),
            PayloadFormat::CloudEvents => {
                (batch_cloud_event(seqs, records, source)?, cloud_event::MEDIA_TYPE)
            }
            PayloadFormat::Jwt { .. } => return None,
        };
        Some(EventBody { id: batch_id(seqs, source).into(), bytes, media_type })
    })
}

impl RecordSource for OpenSite {
    fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>> {
        Box::pin(async move {
            match self.log().records_after(seq, limit).await {
                Err(JournalError::Trimmed { first, .. }) => {
                    let before_first = first.saturating_sub(1);
                    self.log().records_after(before_first, limit).await.map_err(told)
                }
                answer => answer.map_err(told),
            }
        })
    }

    fn near(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        self.log().near(seq, limit)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        let mut durable = self.log().watch();
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
}

impl ProgressStore for OpenSite {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>> {
        Box::pin(async move {
            let site = Some(self.id());
            let stored = self.journal.get(site, progress_name(endpoint)).await.map_err(told)?;
            match stored.map(|bytes| codec::decode(&bytes)).transpose() {
                Ok(progress) => Ok(progress),
                Err(error) => Err(PortError(format!("progress of {endpoint}: {error}"))),
            }
        })
    }

    fn store(&self, entries: Vec<ProgressEntry>) -> PortFuture<'_, ()> {
        let stored = |(endpoint, progress): ProgressEntry| {
            (progress_name(endpoint), progress.as_ref().map(codec::encode))
        };
        // What a batch holds must not change once it was sent, whatever happens.
        let holds_batches = |(_, progress): &ProgressEntry| {
            progress.as_ref().is_none_or(|progress| !progress.batches.is_empty())
        };
        let must_be_synced = entries.iter().any(holds_batches);
        let entries = entries.into_iter().map(stored).collect::<Vec<_>>();
        Box::pin(async move {
            let stored = match must_be_synced {
                true => self.journal.put(Some(self.id()), entries),
                false => self.journal.put_soon(Some(self.id()), entries),
            };
            stored.await.map_err(told)
        })
    }
}

fn progress_name(endpoint: EndpointId) -> Vec<u8> {
    [PROGRESS, endpoint.as_bytes()].concat()
}

fn told(error: JournalError) -> PortError {
    PortError(error.to_string())
}
