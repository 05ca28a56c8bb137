//! As what new members begin, who sees public members, and who may be one.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::names::PRIVACY_NAMES;
use crate::core::query::{Outcome, Query, SettingsAsked, View};
use crate::domain::Command;
use crate::domain::settings::{MemberPrivacyPatch, SettingStep, SettingWish};
use crate::wire::settings::{
    CANDIDATES_NAMES, VISIBILITY_NAMES, default_privacy_body, member_privacy_body,
};

pub async fn get_default(call: Call) -> Result<Reply, Problem> {
    asked(call, SettingsAsked::DefaultPrivacy).await
}

pub async fn set_default(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("defaultPrivacy");
    let mut faults = Faults::new();
    let privacy = faults.choice(&place.child("defaultPrivacy"), PRIVACY_NAMES);
    let revision = revision(&place, &mut faults);
    faults.done()?;
    wished(call, SettingWish::DefaultPrivacy { privacy, revision }).await
}

pub async fn get_members(call: Call) -> Result<Reply, Problem> {
    asked(call, SettingsAsked::MemberPrivacy).await
}

pub async fn set_members(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("memberPrivacySettings");
    let mut faults = Faults::new();
    let patch = MemberPrivacyPatch {
        visibility: faults.choice(&place.child("publicMemberVisibility"), VISIBILITY_NAMES),
        candidates: faults.choice(&place.child("publicMemberCandidates"), CANDIDATES_NAMES),
    };
    let revision = revision(&place, &mut faults);
    faults.done()?;
    wished(call, SettingWish::MemberPrivacy { patch, revision }).await
}

/// An edit says which revision it saw.
pub(super) fn revision(place: &Node<'_>, faults: &mut Faults) -> Option<u64> {
    let revision = faults.needed_bounded(&place.child("revision"), 0..=i64::MAX);
    revision.map(|revision| revision as u64)
}

async fn asked(call: Call, asked: SettingsAsked) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Settings(asked)).await?;
    let View::Settings(steps) = answer.value else { return unexpected() };
    let Some(step) = steps.first() else { return unexpected() };
    shown(&call, answer.seq, step)
}

async fn wished(call: Call, wish: SettingWish) -> Result<Reply, Problem> {
    let answer = call.command(Command::Setting(Box::new(wish))).await?;
    let Outcome::Setting(step) = answer.value else { return unexpected() };
    shown(&call, answer.seq, &step)
}

fn shown(call: &Call, seq: u64, step: &SettingStep) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    let body = match step {
        SettingStep::DefaultPrivacy(default) => {
            json!({"defaultPrivacy": default_privacy_body(site, default)})
        }
        SettingStep::MemberPrivacy(privacy) => {
            json!({"memberPrivacySettings": member_privacy_body(site, privacy)})
        }
        SettingStep::Role { .. } | SettingStep::RoleDeleted { .. } | SettingStep::Field(_) => {
            return unexpected();
        }
    };
    Reply::json(seq, &body)
}
