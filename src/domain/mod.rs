//! The words: ids, commands, events, refusals, limits, time. Values only: no rule, I/O or clock.

pub mod about;
pub mod badge;
pub mod batch;
pub mod command;
pub mod custom_field;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod limits;
pub mod moderation;
pub mod profile;
pub mod refusal;
pub mod report;
pub mod settings;
pub mod ties;
pub mod time;

pub use batch::{Change, Commit, Touch, WrittenRecord};
pub use command::{Command, ItemKey};
pub use event::{Event, Record};
pub use id::{
    AboutId, AppId, AssignmentId, BadgeId, ClientId, EndpointId, FieldId, ItemOrdinal, KeyId,
    MemberId, MemberOrdinal, OpId, ReportId, RoleId, SiteId,
};
pub use refusal::{Refusal, Violation};
pub use time::Timestamp;
