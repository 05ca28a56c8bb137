//! The words of the operations on what a site decides for all members, on blocks between them, and
//! of the platform's older modules.

use super::openapi_operations::{Described, PAGE, reads, takes, words};

const DEFAULT: &str = "defaultPrivacy: DefaultPrivacy";
const PRIVACY: &str = "memberPrivacySettings: MemberPrivacySettings";
const ROLE: &str = "role: MemberRoleDefinition";
const JOB_ID: &str = "jobId: uuid";
const SITE_MEMBER: &str = "member: SiteMember";
const SITE_REGISTER: &str = "email: email, password: password, contactInfo?: SiteContact, \
    profilePrivacyStatus?: SitePrivacy, emailVerification?: SiteVerification";
const KEY: &str = "roleKey: roleKey";

pub const OPERATIONS: &[Described] = &[
    words(
        "bulkDeleteMembersByFilter",
        "Jobs",
        "Delete all members that a filter names, behind the answer",
        takes("filter: Filter, contentAssigneeId?: uuid", JOB_ID),
    ),
    words(
        "bulkApproveMembers",
        "Jobs",
        "Let in all members that a filter names, behind the answer",
        takes("filter: Filter", JOB_ID),
    ),
    words(
        "bulkBlockMembers",
        "Jobs",
        "Block all members that a filter names, behind the answer",
        takes("filter: Filter", JOB_ID),
    ),
    words("listJobs", "Jobs", "List jobs, the newest first", reads("", "jobs: [Job]")),
    words("getJob", "Jobs", "How far a job is", reads("", "job: Job")),
    words(
        "approveSiteMember",
        "Site members",
        "Let a member in that its id, its e-mail or its approval token names",
        takes("id?: uuid, email?: email, token?: string", "session: SiteSession"),
    ),
    words(
        "blockSiteMember",
        "Site members",
        "Block a member that its id or its e-mail names",
        takes("id?: uuid, email?: email, source?: string", ""),
    ),
    words(
        "changeLoginEmail",
        "Site members",
        "Give a member another login e-mail",
        takes("id?: uuid, newEmail: email, revokeCurrentSessions?: boolean", SITE_MEMBER),
    ),
    words(
        "loginSiteMember",
        "Site members",
        "A session for an e-mail and its password",
        takes("email: email, password: string", "session: SiteSession, member: SiteMember"),
    ),
    words(
        "registerSiteMember",
        "Site members",
        "Become a member; where the address is to be verified, in two calls",
        takes(SITE_REGISTER, "session?: SiteSession, member: SiteMember, approvalToken?: string"),
    ),
    words(
        "sendSetPasswordEmail",
        "Site members",
        "Mail what sets a password",
        takes("email: email, hideIgnoreMessage?: boolean", "accepted: boolean"),
    ),
    words(
        "queryUserMembers",
        "Members",
        "Find members as users of the platform see them",
        takes("query?: ListQuery", "userMembers: [UserMember], metadata: PagingMetadata"),
    ),
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
        "blockMemberForMe",
        "Blocks",
        "Block a member for oneself: neither sees the other, and their follows end",
        takes("memberId: uuid", ""),
    ),
    words(
        "unblockMemberForMe",
        "Blocks",
        "Block a member no more; what ended stays ended",
        reads("", ""),
    ),
    words(
        "listCurrentMemberBlocking",
        "Blocks",
        "List whom one blocks",
        reads(PAGE, "blockedMemberIds: [uuid], pagingMetadata: PagingMetadata"),
    ),
    words(
        "listMemberBlocks",
        "Blocks",
        "List whom a member blocks, and who blocks it",
        reads(PAGE, "memberBlocks: [MemberBlock], pagingMetadata: PagingMetadata"),
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
    (
        "Job",
        "id: uuid, action: JobAction, status: JobStatus, createdDate: time, endedDate: any, \
         bulkActionMetadata: BulkCounts, failures: [JobFailure]",
    ),
    ("JobAction", "DELETE|APPROVE|BLOCK"),
    ("JobStatus", "RUNNING|ENDED"),
    ("JobFailure", "memberId: uuid, error: BulkError"),
    ("SiteSession", "token: string"),
    (
        "SiteMember",
        "id: uuid, contactId: uuid, emailVerified: boolean, role: string, loginEmail: any, \
         memberName: any, nickname: any, firstName: any, lastName: any, \
         profilePrivacyStatus: SitePrivacy, slug: any, status: SiteStatus, creationDate: time, \
         lastUpdateDate: time, emails: [email], phones: [string]",
    ),
    ("SiteContact", "firstName?: profileText, lastName?: profileText"),
    ("SitePrivacy", "UNDEFINED|PUBLIC|PRIVATE|COMMUNITY"),
    ("SiteStatus", "APPLICANT|ACTIVE|BLOCKED|OFFLINE_ONLY"),
    ("SiteVerification", "verificationId: string, otp: string"),
    (
        "UserMember",
        "memberId: uuid, userId: uuid, contactId: uuid, siteMembersInstanceId: uuid, \
         metaSiteId: uuid, photo?: Image, nickname?: nickname, privacyStatus: PrivacyStatus, \
         createdDate: time, updatedDate: time, status: Status, activityStatus: ActivityStatus",
    ),
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
    ("MemberBlock", "memberId: uuid, blockDirection: BlockDirection"),
    ("BlockDirection", "BLOCKING|BLOCKED"),
    ("MemberRole", "roleKey: roleKey, title: roleTitle"),
    ("RoleQuery", "filter?: Filter"),
];
