//! From a new connection to a WebSocket, or to a page and its end.

use std::io::{self, ErrorKind, Read};
use std::mem;

use mio::net::TcpListener;
use mio::{Interest, Token};
use websans::{Rejection, Response, ServerHandshake};

use super::EventLoop;
use crate::connection::{Peer, Phase};
use crate::http::{self, Asked};
use crate::peers::PeerId;

/// More are hung up on.
const MAX_PEERS: usize = 20_000;

impl EventLoop {
    pub(super) fn accept(&mut self) {
        while let Some(Ok((mut socket, _))) = self.listener.as_ref().map(TcpListener::accept) {
            if self.peers.len() >= MAX_PEERS {
                continue; // closes it
            }
            // Frames are written whole: to wait for more would only delay them.
            let _ = socket.set_nodelay(true);
            let id = self.peers.vacant_id();
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut socket, Token(id), interest).is_ok() {
                self.peers.insert(Peer::new(socket, self.peers.now()));
            }
        }
    }

    /// Reads a request, and answers it.
    pub(super) fn read_head(&mut self, id: PeerId) -> io::Result<()> {
        let now = self.peers.now();
        let Some(peer) = self.peers.get_mut(id) else { return Ok(()) };
        let Phase::Request { head } = &mut peer.phase else { return Ok(()) };
        let read = loop {
            let spare = self.rx.spare_mut();
            match peer.socket.read(spare) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    head.extend_from_slice(spare.get(..n).unwrap_or_default());
                    if http::is_whole(head, n) {
                        break mem::take(head);
                    }
                    if head.len() > http::MAX_HEAD {
                        break Vec::new();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let response = match self.site.look_up(&read) {
            Asked::Page(response) => response,
            Asked::Other(path) => {
                match self.services.iter().position(|service| service.path() == path) {
                    Some(service) => return self.open(id, service, &read),
                    None => self.site.not_found(),
                }
            }
        };
        peer.phase = Phase::Response { bytes: response, written: 0 };
        peer.keepalive.handle_close(now);
        self.peers.leaving.push(id);
        Ok(())
    }

    /// The opening handshake. What came with the request stays in the buffer.
    fn open(&mut self, id: PeerId, index: usize, received: &[u8]) -> io::Result<()> {
        let Some(service) = self.services.get_mut(index) else { return Ok(()) };
        let now = self.peers.now();
        self.rx.extend(received);
        let tx = self.peers.tx(id);
        let ws = match ServerHandshake::new(service.config()).next_request(&mut self.rx, tx) {
            Ok(Some(request)) if request.is_same_origin() => {
                let subprotocol = request.choose_subprotocol(service.subprotocols());
                let response = Response::new().subprotocol(subprotocol);
                Some(request.accept(&response, tx).map_err(io::Error::other)?)
            }
            // Some other site's page: it has no business here.
            Ok(Some(request)) => {
                let rejection = Rejection::new(403).map_err(io::Error::other)?;
                request.reject(&rejection, tx);
                None
            }
            // The answer that says what is wrong has been queued.
            Ok(None) | Err(_) => None,
        };
        let Some(peer) = self.peers.get_mut(id) else { return Ok(()) };
        if let Some(ws) = ws {
            peer.phase = Phase::Open(ws);
            peer.service = Some(index);
            peer.keepalive.handle_open(now);
            service.open(id, &mut self.peers);
            self.receive(id)
        } else {
            self.rx.clear();
            peer.phase = Phase::Ending { shut_down: false };
            peer.keepalive.handle_close(now);
            self.peers.leaving.push(id);
            Ok(())
        }
    }
}
