//! What an application does with a session: answer the request, send, close, and ask how it
//! stands.

use core::time::Duration;

use super::{Phase, Session, SessionError};
use crate::buffer::SendBuf;
use crate::close::CloseCode;
use crate::connection::{CloseStatus, Connection, Role};
use crate::error::SendError;
use crate::handshake::{IncomingRequest, InvalidHandshake, Rejection, Response};
use crate::message::{Message, PreparedMessage};

impl Session {
    /// A server: accepts the client's request, with which the opening handshake is done.
    ///
    /// Errors: as for [`IncomingRequest::accept`], and [`InvalidHandshake::NoRequest`] where no
    /// request waits for an answer. Nothing is sent then, and the request can still be rejected.
    pub fn accept(
        &mut self,
        request: &IncomingRequest<'_>,
        response: &Response<'_>,
        tx: &mut SendBuf,
    ) -> Result<(), InvalidHandshake> {
        self.check_asked()?;
        self.begin(request.accept(response, tx)?);
        Ok(())
    }

    /// A server: rejects the client's request, which ends the session.
    ///
    /// Errors: [`InvalidHandshake::NoRequest`] where no request waits for an answer.
    pub fn reject(
        &mut self,
        rejection: &Rejection<'_>,
        tx: &mut SendBuf,
    ) -> Result<(), InvalidHandshake> {
        self.check_asked()?;
        rejection.write(tx);
        self.phase = Phase::Refused;
        Ok(())
    }

    fn check_asked(&self) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Server(handshake) if handshake.is_asked() => Ok(()),
            _ => Err(InvalidHandshake::NoRequest),
        }
    }

    /// Sends a text message in one frame: [`Writer::send_text`](crate::Writer::send_text).
    ///
    /// Errors, here and for whatever is sent: as there, and [`SendError::Connecting`] before the
    /// opening handshake is done.
    #[inline]
    pub fn send_text(&mut self, text: &str, tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_text(text, tx)
    }

    /// Sends a binary message in one frame: [`Writer::send_binary`](crate::Writer::send_binary).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_binary(data, tx)
    }

    /// Sends a message or a part of one: [`Writer::send`](crate::Writer::send).
    #[inline]
    pub fn send(&mut self, message: Message<'_>, tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send(message, tx)
    }

    /// Sends a message that was encoded once for many connections:
    /// [`Writer::send_prepared`](crate::Writer::send_prepared).
    #[inline]
    pub fn send_prepared(
        &mut self,
        message: &PreparedMessage,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.connected()?.send_prepared(message, tx)
    }

    /// Sends a ping of the application's own: [`Writer::send_ping`](crate::Writer::send_ping). The
    /// session pings a silent peer by itself.
    pub fn send_ping(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_ping(payload, tx)
    }

    /// Sends an unsolicited pong: [`Writer::send_pong`](crate::Writer::send_pong).
    pub fn send_pong(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_pong(payload, tx)
    }

    /// Begins the closing handshake: [`Writer::close`](crate::Writer::close). Messages may still
    /// come until the peer answers.
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.connected()?.close(code, reason, tx)
    }

    /// Whether messages can be sent: the opening handshake is done, and no close frame was sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection().is_some_and(Connection::is_open)
    }

    /// The connection, to send with it what the session has no method for; an error before the
    /// opening handshake is done, and after it has failed.
    ///
    /// Errors: [`SendError::Connecting`], [`SendError::Closed`].
    #[inline]
    pub fn connected(&mut self) -> Result<&mut Connection, SendError> {
        match &mut self.phase {
            Phase::Open(connection) => Ok(connection),
            Phase::Server(_) | Phase::Client(_) => Err(SendError::Connecting),
            Phase::Refused => Err(SendError::Closed),
        }
    }

    /// The connection, once the opening handshake is done: its state, and what was agreed on.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// How the connection ended, once the peer's close frame has come or the connection failed. It
    /// is `clean` only when the transport has taken our close frame.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        let mut status = self.connection()?.close_status()?;
        status.clean &= self.all_written;
        Some(status)
    }

    /// Why the session has failed, if it has.
    #[must_use]
    pub fn error(&self) -> Option<SessionError> {
        self.error
    }

    /// The time between the last ping of the session's own that was answered and its pong. It
    /// includes the time that the ping and the pong waited in buffers.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.timers.round_trip()
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
