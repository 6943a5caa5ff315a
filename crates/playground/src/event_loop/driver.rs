//! Drives the session of each peer: takes its events, and does the I/O that it asks for.

use std::mem;

use websans::{Connection, Io, RecvBuf, SessionEvent};

use super::EventLoop;
use crate::connection::{Http, Progress};
use crate::peers::PeerId;

/// How much is done for one peer before it is the next one's turn: about eight reads.
const STEPS_AT_ONCE: usize = 16;

impl EventLoop {
    /// The socket may be ready, or something is to be said: until it can do no more.
    pub(super) fn drive(&mut self, id: PeerId) {
        self.drive_until(id, false);
    }

    /// A deadline has come. What the peer has said until now counts.
    pub(super) fn drive_late(&mut self, id: PeerId) {
        self.drive_until(id, true);
    }

    fn drive_until(&mut self, id: PeerId, is_late: bool) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let own = peer.rx.take();
        let is_own = own.is_some();
        let mut rx = own.map_or_else(|| mem::take(&mut self.rx), |own| *own);
        let mut progress = self.step(id, &mut rx);
        if is_late && progress == Progress::Blocked {
            let now = self.peers.now();
            if let Some(peer) = self.peers.get_mut(id) {
                peer.ws.handle_timeout(now);
            }
            progress = self.step(id, &mut rx);
        }
        match self.peers.get_mut(id) {
            Some(peer) if !rx.is_empty() => peer.rx = Some(Box::new(rx)),
            _ if is_own => {}
            _ => {
                rx.clear();
                self.rx = rx;
            }
        }
        match progress {
            Progress::Some => self.unfinished.push(id),
            Progress::Blocked => {}
            Progress::Over => return self.remove(id),
        }
        self.peers.count_memory(id);
    }

    /// Some steps; whether the last one did something.
    fn step(&mut self, id: PeerId, rx: &mut RecvBuf) -> Progress {
        for _ in 0..STEPS_AT_ONCE {
            self.take_events(id, rx);
            let is_head = match self.peers.get_mut(id) {
                None => return Progress::Over,
                Some(peer) if peer.is_aborted => return Progress::Over,
                Some(peer) => matches!(peer.http, Http::Head(_)),
            };
            let progress = match self.peers.next_io(id) {
                None => Progress::Over,
                Some(Io::Read) if is_head => self.read_head(id, rx),
                Some(io) => self.peers.perform(id, io, rx),
            };
            if progress != Progress::Some {
                return progress;
            }
        }
        Progress::Some
    }

    /// Hands the service the events of a peer. A peer that does not read gets no events handled, so
    /// it cannot ask for more output.
    fn take_events(&mut self, id: PeerId, rx: &mut RecvBuf) {
        while !self.peers.is_behind(id) {
            match self.peers.next_event(id, rx) {
                Ok(Some(SessionEvent::Request(request))) => self.answer(id, &request),
                Ok(Some(event)) => {
                    let service = self.peers.get_mut(id).and_then(|peer| peer.service);
                    if let Some(service) = service.and_then(|it| self.services.get_mut(it)) {
                        service.receive(id, event, &mut self.peers);
                    }
                }
                Ok(None) => return,
                Err(_) => return self.peers.show_page(id),
            }
            if self.peers.get_mut(id).is_none_or(|peer| peer.is_aborted) {
                return;
            }
        }
    }

    /// Tells the service of a peer that nothing more can be sent to it, and drives it to its end.
    pub(super) fn see_off(&mut self, id: PeerId) {
        self.tell_service(id);
        match self.peers.get_mut(id) {
            Some(peer) if peer.is_aborted => self.remove(id),
            Some(_) => self.drive(id),
            None => {}
        }
    }

    fn tell_service(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let status = peer.ws.connection().and_then(Connection::close_status);
        let (service, clean) = (peer.service.take(), status.is_some_and(|status| status.clean));
        if let Some(service) = service.and_then(|it| self.services.get_mut(it)) {
            service.gone(id, clean, &mut self.peers);
        }
    }

    fn remove(&mut self, id: PeerId) {
        self.tell_service(id);
        self.peers.remove(id, self.poll.registry());
    }
}
