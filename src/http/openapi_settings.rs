//! The words of the operations on what a site decides for all members: privacy and roles.

use super::openapi_operations::{Described, reads, takes, words};

const DEFAULT: &str = "defaultPrivacy: DefaultPrivacy";
const PRIVACY: &str = "memberPrivacySettings: MemberPrivacySettings";
const ROLE: &str = "role: MemberRoleDefinition";
const KEY: &str = "roleKey: roleKey";

pub const OPERATIONS: &[Described] = &[
    words("joinCommunity", "Members", "Show oneself to others", takes("", "member: Member")),
    words(
        "leaveCommunity",
        "Members",
        "Show oneself to nobody any more; follows sleep, what was published stays",
        takes("", "member: Member"),
    ),
    words(
        "updateMySlug",
        "Members",
        "Take another slug; the one before is held back for 30 days",
        takes("slug: slug", "member: Member"),
    ),
    words(
        "updateMemberSlug",
        "Members",
        "Give a member another slug; the one before is held back for 30 days",
        takes("id?: uuid, slug: slug", "member: Member"),
    ),
    words("getDefaultPrivacyStatus", "Settings", "As what new members begin", reads("", DEFAULT)),
    words(
        "setDefaultPrivacyStatus",
        "Settings",
        "Let new members begin as private or public",
        takes("defaultPrivacy: DefaultPrivacyInput", DEFAULT),
    ),
    words(
        "getMemberPrivacySettings",
        "Settings",
        "Who sees public members, and who may be one",
        reads("", PRIVACY),
    ),
    words(
        "setMemberPrivacySettings",
        "Settings",
        "Decide who sees public members, and who may be one; it counts at once",
        takes("memberPrivacySettings: MemberPrivacySettingsInput", PRIVACY),
    ),
    words(
        "createMemberRoleDefinition",
        "Roles",
        "Make a role",
        takes("roleKey: roleKey, roleTitle: roleTitle, blockable?: boolean", ROLE),
    ),
    words(
        "listMemberRoleDefinitions",
        "Roles",
        "List roles",
        reads("", "roles: [MemberRoleDefinition]"),
    ),
    words("getMemberRoleDefinition", "Roles", "Get a role", reads("", ROLE)),
    words(
        "updateMemberRoleDefinition",
        "Roles",
        "Let those who hold a role be blocked, or not",
        takes("blockable?: boolean, revision: string", ROLE),
    ),
    words(
        "deleteMemberRoleDefinition",
        "Roles",
        "Delete a role; nobody holds it any more",
        reads("", ""),
    ),
    words("assignRole", "Roles", "Give a member a role", takes(KEY, KEY)),
    words("unassignRole", "Roles", "Take a role from a member", reads(KEY, KEY)),
    words("getRoles", "Roles", "List a member's roles", reads("", "roles: [MemberRole]")),
    words(
        "queryRoles",
        "Roles",
        "Roles of several members, by memberId; of all who hold any without a filter",
        takes("query?: RoleQuery", "rolesByMemberId: any"),
    ),
];

pub const COMPONENTS: &[(&str, &str)] = &[
    ("DefaultPrivacy", "id: uuid, defaultPrivacy: Privacy, revision: string"),
    ("DefaultPrivacyInput", "defaultPrivacy?: Privacy, revision: string"),
    ("Privacy", "PRIVATE|PUBLIC"),
    (
        "MemberPrivacySettings",
        "id: uuid, publicMemberVisibility: PublicMemberVisibility, \
         publicMemberCandidates: PublicMemberCandidates, revision: string, updatedDate: time",
    ),
    (
        "MemberPrivacySettingsInput",
        "publicMemberVisibility?: PublicMemberVisibility, \
         publicMemberCandidates?: PublicMemberCandidates, revision: string",
    ),
    ("PublicMemberVisibility", "VISIBLE_TO_MEMBERS_ONLY|VISIBLE_TO_ALL"),
    ("PublicMemberCandidates", "NO_ONE|ANYONE"),
    (
        "MemberRoleDefinition",
        "id: uuid, roleKey: roleKey, title: roleTitle, blockable: boolean, revision: string",
    ),
    ("MemberRole", "roleKey: roleKey, title: roleTitle"),
    ("RoleQuery", "filter?: Filter"),
];
