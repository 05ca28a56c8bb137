//! Of slugs, jobs, custom fields, blocks between members and roles.

pub const SLUG_BYTES_MAX: usize = 255;
/// How long a slug that was given up is nobody else's, and how many of them a member may hold
/// back.
pub const SLUG_RESERVED_MS: i64 = 30 * 86_400_000;
pub const SLUGS_RESERVED_PER_MEMBER_MAX: usize = 5;

/// Members whom one member blocks for itself.
pub const BLOCKS_PER_MEMBER_MAX: usize = 1_000;

/// Jobs over members of a site: those that run, and those that are kept to be asked about.
pub const JOBS_RUNNING_MAX: usize = 4;
pub const JOBS_KEPT_MAX: usize = 100;
/// Members that a job looks up at once, and works on at once; and failures that it tells one by
/// one.
pub const JOB_PAGE_MEMBERS: usize = 500;
pub const JOB_AT_ONCE_MAX: usize = 32;
pub const JOB_FAILURES_KEPT_MAX: usize = 100;
pub const JOB_RETRY_MS: u64 = 200;

pub const FIELDS_PER_SITE_MAX: usize = 100;
pub const FIELD_NAME_CHARS_MAX: usize = 150;
/// To whom a field applies, and whom it leaves out, each.
pub const FIELD_SCOPES_MAX: usize = 100;
/// Members, roles or fields that one question about applications names.
pub const FIELD_SUBJECTS_MAX: usize = 100;

pub const ROLES_PER_SITE_MAX: usize = 100;
pub const ROLES_PER_MEMBER_MAX: usize = 20;
pub const ROLE_KEY_BYTES_MAX: usize = 100;
pub const ROLE_TITLE_BYTES_MAX: usize = 200;
/// Members whose roles one question may ask for, and as many are answered.
pub const ROLES_ASKED_MEMBERS_MAX: usize = 1_000;
