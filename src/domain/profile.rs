//! What a member says about themselves, and the three axes of their state.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub nickname: Option<String>,
    pub title: Option<String>,
    pub photo: Option<Image>,
    pub cover: Option<Image>,
    pub contact: Contact,
}

impl Profile {
    /// Roughly what the profile takes in memory.
    pub fn bytes_estimate(&self) -> usize {
        let Contact { phones, emails, addresses, custom_fields, .. } = &self.contact;
        let texts = phones.iter().chain(emails).map(|text| size_of::<String>() + text.len());
        let fields = custom_fields
            .iter()
            .map(|field| size_of::<CustomField>() + field.key.len() + field.value_json.len());
        let images = self.photo.iter().chain(&self.cover);
        let images = images.map(|image| image.id.len() + image.url.len());
        let named = [&self.nickname, &self.title, &self.contact.company, &self.contact.job_title];
        let named = named.into_iter().flatten().map(String::len);
        let bytes: usize = texts.chain(fields).chain(images).chain(named).sum();
        size_of::<Profile>() + bytes + addresses.len() * 2 * size_of::<Address>()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub addresses: Vec<Address>,
    pub birthdate: Option<String>,
    pub company: Option<String>,
    pub job_title: Option<String>,
    pub custom_fields: Vec<CustomField>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub id: [u8; 16],
    pub street_number: Option<String>,
    pub street_name: Option<String>,
    pub address_line: Option<String>,
    pub address_line_2: Option<String>,
    pub city: Option<String>,
    pub subdivision: Option<String>,
    pub country: Option<String>,
    pub postal_code: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    pub key: String,
    pub name: Option<String>,
    /// The value as JSON text, kept as it came.
    pub value_json: String,
}

/// A picture by address. Offsets and sizes are pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: String,
    pub url: String,
    pub height: i32,
    pub width: i32,
    pub offset_x: Option<i32>,
    pub offset_y: Option<i32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    #[default]
    Approved,
    Blocked,
    Offline,
    /// A member that was: nothing is left of it but its place.
    Deleted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivacyStatus {
    #[default]
    Private,
    Public,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityStatus {
    #[default]
    Active,
    Muted,
}
