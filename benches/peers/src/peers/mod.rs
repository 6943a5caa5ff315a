//! The libraries under measurement, one a file, behind one small trait.

use std::rc::Rc;

use crate::{
    heap,
    io::Pipe,
    workload::{Message, Role, Sink},
};

mod async_client;
mod fastwebsockets;
mod floor;
mod hyper_io;
mod shiguredo;
mod sockudo;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod websans;
mod websocket_codec;
#[cfg(feature = "wslay")]
mod wslay;
mod wtx;
mod yawc;

/// One round of a workload on a connection that lives from round to round.
pub type Round = Box<dyn FnMut(&mut Sink)>;

/// A library. `None` means that it has no such thing, or no public way to it.
pub trait Peer {
    fn name(&self) -> &'static str;

    /// Its package in `Cargo.lock`.
    fn package(&self) -> Option<&'static str> {
        Some(self.name())
    }

    /// Its version, where `Cargo.lock` does not tell.
    fn version(&self) -> Option<String> {
        None
    }

    /// How it is driven, and where it does less (or more) than the others.
    fn notes(&self) -> &'static str;

    /// Reads from `pipe` as a server until the sink has all its messages; answers pings.
    fn decode(&self, _pipe: Pipe) -> Option<Round> {
        None
    }

    /// Writes all messages to `pipe`.
    fn encode(&self, _pipe: Pipe, _role: Role, _messages: &Rc<[Message]>) -> Option<Round> {
        None
    }

    /// Reads from `pipe` as a server until the sink has all its messages, and sends each back.
    fn echo(&self, _pipe: Pipe) -> Option<Round> {
        None
    }

    /// Reads one opening handshake from `pipe` and accepts it.
    fn accept(&self, _pipe: Pipe) -> Option<Round> {
        None
    }

    /// Makes opening handshakes as a client.
    fn connect(&self) -> Option<Box<dyn Opening>> {
        None
    }

    /// As `decode`, with permessage-deflate.
    fn inflate(&self, _pipe: Pipe) -> Option<Round> {
        None
    }

    /// As `encode` as a server, with permessage-deflate.
    fn deflate(&self, _pipe: Pipe, _messages: &Rc<[Message]>) -> Option<Round> {
        None
    }

    /// The size of a server's connection, without what it owns on the heap.
    fn size(&self) -> Option<usize> {
        None
    }

    /// The heap memory that a server's connection holds after it has echoed what is in `pipe`.
    /// Buffers of the caller, which any connection may use next, do not count.
    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        self.size()?;
        let before = heap::live();
        let mut echo = self.echo(pipe.clone())?;
        echo(sink);
        Some(heap::live() - before - size_of_val(&*echo))
    }
}

/// Opening handshakes of a client, many at a time, so that the server's share is not measured.
pub trait Opening {
    /// Writes one request to each pipe.
    fn request(&mut self, pipes: &[Pipe]);

    /// Reads the responses; says how many connections are open now.
    fn response(&mut self) -> usize;
}

/// All peers, in the order of the tables.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(websans::Websans),
        Box::new(websans::Owned),
        Box::new(floor::Floor),
        Box::new(websocket_codec::Codec),
        Box::new(tungstenite::Tungstenite),
        Box::new(tokio_websockets::TokioWebsockets),
        Box::new(fastwebsockets::Fastwebsockets),
        Box::new(sockudo::Sockudo),
        Box::new(yawc::Yawc),
        Box::new(soketto::Soketto),
        Box::new(wtx::Wtx),
        Box::new(shiguredo::Shiguredo),
        #[cfg(feature = "wslay")]
        Box::new(wslay::Wslay),
    ]
}
