//! Proof of the caller from the `Authorization` header. The site comes with the proof: headers that
//! name a site are not looked at.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::error::Problem;
use super::front::Front;
use crate::actors::handle::{Caller, Role};
use crate::domain::limits::CREDENTIALS_PER_HEADER_MAX;

pub fn prove(headers: &HeaderMap, front: &dyn Front) -> Result<Caller, Problem> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let detail = "an Authorization header with a key or a token is needed";
        return Err(Problem::unauthenticated(detail));
    };
    let text = header.to_str().unwrap_or_default();
    let proven = credentials(text).filter_map(|credential| front.authenticate(credential));
    best(proven)
        .ok_or_else(|| Problem::unauthenticated("the credential is unknown, expired or revoked"))
}

/// The first that is more than a visitor's: clients join a visitor's token and a key by a comma.
fn best(mut proven: impl Iterator<Item = Caller>) -> Option<Caller> {
    let first = proven.next()?;
    match first.role {
        Role::Visitor => Some(proven.find(|other| other.role != Role::Visitor).unwrap_or(first)),
        Role::Owner { .. } | Role::App { .. } | Role::Member { .. } => Some(first),
    }
}

/// The credentials of a header: real clients leave `Bearer` out and may join two by a comma.
fn credentials(header: &str) -> impl Iterator<Item = &str> {
    let bare = |part: &'_ str| -> usize {
        let is_bearer = part.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("bearer "));
        if is_bearer { 7 } else { 0 }
    };
    header
        .split(',')
        .take(CREDENTIALS_PER_HEADER_MAX)
        .map(str::trim)
        .map(move |part| part[bare(part)..].trim())
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: &[&str]) {
        assert_eq!(credentials(header).collect::<Vec<&str>>(), expected, "{header:?}");
    }

    #[test]
    fn a_credential_comes_with_or_without_bearer() {
        check("gh_key", &["gh_key"]);
        check("Bearer gh_key", &["gh_key"]);
        check("bearer  gh_key ", &["gh_key"]);
        check("Bearer", &["Bearer"]);
        check("", &[]);
    }

    #[test]
    fn a_key_beside_a_visitors_token_counts_wherever_it_stands() {
        use crate::domain::{KeyId, SiteId};
        let by = |role| Caller { site: SiteId::from_u128(1), role };
        let (visitor, owner) = (by(Role::Visitor), by(Role::Owner { key: KeyId::from_u128(7) }));
        let both = [visitor.clone(), owner.clone()];
        assert_eq!(best(both.clone().into_iter()), Some(owner.clone()));
        assert_eq!(best(both.into_iter().rev()), Some(owner));
        assert_eq!(best([visitor.clone()].into_iter()), Some(visitor));
        assert_eq!(best([].into_iter()), None);
    }

    #[test]
    fn two_credentials_are_joined_by_a_comma() {
        check("visitor,gh_key", &["visitor", "gh_key"]);
        check("Bearer visitor, Bearer gh_key", &["visitor", "gh_key"]);
        check(",,", &[]);
        check("a,b,c,d,e,f", &["a", "b", "c", "d"]);
    }
}
