//! The states of a connection (RFC 6455 §4 and §7). Every transition stands in this file.
//!
//! ```text
//!             close frame received          close frame sent
//! reading:  Open ──────────────────► Closed
//!             └── violation, EOF ──► Failed
//! writing:  Open ───────────────────────────────► Closed      (a failure closes it, too)
//!
//! State:    OPEN     both Open
//!           CLOSING  one of them is not
//!           CLOSED   neither is Open, or reading Failed
//! ```
//!
//! CONNECTING is a type of its own: [`ServerHandshake`](crate::ServerHandshake) and
//! [`ClientHandshake`](crate::ClientHandshake).

use crate::close::{CloseCode, CloseFrame};
use crate::error::Error;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Messages flow both ways.
    Open,
    /// One of the two close frames is missing (§7.1.3).
    Closing,
    /// Both close frames have passed, or the connection failed (§7.1.4). What is in the
    /// [`SendBuf`](crate::SendBuf) must still be written; then a server closes the transport, and
    /// a client waits a moment for the server to do so (§7.1.1).
    Closed,
}

/// How a connection ended: what a browser's `CloseEvent` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseStatus {
    /// The code of the peer's close frame; 1005 if it had none (§7.1.5); 1006 after
    /// [`Error::Eof`]; otherwise the code that went out because of the peer's violation.
    pub code: CloseCode,
    /// Whether both close frames have passed. The peer's reason was in
    /// [`Event::Close`](crate::Event::Close).
    pub clean: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadState {
    Open,
    Closed(CloseCode),
    Failed(Error),
}

impl ReadState {
    /// The peer's close frame has come: what follows it is ignored (§1.4, §5.5.1).
    pub(crate) fn close(&mut self, frame: &CloseFrame<'_>) {
        if let Self::Open = self {
            *self = Self::Closed(frame.code.unwrap_or(CloseCode::NO_STATUS_RCVD));
        }
    }

    /// The one funnel for failing the connection (§7.1.7); the first error stays.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        if let Self::Failed(first) = self {
            return *first;
        }
        *self = Self::Failed(error);
        error
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteState {
    Open,
    Closed,
}

impl WriteState {
    /// A close frame has been queued, or nothing can be sent any more.
    pub(crate) fn close(&mut self) {
        *self = Self::Closed;
    }
}

impl State {
    pub(crate) fn of(read: &ReadState, write: WriteState) -> Self {
        match (read, write) {
            (ReadState::Open, WriteState::Open) => Self::Open,
            (ReadState::Failed(_), _) | (ReadState::Closed(_), WriteState::Closed) => Self::Closed,
            _ => Self::Closing,
        }
    }
}

impl CloseStatus {
    pub(crate) fn of(read: &ReadState, write: WriteState) -> Option<Self> {
        match read {
            ReadState::Open => None,
            ReadState::Closed(code) => {
                Some(Self { code: *code, clean: write == WriteState::Closed })
            }
            ReadState::Failed(error) => Some(Self { code: error.close_code(), clean: false }),
        }
    }
}
