//! A webhook endpoint: where a site's events are delivered, which of them, and how.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::id::{AppId, BadgeId, EndpointId, MemberId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Endpoint {
    pub id: EndpointId,
    pub url: String,
    pub event_types: Vec<String>,
    pub sealed_secret: Vec<u8>,
    /// The secret before the last rotation, and until when both sign.
    pub previous_secret: Option<(Vec<u8>, Timestamp)>,
    /// Events after this seq are delivered.
    pub after_seq: u64,
    pub created_at: Timestamp,
    pub disabled: Option<String>,
    pub settings: EndpointSettings,
}

/// What else an endpoint is told to do. The default is what an endpoint did before it could be
/// told anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    pub description: Option<String>,
    /// Sent along with every delivery.
    pub headers: Vec<SealedHeader>,
    /// Only events that concern one of these; empty means all.
    pub channels: Vec<EndpointChannel>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    pub rate_per_minute: Option<u32>,
    /// Secrets before [`Endpoint::previous_secret`] that still sign, newest first.
    pub older_secrets: Vec<(Vec<u8>, Timestamp)>,
    /// Failures before this time are forgiven.
    pub enabled_at: Option<Timestamp>,
    pub mode: DeliveryMode,
    pub format: PayloadFormat,
    /// The host in whose name the receiver agreed to be delivered to.
    pub request_origin: Option<String>,
    /// Replays that are under way.
    pub replays: Vec<ReplayJob>,
    /// Counter events are delivered together.
    pub counter_batch: Option<CounterBatch>,
    /// Deliveries that may be on their way at once, where it is not the usual number.
    pub in_flight_max: Option<u32>,
}

/// How many counter events go into one delivery, and how long they are gathered for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterBatch {
    pub events_max: u32,
    pub every_seconds: u32,
}

/// Events that are delivered once more, whatever became of them before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayJob {
    /// The seq of the record that began it.
    pub id: u64,
    pub what: Replayed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Replayed {
    /// These very events, whether the endpoint takes their types or not. Ascending.
    Events(Vec<u64>),
    /// What the endpoint takes of a stretch of the log.
    Range {
        first_seq: u64,
        last_seq: u64,
        /// Patterns; empty means all.
        event_types: Vec<String>,
        member: Option<MemberId>,
    },
}

/// A replay begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayStep {
    Started(ReplayJob),
    Finished { id: u64 },
}

/// What the owner is told of how deliveries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointReport {
    /// Retention took events before they could be delivered.
    Lagged { first_seq: u64, last_seq: u64 },
    /// An event failed several times.
    Failing { event_seq: u64, tries: u32 },
    /// An event was given up.
    Exhausted { event_seq: u64, tries: u32 },
    /// An endpoint that was failing takes events again.
    Recovered { failing_since: Timestamp },
}

impl EndpointReport {
    /// The dotted public name.
    pub fn type_name(&self) -> &'static str {
        match self {
            EndpointReport::Lagged { .. } => "endpoint.lagged",
            EndpointReport::Failing { .. } => "attempt.failing",
            EndpointReport::Exhausted { .. } => "attempt.exhausted",
            EndpointReport::Recovered { .. } => "endpoint.recovered",
        }
    }
}

/// A header whose value only the operator's key opens: values are often credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedHeader {
    /// Lower case.
    pub name: String,
    pub sealed_value: Vec<u8>,
}

/// What an event may concern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointChannel {
    Member(MemberId),
    App(AppId),
    Badge(BadgeId),
}

/// One condition on the public form of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Dotted, below `data`.
    pub path: String,
    pub operator: Operator,
    /// JSON text.
    pub operand_json: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    Equals,
    In,
    Greater,
    StartsWith,
    Exists,
}

/// What waits for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryMode {
    /// Nothing: each event goes when there is a place.
    #[default]
    Parallel,
    /// Every event for the one before it.
    Fifo,
    /// The events of one member for each other.
    FifoByMember,
}

/// What a delivery's body looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayloadFormat {
    #[default]
    Standard,
    /// CloudEvents 1.0, structured JSON.
    CloudEvents,
    /// The members wire's signed token, with the sealed private key of an app.
    Jwt { app: AppId, badges: BadgeWire, sealed_key: Vec<u8> },
}

/// Which of the wire's two names an assignment goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BadgeWire {
    #[default]
    V4,
    V3,
}

/// How an endpoint rests in the log and in snapshots. The last field was once `Option<String>`, the
/// reason why it is disabled; the first two variants of [`Tail`] have that option's very bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: EndpointId,
    url: String,
    event_types: Vec<String>,
    sealed_secret: Vec<u8>,
    previous_secret: Option<(Vec<u8>, Timestamp)>,
    after_seq: u64,
    created_at: Timestamp,
    tail: Tail,
}

#[derive(Serialize, Deserialize)]
enum Tail {
    Enabled,
    Disabled(String),
    More { disabled: Option<String>, settings: Vec<Setting> },
}

/// One setting that is not the default. Stored for ever in this order: variants are appended.
#[derive(Serialize, Deserialize)]
enum Setting {
    Description(String),
    Header(SealedHeader),
    Channel(EndpointChannel),
    Condition(Condition),
    RatePerMinute(u32),
    OlderSecret(Vec<u8>, Timestamp),
    EnabledAt(Timestamp),
    Mode(DeliveryMode),
    Format(PayloadFormat),
    Replay(ReplayJob),
    RequestOrigin(String),
    CounterBatch(CounterBatch),
    InFlightMax(u32),
}

impl From<Endpoint> for Stored {
    fn from(endpoint: Endpoint) -> Stored {
        let settings = endpoint.settings.into_list();
        let tail = match (endpoint.disabled, settings.is_empty()) {
            (None, true) => Tail::Enabled,
            (Some(reason), true) => Tail::Disabled(reason),
            (disabled, false) => Tail::More { disabled, settings },
        };
        Stored {
            id: endpoint.id,
            url: endpoint.url,
            event_types: endpoint.event_types,
            sealed_secret: endpoint.sealed_secret,
            previous_secret: endpoint.previous_secret,
            after_seq: endpoint.after_seq,
            created_at: endpoint.created_at,
            tail,
        }
    }
}

impl From<Stored> for Endpoint {
    fn from(stored: Stored) -> Endpoint {
        let (disabled, settings) = match stored.tail {
            Tail::Enabled => (None, Vec::new()),
            Tail::Disabled(reason) => (Some(reason), Vec::new()),
            Tail::More { disabled, settings } => (disabled, settings),
        };
        Endpoint {
            id: stored.id,
            url: stored.url,
            event_types: stored.event_types,
            sealed_secret: stored.sealed_secret,
            previous_secret: stored.previous_secret,
            after_seq: stored.after_seq,
            created_at: stored.created_at,
            disabled,
            settings: EndpointSettings::of_list(settings),
        }
    }
}

impl EndpointSettings {
    fn into_list(self) -> Vec<Setting> {
        let mut list = Vec::new();
        list.extend(self.description.map(Setting::Description));
        list.extend(self.headers.into_iter().map(Setting::Header));
        list.extend(self.channels.into_iter().map(Setting::Channel));
        list.extend(self.conditions.into_iter().map(Setting::Condition));
        list.extend(self.rate_per_minute.map(Setting::RatePerMinute));
        let older = self.older_secrets.into_iter();
        list.extend(older.map(|(secret, until)| Setting::OlderSecret(secret, until)));
        list.extend(self.enabled_at.map(Setting::EnabledAt));
        if self.mode != DeliveryMode::default() {
            list.push(Setting::Mode(self.mode));
        }
        if self.format != PayloadFormat::default() {
            list.push(Setting::Format(self.format));
        }
        list.extend(self.request_origin.map(Setting::RequestOrigin));
        list.extend(self.replays.into_iter().map(Setting::Replay));
        list.extend(self.counter_batch.map(Setting::CounterBatch));
        list.extend(self.in_flight_max.map(Setting::InFlightMax));
        list
    }

    fn of_list(list: Vec<Setting>) -> EndpointSettings {
        let mut settings = EndpointSettings::default();
        for setting in list {
            match setting {
                Setting::Description(text) => settings.description = Some(text),
                Setting::Header(header) => settings.headers.push(header),
                Setting::Channel(channel) => settings.channels.push(channel),
                Setting::Condition(condition) => settings.conditions.push(condition),
                Setting::RatePerMinute(rate) => settings.rate_per_minute = Some(rate),
                Setting::OlderSecret(secret, until) => {
                    settings.older_secrets.push((secret, until));
                }
                Setting::EnabledAt(time) => settings.enabled_at = Some(time),
                Setting::Mode(mode) => settings.mode = mode,
                Setting::Format(format) => settings.format = format,
                Setting::Replay(job) => settings.replays.push(job),
                Setting::RequestOrigin(origin) => settings.request_origin = Some(origin),
                Setting::CounterBatch(batch) => settings.counter_batch = Some(batch),
                Setting::InFlightMax(count) => settings.in_flight_max = Some(count),
            }
        }
        settings
    }
}

impl Endpoint {
    /// The endpoint after its secret was replaced. The replaced one signs along until
    /// `overlap_until`; with no overlap at all every older secret ends at once.
    pub fn rotate(&mut self, sealed_secret: Vec<u8>, overlap_until: Timestamp, now: Timestamp) {
        let replaced = std::mem::replace(&mut self.sealed_secret, sealed_secret);
        let before = self.previous_secret.take();
        let older = &mut self.settings.older_secrets;
        older.splice(0..0, before);
        older.retain(|(_, until)| now < *until);
        if overlap_until <= now {
            older.clear();
        }
        self.previous_secret = Some((replaced, overlap_until));
    }

    /// The endpoint after a replay began or ended.
    pub fn replay(&mut self, step: &ReplayStep) {
        match step {
            ReplayStep::Started(job) => self.settings.replays.push(job.clone()),
            ReplayStep::Finished { id } => self.settings.replays.retain(|job| job.id != *id),
        }
    }

    /// Replaced secrets that still sign at `now`, newest first.
    pub fn old_secrets(&self, now: Timestamp) -> impl Iterator<Item = &(Vec<u8>, Timestamp)> {
        let all = self.previous_secret.iter().chain(&self.settings.older_secrets);
        all.filter(move |(_, until)| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId::from_u128(1),
            url: "https://example.com/".to_owned(),
            event_types: Vec::new(),
            sealed_secret: vec![1],
            previous_secret: None,
            after_seq: 0,
            created_at: Timestamp::default(),
            disabled: None,
            settings: EndpointSettings::default(),
        }
    }

    #[test]
    fn secrets_that_still_sign_are_kept_in_order_and_none_beyond_its_time() {
        let mut endpoint = endpoint();
        let at = Timestamp::from_unix_ms;
        endpoint.rotate(vec![2], at(100), at(0));
        endpoint.rotate(vec![3], at(200), at(50));
        let old = |endpoint: &Endpoint, now| -> Vec<Vec<u8>> {
            endpoint.old_secrets(at(now)).map(|(secret, _)| secret.clone()).collect()
        };
        assert_eq!(old(&endpoint, 50), [vec![2], vec![1]]);
        assert_eq!(old(&endpoint, 100), [vec![2]]);
        endpoint.rotate(vec![4], at(300), at(150));
        assert_eq!(endpoint.settings.older_secrets, [(vec![2], at(200))], "the first is over");
        endpoint.rotate(vec![5], at(160), at(160));
        assert_eq!(old(&endpoint, 160), Vec::<Vec<u8>>::new(), "no overlap ends them all");
    }
}
