//! Times on the wire: ISO-8601, UTC, milliseconds (`2026-11-23T09:30:00.000Z`).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::Timestamp;

/// A timestamp that reads and writes itself as the wire spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireTime(pub Timestamp);

/// The first and the last millisecond that four digits of year can name.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

/// Reads any RFC 3339 time; what is finer than a millisecond is dropped.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let unix_ms = time.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(unix_ms).ok().map(Timestamp::from_unix_ms)
}

/// Writes a time; one beyond the years 0 to 9999 is written as the nearest within.
pub fn time_text(time: Timestamp) -> String {
    WireTime(time).to_string()
}

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unix_ms = self.0.unix_ms.clamp(FIRST_MS, LAST_MS);
        let seconds = unix_ms.div_euclid(1_000);
        let ms = unix_ms.rem_euclid(1_000);
        let at = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| fmt::Error)?;
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = parse_time(&text).ok_or_else(|| serde::de::Error::custom("not a time"))?;
        Ok(WireTime(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_were_written() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_426_200_123, "2026-11-23T09:30:00.123Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
            (FIRST_MS, "0000-01-01T00:00:00.000Z"),
        ] {
            let time = Timestamp::from_unix_ms(unix_ms);
            assert_eq!(time_text(time), text);
            assert_eq!(parse_time(text), Some(time), "{text}");
        }
        assert_eq!(time_text(Timestamp::from_unix_ms(i64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn other_zones_and_finer_fractions_are_read() {
        let at = parse_time("2026-11-23T10:30:00.123999+01:00");
        assert_eq!(at, Some(Timestamp::from_unix_ms(1_795_426_200_123)));
        assert_eq!(parse_time("2026-11-23"), None);
        assert_eq!(parse_time(""), None);
    }
}
