//! The words of the operations around badges, in both of their versions.

use super::openapi_operations::{BULK, Described, PAGE, reads, takes, words};

const ASSIGNMENTS: &str = "badgeAssignments: [BadgeAssignment], pagingMetadata: PagingMetadata";

pub const OPERATIONS: &[Described] = &[
    words(
        "createBadge",
        "Badges",
        "Create a badge, with a rule that assigns it if wanted",
        takes("badge: BadgeInput", "badge: Badge"),
    ),
    words("getBadge", "Badges", "Get a badge", reads("", "badge: Badge")),
    words(
        "queryBadges",
        "Badges",
        "Query badges, in display order where no other is asked for",
        takes("query?: ListQuery", "badges: [Badge], pagingMetadata: PagingMetadata"),
    ),
    words("deleteBadge", "Badges", "Delete a badge and revoke its assignments", reads("", "")),
    words(
        "updateBadge",
        "Badges",
        "Change what is sent of a badge, at the revision that was seen where one is sent",
        takes("badge: BadgeUpdate, fieldMask?: any", "badge: Badge"),
    ),
    words(
        "moveBadge",
        "Badges",
        "Move a badge in the display order",
        takes("position?: BadgePosition, moveAfterBadgeId?: uuid", ""),
    ),
    words(
        "updateBadgesDisplayOrder",
        "Badges",
        "Put badges first in the display order",
        takes("ids: [uuid]", "badges: [Badge]"),
    ),
    words(
        "createBadgeV3",
        "Badges v3",
        "Create a badge",
        takes("badge: BadgeV3Input", "badge: BadgeV3"),
    ),
    words(
        "listBadges",
        "Badges v3",
        "List badges in display order",
        reads(PAGE, "badges: [BadgeV3], metadata: PagingMetadata"),
    ),
    words("getBadgeV3", "Badges v3", "Get a badge", reads("", "badge: BadgeV3")),
    words(
        "updateBadgeV3",
        "Badges v3",
        "Change what is sent of a badge",
        takes("badge: BadgeV3Update", "badge: BadgeV3"),
    ),
    words("deleteBadgeV3", "Badges v3", "Delete a badge and revoke its assignments", reads("", "")),
    words(
        "updateBadgesDisplayOrderV3",
        "Badges v3",
        "Put badges first in the display order",
        takes("badgeIds: [uuid]", "badges: [BadgeV3]"),
    ),
    words(
        "assignBadge",
        "Badges v3",
        "Assign a badge to members; those who hold it now are answered",
        takes("memberIds: [uuid]", "memberIds: [uuid]"),
    ),
    words(
        "unassignBadge",
        "Badges v3",
        "Take a badge from members",
        reads("memberIds: [uuid]", ""),
    ),
    words(
        "listMembersByBadge",
        "Badges v3",
        "List who holds a badge",
        reads(PAGE, "memberIds: [uuid], metadata: PagingMetadata"),
    ),
    words(
        "getMemberCountsPerBadge",
        "Badges v3",
        "How many hold each badge",
        reads("", "badgeMemberCounts: [BadgeMemberCount]"),
    ),
    words(
        "listBadgesPerMember",
        "Badges v3",
        "The badges of each member",
        takes("memberIds: [uuid]", "memberBadgeIds: [MemberBadgeIds]"),
    ),
    words(
        "getBadgeAssignment",
        "Badges",
        "Get an assignment",
        reads("", "badgeAssignment: BadgeAssignment"),
    ),
    words(
        "bulkCreateBadgeAssignments",
        "Badges",
        "Assign badges, each for itself",
        takes(
            "badgeAssignments: [BadgeAssignmentInput], returnEntity?: boolean",
            "results: [BulkAssignment], bulkActionMetadata: BulkCounts",
        ),
    ),
    words(
        "bulkDeleteBadgeAssignments",
        "Badges",
        "Unassign badges, each for itself",
        takes("badgeAssignmentIds: [uuid]", BULK),
    ),
    words(
        "createBadgeAssignment",
        "Badges",
        "Assign a badge",
        takes("badgeAssignment: BadgeAssignmentInput", "badgeAssignment: BadgeAssignment"),
    ),
    words("deleteBadgeAssignment", "Badges", "Unassign a badge", reads("", "")),
    words(
        "queryBadgeAssignments",
        "Badges",
        "Query assignments by badge and member",
        takes("query?: ListQuery", ASSIGNMENTS),
    ),
];
