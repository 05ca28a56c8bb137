//! Every limit has its name here. Going over one is a coded answer, never a silent cut.

mod community;

pub use self::community::*;

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
/// Badges whose display order is set at once.
pub const BADGES_PER_ORDER_MAX: usize = 100;
/// Assignments that one bulk request makes or takes.
pub const ASSIGNMENTS_PER_BULK_MAX: usize = 100;
/// Assignments that a filter beyond values, or an order, looks at one by one.
pub const ASSIGNMENTS_LOOKED_THROUGH_MAX: usize = 5_000;
/// Members to whom one request gives a badge, or from whom it takes it.
pub const BADGE_MEMBERS_PER_CALL_MAX: usize = 500;

pub const ENDPOINTS_PER_SITE_MAX: usize = 10_000;
pub const ENDPOINT_URL_BYTES_MAX: usize = 2_048;
pub const ENDPOINT_EVENT_TYPES_MAX: usize = 100;
pub const ENDPOINT_DESCRIPTION_BYTES_MAX: usize = 1_000;
/// Headers that an endpoint adds to its deliveries.
pub const ENDPOINT_HEADERS_MAX: usize = 20;
pub const ENDPOINT_HEADER_NAME_BYTES_MAX: usize = 100;
pub const ENDPOINT_HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// Members, apps and badges that an endpoint may be narrowed to.
pub const ENDPOINT_CHANNELS_MAX: usize = 100;
pub const ENDPOINT_CONDITIONS_MAX: usize = 20;
pub const CONDITION_PATH_BYTES_MAX: usize = 200;
/// Values of one `$in`, and bytes of a condition's operand.
pub const CONDITION_VALUES_MAX: usize = 100;
pub const CONDITION_OPERAND_BYTES_MAX: usize = 4_096;
/// The name of a host.
pub const ORIGIN_BYTES_MAX: usize = 253;
pub const ENDPOINT_RATE_PER_MINUTE_MAX: u32 = 600_000;
/// Replaced secrets of an endpoint that may sign at the same time.
pub const ENDPOINT_OLD_SECRETS_MAX: usize = 10;
/// How long a replaced secret signs beside the new one.
pub const SECRET_OVERLAP_MS_DEFAULT: i64 = 24 * 3_600 * 1_000;
pub const SECRET_OVERLAP_SECONDS_MAX: i64 = 7 * 24 * 3_600;

pub const PAGE_LIMIT_MAX: usize = 100;
pub const PAGE_LIMIT_DEFAULT: usize = 50;
pub const EVENTS_PAGE_LIMIT_MAX: usize = 1_000;
/// Fields that a list is sorted by at once.
pub const SORT_FIELDS_MAX: usize = 5;
pub const CONNECTIONS_MAX: usize = 100;
/// Reports that wait in a site's queue, of them about one member, and by one: nobody fills the
/// queue alone.
pub const REPORTS_PER_SITE_MAX: usize = 10_000;
pub const REPORTS_PER_MEMBER_MAX: usize = 1_000;
pub const REPORTS_PER_REPORTER_MAX: usize = 100;

pub const REPORT_DESCRIPTION_BYTES_MAX: usize = 1_000;
/// JSON text of what a member tells about itself.
pub const ABOUT_CONTENT_BYTES_MAX: usize = 64 * 1_024;
/// Why a member is blocked or muted, and the name of who decided it.
pub const MODERATION_REASON_BYTES_MAX: usize = 1_000;
pub const MODERATOR_BYTES_MAX: usize = 200;
/// Blocks and mutes that end by themselves in one turn.
pub const LAPSES_PER_TURN: usize = 200;
/// Members that one bulk request names.
pub const MEMBERS_PER_BULK_MAX: usize = 100;
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
/// Named consumers of the event log.
pub const CONSUMERS_PER_SITE_MAX: usize = 100;
pub const CONSUMER_NAME_BYTES_MAX: usize = 64;
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
/// Members of a site whose profiles are in memory, above which even those of hot members are let go
/// once a snapshot holds them.
pub const FACTS_OF_ACTIVE_MAX: usize = 16_384;
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
/// What a queued frame counts for besides its bytes: small ones cost memory too.
pub const OUTBOX_FRAME_BYTES: usize = 128;
pub const LIVE_SESSIONS_MAX: usize = 100_000;

/// Records kept in memory behind the durable head of each site.
pub const TAIL_RECORDS_MAX: usize = 16_384;
pub const TAIL_BYTES_MAX: usize = 16 * 1_024 * 1_024;

pub const MEMBER_TOKEN_SECONDS: i64 = 3_600 * 4;
/// What renews them lives longer; a member's can be taken back.
pub const REFRESH_TOKEN_SECONDS: i64 = 3_600 * 24 * 30;
/// Between the password and the application that gets a code for it.
pub const SESSION_TOKEN_SECONDS: i64 = 600;
/// From the code to the tokens for it; codes of the process that wait to be used.
pub const AUTHORIZATION_CODE_MS_MAX: i64 = 60_000;
pub const AUTHORIZATION_CODES_MAX: usize = 10_000;
/// Logins of one member that can be renewed; one more ends the oldest.
pub const SESSIONS_PER_MEMBER_MAX: usize = 32;
pub const OAUTH_CLIENTS_PER_SITE_MAX: usize = 100;
pub const REDIRECT_URIS_PER_CLIENT_MAX: usize = 20;
pub const PASSWORD_CHARS_MIN: usize = 8;
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Passwords that wait to be hashed; more are answered 503.
pub const PASSWORDS_WAITING_MAX: usize = 64;
/// Passwords tried for one account without a right one, within the time below; then 429 until it
/// is over.
pub const LOGIN_FAILURES_MAX: u32 = 10;
pub const LOGIN_FAILURES_MS: i64 = 900_000;
/// Mails to one address within the time below; and those that wait in the outbox of a site.
pub const MAILS_PER_ADDRESS_MAX: u32 = 5;
pub const MAILS_PER_ADDRESS_MS: i64 = 3_600_000;
pub const OUTBOX_MAILS_MAX: usize = 1_000;
/// Codes of the process that were mailed and wait; how long, and how often one may be tried.
pub const VERIFICATIONS_WAITING_MAX: usize = 10_000;
pub const VERIFICATIONS_PER_SITE_MAX: usize = 1_000;
pub const VERIFICATION_MS_MAX: i64 = 900_000;
pub const VERIFICATION_TRIES_MAX: u32 = 5;
pub const VERIFICATION_CODE_CHARS: usize = 6;
pub const RECOVERY_TOKEN_SECONDS: i64 = 3_600;
/// Ended logins that a site keeps until their access tokens are over; one more, and tokens of that
/// age are refused altogether. So many that are over go with each that is added.
pub const ENDED_LOGINS_PER_SITE_MAX: usize = 16_384;
pub const ENDED_LOGINS_DROPPED_MAX: usize = 64;
/// A token that was being made when its login ended is no older than this.
pub const ENDED_LOGIN_SLACK_SECONDS: i64 = 60;
/// Accounts whose wrong passwords are counted at a time; the oldest is forgotten for a newer one.
pub const LOGIN_FAILURES_ACCOUNTS_MAX: usize = 65_536;

/// Bytes of commits that one synced append takes, about; what waits beyond it goes into the next.
pub const JOURNAL_BATCH_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Tries to learn what became of an append before its generation is given up.
pub const JOURNAL_RETRIES_MAX: u32 = 30;
pub const JOURNAL_RETRY_DELAY_MS_MAX: u64 = 1_000;
/// One value of the codec: a stored batch, a snapshot entry.
pub const STORED_VALUE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// Growth of a site's log, in bytes, after which its older snapshot is brought up to date.
pub const CHECKPOINT_LOG_BYTES_DEFAULT: usize = 128 * 1_024 * 1_024;
pub const CHECKPOINT_LOG_BYTES_MIN: usize = 64 * 1_024;

pub const WORKERS_MAX: usize = 256;
pub const WEBHOOK_ALLOW_NETWORKS_MAX: usize = 1_000;
/// Characters of an owner key that the operator chose himself.
pub const CHOSEN_KEY_BYTES_MIN: usize = 20;
/// No credential is longer; anything above is refused unread.
pub const CREDENTIAL_BYTES_MAX: usize = 1_024;
/// Names of sites and keys.
pub const NAME_BYTES_MAX: usize = 100;
/// Revoked keys that a site still lists; the oldest go first.
pub const KEYS_REVOKED_PER_SITE_MAX: usize = 50;
/// Member tokens whose proof is remembered; the newer of two in one slot stays.
pub const TOKENS_REMEMBERED_MAX: usize = 8_192;

pub const ADMIN_REQUEST_BYTES_MAX: usize = 16 * 1_024;
/// An answer may list every key of every site.
pub const ADMIN_ANSWER_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
pub const ADMIN_CONNECTIONS_MAX: usize = 8;
pub const ADMIN_REQUEST_SECONDS_MAX: u64 = 5;
/// Differences that one `verify` lists; the number of all is always told.
pub const VERIFY_DIFFERENCES_LISTED_MAX: usize = 1_000;
/// Members, and likewise items, that a check folds at once; a larger site takes several rounds.
pub const VERIFY_STRETCH_ORDINALS: u32 = 65_536;
/// Blocks of a live site that are asked for before the first of them is durable.
pub const VERIFY_BLOCKS_AHEAD: usize = 16;
/// Times that a stretch begins again because a checkpoint overtook it.
pub const VERIFY_TRIES_MAX: usize = 8;
/// A connection without a request is kept open this long.
pub const HTTP_IDLE_SECONDS_MAX: u64 = 75;
/// A request's head has arrived by then.
pub const HTTP_REQUEST_SECONDS_MAX: u64 = 10;
/// How long a stopping server waits for what it has accepted.
pub const DRAIN_SECONDS_MAX: u64 = 20;
/// How much of that it gives to live sockets, before it waits for requests.
pub const LIVE_DRAIN_SECONDS_MAX: u64 = 8;
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
/// Bytes of commits that recovery reads at a time.
pub const RECOVERY_READ_BYTES: usize = 8 * 1_024 * 1_024;
/// Blocks that recovery has read and not yet taken in.
pub const RECOVERY_BLOCKS_AHEAD: usize = 256;
/// Values that one slice of a checkpoint copies in a turn of its own.
pub const CHECKPOINT_SLICE_PARTS: usize = 512;
/// What a block of rows costs a slice beyond the value it is, in such values.
pub const CHECKPOINT_BLOCK_PARTS: usize = 7;
/// Bulk work waits while a start would have to replay more than this many times the growth after
/// which a checkpoint begins: that bounds the memory of what is in no snapshot yet, and the start.
pub const CHECKPOINT_LAG_FACTOR_MAX: u64 = 2;
/// A site at rest is brought into both snapshots when either is behind by more than this share of
/// the growth after which a checkpoint begins anyway.
pub const CHECKPOINT_REST_SHARE: u64 = 8;
/// A site rests while its log grows by less than this share of it between two looks.
pub const CHECKPOINT_REST_GROWTH_SHARE: u64 = 1_024;
pub const CHECKPOINT_REST_MS: u64 = 3_000;
/// Ingest batches of one site that wait for a checkpoint; one more is told to come later.
pub const INGESTS_WAITING_MAX: usize = 128;
/// Parts that are settled or released in one turn after a checkpoint.
pub const SETTLE_PARTS_PER_TURN: usize = 4_096;
/// Records of one turn that report counters or work off what is left to do.
pub const BACKGROUND_RECORDS_PER_TURN: usize = 1_000;
/// Likes of a deleted member that one turn takes back: each item must be in memory for it.
pub const ERASED_LIKES_PER_TURN: usize = 200;
/// Rounds in which a command may ask for parts before it is given up.
pub const PAGE_IN_ROUNDS_MAX: usize = 8;
/// Panics of one kind of command after which it is no longer tried.
pub const PANICS_PER_KIND_MAX: u32 = 3;
/// Free bytes below which changes are refused; far more than all that may be in flight.
pub const DISK_RESERVE_BYTES: u64 = 512 * 1_024 * 1_024;
/// The least that an operator may choose: what is in flight of a few sites, and a log file.
pub const DISK_RESERVE_BYTES_MIN: u64 = 4 * IN_FLIGHT_BYTES_MAX as u64;
/// Imports of one site that run side by side.
pub const IMPORTS_AT_ONCE_MAX: usize = 16;
/// Commands and questions of one site that wait for parts to be read.
pub const LOADS_AT_ONCE_MAX: usize = 2_048;

/// Records held for a subscription whose channel is still being asked for; beyond it the channel is
/// asked for again.
pub const SUBSCRIPTION_PENDING_RECORDS_MAX: usize = 1_024;
/// Times a channel is asked for again before the client is told to try later.
pub const SUBSCRIPTION_ATTEMPTS_MAX: usize = 4;
/// Commands of one socket that wait for the one before them.
pub const SESSION_COMMANDS_WAITING_MAX: usize = 512;
/// Text that these commands hold together: channels and epochs of more than a full session.
pub const SESSION_COMMANDS_WAITING_BYTES_MAX: usize = 128 * 1_024;
/// A socket that has not sent its connect command by then is closed.
pub const CONNECT_MS_MAX: u64 = 15_000;
pub const PING_INTERVAL_MS: u64 = 25_000;
/// A ping is answered within this time, or the socket is closed.
pub const PONG_MS_MAX: u64 = 10_000;
/// A socket whose writes are blocked for this long, and that took next to nothing, is cut. With the
/// sweep and what the kernels take after the first blocked write, that is within ten seconds of it.
pub const WRITE_BLOCKED_MS_MAX: u64 = 7_500;
/// What a slow reader takes in that time at least: one that reads is not one that stopped.
pub const WRITE_BLOCKED_BYTES_MIN: usize = 16 * 1_024;
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

/// Deliveries of one endpoint that may be on their way at once.
pub const DELIVERY_WINDOW_DEFAULT: usize = 8;
/// The most that an endpoint may wish for.
pub const DELIVERY_WINDOW_MAX: usize = 64;
/// Matching events above an endpoint's cursor that are remembered at once, done or not.
pub const DELIVERY_SPAN_MAX: usize = 256;
/// Counter events that one delivery may hold, and the longest that they are gathered for it. As
/// many such batches as may be on their way at once take about [`WEBHOOK_BODIES_BYTES_MAX`].
pub const COUNTER_BATCH_EVENTS_MAX: u32 = 200;
pub const COUNTER_BATCH_SECONDS_MAX: u32 = 3_600;
pub const COUNTER_BATCH_SECONDS_DEFAULT: u32 = 10;
/// From the first to the last record of a batch: it is read again for each try.
pub const DELIVERY_BATCH_SPAN_MAX: u64 = 50_000;
/// Batches of one endpoint that are known, with those that were given up.
pub const DELIVERY_BATCHES_KEPT_MAX: usize = 2 * DELIVERY_PARKED_MAX;
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
/// Failed tries after which the owner is told.
pub const DELIVERY_TRIES_TO_TELL: u32 = 4;
/// Attempts of an endpoint that are kept: so many chunks of so many lines, and no longer than this.
pub const ATTEMPT_CHUNKS_MAX: u64 = 8;
pub const ATTEMPT_CHUNK_LINES: usize = 64;
pub const ATTEMPT_AGE_MS_MAX: i64 = 30 * 24 * 3_600 * 1_000;
/// Attempts are stored this long after the first one that is not stored yet.
pub const ATTEMPT_PERSIST_MS: i64 = 250;
/// Reports of one dispatcher that wait for the site; more are counted and left out.
pub const WEBHOOK_REPORTS_WAITING_MAX: usize = 256;
/// Events that were given up and are kept in an endpoint's list; the oldest go first.
pub const DEAD_LETTERS_MAX: usize = 1_000;
/// Replays of one endpoint that are under way at once.
pub const ENDPOINT_REPLAYS_MAX: usize = 10;
/// Events that one replay may name one by one.
pub const REPLAY_EVENTS_MAX: usize = 1_000;
/// A replay reads on while fewer than this many events are set aside.
pub const REPLAY_AHEAD: usize = 64;
/// Records that a dry run, or a look at an endpoint's lag, goes through.
pub const REPLAY_SCAN_MAX: usize = 100_000;
pub const LAG_SCAN_MAX: usize = 10_000;
pub const DELIVERY_RETRY_JITTER_PERMILLE_MAX: i64 = 200;
/// The longest wait that a receiver may ask for.
pub const DELIVERY_RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;
/// An endpoint that accepted nothing for this long, while asked, is disabled.
pub const DELIVERY_ONLY_FAILURES_MS_MAX: i64 = 5 * 24 * 3_600_000;
/// Progress is stored this long after the first result that is not stored yet.
pub const DELIVERY_PERSIST_MS: i64 = 50;
pub const DELIVERY_PERSIST_RESULTS: u32 = 50;
/// With so many results not stored, nothing more is sent: a crash repeats no more than these and
/// what was on its way.
pub const DELIVERY_UNSAVED_MAX: u32 = 100;
/// Progress over events that the endpoint does not take is worth fewer writes.
pub const DELIVERY_PERSIST_SKIPPED_MS: i64 = 60_000;
/// Largest frame of an ingest stream.
pub const INGEST_FRAME_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// Frames of one ingest stream that are read and not yet answered; beyond it the socket waits.
pub const INGEST_FRAMES_IN_FLIGHT_MAX: usize = 64;
/// Bytes of one ingest stream that are read and not yet answered; more than the largest frame.
pub const INGEST_BYTES_IN_FLIGHT_MAX: usize = 8 * 1_024 * 1_024;

pub const EVENT_PATTERN_BYTES_MAX: usize = 128;

/// Records that a dispatcher reads at once.
pub const WEBHOOK_PAGE_RECORDS_MAX: usize = 64;
/// Records that a site looks at in one step to learn which endpoints want them.
pub const WEBHOOK_FOLLOW_RECORDS_MAX: usize = 1_024;
/// Bodies that a dispatcher takes from one page; what is beyond is read again later.
pub const WEBHOOK_PAGE_BYTES_MAX: usize = 256 * 1_024;
/// Deliveries of the whole process that may be on their way at once.
pub const WEBHOOK_IN_FLIGHT_MAX: usize = 1_024;
/// Of these, what one site may take.
pub const WEBHOOK_IN_FLIGHT_PER_SITE_MAX: usize = 256;
/// Of both, what endpoints may take that fail at present.
pub const WEBHOOK_IN_FLIGHT_UNWELL_MAX: usize = WEBHOOK_IN_FLIGHT_MAX / 4;
pub const WEBHOOK_IN_FLIGHT_UNWELL_PER_SITE_MAX: usize = WEBHOOK_IN_FLIGHT_PER_SITE_MAX / 4;
/// Bytes of bodies that wait in memory, of the whole process and of one site.
pub const WEBHOOK_BODIES_BYTES_MAX: usize = 64 * 1_024 * 1_024;
pub const WEBHOOK_BODIES_BYTES_PER_SITE_MAX: usize = 16 * 1_024 * 1_024;
/// Bodies of each form that a site keeps for all of its endpoints, and the largest of them.
pub const WEBHOOK_BODIES_SHARED: usize = 256;
pub const WEBHOOK_BODY_SHARED_BYTES_MAX: usize = 2_048;
/// Room for bodies that a dispatcher stands in line for before it reads a page.
pub const WEBHOOK_PAGE_ROOM_BYTES: usize = 16 * 1_024;
/// Connections that are kept open between deliveries, of the whole process and of one site.
pub const WEBHOOK_CONNECTIONS_KEPT_MAX: usize = 1_024;
pub const WEBHOOK_CONNECTIONS_PER_SITE_MAX: usize = 512;
/// Records of one page that a site keeps for all of its endpoints, and their bytes as stored.
pub const WEBHOOK_KEPT_PAGE_RECORDS: usize = 2_048;
pub const WEBHOOK_KEPT_PAGE_BYTES_MAX: usize = 512 * 1_024;
pub const WEBHOOK_KEPT_PAGES_PER_SITE_MAX: usize = 8;
pub const WEBHOOK_KEPT_PAGES_MAX: usize = 32;
/// Names that are looked up at once, and of these the names of one domain.
pub const WEBHOOK_LOOKUPS_MAX: usize = 256;
pub const WEBHOOK_LOOKUPS_PER_DOMAIN_MAX: usize = 8;
/// What a receiver may send over HTTP/2 before it is read: in one answer, in all of them together.
pub const WEBHOOK_STREAM_WINDOW_BYTES: u32 = 64 * 1_024;
pub const WEBHOOK_CONNECTION_WINDOW_BYTES: u32 = 256 * 1_024;
pub const WEBHOOK_CONNECT_MS_MAX: u64 = 5_000;
/// From the first look-up to the last byte of the answer.
pub const WEBHOOK_TOTAL_MS_MAX: u64 = 15_000;
pub const WEBHOOK_RESPONSE_BODY_BYTES_MAX: usize = 16 * 1_024;
/// What is shown of an answer's body.
pub const WEBHOOK_SNIPPET_BYTES_MAX: usize = 1_024;
/// Deliveries of the process that somebody waits for.
pub const WEBHOOK_TRIES_AT_ONCE_MAX: usize = 16;
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
/// How often it is stored that endpoints without work still have none.
pub const WEBHOOK_REST_MS: u64 = 60_000;
/// On a stop, deliveries on their way are waited for this long.
pub const WEBHOOK_DRAIN_MS_MAX: u64 = 20_000;
/// Dispatchers of one site that may wait for their progress to be stored, and go into one write;
/// and as many for their attempts.
pub const WEBHOOK_PROGRESS_WAITING_MAX: usize = 1_024;
/// Calls to the dispatchers of one site that may wait.
pub const WEBHOOK_CALLS_MAX: usize = 256;
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 24;
pub const WEBHOOK_SECRET_BYTES_MAX: usize = 64;
/// Bytes of one recovery's publications; beyond it the client reloads.
pub const RECOVERY_BYTES_MAX: usize = 512 * 1_024;
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
