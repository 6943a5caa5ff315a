//! The opening handshake (RFC 6455 §4), which goes on where it was when the transport would block.

pub mod client;
pub mod headers;
pub mod machine;
pub mod server;

use std::error;
use std::fmt;
use std::io::{Read, Write};

use self::machine::{HandshakeMachine, RoundResult, StageResult, TryParse};
use crate::error::Error;

/// How much of a head is read at once, as in tungstenite.
const READ: usize = 4096;

/// A handshake that has begun.
#[derive(Debug)]
pub struct MidHandshake<Role: HandshakeRole> {
    role: Role,
    machine: HandshakeMachine<Role::InternalStream>,
}

impl<Role: HandshakeRole> MidHandshake<Role> {
    /// What reads and writes, and has the transport.
    pub fn get_ref(&self) -> &HandshakeMachine<Role::InternalStream> {
        &self.machine
    }

    /// What reads and writes, and has the transport.
    pub fn get_mut(&mut self) -> &mut HandshakeMachine<Role::InternalStream> {
        &mut self.machine
    }

    /// Goes on with the handshake, until it is done or the transport would block.
    pub fn handshake(mut self) -> Result<Role::FinalResult, HandshakeError<Role>> {
        let mut machine = self.machine;
        loop {
            machine = match machine.round() {
                Ok(RoundResult::WouldBlock(machine)) => {
                    let rest = Self { role: self.role, machine };
                    return Err(HandshakeError::Interrupted(rest));
                }
                Ok(RoundResult::Incomplete(machine)) => machine,
                Ok(RoundResult::StageFinished(stage)) => match self.role.stage_finished(stage)? {
                    ProcessingResult::Continue(machine) => machine,
                    ProcessingResult::Done(result) => return Ok(result),
                },
                Err((error, mut stream)) => {
                    self.role.refuse(&error, &mut stream);
                    return Err(error.into());
                }
            }
        }
    }
}

/// Why there is no connection yet.
pub enum HandshakeError<Role: HandshakeRole> {
    /// The transport would block. [`MidHandshake::handshake`] goes on.
    Interrupted(MidHandshake<Role>),
    /// There will be none.
    Failure(Error),
}

impl<Role: HandshakeRole> fmt::Debug for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("HandshakeError::Interrupted(...)"),
            Self::Failure(error) => write!(f, "HandshakeError::Failure({error:?})"),
        }
    }
}

impl<Role: HandshakeRole> fmt::Display for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("Interrupted handshake (WouldBlock)"),
            Self::Failure(error) => error.fmt(f),
        }
    }
}

impl<Role: HandshakeRole> error::Error for HandshakeError<Role> {}

impl<Role: HandshakeRole> From<Error> for HandshakeError<Role> {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

/// A client's handshake or a server's.
pub trait HandshakeRole {
    #[doc(hidden)]
    type IncomingData: TryParse;
    #[doc(hidden)]
    type InternalStream: Read + Write;
    #[doc(hidden)]
    type FinalResult;

    #[doc(hidden)]
    fn stage_finished(
        &mut self,
        finish: StageResult<Self::IncomingData, Self::InternalStream>,
    ) -> Result<ProcessingResult<Self::InternalStream, Self::FinalResult>, Error>;

    #[doc(hidden)]
    fn refuse(&self, _error: &Error, _stream: &mut Self::InternalStream) {}
}

#[doc(hidden)]
#[derive(Debug)]
pub enum ProcessingResult<Stream, FinalResult> {
    Continue(HandshakeMachine<Stream>),
    Done(FinalResult),
}

/// The value of `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key` (RFC 6455 §4.2.2), for
/// those who make the handshake themselves.
///
/// ```
/// use tungstenite::handshake::derive_accept_key;
///
/// assert_eq!(derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn derive_accept_key(request_key: &[u8]) -> String {
    websans::accept_key(request_key).into_iter().map(char::from).collect()
}
