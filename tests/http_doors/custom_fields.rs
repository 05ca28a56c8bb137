//! Fields of profiles and to whom they apply, through the doors.

use serde_json::{Value, json};

use crate::client::{Site, code, each, text};

const FIELDS: &str = "/members/v1/custom-fields";
const APPLICATIONS: &str = "/members/v1/custom-fields-applications";
const SUGGESTIONS: &str = "/members/v1/custom-field-suggestions";
const UNKNOWN: &str = "ffffffff-0000-4000-8000-00000000ffff";
const INVALID: (u16, &str) = (400, "INVALID_ARGUMENT");

fn create(site: &Site, field: Value) -> Value {
    site.done("POST", FIELDS, json!({ "field": field }))["field"].clone()
}

fn names(site: &Site) -> Vec<String> {
    each(&site.done("GET", FIELDS, Value::Null)["fields"], "/name")
}

#[test]
fn a_field_is_made_edited_ordered_hidden_and_deleted() {
    let site = Site::start();
    let colour = create(&site, json!({"name": "Favourite colour"}));
    assert_eq!(
        (&colour["key"], &colour["fieldType"]),
        (&json!("favourite-colour"), &json!("TEXT"))
    );
    assert_eq!((&colour["section"], &colour["revision"]), (&json!("GENERAL"), &json!("1")));
    let social = json!({"name": "Tube", "fieldType": "SOCIAL", "socialType": "YOUTUBE"});
    let tube = create(&site, social);
    assert_eq!(tube["section"], "SOCIAL");
    let twin = create(&site, json!({"name": "favourite COLOUR", "defaultPrivacy": "PRIVATE"}));
    assert_eq!(twin["key"], "favourite-colour-2");
    let wrong = json!({"field": {"name": "X", "fieldType": "TEXT", "socialType": "OTHER"}});
    site.refused("POST", FIELDS, wrong, (409, "INVALID_FIELD_SOCIAL_TYPE"));
    let faults = json!({"field": {"fieldType": "SONG", "name": "x".repeat(151)}});
    let problem = site.refused("POST", FIELDS, faults, INVALID);
    assert_eq!(each(&problem["errors"], "/code"), ["MAX_LENGTH", "ENUM"]);
    let path = format!("{FIELDS}/{}", text(&colour["id"]));
    let edit = |revision: &str| json!({"field": {"name": "Best colour", "revision": revision}});
    let edited = site.done("PATCH", &path, edit("1"))["field"].clone();
    assert_eq!(
        (&edited["name"], &edited["key"]),
        (&json!("Best colour"), &json!("favourite-colour"))
    );
    site.refused("PATCH", &path, edit("1"), (409, "INVALID_REVISION"));
    site.refused("PATCH", &path, json!({"field": {"name": "Z"}}), INVALID);
    let order = json!({"fieldIds": [twin["id"], tube["id"]]});
    let ordered = site.done("POST", &format!("{FIELDS}/order"), order);
    let expected = ["favourite COLOUR", "Tube", "Best colour"];
    assert_eq!(each(&ordered["fields"], "/name"), expected);
    let social = json!({"fieldIds": [tube["id"]], "section": "SOCIAL"});
    let social = site.done("POST", &format!("{FIELDS}/order"), social);
    assert_eq!((each(&social["fields"], "/name").len(), &social["section"]), (1, &json!("SOCIAL")));
    let site = site.restarted();
    assert_eq!(names(&site), ["Tube", "favourite COLOUR", "Best colour"]);
    let page = site.done("GET", &format!("{FIELDS}?paging.limit=1&paging.offset=1"), Value::Null);
    assert_eq!(each(&page["fields"], "/name"), ["favourite COLOUR"]);
    assert_eq!(page["metadata"]["total"], 3);
    let hide = format!("{FIELDS}/{}/hide", text(&twin["id"]));
    site.done("POST", &hide, json!({"revision": "1"}));
    assert_eq!(names(&site), ["Tube", "Best colour"]);
    let hidden = site.done("GET", &format!("{FIELDS}/{}", text(&twin["id"])), Value::Null);
    assert_eq!(hidden["field"]["revision"], "2");
    site.refused("DELETE", &format!("{path}?revision=1"), Value::Null, (409, "INVALID_REVISION"));
    site.done("DELETE", &format!("{path}?revision=2&id=x"), Value::Null);
    let gone = (404, "CUSTOM_FIELD_NOT_FOUND");
    site.refused("GET", &path, Value::Null, gone);
    site.refused("GET", &format!("{FIELDS}/{UNKNOWN}"), Value::Null, gone);
    let ann = site.public("Ann");
    assert_eq!(site.ask_as(&ann.token, "GET", FIELDS, Value::Null).0, 200, "members see fields");
    let (status, problem) = site.ask_as(&ann.token, "POST", FIELDS, json!({}));
    assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"));
    let events = site.done("GET", "/v1/events?types=custom_field.*", Value::Null);
    assert_eq!(each(&events["events"], "/type").last().unwrap(), "custom_field.deleted");
}

#[test]
fn a_field_applies_by_role_badge_and_member_but_not_to_whom_it_leaves_out() {
    let site = Site::start();
    let (ann, ben, carla) = (site.public("Ann"), site.public("Ben"), site.public("Carla"));
    let role = json!({"roleKey": "staff", "roleTitle": "Staff"});
    let role = site.done("POST", "/members/v1/roles/definitions", role)["role"].clone();
    for member in [&ann, &carla] {
        let path = format!("/members/v1/roles/members/{}", member.id);
        site.done("POST", &path, json!({"roleKey": "staff"}));
    }
    let (desk, all) =
        (create(&site, json!({"name": "Desk"})), create(&site, json!({"name": "All"})));
    let item = |kind: &str, name: &str, id: &Value| json!({ name: kind, "entityId": id });
    let application = json!({
        "customFieldId": desk["id"],
        "applications": {"items": [
            item("ROLE", "applicationType", &role["id"]),
            item("MEMBER", "applicationType", &json!(ben.id)),
        ]},
        "exclusions": {"items": [item("MEMBER", "exclusionType", &json!(carla.id))]},
    });
    let body = json!({ "application": application });
    let made = site.done("POST", APPLICATIONS, body.clone())["application"].clone();
    assert_eq!(
        (&made["applications"], &made["revision"]),
        (&application["applications"], &json!("1"))
    );
    site.refused("POST", APPLICATIONS, body, (409, "CUSTOM_FIELD_APPLICATION_ALREADY_EXISTS"));
    let applied = |site: &Site| {
        let members = json!({"memberIds": [ann.id, ben.id, carla.id, UNKNOWN]});
        let found = site.done("POST", &format!("{APPLICATIONS}/members"), members);
        let results = found["results"].as_array().unwrap().clone();
        let of = |one: &Value| {
            let applications = one["applications"].as_array().unwrap();
            applications.iter().map(|it| it["applies"].as_bool().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(results[0]["applications"][0]["customFieldKey"], "desk");
        results.iter().map(of).collect::<Vec<_>>()
    };
    let expected = [vec![true, true], vec![true, true], vec![false, true]];
    assert_eq!(applied(&site), expected);
    let site = site.restarted();
    assert_eq!(applied(&site), expected);
    let roles = json!({"roleIds": [role["id"], UNKNOWN]});
    let roles = site.done("POST", &format!("{APPLICATIONS}/roles"), roles);
    assert_eq!(roles["results"].as_array().unwrap().len(), 1);
    assert_eq!(roles["results"][0]["applications"][0]["applies"], true);
    let path = format!("{APPLICATIONS}/{}", text(&desk["id"]));
    let nobody = json!({"application": {"applications": {"items": []}, "revision": "1"}});
    let changed = site.done("PATCH", &path, nobody.clone())["application"].clone();
    assert_eq!(
        (&changed["revision"], &changed["exclusions"]),
        (&json!("2"), &application["exclusions"])
    );
    site.refused("PATCH", &path, nobody, (409, "INVALID_REVISION"));
    assert_eq!(applied(&site), [vec![false, true], vec![false, true], vec![false, true]]);
    let ids = json!({"customFieldIds": [desk["id"], all["id"]]});
    let found = site.done("POST", &format!("{APPLICATIONS}/applications"), ids);
    assert_eq!(each(&found["applications"], "/customFieldId"), [text(&desk["id"])]);
    let missing = (404, "CUSTOM_FIELD_APPLICATION_NOT_FOUND");
    let other = format!("{APPLICATIONS}/{}", text(&all["id"]));
    site.refused("GET", &other, Value::Null, missing);
    let bad = json!({"application": {"customFieldId": all["id"],
        "applications": {"items": [{"applicationType": "TRIBE"}, {}]}}});
    let problem = site.refused("POST", APPLICATIONS, bad, INVALID);
    assert_eq!(each(&problem["errors"], "/code"), ["ENUM", "REQUIRED", "REQUIRED", "REQUIRED"]);
    site.done("DELETE", &path, Value::Null);
    site.refused("GET", &path, Value::Null, missing);
    assert_eq!(applied(&site), [vec![true, true], vec![true, true], vec![true, true]]);
}

#[test]
fn suggestions_know_which_of_them_the_site_has() {
    let site = Site::start();
    let made = create(&site, json!({"name": "Company"}));
    let listed = site.done("GET", &format!("{SUGGESTIONS}?paging.limit=3"), Value::Null);
    assert_eq!(each(&listed["suggestions"], "/name"), ["Birthday", "City", "Company"]);
    assert_eq!(listed["suggestions"][2]["customFieldId"], made["id"]);
    assert!(listed["suggestions"][0]["customFieldId"].is_null());
    let query = json!({"query": {
        "filter": {"fieldType": "SOCIAL", "name": {"$startsWith": "t"}},
        "sort": [{"fieldName": "name", "order": "DESC"}],
    }});
    let found = site.done("POST", &format!("{SUGGESTIONS}/query"), query);
    assert_eq!(each(&found["suggestions"], "/name"), ["TikTok"]);
    assert_eq!(
        (&found["suggestions"][0]["socialType"], &found["metadata"]["total"]),
        (&json!("TIKTOK"), &json!(1))
    );
}
