//! What a site decided about a member, as keys and the member itself see it.

use serde::Serialize;

use super::member::{Fieldset, MemberBody, member_json};
use super::time::WireTime;
use crate::core::standings::{Sanction, Standing};
use crate::domain::moderation::{Ruling, Terms};

#[derive(Serialize)]
pub(super) struct RulingData<'a> {
    member: MemberBody,
    moderation: TermsBody<'a>,
}

#[derive(Serialize)]
struct TermsBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<WireTime>,
    /// Who decided; absent where time did, and for the member itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}

/// Who decided is told to keys alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moderator {
    Named,
    Unnamed,
}

fn terms_body(terms: &Terms, moderator: Moderator) -> TermsBody<'_> {
    TermsBody {
        reason: terms.reason.as_deref(),
        until: terms.until.map(WireTime),
        by: terms.by.as_deref().filter(|_| moderator == Moderator::Named),
    }
}

pub(super) fn ruling_data(ruling: &Ruling, moderator: Moderator) -> RulingData<'_> {
    let member = member_json(&ruling.facts, Fieldset::Full);
    RulingData { member, moderation: terms_body(&ruling.terms, moderator) }
}

/// What stands against a member.
#[derive(Serialize)]
pub struct StandingBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<SanctionBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mute: Option<SanctionBody<'a>>,
    seq: u64,
}

#[derive(Serialize)]
struct SanctionBody<'a> {
    #[serde(flatten)]
    terms: TermsBody<'a>,
    since: WireTime,
}

pub fn standing_body(standing: &Standing, seq: u64) -> StandingBody<'_> {
    fn body(sanction: &Option<Sanction>) -> Option<SanctionBody<'_>> {
        let sanction = sanction.as_ref()?;
        let terms = terms_body(&sanction.terms, Moderator::Named);
        Some(SanctionBody { terms, since: WireTime(sanction.since) })
    }
    StandingBody { block: body(&standing.block), mute: body(&standing.mute), seq }
}
