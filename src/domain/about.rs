//! What a member tells about itself at length: one rich document a member. Stored for ever in this
//! order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::id::{AboutId, MemberId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub id: AboutId,
    pub member: MemberId,
    /// 1 at first, one more with each update.
    pub revision: u64,
    /// JSON text of the document; its keys are in alphabetical order.
    pub content: Arc<str>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AboutStep {
    Created(Arc<About>),
    Updated(Arc<About>),
    Deleted { about: AboutId, member: MemberId },
}

impl AboutStep {
    /// The dotted public name.
    pub fn type_name(&self) -> &'static str {
        match self {
            AboutStep::Created(_) => "about.created",
            AboutStep::Updated(_) => "about.updated",
            AboutStep::Deleted { .. } => "about.deleted",
        }
    }

    pub fn member(&self) -> MemberId {
        match self {
            AboutStep::Created(about) | AboutStep::Updated(about) => about.member,
            AboutStep::Deleted { member, .. } => *member,
        }
    }

    pub fn content_bytes(&self) -> usize {
        match self {
            AboutStep::Created(about) | AboutStep::Updated(about) => about.content.len(),
            AboutStep::Deleted { .. } => 0,
        }
    }
}
