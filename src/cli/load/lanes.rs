//! The ways to count up: single requests, batches, sockets; and the route that does nothing, which
//! shows what of a single request's price is HTTP alone.

use std::time::{Duration, Instant, SystemTime};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::drive::{Pace, drive};
use super::error::LoadError;
use super::http_client::{HttpConnection, Target, number_field};
use super::members::{Members, Spread};
use super::meter::{Meter, Window};
use super::stream;
use super::template::{ExactlyOnce, Message, Shape, SingleRequest};

/// Lines prepared over all connections; beyond it they come again.
const PREPARED_LINES_MAX: usize = 2_000_000;
const MESSAGES_PER_CONNECTION_MIN: usize = 2;
/// After a failure, so that a server in trouble is not hammered.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// How long after the end a batch whose fate is open may still be asked for.
const RETRY_AFTER_END_MAX: Duration = Duration::from_secs(30);

/// One way to count up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Single,
    Batch { lines: usize },
    Sockets { sockets: usize, lines: usize, in_flight: usize },
    Nothing,
}

impl Lane {
    pub fn name(self) -> String {
        match self {
            Lane::Single => "http single".to_owned(),
            Lane::Batch { lines } => format!("http batch {lines}"),
            Lane::Sockets { sockets, lines, .. } => format!("ws {sockets} x {lines}"),
            Lane::Nothing => "http noop".to_owned(),
        }
    }

    /// Sockets have their own number, everything else takes what it is given.
    fn connections(self, connections: usize) -> usize {
        match self {
            Lane::Single | Lane::Batch { .. } | Lane::Nothing => connections,
            Lane::Sockets { sockets, .. } => sockets,
        }
    }

    /// Updates that wait for their answer at any time.
    pub fn updates_in_flight(self, connections: usize) -> usize {
        match self {
            Lane::Single | Lane::Nothing => connections,
            Lane::Batch { lines } => connections * lines,
            Lane::Sockets { sockets, lines, in_flight } => sockets * lines * in_flight,
        }
    }

    fn lines(self) -> usize {
        match self {
            Lane::Single | Lane::Nothing => 1,
            Lane::Batch { lines } | Lane::Sockets { lines, .. } => lines,
        }
    }
}

/// What a round needs to know.
#[derive(Clone, Debug)]
pub struct Round<'a> {
    pub target: &'a Target,
    pub members: &'a Members,
    pub spread: &'a Spread,
    pub exactly_once: ExactlyOnce,
    pub threads: usize,
    pub connections: usize,
    /// Updates a second over all connections; `None` as many as go.
    pub rate: Option<f64>,
    pub warm_up: Duration,
    pub duration: Duration,
    /// The counter key of this run.
    pub key: &'a str,
    /// Different in every round: producers are named after it.
    pub name: &'a str,
    pub seed: u64,
}

/// Drives one lane for one round.
pub fn run(lane: Lane, round: &Round<'_>) -> Result<Meter, LoadError> {
    let messages = prepare(lane, round);
    let window = Window::starting_now(round.warm_up, round.duration);
    let connections = messages.len();
    let meters = drive(round.threads, Some(window.end), messages, |number, mine| {
        let requests_per_second = round.rate.map(|rate| rate / lane.lines() as f64);
        let pace = Pace::new(requests_per_second, connections, number);
        let seat = Seat { round, window, pace, number };
        async move {
            match lane {
                Lane::Single => seat.singles().await,
                Lane::Batch { .. } => seat.batches(mine).await,
                Lane::Sockets { in_flight, .. } => stream::run(seat, mine, in_flight).await,
                Lane::Nothing => seat.nothings().await,
            }
        }
    })?;
    Ok(Meter::sum(&meters))
}

/// The messages of each connection, made before the clock starts.
fn prepare(lane: Lane, round: &Round<'_>) -> Vec<Vec<Message>> {
    let connections = lane.connections(round.connections);
    let lines = match lane {
        Lane::Single | Lane::Nothing => return vec![Vec::new(); connections],
        Lane::Batch { lines } | Lane::Sockets { lines, .. } => lines,
    };
    let wanted = (round.members.ids.len() * 2).min(PREPARED_LINES_MAX);
    // All frames in flight must still be there, to be sent again.
    let least = match lane {
        Lane::Single | Lane::Nothing | Lane::Batch { .. } => MESSAGES_PER_CONNECTION_MIN,
        Lane::Sockets { in_flight, .. } => in_flight.max(MESSAGES_PER_CONNECTION_MIN),
    };
    let each = (wanted / connections / lines).max(least);
    let messages = |number: usize| {
        let mut dice = StdRng::seed_from_u64(round.seed ^ (number as u64) << 32);
        let producer = producer_name(round, number);
        let is_stream = matches!(lane, Lane::Sockets { .. });
        let is_numbered = is_stream || round.exactly_once == ExactlyOnce::Producer;
        let shape = Shape {
            key: round.key,
            producer: (is_numbered && !is_stream).then_some(producer.as_str()),
            is_numbered,
            has_op_ids: round.exactly_once == ExactlyOnce::OpIds,
            lines,
        };
        let Round { target, members, spread, .. } = round;
        let message = |_| match is_stream {
            true => Message::frame(&shape, members, spread, &mut dice),
            false => Message::request(target, &shape, members, spread, &mut dice),
        };
        (0..each).map(message).collect()
    };
    (0..connections).map(messages).collect()
}

pub(super) fn producer_name(round: &Round<'_>, number: usize) -> String {
    format!("{}-{number}", round.name)
}

/// One connection of a round.
pub(super) struct Seat<'a> {
    pub round: &'a Round<'a>,
    pub window: Window,
    pub pace: Pace,
    pub number: usize,
}

impl Seat<'_> {
    pub(super) fn goes_on(&self) -> bool {
        Instant::now() < self.window.end
    }

    async fn connect(&self) -> Result<HttpConnection, LoadError> {
        HttpConnection::open(self.round.target.address).await
    }

    /// Whether a batch of which nothing is known may be sent again.
    pub(super) fn may_retry(&self) -> bool {
        Instant::now() < self.window.end + RETRY_AFTER_END_MAX
    }

    /// Pauses after a failure, and connects again unless it was an answer; the server may be on
    /// its way back.
    async fn recover(
        &self,
        connection: &mut HttpConnection,
        error: &LoadError,
    ) -> Result<(), LoadError> {
        tokio::time::sleep(RETRY_PAUSE).await;
        if matches!(error, LoadError::Refused { .. }) {
            return Ok(());
        }
        loop {
            match self.connect().await {
                Ok(opened) => {
                    *connection = opened;
                    return Ok(());
                }
                Err(_) if self.may_retry() => tokio::time::sleep(RETRY_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn nothings(mut self) -> Result<Meter, LoadError> {
        let mut meter = Meter::new();
        let mut connection = self.connect().await?;
        let request = self.round.target.get("/livez");
        while self.goes_on() {
            let since = self.pace.turn().await;
            connection.exchange(&request).await?.good("/livez")?;
            meter.acknowledge(&self.window, since, 1);
        }
        Ok(meter)
    }

    async fn singles(mut self) -> Result<Meter, LoadError> {
        let mut meter = Meter::new();
        let mut connection = self.connect().await?;
        let mut dice = StdRng::seed_from_u64(self.round.seed ^ (self.number as u64) << 32);
        let mut request = SingleRequest::new(self.round.target, self.round.key);
        while self.goes_on() {
            let since = self.pace.turn().await;
            request.set_member(&self.round.members.ids[self.round.spread.draw(&mut dice)]);
            let answer = connection.exchange(&request.bytes).await;
            match answer.and_then(|answer| answer.good("increment")) {
                Ok(_) => meter.acknowledge(&self.window, since, 1),
                Err(error) => {
                    meter.uncertain_total += u64::from(may_have_counted(&error));
                    meter.fail(&error);
                    self.recover(&mut connection, &error).await?;
                }
            }
        }
        Ok(meter)
    }

    async fn batches(mut self, mut messages: Vec<Message>) -> Result<Meter, LoadError> {
        let mut meter = Meter::new();
        let mut connection = self.connect().await?;
        let mut n = 0;
        while self.goes_on() {
            let since = self.pace.turn().await;
            n += 1;
            let place = place_of(n, &messages);
            let message = &mut messages[place];
            message.set_number(n);
            message.renew_op_ids(unix_ms());
            self.deliver(message, &mut connection, since, &mut meter).await?;
        }
        Ok(meter)
    }

    /// Sends a batch until its fate is known; without numbers or opIds once only.
    async fn deliver(
        &self,
        message: &Message,
        connection: &mut HttpConnection,
        since: Instant,
        meter: &mut Meter,
    ) -> Result<(), LoadError> {
        let is_exact = self.round.exactly_once != ExactlyOnce::None;
        let mut is_retry = false;
        loop {
            let answer = connection.exchange(&message.bytes).await;
            match answer.and_then(|answer| answer.good("ingest")) {
                Ok(answer) => {
                    let accepted = number_field(answer.body, "accepted").unwrap_or(0);
                    let duplicates = number_field(answer.body, "duplicates").unwrap_or(0);
                    // What a retry finds already there was counted by the try before.
                    let counted = accepted + if is_retry { duplicates } else { 0 };
                    meter.acknowledge(&self.window, since, counted);
                    if counted < message.increments {
                        meter.fail(&LoadError::refused("a line of a batch", 200, answer.body));
                    }
                    return Ok(());
                }
                Err(error) => {
                    meter.fail(&error);
                    is_retry |= may_have_counted(&error);
                    if !is_exact || !self.may_retry() {
                        meter.uncertain_total += if is_retry { message.increments } else { 0 };
                        return Ok(());
                    }
                    self.recover(connection, &error).await?;
                }
            }
        }
    }
}

/// Where the message of batch `n` stands; numbers begin with 1 and messages come round again.
pub(super) fn place_of(n: u64, messages: &[Message]) -> usize {
    (n as usize - 1) % messages.len()
}

/// Whether a failed request may still have taken effect: a refusal says that it has not.
fn may_have_counted(error: &LoadError) -> bool {
    match error {
        LoadError::Refused { status, .. } => *status >= 500 && *status != 503,
        LoadError::Io { .. } | LoadError::Protocol { .. } | LoadError::Stuck { .. } => true,
        LoadError::Usage(_) | LoadError::SumDiffers { .. } => false,
    }
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}
