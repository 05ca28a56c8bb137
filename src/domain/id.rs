//! Identifiers. Public ones are UUIDs of one kind each; ordinals are dense numbers inside a site
//! and never leave the process or its files.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A UUID that knows what it names. JSON shows the hyphenated text, stored bytes are the 16 bytes.
pub struct Id<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

/// The kinds of things an [`Id`] may name.
pub mod kind {
    pub enum Site {}
    pub enum Member {}
    pub enum Badge {}
    pub enum Assignment {}
    pub enum Endpoint {}
    pub enum Key {}
    pub enum Report {}
    pub enum About {}
    pub enum OauthClient {}
    pub enum Role {}
    pub enum Field {}
}

pub type SiteId = Id<kind::Site>;
pub type MemberId = Id<kind::Member>;
pub type BadgeId = Id<kind::Badge>;
pub type AssignmentId = Id<kind::Assignment>;
pub type EndpointId = Id<kind::Endpoint>;
pub type KeyId = Id<kind::Key>;
pub type ReportId = Id<kind::Report>;
pub type AboutId = Id<kind::About>;
pub type RoleId = Id<kind::Role>;
pub type FieldId = Id<kind::Field>;
/// An application that lets visitors and members in, as OAuth 2.0 calls it.
pub type ClientId = Id<kind::OauthClient>;

impl<K> Id<K> {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Id { bytes, kind: PhantomData }
    }

    pub const fn from_u128(value: u128) -> Self {
        Id::from_bytes(value.to_be_bytes())
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    pub const fn as_u128(&self) -> u128 {
        u128::from_be_bytes(self.bytes)
    }

    pub const fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.bytes)
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(value: Uuid) -> Self {
        Id::from_bytes(value.into_bytes())
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.as_u128());
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uuid())
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uuid())
    }
}
impl<K> FromStr for Id<K> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Id::from)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.bytes.serialize(serializer)
        }
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Id::from_bytes)
        }
    }
}

/// The application that owns a counter or an item, as its integrator names it (often a UUID).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct AppId(Arc<str>);

impl AppId {
    /// The app of code that acts with the site owner's key.
    pub const SITE_CODE: &'static str = "151e476a-715e-ec33-db9a-a7ff4d51f70a";
    /// The app that owns the counters that Guildhall derives itself.
    pub const BUILT_IN: &'static str = "guildhall";

    /// Parses an app id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub fn parse(text: &str) -> Option<AppId> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=super::limits::APP_ID_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(good)).then(|| AppId(Arc::from(text)))
    }

    pub fn site_code() -> AppId {
        AppId(Arc::from(AppId::SITE_CODE))
    }

    pub fn built_in() -> AppId {
        AppId(Arc::from(AppId::BUILT_IN))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A member's dense number inside its site; never reused.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct MemberOrdinal(pub u32);

/// An item's dense number inside its site; never reused.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct ItemOrdinal(pub u32);

/// What makes an increment exactly-once: the bytes of a UUID, or a hash of any other text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct OpId(pub [u8; 16]);

impl OpId {
    pub const fn as_u128(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The time inside a UUIDv7, in Unix milliseconds; `None` for every other id.
    pub const fn time_ms(&self) -> Option<i64> {
        let value = self.as_u128();
        let is_v7 = (value >> 76) & 0xf == 7 && (value >> 62) & 0b11 == 0b10;
        if is_v7 { Some((value >> 80) as i64) } else { None }
    }
}
