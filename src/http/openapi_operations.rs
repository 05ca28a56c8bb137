//! What each operation is for and which shapes it takes and gives, in one line. The notation of
//! shapes is in `openapi_schemas`.

/// The words of one operation; `request` and `response` are the fields of its bodies.
pub struct Described {
    pub name: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub query: &'static str,
    pub request: &'static str,
    pub response: &'static str,
}

pub(super) const fn words(
    name: &'static str,
    tag: &'static str,
    summary: &'static str,
    bodies: Bodies,
) -> Described {
    let Bodies { query, request, response } = bodies;
    Described { name, tag, summary, query, request, response }
}

/// The three shapes of an operation.
pub(super) struct Bodies {
    query: &'static str,
    request: &'static str,
    response: &'static str,
}

/// An operation that reads only its path and query string.
pub(super) const fn reads(query: &'static str, response: &'static str) -> Bodies {
    Bodies { query, request: "", response }
}

/// An operation that takes a body.
pub(super) const fn takes(request: &'static str, response: &'static str) -> Bodies {
    Bodies { query: "", request, response }
}

pub const PAGE: &str = "paging.limit?: pageLimit, paging.offset?: integer, paging.cursor?: cursor";
const FLAT_PAGE: &str = "limit?: pageLimit, offset?: integer, cursor?: cursor";
const LIST: &str =
    "paging.limit?: pageLimit, paging.offset?: integer, fieldsets?: [Fieldset], .r?: request";
const IDS: &str = "memberIds: [uuid], pagingMetadata: PagingMetadata";
const CONNECTIONS: &str = "connectedMembers: [Connection]";
const MEMBER: &str = "member: Member";
pub const BULK: &str = "results: [BulkResult], bulkActionMetadata: BulkCounts";
const REPORTED: &str = "reportedMembers: [ReportedMember], pagingMetadata: PagingMetadata";
const MODERATION: &str = "id?: uuid, reason?: moderationReason, by?: moderatorName";
const MODERATION_UNTIL: &str =
    "id?: uuid, reason?: moderationReason, until?: time, by?: moderatorName";
const ABOUT: &str = "memberAbout: MemberAbout";
const MEMBERS: &str = "members: [Member], metadata: PagingMetadata";
const COUNTERS: &str = "activityCounters: [ActivityCounter]";
const WRITTEN: &str = "activityCounter: ActivityCounter, duplicate?: boolean";
const LIKED: &str = "liked: boolean, total: integer, item: Item, seq: seq";
const INGEST: &str = "producer?: producerName, n?: integer, increments: [Increment]";
const INGESTED: &str = "accepted: integer, duplicates: integer, errors: [LineFault], n?: integer, \
    opIdFloorMs?: integer, seq: seq";
const ENDPOINT: &str = "endpoint: WebhookEndpoint, seq: seq";
const NEW_ENDPOINT: &str = "endpoint: NewWebhookEndpoint, seq: seq";
const ENDPOINT_INPUT: &str = "url?: url, eventTypes?: [string], description?: endpointText, \
    headers?: any, channels?: EndpointChannels, conditions?: any, ratePerMinute?: endpointRate, \
    mode?: DeliveryMode, format?: PayloadFormat, appId?: string, badgeEvents?: BadgeEvents, \
    requestOrigin?: hostName, counterBatch?: CounterBatch, maxInFlight?: inFlight";
const NEW_ENDPOINT_INPUT: &str = "url: url, eventTypes?: [string], description?: endpointText, \
    headers?: any, channels?: EndpointChannels, conditions?: any, ratePerMinute?: endpointRate, \
    mode?: DeliveryMode, format?: PayloadFormat, appId?: string, badgeEvents?: BadgeEvents, \
    requestOrigin?: hostName, counterBatch?: CounterBatch, maxInFlight?: inFlight";

pub const OPERATIONS: &[Described] = &[
    words("createMember", "Members", "Create a member", takes("member?: MemberInput", MEMBER)),
    words("listMembers", "Members", "List members", reads(LIST, MEMBERS)),
    words(
        "queryMembers",
        "Members",
        "Query members",
        takes("query?: MemberQuery, fieldsets?: [Fieldset]", MEMBERS),
    ),
    words(
        "getMyMember",
        "Members",
        "Get the member of the token",
        reads("fieldsets?: [Fieldset]", MEMBER),
    ),
    words("getMember", "Members", "Get a member", reads("fieldsets?: [Fieldset]", MEMBER)),
    words(
        "updateMember",
        "Members",
        "Change what is sent of a member",
        takes("member: MemberInput", MEMBER),
    ),
    words(
        "bulkDeleteMembers",
        "Members",
        "Delete members, each for itself",
        takes("memberIds: [uuid]", BULK),
    ),
    words(
        "deleteMyMember",
        "Members",
        "Delete the member of the token",
        reads("contentAssigneeId?: uuid", ""),
    ),
    words("deleteMember", "Members", "Delete a member", reads("", "")),
    words(
        "deleteMemberAddresses",
        "Members",
        "Take all addresses of a member away",
        reads("", MEMBER),
    ),
    words("deleteMemberEmails", "Members", "Take all e-mails of a member away", reads("", MEMBER)),
    words("deleteMemberPhones", "Members", "Take all phones of a member away", reads("", MEMBER)),
    words(
        "approveMember",
        "Moderation",
        "Let a member in that asked to join, or was blocked",
        takes(MODERATION, MEMBER),
    ),
    words(
        "rejectMember",
        "Moderation",
        "Turn a member away that asked to join",
        takes(MODERATION, MEMBER),
    ),
    words(
        "blockMember",
        "Moderation",
        "Block a member, for good or until a time",
        takes(MODERATION_UNTIL, MEMBER),
    ),
    words(
        "disconnectMember",
        "Moderation",
        "Put a member out, for good",
        takes(MODERATION, MEMBER),
    ),
    words(
        "muteMember",
        "Moderation",
        "Mute a member, for good or until a time",
        takes(MODERATION_UNTIL, MEMBER),
    ),
    words("unmuteMember", "Moderation", "Mute a member no more", takes(MODERATION, MEMBER)),
    words(
        "getMemberModeration",
        "Moderation",
        "Tell what stands against a member, and until when",
        reads("", "block?: Sanction, mute?: Sanction, seq: seq"),
    ),
    words(
        "createMemberAbout",
        "Abouts",
        "Tell about a member",
        takes("memberAbout: NewMemberAbout", ABOUT),
    ),
    words(
        "queryMemberAbouts",
        "Abouts",
        "Query what members tell about themselves",
        takes("query?: AssignmentQuery", "memberAbouts: [MemberAbout], metadata: PagingMetadata"),
    ),
    words("getMyMemberAbout", "Abouts", "Get what the member of the token tells", reads("", ABOUT)),
    words("getMemberAbout", "Abouts", "Get what a member tells", reads("", ABOUT)),
    words(
        "updateMemberAbout",
        "Abouts",
        "Replace what a member tells, at the revision that was seen",
        takes("memberAbout: MemberAboutInput", ABOUT),
    ),
    words("deleteMemberAbout", "Abouts", "Take away what a member tells", reads("", "")),
    words(
        "reportMember",
        "Reports",
        "Report a member to the owner",
        takes("memberReport: MemberReportInput", "memberReport: MemberReport"),
    ),
    words(
        "queryMemberReports",
        "Reports",
        "Query reports about members",
        takes(
            "query?: AssignmentQuery",
            "memberReports: [MemberReport], pagingMetadata: PagingMetadata",
        ),
    ),
    words(
        "listReportedMembers",
        "Reports",
        "List members that were reported",
        reads(PAGE, REPORTED),
    ),
    words(
        "queryReportedMembers",
        "Reports",
        "Query members that were reported",
        takes("query?: AssignmentQuery", REPORTED),
    ),
    words("deleteMemberReports", "Reports", "Take all reports about a member away", reads("", "")),
    words(
        "reviewMemberReports",
        "Reports",
        "Mark the reports about a member as looked at",
        takes("", ""),
    ),
    words("followMember", "Followers", "Follow a member", takes("", "")),
    words("unfollowMember", "Followers", "Unfollow a member", reads("", "")),
    words("listMyFollowers", "Followers", "List one's followers", reads(PAGE, IDS)),
    words("listMyFollowing", "Followers", "List whom one follows", reads(PAGE, IDS)),
    words("listFollowers", "Followers", "List a member's followers", reads(PAGE, IDS)),
    words("listFollowing", "Followers", "List whom a member follows", reads(PAGE, IDS)),
    words(
        "queryMyConnections",
        "Followers",
        "How one stands to others",
        takes("connectedMemberIds: [uuid]", CONNECTIONS),
    ),
    words(
        "queryConnections",
        "Followers",
        "How a member stands to others",
        takes("connectedMemberIds: [uuid]", CONNECTIONS),
    ),
    words("putActivityCounter", "Counters", "Set a counter", takes("counter: Counter", WRITTEN)),
    words(
        "getActivityCounters",
        "Counters",
        "Get a member's counters, by app",
        reads("", COUNTERS),
    ),
    words(
        "queryActivityCounters",
        "Counters",
        "Query public counters by member",
        takes(
            "query?: CounterQuery",
            "activityCounters: [ActivityCounter], metadata: PagingMetadata",
        ),
    ),
    words(
        "incrementActivityCounter",
        "Counters",
        "Increment one counter, exactly once where opId is sent",
        takes("counter: CounterStep, opId?: opId", WRITTEN),
    ),
    words("ingestCounters", "Counters", "Increment by the thousand", takes(INGEST, INGESTED)),
    words(
        "putItem",
        "Items",
        "Tell of an item that a member authored",
        takes(
            "author?: uuid, type?: itemType, title?: itemTitle, url?: url",
            "item: Item, seq: seq",
        ),
    ),
    words("getItem", "Items", "Get an item and its likes", reads("", "item: Item, seq: seq")),
    words("likeItem", "Items", "Like an item", takes("", LIKED)),
    words("unlikeItem", "Items", "Take a like back", reads("", LIKED)),
    words(
        "listLikes",
        "Items",
        "Total of an item's likes, and who likes it",
        reads(
            FLAT_PAGE,
            "total: integer, memberIds: [uuid], pagingMetadata: PagingMetadata, seq: seq",
        ),
    ),
    words(
        "importMembers",
        "Bulk",
        "Create members, one object a line",
        takes("", "ids: [uuidOrNull], errors: [LineFault], seq: seq"),
    ),
    words(
        "importFollows",
        "Bulk",
        "Create follows, one {memberId, followingId} a line",
        takes("", "accepted: integer, errors: [LineFault], seq: seq"),
    ),
    words(
        "createMemberToken",
        "Access",
        "Make a token with which a member acts",
        takes("memberId: uuid", "accessToken: string, expiresIn: integer, seq: seq"),
    ),
    words(
        "listEvents",
        "Events",
        "Read the event log after a seq",
        reads(
            "after?: seq, consumer?: string, limit?: eventsLimit, types?: [string]",
            "events: [Event], next: seq, hasMore: boolean, seq: seq",
        ),
    ),
    words(
        "listEventConsumers",
        "Events",
        "Named consumers and where they stand",
        reads("", "consumers: [Consumer], seq: seq"),
    ),
    words(
        "putEventConsumer",
        "Events",
        "Make a consumer, or move one to a place in the log",
        takes("after?: seq", "consumer: Consumer, seq: seq"),
    ),
    words("deleteEventConsumer", "Events", "Forget a consumer", reads("", "")),
    words(
        "ackEvents",
        "Events",
        "Everything up to this seq is done",
        takes("seq: seq", "consumer: Consumer, seq: seq"),
    ),
    words(
        "listEventTypes",
        "Events",
        "Every type of event with its JSON Schema and an example",
        reads("", "eventTypes: [EventType]"),
    ),
    words(
        "createWebhookEndpoint",
        "Webhooks",
        "Have events delivered to an address",
        takes(NEW_ENDPOINT_INPUT, NEW_ENDPOINT),
    ),
    words(
        "listWebhookEndpoints",
        "Webhooks",
        "List endpoints",
        reads(FLAT_PAGE, "endpoints: [WebhookEndpoint], pagingMetadata: PagingMetadata, seq: seq"),
    ),
    words("getWebhookEndpoint", "Webhooks", "Get an endpoint", reads("", ENDPOINT)),
    words("deleteWebhookEndpoint", "Webhooks", "Delete an endpoint", reads("", "seq: seq")),
    words(
        "rotateWebhookEndpoint",
        "Webhooks",
        "Make a new secret; the old one signs along for a while",
        takes("gracePeriodSeconds?: gracePeriod", NEW_ENDPOINT),
    ),
    words(
        "updateWebhookEndpoint",
        "Webhooks",
        "Change what is sent of an endpoint",
        takes(ENDPOINT_INPUT, ENDPOINT),
    ),
    words(
        "enableWebhookEndpoint",
        "Webhooks",
        "Deliver again, from where it stopped",
        takes("", ENDPOINT),
    ),
    words(
        "disableWebhookEndpoint",
        "Webhooks",
        "Stop delivering; the place in the log is kept",
        takes("", ENDPOINT),
    ),
    words(
        "testWebhookEndpoint",
        "Webhooks",
        "Send an example once, and tell how it went",
        takes("eventType?: string", "attempt: TriedDelivery, seq: seq"),
    ),
    words(
        "listWebhookAttempts",
        "Webhooks",
        "The newest attempts of an endpoint, newest first",
        reads(
            "limit?: pageLimit, before?: integer, result?: AttemptResult, seq?: seq",
            "attempts: [WebhookAttempt], next: any, seq: seq",
        ),
    ),
    words(
        "replayWebhookEvents",
        "Webhooks",
        "Send an event, what failed since a time, or a stretch of the log once more",
        takes(
            "eventSeq?: seq, failedSince?: time, range?: ReplayRange, dryRun?: boolean, url?: url",
            "matching?: integer, capped?: boolean, dryRun?: boolean, replayId?: seq, \
             attempt?: TriedDelivery, seq: seq",
        ),
    ),
    words(
        "listDeadLetters",
        "Webhooks",
        "Events that were given up",
        reads(
            "limit?: pageLimit, after?: seq",
            "deadLetters: [DeadLetter], total: integer, next: any, seq: seq",
        ),
    ),
    words(
        "retryDeadLetters",
        "Webhooks",
        "Send what was given up once more; all, or the named",
        takes("eventSeqs?: [seq]", "retried: integer, seq: seq"),
    ),
    words(
        "purgeDeadLetters",
        "Webhooks",
        "Forget what was given up; all, or the named",
        takes("eventSeqs?: [seq]", "purged: integer, seq: seq"),
    ),
    words(
        "getAppWebhookKeys",
        "Webhooks",
        "The public key of an app's signed deliveries, as a key set and as PEM",
        reads("", "appId: string, keys: [any], publicKeyPem: string"),
    ),
    words("livez", "Operation", "Is the process alive", reads("", "status: string")),
    words("readyz", "Operation", "Should requests be sent here", reads("", "status: string")),
    words("metrics", "Operation", "Metrics in the Prometheus text format", reads("", "")),
    words("openapi", "Operation", "This document", reads("", "")),
    words("asyncapi", "Operation", "Channels, webhooks and their events", reads("", "")),
    words("page", "Operation", "The live page", reads("", "")),
    words("pageFile", "Operation", "A file of the live page", reads("", "")),
];
