//! Who may call a route. Every row of the table names one of these; there is no other way in.

use super::error::Problem;
use crate::actors::handle::{Caller, Role};
use crate::domain::MemberId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No credential is asked for or looked at.
    Public,
    /// None, or any: browsers that are sent here bring none.
    Optional,
    /// Any credential: what is shown depends on who looks.
    Anyone,
    /// Any credential but a visitor's: something is changed.
    MembersOrKeys,
    /// The owner's key or an app's key.
    Keys,
    /// The owner's key or an app's key, or the very member that the path names.
    KeysOrSelf,
    /// The owner's key.
    Owner,
    /// A member's token: the member is the one who acts.
    Member,
}

impl Access {
    /// `named` is the member in the path, where the route has one.
    pub fn check(self, caller: &Caller, named: Option<MemberId>) -> Result<(), Problem> {
        let is_allowed = match (self, &caller.role) {
            (Access::Public | Access::Optional | Access::Anyone, _) => true,
            (Access::MembersOrKeys, Role::Visitor) => false,
            (Access::MembersOrKeys, _) => true,
            (Access::Keys, Role::Owner { .. } | Role::App { .. }) => true,
            (Access::KeysOrSelf, Role::Owner { .. } | Role::App { .. }) => true,
            (Access::KeysOrSelf, Role::Member { member }) => named == Some(*member),
            (Access::Owner, Role::Owner { .. }) => true,
            (Access::Member, Role::Member { .. }) => true,
            (Access::Keys, Role::Member { .. } | Role::Visitor) => false,
            (Access::KeysOrSelf, Role::Visitor) => false,
            (Access::Owner, Role::App { .. } | Role::Member { .. } | Role::Visitor) => false,
            (Access::Member, Role::Owner { .. } | Role::App { .. } | Role::Visitor) => false,
        };
        if is_allowed { Ok(()) } else { Err(Problem::forbidden(self.wanted())) }
    }

    pub fn wanted(self) -> &'static str {
        match self {
            Access::Public => "no credential is needed",
            Access::Optional => "no credential is needed, one is looked at",
            Access::Anyone => "this takes any credential of the site",
            Access::MembersOrKeys => "this takes any credential of the site but a visitor's",
            Access::Keys => "this takes the owner's key or an app's key",
            Access::KeysOrSelf => {
                "this takes the owner's key, an app's key or the token of the member itself"
            }
            Access::Owner => "this takes the owner's key",
            Access::Member => {
                "this takes a member's token (POST /v1/member-tokens makes one): the member acts"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AppId, KeyId, SiteId};

    const SELF: MemberId = MemberId::from_u128(7);

    fn check(access: Access, expected: [bool; 5]) {
        let key = KeyId::from_u128(1);
        let roles = [
            (Role::Owner { key }, None),
            (Role::App { key, app: AppId::site_code() }, None),
            (Role::Member { member: SELF }, Some(SELF)),
            (Role::Member { member: SELF }, Some(MemberId::from_u128(8))),
            (Role::Visitor, Some(SELF)),
        ];
        let allowed = roles.map(|(role, named)| {
            let caller = Caller { site: SiteId::from_u128(1), role };
            access.check(&caller, named).is_ok()
        });
        assert_eq!(allowed, expected, "{access:?}: owner, app, self, other member, visitor");
    }

    #[test]
    fn everyone_gets_what_the_row_says_and_no_more() {
        check(Access::Anyone, [true, true, true, true, true]);
        check(Access::MembersOrKeys, [true, true, true, true, false]);
        check(Access::Keys, [true, true, false, false, false]);
        check(Access::KeysOrSelf, [true, true, true, false, false]);
        check(Access::Owner, [true, false, false, false, false]);
        check(Access::Member, [false, false, true, true, false]);
    }
}
