//! What the registry promises, over the memory journal.

use super::*;
use crate::domain::AppId;
use crate::domain::limits::{KEYS_REVOKED_PER_SITE_MAX, MEMBER_TOKEN_SECONDS};
use crate::journal::Memory;

const HOME: SiteId = SiteId::from_u128(1);
const ANN: MemberId = MemberId::from_u128(7);
const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
const CHOSEN: &str = "correct-horse-battery-staple";

async fn open(journal: &Arc<Memory>) -> Registry {
    Registry::open(journal.clone(), None).await.unwrap()
}

async fn with_home() -> (Arc<Memory>, Registry) {
    let journal = Arc::new(Memory::new(1));
    let registry = open(&journal).await;
    registry.create_site("default", Some(HOME)).await.unwrap();
    (journal, registry)
}

#[actix_rt::test]
async fn a_key_proves_its_site_and_role_and_only_its_hash_is_kept() {
    let (journal, registry) = with_home().await;
    let app = AppId::parse("blog").unwrap();
    let (owner, owner_record) = registry.create_key(HOME, KeyRole::Owner, "mine").await.unwrap();
    let role = KeyRole::App(app.clone());
    let (integrator, record) = registry.create_key(HOME, role, "blog").await.unwrap();
    assert_eq!(
        registry.authenticate(&owner, NOW),
        Some(Caller { site: HOME, role: Role::Owner { key: owner_record.id } })
    );
    assert_eq!(
        registry.authenticate(&integrator, NOW),
        Some(Caller { site: HOME, role: Role::App { key: record.id, app } })
    );
    let names: Vec<String> = registry.keys(HOME).into_iter().map(|key| key.name).collect();
    assert_eq!(names.len(), 2);
    for (_, value) in journal.scan_now(None, b"") {
        let kept = String::from_utf8_lossy(&value).into_owned();
        assert!(!kept.contains(&owner[26..40]), "the secret is at rest");
    }
}

#[actix_rt::test]
async fn what_is_no_key_proves_nothing() {
    let (_, registry) = with_home().await;
    let (key, _) = registry.create_key(HOME, KeyRole::Owner, "mine").await.unwrap();
    let stranger = crate::actors::keys::generated_key(KeyId::from_u128(9), [1; 20]);
    let long = "x".repeat(100_000);
    for credential in ["", "gh_", &key[1..], &key[..58], &stranger, &long, "a.b.c", "ü"] {
        assert_eq!(registry.authenticate(credential, NOW), None, "{credential}");
    }
}

#[actix_rt::test]
async fn a_revoked_key_proves_nothing_from_the_answer_on() {
    let (journal, registry) = with_home().await;
    let elsewhere = registry.clone();
    let (credential, key) = registry.create_key(HOME, KeyRole::Owner, "mine").await.unwrap();
    assert!(elsewhere.authenticate(&credential, NOW).is_some());
    let revoked = registry.revoke_key(key.id).await.unwrap();
    assert!(revoked.revoked.is_some());
    assert_eq!(elsewhere.authenticate(&credential, NOW), None);
    assert_eq!(registry.revoke_key(key.id).await.unwrap(), revoked, "twice is once");
    assert_eq!(open(&journal).await.authenticate(&credential, NOW), None);
}

#[actix_rt::test]
async fn keys_and_tokens_outlive_the_process() {
    let (journal, registry) = with_home().await;
    let (key, _) = registry.create_key(HOME, KeyRole::Owner, "mine").await.unwrap();
    let (token, _) = registry.issue_member_token(HOME, ANN, NOW).unwrap();
    let reopened = open(&journal).await;
    assert_eq!(reopened.authenticate(&key, NOW), registry.authenticate(&key, NOW));
    assert_eq!(reopened.authenticate(&token, NOW), registry.authenticate(&token, NOW));
    assert_eq!(reopened.sites(), registry.sites());
    assert_eq!(reopened.keys(HOME), registry.keys(HOME));
}

#[actix_rt::test]
async fn a_member_token_proves_its_member_until_its_end() {
    let (_, registry) = with_home().await;
    let (token, seconds) = registry.issue_member_token(HOME, ANN, NOW).unwrap();
    assert_eq!(seconds, MEMBER_TOKEN_SECONDS);
    let ann = Some(Caller { site: HOME, role: Role::Member { member: ANN } });
    assert_eq!(registry.authenticate(&token, NOW), ann);
    assert_eq!(registry.authenticate(&token, NOW.plus_ms(seconds * 1_000 - 1)), ann);
    let end = NOW.plus_ms(seconds * 1_000);
    assert_eq!(registry.authenticate(&token, end), None);
    assert_eq!(registry.prove(&token, end), Err(Unproven::Expired));
    assert_eq!(registry.prove(&token, NOW).unwrap().expires_at, Some(end));
    assert_eq!(registry.authenticate(&token, NOW), ann, "the remembered proof is no end");
    let unknown = SiteId::from_u128(2);
    assert!(matches!(
        registry.issue_member_token(unknown, ANN, NOW),
        Err(RegistryError::UnknownSite(_))
    ));
}

#[actix_rt::test]
async fn a_chosen_owner_key_is_admitted_once_and_for_one_site() {
    let (_, registry) = with_home().await;
    let other = registry.create_site("other", None).await.unwrap().id;
    let record = registry.admit_owner_key(HOME, CHOSEN).await.unwrap();
    assert_eq!(registry.admit_owner_key(HOME, CHOSEN).await.unwrap(), record);
    assert_eq!(registry.keys(HOME).len(), 1);
    assert_eq!(
        registry.authenticate(CHOSEN, NOW),
        Some(Caller { site: HOME, role: Role::Owner { key: record.id } })
    );
    let taken = registry.admit_owner_key(other, CHOSEN).await;
    assert!(matches!(taken, Err(RegistryError::KeyInUse)));
}

#[actix_rt::test]
async fn one_key_too_many_is_refused_and_revoked_ones_do_not_count() {
    let (_, registry) = with_home().await;
    let mut first = None;
    for number in 0..KEYS_PER_SITE_MAX {
        let name = number.to_string();
        let (_, key) = registry.create_key(HOME, KeyRole::Owner, &name).await.unwrap();
        first.get_or_insert(key.id);
    }
    let full = registry.create_key(HOME, KeyRole::Owner, "more").await;
    assert!(matches!(full, Err(RegistryError::KeysFull { .. })));
    registry.revoke_key(first.unwrap()).await.unwrap();
    registry.create_key(HOME, KeyRole::Owner, "more").await.unwrap();
}

#[actix_rt::test]
async fn only_the_last_revoked_keys_are_listed() {
    let (journal, registry) = with_home().await;
    for number in 0..KEYS_REVOKED_PER_SITE_MAX + 3 {
        let name = number.to_string();
        let (_, key) = registry.create_key(HOME, KeyRole::Owner, &name).await.unwrap();
        registry.revoke_key(key.id).await.unwrap();
    }
    assert_eq!(registry.keys(HOME).len(), KEYS_REVOKED_PER_SITE_MAX);
    assert_eq!(open(&journal).await.keys(HOME), registry.keys(HOME));
}

#[actix_rt::test]
async fn a_site_is_made_once_with_a_decent_name() {
    let (journal, registry) = with_home().await;
    let again = registry.create_site("again", Some(HOME)).await;
    assert!(matches!(again, Err(RegistryError::SiteExists(_))));
    for name in ["", "line\nbreak", &"n".repeat(NAME_BYTES_MAX + 1)] {
        let refused = registry.create_site(name, None).await;
        assert!(matches!(refused, Err(RegistryError::BadName)), "{name:?}");
    }
    let made = registry.create_site("second", None).await.unwrap();
    let ids: Vec<SiteId> = registry.sites().into_iter().map(|site| site.id).collect();
    assert!(ids.len() == 2 && ids.contains(&HOME) && ids.contains(&made.id), "{ids:?}");
    assert_eq!(journal.sites_now(), [HOME, made.id]);
}

#[actix_rt::test]
async fn a_site_that_does_not_start_is_told_by_name() {
    let (journal, _) = with_home().await;
    let broken: StartSite = Arc::new(|_| Box::pin(async { Err("its log has a hole".to_owned()) }));
    let error = Registry::open(journal, Some(broken)).await.err().unwrap();
    assert_eq!(error.to_string(), format!("site {HOME} did not start: its log has a hole"));
}
