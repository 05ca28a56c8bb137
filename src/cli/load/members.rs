//! Whose counters are counted up: member ids, from a file or from the server, and who comes next.

use std::path::Path;

use rand::Rng;
use rand::rngs::StdRng;

use super::error::LoadError;
use super::http_client::{Content, HttpConnection, Target};

pub const ID_TEXT_BYTES: usize = 36;
const PAGE_MEMBERS: usize = 100;

/// Ids as the text that goes into bodies: copying is all that is left to do.
#[derive(Clone, Debug, Default)]
pub struct Members {
    pub ids: Vec<[u8; ID_TEXT_BYTES]>,
}

impl Members {
    /// Takes one id a line.
    pub fn parse(text: &str) -> Result<Members, LoadError> {
        let ids: Result<Vec<_>, LoadError> = text.lines().map(id_text).collect();
        Ok(Members { ids: ids? })
    }

    pub fn read(path: &Path) -> Result<Members, LoadError> {
        let what = format!("cannot read {}", path.display());
        Members::parse(&std::fs::read_to_string(path).map_err(LoadError::io(what))?)
    }

    pub fn write(&self, path: &Path) -> Result<(), LoadError> {
        let mut text = Vec::with_capacity(self.ids.len() * (ID_TEXT_BYTES + 1));
        for id in &self.ids {
            text.extend_from_slice(id);
            text.push(b'\n');
        }
        let what = format!("cannot write {}", path.display());
        std::fs::write(path, text).map_err(LoadError::io(what))
    }

    /// Pages through the server's members until there are `wanted` or no more.
    pub async fn learn(target: &Target, wanted: usize) -> Result<Members, LoadError> {
        let mut connection = HttpConnection::open(target.address).await?;
        let mut members = Members::default();
        while members.ids.len() < wanted {
            let query = format!(
                r#"{{"query":{{"paging":{{"limit":{PAGE_MEMBERS},"offset":{}}}}}}}"#,
                members.ids.len()
            );
            let path = "/members/v1/members/query";
            let request = target.request("POST", path, Content::Json, query.as_bytes());
            let answer = connection.exchange(&request).await?.good(path)?;
            let page: MembersPage = serde_json::from_slice(answer.body)
                .map_err(|error| LoadError::protocol(path, error.to_string()))?;
            if page.members.is_empty() {
                break;
            }
            for member in page.members {
                members.ids.push(id_text(&member.id)?);
            }
        }
        members.ids.truncate(wanted);
        Ok(members)
    }

    /// Tokens of the first `count` members.
    pub async fn tokens(
        &self,
        target: &Target,
        connection: &mut HttpConnection,
        count: usize,
    ) -> Result<Vec<String>, LoadError> {
        let path = "/v1/member-tokens";
        let mut tokens = Vec::with_capacity(count);
        for number in 0..count {
            let body = format!(r#"{{"memberId":"{}"}}"#, self.text(number));
            let request = target.request("POST", path, Content::Json, body.as_bytes());
            let answer = connection.exchange(&request).await?.good(path)?;
            let token: MemberToken = serde_json::from_slice(answer.body)
                .map_err(|error| LoadError::protocol(path, error.to_string()))?;
            tokens.push(token.access_token);
        }
        Ok(tokens)
    }

    pub fn text(&self, number: usize) -> &str {
        // Ids are checked to be UUIDs when they come in, so they are ASCII.
        std::str::from_utf8(&self.ids[number]).unwrap_or_default()
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberToken {
    access_token: String,
}

#[derive(serde::Deserialize)]
struct MembersPage {
    #[serde(default)]
    members: Vec<MemberOfPage>,
}

#[derive(serde::Deserialize)]
struct MemberOfPage {
    id: String,
}

pub fn id_text(text: &str) -> Result<[u8; ID_TEXT_BYTES], LoadError> {
    let wrong = || LoadError::Usage(format!("{text:?} is no member id"));
    let id = uuid::Uuid::try_parse(text.trim()).map_err(|_| wrong())?;
    let mut bytes = [0; ID_TEXT_BYTES];
    id.hyphenated().encode_lower(&mut bytes);
    Ok(bytes)
}

/// Who comes next: everyone alike, or few much more often than most.
#[derive(Clone, Debug)]
pub enum Spread {
    Uniform {
        members: usize,
    },
    /// Sums of the weights up to each member; the last is 1.
    Zipf {
        cumulative: Vec<f64>,
    },
}

impl Spread {
    pub fn new(members: usize, zipf_exponent: Option<f64>) -> Spread {
        let Some(exponent) = zipf_exponent else {
            return Spread::Uniform { members };
        };
        let mut sum = 0.0;
        let weights = (1..=members).map(|rank| (rank as f64).powf(-exponent));
        let mut cumulative: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|so_far| *so_far /= sum);
        Spread::Zipf { cumulative }
    }

    pub fn draw(&self, dice: &mut StdRng) -> usize {
        match self {
            Spread::Uniform { members } => dice.random_range(0..*members),
            Spread::Zipf { cumulative } => {
                let point: f64 = dice.random();
                cumulative.partition_point(|so_far| *so_far < point).min(cumulative.len() - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn ids_survive_their_file() {
        let text = "0b7f3c52-9d0e-4a3b-8f61-0123456789ab\n0B7F3C52-9D0E-4A3B-8F61-0123456789AC\n";
        let members = Members::parse(text).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids");
        members.write(&path).unwrap();
        let again = Members::read(&path).unwrap();
        assert_eq!(again.text(1), "0b7f3c52-9d0e-4a3b-8f61-0123456789ac");
        assert_eq!(again.ids, members.ids);
        assert!(Members::parse("nobody").is_err());
    }

    fn counts(spread: &Spread) -> Vec<usize> {
        let mut dice = StdRng::seed_from_u64(7);
        let mut counts = vec![0; 100];
        for _ in 0..100_000 {
            counts[spread.draw(&mut dice)] += 1;
        }
        counts
    }

    #[test]
    fn uniform_draws_everyone_about_equally_often() {
        let counts = counts(&Spread::new(100, None));
        assert!(counts.iter().all(|&count| (800..1_200).contains(&count)), "{counts:?}");
    }

    #[test]
    fn zipf_draws_the_first_twice_as_often_as_the_second() {
        let counts = counts(&Spread::new(100, Some(1.0)));
        let ratio = counts[0] as f64 / counts[1] as f64;
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(counts[99] > 0);
    }
}
