//! The states of a connection (RFC 6455 §4 and §7). Every transition stands in this file.
//!
//! ```text
//!             close frame received          close frame queued
//! reading:  Open ──────────────────► Closed
//!             └── violation, EOF, ─► Failed
//!                 deadline
//! writing:  Open ────────────────────────────────► Closed
//!             └── failure without a close frame ─► Ended
//!
//! State:    OPEN     both Open
//!           CLOSING  one of them is not
//!           CLOSED   neither is Open, or reading Failed
//! ```
//!
//! CONNECTING is a type of its own: [`ServerHandshake`](crate::ServerHandshake) and
//! [`ClientHandshake`](crate::ClientHandshake).

use alloc::boxed::Box;

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
    /// a client waits a moment for the server to do so (§7.1.1). [`Session`](crate::Session) says
    /// what to do when.
    Closed,
}

/// How a connection ended (§7.1.5, §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseStatus<'a> {
    /// The code of the peer's close frame, or 1005 if it had none. After a failure the code that
    /// went out because of it, or 1006 if none could.
    pub code: CloseCode,
    /// The reason in the peer's close frame; empty after a failure.
    pub reason: &'a str,
    /// Whether both close frames have passed: the peer's has come, and ours was sent.
    pub clean: bool,
    /// Whether the connection failed (§7.1.7) before the peer's close frame came.
    pub failed: bool,
}

/// What a browser tells a page in its `CloseEvent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseEvent<'a> {
    /// `code`: that of the peer's close frame, 1005 if it had none, 1006 after a failure.
    pub code: CloseCode,
    /// `reason`: that of the peer's close frame, empty after a failure.
    pub reason: &'a str,
    /// `wasClean`.
    pub was_clean: bool,
}

impl<'a> CloseStatus<'a> {
    /// The same as a browser tells it. It differs after a failure: a browser then says 1006 and no
    /// reason, as Chromium does after invalid UTF-8, where [`code`](Self::code) is the 1007 that
    /// went out.
    #[must_use]
    pub const fn close_event(&self) -> CloseEvent<'a> {
        if self.failed {
            return CloseEvent { code: CloseCode::ABNORMAL_CLOSURE, reason: "", was_clean: false };
        }
        CloseEvent { code: self.code, reason: self.reason, was_clean: self.clean }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum ReadState {
    Open,
    /// The peer's code, or 1005, and its reason.
    Closed(CloseCode, Option<Box<str>>),
    Failed(Error),
}

impl ReadState {
    /// The peer's close frame has come: what follows it is ignored (§1.4, §5.5.1).
    pub(crate) fn close(&mut self, frame: &CloseFrame<'_>) {
        if let Self::Open = self {
            let reason = Some(frame.reason).filter(|reason| !reason.is_empty());
            let code = frame.code.unwrap_or(CloseCode::NO_STATUS_RCVD);
            *self = Self::Closed(code, reason.map(Box::from));
        }
    }

    /// The one funnel for failing the connection (§7.1.7). The first error stays, and nothing that
    /// fails after the peer's close frame changes what it said.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        match self {
            Self::Failed(first) => return *first,
            Self::Open => *self = Self::Failed(error),
            Self::Closed(..) => {}
        }
        error
    }

    pub(crate) fn end(&self) -> Option<ReadEnd> {
        match self {
            Self::Open => None,
            Self::Closed(code, _) => Some(ReadEnd { code: *code, failed: false }),
            Self::Failed(error) => Some(ReadEnd { code: error.close_code(), failed: true }),
        }
    }

    /// The reason in the peer's close frame.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Closed(_, Some(reason)) => reason,
            _ => "",
        }
    }
}

/// How reading ended, as far as the half that writes must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadEnd {
    /// The peer's code, or 1005, or that of the failure.
    pub(crate) code: CloseCode,
    pub(crate) failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteState {
    Open,
    /// Our close frame has been queued.
    Closed,
    /// Nothing can be sent any more, and no close frame was.
    Ended,
}

impl WriteState {
    pub(crate) fn close(&mut self) {
        if let Self::Open = self {
            *self = Self::Closed;
        }
    }

    pub(crate) fn end(&mut self) {
        if let Self::Open = self {
            *self = Self::Ended;
        }
    }
}

impl State {
    pub(crate) fn of(read: Option<ReadEnd>, write: WriteState) -> Self {
        match (read, write) {
            (None, WriteState::Open) => Self::Open,
            (Some(ReadEnd { failed: true, .. }), _)
            | (Some(_), WriteState::Closed | WriteState::Ended) => Self::Closed,
            _ => Self::Closing,
        }
    }
}

impl<'a> CloseStatus<'a> {
    /// `reason` is that of the peer's close frame.
    pub(crate) fn of(read: Option<ReadEnd>, reason: &'a str, write: WriteState) -> Option<Self> {
        let ReadEnd { code, failed } = read?;
        let reason = if failed { "" } else { reason };
        Some(Self { code, reason, clean: !failed && write == WriteState::Closed, failed })
    }
}
