//! Members as requests carry them: creation, import and profile edits, every fault at once.

use serde_json::Value;
use uuid::Uuid;

use super::fields::{Faults, Node};
use super::names::{ACTIVITY_NAMES, PRIVACY_NAMES, STATUS_NAMES};
use crate::domain::command::{NewMember, ProfilePatch};
use crate::domain::event::MemberOrigin;
use crate::domain::limits::{
    ADDRESS_TEXT_BYTES_MAX, CONTACT_ENTRIES_MAX, CUSTOM_FIELD_KEY_BYTES_MAX,
    CUSTOM_FIELD_VALUE_BYTES_MAX, CUSTOM_FIELDS_MAX, EMAIL_BYTES_MAX, IMAGE_ID_BYTES_MAX,
    IMAGE_URL_BYTES_MAX, NICKNAME_BYTES_MAX, PROFILE_TEXT_BYTES_MAX, PROFILE_TITLE_BYTES_MAX,
};
use crate::domain::profile::{Address, Contact, CustomField, Image, Profile};
use crate::domain::{MemberId, Timestamp};
use crate::wire::time::parse_time;

/// Where new members come from. An import may tell what creation decides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Creation,
    Import,
}

/// Reads members; ids that the shell has to choose come from `new_uuid`.
pub struct MemberReader<'r> {
    pub faults: &'r mut Faults,
    pub new_uuid: &'r dyn Fn() -> Uuid,
}

impl MemberReader<'_> {
    pub fn new_member(&mut self, member: &Node<'_>, source: Source) -> NewMember {
        let id = MemberId::from((self.new_uuid)());
        let login_email = self.email(&member.child("loginEmail"));
        let profile = self.profile(member);
        let privacy = self.faults.choice(&member.child("privacyStatus"), PRIVACY_NAMES);
        let mut new = NewMember {
            id,
            login_email,
            profile,
            privacy,
            status: None,
            activity: None,
            origin: match source {
                Source::Creation => MemberOrigin::Creation,
                Source::Import => MemberOrigin::Import,
            },
            created_at: None,
        };
        if source == Source::Import {
            new.status = self.faults.choice(&member.child("status"), STATUS_NAMES);
            new.activity = self.faults.choice(&member.child("activityStatus"), ACTIVITY_NAMES);
            new.created_at = self.time(&member.child("createdDate"));
        }
        new
    }

    fn profile(&mut self, member: &Node<'_>) -> Profile {
        let profile = member.child("profile");
        let contact = member.child("contact");
        Profile {
            nickname: self.filled(&profile.child("nickname"), NICKNAME_BYTES_MAX),
            title: self.filled(&profile.child("title"), PROFILE_TITLE_BYTES_MAX),
            photo: self.image(&profile.child("photo")).flatten(),
            cover: self.image(&profile.child("cover")).flatten(),
            contact: self.contact(&contact),
        }
    }

    fn contact(&mut self, contact: &Node<'_>) -> Contact {
        Contact {
            first_name: self.filled(&contact.child("firstName"), PROFILE_TEXT_BYTES_MAX),
            last_name: self.filled(&contact.child("lastName"), PROFILE_TEXT_BYTES_MAX),
            phones: self.phones(&contact.child("phones")),
            emails: self.emails(&contact.child("emails")),
            addresses: self.addresses(&contact.child("addresses")),
            birthdate: self.filled(&contact.child("birthdate"), PROFILE_TEXT_BYTES_MAX),
            company: self.filled(&contact.child("company"), PROFILE_TEXT_BYTES_MAX),
            job_title: self.filled(&contact.child("jobTitle"), PROFILE_TEXT_BYTES_MAX),
            custom_fields: self.custom_fields(&contact.child("customFields")),
        }
    }

    /// An edit: what is not sent stays, an empty text clears, an empty list is ignored.
    pub fn patch(&mut self, member: &Node<'_>) -> ProfilePatch {
        let profile = member.child("profile");
        let contact = member.child("contact");
        ProfilePatch {
            nickname: self.edit(&profile.child("nickname"), NICKNAME_BYTES_MAX),
            title: self.edit(&profile.child("title"), PROFILE_TITLE_BYTES_MAX),
            photo: self.image(&profile.child("photo")),
            cover: self.image(&profile.child("cover")),
            first_name: self.edit(&contact.child("firstName"), PROFILE_TEXT_BYTES_MAX),
            last_name: self.edit(&contact.child("lastName"), PROFILE_TEXT_BYTES_MAX),
            phones: filled_list(self.phones(&contact.child("phones"))),
            emails: filled_list(self.emails(&contact.child("emails"))),
            addresses: filled_list(self.addresses(&contact.child("addresses"))),
            birthdate: self.edit(&contact.child("birthdate"), PROFILE_TEXT_BYTES_MAX),
            company: self.edit(&contact.child("company"), PROFILE_TEXT_BYTES_MAX),
            job_title: self.edit(&contact.child("jobTitle"), PROFILE_TEXT_BYTES_MAX),
            custom_fields: filled_list(self.custom_fields(&contact.child("customFields"))),
            // By routes of its own.
            slug: None,
            login_email: None,
            privacy: self.faults.choice(&member.child("privacyStatus"), PRIVACY_NAMES),
        }
    }

    /// `Some(None)` clears.
    fn edit(&mut self, node: &Node<'_>, bytes_max: usize) -> Option<Option<String>> {
        let text = self.faults.text(node, bytes_max)?;
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    pub(super) fn filled(&mut self, node: &Node<'_>, bytes_max: usize) -> Option<String> {
        self.edit(node, bytes_max).flatten()
    }

    pub(super) fn email(&mut self, node: &Node<'_>) -> Option<String> {
        let email = self.faults.text(node, EMAIL_BYTES_MAX)?;
        if email.is_empty() {
            return None;
        }
        if !is_email(email) {
            self.faults.add(node, "FORMAT", "an e-mail address has the form name@domain");
            return None;
        }
        Some(email.to_owned())
    }

    fn emails(&mut self, node: &Node<'_>) -> Vec<String> {
        let mut emails = Vec::new();
        for (position, value) in self.faults.list(node, CONTACT_ENTRIES_MAX).iter().enumerate() {
            let position = position.to_string();
            emails.extend(self.email(&node.element(&position, value)));
        }
        emails
    }

    fn phones(&mut self, node: &Node<'_>) -> Vec<String> {
        self.faults.texts(node, CONTACT_ENTRIES_MAX, PROFILE_TEXT_BYTES_MAX)
    }

    fn time(&mut self, node: &Node<'_>) -> Option<Timestamp> {
        let time = parse_time(self.faults.text(node, 64)?);
        if time.is_none() {
            self.faults.add(node, "FORMAT", "a time has the form 2026-11-23T09:30:00.000Z");
        }
        time
    }

    /// `Some(None)` clears: an empty text or an object without an address.
    fn image(&mut self, node: &Node<'_>) -> Option<Option<Image>> {
        match node.value()? {
            Value::String(text) if text.is_empty() => Some(None),
            Value::Object(_) => Some(self.image_fields(node)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                self.faults.add(node, "TYPE", "a picture must be an object");
                None
            }
        }
    }

    fn image_fields(&mut self, node: &Node<'_>) -> Option<Image> {
        let id = self.faults.text(&node.child("id"), IMAGE_ID_BYTES_MAX).unwrap_or_default();
        let url = self.faults.text(&node.child("url"), IMAGE_URL_BYTES_MAX).unwrap_or_default();
        let image = Image {
            id: id.to_owned(),
            url: url.to_owned(),
            height: self.pixels(&node.child("height")).unwrap_or(0),
            width: self.pixels(&node.child("width")).unwrap_or(0),
            offset_x: self.pixels(&node.child("offsetX")),
            offset_y: self.pixels(&node.child("offsetY")),
        };
        (!image.id.is_empty() || !image.url.is_empty()).then_some(image)
    }

    fn pixels(&mut self, node: &Node<'_>) -> Option<i32> {
        let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
        self.faults.bounded(node, range).map(|pixels| pixels as i32)
    }

    fn addresses(&mut self, node: &Node<'_>) -> Vec<Address> {
        let mut addresses = Vec::new();
        for (position, value) in self.faults.list(node, CONTACT_ENTRIES_MAX).iter().enumerate() {
            let position = position.to_string();
            let address = self.address(&node.element(&position, value));
            addresses.push(address);
        }
        addresses
    }

    fn address(&mut self, node: &Node<'_>) -> Address {
        let street = node.child("streetAddress");
        let id: Option<MemberId> = self.faults.id(&node.child("id"));
        let id = id.map_or_else(|| (self.new_uuid)().into_bytes(), |id| *id.as_bytes());
        let mut text = |node: &Node<'_>| self.filled(node, ADDRESS_TEXT_BYTES_MAX);
        Address {
            id,
            street_number: text(&street.child("number")),
            street_name: text(&street.child("name")),
            address_line: text(&node.child("addressLine")),
            address_line_2: text(&node.child("addressLine2")),
            city: text(&node.child("city")),
            subdivision: text(&node.child("subdivision")),
            country: text(&node.child("country")),
            postal_code: text(&node.child("postalCode")),
        }
    }

    fn custom_fields(&mut self, node: &Node<'_>) -> Vec<CustomField> {
        let Some(value) = node.value() else { return Vec::new() };
        let Value::Object(fields) = value else {
            self.faults.add(node, "TYPE", "customFields must be an object");
            return Vec::new();
        };
        if fields.len() > CUSTOM_FIELDS_MAX {
            let detail = format!("customFields has more than {CUSTOM_FIELDS_MAX} entries");
            let limit = Some(CUSTOM_FIELDS_MAX as i64);
            self.faults.add_at(node.path(), "MAX_SIZE", detail, limit);
            return Vec::new();
        }
        let mut custom_fields = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            custom_fields.extend(self.custom_field(key, &node.element(key, value)));
        }
        custom_fields
    }

    fn custom_field(&mut self, key: &str, node: &Node<'_>) -> Option<CustomField> {
        let name = self.filled(&node.child("name"), CUSTOM_FIELD_KEY_BYTES_MAX);
        let value_json = node.child("value").value().map_or("null".to_owned(), Value::to_string);
        if key.len() > CUSTOM_FIELD_KEY_BYTES_MAX {
            self.faults.add(node, "MAX_LENGTH", "the key of a custom field is too long");
            return None;
        }
        if value_json.len() > CUSTOM_FIELD_VALUE_BYTES_MAX {
            let limit = Some(CUSTOM_FIELD_VALUE_BYTES_MAX as i64);
            let detail = format!("longer than {CUSTOM_FIELD_VALUE_BYTES_MAX} bytes as JSON");
            self.faults.add_at(node.child("value").path(), "MAX_LENGTH", detail, limit);
            return None;
        }
        Some(CustomField { key: key.to_owned(), name, value_json })
    }
}

fn filled_list<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The form only; whether somebody reads it shows when a mail is sent.
pub(super) fn is_email(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    match text.rsplit_once('@') {
        Some((name, domain)) => {
            let has_labels = domain.split('.').all(|label| !label.is_empty());
            !name.is_empty() && has_labels && !text.contains(forbidden) && !name.contains('@')
        }
        None => false,
    }
}

#[cfg(test)]
#[path = "member_input_tests.rs"]
mod tests;
