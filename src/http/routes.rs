//! The route table, on one screen: method, path, who may call, name, handler. There is no other
//! way to add a route, so none can be without its access.

use super::access::Access::{
    Anyone, Keys, KeysOrSelf, Member, MembersOrKeys, Optional, Owner, Public,
};
use super::route::{Alias, Row, delete, get, patch, post, put, under};
use super::{
    abouts, app_keys, assignments, attempts, badges, badges_v3, community, connections, consumers,
    counters, custom_fields, endpoints, event_catalogue, events, field_applications,
    field_suggestions, followers, health, imports, ingest, items, jobs, likes, member_blocks,
    member_deletion, members, moderation, oauth, oauth_clients, privacy, redirects, replays,
    reports, roles, sign_on, sign_on_policy, site_auth, tokens, ui, user_members, verification,
};

/// The whole surface, by resource.
#[rustfmt::skip]
pub fn table() -> Vec<Row> {
    let groups = [
        under("/members/v1/activity-counters", Alias::Api, vec![
            post("/{memberId}/increment", Keys, "incrementActivityCounter", counters::increment),
            put("/{memberId}", Keys, "putActivityCounter", counters::put),
            get("/{memberId}", Anyone, "getActivityCounters", counters::get),
            post("/query", Anyone, "queryActivityCounters", counters::query),
        ]),
        members_rows(),
        moderation_rows(),
        setting_rows(),
        custom_field_rows(),
        report_rows(),
        about_rows(),
        under("/members/v3/followers", Alias::Api, vec![
            get("/my", Member, "listMyFollowers", followers::list_my_followers),
            get("/my/following", Member, "listMyFollowing", followers::list_my_following),
            post("/my/connections", Member, "queryMyConnections", connections::query_my),
            post("/{memberId}", Member, "followMember", followers::follow),
            delete("/{memberId}", Member, "unfollowMember", followers::unfollow),
            get("/{memberId}", Anyone, "listFollowers", followers::list_followers),
            get("/{memberId}/following", Anyone, "listFollowing", followers::list_following),
            post("/{memberId}/connections", KeysOrSelf, "queryConnections", connections::query),
        ]),
        under("/badges/v4/badges", Alias::Api, vec![
            post("", Keys, "createBadge", badges::create),
            post("/query", Anyone, "queryBadges", badges::query),
            get("/{badgeId}", Anyone, "getBadge", badges::get),
            patch("/{badgeId}", Keys, "updateBadge", badges::update),
            delete("/{badgeId}", Keys, "deleteBadge", badges::delete),
            post("/{badgeId}/move", Keys, "moveBadge", badges::move_one),
            post("/order", Keys, "updateBadgesDisplayOrder", badges::order),
        ]),
        badge_v3_rows(),
        assignment_rows(),
        under("/v1/items/{appId}/{itemId}", Alias::None, vec![
            put("", Keys, "putItem", items::put),
            get("", Anyone, "getItem", items::get),
            post("/likes", Member, "likeItem", likes::like),
            delete("/likes", Member, "unlikeItem", likes::unlike),
            get("/likes", Anyone, "listLikes", likes::list),
        ]),
        under("/v1", Alias::None, vec![
            post("/activity-counters/ingest", Keys, "ingestCounters", ingest::ingest).batch(),
            post("/members/import", Owner, "importMembers", imports::members).batch(),
            post("/follows/import", Owner, "importFollows", imports::follows).batch(),
            post("/member-tokens", Owner, "createMemberToken", tokens::create),
            get("/members/{memberId}/moderation", Keys, "getMemberModeration", moderation::get),
            post("/members/{memberId}/reject", Keys, "rejectMember", moderation::reject),
            get("/jobs", Keys, "listJobs", jobs::list),
            get("/jobs/{jobId}", Keys, "getJob", jobs::get),
            get("/apps/{appId}/webhook-keys", Keys, "getAppWebhookKeys", app_keys::get),
        ]),
        event_log(),
        webhooks(),
        identity_rows(),
        site_auth_rows(),
        under("", Alias::None, vec![
            get("/livez", Public, "livez", health::live),
            get("/readyz", Public, "readyz", health::ready),
            get("/metrics", Public, "metrics", health::metrics),
            get("/openapi.json", Public, "openapi", health::openapi),
            get("/asyncapi.json", Public, "asyncapi", health::asyncapi),
            get("/", Public, "page", ui::page),
            get("/ui/{file}", Public, "pageFile", ui::file),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

/// Who holds which badge.
#[rustfmt::skip]
fn assignment_rows() -> Vec<Row> {
    let groups = [
        under("/badges/v4/assignments", Alias::Named("/badges/v4/badge-assignments"), vec![
            post("", Keys, "createBadgeAssignment", assignments::create),
            post("/query", Keys, "queryBadgeAssignments", assignments::query),
            get("/{badgeAssignmentId}", Keys, "getBadgeAssignment", assignments::get),
            delete("/{badgeAssignmentId}", Keys, "deleteBadgeAssignment", assignments::delete),
        ]),
        under("/badges/v4/bulk/assignments", Alias::Named("/badges/v4/bulk/badge-assignments"), vec![
            post("/create", Keys, "bulkCreateBadgeAssignments", assignments::create_many),
            post("/delete", Keys, "bulkDeleteBadgeAssignments", assignments::delete_many),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

/// Badges as the version before spells them.
#[rustfmt::skip]
fn badge_v3_rows() -> Vec<Row> {
    under("/members/v3/badges", Alias::Api, vec![
        post("", Keys, "createBadgeV3", badges_v3::create),
        get("", Anyone, "listBadges", badges_v3::list),
        patch("/order", Keys, "updateBadgesDisplayOrderV3", badges_v3::order),
        post("/members", Keys, "listBadgesPerMember", badges_v3::list_badges_of),
        get("/members/count", Keys, "getMemberCountsPerBadge", badges_v3::count_members),
        get("/{id}", Anyone, "getBadgeV3", badges_v3::get),
        patch("/{badgeId}", Keys, "updateBadgeV3", badges_v3::update),
        delete("/{id}", Keys, "deleteBadgeV3", badges::delete),
        post("/{id}/members", Keys, "assignBadge", badges_v3::assign),
        delete("/{id}/members", Keys, "unassignBadge", badges_v3::unassign),
        get("/{id}/members", Keys, "listMembersByBadge", badges_v3::list_members),
    ])
}

/// Members as such.
#[rustfmt::skip]
fn members_rows() -> Vec<Row> {
    under("/members/v1/members", Alias::Api, vec![
        post("", Keys, "createMember", members::create),
        post("/join-community", Member, "joinCommunity", community::join),
        post("/leave-community", Member, "leaveCommunity", community::leave),
        post("/my/slug", Member, "updateMySlug", community::set_my_slug),
        post("/{id}/slug", KeysOrSelf, "updateMemberSlug", community::set_slug),
        get("", Anyone, "listMembers", members::list),
        post("/query", Anyone, "queryMembers", members::query),
        get("/my", Member, "getMyMember", members::get_my),
        get("/{id}", Anyone, "getMember", members::get),
        patch("/{memberId}", KeysOrSelf, "updateMember", members::update),
        post("/bulk/delete", Keys, "bulkDeleteMembers", member_deletion::delete_many),
        post("/bulk/delete-by-filter", Keys, "bulkDeleteMembersByFilter", jobs::delete),
        post("/bulk/approve-by-filter", Keys, "bulkApproveMembers", jobs::approve),
        post("/bulk/block-by-filter", Keys, "bulkBlockMembers", jobs::block),
        delete("/my", Member, "deleteMyMember", member_deletion::delete_my),
        delete("/{id}", Keys, "deleteMember", member_deletion::delete),
        delete("/{id}/addresses", KeysOrSelf, "deleteMemberAddresses", member_deletion::delete_addresses),
        delete("/{id}/emails", KeysOrSelf, "deleteMemberEmails", member_deletion::delete_emails),
        delete("/{id}/phones", KeysOrSelf, "deleteMemberPhones", member_deletion::delete_phones),
    ])
}

/// What is decided about members.
#[rustfmt::skip]
fn moderation_rows() -> Vec<Row> {
    under("/members/v1/members/{id}", Alias::Api, vec![
        post("/approve", Keys, "approveMember", moderation::approve),
        post("/block", Keys, "blockMember", moderation::block),
        post("/disconnect", Keys, "disconnectMember", moderation::disconnect),
        post("/mute", Keys, "muteMember", moderation::mute),
        post("/unmute", Keys, "unmuteMember", moderation::unmute),
    ])
}

/// What a site decides for all members, and the roles that they hold.
#[rustfmt::skip]
fn setting_rows() -> Vec<Row> {
    let groups = [
        under("/members/v1/default-privacy-status", Alias::Named("/v1/default-privacy-status"), vec![
            get("", Keys, "getDefaultPrivacyStatus", privacy::get_default),
            patch("", Owner, "setDefaultPrivacyStatus", privacy::set_default),
        ]),
        under("/members/v1/privacy-settings", Alias::Api, vec![
            get("", Anyone, "getMemberPrivacySettings", privacy::get_members),
            post("", Owner, "setMemberPrivacySettings", privacy::set_members),
        ]),
        under("/members/v1/member-to-member-blocks/members", Alias::Api, vec![
            post("/my", Member, "blockMemberForMe", member_blocks::block),
            get("/my", Member, "listCurrentMemberBlocking", member_blocks::list_my),
            delete("/my/{memberId}", Member, "unblockMemberForMe", member_blocks::unblock),
            get("/{memberId}", Keys, "listMemberBlocks", member_blocks::list_of),
        ]),
        under("/members/v1/roles/definitions", Alias::Api, vec![
            post("", Owner, "createMemberRoleDefinition", roles::create),
            get("", Keys, "listMemberRoleDefinitions", roles::list),
            get("/{roleKey}", Keys, "getMemberRoleDefinition", roles::get),
            patch("/{key}", Owner, "updateMemberRoleDefinition", roles::update),
            delete("/{roleKey}", Owner, "deleteMemberRoleDefinition", roles::delete),
        ]),
        under("/members/v1/roles/members", Alias::Api, vec![
            post("/query", Keys, "queryRoles", roles::query),
            post("/{memberId}", Keys, "assignRole", roles::assign),
            get("/{memberId}", Keys, "getRoles", roles::get_of_member),
            delete("/{memberId}", Keys, "unassignRole", roles::unassign),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

/// Fields of profiles, and to whom they apply.
#[rustfmt::skip]
fn custom_field_rows() -> Vec<Row> {
    let groups = [
        under("/members/v1/custom-fields", Alias::Api, vec![
            post("", Owner, "createCustomField", custom_fields::create),
            get("", Anyone, "listCustomFields", custom_fields::list),
            post("/order", Owner, "updateCustomFieldsOrder", custom_fields::order),
            get("/{id}", Keys, "getCustomField", custom_fields::get),
            patch("/{fieldId}", Owner, "updateCustomField", custom_fields::update),
            delete("/{id}", Owner, "deleteCustomField", custom_fields::delete),
            post("/{id}/hide", Owner, "hideCustomField", custom_fields::hide),
        ]),
        under("/members/v1/custom-fields-applications", Alias::Api, vec![
            post("", Owner, "createCustomFieldApplication", field_applications::create),
            post("/applications", Keys, "getCustomFieldApplications", field_applications::get_many),
            post("/members", Keys, "getMembersCustomFieldApplications", field_applications::of_members),
            post("/roles", Keys, "getRolesCustomFieldApplications", field_applications::of_roles),
            get("/{customFieldId}", Keys, "getCustomFieldApplication", field_applications::get),
            patch("/{customFieldId}", Owner, "updateCustomFieldApplication", field_applications::update),
            delete("/{customFieldId}", Owner, "deleteCustomFieldApplication", field_applications::delete),
        ]),
        under("/members/v1/custom-field-suggestions", Alias::Api, vec![
            get("", Keys, "listCustomFieldSuggestions", field_suggestions::list),
            post("/query", Keys, "queryCustomFieldSuggestions", field_suggestions::query),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

/// The queue of reports about members.
#[rustfmt::skip]
fn report_rows() -> Vec<Row> {
    under("/members/v1/member-reports", Alias::Api, vec![
        post("", MembersOrKeys, "reportMember", reports::create),
        post("/query", Keys, "queryMemberReports", reports::query),
        get("/members", Keys, "listReportedMembers", reports::list_members),
        post("/members/query", Keys, "queryReportedMembers", reports::query_members),
        delete("/members/{memberId}", Keys, "deleteMemberReports", reports::delete),
        post("/members/{memberId}/reviewed", Keys, "reviewMemberReports", reports::review),
    ])
}

/// What members tell about themselves. Whose it is decides what a member may do with it.
#[rustfmt::skip]
fn about_rows() -> Vec<Row> {
    under("/members/v2/abouts", Alias::Api, vec![
        post("", MembersOrKeys, "createMemberAbout", abouts::create),
        post("/query", Anyone, "queryMemberAbouts", abouts::query),
        get("/my", Member, "getMyMemberAbout", abouts::get_my),
        get("/{id}", Anyone, "getMemberAbout", abouts::get),
        patch("/{memberAboutId}", MembersOrKeys, "updateMemberAbout", abouts::update),
        delete("/{id}", MembersOrKeys, "deleteMemberAbout", abouts::delete),
    ])
}

/// The event log, and what is in it.
#[rustfmt::skip]
fn event_log() -> Vec<Row> {
    under("/v1", Alias::None, vec![
        get("/events", Owner, "listEvents", events::list),
        get("/events/consumers", Owner, "listEventConsumers", consumers::list),
        put("/events/consumers/{name}", Owner, "putEventConsumer", consumers::put),
        delete("/events/consumers/{name}", Owner, "deleteEventConsumer", consumers::delete),
        post("/events/consumers/{name}/ack", Owner, "ackEvents", consumers::acknowledge),
        get("/event-types", Anyone, "listEventTypes", event_catalogue::list),
    ])
}

/// Deliveries to endpoints.
#[rustfmt::skip]
fn webhooks() -> Vec<Row> {
    under("/v1/webhook-endpoints", Alias::None, vec![
        post("", Owner, "createWebhookEndpoint", endpoints::create),
        get("", Owner, "listWebhookEndpoints", endpoints::list),
        get("/{endpointId}", Owner, "getWebhookEndpoint", endpoints::get),
        patch("/{endpointId}", Owner, "updateWebhookEndpoint", endpoints::update),
        delete("/{endpointId}", Owner, "deleteWebhookEndpoint", endpoints::delete),
        post("/{endpointId}/enable", Owner, "enableWebhookEndpoint", endpoints::enable),
        post("/{endpointId}/disable", Owner, "disableWebhookEndpoint", endpoints::disable),
        post("/{endpointId}/test", Owner, "testWebhookEndpoint", endpoints::try_out),
        get("/{endpointId}/attempts", Owner, "listWebhookAttempts", attempts::list),
        post("/{endpointId}/replay", Owner, "replayWebhookEvents", replays::replay),
        get("/{endpointId}/dead-letters", Owner, "listDeadLetters", attempts::dead_letters),
        post("/{endpointId}/dead-letters/retry", Owner, "retryDeadLetters", attempts::retry),
        post("/{endpointId}/dead-letters/purge", Owner, "purgeDeadLetters", attempts::purge),
        post("/{endpointId}/rotate", Owner, "rotateWebhookEndpoint", endpoints::rotate),
    ])
}

/// Who members are: tokens, registering, logging in and out.
#[rustfmt::skip]
fn identity_rows() -> Vec<Row> {
    let groups = [
        under("/v1/oauth-clients", Alias::None, vec![
            post("", Owner, "createOauthClient", oauth_clients::create),
            get("", Owner, "listOauthClients", oauth_clients::list),
            delete("/{clientId}", Owner, "deleteOauthClient", oauth_clients::delete),
        ]),
        under("/oauth2", Alias::Api, vec![
            post("/token", Public, "issueToken", oauth::token),
            post("/token-info", Optional, "tokenInfo", oauth::token_info),
            get("/user-info", Member, "userInfo", oauth::user_info),
            get("/jwks", Optional, "jwks", oauth::jwks),
            get("/authorize", Public, "authorize", redirects::authorize),
        ]),
        under("/_api/redirects-api/v1", Alias::None, vec![
            post("/redirect-session", Anyone, "createRedirectSession", redirects::create),
        ]),
        under("/_api/iam/authentication", Alias::None, vec![
            post("/v2/register", Anyone, "register", sign_on::register),
            post("/v2/login", Anyone, "login", sign_on::login),
            post("/v2/sign-on", Owner, "signOn", sign_on::sign_on),
            post("/v2/change-password", Member, "changePassword", sign_on::change_password),
            post("/v2/validate-email", Anyone, "validateEmail", sign_on::validate_email),
            get("/v1/logout", Optional, "logout", redirects::logout),
        ]),
        under("/_api/iam/verification/v1", Alias::None, vec![
            post("/start", Member, "startVerification", verification::start),
            post("/auth/verify", Anyone, "verifyDuringAuthentication", verification::verify),
        ]),
        under("/_api/iam/recovery/v1", Alias::None, vec![
            post("/send-email", Anyone, "sendRecoveryEmail", verification::send_recovery),
            post("/activation-email", Keys, "sendActivationEmail", verification::send_activation),
            post("/recover", Anyone, "recover", verification::recover),
        ]),
        under("/v1/outbox", Alias::None, vec![
            get("", Owner, "listMails", verification::outbox),
            delete("", Owner, "deleteMails", verification::clear_outbox),
        ]),
        under("/iam/signon/v1/sign-on-policies", Alias::Api, vec![
            get("", Keys, "getSignOnPolicy", sign_on_policy::get),
            patch("", Keys, "updateSignOnPolicy", sign_on_policy::update),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

/// Who members are, as the platform's older module spells it.
#[rustfmt::skip]
fn site_auth_rows() -> Vec<Row> {
    const AUTH: &str = "/wix-sm/api/v1/auth";
    let named = |path: &'static str| Alias::Named(path);
    let groups = [
        under("/api/v1/members", named("/_api/wix-sm-webapp/v1/members"), vec![
            post("/approve", Owner, "approveSiteMember", site_auth::approve),
            post("/block", Keys, "blockSiteMember", site_auth::block),
            patch("/{id}/change-login-email", Owner, "changeLoginEmail", site_auth::change_login_email),
        ]),
        under(&format!("{AUTH}/api/v1/auth/login"), named("/identity/members/api/v1/auth/login"), vec![
            post("", Anyone, "loginSiteMember", site_auth::login),
        ]),
        under(&format!("{AUTH}/api/v1/auth/register"), named("/api/v1/auth/register"), vec![
            post("", Anyone, "registerSiteMember", site_auth::register),
        ]),
        under(&format!("{AUTH}/v1/auth/members"), named("/identity/members/v1/auth/members"), vec![
            post("/send-set-password-email", Keys, "sendSetPasswordEmail", site_auth::send_set_password),
        ]),
        under("/members/v1/user-members", Alias::Api, vec![
            post("/query", Keys, "queryUserMembers", user_members::query),
        ]),
    ];
    groups.into_iter().flatten().collect()
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
