//! What is done with messages: a service for each path.

mod chat;
mod echo;
mod hello;
mod quotes;
mod server;

use std::time::Duration;

use websans::SessionEvent;

pub(crate) use self::chat::Chat;
pub(crate) use self::echo::Echo;
pub(crate) use self::hello::Hello;
pub(crate) use self::quotes::Quotes;
pub(crate) use self::server::Server;

use crate::peers::{PeerId, Peers};

/// A WebSocket service. It sends through [`Peers`], to whom it likes, at any time that it is
/// called; it is never called for a peer that has gone.
pub(crate) trait Service {
    /// Where it is found, such as `/echo`.
    fn path(&self) -> &'static str;

    /// How large a message may be that a peer sends to it.
    fn max_message_size(&self) -> u64 {
        16 << 10
    }

    /// The subprotocols that it speaks, those it prefers first.
    fn subprotocols(&self) -> &'static [&'static str] {
        &[]
    }

    /// A peer has connected.
    fn open(&mut self, _peer: PeerId, _peers: &mut Peers) {}

    /// A peer has sent a message, a ping or a pong.
    fn receive(&mut self, from: PeerId, event: SessionEvent<'_>, peers: &mut Peers);

    /// A peer can be sent nothing more; `clean` if it closed the connection as it should.
    fn gone(&mut self, _peer: PeerId, _clean: bool, _peers: &mut Peers) {}

    /// When to call [`tick`](Self::tick) next, on the clock of [`Peers::now`].
    fn next_tick(&self) -> Option<Duration> {
        None
    }

    /// That time has come.
    fn tick(&mut self, _peers: &mut Peers) {}
}
