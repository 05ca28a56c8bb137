//! Jobs over members that a filter names, through the doors.

use serde_json::{Value, json};

use crate::client::{OWNER_KEY, Site, code, each, text};

const BULK: &str = "/members/v1/members/bulk";
const QUERY: &str = "/members/v1/members/query";

fn import(site: &Site, count: usize, status: &str) -> Vec<String> {
    let line = json!({"privacyStatus": "PUBLIC", "status": status}).to_string();
    let body = vec![line; count].join("\n");
    let (_, made) = site.send(OWNER_KEY, "POST", "/v1/members/import", Some(&body));
    each(&made["ids"], "")
}

fn start(site: &Site, act: &str, body: Value) -> String {
    text(&site.done("POST", &format!("{BULK}/{act}-by-filter"), body)["jobId"])
}

/// The job once it has ended; each question takes a moment.
fn ended(site: &Site, id: &str) -> Value {
    for _ in 0..50_000 {
        let job = site.done("GET", &format!("/v1/jobs/{id}"), Value::Null)["job"].clone();
        if job["status"] == "ENDED" {
            return job;
        }
    }
    panic!("job {id} does not end");
}

fn count(site: &Site, filter: Value) -> u64 {
    let query = json!({"query": {"filter": filter}});
    site.done("POST", QUERY, query)["metadata"]["total"].as_u64().unwrap()
}

fn counts(job: &Value) -> (u64, u64) {
    let told = &job["bulkActionMetadata"];
    (told["totalSuccesses"].as_u64().unwrap(), told["totalFailures"].as_u64().unwrap())
}

#[test]
fn members_are_let_in_blocked_and_deleted_by_filter() {
    let site = Site::start();
    import(&site, 700, "PENDING");
    let offline = import(&site, 1, "OFFLINE");
    let heir = site.public("Heir");
    let pending = json!({"filter": {"status": "PENDING"}});
    let approved = ended(&site, &start(&site, "approve", pending));
    assert_eq!(counts(&approved), (700, 0));
    assert_eq!((&approved["action"], approved["endedDate"].is_string()), (&json!("APPROVE"), true));
    assert_eq!(count(&site, json!({"status": "APPROVED"})), 701);
    let others = json!({"id": {"$ne": heir.id}});
    let blocked = ended(&site, &start(&site, "block", json!({ "filter": others })));
    assert_eq!(counts(&blocked), (700, 1));
    assert_eq!(blocked["failures"][0]["memberId"], json!(offline[0]));
    assert_eq!(blocked["failures"][0]["error"]["code"], "MEMBER_OFFLINE");
    let wish = json!({"filter": {"status": "BLOCKED"}, "contentAssigneeId": heir.id});
    let deleted = ended(&site, &start(&site, "delete", wish));
    assert_eq!(counts(&deleted), (700, 0));
    assert_eq!(count(&site, json!({})), 2);
    let gone = site.done("GET", "/v1/events?types=member.deleted&limit=1", Value::Null);
    assert_eq!(gone["events"][0]["data"]["contentAssigneeId"], json!(heir.id));
    let all = site.done("GET", "/v1/jobs", Value::Null);
    assert_eq!(each(&all["jobs"], "/action"), ["DELETE", "BLOCK", "APPROVE"]);
}

#[test]
fn a_job_goes_on_where_the_program_stopped() {
    let site = Site::start();
    let members = import(&site, 4_000, "PENDING");
    let id = start(&site, "approve", json!({"filter": {"status": "PENDING"}}));
    let site = site.restarted();
    ended(&site, &id);
    assert_eq!(count(&site, json!({"status": "APPROVED"})), members.len() as u64);
    let site = site.restarted();
    assert_eq!(ended(&site, &id)["action"], "APPROVE", "it is kept to be asked about");
}

#[test]
fn a_job_wants_a_filter_and_a_key() {
    let site = Site::start();
    let ann = site.public("Ann");
    let path = format!("{BULK}/delete-by-filter");
    let odd = json!({"filter": {"shoeSize": 44}});
    for body in [json!({}), odd, json!({"filter": {}, "search": {}})] {
        site.refused("POST", &path, body, (400, "INVALID_ARGUMENT"));
    }
    let (status, problem) = site.ask_as(&ann.token, "POST", &path, json!({"filter": {}}));
    assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"));
    let missing = (404, "JOB_NOT_FOUND");
    site.refused("GET", "/v1/jobs/ffffffff-0000-4000-8000-00000000ffff", Value::Null, missing);
    site.refused("GET", "/v1/jobs/x", Value::Null, missing);
    assert_eq!(count(&site, json!({})), 1, "nobody was touched");
}
