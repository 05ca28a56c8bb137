//! Does what a session wants done: writes its replies, asks for what it needs, ends it. Answers
//! come back to the session by its key, so that nothing keeps a socket that is gone.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::feed::SiteLive;
use super::frame::{LineWriter, Lines};
use super::socket::Socket;
use super::worker::Worker;
use crate::actors::handle::{Caller, Role};
use crate::actors::live::{Authenticated, ChannelFault};
use crate::core::channel::Channel;
use crate::core::hub::{Opened, Opening, ReadAs, SessionKey};
use crate::core::query::Viewer;
use crate::core::recovery::{Barrier, Recovered, Recovery, StreamPosition};
use crate::core::session::{ChannelAnswer, Output, Proof, Reply, TokenFault};
use crate::core::visibility::Audience;
use crate::domain::WrittenRecord;
use crate::domain::limits::{LIVE_FRAME_BYTES_MAX, RECOVERY_BYTES_MAX, SUBSCRIPTION_ATTEMPTS_MAX};

/// A channel that a session wants to enter.
struct Wish {
    channel: Channel,
    audience: Audience,
    viewer: Viewer,
    recover: Option<StreamPosition>,
}

/// Does what the session wants, in its order; its lines leave as few frames.
pub(crate) fn drive(worker: &Rc<Worker>, socket: &Rc<Socket>, outputs: Vec<Output>) {
    let mut lines = Lines::default();
    for output in outputs {
        match output {
            Output::Reply { id, body } => reply(&mut lines, socket, id, &body),
            Output::Publish { channel, audience, reader } => {
                write(worker, socket, &mut lines);
                with_writer(socket, |writer| {
                    for frame in writer.frames(channel, audience, &reader.live) {
                        socket.send(&frame, worker.now_ms());
                    }
                });
            }
            Output::Unsubscribed { channel } => lines.unsubscribed(channel),
            Output::Ping => lines.ping(),
            Output::Authenticate { token } => authenticate(worker, socket.key, token),
            Output::Open { channel, audience, recover } => {
                open(worker, socket, channel, audience, recover);
            }
            Output::Leave { channel } => {
                if let Some(site) = socket.site.borrow().as_ref() {
                    site.hub.borrow_mut().unsubscribe(socket.key, channel);
                }
            }
            Output::Close(reason) => {
                write(worker, socket, &mut lines);
                worker.leave(socket);
                socket.close(reason, worker.now_ms());
            }
        }
        // The end of a frame that is larger than an outbox would never leave.
        if lines.text.len() >= LIVE_FRAME_BYTES_MAX {
            write(worker, socket, &mut lines);
        }
    }
    write(worker, socket, &mut lines);
}

fn write(worker: &Rc<Worker>, socket: &Rc<Socket>, lines: &mut Lines) {
    if let Some(frame) = lines.take_frame() {
        socket.send(&frame, worker.now_ms());
    }
}

fn reply(lines: &mut Lines, socket: &Socket, id: u32, body: &Reply) {
    match body {
        // The only reply that may come before the site is known.
        Reply::Error(code) => lines.error(id, *code),
        Reply::Connected { .. } | Reply::Subscribed(_) | Reply::Unsubscribed | Reply::Pong => {
            with_writer(socket, |writer| writer.reply(lines, id, body, socket.client));
        }
    }
}

fn with_writer(socket: &Socket, write: impl FnOnce(&LineWriter)) {
    if let Some(site) = socket.site.borrow().as_ref() {
        write(&site.writer);
    }
}

fn authenticate(worker: &Rc<Worker>, key: SessionKey, token: String) {
    let worker = Rc::clone(worker);
    actix_rt::spawn(async move {
        let answer = worker.live.source().authenticate(token).await;
        let Some(socket) = worker.socket(key) else { return };
        let proof = answer.and_then(|known| settle(&worker, &socket, &known));
        let now_ms = worker.now_ms();
        let outputs = socket.session.borrow_mut().authenticated(proof, now_ms);
        drive(&worker, &socket, outputs);
    });
}

/// Joins the socket to its caller's site.
fn settle(
    worker: &Rc<Worker>,
    socket: &Rc<Socket>,
    known: &Authenticated,
) -> Result<Proof, TokenFault> {
    if socket.session.borrow().is_closed() {
        return Err(TokenFault::Unavailable);
    }
    // Asked after the proof: from here on the sweeper sees it go.
    if known.holder.is_some_and(|holder| !worker.live.source().holds(holder)) {
        return Err(TokenFault::Invalid);
    }
    let site = worker.site(known.caller.site).ok_or(TokenFault::Unavailable)?;
    site.sessions.set(site.sessions.get() + 1);
    socket.holder.set(known.holder);
    *socket.site.borrow_mut() = Some(site);
    let expires_at_ms = known.expires_at.map(|at| {
        let left_ms = at.unix_ms.saturating_sub(wall_clock_ms()).max(0);
        worker.now_ms().saturating_add(left_ms.unsigned_abs())
    });
    Ok(Proof { viewer: viewer(&known.caller), expires_at_ms })
}

fn viewer(caller: &Caller) -> Viewer {
    match &caller.role {
        Role::Owner { .. } | Role::App { .. } => Viewer::Owner,
        Role::Member { member } => Viewer::Member(*member),
        Role::Visitor => Viewer::Visitor,
    }
}

fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn open(
    worker: &Rc<Worker>,
    socket: &Rc<Socket>,
    channel: Channel,
    audience: Audience,
    recover: Option<StreamPosition>,
) {
    let Some(site) = socket.site.borrow().clone() else { return };
    let Some(viewer) = socket.session.borrow().viewer() else { return };
    // The hub holds the channel's records from here on, before the site is asked.
    site.hub.borrow_mut().subscribe(socket.key, channel, ReadAs { viewer, audience });
    let (worker, key, waiting) = (Rc::clone(worker), socket.key, Rc::clone(socket));
    let wish = Wish { channel, audience, viewer, recover };
    actix_rt::spawn(async move {
        waiting.wait_for_room().await;
        drop(waiting);
        let Some(answer) = ask_until_open(&site, key, &wish).await else { return };
        if !matches!(answer, ChannelAnswer::Open(_)) {
            site.hub.borrow_mut().unsubscribe(key, wish.channel);
        }
        let Some(socket) = worker.socket(key) else { return };
        let outputs = socket.session.borrow_mut().channel_opened(answer);
        drive(&worker, &socket, outputs);
    });
}

/// Asks the site about the channel until its answer connects with what the hub holds; `None` when
/// the session has left.
async fn ask_until_open(site: &SiteLive, key: SessionKey, wish: &Wish) -> Option<ChannelAnswer> {
    for _ in 0..SUBSCRIPTION_ATTEMPTS_MAX {
        let opening = match ask(site, wish).await {
            Ok(opening) => opening,
            Err(ChannelFault::Unknown) => return Some(ChannelAnswer::Unknown),
            Err(ChannelFault::Unavailable) => return Some(ChannelAnswer::Unavailable),
        };
        match site.hub.borrow_mut().open(key, wish.channel, opening) {
            Opened::Reading(reader) => return Some(ChannelAnswer::Open(reader)),
            Opened::Hidden => return Some(ChannelAnswer::Unknown),
            Opened::Gone => return None,
            Opened::Stale => {}
        }
    }
    Some(ChannelAnswer::Unavailable)
}

async fn ask(site: &SiteLive, wish: &Wish) -> Result<Opening, ChannelFault> {
    let barrier = match wish.channel {
        Channel::Site => {
            let seq = site.port.durable_seq();
            Barrier { seq, last_seq: seq }
        }
        Channel::Member(member) | Channel::Personal(member) => {
            site.port.channel(member, wish.viewer).await?
        }
    };
    let recovered = match &wish.recover {
        None => None,
        Some(position) => Some(recover(site, wish, position, barrier).await?),
    };
    Ok(Opening { seq: barrier.seq, recovered })
}

async fn recover(
    site: &SiteLive,
    wish: &Wish,
    position: &StreamPosition,
    barrier: Barrier,
) -> Result<Recovered, ChannelFault> {
    let epoch = site.writer.epoch();
    let mut walk = Recovery::start(position, epoch, barrier, wish.channel, wish.audience);
    while let Some(seq) = walk.wants() {
        let record = site.port.record(seq).await.map_err(|error| {
            tracing::warn!(site = %site.site, %error, "a recovery could not read the journal");
            ChannelFault::Unavailable
        })?;
        walk.give(record);
    }
    match walk.finish() {
        Recovered::Whole(records) if !fits(site, wish, &records) => Ok(Recovered::Lost),
        recovered => Ok(recovered),
    }
}

/// Whether a recovery fits into one reply. Larger ones would overflow the outbox and come again.
fn fits(site: &SiteLive, wish: &Wish, records: &[WrittenRecord]) -> bool {
    let frames = site.writer.frames(wish.channel, wish.audience, records);
    frames.iter().map(bytes::Bytes::len).sum::<usize>() <= RECOVERY_BYTES_MAX
}
