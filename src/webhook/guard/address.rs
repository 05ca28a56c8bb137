//! Which addresses belong to the public internet. The networks that do not are those that the
//! special-purpose registries name, and those that carry an IPv4 address inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 network: its address and the length of its prefix.
type Network4 = ([u8; 4], u32);
/// The first four groups of an IPv6 network and the length of its prefix.
type Network6 = ([u16; 4], u32);

const NOT_PUBLIC_4: [Network4; 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Parts of `2000::/3` that are not public; outside of it nothing is.
const NOT_PUBLIC_6: [Network6; 4] = [
    ([0x2001, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0], 32),
    ([0x2002, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0], 20),
];

const GLOBAL_UNICAST_6: Network6 = ([0x2000, 0, 0, 0], 3);
const TRANSLATED_4: Network6 = ([0x64, 0xff9b, 0, 0], 64);

/// The address that a packet would really go to: an IPv4 address in IPv6 clothes is IPv4.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(inner) => inner.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => is_public_6(address),
    }
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !NOT_PUBLIC_4.iter().any(|(network, prefix)| {
        let network = u32::from_be_bytes(*network);
        (bits ^ network) >> (32 - prefix) == 0
    })
}

fn is_public_6(address: Ipv6Addr) -> bool {
    if let Some(inner) = translated(address) {
        return is_public_4(inner);
    }
    let within = |network: &Network6| is_within(address, *network);
    within(&GLOBAL_UNICAST_6) && !NOT_PUBLIC_6.iter().any(within)
}

/// The IPv4 address behind the well-known prefix of translators, 64:ff9b::/96.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let well_known = is_within(address, TRANSLATED_4) && segments[4] == 0 && segments[5] == 0;
    well_known.then(|| Ipv4Addr::from_bits(address.to_bits() as u32))
}

fn is_within(address: Ipv6Addr, (groups, prefix): Network6) -> bool {
    let upper = (address.to_bits() >> 64) as u64;
    let network = groups.iter().fold(0_u64, |bits, group| bits << 16 | u64::from(*group));
    (upper ^ network) >> (64 - prefix) == 0
}
