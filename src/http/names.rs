//! The wire's upper-case words for the three axes of a member's state.

use crate::domain::profile::{ActivityStatus, PrivacyStatus, Status};

pub const STATUS_NAMES: &[(&str, Status)] = &[
    ("PENDING", Status::Pending),
    ("APPROVED", Status::Approved),
    ("BLOCKED", Status::Blocked),
    ("OFFLINE", Status::Offline),
];

pub const PRIVACY_NAMES: &[(&str, PrivacyStatus)] =
    &[("PRIVATE", PrivacyStatus::Private), ("PUBLIC", PrivacyStatus::Public)];

pub const ACTIVITY_NAMES: &[(&str, ActivityStatus)] =
    &[("ACTIVE", ActivityStatus::Active), ("MUTED", ActivityStatus::Muted)];
