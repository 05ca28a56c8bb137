//! Nothing is ever dialled that is not public, whatever a URL looks like, a name resolves to or a
//! receiver answers; and honest URLs do deliver. Proved at the way out: every address that the
//! client dials is recorded and judged by a list of this test's own.

mod webhook_support;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use guildhall::core::delivery::AttemptResult;
use guildhall::domain::limits;
use guildhall::webhook::client::{CallFault, Client, ClientOptions};
use guildhall::webhook::guard::{Guard, GuardError, Target, canonical};
use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::Value;
use webhook_support::recorder::{Always, Recorder};
use webhook_support::tls::Authority;
use webhook_support::{Behaviour, Names, Receiver, post};

/// The special-purpose registries, as networks.
const FORBIDDEN: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 \
    172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 \
    198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 ::/8 64:ff9b:1::/48 100::/64 2001::/23 \
    2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8";

/// The first 96 bits of an IPv4 address as translators write it.
const TRANSLATED: u128 = 0x0064_ff9b << 64;

fn is_forbidden(address: IpAddr) -> bool {
    // Translators turn these into the IPv4 address in their last four bytes.
    let inner = match address {
        IpAddr::V6(six) if six.to_bits() >> 32 == TRANSLATED => {
            IpAddr::from((six.to_bits() as u32).to_be_bytes())
        }
        other => other,
    };
    let networks = FORBIDDEN.split(' ').map(|text| text.parse::<IpNet>().expect("a network"));
    networks.into_iter().any(|network| network.contains(&inner))
}

/// One line of the table.
struct Row {
    kind: String,
    refused: String,
    url: String,
    resolves: Option<Vec<IpAddr>>,
}

fn table() -> Vec<Row> {
    let rows: Value =
        serde_json::from_str(include_str!("webhook_support/hostile_urls.json")).expect("JSON");
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let row = |row: &Value| Row {
        kind: text(row, "kind"),
        refused: text(row, "refused"),
        url: text(row, "url"),
        resolves: row["resolves"].as_array().map(|texts| {
            let parse = |text: &Value| text.as_str().and_then(|text| text.parse().ok());
            texts.iter().map(|text| parse(text).expect("an address")).collect()
        }),
    };
    let mut rows: Vec<Row> = rows.as_array().expect("rows").iter().map(row).collect();
    let long = [
        ("length", format!("https://example.com/{}", "a".repeat(limits::ENDPOINT_URL_BYTES_MAX))),
        ("length", format!("https://{}com/", "a.".repeat(1_100))),
        ("host", format!("https://{}.com/", "a".repeat(64))),
        ("host", format!("https://{}com/", "abcdefgh.".repeat(29))),
    ];
    rows.extend(long.map(|(refused, url)| Row {
        kind: "length".to_owned(),
        refused: refused.to_owned(),
        url,
        resolves: None,
    }));
    rows
}

fn name_of(error: &GuardError) -> &'static str {
    match error {
        GuardError::Length => "length",
        GuardError::Form => "form",
        GuardError::Scheme => "scheme",
        GuardError::UserInfo => "userinfo",
        GuardError::Host => "host",
        GuardError::Port => "port",
        GuardError::Unresolved => "unresolved",
        GuardError::Address => "address",
    }
}

#[actix_rt::test]
async fn no_hostile_url_is_saved_and_none_is_dialled() {
    let rows = table();
    let urls: BTreeSet<&String> = rows.iter().map(|row| &row.url).collect();
    assert!(urls.len() >= 300, "only {} spellings", urls.len());
    let recorder = Recorder::to_nowhere();
    let (mut wrong, mut posted) = (Vec::new(), 0);
    for row in &rows {
        let guard = Guard::new(vec![], Arc::new(Always(row.resolves.clone())));
        let saved = guard.check_url(&row.url).await;
        if saved.as_ref().err().map(name_of) != Some(row.refused.as_str()) {
            wrong.push(format!("{} {:?}: {saved:?}, not {}", row.kind, row.url, row.refused));
        }
        // Had it been saved before the rules were what they are:
        let Ok(target) = Target::parse(&row.url) else { continue };
        let client = Client::over(recorder.clone(), guard, ClientOptions::default());
        let called = client.post(post(target), None).await;
        assert!(matches!(called.answer, Err(CallFault::Refused(_))), "{:?}", row.url);
        posted += 1;
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(posted >= 300, "only {posted} were told apart by their address");
    assert_eq!(recorder.dialled(), []);
}

#[actix_rt::test]
async fn what_is_refused_for_its_address_is_an_address_that_is_forbidden() {
    // The rows are no strawmen: with everything allowed they lead where they should not.
    let everywhere = ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a network"));
    for row in table().iter().filter(|row| row.refused == "address") {
        let resolver = Arc::new(Always(row.resolves.clone()));
        let guard = Guard::new(everywhere.to_vec(), resolver);
        let target = Target::parse(&row.url).expect("a good form");
        let addresses = guard.addresses(&target).await.expect("all allowed");
        let forbidden = addresses.iter().any(|address| is_forbidden(address.ip()));
        let reserved = row.kind == "range" && addresses.iter().all(SocketAddr::is_ipv6);
        assert!(forbidden || reserved, "{:?} leads to {addresses:?}", row.url);
    }
}

/// Mostly honest, sometimes not.
fn any_address() -> impl Strategy<Value = IpAddr> {
    let behind = |prefix: u128| {
        any::<u32>()
            .prop_map(move |bits| IpAddr::from(((prefix << 32) | u128::from(bits)).to_be_bytes()))
    };
    prop_oneof![
        2 => any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        1 => any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        2 => behind(0x2600_0000 << 64),
        1 => behind(0xffff),
        1 => behind(TRANSLATED),
        1 => any::<u8>().prop_map(|last| IpAddr::from([127, 0, 0, last])),
        1 => any::<u8>().prop_map(|last| IpAddr::from([169, 254, 169, last])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_name_that_keeps_moving_leads_to_public_addresses_only(
        answers in prop::collection::vec(prop::collection::vec(any_address(), 0..4), 1..6),
    ) {
        let slices: Vec<&[IpAddr]> = answers.iter().map(Vec::as_slice).collect();
        let recorder = Recorder::to_nowhere();
        let names = Names::saying(&slices);
        let client = Client::over(
            recorder.clone(),
            Guard::new(vec![], names),
            ClientOptions::default(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let mut expected = Vec::new();
        for found in &answers {
            let target = Target::parse("https://moving.test/hook").expect("a good url");
            let posted = client.post(post(target), None);
            let called = runtime.as_ref().expect("a runtime").block_on(posted);
            prop_assert!(called.answer.is_err());
            if found.iter().all(|address| may_be_dialled(canonical(*address))) {
                let socket = |address: &IpAddr| SocketAddr::new(canonical(*address), 443);
                expected.extend(found.iter().map(socket));
            }
        }
        let dialled = recorder.dialled();
        for address in &dialled {
            prop_assert!(!is_forbidden(address.ip()), "{address} was dialled");
        }
        prop_assert_eq!(dialled, expected, "exactly the judged addresses, in their order");
    }
}

/// Of IPv6 only `2000::/3` and what translators turn into IPv4 is handed out at all.
fn may_be_dialled(address: IpAddr) -> bool {
    let in_use = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(six) => six.to_bits() >> 125 == 1 || six.to_bits() >> 32 == TRANSLATED,
    };
    in_use && !is_forbidden(address)
}

#[actix_rt::test]
async fn a_name_that_was_public_when_it_was_saved_is_judged_at_every_connection() {
    let public: IpAddr = [93, 184, 215, 14].into();
    let metadata: IpAddr = [169, 254, 169, 254].into();
    let receiver = Receiver::start(&[Behaviour::AnswerThenClose(200)]).await;
    let recorder = Recorder::to(receiver.address);
    let names = Names::saying(&[&[public], &[metadata], &[public, metadata], &[metadata, public]]);
    let guard = Guard::new(vec![], names);
    let target = guard.check_url("https://rebinding.test/hook").await.expect("good when saved");
    let client = Client::over(recorder.clone(), guard, ClientOptions::default());
    for _ in 0..3 {
        let called = client.post(post(target.clone()), None).await;
        assert_eq!(called.answer, Err(CallFault::Refused(GuardError::Address)));
    }
    assert_eq!(recorder.dialled(), []);
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn redirects_to_inner_addresses_are_not_dialled() {
    let locations = table().into_iter().filter(|row| row.kind == "metadata").map(|row| row.url);
    for (index, location) in locations.enumerate() {
        let status = [301, 302, 303, 307, 308][index % 5];
        let headers = format!("location: {location}\r\nrefresh: 0; url={location}\r\n");
        let receiver = Receiver::start(&[Behaviour::AnswerWith(status, headers)]).await;
        let recorder = Recorder::to(receiver.address);
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], Names::loopback());
        let client = Client::over(recorder.clone(), guard, ClientOptions::default());
        let mut kept = None;
        for _ in 0..2 {
            let target = Target::parse(&receiver.url()).expect("a good url");
            let called = client.post(post(target), kept).await;
            let result = called.answer.expect("an answer").result();
            assert_eq!(result, AttemptResult::EndpointFault);
            kept = called.connection;
        }
        assert_eq!(recorder.dialled(), [receiver.address], "{status} {location}");
        assert_eq!(receiver.seen().len(), 2);
    }
}

/// URL, what the receiver sees as host and as path, and where the connection goes.
#[rustfmt::skip]
const HONEST: &[(&str, &str, &str, &str)] = &[
    ("https://example.com", "example.com", "/", "93.184.215.14:443"),
    ("https://example.com/hook", "example.com", "/hook", "93.184.215.14:443"),
    ("https://EXAMPLE.com/Hook", "example.com", "/Hook", "93.184.215.14:443"),
    ("HTTPS://example.com/hook", "example.com", "/hook", "93.184.215.14:443"),
    ("https://example.com./hook", "example.com.", "/hook", "93.184.215.14:443"),
    ("https://example.com:443/", "example.com", "/", "93.184.215.14:443"),
    ("https://example.com:8443/hook", "example.com:8443", "/hook", "93.184.215.14:8443"),
    ("https://example.com:8000", "example.com:8000", "/", "93.184.215.14:8000"),
    ("https://example.com:65535/a", "example.com:65535", "/a", "93.184.215.14:65535"),
    ("https://example.com/hook?a=1&b=%20&c", "example.com", "/hook?a=1&b=%20&c", "93.184.215.14:443"),
    ("https://example.com/?to=http://127.0.0.1/", "example.com", "/?to=http://127.0.0.1/", "93.184.215.14:443"),
    ("https://example.com?@10.0.0.1", "example.com", "/?@10.0.0.1", "93.184.215.14:443"),
    ("https://example.com/@name", "example.com", "/@name", "93.184.215.14:443"),
    ("https://example.com/hook#part", "example.com", "/hook", "93.184.215.14:443"),
    ("https://example.com/a/../b/./c", "example.com", "/b/c", "93.184.215.14:443"),
    ("https://example.com/süß?ü=1", "example.com", "/s%C3%BC%C3%9F?%C3%BC=1", "93.184.215.14:443"),
    ("https://sub.domain.example.co.uk/a/b", "sub.domain.example.co.uk", "/a/b", "93.184.215.14:443"),
    ("https://127.0.0.1.example.com/x", "127.0.0.1.example.com", "/x", "93.184.215.14:443"),
    ("https://xn--bcher-kva.example/x", "xn--bcher-kva.example", "/x", "93.184.215.14:443"),
    ("https://bücher.example/x", "xn--bcher-kva.example", "/x", "93.184.215.14:443"),
    ("https://例え.テスト/hook", "xn--r8jz45g.xn--zckzah", "/hook", "93.184.215.14:443"),
    ("https://例え。テスト/hook", "xn--r8jz45g.xn--zckzah", "/hook", "93.184.215.14:443"),
    ("https://93.184.215.14/hook", "93.184.215.14", "/hook", "93.184.215.14:443"),
    ("https://1572394766/hook", "93.184.215.14", "/hook", "93.184.215.14:443"),
    ("https://[2606:2800:220:1::1]/hook", "[2606:2800:220:1::1]", "/hook", "[2606:2800:220:1::1]:443"),
    ("https://[2606:2800:220:1::1]:8443/", "[2606:2800:220:1::1]:8443", "/", "[2606:2800:220:1::1]:8443"),
    ("https://[64:ff9b::5db8:d70e]/", "[64:ff9b::5db8:d70e]", "/", "[64:ff9b::5db8:d70e]:443"),
];

#[actix_rt::test]
async fn honest_urls_deliver() {
    let authority = Authority::new();
    let names = [
        "example.com",
        "sub.domain.example.co.uk",
        "127.0.0.1.example.com",
        "xn--bcher-kva.example",
        "xn--r8jz45g.xn--zckzah",
        "93.184.215.14",
        "2606:2800:220:1::1",
        "64:ff9b::5db8:d70e",
    ];
    let receiver = Receiver::start_tls(authority.serves(&names), &[Behaviour::Answer(200)]).await;
    assert!(HONEST.len() >= 20);
    for (index, (url, host, path, dialled)) in HONEST.iter().enumerate() {
        let resolver = Arc::new(Always(Some(vec![[93, 184, 215, 14].into()])));
        let guard = Guard::new(vec![], resolver);
        let target = guard.check_url(url).await;
        assert!(target.is_ok(), "{url}: {target:?}");
        let recorder = Recorder::to(receiver.address);
        let client = Client::over(recorder.clone(), guard, authority.trusted());
        let called = client.post(post(target.expect("good")), None).await;
        let result = called.answer.map(|answer| answer.result());
        assert_eq!(result, Ok(AttemptResult::Delivered), "{url}");
        let seen = &receiver.seen()[index];
        assert_eq!((seen.header("host"), seen.path.as_str()), (*host, *path), "{url}");
        assert_eq!(recorder.dialled(), [dialled.parse().expect("an address")], "{url}");
    }
}
