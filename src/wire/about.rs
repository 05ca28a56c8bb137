//! What a member tells about itself, as the wire has it.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::about::{About, AboutStep};
use crate::domain::{AboutId, MemberId};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AboutBody {
    id: AboutId,
    /// A number as text, as the wire has it.
    revision: String,
    member_id: MemberId,
    /// As the doors wrote it down. `None` where it is not for the reader, or is no JSON, which the
    /// doors do not let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Box<RawValue>>,
}

impl From<&About> for AboutBody {
    fn from(about: &About) -> AboutBody {
        AboutBody {
            id: about.id,
            revision: about.revision.to_string(),
            member_id: about.member,
            content: RawValue::from_string(about.content.to_string()).ok(),
        }
    }
}

/// What an event of an about says.
#[derive(Serialize)]
#[serde(untagged)]
pub enum AboutData {
    #[serde(rename_all = "camelCase")]
    Written { member_about: AboutBody },
    #[serde(rename_all = "camelCase")]
    Deleted { member_about_id: AboutId },
}

/// `close`: for the member itself and the keys. Others are told that there is something to read;
/// what they may read is judged when they do.
pub fn about_data(step: &AboutStep, close: bool) -> AboutData {
    match step {
        AboutStep::Created(about) | AboutStep::Updated(about) => {
            let body = AboutBody::from(&**about);
            let content = if close { body.content } else { None };
            AboutData::Written { member_about: AboutBody { content, ..body } }
        }
        AboutStep::Deleted { about, .. } => AboutData::Deleted { member_about_id: *about },
    }
}
