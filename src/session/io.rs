//! What a session wants of the transport.

use core::time::Duration;

use super::timers::Stage;
use super::{Phase, Session};
use crate::buffer::SendBuf;
use crate::connection::{Role, State};
use crate::error::{Error, Timeout};

/// What the transport is to do next: see [`Session::next_io`](crate::Session::next_io).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// Write what the [`SendBuf`](crate::SendBuf) holds, and report it with
    /// [`handle_written`](crate::Session::handle_written).
    ///
    /// If the transport takes nothing now, report 0, and wait until it does. Where
    /// [`wants_read`](crate::Session::wants_read) says so it may be read meanwhile; an application
    /// that does not read then serves a peer only as fast as that reads.
    Write,
    /// Flush the transport, if it has a buffer of its own, and report it with
    /// [`handle_flushed`](crate::Session::handle_flushed).
    Flush,
    /// Read into the [`RecvBuf`](crate::RecvBuf), and report it with
    /// [`handle_read`](crate::Session::handle_read).
    Read,
    /// Shut down the transport's write side (a FIN, TLS's `close_notify`), and report it with
    /// [`handle_shut_down`](crate::Session::handle_shut_down).
    ShutDown,
    /// Read, throw away what comes, and report it with
    /// [`handle_read`](crate::Session::handle_read). To close a TCP socket while something from the
    /// peer is unread resets the connection, and the reset may overtake what was written.
    Drain,
    /// Close the transport. Nothing comes after this.
    Close,
}

impl Session {
    /// What the transport is to do next, once [`next_event`](Self::next_event) has returned all
    /// there was.
    ///
    /// A server shuts down its side of the transport first, as §7.1.1 has it, and so does an
    /// endpoint after a failure; a client waits for the server. Both wait for the peer's end of the
    /// transport, at most until [`Deadlines::close`](crate::Deadlines::close).
    ///
    /// A transport that has taken too little when [`Deadlines::write`](crate::Deadlines::write) or
    /// [`Deadlines::close`](crate::Deadlines::close) has passed is to be closed, even if no more
    /// events are taken meanwhile; [`error`](Self::error) then says which it was.
    pub fn next_io(&mut self, tx: &SendBuf, now: Duration) -> Io {
        if self.over {
            return Io::Close;
        }
        if self.stage() == Stage::Ending {
            self.timers.ends(now);
        }
        if !self.write_lost {
            if !tx.is_empty() || self.unflushed {
                // An application that serves a peer only as fast as it reads takes no events now,
                // and what they would be puts neither deadline off.
                if let Some(timeout) = self.timers.given_up(self.stage()) {
                    self.give_up(timeout);
                    return Io::Close;
                }
                self.timers.something_waits(now);
                return if tx.is_empty() { Io::Flush } else { Io::Write };
            }
            self.timers.nothing_waits();
            self.ping_waits = false;
        }
        if !self.is_finished() {
            return Io::Read;
        }
        self.all_written = !self.write_lost;
        let is_client_refused = self.role == Role::Client && matches!(self.phase, Phase::Refused);
        if self.eof || self.write_lost || is_client_refused {
            self.over = true;
            return Io::Close;
        }
        if !self.shut_down && (self.role == Role::Server || self.error.is_some()) {
            return Io::ShutDown;
        }
        Io::Drain
    }

    /// The transport has not taken in time what waits.
    fn give_up(&mut self, timeout: Timeout) {
        (self.over, self.write_lost) = (true, true);
        // Nothing can be written any more, and so nothing is queued.
        self.fail(Error::Timeout(timeout), &mut SendBuf::new());
    }

    /// Whether the transport may be read while it takes nothing.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.eof && !self.over
    }

    /// Whether no more events will come, and nothing more is to be said.
    pub(super) fn is_finished(&self) -> bool {
        match &self.phase {
            Phase::Server(_) | Phase::Client(_) => false,
            Phase::Open(connection) => connection.state() == State::Closed,
            Phase::Refused => true,
        }
    }
}
