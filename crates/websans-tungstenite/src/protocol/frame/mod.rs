//! Frames, for those who work with them and not with messages.

pub mod coding;
#[allow(clippy::module_inception)]
mod frame;
mod utf8;

use std::io::{self, Read, Write};

use bytes::{Buf, BytesMut};

pub use self::frame::{CloseFrame, Frame, FrameHeader};
pub use self::utf8::Utf8Bytes;
use crate::error::{CapacityError, Result};

/// How much is read at once at least.
const READ: usize = 16 << 10;

/// A transport of frames: neither unmasked nor checked, and none answered.
#[derive(Debug)]
pub struct FrameSocket<Stream> {
    stream: Stream,
    received: BytesMut,
    to_send: Vec<u8>,
}

impl<Stream> FrameSocket<Stream> {
    /// Over a transport.
    pub fn new(stream: Stream) -> Self {
        Self { stream, received: BytesMut::new(), to_send: Vec::new() }
    }

    /// Over a transport of which `part` was read before.
    pub fn from_partially_read(stream: Stream, part: Vec<u8>) -> Self {
        Self { received: BytesMut::from_iter(part), ..Self::new(stream) }
    }

    /// The transport, and what was read and is no whole frame.
    pub fn into_inner(self) -> (Stream, BytesMut) {
        (self.stream, self.received)
    }

    /// The transport.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The transport.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

impl<Stream: Read> FrameSocket<Stream> {
    /// The next frame, with a payload of at most `max_size` bytes; `None` at the end of the
    /// transport.
    pub fn read(&mut self, max_size: Option<usize>) -> Result<Option<Frame>> {
        loop {
            let mut wanted = READ;
            if let Some((header, len, header_len)) = FrameHeader::decode(&self.received)? {
                let max_size = max_size.unwrap_or(usize::MAX);
                let size = usize::try_from(len).unwrap_or(usize::MAX);
                if len > max_size as u64 {
                    return Err(CapacityError::MessageTooLong { size, max_size }.into());
                }
                let here = self.received.len() - header_len;
                if size <= here {
                    self.received.advance(header_len);
                    let payload = self.received.split_to(size).freeze();
                    return Ok(Some(Frame::from_payload(header, payload)));
                }
                // Announced lengths alone take no memory: at most as much again as has arrived.
                wanted = (size - here).min(READ.max(here));
            }
            if self.read_in(wanted)? == 0 {
                return Ok(None);
            }
        }
    }

    fn read_in(&mut self, n: usize) -> io::Result<usize> {
        let filled = self.received.len();
        self.received.resize(filled + n, 0);
        let result = self.stream.read(self.received.get_mut(filled..).unwrap_or_default());
        self.received.truncate(filled + result.as_ref().map_or(0, |read| (*read).min(n)));
        result
    }
}

impl<Stream: Write> FrameSocket<Stream> {
    /// Writes a frame and flushes.
    pub fn send(&mut self, frame: Frame) -> Result<()> {
        self.write(frame)?;
        self.flush()
    }

    /// Writes a frame. What the transport does not take is kept, and
    /// [`flush`](Self::flush) tries again.
    pub fn write(&mut self, frame: Frame) -> Result<()> {
        frame.format_into_buf(&mut self.to_send)?;
        self.write_out()
    }

    /// Writes what is kept, and flushes the transport.
    pub fn flush(&mut self) -> Result<()> {
        self.write_out()?;
        Ok(self.stream.flush()?)
    }

    fn write_out(&mut self) -> Result<()> {
        let mut written = 0;
        let result = loop {
            let rest = self.to_send.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.stream.write(rest) {
                Ok(0) => break Err(closed_while_sending().into()),
                Ok(n) => written += n,
                Err(error) => break Err(error.into()),
            }
        };
        self.to_send.drain(..written.min(self.to_send.len()));
        result
    }
}

/// A transport that takes nothing is gone.
pub(crate) fn closed_while_sending() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "Connection reset while sending")
}
