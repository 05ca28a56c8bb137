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
    /// As it was sent. `None` where what is stored is no JSON, which the doors do not let in.
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
    /// To others only that there is something to read: what may be read is judged when they do.
    #[serde(rename_all = "camelCase")]
    Told { member_about: AboutMark },
    #[serde(rename_all = "camelCase")]
    Deleted { member_about_id: AboutId },
}

/// An about without its document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AboutMark {
    id: AboutId,
    revision: String,
    member_id: MemberId,
}

/// `close`: for the member itself and the keys.
pub fn about_data(step: &AboutStep, close: bool) -> AboutData {
    match step {
        AboutStep::Created(about) | AboutStep::Updated(about) if !close => {
            let (id, revision) = (about.id, about.revision.to_string());
            AboutData::Told { member_about: AboutMark { id, revision, member_id: about.member } }
        }
        AboutStep::Created(about) | AboutStep::Updated(about) => {
            AboutData::Written { member_about: AboutBody::from(&**about) }
        }
        AboutStep::Deleted { about, .. } => AboutData::Deleted { member_about_id: *about },
    }
}
