//! The words of the operations on fields of profiles.

use super::openapi_operations::{Described, PAGE, reads, takes, words};

const FIELD: &str = "field: CustomField";
const APPLICATION: &str = "application: CustomFieldApplication";
const SUGGESTIONS: &str = "suggestions: [CustomFieldSuggestion], metadata: PagingMetadata";

pub const OPERATIONS: &[Described] = &[
    words(
        "createCustomField",
        "Custom fields",
        "Add a field to profiles",
        takes("field: CustomFieldInput", FIELD),
    ),
    words(
        "listCustomFields",
        "Custom fields",
        "List the fields that are shown, in their order",
        reads(PAGE, "fields: [CustomField], metadata: PagingMetadata"),
    ),
    words("getCustomField", "Custom fields", "Get a field, hidden or not", reads("", FIELD)),
    words(
        "updateCustomField",
        "Custom fields",
        "Edit a field; its key and type stay",
        takes("field: CustomFieldUpdate", FIELD),
    ),
    words(
        "deleteCustomField",
        "Custom fields",
        "Delete a field and its application",
        reads("revision: string", ""),
    ),
    words(
        "hideCustomField",
        "Custom fields",
        "Take a field off all lists",
        takes("id?: uuid, revision: string", ""),
    ),
    words(
        "updateCustomFieldsOrder",
        "Custom fields",
        "Put these first, in this order",
        takes(
            "fieldIds: [uuid], section?: FieldSection",
            "fields: [CustomField], section?: FieldSection",
        ),
    ),
    words(
        "createCustomFieldApplication",
        "Custom fields",
        "Let a field apply to some only",
        takes("application: CustomFieldApplicationInput", APPLICATION),
    ),
    words(
        "getCustomFieldApplication",
        "Custom fields",
        "To whom a field applies",
        reads("", APPLICATION),
    ),
    words(
        "getCustomFieldApplications",
        "Custom fields",
        "To whom several fields apply",
        takes("customFieldIds: [uuid]", "applications: [CustomFieldApplication]"),
    ),
    words(
        "updateCustomFieldApplication",
        "Custom fields",
        "Let a field apply to others",
        takes("application: CustomFieldApplicationUpdate", APPLICATION),
    ),
    words(
        "deleteCustomFieldApplication",
        "Custom fields",
        "Let a field apply to everybody again",
        reads("", ""),
    ),
    words(
        "getMembersCustomFieldApplications",
        "Custom fields",
        "Which fields apply to members",
        takes("memberIds: [uuid]", "results: [MemberFields]"),
    ),
    words(
        "getRolesCustomFieldApplications",
        "Custom fields",
        "Which fields apply to roles",
        takes("roleIds: [uuid]", "results: [RoleFields]"),
    ),
    words(
        "listCustomFieldSuggestions",
        "Custom fields",
        "List fields that profiles often have",
        reads(PAGE, SUGGESTIONS),
    ),
    words(
        "queryCustomFieldSuggestions",
        "Custom fields",
        "Find fields that profiles often have",
        takes("query?: ListQuery", SUGGESTIONS),
    ),
];

pub const COMPONENTS: &[(&str, &str)] = &[
    (
        "CustomField",
        "id: uuid, name: fieldName, key: string, defaultPrivacy: Privacy, fieldType: FieldType, \
         socialType?: SocialType, fieldOrigin: string, section: FieldSection, createdDate: time, \
         updatedDate: time, revision: string",
    ),
    (
        "CustomFieldInput",
        "name: fieldName, defaultPrivacy?: Privacy, fieldType?: FieldType, socialType?: SocialType",
    ),
    (
        "CustomFieldUpdate",
        "name?: fieldName, defaultPrivacy?: Privacy, socialType?: SocialType, revision: string",
    ),
    ("FieldType", "TEXT|NUMBER|DATE|URL|SOCIAL"),
    (
        "SocialType",
        "FACEBOOK|INSTAGRAM|LINKEDIN|TWITTER|YOUTUBE|PINTEREST|TIKTOK|DEVIANTART|SOUNDCLOUD|TUMBLR|\
         VIMEO|VKONTAKTE|ODNOKLASSNIKI|OTHER",
    ),
    ("FieldSection", "GENERAL|SOCIAL"),
    ("FieldScope", "ROLE|BADGE|PRICING_PLAN|MEMBER"),
    (
        "CustomFieldApplication",
        "customFieldId: uuid, applications: FieldAppliesItems, exclusions: FieldExclusionItems, \
         revision: string",
    ),
    (
        "CustomFieldApplicationInput",
        "customFieldId: uuid, applications?: FieldAppliesItems, exclusions?: FieldExclusionItems",
    ),
    (
        "CustomFieldApplicationUpdate",
        "applications?: FieldAppliesItems, exclusions?: FieldExclusionItems, revision: string",
    ),
    ("FieldAppliesItems", "items: [FieldApplies]"),
    ("FieldApplies", "applicationType: FieldScope, entityId: uuid"),
    ("FieldExclusionItems", "items: [FieldExclusion]"),
    ("FieldExclusion", "exclusionType: FieldScope, entityId: uuid"),
    ("MemberFields", "memberId: uuid, applications: [FieldApplied]"),
    ("RoleFields", "roleId: uuid, applications: [FieldApplied]"),
    ("FieldApplied", "customFieldKey: string, applies: boolean, customField: CustomField"),
    (
        "CustomFieldSuggestion",
        "name: fieldName, defaultPrivacy: Privacy, fieldType: FieldType, socialType?: SocialType, \
         fieldOrigin: string, customFieldId?: uuid",
    ),
];
