//! The writing half: from what the application asks for to frames (RFC 6455 §5 and §6.1).

mod control;

use alloc::boxed::Box;

use super::Role;
use super::link::Link;
use super::state::{CloseStatus, ReadEnd, State, WriteState};
use crate::buffer::SendBuf;
use crate::config::Config;
use crate::deflate::{AgreedDeflate, Deflation};
use crate::error::SendError;
use crate::frame::{FrameHeader, Opcode};
use crate::masking_key::{Drawer, Keys, MaskingKeySource};
use crate::message::{Message, PreparedMessage};
use crate::payload::Payload;

/// The half of a [`Connection`](crate::Connection) that writes. It never reads: what the peer's
/// frames oblige to send comes as a [`Reply`](crate::Reply), from wherever the [`Reader`](crate::Reader) runs.
///
/// Every frame is appended whole to the [`SendBuf`], so that frames never land inside one another.
#[derive(Debug)]
pub struct Writer {
    role: Role,
    pub(super) state: WriteState,
    /// Text or binary, while a message is being sent in parts, and whether it is compressed.
    in_progress: Option<(Opcode, bool)>,
    deflation: Option<Deflation>,
    masking_keys: MaskingKeySource,
    draws: Drawer,
    max_queued: usize,
    max_queued_replies: usize,
    /// The other half, if there is one.
    pub(super) link: Option<Link>,
    /// The reason in the peer's close frame, once its reply has come here.
    peer_reason: Option<Box<str>>,
}

impl Writer {
    pub(super) fn new(role: Role, config: &Config, deflation: Option<Deflation>) -> Self {
        Self {
            role,
            state: WriteState::Open,
            in_progress: None,
            deflation,
            masking_keys: config.masking_keys,
            draws: Drawer::default(),
            max_queued: config.max_queued,
            max_queued_replies: config.max_queued_replies,
            link: None,
            peer_reason: None,
        }
    }

    /// Sends a text message in one frame. See [`send`](Self::send).
    #[inline]
    pub fn send_text(&mut self, text: &str, tx: &mut SendBuf) -> Result<(), SendError> {
        self.send_whole(Opcode::TEXT, text.as_bytes(), tx)
    }

    /// Sends a binary message in one frame. See [`send`](Self::send).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.send_whole(Opcode::BINARY, data, tx)
    }

    /// A borrowed message where nothing needs a further look, as mostly: we may send, there is
    /// room, and it is neither compressed nor between the parts of another. [`send`](Self::send)
    /// does the same with it at twice the cost.
    #[inline]
    fn send_whole(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        if self.state != WriteState::Open
            || self.in_progress.is_some()
            || self.deflation.is_some()
            || tx.buffered() >= self.max_queued as u64
        {
            return self.send(Message::new(opcode, payload.into()), tx);
        }
        let header = self.mask(FrameHeader::new(opcode, payload.len() as u64), tx)?;
        tx.push_frame(&header, payload);
        Ok(())
    }

    /// Sends a message, or a part of one, as one frame. An owned [`Payload`](crate::Payload) from
    /// 4 KiB on is not copied.
    ///
    /// Where permessage-deflate was agreed on it is compressed, unless it is
    /// [`uncompressed`](Message::uncompressed) or shorter than
    /// [`PermessageDeflate::min_size`](crate::PermessageDeflate::min_size).
    ///
    /// Errors: [`SendError::Closed`], [`SendError::Full`], [`SendError::MessageInProgress`],
    /// [`SendError::Deflate`], [`SendError::NoEntropy`].
    #[inline(never)]
    pub fn send(&mut self, message: Message<'_>, tx: &mut SendBuf) -> Result<(), SendError> {
        let len = message.payload().len();
        let header = self.data_header(&message, len as u64, tx)?;
        let first = self.in_progress.is_none();
        let compressed = match (self.in_progress, &mut self.deflation) {
            (Some((_, true)), Some(deflation)) => Some(deflation),
            (None, Some(deflation)) if message.may_compress() => {
                let worth_it = message.as_part().is_some() || deflation.wants(len);
                worth_it.then_some(deflation)
            }
            _ => None,
        };
        let in_progress = (!header.fin()).then(|| (message.opcode(), compressed.is_some()));
        match compressed {
            None => tx.push_payload(&header, message.into_payload()),
            Some(deflation) => {
                tx.push_compressed(header, message.payload(), first, deflation)?;
            }
        }
        self.in_progress = in_progress;
        Ok(())
    }

    /// Gives back the memory of the compressor; the next message is compressed without reference
    /// to those before it. While a message is being sent in parts it does nothing.
    pub fn release(&mut self) {
        if let (Some(deflation), None) = (&mut self.deflation, self.in_progress) {
            deflation.release();
        }
    }

    /// Sends a message that was encoded before, uncompressed. For a client, whose frames must each
    /// be masked with a key of their own, it is encoded anew.
    ///
    /// Errors: as for [`send`](Self::send).
    pub fn send_prepared(
        &mut self,
        message: &PreparedMessage,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.may_send_data(message.opcode(), None, tx)?;
        match self.role {
            Role::Server => tx.push_shared(message.frame()),
            Role::Client => {
                let len = message.payload().len() as u64;
                let header = self.mask(FrameHeader::new(message.opcode(), len), tx)?;
                tx.push_frame(&header, message.payload());
            }
        }
        Ok(())
    }

    /// Announces a message, or a part of one, whose payload of `len` bytes is made as it is sent:
    /// [`SendBuf::extend_payload`] takes it, with no more than 16 KiB of it in memory. A payload
    /// that is all there is better [sent](Self::send) as an owned [`Payload`](crate::Payload).
    ///
    /// `message` says text or binary and which part; its own payload is not looked at. The caller
    /// answers for text being UTF-8, and it is not compressed. What is sent afterwards waits in
    /// the buffer until the payload has gone out.
    ///
    /// Errors: as for [`send`](Self::send), and [`SendError::PayloadPending`],
    /// [`SendError::PayloadTooLong`].
    #[allow(clippy::needless_pass_by_value)] // as for `send`
    pub fn send_header(
        &mut self,
        message: Message<'_>,
        len: u64,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        if len >> 63 != 0 {
            return Err(SendError::PayloadTooLong);
        }
        if tx.payload_remaining() > 0 {
            return Err(SendError::PayloadPending { remaining: tx.payload_remaining() });
        }
        if let Some((opcode, true)) = self.in_progress {
            return Err(SendError::MessageInProgress { opcode });
        }
        let header = self.data_header(&message, len, tx)?;
        self.in_progress = (!header.fin()).then(|| (message.opcode(), false));
        tx.push_header(&header);
        Ok(())
    }

    /// Sends a frame as it is: with the FIN bit, the reserved bits and the opcode of `header`. For
    /// programs that translate between protocols, for extensions that are made elsewhere, and for
    /// tests of a peer.
    ///
    /// The length is that of `payload`, and the frame is masked if we are a client, whatever
    /// `header` says of both. Nothing else is checked: not the opcode, not the reserved bits, not
    /// the length and content of control frames, not the order of fragments, not UTF-8. Messages
    /// of [`send`](Self::send) do not see fragments that were sent so. A close frame ends sending,
    /// as [`close`](Self::close) does.
    ///
    /// Errors: [`SendError::Closed`], [`SendError::Full`], [`SendError::NoEntropy`].
    ///
    /// ```
    /// use websans::frame::{FrameHeader, Opcode};
    /// use websans::{Config, Connection, SendBuf};
    ///
    /// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    /// let header = FrameHeader::new(Opcode::new(3), 0).with_rsv2(true);
    /// ws.send_raw_frame(header, b"raw", &mut tx)?;
    /// assert_eq!(tx.as_slice(), b"\xa3\x03raw");
    /// # Ok::<(), websans::SendError>(())
    /// ```
    pub fn send_raw_frame<'a>(
        &mut self,
        header: FrameHeader,
        payload: impl Into<Payload<'a>>,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.may_send(tx)?;
        let payload = payload.into();
        let header = header.with_payload_len(payload.len() as u64).with_masking_key(None);
        let header = self.mask(header, tx)?;
        if header.opcode() == Opcode::CLOSE {
            self.closed();
        }
        tx.push_payload(&header, payload);
        Ok(())
    }

    /// Nothing can be sent any more.
    pub(crate) fn end(&mut self) {
        self.state.end();
        self.publish();
    }

    pub(super) fn publish(&self) {
        if let Some(link) = &self.link {
            link.publish_write(self.state);
        }
    }

    /// Where the connection stands, as far as the other half has told.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.read_end(), self.state)
    }

    /// How the connection ended, once the peer's close frame has come or the connection failed. The
    /// reason is known from the [`reply`](Self::reply) to the peer's close frame on.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        let reason = self.peer_reason.as_deref().unwrap_or_default();
        CloseStatus::of(self.read_end(), reason, self.state)
    }

    fn read_end(&self) -> Option<ReadEnd> {
        self.link.as_ref().and_then(Link::read_end)
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.as_ref().and_then(|link| link.agreed().subprotocol.as_deref())
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.link.as_ref().and_then(|link| link.agreed().deflate)
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether something may still be sent: no close frame has been, and the connection has not
    /// failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == WriteState::Open
    }

    #[inline]
    fn data_header(
        &mut self,
        message: &Message<'_>,
        len: u64,
        tx: &mut SendBuf,
    ) -> Result<FrameHeader, SendError> {
        self.may_send_data(message.opcode(), message.as_part(), tx)?;
        // §5.4: fragments after the first are continuation frames.
        let opcode =
            if self.in_progress.is_some() { Opcode::CONTINUATION } else { message.opcode() };
        self.mask(FrameHeader::new(opcode, len).with_fin(message.as_part().unwrap_or(true)), tx)
    }

    #[inline]
    fn may_send_data(
        &self,
        opcode: Opcode,
        part: Option<bool>,
        tx: &SendBuf,
    ) -> Result<(), SendError> {
        self.may_send(tx)?;
        match self.in_progress {
            // §5.4: fragments of messages are not interleaved.
            Some((in_progress, _)) if part.is_none() || in_progress != opcode => {
                Err(SendError::MessageInProgress { opcode: in_progress })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn may_send(&self, tx: &SendBuf) -> Result<(), SendError> {
        self.check_open()?;
        let queued = tx.buffered();
        if queued >= self.max_queued as u64 {
            return Err(SendError::Full { queued, limit: self.max_queued });
        }
        Ok(())
    }

    #[inline]
    fn check_open(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError::Closed) }
    }

    /// §5.3: every frame of a client has a fresh masking key.
    #[inline]
    fn mask(&mut self, header: FrameHeader, tx: &mut SendBuf) -> Result<FrameHeader, SendError> {
        if self.role == Role::Server {
            return Ok(header);
        }
        let key = Keys::next(&mut tx.keys, &mut self.draws, self.masking_keys)?;
        Ok(header.with_masking_key(Some(key)))
    }
}
