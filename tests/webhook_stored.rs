//! What was stored of endpoints and their progress before they had settings is read as it was
//! meant, and still written the same way where there is nothing to add.

use guildhall::core::delivery::{Gathering, Parked, Progress};
use guildhall::domain::endpoint::{
    Condition, CounterBatch, DeliveryMode, EndpointChannel, EndpointSettings, Operator,
    PayloadFormat, ReplayJob, Replayed, SealedHeader,
};
use guildhall::domain::event::Endpoint;
use guildhall::domain::{EndpointId, MemberId, Timestamp};
use guildhall::journal::codec;
use serde::Serialize;

#[derive(Serialize)]
struct EndpointBefore {
    id: EndpointId,
    url: String,
    event_types: Vec<String>,
    sealed_secret: Vec<u8>,
    previous_secret: Option<(Vec<u8>, Timestamp)>,
    after_seq: u64,
    created_at: Timestamp,
    disabled: Option<String>,
}

#[derive(Serialize)]
struct ProgressBefore {
    cursor: u64,
    done_above: Vec<u64>,
    parked: Vec<Parked>,
    failing_since: Option<Timestamp>,
    attempts: u32,
    next_try_at: Option<Timestamp>,
}

fn endpoint(disabled: Option<String>, settings: EndpointSettings) -> Endpoint {
    Endpoint {
        id: EndpointId::from_u128(7),
        url: "https://example.com/hook".to_owned(),
        event_types: vec!["follow.*".to_owned()],
        sealed_secret: vec![1, 2, 3],
        previous_secret: Some((vec![4], Timestamp::from_unix_ms(5))),
        after_seq: 300,
        created_at: Timestamp::from_unix_ms(6),
        disabled,
        settings,
    }
}

#[test]
fn endpoints_without_settings_have_the_bytes_they_always_had() {
    for disabled in [None, Some("gone".to_owned())] {
        let now = endpoint(disabled.clone(), EndpointSettings::default());
        let before = EndpointBefore {
            id: now.id,
            url: now.url.clone(),
            event_types: now.event_types.clone(),
            sealed_secret: now.sealed_secret.clone(),
            previous_secret: now.previous_secret.clone(),
            after_seq: now.after_seq,
            created_at: now.created_at,
            disabled,
        };
        let bytes = codec::encode(&before);
        assert_eq!(codec::encode(&now), bytes);
        assert_eq!(codec::decode::<Endpoint>(&bytes), Ok(now));
    }
}

#[test]
fn every_setting_of_an_endpoint_comes_back() {
    let settings = EndpointSettings {
        description: Some("ours".to_owned()),
        headers: vec![SealedHeader { name: "x-a".to_owned(), sealed_value: vec![9] }],
        channels: vec![EndpointChannel::Member(MemberId::from_u128(1))],
        conditions: vec![Condition {
            path: "new".to_owned(),
            operator: Operator::Greater,
            operand_json: "10".to_owned(),
        }],
        rate_per_minute: Some(60),
        older_secrets: vec![(vec![8], Timestamp::from_unix_ms(9))],
        enabled_at: Some(Timestamp::from_unix_ms(10)),
        mode: DeliveryMode::FifoByMember,
        format: PayloadFormat::CloudEvents,
        request_origin: Some("events.example.com".to_owned()),
        replays: vec![ReplayJob { id: 11, what: Replayed::Events(vec![3, 4]) }],
        counter_batch: Some(CounterBatch { events_max: 100, every_seconds: 60 }),
        in_flight_max: Some(64),
    };
    for disabled in [None, Some("gone".to_owned())] {
        let endpoint = endpoint(disabled, settings.clone());
        assert_eq!(codec::decode(&codec::encode(&endpoint)), Ok(endpoint));
    }
}

#[test]
fn progress_without_anything_new_has_the_bytes_it_always_had() {
    for next_try_at in [None, Some(Timestamp::from_unix_ms(70_000))] {
        let (seq, attempts) = (11, 2);
        let time = Timestamp::from_unix_ms(12);
        let parked = vec![Parked { seq, attempts, next_try_at: time, parked_at: time }];
        let before = ProgressBefore {
            cursor: 10,
            done_above: vec![13],
            parked: parked.clone(),
            failing_since: Some(time),
            attempts: 3,
            next_try_at,
        };
        let now = Progress {
            cursor: 10,
            done_above: vec![13],
            parked,
            failing_since: Some(time),
            attempts: 3,
            next_try_at,
            ..Progress::default()
        };
        let bytes = codec::encode(&before);
        assert_eq!(codec::encode(&now), bytes);
        assert_eq!(codec::decode::<Progress>(&bytes), Ok(now.clone()));
        let replays = vec![(300, 41)];
        let keyed = Progress { parked_keys: vec![(11, 1 << 100)], replays, ..now };
        assert_eq!(codec::decode(&codec::encode(&keyed)), Ok(keyed.clone()));
        let gathering = Gathering { first_seq: 5, last_seq: 9, events: 3, since: time };
        let batches = vec![(4, 2)];
        let gathers = Progress { gathering: Some(gathering), batches, ..keyed };
        assert_eq!(codec::decode(&codec::encode(&gathers)), Ok(gathers));
    }
}
