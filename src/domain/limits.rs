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

/// What a caller is told to wait after a 503.
pub const RETRY_AFTER_SECONDS: u32 = 1;
/// A body that takes longer than this to arrive is answered 408.
pub const BODY_READ_SECONDS_MAX: u64 = 30;
pub const QUERY_PAIRS_MAX: usize = 1_000;
pub const QUERY_KEY_SEGMENTS_MAX: usize = 8;
/// Faults that one answer lists; a longer list helps nobody.
pub const VIOLATIONS_MAX: usize = 20;
pub const FILTER_CONDITIONS_MAX: usize = 200;
pub const FILTER_DEPTH_MAX: usize = 8;
/// Values of one `$in`.
pub const FILTER_VALUES_MAX: usize = 1_000;
pub const FIELDSETS_MAX: usize = 3;
/// A filter up to this size travels inside the cursor; a larger one must be sent again.
pub const CURSOR_SCOPE_BYTES_MAX: usize = 8 * 1_024;
pub const CURSOR_BYTES_MAX: usize = 16_000;
/// Records that one request of the events API looks at to fill its page.
pub const EVENTS_SCAN_MAX: usize = 10_000;
/// Credentials that one `Authorization` header may join by commas.
pub const CREDENTIALS_PER_HEADER_MAX: usize = 4;
pub const COUNTERS_PER_PUT_MAX: usize = 100;
pub const IMAGE_ID_BYTES_MAX: usize = 255;
pub const IMAGE_URL_BYTES_MAX: usize = 2_048;
pub const ADDRESS_TEXT_BYTES_MAX: usize = 200;
pub const CUSTOM_FIELD_KEY_BYTES_MAX: usize = 255;
pub const CUSTOM_FIELD_VALUE_BYTES_MAX: usize = 8 * 1_024;
pub const EVENTS_PAGE_LIMIT_DEFAULT: usize = 100;

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
pub const EVENT_PATTERN_BYTES_MAX: usize = 256;

/// Bytes of commits that one synced append takes, about; what waits beyond it goes into the next.
pub const JOURNAL_BATCH_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Tries to learn what became of an append before its generation is given up.
pub const JOURNAL_RETRIES_MAX: u32 = 30;
pub const JOURNAL_RETRY_DELAY_MS_MAX: u64 = 1_000;
/// One value of the codec: a stored batch, a snapshot entry.
pub const STORED_VALUE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// Bytes of one stored part; larger parts are cut by their owner.
pub const SNAPSHOT_VALUE_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Entries that a completion reads back; beyond it a deterministic sample of about that size.
pub const SNAPSHOT_READ_BACK_MAX: usize = 200_000;
/// Entries and bytes that a scan or a wipe holds in memory at once.
pub const SNAPSHOT_SLICE_ENTRIES_MAX: usize = 512;
pub const SNAPSHOT_SLICE_BYTES_MAX: usize = 1_024 * 1_024;
/// Memory of both databases' page caches together, unless the operator says otherwise.
pub const SNAPSHOT_CACHE_BYTES_DEFAULT: u64 = 64 * 1_024 * 1_024;
/// A database that needs longer to open is taken for damaged. Generous: a slow disk is no damage.
pub const SNAPSHOT_OPEN_SECONDS_MAX: u64 = 120;
/// A flush that needs longer is taken for one that never ends.
pub const SNAPSHOT_FLUSH_SECONDS_MAX: u64 = 120;
/// How long closing waits for readers, and then for the database itself.
pub const SNAPSHOT_CLOSE_SECONDS_MAX: u64 = 10;
/// Databases that were moved aside and are kept for inspection, per slot.
pub const SNAPSHOT_DAMAGED_COPIES_MAX: usize = 2;

/// Records held for a subscription whose channel is still being asked for; beyond it the channel is
/// asked for again.
pub const SUBSCRIPTION_PENDING_RECORDS_MAX: usize = 1_024;
/// Times a channel is asked for again before the client is told to try later.
pub const SUBSCRIPTION_ATTEMPTS_MAX: usize = 4;
/// Commands of one socket that wait for the one before them.
pub const SESSION_COMMANDS_WAITING_MAX: usize = 512;
/// A socket that has not sent its connect command by then is closed.
pub const CONNECT_MS_MAX: u64 = 15_000;
pub const PING_INTERVAL_MS: u64 = 25_000;
/// A ping is answered within this time, or the socket is closed.
pub const PONG_MS_MAX: u64 = 10_000;
/// A socket whose writes are blocked for this long is cut.
pub const WRITE_BLOCKED_MS_MAX: u64 = 5_000;
/// A closing handshake takes no longer than this.
pub const CLOSE_MS_MAX: u64 = 5_000;
/// Durable records that one round of live delivery takes at most.
pub const LIVE_RECORDS_PER_ROUND_MAX: usize = 64;
/// Publications are joined into frames of about this size.
pub const LIVE_FRAME_BYTES_MAX: usize = 64 * 1_024;
/// What the kernel may hold for a live socket that does not read.
pub const LIVE_SEND_BUFFER_BYTES: usize = 64 * 1_024;
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// Distinct keys of one increment batch that are found by looking through them all.
pub const INTERN_SCAN_KEYS_MAX: usize = 16;
