//! A server's response, as a client sees it (RFC 6455 §4.1).

use alloc::borrow::Cow;

use super::error::HandshakeError;
use super::fields::{Fields, Headers};
use super::head::Status;
use crate::config::Config;
use crate::connection::{Agreed, Connection, Role};

/// A server's response: it has accepted, and did it rightly, or it has refused.
///
/// A redirection is a refusal as any other. To follow it is left to the application, which knows
/// whether the credentials that it sent may go to the `Location`.
#[derive(Debug)]
#[must_use = "it is to be made into a connection"]
pub struct IncomingResponse<'b> {
    pub(crate) status: Status<'b>,
    pub(crate) fields: Fields<'b>,
    pub(crate) body: Cow<'b, [u8]>,
    pub(crate) body_is_complete: bool,
    pub(crate) agreed: Agreed,
    pub(crate) config: Config,
}

impl<'b> IncomingResponse<'b> {
    /// Whether the server has accepted. Then everything in the response is as it must be.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.status.code == 101
    }

    /// The connection, in the state OPEN.
    ///
    /// Errors: [`HandshakeError::Refused`].
    pub fn into_connection(self) -> Result<Connection, HandshakeError> {
        if self.is_accepted() {
            Ok(self.connection())
        } else {
            Err(HandshakeError::Refused { status: self.status.code })
        }
    }

    /// The connection of a response that accepts.
    pub(crate) fn connection(&self) -> Connection {
        Connection::after_handshake(Role::Client, &self.config, self.agreed.clone())
    }

    /// The status: 101 if the server has accepted.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.code
    }

    /// The reason phrase, often empty, and so where it is not ASCII.
    #[must_use]
    pub fn reason(&self) -> &'b str {
        self.status.reason
    }

    /// The value of the first header field of that name, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.values(name).next()
    }

    /// All header fields, in order; see [`Headers`].
    #[must_use]
    pub fn headers(&self) -> Headers<'b> {
        self.fields.iter()
    }

    /// The subprotocol that the server chose, one of those that were offered.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.agreed.subprotocol.as_deref()
    }

    /// The body of a refusal, without the coding of its transfer; at most 64 KiB of it, and at
    /// most as much as has arrived when the server does not say where it ends.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether [`body`](Self::body) is all of it, as far as the server said.
    #[must_use]
    pub fn body_is_complete(&self) -> bool {
        self.body_is_complete
    }
}
