//! Names of live channels: what a client writes and what a record goes to. Who may enter one is
//! decided in [`super::visibility`].

use std::fmt;

use crate::domain::MemberId;
use crate::domain::limits::CHANNEL_NAME_BYTES_MAX;

const MEMBER_PREFIX: &str = "member:";
const PERSONAL_PREFIX: &str = "#";
const SITE_NAME: &str = "site";

/// One stream of records as a client names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// `member:<id>`: the records that touch a member, as the viewer may see them.
    Member(MemberId),
    /// `#<id>`: the same records for the member itself; entered by the server, not by the client.
    Personal(MemberId),
    /// `site`: every record of the site.
    Site,
}

/// What a channel's records are counted by: both channels of a member carry the same records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Member(MemberId),
    Site,
}

impl Channel {
    /// Parses a channel's one canonical name; any other spelling is an unknown channel, because
    /// pushes carry the canonical name and a client would not know them as its own.
    pub fn parse(name: &str) -> Option<Channel> {
        if name.len() > CHANNEL_NAME_BYTES_MAX {
            return None;
        }
        if name == SITE_NAME {
            return Some(Channel::Site);
        }
        let channel = if let Some(id) = name.strip_prefix(MEMBER_PREFIX) {
            Channel::Member(id.parse().ok()?)
        } else {
            Channel::Personal(name.strip_prefix(PERSONAL_PREFIX)?.parse().ok()?)
        };
        (channel.to_string() == name).then_some(channel)
    }

    pub fn topic(self) -> Topic {
        match self {
            Channel::Member(member) | Channel::Personal(member) => Topic::Member(member),
            Channel::Site => Topic::Site,
        }
    }

    /// The member whose channel it is.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Channel::Member(member) | Channel::Personal(member) => Some(member),
            Channel::Site => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Channel::Member(member) => write!(f, "{MEMBER_PREFIX}{member}"),
            Channel::Personal(member) => write!(f, "{PERSONAL_PREFIX}{member}"),
            Channel::Site => f.write_str(SITE_NAME),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_name_is_a_channel() {
        let ann = MemberId::from_u128(0xa);
        let id = "00000000-0000-0000-0000-00000000000a";
        assert_eq!(Channel::parse("site"), Some(Channel::Site));
        assert_eq!(Channel::parse(&format!("member:{id}")), Some(Channel::Member(ann)));
        assert_eq!(Channel::parse(&format!("#{id}")), Some(Channel::Personal(ann)));
        for wrong in ["", "Site", "member:", "#", "member:x", "0000000a"] {
            assert_eq!(Channel::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Channel::parse(&format!("member:{}", id.to_uppercase())), None);
        assert_eq!(Channel::parse("member:0000000000000000000000000000000a"), None);
    }
}
