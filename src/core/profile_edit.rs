//! What a profile edit changes, field by field, with old and new value.

use std::sync::Arc;

use crate::domain::command::ProfilePatch;
use crate::domain::event::{FieldChange, MemberFacts};
use crate::domain::profile::{Image, PrivacyStatus, Profile};

/// The edited facts and the changes; no changes where the patch says what is already so.
pub fn edit(facts: &MemberFacts, patch: &ProfilePatch) -> (MemberFacts, Vec<FieldChange>) {
    let mut profile = Profile::clone(&facts.profile);
    let mut editor = Editor::default();
    let contact = &mut profile.contact;
    editor.text("profile.nickname", &mut profile.nickname, &patch.nickname);
    editor.text("profile.title", &mut profile.title, &patch.title);
    editor.text("contact.firstName", &mut contact.first_name, &patch.first_name);
    editor.text("contact.lastName", &mut contact.last_name, &patch.last_name);
    editor.text("contact.birthdate", &mut contact.birthdate, &patch.birthdate);
    editor.text("contact.company", &mut contact.company, &patch.company);
    editor.text("contact.jobTitle", &mut contact.job_title, &patch.job_title);
    editor.image("profile.photo", &mut profile.photo, &patch.photo);
    editor.image("profile.cover", &mut profile.cover, &patch.cover);
    editor.list("contact.phones", &mut contact.phones, &patch.phones, texts);
    editor.list("contact.emails", &mut contact.emails, &patch.emails, texts);
    editor.list("contact.addresses", &mut contact.addresses, &patch.addresses, |all| {
        format!("{}", all.len())
    });
    editor.list("contact.customFields", &mut contact.custom_fields, &patch.custom_fields, |all| {
        let fields = all.iter().map(|field| format!("{}:{}", quoted(&field.key), field.value_json));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    });
    let mut slug = facts.slug.clone();
    editor.text("profile.slug", &mut slug, &patch.slug.clone().map(Some));
    let mut login_email = facts.login_email.clone();
    editor.text("loginEmail", &mut login_email, &patch.login_email.clone().map(Some));
    let privacy = patch.privacy.unwrap_or(facts.privacy);
    if privacy != facts.privacy {
        editor.note("privacyStatus", privacy_text(facts.privacy), privacy_text(privacy));
    }
    let profile = Arc::new(profile);
    let edited = MemberFacts { profile, slug, login_email, privacy, ..facts.clone() };
    (edited, editor.changes)
}

#[derive(Default)]
struct Editor {
    changes: Vec<FieldChange>,
}

impl Editor {
    fn note(&mut self, field: &str, old_json: String, new_json: String) {
        self.changes.push(FieldChange { field: field.to_owned(), old_json, new_json });
    }

    fn text(&mut self, field: &str, value: &mut Option<String>, patch: &Option<Option<String>>) {
        let Some(new) = patch else { return };
        if new != value {
            let shown = |text: &Option<String>| text.as_deref().map_or("null".to_owned(), quoted);
            self.note(field, shown(value), shown(new));
            value.clone_from(new);
        }
    }

    fn image(&mut self, field: &str, value: &mut Option<Image>, patch: &Option<Option<Image>>) {
        let Some(new) = patch else { return };
        if new != value {
            let url = |image: &Image| quoted(&image.url);
            let shown = |image: &Option<Image>| image.as_ref().map_or("null".to_owned(), url);
            self.note(field, shown(value), shown(new));
            value.clone_from(new);
        }
    }

    fn list<T: Clone + PartialEq>(
        &mut self,
        field: &str,
        value: &mut Vec<T>,
        patch: &Option<Vec<T>>,
        shown: impl Fn(&[T]) -> String,
    ) {
        let Some(new) = patch else { return };
        if new != value {
            self.note(field, shown(value), shown(new));
            value.clone_from(new);
        }
    }
}

fn privacy_text(privacy: PrivacyStatus) -> String {
    match privacy {
        PrivacyStatus::Private => quoted("PRIVATE"),
        PrivacyStatus::Public => quoted("PUBLIC"),
    }
}

fn texts(all: &[String]) -> String {
    let quoted: Vec<String> = all.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(","))
}

/// A JSON string. The core prints no other JSON than these old and new values.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if (control as u32) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", control as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MemberId, Timestamp};

    fn facts() -> MemberFacts {
        MemberFacts {
            id: MemberId::from_u128(1),
            login_email: None,
            slug: None,
            status: Default::default(),
            privacy: PrivacyStatus::Private,
            activity: Default::default(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            revision: 1,
            profile: Arc::default(),
        }
    }

    #[test]
    fn an_edit_lists_old_and_new_of_what_changed_and_nothing_else() {
        let nickname = Some(Some("a \"b\"".to_owned()));
        let patch = ProfilePatch {
            nickname,
            title: Some(None),
            privacy: Some(PrivacyStatus::Public),
            ..ProfilePatch::default()
        };
        let (edited, changes) = edit(&facts(), &patch);
        let shown: Vec<String> = changes
            .iter()
            .map(|change| format!("{} {} {}", change.field, change.old_json, change.new_json))
            .collect();
        let expected =
            ["profile.nickname null \"a \\\"b\\\"\"", "privacyStatus \"PRIVATE\" \"PUBLIC\""];
        assert_eq!(shown, expected);
        assert!(edit(&edited, &patch).1.is_empty());
    }
}
