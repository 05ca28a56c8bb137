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
/// Bytes of one recovery's publications; beyond it the client reloads.
pub const RECOVERY_BYTES_MAX: usize = 512 * 1_024;
/// Distinct keys of one increment batch that are found by looking through them all.
pub const INTERN_SCAN_KEYS_MAX: usize = 16;

/// Largest frame of an ingest stream.
pub const INGEST_FRAME_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// Frames of one ingest stream that are read and not yet answered; beyond it the socket waits.
pub const INGEST_FRAMES_IN_FLIGHT_MAX: usize = 64;
/// Bytes of one ingest stream that are read and not yet answered; more than the largest frame.
pub const INGEST_BYTES_IN_FLIGHT_MAX: usize = 8 * 1_024 * 1_024;
/// Bytes of commits that one synced append takes, about; what waits beyond it goes into the next.
pub const JOURNAL_BATCH_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Tries to learn what became of an append before its generation is given up.
pub const JOURNAL_RETRIES_MAX: u32 = 30;
pub const JOURNAL_RETRY_DELAY_MS_MAX: u64 = 1_000;
/// One value of the codec: a stored batch, a snapshot entry.
pub const STORED_VALUE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// Size of one file of the log, and what is kept of the log before files are used again.
pub const LOG_FILE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
pub const LOG_BYTES_KEPT: u64 = 256 * 1_024 * 1_024;
/// Readers of the log that work at a time; each holds about one batch.
pub const LOG_READERS_MAX: usize = 4;
/// Segments of older events: one file, one checked block of it, and a newest file that still grows.
pub const SEGMENT_BYTES_MAX: usize = 32 * 1_024 * 1_024;
pub const SEGMENT_BLOCK_BYTES: usize = 64 * 1_024;
pub const SEGMENT_MERGE_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
/// Older events are kept so long, and so many bytes of them for each site.
pub const SEGMENT_AGE_MS_MAX: i64 = 7 * 24 * 3_600 * 1_000;
pub const SEGMENTS_SITE_BYTES_MAX: u64 = 4 * 1_024 * 1_024 * 1_024;
