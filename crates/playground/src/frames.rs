//! The frames of a watched connection, as this server received and sent them.
//!
//! A [`Tap`] gets a copy of the bytes that went through the socket, and decodes them with the frame
//! layer of the crate. What the state machine made of a frame comes from the events and errors of
//! the session. A connection that nobody watches has no tap.

mod log;
mod received;
mod sent;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use websans::frame::Opcode;
use websans::{Connection, IncomingRequest, RecvBuf, Session, SessionError, SessionEvent, State};

pub(crate) use self::log::{Excerpt, Log};

use self::log::{Direction, Entry, Frame};
use self::received::Received;
use self::sent::Sent;

/// How many frames or messages of one direction are remembered with their payload until it is known
/// what became of them.
const REMEMBERED: usize = 64;

/// What is known of a watched connection.
pub(crate) struct Tap {
    log: Rc<RefCell<Log>>,
    connection: u32,
    path: &'static str,
    since: Instant,
    state: State,
    received: Received,
    sent: Sent,
}

/// Something that a direction has to tell.
struct Told {
    frame: Frame,
    /// The message that the frame completes, if the frame's own payload is not all of it.
    message: Option<Excerpt>,
    verdict: String,
}

impl Tap {
    /// A connection whose opening handshake has just been answered. `queued` bytes wait to be
    /// written, of which none belongs to a frame.
    pub(crate) fn opened(
        log: &Rc<RefCell<Log>>,
        path: &'static str,
        request: &IncomingRequest<'_>,
        ws: &Session,
        queued: u64,
    ) -> Self {
        let mut tap = Self::new(log, path, Received::opened(), queued);
        tap.note(opening(request, ws));
        tap
    }

    /// A connection that was opened before anybody watched it. `queued` bytes wait to be written,
    /// of which the last ends a frame.
    pub(crate) fn joined(
        log: &Rc<RefCell<Log>>,
        path: &'static str,
        ws: &Session,
        queued: u64,
    ) -> Self {
        let mut tap = Self::new(log, path, Received::joined(), queued);
        tap.state = ws.connection().map_or(State::Closed, Connection::state);
        tap.note("Watched from here on: the connection was opened before.".into());
        tap
    }

    fn new(log: &Rc<RefCell<Log>>, path: &'static str, received: Received, queued: u64) -> Self {
        Self {
            connection: log.borrow_mut().name_connection(),
            log: Rc::clone(log),
            path,
            since: Instant::now(),
            state: State::Open,
            received,
            sent: Sent::after(queued),
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.received.memory() + self.sent.memory()
    }

    /// Finds the place in what has come where frames begin, if it is not known yet.
    pub(crate) fn find_boundary(&mut self, rx: &RecvBuf) {
        let left_out = self.received.find_boundary(rx, self.since);
        self.log.borrow_mut().leave_out(left_out);
    }

    /// These bytes were received.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let left_out = self.received.read(bytes, self.since);
        self.log.borrow_mut().leave_out(left_out);
    }

    /// This is what the session has made of what was received.
    pub(crate) fn judge(
        &mut self,
        event: &Result<Option<SessionEvent<'_>>, SessionError>,
        ws: &Session,
    ) {
        let told = self.received.judge(event, &mut self.sent);
        let has_failed = event.is_err() && self.state != State::Closed;
        let before = self.state;
        if let Some(connection) = ws.connection() {
            self.state = connection.state();
        }
        let count = told.len();
        for (at, told) in told.into_iter().enumerate() {
            // The event is about the last of the frames.
            let is_last = at + 1 == count;
            let state = if is_last { self.change(before) } else { name(before).into() };
            self.tell(Direction::Received, told, state);
        }
        if let (true, Err(error)) = (has_failed && !self.received.is_to_blame(count), event) {
            self.note_with(failure(*error), self.change(before));
        }
    }

    /// This message is about to be queued.
    pub(crate) fn sending(&mut self, message: Excerpt) {
        self.sent.expect(message);
    }

    /// The message was not queued after all.
    pub(crate) fn not_sent(&mut self) {
        self.sent.expect_no_more();
    }

    /// The service has asked for a ping.
    pub(crate) fn pinging(&mut self) {
        self.sent.pings += 1;
    }

    /// The ping was not queued after all.
    pub(crate) fn not_pinged(&mut self) {
        // The ping of a deadline may have been taken for it.
        self.sent.pings = self.sent.pings.saturating_sub(1);
    }

    /// The service begins the closing handshake.
    pub(crate) fn closing(&mut self) {
        self.sent.has_begun_closing = true;
    }

    /// The socket has taken these bytes.
    pub(crate) fn wrote(&mut self, bytes: &[u8], ws: &Session) {
        for told in self.sent.wrote(bytes, self.since, ws.error()) {
            let before = self.state;
            if told.frame.header.opcode() == Opcode::CLOSE
                && let Some(connection) = ws.connection()
            {
                self.state = connection.state();
            }
            let state = self.change(before);
            self.tell(Direction::Sent, told, state);
        }
    }

    /// The connection is removed, and its socket closed.
    pub(crate) fn end(&mut self, ws: &Session) {
        let verdict = if ws.close_status().is_some_and(|status| status.clean) {
            "TCP is closed, after a close frame each way: a clean end."
        } else if self.sent.has_closed {
            "TCP is closed, after a close frame from this server alone."
        } else {
            "TCP is closed without a close frame from this server: a browser reports code 1006."
        };
        let before = self.state;
        self.state = State::Closed;
        self.note_with(verdict.into(), self.change(before));
    }

    fn change(&self, before: State) -> String {
        if before == self.state {
            name(before).into()
        } else {
            format!("{} → {}", name(before), name(self.state))
        }
    }

    fn note(&mut self, verdict: String) {
        self.note_with(verdict, name(self.state).into());
    }

    fn note_with(&mut self, verdict: String, state: String) {
        self.log.borrow_mut().push(Entry {
            connection: self.connection,
            path: self.path,
            at: self.since.elapsed(),
            frame: None,
            message: None,
            verdict,
            state,
        });
    }

    fn tell(&mut self, direction: Direction, told: Told, state: String) {
        self.log.borrow_mut().push(Entry {
            connection: self.connection,
            path: self.path,
            at: told.frame.at,
            frame: Some((direction, told.frame)),
            message: told.message,
            verdict: told.verdict,
            state,
        });
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Open => "OPEN",
        State::Closing => "CLOSING",
        State::Closed => "CLOSED",
    }
}

fn failure(error: SessionError) -> String {
    match error {
        SessionError::Connection(error) => {
            format!("Fails the connection with {}: {error}.", error.close_code().number())
        }
        error => format!("Fails the connection: {error}."),
    }
}

/// What was agreed on.
fn opening(request: &IncomingRequest<'_>, ws: &Session) -> String {
    let connection = ws.connection();
    let subprotocol = connection
        .and_then(Connection::subprotocol)
        .map_or(String::new(), |subprotocol| format!(", subprotocol {subprotocol}"));
    let deflate = connection.and_then(Connection::permessage_deflate).map_or(
        ", without compression".into(),
        |agreed| {
            format!(
                ", permessage-deflate with {} from the server and {} from the client",
                window(agreed.server_max_window_bits(), agreed.server_no_context_takeover()),
                window(agreed.client_max_window_bits(), agreed.client_no_context_takeover()),
            )
        },
    );
    let path = request.path();
    format!("GET {path} is answered with 101 Switching Protocols{subprotocol}{deflate}.")
}

fn window(bits: u8, is_new_for_each: bool) -> String {
    let size = 1_u64 << bits;
    let takeover = if is_new_for_each { ", empty for each message," } else { "" };
    format!("a window of {size} bytes{takeover}")
}
