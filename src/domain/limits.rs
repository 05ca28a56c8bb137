//! Every limit has its name here. Going over one is a coded answer, never a silent cut.

pub const APP_ID_BYTES_MAX: usize = 64;
pub const ITEM_ID_BYTES_MAX: usize = 255;
pub const ITEM_TYPE_BYTES_MAX: usize = 64;
pub const ITEM_TITLE_BYTES_MAX: usize = 1_024;
pub const ITEM_URL_BYTES_MAX: usize = 2_048;
pub const COUNTER_KEY_BYTES_MAX: usize = 100;
/// Distinct counter keys of one site: a key's number shares 16 bits with its public flag.
pub const COUNTER_KEYS_PER_SITE_MAX: usize = 32_000;
pub const COUNTERS_PER_MEMBER_MAX: usize = 1_000;
pub const OP_ID_BYTES_MAX: usize = 64;
/// Operation ids remembered per app; older ones are told as expired where they carry a time.
pub const OP_IDS_PER_APP_MAX: usize = 1_048_576;
pub const APPS_PER_SITE_MAX: usize = 1_000;
pub const PRODUCER_NAME_BYTES_MAX: usize = 64;
pub const PRODUCERS_PER_APP_MAX: usize = 10_000;

pub const NICKNAME_BYTES_MAX: usize = 256;
pub const PROFILE_TITLE_BYTES_MAX: usize = 256;
pub const PROFILE_TEXT_BYTES_MAX: usize = 100;
pub const EMAIL_BYTES_MAX: usize = 254;
pub const CONTACT_ENTRIES_MAX: usize = 50;
pub const CUSTOM_FIELDS_MAX: usize = 100;
pub const PROFILE_BYTES_MAX: usize = 64 * 1_024;
pub const MEMBERS_PER_SITE_MAX: usize = 50_000_000;
pub const ITEMS_PER_SITE_MAX: usize = 50_000_000;
pub const FOLLOWING_PER_MEMBER_MAX: usize = 100_000;
pub const LIKES_PER_MEMBER_MAX: usize = 1_000_000;

pub const BADGE_TITLE_CHARS_MAX: usize = 50;
pub const BADGE_DESCRIPTION_CHARS_MAX: usize = 1_500;
pub const BADGES_PER_SITE_MAX: usize = 1_000;
pub const BADGES_PER_MEMBER_MAX: usize = 1_000;

pub const ENDPOINTS_PER_SITE_MAX: usize = 10_000;
pub const ENDPOINT_URL_BYTES_MAX: usize = 2_048;
pub const ENDPOINT_EVENT_TYPES_MAX: usize = 100;

pub const PAGE_LIMIT_MAX: usize = 100;
pub const PAGE_LIMIT_DEFAULT: usize = 50;
pub const EVENTS_PAGE_LIMIT_MAX: usize = 1_000;
pub const CONNECTIONS_MAX: usize = 100;
pub const BATCH_LINES_MAX: usize = 10_000;
pub const BODY_BYTES_MAX: usize = 256 * 1_024;
pub const BATCH_BODY_BYTES_MAX: usize = 16 * 1_024 * 1_024;
pub const JSON_DEPTH_MAX: usize = 32;

/// Records that one turn may make; larger work is cut into slices.
pub const RECORDS_PER_TURN_MAX: usize = 10_000;
/// Lines of an import that share one turn.
pub const IMPORT_LINES_PER_TURN: usize = 250;
/// Bytes handed to the writer and not yet durable, per site; above it admission answers 503.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 * 1_024 * 1_024;
pub const MEMBER_MAILBOX_MAX: usize = 256;
pub const SITE_MAILBOX_MAX: usize = 8_192;
pub const MEMBERS_HOT_MAX: usize = 100_000;
pub const SITES_MAX: usize = 1_000;
pub const KEYS_PER_SITE_MAX: usize = 50;

/// Records of one channel that a recovery replays; beyond it the client reloads.
pub const RECOVERY_RECORDS_MAX: usize = 300;
/// Steps that a recovery walks back along a channel's chain, visible to the viewer or not.
pub const RECOVERY_STEPS_MAX: usize = 3_000;
pub const CHANNELS_PER_SESSION_MAX: usize = 128;
pub const CHANNEL_NAME_BYTES_MAX: usize = 255;
pub const LIVE_MESSAGE_BYTES_MAX: usize = 64 * 1_024;
pub const OUTBOX_BYTES_MAX: usize = 1_024 * 1_024;
pub const LIVE_SESSIONS_MAX: usize = 100_000;

/// Records kept in memory behind the durable head of each site.
pub const TAIL_RECORDS_MAX: usize = 16_384;
pub const TAIL_BYTES_MAX: usize = 16 * 1_024 * 1_024;

pub const MEMBER_TOKEN_SECONDS: i64 = 3_600 * 4;

/// Bytes of one stored part; larger parts are cut by their owner.
pub const SNAPSHOT_VALUE_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Entries that a completion reads back; beyond it a deterministic sample of about that size.
pub const SNAPSHOT_READ_BACK_MAX: usize = 200_000;
/// Entries and bytes that a scan or a wipe holds in memory at once.
pub const SNAPSHOT_SLICE_ENTRIES_MAX: usize = 512;
pub const SNAPSHOT_SLICE_BYTES_MAX: usize = 1_024 * 1_024;
/// Memory of both databases' page caches together, unless the operator says otherwise.
pub const SNAPSHOT_CACHE_BYTES_DEFAULT: u64 = 32 * 1_024 * 1_024;
/// A database that needs longer to open is taken for damaged. Generous: a slow disk is no damage.
pub const SNAPSHOT_OPEN_SECONDS_MAX: u64 = 120;
/// A flush that needs longer is taken for one that never ends.
pub const SNAPSHOT_FLUSH_SECONDS_MAX: u64 = 120;
/// How long closing waits for readers, and then for the database itself.
pub const SNAPSHOT_CLOSE_SECONDS_MAX: u64 = 10;
/// Databases that were moved aside and are kept for inspection, per slot.
pub const SNAPSHOT_DAMAGED_COPIES_MAX: usize = 2;
