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

/// Deliveries of one endpoint that may be on their way at once.
pub const DELIVERY_WINDOW_DEFAULT: usize = 8;
/// Matching events above an endpoint's cursor that are remembered at once, done or not.
pub const DELIVERY_SPAN_MAX: usize = 256;
/// Events set aside for one endpoint; one more is a fault of the endpoint itself.
pub const DELIVERY_PARKED_MAX: usize = 1_000;
/// Endpoint faults in a row, of an endpoint that worked, after which nothing more is sent for now.
pub const DELIVERY_FAULTS_TO_HOLD: u32 = 5;
/// Faults of one event after which a later event is sent to learn whose fault it is.
pub const DELIVERY_FAULTS_TO_SUSPECT: u32 = 3;
/// Wait before each try after the first one; beyond the last try the last wait is repeated.
pub const DELIVERY_RETRY_MS: [u64; 9] = [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000,
    86_400_000,
];
pub const DELIVERY_RETRY_JITTER_PERMILLE_MAX: i64 = 200;
/// The longest wait that a receiver may ask for.
pub const DELIVERY_RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;
/// An endpoint that accepted nothing for this long, while asked, is disabled.
pub const DELIVERY_ONLY_FAILURES_MS_MAX: i64 = 5 * 24 * 3_600_000;
/// Progress is stored this long after the first result that is not stored yet.
pub const DELIVERY_PERSIST_MS: i64 = 50;
pub const DELIVERY_PERSIST_RESULTS: u32 = 100;
/// Progress over events that the endpoint does not take is worth fewer writes.
pub const DELIVERY_PERSIST_SKIPPED_MS: i64 = 60_000;

pub const EVENT_PATTERN_BYTES_MAX: usize = 128;

/// Records that a dispatcher reads at once.
pub const WEBHOOK_PAGE_RECORDS_MAX: usize = 64;
/// Bodies that a dispatcher takes from one page; what is beyond is read again later.
pub const WEBHOOK_PAGE_BYTES_MAX: usize = 256 * 1_024;
/// Deliveries of the whole process that may be on their way at once.
pub const WEBHOOK_IN_FLIGHT_MAX: usize = 1_024;
pub const WEBHOOK_CONNECT_MS_MAX: u64 = 5_000;
/// From the first look-up to the last byte of the answer.
pub const WEBHOOK_TOTAL_MS_MAX: u64 = 15_000;
pub const WEBHOOK_RESPONSE_BODY_BYTES_MAX: usize = 16 * 1_024;
pub const WEBHOOK_RESPONSE_HEADER_BYTES_MAX: usize = 16 * 1_024;
pub const WEBHOOK_RESPONSE_HEADERS_MAX: usize = 100;
/// A kept connection is not used again after this time, so that a moved name is looked up.
pub const WEBHOOK_CONNECTION_AGE_MS_MAX: u64 = 300_000;
/// Addresses of one name that are tried, in the resolver's order.
pub const WEBHOOK_ADDRESSES_TRIED_MAX: usize = 4;
pub const WEBHOOK_ADDRESSES_PER_NAME_MAX: usize = 64;
/// A dispatcher with nothing to do is let go after this time.
pub const WEBHOOK_IDLE_MS_MAX: u64 = 60_000;
/// Pause before a port of the dispatcher that failed is asked again.
pub const WEBHOOK_PORT_RETRY_MS: u64 = 1_000;
/// How often a site looks for dispatchers that ended without being told to.
pub const WEBHOOK_SWEEP_MS: u64 = 5_000;
/// On a stop, deliveries on their way are waited for this long.
pub const WEBHOOK_DRAIN_MS_MAX: u64 = 20_000;
/// Calls to the dispatchers of one site that may wait.
pub const WEBHOOK_CALLS_MAX: usize = 256;
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 24;
pub const WEBHOOK_SECRET_BYTES_MAX: usize = 64;
