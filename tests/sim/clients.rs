//! Clients that follow channels: they come and go, some read slowly, and each knows where it
//! stopped. What they are shown is held against what is durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guildhall::core::channel::Channel;
use guildhall::core::hub::SessionKey;
use guildhall::core::query::Viewer;
use guildhall::core::recovery::{Recovered, StreamPosition};
use guildhall::core::session::{
    ClientCommand, ClientFrame, Connect, Method, OpenChannel, Reply, Session, Subscribe,
};
use guildhall::core::visibility::Audience;
use guildhall::domain::WrittenRecord;

use crate::live::EPOCH;
pub use crate::live::Live;
use crate::random::Random;
use crate::shell::{Outside, Shell};
use crate::viewing::{check_cut, check_live, check_open};

/// Frames that wait for a client that does not read, before it is cut.
const OUTBOX_MAX: usize = 12;
const CLIENTS_MAX: usize = 8;

#[derive(Debug)]
pub enum Frame {
    Reply { id: u32, body: Reply },
    Publish { channel: Channel, audience: Audience, records: Vec<WrittenRecord> },
    Unsubscribed { channel: Channel },
    Ping,
    Close,
}

#[derive(Debug)]
pub struct Client {
    pub viewer: Viewer,
    wanted: BTreeSet<Channel>,
    /// Where it stopped reading, and whether that was another journal.
    positions: BTreeMap<Channel, Position>,
    pub link: Option<Link>,
}

#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub offset: u64,
    pub is_foreign: bool,
}

#[derive(Debug)]
pub struct Link {
    pub key: SessionKey,
    pub session: Session,
    outbox: VecDeque<Frame>,
    is_stuck: bool,
    open: BTreeSet<Channel>,
    /// Subscriptions that were asked for, by command.
    asked: BTreeMap<u32, Channel>,
    /// Channels that it is leaving, by command: what still comes of them is ignored.
    leaving: BTreeMap<u32, Channel>,
    last_id: u32,
}

/// The client reads too slowly.
pub struct Overflow;

impl Client {
    pub fn session(&self) -> Option<SessionKey> {
        self.link.as_ref().map(|link| link.key)
    }

    pub fn lose_link(&mut self) {
        self.link = None;
    }

    pub fn receive(&mut self, frame: Frame) -> Result<(), Overflow> {
        let Some(link) = &mut self.link else { return Ok(()) };
        link.outbox.push_back(frame);
        if link.outbox.len() > OUTBOX_MAX { Err(Overflow) } else { Ok(()) }
    }

    fn position(&self, channel: Channel) -> Option<StreamPosition> {
        let position = self.positions.get(&channel)?;
        let epoch = if position.is_foreign { "another one" } else { EPOCH };
        Some(StreamPosition { offset: position.offset, epoch: epoch.to_owned() })
    }
}

impl Shell {
    pub fn live_goes_on(&mut self, outside: &mut Outside<'_>) {
        match outside.random.weighted(&[5, 4, 8]) {
            0 => self.publish(outside),
            1 => self.ask_goes_on(outside),
            _ => self.client_goes_on(outside),
        }
        if let Some(site) = self.site.as_mut() {
            let links = self.live.clients.iter().filter(|client| client.link.is_some());
            site.set_live_listeners(links.count());
        }
    }

    fn client_goes_on(&mut self, outside: &mut Outside<'_>) {
        let clients = self.live.clients.len();
        if clients < CLIENTS_MAX && outside.random.chance(50) {
            let viewer = self.crowd.viewer(outside.random);
            let (wanted, positions) = (BTreeSet::new(), BTreeMap::new());
            return self.live.clients.push(Client { viewer, wanted, positions, link: None });
        }
        if clients == 0 {
            return;
        }
        let client = outside.random.below(clients);
        let Some(link) = &mut self.live.clients[client].link else {
            return self.connect(client, outside);
        };
        match outside.random.weighted(&[50, 30, 3, 4, 6, 5]) {
            0 if link.is_stuck => {}
            0 => self.read(client, outside),
            1 => self.subscribe(client, outside),
            2 => {
                self.live.leave(client);
                self.live.clients[client].lose_link();
            }
            3 => link.is_stuck = !link.is_stuck,
            4 => {
                let outputs = link.session.tick(outside.now.unix_ms as u64);
                let session = link.key;
                self.drive(session, outputs, outside);
            }
            _ => self.unsubscribe(client, outside),
        }
    }

    fn connect(&mut self, client: usize, outside: &mut Outside<'_>) {
        self.live.next_session += 1;
        let key = SessionKey(self.live.next_session);
        let one = &mut self.live.clients[client];
        one.link = Some(Link {
            key,
            session: Session::new(outside.now.unix_ms as u64),
            outbox: VecDeque::new(),
            is_stuck: false,
            open: BTreeSet::new(),
            asked: BTreeMap::new(),
            leaving: BTreeMap::new(),
            last_id: 0,
        });
        forget_some(&mut one.positions, outside.random);
        let personal = match one.viewer {
            Viewer::Member(member) => Some(Channel::Personal(member)),
            Viewer::Owner | Viewer::Visitor => None,
        };
        let known = personal.and_then(|own| Some((own.to_string(), one.position(own)?)));
        let positions = known.into_iter().collect();
        let connect = Connect { token: "proof".to_owned(), positions };
        self.command(client, Method::Connect(Box::new(connect)), None, outside);
    }

    fn command(
        &mut self,
        client: usize,
        method: Method,
        channel: Option<Channel>,
        outside: &mut Outside<'_>,
    ) {
        let Some(link) = &mut self.live.clients[client].link else { return };
        link.last_id += 1;
        let (id, key) = (link.last_id, link.key);
        link.asked.extend(channel.map(|channel| (id, channel)));
        let outputs = link.session.receive(ClientFrame::Command(ClientCommand { id, method }));
        self.drive(key, outputs, outside);
    }

    fn subscribe(&mut self, client: usize, outside: &mut Outside<'_>) {
        let one = &self.live.clients[client];
        let Some(link) = &one.link else { return };
        if link.session.viewer().is_none() {
            return;
        }
        let is_idle = |channel: &&Channel| {
            let mut busy = link.asked.values().chain(link.leaving.values());
            !link.open.contains(channel) && !busy.any(|busy| busy == *channel)
        };
        let waiting: Vec<Channel> = one.wanted.iter().filter(is_idle).copied().collect();
        let channel = match outside.random.pick(&waiting).copied() {
            Some(channel) => channel,
            None if one.wanted.len() >= 4 => return,
            None => {
                let channel = match one.viewer {
                    Viewer::Owner if outside.random.chance(300) => Channel::Site,
                    Viewer::Owner | Viewer::Member(_) | Viewer::Visitor => {
                        let among = self.crowd.members.len().min(10);
                        let Some(member) = self.crowd.members.get(outside.random.below(among))
                        else {
                            return;
                        };
                        Channel::Member(*member)
                    }
                };
                self.live.clients[client].wanted.insert(channel);
                return;
            }
        };
        let recover = one.position(channel);
        let subscribe = Subscribe { channel: channel.to_string(), recover };
        self.command(client, Method::Subscribe(Box::new(subscribe)), Some(channel), outside);
    }

    fn unsubscribe(&mut self, client: usize, outside: &mut Outside<'_>) {
        let Some(link) = &mut self.live.clients[client].link else { return };
        // The personal channel is the server's to leave.
        let may_leave = |channel: &Channel| !matches!(channel, Channel::Personal(_));
        let open: Vec<Channel> = link.open.iter().copied().filter(may_leave).collect();
        let Some(channel) = outside.random.pick(&open).copied() else { return };
        // What is still on its way of it is not read: its place stays where it is.
        link.open.remove(&channel);
        link.leaving.insert(link.last_id + 1, channel);
        let method = Method::Unsubscribe { channel: channel.to_string() };
        self.command(client, method, None, outside);
    }

    /// A client reads what has come, or a part of it.
    fn read(&mut self, client: usize, outside: &mut Outside<'_>) {
        for _ in 0..outside.random.between(1, 6) {
            let Some(link) = &mut self.live.clients[client].link else { return };
            let Some(frame) = link.outbox.pop_front() else { return };
            self.read_frame(client, frame, outside);
        }
    }

    fn read_frame(&mut self, client: usize, frame: Frame, outside: &mut Outside<'_>) {
        let model = &self.auditor.model;
        let Client { viewer, positions, link, .. } = &mut self.live.clients[client];
        let Some(joined) = link else { return };
        match frame {
            Frame::Reply { id, body } => {
                let asked = joined.asked.remove(&id);
                let left = joined.leaving.remove(&id);
                let open: Option<Box<OpenChannel>> = match body {
                    Reply::Connected { personal } => personal,
                    Reply::Subscribed(open) => Some(open),
                    Reply::Error(_) if asked.is_none() && left.is_none() => {
                        // The connect command was not taken: it comes back later.
                        self.live.leave(client);
                        return self.live.clients[client].lose_link();
                    }
                    Reply::Unsubscribed | Reply::Pong | Reply::Error(_) => None,
                };
                if let Some(open) = open {
                    let was_foreign =
                        positions.get(&open.channel).is_some_and(|position| position.is_foreign);
                    let kept = outside.journal.position_now(self.id).expect("the site is open");
                    let offset = check_open(model, &open, *viewer, was_foreign, kept.first_seq);
                    match open.reader.recovered {
                        Some(Recovered::Whole(_)) => self.tally.recovered += 1,
                        Some(Recovered::Lost) => self.tally.reloads += 1,
                        None => {}
                    }
                    positions.insert(open.channel, Position { offset, is_foreign: false });
                    joined.open.insert(open.channel);
                }
            }
            Frame::Publish { channel, .. } | Frame::Unsubscribed { channel }
                if joined.leaving.values().any(|left| *left == channel) => {}
            Frame::Publish { channel, audience, records } => {
                assert!(joined.open.contains(&channel), "{channel} is shown to who is in it");
                let position = positions.get_mut(&channel).expect("an open channel has a place");
                for record in records {
                    check_live(model, (channel, audience), position.offset, &record);
                    position.offset = record.seq;
                }
            }
            Frame::Unsubscribed { channel } => {
                joined.open.remove(&channel);
                let position = positions.get(&channel).expect("an open channel has a place");
                check_cut(model, channel, *viewer, position.offset);
                self.tally.cuts += 1;
            }
            Frame::Ping => {
                let outputs = joined.session.receive(ClientFrame::Pong);
                let session = joined.key;
                self.drive(session, outputs, outside);
            }
            Frame::Close => *link = None,
        }
    }

    /// Reads all that has come; true where there was any.
    pub fn read_everything(&mut self, outside: &mut Outside<'_>) -> bool {
        let mut has_read = false;
        for client in 0..self.live.clients.len() {
            while let Some(link) = &mut self.live.clients[client].link
                && let Some(frame) = link.outbox.pop_front()
            {
                has_read = true;
                self.read_frame(client, frame, outside);
            }
        }
        has_read
    }

    /// Everyone who follows a channel has seen all of it.
    pub fn judge_clients(&self) {
        for client in &self.live.clients {
            let Some(link) = &client.link else { continue };
            for channel in &link.open {
                let audience = crate::viewing::audience(client.viewer, *channel);
                let offset = client.positions[channel].offset;
                let model = &self.auditor.model;
                let next = crate::viewing::next_visible(model, (*channel, audience), offset);
                assert_eq!(next, None, "{channel} was shown up to {offset} only");
            }
        }
    }
}

/// A client that was away may have lost its place, or bring one of another journal.
fn forget_some(positions: &mut BTreeMap<Channel, Position>, random: &mut Random) {
    positions.retain(|_, _| !random.chance(100));
    for position in positions.values_mut() {
        position.is_foreign |= random.chance(20);
    }
}
