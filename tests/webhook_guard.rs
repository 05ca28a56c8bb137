//! The address guard against hostile and honest spellings of URLs.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use guildhall::webhook::guard::{
    Guard, GuardError, Resolver, ResolverFuture, Scheme, Target, canonical, is_public,
};

/// Names of the test's own.
struct Names;

impl Resolver for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a> {
        let addresses: &[&str] = match name.trim_end_matches('.') {
            "inside.test" => &["10.1.2.3"],
            "localhost" | "alias-of-localhost.test" => &["127.0.0.1", "::1"],
            "mixed.test" => &["93.184.215.14", "169.254.169.254"],
            "mixed-mapped.test" => &["2606:2800:220:1::1", "::ffff:192.168.0.1"],
            "metadata.test" => &["fd00:ec2::254"],
            "allowed.test" => &["10.77.0.5"],
            "half-allowed.test" => &["10.77.0.5", "10.1.2.3"],
            "empty.test" => &[],
            "missing.test" => {
                return Box::pin(async { Err(io::Error::other("no such name")) });
            }
            _ => &["93.184.215.14", "2606:2800:220:1::1"],
        };
        let parse = |text: &&str| text.parse::<IpAddr>().map_err(io::Error::other);
        let parsed: io::Result<Vec<IpAddr>> = addresses.iter().map(parse).collect();
        Box::pin(async move { parsed })
    }
}

fn guard(allowed: &[&str]) -> Guard {
    let parse = |text: &&str| text.parse().expect("a network");
    Guard::new(allowed.iter().map(parse).collect(), Arc::new(Names))
}

async fn judged(guard: &Guard, url: &str) -> Result<Target, GuardError> {
    guard.check_url(url).await
}

/// Every way to write an IPv4 address that some parser reads as that address.
fn spellings_of(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let low = bits & 0xff_ffff;
    let lower = bits & 0xffff;
    let wide_digit = |digit: u32| char::from_u32(0xff10 + digit).unwrap_or('0');
    let wide = |c: char| c.to_digit(10).map_or('。', wide_digit);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0X{bits:X}"),
        format!("0{bits:o}"),
        format!("{a}.{low}"),
        format!("0x{a:x}.0x{low:x}"),
        format!("{a}.{b}.{lower}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:x}.{b}.0{c:o}.{d}"),
        format!("{a}%2e{b}%2E{c}.{d}"),
        format!("{a}。{b}｡{c}．{d}"),
        format!("{a}.{b}.{c}.{d}").chars().map(wide).collect(),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{:x}:{:x}]", bits >> 16, lower),
        format!("[0:0:0:0:0:FFFF:{a}.{b}.{c}.{d}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b:1::{a}.{b}.{c}.{d}]"),
        format!("[2002:{:x}:{:x}::1]", bits >> 16, lower),
        format!("[2001:0:{:x}:{:x}::1]", bits >> 16, lower),
    ]
}

const HOSTILE_ADDRESSES: &str = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 \
    100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 \
    192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 \
    198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255";

const HOSTILE_HOSTS: &str = "[::] [::1] [0:0:0:0:0:0:0:1] [::2] [100::1] [2001::1] \
    [2001:1ff::1] [2001:db8::1] [2001:DB8:ffff::] [2002::1] [3fff::1] [3fff:fff::1] [5f00::1] \
    [fc00::1] [fd00:ec2::254] [fdff::1] [fe80::1] [febf::1] [fec0::1] [ff02::1] [ff0e::1] \
    [4000::1] [1::1] [8000::1] [64:ff9b::1] localhost LOCALHOST localhost. ｌｏｃａｌｈｏｓｔ \
    inside.test INSIDE.test alias-of-localhost.test mixed.test mixed-mapped.test metadata.test \
    empty.test missing.test half-allowed.test 1 0 0x0 00 127.1 127.0.1 0x7f.1 0177.1 2130706433 \
    017700000001 ①②⑦.⓪.⓪.①";

const MALFORMED: &[&str] = &[
    "",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "https:///path",
    "https://?q",
    "https://#f",
    "//example.com",
    "example.com",
    "example.com:443",
    "https:example.com",
    "https:/example.com",
    "https:\\\\example.com",
    "https://example.com\\@10.0.0.1",
    "https://user@example.com",
    "https://user:word@example.com",
    "https://:@example.com",
    "https://@example.com",
    "https://example.com@10.0.0.1",
    "https://exa mple.com",
    " https://example.com",
    "https://example.com ",
    "https://exam\tple.com",
    "https://exam\nple.com",
    "https://example.com/\r\nHost: x",
    "https://example.com:0",
    "https://example.com:65536",
    "https://example.com:x",
    "https://example.com:-1",
    "https://example.com:25",
    "https://example.com:22",
    "https://example.com:80",
    "https://example.com:6379",
    "https://example.com:5432",
    "http://example.com",
    "http://example.com:443",
    "http://example.com:8080",
    "HTTP://EXAMPLE.COM",
    "ftp://example.com",
    "file:///etc/passwd",
    "gopher://example.com",
    "ws://example.com",
    "wss://example.com",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:///run/x.sock",
    "https://a..b",
    "https://.example.com",
    "https://example.com..",
    "https://[::1",
    "https://]",
    "https://[fe80::1%25eth0]",
    "https://[fe80::1%eth0]",
    "https://1.2.3.4.5",
    "https://[::ffff:127.0.0.1%25lo]",
    "https://256.256.256.256",
    "https://0x100000000",
    "https://4294967296",
    "https://exa\u{0}mple.com",
    "https://%00",
    "https://xn--",
    "https://%",
    "https://a%2fb",
];

fn hostile_urls() -> BTreeSet<String> {
    let mut urls: BTreeSet<String> = MALFORMED.iter().map(|text| (*text).to_owned()).collect();
    urls.insert(format!("https://example.com/{}", "a".repeat(2_048)));
    urls.insert(format!("https://{}.com", "a".repeat(64)));
    urls.insert(format!("https://{}com", "abcdefgh.".repeat(29)));
    let parse = |text: &str| text.parse::<Ipv4Addr>().expect("an address");
    let addresses = HOSTILE_ADDRESSES.split_whitespace().map(parse);
    let mut hosts: Vec<String> = addresses.flat_map(spellings_of).collect();
    hosts.extend(HOSTILE_HOSTS.split_whitespace().map(str::to_owned));
    for host in hosts {
        urls.insert(format!("https://{host}/hook"));
        urls.insert(format!("https://{host}:8443/hook"));
        urls.insert(format!("http://{host}/hook"));
    }
    urls
}

#[actix_rt::test]
async fn no_hostile_spelling_passes() {
    let guard = guard(&[]);
    let urls = hostile_urls();
    assert!(urls.len() >= 300, "only {} spellings", urls.len());
    for url in urls {
        let verdict = judged(&guard, &url).await;
        assert!(verdict.is_err(), "{url:?} passed as {verdict:?}");
    }
}

#[actix_rt::test]
async fn honest_urls_pass() {
    let guard = guard(&[]);
    let honest = "https://example.com https://example.com/ https://example.com/hook?a=1&b=%20 \
        https://EXAMPLE.com/Hook https://example.com. https://example.com:443/ \
        https://example.com:8443/hook https://example.com:8000 https://example.com:65535 \
        https://sub.domain.example.co.uk/a/b/c https://xn--bcher-kva.example/x \
        https://bücher.example/x https://例え.テスト/hook https://93.184.215.14/hook \
        https://[2606:2800:220:1::1]/hook https://8.8.8.8 https://172.15.255.255/ \
        https://172.32.0.1/ https://100.128.0.1/ https://192.0.1.1/ https://223.255.255.255 \
        https://example.com/hook#part HTTPS://example.com/hook https://[64:ff9b::808:808]/";
    assert!(honest.split_whitespace().count() >= 20);
    for url in honest.split_whitespace() {
        let verdict = judged(&guard, url).await;
        assert!(verdict.is_ok(), "{url:?} was refused: {verdict:?}");
    }
}

#[actix_rt::test]
async fn an_allowed_network_takes_plain_http_and_any_port_but_nothing_beside_it() {
    let guard = guard(&["10.77.0.0/16", "127.0.0.0/8", "::1/128"]);
    let passing = "http://allowed.test/hook https://allowed.test:25/ http://10.77.255.1:3000/ \
        http://127.0.0.1:3000/hook http://0x7f.1:3000/ http://localhost:3000/hook \
        http://[::1]:3000/ http://[::ffff:127.0.0.1]:3000/";
    for url in passing.split_whitespace() {
        assert!(judged(&guard, url).await.is_ok(), "{url:?} was refused");
    }
    let refused = [
        ("http://10.78.0.1/", GuardError::Address),
        ("http://half-allowed.test/", GuardError::Address),
        ("http://example.com/", GuardError::Scheme),
        ("http://127.0.0.1:0/", GuardError::Port),
        ("http://user@127.0.0.1/", GuardError::UserInfo),
        ("http://169.254.169.254/", GuardError::Address),
    ];
    for (url, expected) in refused {
        assert_eq!(judged(&guard, url).await, Err(expected), "{url:?}");
    }
}

#[actix_rt::test]
async fn addresses_handed_out_are_the_judged_ones_in_their_plain_form() {
    let guard = guard(&["127.0.0.0/8"]);
    let target = judged(&guard, "http://[::ffff:127.0.0.1]:3000/a?b#c").await.expect("allowed");
    assert_eq!(target.scheme, Scheme::Http);
    assert_eq!(target.authority, "[::ffff:7f00:1]:3000");
    assert_eq!(target.path_and_query, "/a?b");
    let addresses = guard.addresses(&target).await.expect("allowed");
    assert_eq!(addresses, vec!["127.0.0.1:3000".parse().expect("an address")]);
}

#[test]
fn the_edges_of_every_block_are_judged_right() {
    let inside = "10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 172.16.0.0 172.31.255.255 \
        192.0.0.255 192.0.2.255 198.18.0.0 198.19.255.255 224.0.0.0 255.255.255.255 \
        2001::1 2001:1ff:ffff::1 2002:ffff::1 3fff:fff:ffff::1 5f00::1 64:ff9b::a00:1 64:ff9b:1::1";
    for text in inside.split_whitespace() {
        assert!(!is_public(text.parse().expect("an address")), "{text} is public");
    }
    let outside = "9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 198.17.255.255 \
        198.20.0.0 223.255.255.255 2000::1 2001:200::1 2001:db7::1 2001:db9::1 2003::1 \
        3ffe::1 3fff:1000::1 64:ff9b::808:808 ::ffff:8.8.8.8";
    for text in outside.split_whitespace() {
        assert!(is_public(text.parse().expect("an address")), "{text} is not public");
    }
    let mapped: IpAddr = "::ffff:10.0.0.1".parse().expect("an address");
    assert_eq!(canonical(mapped), IpAddr::from([10, 0, 0, 1]));
}

#[test]
fn refusals_tell_neither_addresses_nor_what_answered() {
    for error in [GuardError::Address, GuardError::Unresolved, GuardError::Port] {
        let text = error.to_string();
        assert!(!text.chars().any(|c| c.is_ascii_digit()), "{text}");
    }
}
