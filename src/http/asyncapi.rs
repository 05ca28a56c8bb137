//! The document of what is pushed and streamed (AsyncAPI 3.0): live channels, webhooks and the
//! ingest stream. Which event goes where is read from where that is decided.

use serde_json::{Map, Value, json};

use super::event_catalogue::{EventType, TYPES, delivered, example_of, referring};
use super::openapi_schemas::{self, object};
use crate::core::visibility::{Audience, sees};
use crate::domain::Event;
use crate::wire::example;

/// The whole document. A snapshot of it is kept with the tests, so that no change goes unseen.
pub fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Guildhall",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0"},
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": {
            "live": server("/connection/websocket", "The Centrifuge protocol, version 2, in JSON."),
            "ingest": server(
                "/v1/activity-counters/stream",
                "The first frame names the credential; it must be an app's or the owner's key.",
            ),
        },
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": openapi_schemas::all(),
        },
    })
}

const DESCRIPTION: &str = "What Guildhall tells without being asked, and what is streamed to it. \
    Live channels: the publication's `data` is the event, its offset the event's `seq`, the epoch \
    that of the log, and a client recovers from both after any break. Webhooks: the same events as \
    signed requests after Standard Webhooks.";

fn server(path: &str, description: &str) -> Value {
    json!({
        "host": "{host}",
        "pathname": path,
        "protocol": "ws",
        "description": description,
        "variables": {"host": {"default": "127.0.0.1:8080"}},
    })
}

/// Who is told: a channel with the events that it carries.
struct Told {
    name: &'static str,
    address: Option<&'static str>,
    description: &'static str,
    carries: fn(&Event) -> bool,
}

const TOLD: &[Told] = &[
    Told {
        name: "member",
        address: Some("member:{memberId}"),
        description: "What happens with a member, as the subscriber may see it.",
        carries: |event| event.member().is_some() && sees(event, Audience::Public),
    },
    Told {
        name: "personal",
        address: Some("#{memberId}"),
        description: "The member's own: subscribed by the server where the token is a member's.",
        carries: |event| event.member().is_some() && sees(event, Audience::SelfMember),
    },
    Told {
        name: "site",
        address: Some("site"),
        description: "Everything that happens on the site, for its owner.",
        carries: |_| true,
    },
    Told {
        name: WEBHOOK,
        address: None,
        description: "Requests to the address of an endpoint, with the events that it chose.",
        carries: |_| true,
    },
];

const WEBHOOK: &str = "webhook";
const INGEST: &str = "ingest";

/// The frames of the ingest stream: name, who sends it, what it is, its shape.
const FRAMES: &[(&str, Sender, &str, &str)] = &[
    ("hello", Sender::Client, "the first frame", "token: string, producer?: producerName"),
    (
        "batch",
        Sender::Client,
        "increments; with a producer its next number, without one an array of lines will do",
        "n: integer, increments: [Increment]",
    ),
    (
        "ack",
        Sender::Server,
        "everything up to and with this number is durable",
        "ack: integer, accepted: integer, duplicates: integer, errors: [LineFault]",
    ),
    ("fault", Sender::Server, "why a frame was not taken", "error: FrameFault"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

impl Told {
    fn message_names(&self) -> Vec<String> {
        if self.name == WEBHOOK {
            return delivered().map(|known| format!("webhook.{}", known.name)).collect();
        }
        let is_carried = |known: &&EventType| {
            let example = example::record(known.name, 1, example::TIME);
            example.is_some_and(|record| (self.carries)(&record.event))
        };
        TYPES.iter().filter(is_carried).map(|known| known.name.to_owned()).collect()
    }

    fn channel(&self) -> Value {
        let mut channel = channel_of(self.description, &self.message_names());
        channel["address"] = json!(self.address);
        if self.address.is_some() {
            channel["servers"] = json!([{"$ref": "#/servers/live"}]);
        }
        if self.address.is_some_and(|address| address.contains("{memberId}")) {
            channel["parameters"] = json!({"memberId": {"description": "the member's id, a UUID"}});
        }
        channel
    }
}

fn channel_of(description: &str, names: &[String]) -> Value {
    let reference =
        |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let messages: Map<String, Value> = names.iter().map(reference).collect();
    json!({"description": description, "messages": messages})
}

fn frame_names(sender: Option<Sender>) -> Vec<String> {
    let of_sender = FRAMES.iter().filter(|frame| sender.is_none_or(|sender| frame.1 == sender));
    of_sender.map(|frame| format!("ingest.{}", frame.0)).collect()
}

fn channels() -> Value {
    let told = TOLD.iter().map(|told| (told.name.to_owned(), told.channel()));
    let mut channels: Map<String, Value> = told.collect();
    let mut ingest = channel_of("Increments at high rates.", &frame_names(None));
    ingest["address"] = json!("/v1/activity-counters/stream");
    ingest["servers"] = json!([{"$ref": "#/servers/ingest"}]);
    channels.insert(INGEST.to_owned(), ingest);
    Value::Object(channels)
}

fn operations() -> Value {
    let mut operations = Map::new();
    for told in TOLD {
        let name = format!("tell.{}", told.name);
        operations.insert(name, operation("send", told.name, &told.message_names()));
    }
    let [taken, answered] = [Sender::Client, Sender::Server].map(|it| frame_names(Some(it)));
    operations.insert("count.take".to_owned(), operation("receive", INGEST, &taken));
    operations.insert("count.acknowledge".to_owned(), operation("send", INGEST, &answered));
    operations["tell.webhook"]["bindings"] =
        json!({"http": {"method": "POST", "bindingVersion": "0.3.0"}});
    Value::Object(operations)
}

fn operation(action: &str, channel: &str, names: &[String]) -> Value {
    let message = |name: &String| json!({"$ref": format!("#/channels/{channel}/messages/{name}")});
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{channel}")},
        "messages": names.iter().map(message).collect::<Vec<Value>>(),
    })
}

fn messages() -> Value {
    let mut messages = Map::new();
    for known in TYPES {
        messages.insert(known.name.to_owned(), message(known));
    }
    for known in delivered() {
        let mut delivery = message(known);
        delivery["headers"] =
            object("webhook-id: string, webhook-timestamp: integer, webhook-signature: string");
        messages.insert(format!("webhook.{}", known.name), delivery);
    }
    for (name, _, summary, shape) in FRAMES {
        let frame = json!({"name": name, "summary": summary, "payload": object(shape)});
        messages.insert(format!("ingest.{name}"), frame);
    }
    Value::Object(messages)
}

fn message(known: &EventType) -> Value {
    json!({
        "name": known.name,
        "summary": known.meaning,
        "payload": referring(known),
        "examples": [{"payload": example_of(known)}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(channel: &str) -> Vec<String> {
        let document = document();
        let messages = document["channels"][channel]["messages"].as_object().cloned();
        messages.unwrap_or_default().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn every_event_is_told_to_the_owner_and_no_plumbing_to_members() {
        assert_eq!(names("site").len(), TYPES.len());
        assert_eq!(names("webhook").len(), delivered().count());
        for channel in ["member", "personal"] {
            let names = names(channel);
            assert!(names.iter().any(|name| name == "follow.created"), "{names:?}");
            assert!(!names.iter().any(|name| name.starts_with("endpoint.")), "{names:?}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("{\"$ref\":\"#").skip(1) {
            let path = reference.split('"').next().unwrap_or_default();
            assert!(document.pointer(path).is_some(), "{path}");
        }
    }
}
