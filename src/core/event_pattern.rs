//! Patterns over dotted event type names: `*`, `follow.*`, `follow.created`.

use thiserror::Error;

use crate::domain::Event;
use crate::domain::limits;

/// The type of [`Event::CounterUpdated`].
const COUNTER_REPORT: &str = "counter.updated";

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    #[error("an event type pattern is 1 to {} bytes long", limits::EVENT_PATTERN_BYTES_MAX)]
    Length,
    #[error("an event type pattern is dotted words of a-z, 0-9 and _, of which the last may be *")]
    Form,
    #[error("at most {max} event type patterns", max = limits::ENDPOINT_EVENT_TYPES_MAX)]
    TooMany,
}

/// One pattern, valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventPattern {
    Everything,
    /// All types below a dotted prefix; the prefix ends in its dot.
    Below(String),
    Exactly(String),
}

impl EventPattern {
    pub fn parse(text: &str) -> Result<EventPattern, PatternError> {
        if !(1..=limits::EVENT_PATTERN_BYTES_MAX).contains(&text.len()) {
            return Err(PatternError::Length);
        }
        if text == "*" {
            return Ok(EventPattern::Everything);
        }
        let words = text.strip_suffix(".*").unwrap_or(text);
        if !words.split('.').all(is_word) {
            return Err(PatternError::Form);
        }
        if words.len() == text.len() {
            return Ok(EventPattern::Exactly(text.to_owned()));
        }
        Ok(EventPattern::Below(format!("{words}.")))
    }

    /// Whether a pattern takes a type; a bare `*` does not reach the plumbing's own events.
    fn takes(&self, type_name: &str, audience: Audience) -> bool {
        match self {
            EventPattern::Everything => audience == Audience::Anyone,
            EventPattern::Below(prefix) => type_name.starts_with(prefix.as_str()),
            EventPattern::Exactly(name) => name == type_name,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Anyone,
    WhoNamesIt,
}

fn is_word(word: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !word.is_empty() && word.bytes().all(good)
}

/// What one endpoint takes. No pattern at all means everything that is not operational.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    patterns: Vec<EventPattern>,
}

impl EventFilter {
    pub fn parse(patterns: &[String]) -> Result<EventFilter, PatternError> {
        if patterns.len() > limits::ENDPOINT_EVENT_TYPES_MAX {
            return Err(PatternError::TooMany);
        }
        let parsed: Result<Vec<_>, _> =
            patterns.iter().map(|text| EventPattern::parse(text)).collect();
        Ok(EventFilter { patterns: parsed? })
    }

    pub fn takes(&self, event: &Event) -> bool {
        let audience = if event.is_operational() { Audience::WhoNamesIt } else { Audience::Anyone };
        self.takes_type(event.type_name(), audience)
    }

    /// Whether it takes reports of counters, of which there may be none yet.
    pub fn takes_counter_reports(&self) -> bool {
        self.takes_type(COUNTER_REPORT, Audience::Anyone)
    }

    fn takes_type(&self, type_name: &str, audience: Audience) -> bool {
        if self.patterns.is_empty() {
            return audience == Audience::Anyone;
        }
        self.patterns.iter().any(|pattern| pattern.takes(type_name, audience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EndpointId, MemberId};

    fn check(patterns: &[&str], taken: &[&str]) {
        let member = MemberId::from_u128(1);
        let endpoint = EndpointId::from_u128(2);
        let events = [
            Event::FollowCreated { follower: member, followed: member },
            Event::FollowDeleted { follower: member, followed: member },
            Event::BadgeDeleted { badge: crate::domain::BadgeId::from_u128(3) },
            Event::EndpointDeleted { endpoint },
        ];
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let filter = EventFilter::parse(&patterns).expect("valid patterns");
        let names: Vec<&str> =
            events.iter().filter(|event| filter.takes(event)).map(Event::type_name).collect();
        assert_eq!(names, taken, "patterns {patterns:?}");
    }

    #[test]
    fn patterns_take_what_they_name() {
        let ordinary = ["follow.created", "follow.deleted", "badge.deleted"];
        check(&[], &ordinary);
        check(&["*"], &ordinary);
        check(&["follow.*"], &["follow.created", "follow.deleted"]);
        check(&["follow.created", "badge.deleted"], &["follow.created", "badge.deleted"]);
        check(&["follow"], &[]);
        check(&["foll.*"], &[]);
        check(&["endpoint.*"], &["endpoint.deleted"]);
        check(&["*", "endpoint.deleted"], &[ordinary.as_slice(), &["endpoint.deleted"]].concat());
    }

    #[test]
    fn counter_reports_are_taken_as_their_events_are() {
        let report = Event::CounterUpdated {
            member: MemberId::from_u128(1),
            app: crate::domain::AppId::site_code(),
            key: "views".to_owned(),
            public: true,
            old: 0,
            new: 1,
        };
        assert_eq!(report.type_name(), COUNTER_REPORT);
        for (patterns, takes) in [
            (&[][..], true),
            (&["*"], true),
            (&["counter.*"], true),
            (&["follow.*", "counter.updated"], true),
            (&["follow.*"], false),
        ] {
            let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            let filter = EventFilter::parse(&patterns).expect("valid patterns");
            assert_eq!(filter.takes_counter_reports(), takes, "{patterns:?}");
            assert_eq!(filter.takes(&report), takes, "{patterns:?}");
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        let long = "a".repeat(limits::EVENT_PATTERN_BYTES_MAX + 1);
        assert_eq!(EventPattern::parse(&long), Err(PatternError::Length));
        assert_eq!(EventPattern::parse(""), Err(PatternError::Length));
        let bad = [
            "follow.",
            ".created",
            "follow..created",
            "Follow.created",
            "*.created",
            "**",
            "follow.*.x",
            "follow*",
            "follow created",
            "é.created",
            ".*",
            ".",
        ];
        for text in bad {
            assert_eq!(EventPattern::parse(text), Err(PatternError::Form), "{text:?}");
        }
        let many = vec!["*".to_owned(); limits::ENDPOINT_EVENT_TYPES_MAX + 1];
        assert_eq!(EventFilter::parse(&many), Err(PatternError::TooMany));
    }
}
