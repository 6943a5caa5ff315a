//! What waits to be written, and how messages get there.

use std::io::{self, Write};

use bytes::Bytes;
use websans::frame::MAX_CONTROL_PAYLOAD;
use websans::{CloseCode, MAX_REASON_LEN, SendBuf, SendError, Writer};

use super::frame::coding::Data;
use super::frame::{CloseFrame, Frame, closed_while_sending};
use super::{Message, Role, spare};
use crate::error::{Error, ProtocolError, Result, refusal};

/// The longest header of a frame without its masking key.
const MAX_HEADER_LEN: usize = 10;

#[derive(Debug)]
pub(super) struct Outgoing {
    role: Role,
    writer: Writer,
    /// What waits; `None` if nothing does.
    queue: Option<Box<SendBuf>>,
}

impl Outgoing {
    pub(super) fn new(role: Role, writer: Writer) -> Self {
        Self { role, writer, queue: None }
    }

    /// How many bytes wait.
    #[inline]
    pub(super) fn len(&self) -> usize {
        let len = self.queue.as_ref().map_or(0, |queue| queue.len());
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// How many bytes a frame with this payload takes at most.
    #[inline]
    pub(super) fn frame_len(&self, payload: usize) -> usize {
        let header = match payload {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => MAX_HEADER_LEN,
        };
        let masking_key = if self.role == Role::Client { 4 } else { 0 };
        payload.saturating_add(header + masking_key)
    }

    /// Queues a message, or hands it back if that makes more than `limit` bytes wait.
    pub(super) fn push(&mut self, message: Message, limit: usize, compressing: bool) -> Result<()> {
        let len = match &message {
            Message::Frame(frame) => self.frame_len(frame.payload().len()),
            message => self.frame_len(message.len()),
        };
        if self.len().saturating_add(len) > limit {
            return Err(Error::WriteBufferFull(Box::new(handed_back(message, compressing))));
        }
        match message {
            Message::Text(text) => self.send(|writer, queue| writer.send_text(&text, queue)),
            Message::Binary(data) => self.send(|writer, queue| writer.send_binary(&data, queue)),
            Message::Ping(data) => self.send(|writer, queue| writer.send_ping(&data, queue)),
            Message::Frame(frame) => {
                let header = frame.header().with_len(frame.payload().len() as u64);
                self.send(|writer, queue| writer.send_raw_frame(header, frame.payload(), queue))
            }
            Message::Pong(data) => self.push_pong(&data),
            Message::Close(frame) => self.push_close(frame.as_ref()),
        }
    }

    /// Queues a pong.
    pub(super) fn push_pong(&mut self, payload: &[u8]) -> Result<()> {
        self.send(|writer, queue| writer.send_pong(payload, queue))
    }

    /// Queues a close frame, after which nothing is queued any more.
    pub(super) fn push_close(&mut self, frame: Option<&CloseFrame>) -> Result<()> {
        let (code, reason) = match frame {
            None => (None, ""),
            Some(CloseFrame { code, reason }) => {
                (Some(CloseCode::from(u16::from(*code))), reason.as_str())
            }
        };
        self.send(|writer, queue| writer.close(code, reason, queue))
    }

    /// Queues the close frame that tells the peer what it did wrong.
    pub(super) fn push_failure(&mut self, error: websans::Error) {
        self.writer.fail(error, self.queue.get_or_insert_with(spare::take_send));
    }

    #[inline]
    fn send(
        &mut self,
        send: impl FnOnce(&mut Writer, &mut SendBuf) -> Result<(), SendError>,
    ) -> Result<()> {
        send(&mut self.writer, self.queue.get_or_insert_with(spare::take_send)).map_err(refusal)
    }

    /// Writes what waits, without a flush.
    #[inline]
    pub(super) fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        let Some(queue) = &mut self.queue else { return Ok(()) };
        while !queue.is_empty() {
            let n = write_some(stream, queue.as_slice())?;
            queue.consume(n);
        }
        if let Some(queue) = self.queue.take() {
            spare::give_send(queue);
        }
        Ok(())
    }
}

#[inline]
fn write_some(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes)? {
        0 => Err(closed_while_sending()),
        n => Ok(n.min(bytes.len())),
    }
}

/// As the frame that it would have become, like tungstenite. Where messages are compressed, as
/// itself: a raw frame would not be when it is tried again.
fn handed_back(message: Message, compressing: bool) -> Message {
    match message {
        Message::Text(text) if !compressing => {
            Message::Frame(Frame::of_data(Data::Text, text.into()))
        }
        Message::Binary(data) if !compressing => Message::Frame(Frame::of_data(Data::Binary, data)),
        Message::Ping(data) => Message::Frame(Frame::ping(data)),
        message => message,
    }
}

/// Whether a pong can be sent (§5.5).
pub(super) fn check_control(payload: &Bytes) -> Result<()> {
    if payload.len() > MAX_CONTROL_PAYLOAD {
        return Err(ProtocolError::ControlFrameTooBig.into());
    }
    Ok(())
}

/// Whether a close frame can be sent (§5.5.1, §7.4).
pub(super) fn check_close(frame: Option<&CloseFrame>) -> Result<()> {
    let Some(CloseFrame { code, reason }) = frame else { return Ok(()) };
    if !CloseCode::from(u16::from(*code)).is_sendable() {
        return Err(ProtocolError::InvalidCloseSequence.into());
    }
    if reason.len() > MAX_REASON_LEN {
        return Err(ProtocolError::ControlFrameTooBig.into());
    }
    Ok(())
}
