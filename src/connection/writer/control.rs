//! Control frames: pings, pongs and the closing handshake (RFC 6455 §5.5 and §7).

use alloc::boxed::Box;

use super::Writer;
use crate::buffer::SendBuf;
use crate::close::{self, CloseCode, MAX_REASON_LEN};
use crate::connection::state::WriteState;
use crate::error::{Error, SendError};
use crate::frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
use crate::reply::Reply;

impl Writer {
    /// Sends a ping with at most 125 bytes of payload (§5.5.2).
    ///
    /// Errors: [`SendError::Closed`], [`SendError::Full`], [`SendError::ControlTooLong`],
    /// [`SendError::NoEntropy`].
    pub fn send_ping(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.send_control(Opcode::PING, payload, tx)
    }

    /// Sends a pong that no ping asked for (§5.5.3): a heartbeat. Errors: as for
    /// [`send_ping`](Self::send_ping).
    pub fn send_pong(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.send_control(Opcode::PONG, payload, tx)
    }

    /// Sends a close frame (§5.5.1), after which nothing can be sent.
    ///
    /// The code is one of 1000–1003, 1007–1014, 3000–4999, or `None` for a frame without a body;
    /// the reason is at most 123 bytes. The frame is queued however much waits before it.
    ///
    /// Errors: [`SendError::Closed`], [`SendError::CloseCode`], [`SendError::ReasonTooLong`],
    /// [`SendError::ReasonWithoutCode`], [`SendError::NoEntropy`].
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.check_open()?;
        let code = code.into();
        match code {
            Some(code) if !code.is_sendable() => return Err(SendError::CloseCode { code }),
            None if !reason.is_empty() => return Err(SendError::ReasonWithoutCode),
            _ => {}
        }
        if reason.len() > MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong { len: reason.len() });
        }
        let mut body = [0; MAX_CONTROL_PAYLOAD];
        self.push_close(close::encode(code, reason, &mut body), tx)
    }

    /// Sends what the reading half found that must be sent. After our close frame there is
    /// nothing left to send, and a reply is dropped (§5.5.1).
    ///
    /// A pong and a ping are sent however much waits. After a close frame or a failure the writer
    /// is closed, whether or not the frame could be sent.
    ///
    /// Errors: [`SendError::TooManyReplies`] when pongs pile up, which is a reason to fail the
    /// connection; [`SendError::NoEntropy`].
    pub fn reply(&mut self, reply: &Reply, tx: &mut SendBuf) -> Result<(), SendError> {
        let mut sent = Ok(());
        if self.state == WriteState::Open {
            // What cannot be sent does not keep the rest from being sent.
            let pong = reply.pong_payload().map_or(Ok(()), |it| self.push_pong(it, tx));
            let ping =
                reply.ping_payload().map_or(Ok(()), |it| self.push_control(Opcode::PING, it, tx));
            let close = reply.close_body().map_or(Ok(()), |it| self.push_close(it, tx));
            sent = pong.and(ping).and(close);
        }
        if reply.ends() {
            if let Some(reason) = reply.peer_reason().filter(|reason| !reason.is_empty()) {
                self.peer_reason = Some(Box::from(reason));
            }
            self.end();
        }
        sent
    }

    /// The connection has failed: tells the peer why, if that can be told, and sends nothing any
    /// more (§7.1.7).
    pub fn fail(&mut self, error: Error, tx: &mut SendBuf) {
        // A close frame that cannot be masked cannot be sent: the error itself says the rest.
        let _ = self.reply(&error.reply(), tx);
    }

    fn push_pong(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        let header = self.mask(FrameHeader::new(Opcode::PONG, payload.len() as u64), tx)?;
        let limit = self.max_queued_replies;
        let fits = tx.push_pong(&header, payload, limit);
        fits.then_some(()).ok_or(SendError::TooManyReplies { limit })
    }

    fn push_close(&mut self, body: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.push_control(Opcode::CLOSE, body, tx)?;
        self.closed();
        Ok(())
    }

    fn push_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        let header = self.mask(FrameHeader::new(opcode, payload.len() as u64), tx)?;
        tx.push_frame(&header, payload);
        Ok(())
    }

    /// A close frame is being queued.
    pub(super) fn closed(&mut self) {
        self.state.close();
        self.publish();
    }

    fn send_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.may_send(tx)?;
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::ControlTooLong { len: payload.len() });
        }
        self.push_control(opcode, payload, tx)
    }
}
