//! Frames from the peer: decoded as they come, and told when the session has said what they are.

use std::collections::VecDeque;
use std::time::Instant;

use websans::frame::{FrameDecoder, FramePart, Opcode};
use websans::{RecvBuf, SessionError, SessionEvent};

use super::log::{Excerpt, Frame};
use super::sent::Sent;
use super::{REMEMBERED, Told, failure};

/// How many frames may wait for the session. A peer that is not served because it does not read can
/// send more, and they are left out.
const WAITING: usize = 1024;

const KEPT: &str = "Unmasked, and kept until the rest of the message has come.";

pub(super) struct Received {
    begun: Begun,
    /// Those of which the session has said nothing, oldest first.
    waiting: VecDeque<Frame>,
    /// How many frames of the message in progress were told, and the compressed bytes in them.
    fragments: u64,
    compressed: Option<u64>,
    has_ended: bool,
    /// The last header that came is not one, and its frame is not among those that wait.
    has_bad_header: bool,
}

enum Begun {
    /// The opening handshake is over, and what is behind it begins a frame.
    Opened,
    /// Frames begin when the session has taken all that has come.
    NotYet,
    Yes(FrameDecoder),
}

impl Received {
    pub(super) fn opened() -> Self {
        Self::new(Begun::Opened)
    }

    pub(super) fn joined() -> Self {
        Self::new(Begun::NotYet)
    }

    fn new(begun: Begun) -> Self {
        Self {
            begun,
            waiting: VecDeque::new(),
            fragments: 0,
            compressed: None,
            has_ended: false,
            has_bad_header: false,
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.waiting.iter().map(Frame::memory).sum()
    }

    /// How many frames had to be left out.
    pub(super) fn find_boundary(&mut self, rx: &RecvBuf, since: Instant) -> u64 {
        match self.begun {
            Begun::Opened => {
                self.begun = Begun::Yes(FrameDecoder::new());
                return self.read(rx.unread(), since);
            }
            Begun::NotYet if rx.is_empty() => self.begun = Begun::Yes(FrameDecoder::new()),
            _ => {}
        }
        0
    }

    /// Whether a failure is that of the one frame which waited for the session, of `count`.
    pub(super) fn is_to_blame(&self, count: usize) -> bool {
        count == 1 && !self.has_bad_header
    }

    /// How many frames had to be left out.
    pub(super) fn read(&mut self, bytes: &[u8], since: Instant) -> u64 {
        let Begun::Yes(decoder) = &mut self.begun else { return 0 };
        let mut copy = bytes.to_vec(); // for the decoder unmasks in place
        let mut input = copy.as_mut_slice();
        loop {
            let part = match decoder.decode(&mut input) {
                Ok(Some(part)) => part,
                Ok(None) => break,
                // The session says so, and nothing comes behind it.
                Err(_) => {
                    self.has_bad_header = true;
                    break;
                }
            };
            match part {
                FramePart::Header(header) => {
                    self.waiting.push_back(Frame::new(since.elapsed(), header));
                }
                FramePart::Payload { data, .. } => {
                    let is_shown = self.waiting.len() <= REMEMBERED;
                    if let Some(frame) = self.waiting.back_mut() {
                        frame.extend(data, is_shown);
                    }
                }
            }
        }
        if self.waiting.len() <= WAITING {
            return 0;
        }
        self.begun = Begun::NotYet;
        std::mem::take(&mut self.waiting).len() as u64
    }

    /// What has become of the frames that this event is about.
    pub(super) fn judge(
        &mut self,
        event: &Result<Option<SessionEvent<'_>>, SessionError>,
        sent: &mut Sent,
    ) -> Vec<Told> {
        match event {
            Ok(Some(SessionEvent::Text(text))) => self.message("text", text.as_bytes()),
            Ok(Some(SessionEvent::Binary(data))) => self.message("binary", data),
            Ok(Some(SessionEvent::Ping(_))) => {
                self.control("A pong with the same payload is queued.".into())
            }
            Ok(Some(SessionEvent::Pong(payload))) => self.control(match sent.round_trip(payload) {
                Some(time) => {
                    format!("Answers the ping, {:.1} ms after it.", time.as_secs_f64() * 1e3)
                }
                None => "Nobody has asked for it, which is allowed. It is ignored.".into(),
            }),
            Ok(Some(SessionEvent::Close(_))) => {
                self.has_ended = true;
                self.control(if sent.has_begun_closing {
                    "Answers our close frame: the closing handshake is done.".into()
                } else {
                    "Begins the closing handshake: a close frame with the same code is queued."
                        .into()
                })
            }
            Ok(Some(_)) => Vec::new(),
            Ok(None) => self.incomplete(),
            Err(error) => self.failed(*error),
        }
    }

    /// A message is complete: the frames up to the last one of it.
    fn message(&mut self, kind: &str, message: &[u8]) -> Vec<Told> {
        let mut told = self
            .fragments_before(|frame| !frame.header.opcode().is_control() && frame.header.fin());
        if let Some(frame) = self.waiting.pop_front() {
            self.count(&frame);
            let len = message.len();
            let what = if self.fragments > 1 {
                format!("Completes a {kind} message of {len} bytes in {} frames", self.fragments)
            } else {
                format!("A whole {kind} message")
            };
            let inflated = self
                .compressed
                .map_or(String::new(), |wire| format!(", inflated from {wire} to {len} bytes"));
            let is_other = self.fragments > 1 || self.compressed.is_some();
            told.push(Told {
                frame,
                message: is_other.then(|| Excerpt::new(message)),
                verdict: format!("{what}{inflated}. It is handed to the service."),
            });
        }
        (self.fragments, self.compressed) = (0, None);
        told
    }

    fn control(&mut self, verdict: String) -> Vec<Told> {
        let mut told = self.fragments_before(|frame| frame.header.opcode().is_control());
        if let Some(frame) = self.waiting.pop_front() {
            told.push(Told { frame, message: None, verdict });
        }
        told
    }

    /// The session has taken all that is whole.
    fn incomplete(&mut self) -> Vec<Told> {
        if self.has_ended {
            return self.late();
        }
        self.fragments_before(|frame| !frame.is_whole())
    }

    fn failed(&mut self, error: SessionError) -> Vec<Told> {
        if self.has_ended {
            return self.late();
        }
        self.has_ended = true;
        // Which of several frames is the bad one the session does not say.
        let verdict = if self.is_to_blame(self.waiting.len()) {
            failure(error)
        } else {
            "Came with the frame that fails the connection.".into()
        };
        self.drain(&verdict)
    }

    fn late(&mut self) -> Vec<Told> {
        self.drain("Ignored: it came after the end of the connection.")
    }

    fn drain(&mut self, verdict: &str) -> Vec<Told> {
        let told = |frame| Told { frame, message: None, verdict: verdict.into() };
        self.waiting.drain(..).map(told).collect()
    }

    /// Takes the frames before the first one that `is_last`: fragments of a message in progress.
    fn fragments_before(&mut self, is_last: impl Fn(&Frame) -> bool) -> Vec<Told> {
        let mut told = Vec::new();
        while self.waiting.front().is_some_and(|frame| !is_last(frame))
            && let Some(frame) = self.waiting.pop_front()
        {
            self.count(&frame);
            told.push(Told { frame, message: None, verdict: KEPT.into() });
        }
        told
    }

    fn count(&mut self, frame: &Frame) {
        let header = &frame.header;
        if header.opcode() != Opcode::CONTINUATION {
            (self.fragments, self.compressed) = (0, header.rsv1().then_some(0));
        }
        self.fragments += 1;
        self.compressed = self.compressed.map(|bytes| bytes + header.payload_len());
    }
}
