//! How long a receiver asks to be left alone: `Retry-After`, as seconds or as a date.

use hyper::header::HeaderValue;
use time::PrimitiveDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::domain::{Timestamp, limits};

const HTTP_DATE: &[FormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// Never more than the longest wait that is granted; what cannot be read asks for nothing.
pub(super) fn parse(value: &HeaderValue, now: Timestamp) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let asked_ms = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        until(text, now)?
    };
    Some(asked_ms.min(limits::DELIVERY_RETRY_AFTER_MS_MAX))
}

/// A date that has passed asks for no wait beyond our own.
fn until(text: &str, now: Timestamp) -> Option<u64> {
    let date = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?;
    let date_ms = date.assume_utc().unix_timestamp().saturating_mul(1_000);
    Some(date_ms.saturating_sub(now.unix_ms).max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = Timestamp::from_unix_ms(784_111_777_000);
        let value = HeaderValue::from_str(text).expect("a header value");
        assert_eq!(parse(&value, now), expected, "{text:?}");
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped_at_a_day() {
        let day_ms = 86_400_000;
        check("0", Some(0));
        check("120", Some(120_000));
        check("86401", Some(day_ms));
        check("315360000", Some(day_ms));
        check("99999999999999999999999999", Some(day_ms));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:51:37 GMT", Some(120_000));
        check("Sat, 05 Nov 1994 08:49:37 GMT", Some(0));
        check("Sat, 06 Nov 2004 08:49:37 GMT", Some(day_ms));
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for text in ["", " ", "-1", "1.5", "soon", "0x10", "12 s", "1994-11-06T08:49:37Z"] {
            check(text, None);
        }
    }
}
