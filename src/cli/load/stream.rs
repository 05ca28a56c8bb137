//! Counting up over a socket: numbered frames, several under way, acknowledged up to a number.

use std::collections::VecDeque;
use std::time::Instant;

use super::error::LoadError;
use super::http_client::number_field;
use super::lanes::{RETRY_PAUSE, Seat, place_of, producer_name, unix_ms};
use super::meter::Meter;
use super::template::Message;
use super::websocket::WebSocket;

/// A frame that was sent and is not acknowledged.
struct Waiting {
    n: u64,
    since: Instant,
    increments: u64,
}

/// One socket of a round. What it has under way outlives a broken connection.
struct Stream<'a> {
    seat: Seat<'a>,
    messages: Vec<Message>,
    waiting: VecDeque<Waiting>,
    in_flight: usize,
    /// The number of the last frame.
    n: u64,
    meter: Meter,
}

/// Sends frames until the end of the round, across breaks of the connection.
pub(super) async fn run(
    seat: Seat<'_>,
    messages: Vec<Message>,
    in_flight: usize,
) -> Result<Meter, LoadError> {
    let waiting = VecDeque::with_capacity(in_flight);
    let mut stream = Stream { seat, messages, waiting, in_flight, n: 0, meter: Meter::new() };
    let mut socket = stream.open().await?;
    loop {
        match stream.flow(&mut socket).await {
            Ok(()) => return Ok(stream.meter),
            Err(error) => stream.meter.fail(&error),
        }
        socket = match stream.resume().await {
            Ok(socket) if stream.seat.may_retry() => socket,
            Ok(_) => return Ok(stream.give_up()),
            Err(error) => {
                stream.meter.fail(&error);
                return Ok(stream.give_up());
            }
        };
    }
}

impl Stream<'_> {
    async fn open(&self) -> Result<WebSocket, LoadError> {
        let target = self.seat.round.target;
        let mut socket = WebSocket::open(target, "/v1/activity-counters/stream").await?;
        let producer = producer_name(self.seat.round, self.seat.number);
        let hello = format!(r#"{{"token":"{}","producer":"{producer}"}}"#, target.key);
        socket.send_text(&hello).await?;
        Ok(socket)
    }

    /// Nobody knows whether what is not acknowledged was counted.
    fn give_up(mut self) -> Meter {
        let open: u64 = self.waiting.iter().map(|frame| frame.increments).sum();
        self.meter.uncertain_total += open;
        self.meter
    }

    /// Opens the stream again and sends again what was not acknowledged, under its old numbers.
    async fn resume(&self) -> Result<WebSocket, LoadError> {
        loop {
            tokio::time::sleep(RETRY_PAUSE).await;
            match self.open_and_repeat().await {
                Ok(socket) => return Ok(socket),
                Err(_) if self.seat.may_retry() => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn open_and_repeat(&self) -> Result<WebSocket, LoadError> {
        let mut socket = self.open().await?;
        for frame in &self.waiting {
            socket.send(&self.messages[place_of(frame.n, &self.messages)].bytes).await?;
        }
        Ok(socket)
    }

    /// Sends frames and reads acknowledgements until the end, or until the socket breaks.
    async fn flow(&mut self, socket: &mut WebSocket) -> Result<(), LoadError> {
        loop {
            while self.has_room() && self.is_due() {
                self.send(socket).await?;
            }
            if self.waiting.is_empty() {
                return Ok(());
            }
            let answer = match self.seat.pace.due().filter(|_| self.has_room()) {
                None => socket.next().await?,
                Some(due) => match tokio::time::timeout_at(due.into(), socket.next()).await {
                    Ok(message) => message?,
                    // The next frame is due before the next answer came.
                    Err(_) => continue,
                },
            };
            self.take_answer(answer)?;
        }
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < self.in_flight && self.seat.goes_on()
    }

    /// With answers to wait for, a frame that is not due yet must not keep them unread.
    fn is_due(&self) -> bool {
        let due = self.seat.pace.due();
        self.waiting.is_empty() || due.is_none_or(|due| due <= Instant::now())
    }

    async fn send(&mut self, socket: &mut WebSocket) -> Result<(), LoadError> {
        let since = self.seat.pace.turn().await;
        self.n += 1;
        let place = place_of(self.n, &self.messages);
        let message = &mut self.messages[place];
        message.set_number(self.n);
        message.renew_op_ids(unix_ms());
        self.waiting.push_back(Waiting { n: self.n, since, increments: message.increments });
        socket.send(&message.bytes).await
    }

    /// An acknowledgement covers every frame up to its number. A refusal ends the connection: what
    /// is not acknowledged is sent again over the next one.
    fn take_answer(&mut self, text: &[u8]) -> Result<(), LoadError> {
        if memchr::memmem::find(text, b"\"error\":").is_some() {
            return Err(LoadError::refused("the stream", 0, text));
        }
        // The greeting names no number.
        let Some(ack) = number_field(text, "ack") else { return Ok(()) };
        // What was there already was counted by the connection before.
        let accepted = number_field(text, "accepted");
        let duplicates = number_field(text, "duplicates").unwrap_or(0);
        let mut counted = accepted.map_or(u64::MAX, |accepted| accepted + duplicates);
        while let Some(frame) = self.waiting.pop_front_if(|frame| frame.n <= ack) {
            let of_frame = frame.increments.min(counted);
            counted -= of_frame;
            self.meter.acknowledge(&self.seat.window, frame.since, of_frame);
        }
        if let Some(faults) = memchr::memmem::find(text, b"\"errors\":[{") {
            self.meter.fail(&LoadError::refused("a line of a frame", 0, &text[faults..]));
        }
        Ok(())
    }
}
