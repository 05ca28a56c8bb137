//! Proof of the caller from the `Authorization` header. The site comes with the proof: headers that
//! name a site are not looked at.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::error::Problem;
use super::front::Front;
use crate::actors::handle::Caller;
use crate::domain::limits::CREDENTIALS_PER_HEADER_MAX;

pub fn prove(headers: &HeaderMap, front: &dyn Front) -> Result<Caller, Problem> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Err(Problem::unauthenticated("an Authorization header with a key or a token is needed"));
    };
    let text = header.to_str().unwrap_or_default();
    credentials(text)
        .find_map(|credential| front.authenticate(credential))
        .ok_or_else(|| Problem::unauthenticated("the credential is unknown, expired or revoked"))
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
    fn two_credentials_are_joined_by_a_comma() {
        check("visitor,gh_key", &["visitor", "gh_key"]);
        check("Bearer visitor, Bearer gh_key", &["visitor", "gh_key"]);
        check(",,", &[]);
        check("a,b,c,d,e,f", &["a", "b", "c", "d"]);
    }
}
