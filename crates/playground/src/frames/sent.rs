//! Frames to the peer: decoded as the socket takes them, and told with the message they carry.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use websans::SessionError;
use websans::frame::{FrameDecoder, FramePart, Opcode};

use super::log::{Excerpt, Frame};
use super::{REMEMBERED, Told};

pub(super) struct Sent {
    /// How many bytes go out before the first frame begins.
    skip: u64,
    decoder: FrameDecoder,
    frame: Option<Frame>,
    /// The messages that were queued, and whose frames have not gone out yet.
    messages: VecDeque<Excerpt>,
    /// How many more were queued behind those, which are not remembered.
    forgotten: u64,
    /// Whether the message in progress is compressed.
    is_compressed: bool,
    /// How many pings of the service are queued.
    pub(super) pings: u64,
    /// The last ping that went out.
    ping: Option<(Vec<u8>, Instant)>,
    /// Whether a close frame has gone out.
    pub(super) has_closed: bool,
    /// Whether the service has closed the connection before the peer did.
    pub(super) has_begun_closing: bool,
}

impl Sent {
    pub(super) fn after(skip: u64) -> Self {
        Self {
            skip,
            decoder: FrameDecoder::new(),
            frame: None,
            messages: VecDeque::new(),
            forgotten: 0,
            is_compressed: false,
            pings: 0,
            ping: None,
            has_closed: false,
            has_begun_closing: false,
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.messages.iter().map(Excerpt::memory).sum()
    }

    /// A message is queued, in one frame.
    pub(super) fn expect(&mut self, message: Excerpt) {
        // Those that are not remembered come after those that are.
        if self.forgotten > 0 || self.messages.len() >= REMEMBERED {
            self.forgotten += 1;
        } else {
            self.messages.push_back(message);
        }
    }

    /// The last message was not queued.
    pub(super) fn expect_no_more(&mut self) {
        if self.forgotten > 0 {
            self.forgotten -= 1;
        } else {
            self.messages.pop_back();
        }
    }

    /// How long ago the ping went out that this pong answers.
    pub(super) fn round_trip(&mut self, payload: &[u8]) -> Option<Duration> {
        let (_, sent) = self.ping.take_if(|(ping, _)| ping == payload)?;
        Some(sent.elapsed())
    }

    pub(super) fn wrote(
        &mut self,
        bytes: &[u8],
        since: Instant,
        error: Option<SessionError>,
    ) -> Vec<Told> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        let mut copy = bytes.get(skipped..).unwrap_or_default().to_vec();
        let mut input = copy.as_mut_slice();
        let mut told = Vec::new();
        // Our own headers are right.
        while let Ok(Some(part)) = self.decoder.decode(&mut input) {
            match part {
                FramePart::Header(header) => {
                    self.frame = Some(Frame::new(since.elapsed(), header));
                }
                FramePart::Payload { data, .. } => {
                    if let Some(frame) = &mut self.frame {
                        frame.extend(data, true);
                    }
                }
            }
            if let Some(frame) = self.frame.take_if(|frame| frame.is_whole()) {
                told.push(self.explain(frame, error));
            }
        }
        told
    }

    fn explain(&mut self, frame: Frame, error: Option<SessionError>) -> Told {
        if frame.header.opcode() == Opcode::PING {
            self.ping = Some((frame.shown().to_vec(), Instant::now()));
        }
        let (verdict, message) = match frame.header.opcode() {
            Opcode::PING if self.pings > 0 => {
                self.pings -= 1;
                ("The service asks for a pong with the same payload.".into(), None)
            }
            Opcode::PING => ("The peer was silent for a while: is it still there?".into(), None),
            Opcode::PONG => ("Answers the ping, with its payload.".into(), None),
            Opcode::CLOSE => (self.close(error), None),
            _ => self.data(&frame),
        };
        Told { frame, message, verdict }
    }

    fn close(&mut self, error: Option<SessionError>) -> String {
        self.has_closed = true;
        match error {
            Some(error) => format!("Says why the connection has failed: {error}."),
            None if self.has_begun_closing => {
                "Begins the closing handshake: the peer has to answer.".into()
            }
            None => "Answers the peer's close frame, with its code.".into(),
        }
    }

    fn data(&mut self, frame: &Frame) -> (String, Option<Excerpt>) {
        let header = &frame.header;
        let is_first = header.opcode() != Opcode::CONTINUATION;
        if is_first {
            self.is_compressed = header.rsv1();
        }
        let message = self.messages.pop_front();
        if message.is_none() {
            self.forgotten = self.forgotten.saturating_sub(1);
        }
        let what = match (is_first, header.fin()) {
            (true, true) => "A message from the service",
            (true, false) => "The first fragment of a message",
            (false, false) => "The next fragment of the message",
            (false, true) => "The last fragment of the message",
        };
        let deflated = match &message {
            Some(message) if self.is_compressed => {
                format!(", deflated from {} to {} bytes", message.len(), header.payload_len())
            }
            _ => String::new(),
        };
        (format!("{what}{deflated}."), message.filter(|_| self.is_compressed))
    }
}
