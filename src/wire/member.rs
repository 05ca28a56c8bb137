//! A member as the wire shows it, in three fieldsets, and the parts of it that requests carry too.
//! Which fieldset a reader gets is decided by the caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::time::WireTime;
use crate::domain::MemberId;
use crate::domain::event::MemberFacts;
use crate::domain::profile::{
    ActivityStatus, Address, Contact, CustomField, Image, PrivacyStatus, Profile, Status,
};

/// How much of a member is shown. A larger one holds all of the smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fieldset {
    /// Id, times, profile; the three statuses read `UNKNOWN`.
    #[default]
    Public,
    /// Also the login e-mail and the statuses.
    Extended,
    /// Also the contact.
    Full,
}

impl Fieldset {
    pub fn parse(text: &str) -> Option<Fieldset> {
        match text {
            "PUBLIC" => Some(Fieldset::Public),
            "EXTENDED" => Some(Fieldset::Extended),
            "FULL" => Some(Fieldset::Full),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberBody {
    pub id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_email: Option<String>,
    pub status: &'static str,
    /// Guildhall keeps no contacts apart from members: both have one id.
    pub contact_id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactBody>,
    pub profile: ProfileBody,
    pub privacy_status: &'static str,
    pub activity_status: &'static str,
    pub created_date: WireTime,
    pub updated_date: WireTime,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo: Option<ImageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<ImageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageBody {
    pub id: String,
    pub url: String,
    pub height: i32,
    pub width: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_x: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_y: Option<i32>,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub addresses: Vec<AddressBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    pub custom_fields: BTreeMap<String, CustomFieldBody>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<StreetBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdivision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreetBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A custom field under its key; the value is any JSON, kept as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CustomFieldBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
}

/// The member as `fieldset` shows it.
pub fn member_json(facts: &MemberFacts, fieldset: Fieldset) -> MemberBody {
    let shows_account = fieldset >= Fieldset::Extended;
    let shows_contact = fieldset >= Fieldset::Full;
    let unknown_unless_shown = |text: &'static str| if shows_account { text } else { "UNKNOWN" };
    MemberBody {
        id: facts.id,
        login_email: facts.login_email.clone().filter(|_| shows_account),
        status: unknown_unless_shown(status_text(facts.status)),
        contact_id: facts.id,
        contact: shows_contact.then(|| ContactBody::from(&facts.profile.contact)),
        profile: ProfileBody::new(&facts.profile, facts.slug.clone()),
        privacy_status: unknown_unless_shown(privacy_text(facts.privacy)),
        activity_status: unknown_unless_shown(activity_text(facts.activity)),
        created_date: WireTime(facts.created_at),
        updated_date: WireTime(facts.updated_at),
    }
}

impl ProfileBody {
    pub fn new(profile: &Profile, slug: Option<String>) -> ProfileBody {
        ProfileBody {
            nickname: profile.nickname.clone(),
            slug,
            photo: profile.photo.as_ref().map(ImageBody::from),
            cover: profile.cover.as_ref().map(ImageBody::from),
            title: profile.title.clone(),
        }
    }
}

impl From<&Image> for ImageBody {
    fn from(image: &Image) -> Self {
        ImageBody {
            id: image.id.clone(),
            url: image.url.clone(),
            height: image.height,
            width: image.width,
            offset_x: image.offset_x,
            offset_y: image.offset_y,
        }
    }
}

impl From<ImageBody> for Image {
    fn from(image: ImageBody) -> Self {
        Image {
            id: image.id,
            url: image.url,
            height: image.height,
            width: image.width,
            offset_x: image.offset_x,
            offset_y: image.offset_y,
        }
    }
}

impl From<&Contact> for ContactBody {
    fn from(contact: &Contact) -> Self {
        let custom_fields = contact.custom_fields.iter();
        ContactBody {
            first_name: contact.first_name.clone(),
            last_name: contact.last_name.clone(),
            phones: contact.phones.clone(),
            emails: contact.emails.clone(),
            addresses: contact.addresses.iter().map(AddressBody::from).collect(),
            birthdate: contact.birthdate.clone(),
            company: contact.company.clone(),
            job_title: contact.job_title.clone(),
            custom_fields: custom_fields
                .map(|field| (field.key.clone(), CustomFieldBody::from(field)))
                .collect(),
        }
    }
}

impl From<&Address> for AddressBody {
    fn from(address: &Address) -> Self {
        let street =
            StreetBody { number: address.street_number.clone(), name: address.street_name.clone() };
        AddressBody {
            id: Some(Uuid::from_bytes(address.id)),
            street_address: Some(street).filter(|street| *street != StreetBody::default()),
            address_line: address.address_line.clone(),
            address_line2: address.address_line_2.clone(),
            city: address.city.clone(),
            subdivision: address.subdivision.clone(),
            country: address.country.clone(),
            postal_code: address.postal_code.clone(),
        }
    }
}

impl AddressBody {
    /// The address that a request carries. An address without an id gets the one given here.
    pub fn into_address(self, new_id: Uuid) -> Address {
        let street = self.street_address.unwrap_or_default();
        Address {
            id: self.id.unwrap_or(new_id).into_bytes(),
            street_number: street.number,
            street_name: street.name,
            address_line: self.address_line,
            address_line_2: self.address_line2,
            city: self.city,
            subdivision: self.subdivision,
            country: self.country,
            postal_code: self.postal_code,
        }
    }
}

impl From<&CustomField> for CustomFieldBody {
    fn from(field: &CustomField) -> Self {
        let value = RawValue::from_string(field.value_json.clone()).ok();
        CustomFieldBody { name: field.name.clone(), value }
    }
}

impl CustomFieldBody {
    pub fn into_custom_field(self, key: String) -> CustomField {
        let value = self.value.map(|value| value.get().to_owned());
        CustomField { key, name: self.name, value_json: value.unwrap_or_else(|| "null".into()) }
    }
}

pub fn status_text(status: Status) -> &'static str {
    match status {
        Status::Pending => "PENDING",
        Status::Approved => "APPROVED",
        Status::Blocked => "BLOCKED",
        Status::Offline => "OFFLINE",
        // Never shown: a deleted member is not found.
        Status::Deleted => "UNKNOWN",
    }
}

pub fn parse_status(text: &str) -> Option<Status> {
    match text {
        "PENDING" => Some(Status::Pending),
        "APPROVED" => Some(Status::Approved),
        "BLOCKED" => Some(Status::Blocked),
        "OFFLINE" => Some(Status::Offline),
        _ => None,
    }
}

pub fn privacy_text(privacy: PrivacyStatus) -> &'static str {
    match privacy {
        PrivacyStatus::Private => "PRIVATE",
        PrivacyStatus::Public => "PUBLIC",
    }
}

pub fn parse_privacy(text: &str) -> Option<PrivacyStatus> {
    match text {
        "PRIVATE" => Some(PrivacyStatus::Private),
        "PUBLIC" => Some(PrivacyStatus::Public),
        _ => None,
    }
}

pub fn activity_text(activity: ActivityStatus) -> &'static str {
    match activity {
        ActivityStatus::Active => "ACTIVE",
        ActivityStatus::Muted => "MUTED",
    }
}

pub fn parse_activity(text: &str) -> Option<ActivityStatus> {
    match text {
        "ACTIVE" => Some(ActivityStatus::Active),
        "MUTED" => Some(ActivityStatus::Muted),
        _ => None,
    }
}
