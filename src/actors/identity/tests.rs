//! What identity promises, over the memory journal.

use super::*;
use crate::domain::ClientId;
use crate::domain::limits::{
    LOGIN_FAILURES_MAX, MAILS_PER_ADDRESS_MAX, OUTBOX_MAILS_MAX, SESSIONS_PER_MEMBER_MAX,
};
use crate::journal::Memory;

const SITE: SiteId = SiteId::from_u128(1);
const ANN: MemberId = MemberId::from_u128(7);
const APP: ClientId = ClientId::from_u128(8);
const OTHER: ClientId = ClientId::from_u128(9);
const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
const PASSWORD: &str = "correct horse";

async fn with_ann() -> (Arc<Memory>, Identity) {
    let journal = Arc::new(Memory::new(1));
    journal.open_site(SITE).await.unwrap();
    let identity = Identity::new(journal.clone(), Arc::default());
    set(&identity, PASSWORD).await;
    (journal, identity)
}

async fn set(identity: &Identity, password: &str) {
    let hash = identity.passwords.hash(password.to_owned()).await.unwrap();
    identity.accounts.set_password(SITE, ANN, hash, EmailProof::Missing, NOW).await.unwrap();
}

fn offer(member: Option<MemberId>, password: &str) -> Offer<'static> {
    Offer { site: SITE, email: "ann@example.com", member, password: password.to_owned() }
}

#[actix_rt::test]
async fn a_right_password_proves_its_member_across_a_restart() {
    let (journal, identity) = with_ann().await;
    assert_eq!(identity.judge(offer(Some(ANN), PASSWORD), NOW).await, Ok(ANN));
    let reopened = Identity::new(journal, Arc::default());
    assert_eq!(reopened.judge(offer(Some(ANN), PASSWORD), NOW).await, Ok(ANN));
    let wrong = reopened.judge(offer(Some(ANN), "correct horsf"), NOW).await;
    assert_eq!(wrong, Err(IdentityError::Wrong));
    assert_eq!(reopened.judge(offer(None, PASSWORD), NOW).await, Err(IdentityError::Wrong));
}

#[actix_rt::test]
async fn a_member_without_a_password_is_nobody_to_log_in_as() {
    let (_, identity) = with_ann().await;
    let ben = Some(MemberId::from_u128(11));
    for password in ["", PASSWORD] {
        assert_eq!(identity.judge(offer(ben, password), NOW).await, Err(IdentityError::Wrong));
    }
    identity.accounts.forget(SITE, ANN).await.unwrap();
    assert_eq!(identity.judge(offer(Some(ANN), PASSWORD), NOW).await, Err(IdentityError::Wrong));
}

#[actix_rt::test]
async fn an_account_that_is_guessed_at_rests_whether_it_exists_or_not() {
    for member in [Some(ANN), None] {
        let (_, identity) = with_ann().await;
        for _ in 0..LOGIN_FAILURES_MAX {
            let wrong = identity.judge(offer(member, "a guess"), NOW).await;
            assert_eq!(wrong, Err(IdentityError::Wrong));
        }
        let told = identity.judge(offer(member, PASSWORD), NOW).await;
        assert!(matches!(told, Err(IdentityError::Throttled { .. })), "{told:?}");
    }
}

#[actix_rt::test]
async fn whoever_guesses_many_at_a_time_has_no_more_tries() {
    let (_, identity) = with_ann().await;
    let guesses = (0..2 * LOGIN_FAILURES_MAX).map(|_| identity.judge(offer(None, "x"), NOW));
    let told = futures_util::future::join_all(guesses).await;
    let wrong = told.iter().filter(|one| **one == Err(IdentityError::Wrong)).count();
    assert_eq!(wrong, LOGIN_FAILURES_MAX as usize);
}

#[actix_rt::test]
async fn logins_end_by_client_or_all_and_the_oldest_makes_room() {
    let (_, identity) = with_ann().await;
    let first = identity.accounts.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    let second = identity.accounts.begin_login(SITE, ANN, OTHER, NOW).await.unwrap();
    identity.accounts.end_logins(SITE, ANN, Some(APP), NOW).await.unwrap();
    assert!(!identity.accounts.has_login(SITE, ANN, first).await.unwrap());
    assert!(identity.accounts.has_login(SITE, ANN, second).await.unwrap());
    for _ in 0..SESSIONS_PER_MEMBER_MAX {
        identity.accounts.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    }
    assert!(!identity.accounts.has_login(SITE, ANN, second).await.unwrap());
    let last = identity.accounts.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    set(&identity, "another one").await;
    assert!(!identity.accounts.has_login(SITE, ANN, last).await.unwrap(), "whoever was in is out");
}

#[actix_rt::test]
async fn the_policy_of_a_site_is_kept() {
    let (journal, identity) = with_ann().await;
    assert!(!identity.accounts.policy(SITE).await.unwrap().require_owner_approval);
    let patch = PolicyPatch { require_owner_approval: Some(true), ..PolicyPatch::default() };
    let policy = identity.accounts.set_policy(SITE, patch, NOW).await.unwrap();
    assert_eq!((policy.require_owner_approval, policy.revision), (true, 1));
    let patch = PolicyPatch { require_email_verification: Some(true), ..PolicyPatch::default() };
    let policy = identity.accounts.set_policy(SITE, patch, NOW).await.unwrap();
    assert!(policy.require_owner_approval && policy.require_email_verification);
    assert_eq!(Identity::new(journal, Arc::default()).accounts.policy(SITE).await.unwrap(), policy);
}

#[actix_rt::test]
async fn mails_wait_for_the_owner_the_oldest_making_room() {
    let (_, identity) = with_ann().await;
    for number in 0..=OUTBOX_MAILS_MAX {
        let (token, at) = (format!("token-{number}."), NOW.plus_ms(number as i64));
        let letter = Letter::with_recovery("ann@example.com", None, &token);
        identity.mails.send(SITE, letter, at).await.unwrap();
    }
    let mails = identity.mails.list(SITE).await.unwrap();
    assert_eq!(mails.len(), OUTBOX_MAILS_MAX);
    assert!(mails[0].text.ends_with(&format!("token-{OUTBOX_MAILS_MAX}.")), "{}", mails[0].text);
    assert!(mails.iter().all(|mail| !mail.text.ends_with("token-0.")));
    assert_eq!(identity.mails.clear(SITE).await, Ok(OUTBOX_MAILS_MAX));
    assert_eq!(identity.mails.list(SITE).await, Ok(Vec::new()));
}

#[actix_rt::test]
async fn an_address_is_not_flooded_with_mails() {
    let (_, identity) = with_ann().await;
    for _ in 0..MAILS_PER_ADDRESS_MAX {
        assert_eq!(identity.count_mail(SITE, "ann@example.com", NOW), Ok(()));
    }
    let told = identity.count_mail(SITE, "Ann@Example.com", NOW);
    assert!(matches!(told, Err(IdentityError::Throttled { .. })), "{told:?}");
    assert_eq!(identity.count_mail(SITE, "ben@example.com", NOW), Ok(()));
}

#[actix_rt::test]
async fn the_mark_of_a_password_changes_with_it() {
    let (_, identity) = with_ann().await;
    let before = identity.accounts.mark(SITE, ANN).await.unwrap();
    assert_eq!(identity.accounts.mark(SITE, ANN).await, Ok(before));
    identity.accounts.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    assert_eq!(identity.accounts.mark(SITE, ANN).await, Ok(before), "a login is no change of it");
    set(&identity, PASSWORD).await;
    assert_ne!(identity.accounts.mark(SITE, ANN).await, Ok(before));
}

#[actix_rt::test]
async fn of_two_recoveries_with_one_token_one_wins() {
    let (_, identity) = with_ann().await;
    let mark = identity.accounts.mark(SITE, ANN).await.unwrap();
    let hash = async |password: &str| identity.passwords.hash(password.to_owned()).await.unwrap();
    let (one, other) = (hash("the first one").await, hash("the second one").await);
    let answers = tokio::join!(
        identity.accounts.replace_password(SITE, ANN, mark, one, NOW),
        identity.accounts.replace_password(SITE, ANN, mark, other, NOW),
    );
    assert_eq!(answers, (Ok(true), Ok(false)));
    let judged = identity.judge(offer(Some(ANN), "the first one"), NOW).await;
    assert_eq!(judged, Ok(ANN));
    assert_eq!(identity.accounts.is_verified(SITE, ANN).await, Ok(true), "the mail was read");
}
