//! What a request says of a webhook endpoint, read and checked field by field.

use serde_json::Value;

use super::call::Call;
use super::error::Problem;
use super::fields::{Faults, Node};
use super::hook_front::KeyNeed;
use super::{condition_input, event_patterns};
use crate::domain::command::EndpointPatch;
use crate::domain::endpoint::{
    BadgeWire, CounterBatch, DeliveryMode, EndpointChannel, EndpointSettings, PayloadFormat,
    SealedHeader,
};
use crate::domain::limits::{
    APP_ID_BYTES_MAX, COUNTER_BATCH_EVENTS_MAX, COUNTER_BATCH_SECONDS_DEFAULT,
    COUNTER_BATCH_SECONDS_MAX, DELIVERY_WINDOW_MAX, ENDPOINT_CHANNELS_MAX,
    ENDPOINT_DESCRIPTION_BYTES_MAX, ENDPOINT_HEADER_NAME_BYTES_MAX,
    ENDPOINT_HEADER_VALUE_BYTES_MAX, ENDPOINT_HEADERS_MAX, ENDPOINT_RATE_PER_MINUTE_MAX,
    ENDPOINT_URL_BYTES_MAX, ORIGIN_BYTES_MAX,
};
use crate::domain::{AppId, EndpointId};

pub const MODES: &[(&str, DeliveryMode)] = &[
    ("parallel", DeliveryMode::Parallel),
    ("fifo", DeliveryMode::Fifo),
    ("fifo_by_member", DeliveryMode::FifoByMember),
];

pub const BADGE_WIRES: &[(&str, BadgeWire)] = &[("v4", BadgeWire::V4), ("v3", BadgeWire::V3)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormatName {
    Standard,
    CloudEvents,
    Jwt,
}

const FORMATS: &[(&str, FormatName)] = &[
    ("standard", FormatName::Standard),
    ("cloudevents", FormatName::CloudEvents),
    ("jwt", FormatName::Jwt),
];

pub fn format_name(format: &PayloadFormat) -> &'static str {
    let name = match format {
        PayloadFormat::Standard => FormatName::Standard,
        PayloadFormat::CloudEvents => FormatName::CloudEvents,
        PayloadFormat::Jwt { .. } => FormatName::Jwt,
    };
    FORMATS.iter().find(|(_, known)| *known == name).map_or("", |(text, _)| text)
}

/// Names that are the connection's or the delivery's own.
const HEADERS_REFUSED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const HEADER_FAMILIES_REFUSED: &[&str] = &["proxy-", "webhook-", "svix-", "ce-", "guildhall-"];

/// What is wished, before what is secret in it is sealed.
pub struct Wished {
    patch: EndpointPatch,
    headers: Option<Vec<(String, String)>>,
    format: Option<WishedFormat>,
}

#[derive(Clone, Debug)]
enum WishedFormat {
    Plain(PayloadFormat),
    Jwt { app: AppId, badges: BadgeWire },
}

impl Wished {
    /// Reads all fields but the address, which is judged apart.
    pub fn read(call: &Call, root: &Node<'_>, faults: &mut Faults) -> Result<Wished, Problem> {
        let is_named = |name: &str| root.value().is_some_and(|fields| fields.get(name).is_some());
        let description = faults.text(&root.child("description"), ENDPOINT_DESCRIPTION_BYTES_MAX);
        let description = description.filter(|text| !text.is_empty()).map(str::to_owned);
        let rates = 1..=i64::from(ENDPOINT_RATE_PER_MINUTE_MAX);
        let rate = faults.bounded(&root.child("ratePerMinute"), rates).map(|rate| rate as u32);
        let event_types = event_patterns::read(&root.child("eventTypes"), faults);
        let channels = channels(&root.child("channels"), faults);
        let conditions = condition_input::read(&root.child("conditions"), faults);
        let headers = headers(&root.child("headers"), faults);
        let origin = origin(&root.child("requestOrigin"), faults);
        let batch = counter_batch(&root.child("counterBatch"), faults);
        let in_flight = faults.bounded(&root.child("maxInFlight"), 1..=DELIVERY_WINDOW_MAX as i64);
        let patch = EndpointPatch {
            url: None,
            event_types: is_named("eventTypes").then_some(event_types),
            description: is_named("description").then_some(description),
            headers: None,
            channels: is_named("channels").then_some(channels),
            conditions: is_named("conditions").then_some(conditions),
            rate_per_minute: is_named("ratePerMinute").then_some(rate),
            mode: faults.choice(&root.child("mode"), MODES),
            format: None,
            request_origin: is_named("requestOrigin").then_some(origin),
            counter_batch: is_named("counterBatch").then_some(batch),
            in_flight_max: is_named("maxInFlight").then_some(in_flight.map(|count| count as u32)),
        };
        let format = format(call, root, faults)?;
        Ok(Wished { patch, headers: is_named("headers").then_some(headers), format })
    }

    /// The edit, with every secret in it sealed for this endpoint.
    pub async fn sealed(self, call: &Call, id: EndpointId) -> Result<EndpointPatch, Problem> {
        let Wished { mut patch, headers, format } = self;
        let seal = |(name, value): (String, String)| SealedHeader {
            sealed_value: call.front.hooks().seal_header(id, &value),
            name,
        };
        patch.headers = headers.map(|headers| headers.into_iter().map(seal).collect());
        patch.format = match format {
            None => None,
            Some(WishedFormat::Plain(format)) => Some(format),
            Some(WishedFormat::Jwt { app, badges }) => {
                let site = call.caller()?.site;
                let key = call.front.hooks().app_key(site, app.clone(), KeyNeed::Make).await?;
                let sealed_key = key.ok_or_else(Problem::internal)?.sealed;
                Some(PayloadFormat::Jwt { app, badges, sealed_key })
            }
        };
        Ok(patch)
    }
}

/// Asks the receiver for its consent, where an origin is named that it has to agree to. The rate
/// that it allows holds unless the caller named one.
pub async fn consent(
    call: &Call,
    url: &str,
    patch: &mut EndpointPatch,
    known: Option<&str>,
) -> Result<(), Problem> {
    let named = patch.request_origin.as_ref().map(|origin| origin.as_deref());
    let Some(origin) = named.unwrap_or(known) else { return Ok(()) };
    let (url, origin) = (url.to_owned(), origin.to_owned());
    match call.front.hooks().ask_consent(url, origin).await? {
        Ok(Some(rate)) if patch.rate_per_minute.is_none() => {
            patch.rate_per_minute = Some(Some(rate.min(ENDPOINT_RATE_PER_MINUTE_MAX)));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(reason) => Err(Problem::field("requestOrigin", "NO_CONSENT", reason)),
    }
}

/// What a new endpoint is told beside its address and its event types.
pub fn settings(patch: EndpointPatch) -> EndpointSettings {
    EndpointSettings {
        description: patch.description.flatten(),
        headers: patch.headers.unwrap_or_default(),
        channels: patch.channels.unwrap_or_default(),
        conditions: patch.conditions.unwrap_or_default(),
        rate_per_minute: patch.rate_per_minute.flatten(),
        mode: patch.mode.unwrap_or_default(),
        format: patch.format.unwrap_or_default(),
        request_origin: patch.request_origin.flatten(),
        counter_batch: patch.counter_batch.flatten(),
        in_flight_max: patch.in_flight_max.flatten(),
        ..EndpointSettings::default()
    }
}

/// The address, checked now so that a mistake shows here and not in the deliveries.
pub async fn receiver(call: &Call, node: &Node<'_>, faults: &mut Faults) -> String {
    let Some(url) = faults.needed_text(node, ENDPOINT_URL_BYTES_MAX) else { return String::new() };
    if let Err(reason) = call.front.check_receiver(url.to_owned()).await {
        faults.add(node, "RECEIVER_REFUSED", reason);
    }
    url.to_owned()
}

fn format(
    call: &Call,
    root: &Node<'_>,
    faults: &mut Faults,
) -> Result<Option<WishedFormat>, Problem> {
    let (app_node, badges_node) = (root.child("appId"), root.child("badgeEvents"));
    let name = faults.choice(&root.child("format"), FORMATS);
    let badges = faults.choice(&badges_node, BADGE_WIRES);
    let app = app(&app_node, faults);
    let is_jwt = name == Some(FormatName::Jwt);
    for node in [app_node, badges_node].iter().filter(|node| node.is_there() && !is_jwt) {
        faults.add(node, "FORMAT", "only the format jwt takes this");
    }
    Ok(match name {
        None => None,
        Some(FormatName::Standard) => Some(WishedFormat::Plain(PayloadFormat::Standard)),
        Some(FormatName::CloudEvents) => Some(WishedFormat::Plain(PayloadFormat::CloudEvents)),
        Some(FormatName::Jwt) => {
            let app = app.map_or_else(|| call.app(), Ok)?;
            Some(WishedFormat::Jwt { app, badges: badges.unwrap_or_default() })
        }
    })
}

fn app(node: &Node<'_>, faults: &mut Faults) -> Option<AppId> {
    let parsed = faults.text(node, APP_ID_BYTES_MAX).map(AppId::parse)?;
    if parsed.is_none() {
        faults.add(node, "FORMAT", "an app id is letters, digits, `.`, `_` and `-`");
    }
    parsed
}

fn channels(node: &Node<'_>, faults: &mut Faults) -> Vec<EndpointChannel> {
    if node.value().is_some_and(|value| !value.is_object()) {
        faults.add(node, "TYPE", "channels must be an object of memberIds, appIds and badgeIds");
    }
    let members = faults.ids(&node.child("memberIds"), ENDPOINT_CHANNELS_MAX);
    let badges = faults.ids(&node.child("badgeIds"), ENDPOINT_CHANNELS_MAX);
    let app_ids = node.child("appIds");
    let mut channels: Vec<EndpointChannel> =
        members.into_iter().map(EndpointChannel::Member).collect();
    for (position, value) in faults.list(&app_ids, ENDPOINT_CHANNELS_MAX).iter().enumerate() {
        let position = position.to_string();
        channels.extend(app(&app_ids.element(&position, value), faults).map(EndpointChannel::App));
    }
    channels.extend(badges.into_iter().map(EndpointChannel::Badge));
    if channels.len() > ENDPOINT_CHANNELS_MAX {
        let detail = format!("more than {ENDPOINT_CHANNELS_MAX} channels");
        faults.add_at(node.path(), "MAX_SIZE", detail, Some(ENDPOINT_CHANNELS_MAX as i64));
    }
    channels
}

fn headers(node: &Node<'_>, faults: &mut Faults) -> Vec<(String, String)> {
    let fields = match node.value() {
        None => return Vec::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            faults.add(node, "TYPE", "headers must be an object of names and values");
            return Vec::new();
        }
    };
    if fields.len() > ENDPOINT_HEADERS_MAX {
        let detail = format!("more than {ENDPOINT_HEADERS_MAX} headers");
        faults.add_at(node.path(), "MAX_SIZE", detail, Some(ENDPOINT_HEADERS_MAX as i64));
        return Vec::new();
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        let field = node.element(name, value);
        let lower = name.to_ascii_lowercase();
        if let Some(detail) = name_fault(&lower) {
            faults.add(&field, "HEADER_NAME", detail);
        } else if headers.iter().any(|(other, _)| *other == lower) {
            faults.add(&field, "HEADER_NAME", "this header is named twice");
        }
        let value = faults.text(&field, ENDPOINT_HEADER_VALUE_BYTES_MAX).unwrap_or_default();
        if value.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) || value.trim() != value {
            let detail = "a header's value is printable ASCII without spaces around it";
            faults.add(&field, "HEADER_VALUE", detail);
        }
        headers.push((lower, value.to_owned()));
    }
    headers
}

fn counter_batch(node: &Node<'_>, faults: &mut Faults) -> Option<CounterBatch> {
    let fields = node.value().filter(|value| !value.is_null())?;
    if !fields.is_object() {
        faults.add(node, "TYPE", "counterBatch must be an object of maxEvents and everySeconds");
        return None;
    }
    let (events, seconds) = (node.child("maxEvents"), node.child("everySeconds"));
    let events_max = faults.bounded(&events, 1..=i64::from(COUNTER_BATCH_EVENTS_MAX));
    let every = faults.bounded(&seconds, 1..=i64::from(COUNTER_BATCH_SECONDS_MAX));
    Some(CounterBatch {
        events_max: events_max.map_or(COUNTER_BATCH_EVENTS_MAX, |events| events as u32),
        every_seconds: every.map_or(COUNTER_BATCH_SECONDS_DEFAULT, |seconds| seconds as u32),
    })
}

fn origin(node: &Node<'_>, faults: &mut Faults) -> Option<String> {
    let origin = faults.text(node, ORIGIN_BYTES_MAX).filter(|origin| !origin.is_empty())?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if !origin.bytes().all(good) {
        faults.add(node, "FORMAT", "an origin is the name of a host");
    }
    Some(origin.to_ascii_lowercase())
}

fn name_fault(lower: &str) -> Option<&'static str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=ENDPOINT_HEADER_NAME_BYTES_MAX).contains(&lower.len()) || !lower.bytes().all(good) {
        return Some("this is no name of a header");
    }
    let is_ours = HEADERS_REFUSED.contains(&lower)
        || HEADER_FAMILIES_REFUSED.iter().any(|family| lower.starts_with(family));
    is_ours.then_some("this header is the delivery's own")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(headers: &Value) -> Vec<&'static str> {
        let mut faults = Faults::new();
        super::headers(&Node::root(headers), &mut faults);
        faults.into_violations().into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn headers_are_lowered_and_only_free_names_are_taken() {
        let given = json!({"X-Api-Key": "abc", "authorization": "Bearer x y"});
        let mut faults = Faults::new();
        let read = super::headers(&Node::root(&given), &mut faults);
        assert!(faults.is_empty());
        assert!(read.contains(&("x-api-key".to_owned(), "abc".to_owned())));
        for name in HEADERS_REFUSED.iter().chain(&["Webhook-Id", "proxy-x", "", "a b", "é", "x\n"])
        {
            assert_eq!(rules(&json!({ *name: "v" })), ["HEADER_NAME"], "{name:?}");
        }
        assert_eq!(rules(&json!({"X-A": "1", "x-a": "2"})), ["HEADER_NAME"]);
        for value in ["a\r\nHost: b", " a", "a ", "é", "a\u{7f}"] {
            assert!(!rules(&json!({ "x-a": value })).is_empty(), "{value:?}");
        }
        let long = "v".repeat(ENDPOINT_HEADER_VALUE_BYTES_MAX + 1);
        assert_eq!(rules(&json!({ "x-a": long })), ["MAX_LENGTH"]);
        let many = (0..=ENDPOINT_HEADERS_MAX).map(|n| (format!("x-{n}"), json!("v")));
        assert_eq!(rules(&Value::Object(many.collect())), ["MAX_SIZE"]);
        assert_eq!(rules(&json!("x")), ["TYPE"]);
    }
}
