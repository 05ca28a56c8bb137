//! What a client may ask of its session, as values. Text is read in `realtime::frame`.

use crate::core::recovery::StreamPosition;

/// What a client sends, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    Command(ClientCommand),
    /// The empty object: the answer to a ping.
    Pong,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCommand {
    /// 0 where the client gave none.
    pub id: u32,
    pub method: Method,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Connect(Box<Connect>),
    Subscribe(Box<Subscribe>),
    Unsubscribe {
        channel: String,
    },
    Ping,
    /// A message without a reply; nobody listens to it here.
    Send,
    /// A method of the protocol that this server does not offer.
    NotOffered,
    Unknown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    pub token: String,
    /// Where the client left the channels that the server subscribes it to.
    pub positions: Vec<(String, StreamPosition)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    pub channel: String,
    /// Given where the client wants what it missed.
    pub recover: Option<StreamPosition>,
}

impl ClientCommand {
    /// Bytes of text that it holds while it waits for the ones before it.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.method {
            Method::Connect(connect) => {
                let position = |(channel, at): &(String, StreamPosition)| {
                    size_of::<(String, StreamPosition)>() + channel.len() + at.epoch.len()
                };
                connect.token.len() + connect.positions.iter().map(position).sum::<usize>()
            }
            Method::Subscribe(subscribe) => {
                let epoch = subscribe.recover.as_ref().map_or(0, |at| at.epoch.len());
                subscribe.channel.len() + epoch
            }
            Method::Unsubscribe { channel } => channel.len(),
            Method::Ping | Method::Send | Method::NotOffered | Method::Unknown => 0,
        }
    }
}
