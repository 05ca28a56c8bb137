//! Mails to members. Where no mail server is configured they wait in an outbox that the site's
//! owner reads: values beside the log, synced, the oldest making room.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::IdentityError;
use crate::domain::limits::OUTBOX_MAILS_MAX;
use crate::domain::{SiteId, Timestamp};
use crate::journal::{Journal, codec};

const MAILS: &[u8] = b"identity/mail/";

/// Stored for ever in this order: fields are only appended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub id: [u8; 16],
    pub to: String,
    pub subject: String,
    pub text: String,
    pub created: Timestamp,
}

/// What is in one opens an account: no log may show it.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(mail {})", Uuid::from_bytes(self.id))
    }
}

pub struct Mails {
    journal: Arc<dyn Journal>,
    /// Held while the outbox is counted and changed.
    changing: Mutex<()>,
}

impl Mails {
    pub fn new(journal: Arc<dyn Journal>) -> Mails {
        Mails { journal, changing: Mutex::default() }
    }

    pub async fn send(
        &self,
        site: SiteId,
        letter: Letter,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let Letter { to, subject, text } = letter;
        let mail = Mail { id: Uuid::new_v4().into_bytes(), to, subject, text, created: now };
        let _alone = self.changing.lock().await;
        let waiting = self.journal.scan(Some(site), MAILS.to_vec()).await?;
        let too_many = (waiting.len() + 1).saturating_sub(OUTBOX_MAILS_MAX);
        let oldest = waiting.into_iter().take(too_many).map(|(name, _)| (name, None));
        let mut entries: Vec<(Vec<u8>, Option<Vec<u8>>)> = oldest.collect();
        entries.push((name(&mail), Some(codec::encode(&mail))));
        Ok(self.journal.put(Some(site), entries).await?)
    }

    /// Newest first.
    pub async fn list(&self, site: SiteId) -> Result<Vec<Mail>, IdentityError> {
        let rows = self.journal.scan(Some(site), MAILS.to_vec()).await?;
        let read = |(_, bytes): &(Vec<u8>, Vec<u8>)| codec::decode::<Mail>(bytes);
        let mails: Result<Vec<Mail>, _> = rows.iter().rev().map(read).collect();
        mails.map_err(|error| IdentityError::Store(error.to_string()))
    }

    pub async fn clear(&self, site: SiteId) -> Result<usize, IdentityError> {
        let _alone = self.changing.lock().await;
        let rows = self.journal.scan(Some(site), MAILS.to_vec()).await?;
        let count = rows.len();
        if count > 0 {
            let gone = rows.into_iter().map(|(name, _)| (name, None)).collect();
            self.journal.put(Some(site), gone).await?;
        }
        Ok(count)
    }
}

/// What is to be sent.
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Letter {
    pub fn with_code(to: &str, code: &str) -> Letter {
        let subject = "Your verification code".to_owned();
        let text = format!("Your code is {code}. It is good for fifteen minutes.");
        Letter { to: to.to_owned(), subject, text }
    }

    /// `link` is where the token is to be shown; without one it stands alone.
    pub fn with_recovery(to: &str, link: Option<&str>, token: &str) -> Letter {
        let subject = "Set a new password".to_owned();
        let text = match link {
            Some(link) => format!("Set a new password within an hour: {link}"),
            None => format!("Set a new password within an hour with this token: {token}"),
        };
        Letter { to: to.to_owned(), subject, text }
    }
}

/// Names sort by time.
fn name(mail: &Mail) -> Vec<u8> {
    [MAILS, &mail.created.unix_ms.to_be_bytes(), &mail.id].concat()
}
