//! Whether the counters hold what was acknowledged: adds up the run's own counter key over all
//! members of the run. Exact, because the key is new and nobody else counts it.
//!
//! A hundred members a request through the query route where that shows the counters, else one
//! request a member: about 10,000 or 1,000,000 requests for a million members.

use serde::Deserialize;

use super::drive::drive;
use super::error::LoadError;
use super::http_client::{Content, HttpConnection, Target};
use super::members::Members;
use super::meter::Meter;

const MEMBERS_PER_QUERY: usize = 100;
const QUERY_PATH: &str = "/members/v1/activity-counters/query";
/// Members that both routes are asked for, to see whether they say the same.
const MEMBERS_TRIED: usize = MEMBERS_PER_QUERY;

/// How a sum was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Query,
    Get,
}

impl Route {
    pub fn name(self) -> &'static str {
        match self {
            Route::Query => "POST /members/v1/activity-counters/query, 100 members a page",
            Route::Get => "GET /members/v1/activity-counters/{memberId}, one member each",
        }
    }
}

/// Where and what to add up.
#[derive(Clone, Copy, Debug)]
pub struct Sum<'a> {
    pub target: &'a Target,
    pub members: &'a Members,
    pub key: &'a str,
    pub threads: usize,
    pub connections: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountersPage {
    #[serde(default)]
    activity_counters: Vec<CountersOfApp>,
    #[serde(default)]
    metadata: PageMetadata,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(default)]
    total: usize,
}

#[derive(Deserialize)]
struct CountersOfApp {
    #[serde(default)]
    counters: Vec<Counter>,
}

#[derive(Deserialize)]
struct Counter {
    key: String,
    count: serde_json::Value,
}

impl Sum<'_> {
    /// Adds up all counters of the key.
    pub fn read(self) -> Result<(i128, Route), LoadError> {
        let route = self.route()?;
        let per_request = match route {
            Route::Query => MEMBERS_PER_QUERY,
            Route::Get => 1,
        };
        let connections = self.connections.max(1);
        let sums = drive(self.threads, None, vec![(); connections], |number, ()| async move {
            let mut connection = HttpConnection::open(self.target.address).await?;
            let starts = (0..self.members.ids.len()).step_by(per_request);
            let mut sum = 0;
            for start in starts.skip(number).step_by(connections) {
                let end = (start + per_request).min(self.members.ids.len());
                sum += self.sum_of(route, start..end, &mut connection).await?;
            }
            Ok(sum)
        })?;
        Ok((sums.into_iter().sum(), route))
    }

    /// The query route shows public counters; where ours are private, only the owner's `GET` does.
    fn route(self) -> Result<Route, LoadError> {
        super::drive::runtime()?.block_on(async {
            let mut connection = HttpConnection::open(self.target.address).await?;
            let tried = 0..self.members.ids.len().min(MEMBERS_TRIED);
            let by_query = self.sum_of(Route::Query, tried.clone(), &mut connection).await;
            let by_get = self.sum_of(Route::Get, tried, &mut connection).await?;
            let agree = by_query.is_ok_and(|sum| sum == by_get);
            Ok(if agree { Route::Query } else { Route::Get })
        })
    }

    async fn sum_of(
        self,
        route: Route,
        members: std::ops::Range<usize>,
        connection: &mut HttpConnection,
    ) -> Result<i128, LoadError> {
        match route {
            Route::Query => self.sum_by_query(members, connection).await,
            Route::Get => {
                let mut sum = 0;
                for member in members {
                    let id = self.members.text(member);
                    let path = format!("/members/v1/activity-counters/{id}");
                    let answer = connection.exchange(&self.target.get(&path)).await?.good(&path)?;
                    sum += self.sum_of_page(&page(answer.body)?)?;
                }
                Ok(sum)
            }
        }
    }

    async fn sum_by_query(
        self,
        members: std::ops::Range<usize>,
        connection: &mut HttpConnection,
    ) -> Result<i128, LoadError> {
        let ids: Vec<String> =
            members.map(|member| format!("\"{}\"", self.members.text(member))).collect();
        let ids = ids.join(",");
        let (mut sum, mut offset) = (0, 0);
        loop {
            // A member has an entry for each app, so a hundred members may take several pages.
            let paging = format!(r#""paging":{{"limit":{MEMBERS_PER_QUERY},"offset":{offset}}}"#);
            let filter = format!(r#""filter":{{"memberId":{{"$in":[{ids}]}}}}"#);
            let query = format!(r#"{{"query":{{{filter},{paging}}}}}"#);
            let request = self.target.request("POST", QUERY_PATH, Content::Json, query.as_bytes());
            let answer = connection.exchange(&request).await?.good(QUERY_PATH)?;
            let page = page(answer.body)?;
            sum += self.sum_of_page(&page)?;
            offset += page.activity_counters.len();
            if page.activity_counters.is_empty() || offset >= page.metadata.total {
                return Ok(sum);
            }
        }
    }

    fn sum_of_page(self, page: &CountersPage) -> Result<i128, LoadError> {
        let counters = page.activity_counters.iter().flat_map(|app| &app.counters);
        let mut sum = 0;
        for counter in counters.filter(|counter| counter.key == self.key) {
            sum += i128::from(count_of(&counter.count)?);
        }
        Ok(sum)
    }
}

fn page(body: &[u8]) -> Result<CountersPage, LoadError> {
    serde_json::from_slice(body)
        .map_err(|error| LoadError::protocol("a page of counters", error.to_string()))
}

/// Numbers of 64 bits may come as text.
fn count_of(value: &serde_json::Value) -> Result<i64, LoadError> {
    let count = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    count.ok_or_else(|| LoadError::protocol("a counter", format!("holds {value}")))
}

/// Whether the counters hold what `meter` was told they do.
pub fn check(counted: i128, meter: &Meter) -> Result<(), LoadError> {
    let (acknowledged, uncertain) = (meter.acknowledged_total, meter.uncertain_total);
    let least = i128::from(acknowledged);
    if (least..=least + i128::from(uncertain)).contains(&counted) {
        return Ok(());
    }
    Err(LoadError::SumDiffers { counted, acknowledged, uncertain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runs_own_key_is_added_up() {
        let body = br#"{"activityCounters":[
            {"memberId":"m","appId":"x","counters":[{"key":"load-1","public":true,"count":5},
                                                    {"key":"likes","count":9}]},
            {"appId":"y","counters":[{"key":"load-1","count":"7"}]}],"metadata":{"total":2}}"#;
        let target = Target::parse("http://127.0.0.1:1", "key").unwrap();
        let members = Members::default();
        let sum =
            Sum { target: &target, members: &members, key: "load-1", threads: 1, connections: 1 };
        assert_eq!(sum.sum_of_page(&page(body).unwrap()).unwrap(), 12);
    }

    #[test]
    fn a_sum_must_be_what_was_acknowledged_or_may_have_been() {
        let mut meter = Meter::new();
        (meter.acknowledged_total, meter.uncertain_total) = (100, 5);
        assert!(check(100, &meter).is_ok() && check(105, &meter).is_ok());
        assert!(check(99, &meter).is_err() && check(106, &meter).is_err());
    }
}
