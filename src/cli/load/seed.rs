//! Fills a site: members with a profile, whom they follow, and a few counters each, through the
//! three bulk routes. Prints what each took.

use std::path::Path;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::drive::drive;
use super::error::LoadError;
use super::http_client::{Content, HttpConnection, Target};
use super::members::{ID_TEXT_BYTES, Members, id_text};

/// What to fill a site with.
#[derive(Clone, Debug)]
pub struct Seed<'a> {
    pub target: &'a Target,
    pub members: usize,
    pub follows_per_member: usize,
    pub counters_per_member: usize,
    pub lines_per_request: usize,
    pub threads: usize,
    pub connections: usize,
    pub random: u64,
}

#[derive(serde::Deserialize)]
struct Imported {
    ids: Vec<Option<String>>,
}

/// The part of an answer that says that some lines were not taken.
#[derive(serde::Deserialize)]
struct Faults {
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl Seed<'_> {
    /// Creates everything and writes the ids of the members to `ids_file`.
    pub fn run(&self, ids_file: Option<&Path>) -> Result<(), LoadError> {
        let began = Instant::now();
        let members = self.import_members()?;
        report("members", members.ids.len(), began);
        if let Some(path) = ids_file {
            members.write(path)?;
        }
        if self.follows_per_member > 0 {
            let began = Instant::now();
            self.import("/v1/follows/import", self.follows_per_member, |first, last, body| {
                self.follows_of(&members, first..last, body);
            })?;
            report("follows", members.ids.len() * self.follows_per_member, began);
        }
        if self.counters_per_member > 0 {
            let began = Instant::now();
            let path = "/v1/activity-counters/ingest";
            self.import(path, self.counters_per_member, |first, last, body| {
                self.counters_of(&members, first..last, body);
            })?;
            report("counters", members.ids.len() * self.counters_per_member, began);
        }
        Ok(())
    }

    fn import_members(&self) -> Result<Members, LoadError> {
        let path = "/v1/members/import";
        let shares = self.requests(1, |chunk, mut connection| async move {
            let mut ids = Vec::new();
            let mut body = String::new();
            for (first, last) in chunk {
                body.clear();
                (first..last).for_each(|number| self.member_line(number, &mut body));
                let request = self.target.request("POST", path, Content::NdJson, body.as_bytes());
                let answer = connection.exchange(&request).await?.good(path)?;
                let imported: Imported = serde_json::from_slice(answer.body)
                    .map_err(|error| LoadError::protocol(path, error.to_string()))?;
                if imported.ids.iter().any(Option::is_none) {
                    return Err(LoadError::refused(path, 200, answer.body));
                }
                let texts = imported.ids.iter().flatten().map(|id| id_text(id));
                ids.push((first, texts.collect::<Result<Vec<[u8; ID_TEXT_BYTES]>, _>>()?));
            }
            Ok(ids)
        })?;
        let mut chunks: Vec<_> = shares.into_iter().flatten().collect();
        chunks.sort_by_key(|(first, _)| *first);
        let ids = chunks.into_iter().flat_map(|(_, ids)| ids).collect();
        Ok(Members { ids })
    }

    /// Sends lines of all members, `lines_per_member` each, made by `fill`, to a bulk route.
    fn import(
        &self,
        path: &'static str,
        lines_per_member: usize,
        fill: impl Fn(usize, usize, &mut String) + Sync,
    ) -> Result<(), LoadError> {
        let fill = &fill;
        self.requests(lines_per_member, |chunk, mut connection| async move {
            let mut body = String::new();
            for (first, last) in chunk {
                body.clear();
                fill(first, last, &mut body);
                let request = self.target.request("POST", path, Content::NdJson, body.as_bytes());
                let answer = connection.exchange(&request).await?.good(path)?;
                let faults: Faults = serde_json::from_slice(answer.body)
                    .map_err(|error| LoadError::protocol(path, error.to_string()))?;
                if !faults.errors.is_empty() {
                    return Err(LoadError::refused(path, 200, answer.body));
                }
            }
            Ok(())
        })
        .map(|_: Vec<()>| ())
    }

    /// Splits the members into requests and those over the connections, neighbours to different
    /// ones, so that the server gets them nearly in order.
    fn requests<T, F>(
        &self,
        lines_per_member: usize,
        work: impl Fn(Vec<(usize, usize)>, HttpConnection) -> F + Send + Sync,
    ) -> Result<Vec<T>, LoadError>
    where
        T: Send,
        F: Future<Output = Result<T, LoadError>>,
    {
        let members_per_request = (self.lines_per_request / lines_per_member).max(1);
        let mut shares = vec![Vec::new(); self.connections.max(1)];
        for (number, first) in (0..self.members).step_by(members_per_request).enumerate() {
            let last = (first + members_per_request).min(self.members);
            shares[number % self.connections.max(1)].push((first, last));
        }
        let work = &work;
        drive(self.threads, None, shares, |_, share| async move {
            work(share, HttpConnection::open(self.target.address).await?).await
        })
    }

    /// One wire member, its profile of about 300 bytes.
    fn member_line(&self, number: usize, body: &mut String) {
        let run = self.random as u32;
        body.push_str(&format!(
            concat!(
                r#"{{"loginEmail":"m{number}.{run:08x}@load.example","status":"APPROVED","#,
                r#""privacyStatus":"PUBLIC","profile":{{"nickname":"Member {number}","#,
                r#""title":"Number {number} of a load run, who likes long walks and counters","#,
                r#""photo":{{"id":"photo-{number}","#,
                r#""url":"https://images.example/{run:08x}/{number}.jpg","#,
                r#""height":640,"width":640}}}},"contact":{{"firstName":"First{number}","#,
                r#""lastName":"Last{number}","company":"Load and Sons"}}}}"#,
                "\n"
            ),
            number = number,
            run = run
        ));
    }

    fn follows_of(&self, members: &Members, followers: std::ops::Range<usize>, body: &mut String) {
        for follower in followers {
            let mut dice = StdRng::seed_from_u64(self.random ^ follower as u64);
            let from = members.text(follower);
            for _ in 0..self.follows_per_member {
                // Anyone but oneself; whoever is drawn twice is followed once.
                let step = dice.random_range(1..members.ids.len().max(2));
                let to = members.text((follower + step) % members.ids.len());
                body.push_str("{\"memberId\":\"");
                body.push_str(from);
                body.push_str("\",\"followingId\":\"");
                body.push_str(to);
                body.push_str("\"}\n");
            }
        }
    }

    fn counters_of(&self, members: &Members, range: std::ops::Range<usize>, body: &mut String) {
        for member in range {
            for counter in 0..self.counters_per_member {
                let (id, delta) = (members.text(member), member % 100 + 1);
                body.push_str(&format!(
                    "{{\"memberId\":\"{id}\",\"key\":\"seed{counter}\",\"delta\":{delta}}}\n"
                ));
            }
        }
    }
}

fn report(what: &str, count: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} {what} in {seconds:.1} s: {:.0} a second", count as f64 / seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fill: impl Fn(&Seed<'_>, &Members, &mut String), expected: usize) -> String {
        let target = Target::parse("http://127.0.0.1:1", "key").unwrap();
        let seed = Seed {
            target: &target,
            members: 3,
            follows_per_member: 2,
            counters_per_member: 2,
            lines_per_request: 1_000,
            threads: 1,
            connections: 1,
            random: 7,
        };
        let ids = (1..=3_u128).map(|id| uuid::Uuid::from_u128(id).to_string());
        let members = Members::parse(&ids.collect::<Vec<_>>().join("\n")).unwrap();
        let mut body = String::new();
        fill(&seed, &members, &mut body);
        assert_eq!(body.lines().count(), expected, "{body}");
        for line in body.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
        body
    }

    #[test]
    fn a_member_line_is_a_wire_member_of_about_300_bytes_of_profile() {
        let line = check(|seed, _, body| seed.member_line(123_456, body), 1);
        let member: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(member["privacyStatus"], "PUBLIC");
        assert_eq!(member["profile"]["nickname"], "Member 123456");
        let profile = member["profile"].to_string().len() + member["contact"].to_string().len();
        assert!((250..=350).contains(&profile), "{profile}");
    }

    #[test]
    fn nobody_follows_themselves() {
        let body = check(|seed, members, body| seed.follows_of(members, 0..3, body), 6);
        for line in body.lines() {
            let follow: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_ne!(follow["memberId"], follow["followingId"]);
        }
    }

    #[test]
    fn counters_are_increments() {
        let body = check(|seed, members, body| seed.counters_of(members, 0..3, body), 6);
        let batch = crate::wire::ingest::parse_increments(body.as_bytes()).unwrap();
        assert_eq!((batch.lines.len(), batch.faults.len()), (6, 0));
        assert_eq!(batch.keys, ["seed0", "seed1"]);
    }
}
