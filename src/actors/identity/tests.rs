//! What identity promises, over the memory journal.

use super::*;
use crate::domain::limits::{LOGIN_FAILURES_MAX, SESSIONS_PER_MEMBER_MAX};
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
    let identity = Identity::new(journal.clone());
    identity.set_password(SITE, ANN, PASSWORD.to_owned()).await.unwrap();
    (journal, identity)
}

fn offer(member: Option<MemberId>, password: &str) -> Offer<'static> {
    Offer { site: SITE, email: "ann@example.com", member, password: password.to_owned() }
}

#[actix_rt::test]
async fn a_right_password_proves_its_member_across_a_restart() {
    let (journal, identity) = with_ann().await;
    assert_eq!(identity.judge(offer(Some(ANN), PASSWORD), NOW).await, Ok(ANN));
    let reopened = Identity::new(journal);
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
    identity.forget(SITE, ANN).await.unwrap();
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
async fn logins_end_by_client_or_all_and_the_oldest_makes_room() {
    let (_, identity) = with_ann().await;
    let first = identity.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    let second = identity.begin_login(SITE, ANN, OTHER, NOW).await.unwrap();
    identity.end_logins(SITE, ANN, Some(APP)).await.unwrap();
    assert!(!identity.has_login(SITE, ANN, first).await.unwrap());
    assert!(identity.has_login(SITE, ANN, second).await.unwrap());
    for _ in 0..SESSIONS_PER_MEMBER_MAX {
        identity.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    }
    assert!(!identity.has_login(SITE, ANN, second).await.unwrap());
    let last = identity.begin_login(SITE, ANN, APP, NOW).await.unwrap();
    identity.set_password(SITE, ANN, "another one".to_owned()).await.unwrap();
    assert!(!identity.has_login(SITE, ANN, last).await.unwrap(), "whoever was in is out");
}

#[actix_rt::test]
async fn the_policy_of_a_site_is_kept() {
    let (journal, identity) = with_ann().await;
    assert!(!identity.policy(SITE).await.unwrap().require_owner_approval);
    let policy = identity.set_policy(SITE, true, NOW).await.unwrap();
    assert_eq!((policy.require_owner_approval, policy.revision), (true, 1));
    assert_eq!(Identity::new(journal).policy(SITE).await.unwrap(), policy);
}
