//! A member's part in the community, and the name that links to it.

use super::call::{Call, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::members::changed;
use crate::domain::command::{CommunityAct, ProfilePatch};
use crate::domain::limits::SLUG_BYTES_MAX;
use crate::domain::{Command, MemberId};

pub async fn join(call: Call) -> Result<Reply, Problem> {
    act(call, CommunityAct::Join).await
}

pub async fn leave(call: Call) -> Result<Reply, Problem> {
    act(call, CommunityAct::Leave).await
}

pub async fn set_my_slug(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    slug(call, member).await
}

pub async fn set_slug(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    slug(call, member).await
}

async fn act(call: Call, act: CommunityAct) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    changed(call.command(Command::Community { member, act }).await?)
}

async fn slug(call: Call, member: MemberId) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let node = root.child("slug");
    let slug = faults.needed_text(&node, SLUG_BYTES_MAX).unwrap_or_default();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if !slug.chars().all(is_plain) {
        faults.add(&node, "FORMAT", "a slug is of letters, digits, - and _");
    }
    let slug = Some(slug.to_owned());
    faults.done()?;
    let patch = Box::new(ProfilePatch { slug, ..ProfilePatch::default() });
    changed(call.command(Command::UpdateProfile { member, patch }).await?)
}
