//! From a new connection to a WebSocket, or to a page.

use std::io::Read;
use std::mem;

use mio::net::TcpListener;
use mio::{Interest, Token};
use websans::{IncomingRequest, InvalidHandshake, RecvBuf, Rejection, Response};

use super::EventLoop;
use crate::connection::{Http, Peer, Progress};
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

    /// Reads the head of a request. When it is whole the session gets it, and refuses it if it asks
    /// for a page.
    pub(super) fn read_head(&mut self, id: PeerId, rx: &mut RecvBuf) -> Progress {
        let now = self.peers.now();
        let Some(peer) = self.peers.get_mut(id) else { return Progress::Over };
        let Http::Head(head) = &mut peer.http else { return Progress::Some };
        let spare = rx.spare_mut();
        let n = match peer.socket.read(spare) {
            Ok(n) => n,
            Err(error) => return peer.unread(&error, now),
        };
        head.extend_from_slice(spare.get(..n).unwrap_or_default());
        if http::is_whole(head, n) || head.len() > http::MAX_HEAD {
            let head = mem::take(head);
            rx.extend(&head);
            peer.http = match self.site.look_up(&head) {
                Asked::Page(page) => Http::Asked(page),
                Asked::Other(path) => {
                    if self.services.iter().any(|service| service.path() == path) {
                        Http::Done
                    } else {
                        Http::Asked(self.site.not_found())
                    }
                }
            };
        }
        peer.read(n, now)
    }

    /// Answers an opening handshake.
    pub(super) fn answer(&mut self, id: PeerId, request: &IncomingRequest<'_>) {
        let index = self.services.iter().position(|service| service.path() == request.path());
        let answered = match index {
            // A page, or nothing.
            None => self.reject(id, 404),
            // Some other site's page: it has no business here.
            Some(_) if !request.is_same_origin() => self.reject(id, 403),
            Some(index) => self.open(id, request, index),
        };
        if answered.is_err() {
            self.peers.abort(id);
        }
        self.peers.show_page(id);
    }

    fn reject(&mut self, id: PeerId, status: u16) -> Result<(), InvalidHandshake> {
        let rejection = Rejection::new(status)?;
        self.peers.with(id, |ws, tx| ws.reject(&rejection, tx)).unwrap_or(Ok(()))
    }

    fn open(
        &mut self,
        id: PeerId,
        request: &IncomingRequest<'_>,
        index: usize,
    ) -> Result<(), InvalidHandshake> {
        let Some(service) = self.services.get_mut(index) else { return Ok(()) };
        let subprotocol = request.choose_subprotocol(service.subprotocols());
        let response = Response::new().subprotocol(subprotocol);
        self.peers.with(id, |ws, tx| ws.accept(request, &response, tx)).unwrap_or(Ok(()))?;
        let Some(peer) = self.peers.get_mut(id) else { return Ok(()) };
        if let Ok(connection) = peer.ws.connected() {
            connection.set_max_message_size(service.max_message_size());
        }
        peer.service = Some(index);
        self.peers.opened(id, service.path(), request);
        service.open(id, &mut self.peers);
        Ok(())
    }
}
