//! Follows and likes by member tokens, at a fixed rate, whatever the server takes for them; with
//! sockets that tell when others get to see it.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, join3};

use super::dead_readers::DeadReaders;
use super::drive::{Pace, runtime};
use super::error::LoadError;
use super::http_client::{Content, HttpConnection, Target};
use super::members::Members;
use super::meter::{Meter, Window};
use super::watch::{CHANNELS_PER_SOCKET, Expected, Watched, Watcher};

/// Items to like, made for each run.
const ITEMS: usize = 1_000;
/// After a failure, so that a server in trouble is not hammered.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How to behave.
#[derive(Clone, Debug)]
pub struct Social<'a> {
    pub target: &'a Target,
    pub members: &'a Members,
    pub actors: usize,
    pub connections: usize,
    pub operations_per_second: f64,
    pub warm_up: Duration,
    pub duration: Duration,
    pub watched: Option<Watched>,
    /// Sockets beside the watchers that subscribe to the same and never read again.
    pub dead_readers: usize,
    /// How many runs went before, whose follows stand.
    pub run: usize,
    /// Names this run's items.
    pub name: &'a str,
}

/// Everything that exists before the clock starts.
struct Cast {
    tokens: Vec<String>,
    watchers: Vec<Watcher>,
}

/// One operation: who, what, and the whole request.
struct Operation<'a> {
    actor: &'a str,
    target: String,
    request: Vec<u8>,
}

impl Social<'_> {
    pub fn run(&self) -> Result<Meter, LoadError> {
        runtime()?.block_on(async {
            let cast = self.prepare().await?;
            let dead = DeadReaders::open(self.target, self.dead_readers, &self.channels()).await?;
            let expected = Expected::default();
            let window = Window::starting_now(self.warm_up, self.duration);
            let watching =
                join_all(cast.watchers.into_iter().map(|watcher| watcher.watch(&expected, window)));
            let seats = 0..self.connections;
            let acting =
                join_all(seats.map(|seat| self.act(seat, &cast.tokens, &expected, window)));
            let (acted, watched, buried) = join3(acting, watching, dead.watch(window)).await;
            buried?;
            for watched in watched {
                watched?;
            }
            let meters = acted.into_iter().collect::<Result<Vec<Meter>, LoadError>>()?;
            let sum = Meter::sum(&meters);
            self.report(&sum, &expected, window);
            Ok(sum)
        })
    }

    fn report(&self, sum: &Meter, expected: &Expected, window: Window) {
        let rate = sum.acknowledged as f64 / window.seconds();
        println!(
            "follow and like at {:.0}/s: {rate:.0}/s acknowledged, {}, {} errors",
            self.operations_per_second,
            sum.latencies.summary(),
            sum.errors
        );
        if let Some(error) = &sum.first_error {
            println!("first error: {error}");
        }
        if self.watched.is_some() {
            expected.report();
        }
    }

    fn actors(&self) -> usize {
        self.actors.min(self.members.ids.len())
    }

    async fn prepare(&self) -> Result<Cast, LoadError> {
        let mut connection = HttpConnection::open(self.target.address).await?;
        let tokens = self.members.tokens(self.target, &mut connection, self.actors()).await?;
        for item in 0..ITEMS {
            let path = format!("/v1/items/load/{}", self.item(item));
            let author = self.members.text(item % self.members.ids.len());
            let body = format!(r#"{{"author":"{author}","type":"post","title":"Post {item}"}}"#);
            let request = self.target.request("PUT", &path, Content::Json, body.as_bytes());
            connection.exchange(&request).await?.good(&path)?;
        }
        let mut watchers = Vec::new();
        for channels in self.channels().chunks(CHANNELS_PER_SOCKET) {
            watchers.push(Watcher::open(self.target, channels).await?);
        }
        Ok(Cast { tokens, watchers })
    }

    fn channels(&self) -> Vec<String> {
        match self.watched {
            None => Vec::new(),
            Some(Watched::Site) => vec!["site".to_owned()],
            Some(Watched::Members) => {
                let member = |actor| format!("member:{}", self.members.text(actor));
                (0..self.actors()).map(member).collect()
            }
        }
    }

    fn item(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    /// One connection: takes every n-th operation of the run.
    async fn act(
        &self,
        seat: usize,
        tokens: &[String],
        expected: &Expected,
        window: Window,
    ) -> Result<Meter, LoadError> {
        let mut meter = Meter::new();
        let mut connection = HttpConnection::open(self.target.address).await?;
        let mut pace = Pace::new(Some(self.operations_per_second), self.connections, seat);
        let mut number = seat;
        while Instant::now() < window.end {
            let since = pace.turn().await;
            // Nobody would look for its frame: the watchers leave at the end.
            if Instant::now() >= window.end {
                break;
            }
            let Operation { actor, target, request } = self.operation(number, tokens);
            number += self.connections;
            if self.watched.is_some() {
                expected.sent(actor, &target, since);
            }
            match connection.exchange(&request).await.and_then(|answer| answer.good("social")) {
                Ok(_) => {
                    meter.acknowledge(&window, since, 1);
                    expected.answered(actor, &target);
                }
                Err(error) => {
                    meter.fail(&error);
                    expected.failed(actor, &target);
                    tokio::time::sleep(RETRY_PAUSE).await;
                    connection = HttpConnection::open(self.target.address).await?;
                }
            }
        }
        Ok(meter)
    }

    /// What was followed in one run is followed already in the next.
    fn steps_a_run(&self) -> usize {
        let seconds = (self.warm_up + self.duration).as_secs_f64();
        (self.operations_per_second * seconds) as usize / 2 / self.actors().max(1) + 2
    }

    /// Follows and likes in turn. Nobody does the same thing twice, so that each makes an event.
    fn operation(&self, number: usize, tokens: &[String]) -> Operation<'_> {
        let (pair, actor) = (number / 2, number / 2 % self.actors());
        let step = self.run * self.steps_a_run() + pair / self.actors() + 1;
        let (path, target) = if number.is_multiple_of(2) {
            // Strides over all members, to someone else for every actor.
            let followed = (actor + step * 7_919) % self.members.ids.len();
            let followed = self.members.text(followed).to_owned();
            (format!("/members/v3/followers/{followed}"), followed)
        } else {
            let item = self.item((actor * 7 + step) % ITEMS);
            (format!("/v1/items/load/{item}/likes"), item)
        };
        let token = &tokens[actor];
        let request = self.target.request_of(token, "POST", &path, Content::Json, b"{}");
        Operation { actor: self.members.text(actor), target, request }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_does_the_same_thing_twice_or_follows_themselves() {
        let target = Target::parse("http://127.0.0.1:1", "key").unwrap();
        let ids = (1..=10_000_u128).map(|id| uuid::Uuid::from_u128(id).to_string());
        let members = Members::parse(&ids.collect::<Vec<_>>().join("\n")).unwrap();
        let social = Social {
            target: &target,
            members: &members,
            actors: 20,
            connections: 4,
            operations_per_second: 1.0,
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
            watched: None,
            dead_readers: 0,
            run: 0,
            name: "load-1",
        };
        let tokens: Vec<String> = (0..20).map(|actor| format!("token{actor}")).collect();
        let mut seen = HashSet::new();
        for number in 0..20_000 {
            let operation = social.operation(number, &tokens);
            assert_ne!(operation.actor, operation.target);
            assert!(seen.insert((operation.actor, operation.target)), "{number}");
            let head = String::from_utf8(operation.request).unwrap();
            assert!(head.contains("authorization: token"), "{head}");
        }
    }
}
