//! The server's side of live connections: the hub follows what is durable, channels are asked for
//! at the gate and recovered record by record, each session's wishes are done in order.

use guildhall::core::channel::Channel;
use guildhall::core::hub::{Delivery, Hub, Opened, Opening, ReadAs, SessionKey};
use guildhall::core::query::{Query, Viewer};
use guildhall::core::recovery::{Barrier, Recovered, Recovery, StreamPosition};
use guildhall::core::session::{ChannelAnswer, CloseReason, Output, Proof, TokenFault};
use guildhall::core::views::Look;
use guildhall::core::visibility::Audience;
use guildhall::domain::limits::SUBSCRIPTION_ATTEMPTS_MAX;
use guildhall::journal::gate::Parked;

use crate::auditor::{Told, Turn};
use crate::clients::{Client, Frame};
use crate::requests::Request;
use crate::shell::{Outside, Shell, Ticket};
use crate::trace;

/// The epoch of this run's journal.
pub const EPOCH: &str = "this one";

pub struct Live {
    pub hub: Hub,
    pub clients: Vec<Client>,
    pub next_session: u64,
    asks: Vec<Ask>,
    next_ask: u64,
    pub readers_too_slow: u64,
}

/// A channel that is being opened for a session.
struct Ask {
    number: u64,
    session: SessionKey,
    channel: Channel,
    audience: Audience,
    viewer: Viewer,
    recover: Option<StreamPosition>,
    attempts: usize,
    stage: Stage,
}

enum Stage {
    New,
    AtTheGate,
    Answered(Barrier),
    Walking { walk: Box<Recovery>, seq: u64 },
    Unknown,
    Unavailable,
}

impl Live {
    pub fn new(position: u64) -> Live {
        let (hub, clients, asks) = (Hub::new(position), Vec::new(), Vec::new());
        Live { hub, clients, next_session: 0, asks, next_ask: 0, readers_too_slow: 0 }
    }

    /// The process died and starts again: every connection is gone.
    pub fn restart(&mut self, position: u64) {
        self.hub = Hub::new(position);
        self.asks.clear();
        self.clients.iter_mut().for_each(Client::lose_link);
    }

    pub fn is_opening(&self) -> bool {
        !self.asks.is_empty()
    }

    fn client_of(&self, session: SessionKey) -> Option<usize> {
        self.clients.iter().position(|client| client.session() == Some(session))
    }

    /// The server lets go of a client's session.
    pub fn leave(&mut self, client: usize) {
        let Some(link) = &self.clients[client].link else { return };
        for channel in link.session.channels().to_vec() {
            self.hub.unsubscribe(link.key, channel);
        }
    }

    fn send(&mut self, client: usize, frame: Frame) {
        if self.clients[client].receive(frame).is_err() {
            // It does not read: it is cut, and has to recover.
            self.readers_too_slow += 1;
            self.leave(client);
            self.clients[client].lose_link();
        }
    }
}

impl Shell {
    pub fn publish(&mut self, outside: &mut Outside<'_>) {
        let limit = outside.random.between(1, 64) as usize;
        let position = self.live.hub.position();
        let Some(records) = self.records_after(position, limit, outside) else {
            // The feed lost its place: everyone has to come back.
            return self.live.restart(self.auditor.model.seq());
        };
        for delivery in self.live.hub.publish(&records) {
            match delivery {
                Delivery::Publish { channel, audience, records, sessions } => {
                    for session in sessions {
                        // One that was cut in this very round is not there any more.
                        let Some(client) = self.live.client_of(session) else { continue };
                        let records = records.clone();
                        self.live.send(client, Frame::Publish { channel, audience, records });
                    }
                }
                Delivery::Cut { channel, sessions } => {
                    self.each(&sessions, outside, |session| session.cut(channel));
                }
                Delivery::Expel { sessions } => {
                    let reason = CloseReason::Revoked;
                    self.each(&sessions, outside, |session| session.refuse(reason));
                }
            }
        }
    }

    fn each(
        &mut self,
        sessions: &[SessionKey],
        outside: &mut Outside<'_>,
        act: impl Fn(&mut guildhall::core::session::Session) -> Vec<Output>,
    ) {
        for session in sessions {
            let Some(client) = self.live.client_of(*session) else { continue };
            let link = self.live.clients[client].link.as_mut().expect("a session has a link");
            let outputs = act(&mut link.session);
            self.drive(*session, outputs, outside);
        }
    }

    /// Does what a session wants done.
    pub fn drive(&mut self, session: SessionKey, outputs: Vec<Output>, outside: &mut Outside<'_>) {
        for output in outputs {
            let Some(client) = self.live.client_of(session) else { return };
            match output {
                Output::Reply { id, body } => self.live.send(client, Frame::Reply { id, body }),
                Output::Publish { channel, audience, reader } => {
                    let records = reader.live;
                    self.live.send(client, Frame::Publish { channel, audience, records });
                }
                Output::Unsubscribed { channel } => {
                    self.live.send(client, Frame::Unsubscribed { channel });
                }
                Output::Ping => self.live.send(client, Frame::Ping),
                Output::Authenticate { .. } => {
                    let viewer = self.live.clients[client].viewer;
                    let proof = Proof { viewer, expires_at_ms: None };
                    let is_away = outside.random.chance(30);
                    let proof = if is_away { Err(TokenFault::Unavailable) } else { Ok(proof) };
                    let link = self.live.clients[client].link.as_mut();
                    let link = link.expect("a session has a link");
                    let now_ms = outside.now.unix_ms as u64;
                    let outputs = link.session.authenticated(proof, now_ms);
                    self.drive(session, outputs, outside);
                }
                Output::Open { channel, audience, recover } => {
                    self.open(client, Wish { channel, audience, recover });
                }
                Output::Leave { channel } => self.live.hub.unsubscribe(session, channel),
                Output::Close(reason) => {
                    trace::note(|| format!("{} closes {session:?}: {reason:?}", self.id));
                    self.live.leave(client);
                    self.live.send(client, Frame::Close);
                }
            }
        }
    }

    fn open(&mut self, client: usize, wish: Wish) {
        let Wish { channel, audience, recover } = wish;
        let Some(session) = self.live.clients[client].session() else { return };
        let viewer = self.live.clients[client].viewer;
        self.live.hub.subscribe(session, channel, ReadAs { viewer, audience });
        self.live.next_ask += 1;
        self.live.asks.push(Ask {
            number: self.live.next_ask,
            session,
            channel,
            audience,
            viewer: self.live.clients[client].viewer,
            recover,
            attempts: 0,
            stage: Stage::New,
        });
    }

    pub fn ask_goes_on(&mut self, outside: &mut Outside<'_>) {
        if self.live.asks.is_empty() {
            return;
        }
        let position = outside.random.below(self.live.asks.len());
        let mut ask = self.live.asks.swap_remove(position);
        let answer = match std::mem::replace(&mut ask.stage, Stage::AtTheGate) {
            Stage::New => {
                ask.attempts += 1;
                return self.ask_site(ask);
            }
            Stage::AtTheGate => return self.live.asks.push(ask),
            Stage::Answered(barrier) => match &ask.recover {
                None => self.opened(&mut ask, barrier.seq, None),
                Some(asked) => {
                    let walk = Recovery::start(asked, EPOCH, barrier, ask.channel, ask.audience);
                    ask.stage = Stage::Walking { walk: Box::new(walk), seq: barrier.seq };
                    return self.live.asks.push(ask);
                }
            },
            Stage::Walking { mut walk, seq } => {
                for _ in 0..outside.random.between(1, 60) {
                    let Some(wanted) = walk.wants() else { break };
                    let record = self.records_after(wanted - 1, 1, outside);
                    walk.give(record.and_then(|mut records| records.pop()));
                }
                if walk.wants().is_some() {
                    ask.stage = Stage::Walking { walk, seq };
                    return self.live.asks.push(ask);
                }
                self.opened(&mut ask, seq, Some(walk.finish()))
            }
            Stage::Unknown => Some(ChannelAnswer::Unknown),
            Stage::Unavailable => Some(ChannelAnswer::Unavailable),
        };
        match answer {
            Some(answer) => self.answer_session(ask, answer, outside),
            // Not connected to what was published meanwhile: it is asked again.
            None if matches!(ask.stage, Stage::New) => self.live.asks.push(ask),
            None => {}
        }
    }

    /// Where the channel stands, as of a turn; told at the gate.
    fn ask_site(&mut self, mut ask: Ask) {
        let durable = self.auditor.model.seq();
        let member = match ask.channel {
            Channel::Member(member) | Channel::Personal(member) => member,
            Channel::Site => {
                ask.stage = Stage::Answered(Barrier { seq: durable, last_seq: durable });
                return self.live.asks.push(ask);
            }
        };
        let Some(site) = &self.site else {
            ask.stage = Stage::Unavailable;
            return self.live.asks.push(ask);
        };
        let query = Query::Channel { member, viewer: ask.viewer };
        let (told, last_seq) = match site.look(&query) {
            Look::Seen(view) => {
                let guildhall::core::query::View::Channel(channel) = &view else {
                    panic!("a channel was answered {view:?}")
                };
                let last_seq = channel.last_seq;
                (Told::View(view), Some(last_seq))
            }
            Look::Refused(refusal) => (Told::Refused(refusal), None),
            Look::Need(keys) => panic!("a channel needs {keys:?}"),
        };
        let (saw, seq) = (site.commit(), site.seq());
        let request = Request::Query(query).into();
        self.auditor.turned(Turn { request, made: None, saw, told });
        let ticket = Ticket::Channel { ask: ask.number, saw, seq, last_seq };
        self.live.asks.push(ask);
        if let Parked::Open(ticket) = self.gate.park(saw, ticket) {
            self.hand_out(ticket);
        }
    }

    pub fn channel_answered(&mut self, ask: u64, seq: u64, last_seq: Option<u64>) {
        let mut asks = self.live.asks.iter_mut();
        if let Some(ask) = asks.find(|one| one.number == ask) {
            let barrier = last_seq.map(|last_seq| Stage::Answered(Barrier { seq, last_seq }));
            ask.stage = barrier.unwrap_or(Stage::Unknown);
        }
    }

    pub fn channel_unavailable(&mut self, ask: u64) {
        let mut asks = self.live.asks.iter_mut();
        if let Some(ask) = asks.find(|one| one.number == ask) {
            ask.stage = Stage::Unavailable;
        }
    }

    /// `None` where the session is gone, or where it is to be asked again.
    fn opened(
        &mut self,
        ask: &mut Ask,
        seq: u64,
        recovered: Option<Recovered>,
    ) -> Option<ChannelAnswer> {
        match self.live.hub.open(ask.session, ask.channel, Opening { seq, recovered }) {
            Opened::Reading(reader) => Some(ChannelAnswer::Open(reader)),
            Opened::Hidden => Some(ChannelAnswer::Unknown),
            Opened::Gone => None,
            Opened::Stale if ask.attempts >= SUBSCRIPTION_ATTEMPTS_MAX => {
                Some(ChannelAnswer::Unavailable)
            }
            Opened::Stale => {
                ask.stage = Stage::New;
                None
            }
        }
    }

    fn answer_session(&mut self, ask: Ask, answer: ChannelAnswer, outside: &mut Outside<'_>) {
        if !matches!(answer, ChannelAnswer::Open(_)) {
            self.live.hub.unsubscribe(ask.session, ask.channel);
        }
        let Some(client) = self.live.client_of(ask.session) else { return };
        let link = self.live.clients[client].link.as_mut().expect("a session has a link");
        let outputs = link.session.channel_opened(answer);
        self.drive(ask.session, outputs, outside);
    }
}

struct Wish {
    channel: Channel,
    audience: Audience,
    recover: Option<StreamPosition>,
}
