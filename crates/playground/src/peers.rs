//! The connected peers, and sending messages to them.
//!
//! Outgoing bytes go through one shared buffer. It holds the bytes of one peer at a time: before
//! another peer uses it, they are written. What a socket does not take moves to a buffer of that
//! peer until the socket takes it. So a message to ten thousand peers takes the memory of one, as
//! long as they read.

mod watching;

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::Registry;
use slab::Slab;
use websans::{
    CloseCode, Io, Message, PreparedMessage, RecvBuf, SendBuf, SendError, Session, SessionError,
    SessionEvent,
};

use crate::connection::{Page, Peer, Progress};
use crate::figures::Figures;
use crate::frames::{Excerpt, Log, Tap};

/// Names a peer while it is connected.
pub(crate) type PeerId = usize;

/// From so many bytes on, what waits in the shared buffer is written before more is added.
const WRITE_AT: usize = 64 << 10;

/// The memory that the buffers of all peers may have together. When there is more, peers that
/// want more than [`SMALL`] are dropped.
const BUDGET: usize = 256 << 20;
const SMALL: usize = 4 << 10;

pub(crate) struct Peers {
    slab: Slab<Peer>,
    shared: SendBuf,
    /// Whose bytes the shared buffer holds.
    holder: Option<PeerId>,
    /// Peers that have ended, and peers whose service is to be told so.
    pub(crate) leaving: Vec<PeerId>,
    /// The memory of the buffers of all peers, in bytes.
    memory: usize,
    /// The pages that watch the frames of their connections.
    watching: HashMap<Page, Rc<RefCell<Log>>>,
    figures: Figures,
    start: Instant,
    now: Duration,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self {
            slab: Slab::new(),
            shared: SendBuf::new(),
            holder: None,
            leaving: Vec::new(),
            memory: 0,
            watching: HashMap::new(),
            figures: Figures::default(),
            start: Instant::now(),
            now: Duration::ZERO,
        }
    }
}

/// What services use.
impl Peers {
    /// When this turn of the event loop began.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The current time, for measurements.
    pub(crate) fn clock(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether what was sent before has not been taken by the peer's socket yet.
    pub(crate) fn is_behind(&self, to: PeerId) -> bool {
        self.slab.get(to).is_some_and(|peer| peer.tx.is_some())
    }

    pub(crate) fn send_text(&mut self, to: PeerId, text: &str) {
        self.send(to, Message::text(text));
    }

    pub(crate) fn send(&mut self, to: PeerId, message: Message<'_>) {
        self.expect(to, || Excerpt::new(message.payload()));
        let sent = self.with(to, |ws, tx| ws.send(message, tx));
        self.sent(to, sent);
    }

    pub(crate) fn send_prepared(&mut self, to: PeerId, message: &PreparedMessage) {
        self.expect(to, || Excerpt::new(message.payload()));
        let sent = self.with(to, |ws, tx| ws.send_prepared(message, tx));
        self.sent(to, sent);
    }

    pub(crate) fn ping(&mut self, to: PeerId, payload: &[u8]) {
        self.tell_tap(to, Tap::pinging);
        let sent = self.with(to, |ws, tx| ws.send_ping(payload, tx));
        if !matches!(sent, Some(Ok(()))) {
            self.tell_tap(to, Tap::not_pinged);
        }
        self.close_if_full(to, sent);
    }

    /// Begins the closing handshake, unless that has begun.
    pub(crate) fn close(&mut self, to: PeerId, code: impl Into<Option<CloseCode>>, reason: &str) {
        if self.get_mut(to).is_some_and(|peer| peer.ws.is_open()) {
            self.tell_tap(to, Tap::closing);
        }
        // A reason that is too long is left out.
        let code = code.into();
        let _ =
            self.with(to, |ws, tx| ws.close(code, reason, tx).or_else(|_| ws.close(code, "", tx)));
        self.leaving.push(to);
    }

    /// Ends the connection without a word.
    pub(crate) fn abort(&mut self, id: PeerId) {
        if let Some(peer) = self.slab.get_mut(id) {
            peer.is_aborted = true;
            self.leaving.push(id);
        }
    }

    /// A message was sent, or not.
    fn sent(&mut self, to: PeerId, sent: Option<Result<(), SendError>>) {
        if let Some(Ok(())) = sent {
            self.figures.messages.sent += 1;
        } else {
            self.tell_tap(to, Tap::not_sent);
        }
        self.close_if_full(to, sent);
    }

    /// Closes a peer that does not read, once `Config::max_queued` bytes wait for it.
    fn close_if_full(&mut self, to: PeerId, sent: Option<Result<(), SendError>>) {
        if let Some(Err(SendError::Full { .. })) = sent {
            self.close(to, CloseCode::POLICY_VIOLATION, "you do not read what you are sent");
        }
    }
}

/// What the event loop uses.
impl Peers {
    /// The name of the next peer to be inserted.
    pub(crate) fn vacant_id(&self) -> PeerId {
        self.slab.vacant_key()
    }

    pub(crate) fn insert(&mut self, peer: Peer) -> PeerId {
        self.slab.insert(peer)
    }

    pub(crate) fn remove(&mut self, id: PeerId, registry: &Registry) {
        self.forget_shared(id);
        if let Some(mut peer) = self.slab.try_remove(id) {
            if let Some(tap) = &mut peer.tap {
                tap.end(&peer.ws);
            }
            self.memory -= peer.counted;
            // Closing would do the same.
            let _ = registry.deregister(&mut peer.socket);
        }
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.slab.get_mut(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.slab.iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn update_clock(&mut self) {
        self.now = self.start.elapsed();
    }

    /// The next event of a peer. It borrows `rx` alone: meanwhile anything can be sent to anyone.
    pub(crate) fn next_event<'b>(
        &mut self,
        id: PeerId,
        rx: &'b mut RecvBuf,
    ) -> Result<Option<SessionEvent<'b>>, SessionError> {
        self.find_boundary(id, rx);
        let event = self.with(id, |ws, tx| ws.next_event(rx, tx)).unwrap_or(Ok(None));
        if let Ok(Some(SessionEvent::Text(_) | SessionEvent::Binary(_))) = event
            && self.slab.get(id).is_some_and(|peer| !peer.reports)
        {
            self.figures.messages.received += 1;
        }
        self.judge(id, &event);
        let has_ended = matches!(event, Ok(Some(SessionEvent::Close(_))) | Err(_));
        if has_ended && self.slab.get(id).is_some_and(|peer| peer.service.is_some()) {
            self.leaving.push(id);
        }
        event
    }

    /// What the peer's session wants of its socket.
    pub(crate) fn next_io(&mut self, id: PeerId) -> Option<Io> {
        let now = self.now;
        self.with(id, |ws, tx| ws.next_io(tx, now))
    }

    /// Does that. What the socket does not take, the peer keeps.
    pub(crate) fn perform(&mut self, id: PeerId, io: Io, rx: &mut RecvBuf) -> Progress {
        self.take_shared(id);
        let Some(peer) = self.slab.get_mut(id) else { return Progress::Over };
        if let Some(mut tx) = peer.tx.take() {
            let progress = peer.perform(io, rx, &mut tx, self.now);
            peer.tx = Some(tx).filter(|tx| !tx.is_empty());
            self.figures.count(peer.take_moved());
            return progress;
        }
        let progress = peer.perform(io, rx, &mut self.shared, self.now);
        self.figures.count(peer.take_moved());
        self.keep_unwritten(id, progress);
        progress
    }

    /// Shows the page that the peer has asked for.
    pub(crate) fn show_page(&mut self, id: PeerId) {
        self.take_shared(id);
        if let Some(peer) = self.slab.get_mut(id) {
            peer.show_page(&mut self.shared, self.now);
        }
    }

    /// Writes what is in the shared buffer. What the socket does not take, the peer keeps.
    pub(crate) fn flush(&mut self) {
        let Some(id) = self.holder.take() else { return };
        let Some(peer) = self.slab.get_mut(id) else { return self.shared.clear() };
        if self.shared.is_empty() {
            return;
        }
        let progress = peer.write(&mut self.shared, self.now);
        self.figures.count(peer.take_moved());
        self.keep_unwritten(id, progress);
    }

    fn keep_unwritten(&mut self, id: PeerId, progress: Progress) {
        if progress == Progress::Blocked
            && !self.shared.is_empty()
            && let Some(peer) = self.slab.get_mut(id)
        {
            peer.tx = Some(Box::new(mem::take(&mut self.shared)));
            self.count_memory(id);
        }
    }

    /// Keeps account of the memory of a peer's buffers, and drops it if there is too much.
    pub(crate) fn count_memory(&mut self, id: PeerId) {
        let Some(peer) = self.slab.get_mut(id) else { return };
        let memory = peer.memory();
        let before = mem::replace(&mut peer.counted, memory);
        self.memory = self.memory - before + peer.counted;
        if self.memory > BUDGET && peer.counted > before.max(SMALL) {
            (peer.rx, peer.tx) = (None, None);
            self.memory -= mem::take(&mut peer.counted);
            self.abort(id);
        }
    }

    /// Does something with a session and the buffer that is its peer's own, or lent to it.
    pub(crate) fn with<R>(
        &mut self,
        id: PeerId,
        act: impl FnOnce(&mut Session, &mut SendBuf) -> R,
    ) -> Option<R> {
        self.take_shared(id);
        let Peer { ws, tx, .. } = self.slab.get_mut(id)?;
        let result = act(ws, tx.as_deref_mut().unwrap_or(&mut self.shared));
        if tx.is_some() {
            self.count_memory(id);
        } else if self.shared.len() >= WRITE_AT as u64 {
            self.flush();
        }
        Some(result)
    }

    /// Makes the shared buffer that of this peer, unless it has one of its own.
    fn take_shared(&mut self, id: PeerId) {
        if self.holder != Some(id) && !self.is_behind(id) {
            self.flush();
            self.holder = Some(id);
        }
    }

    fn forget_shared(&mut self, id: PeerId) {
        if self.holder == Some(id) {
            self.holder = None;
            self.shared.clear();
        }
    }
}
