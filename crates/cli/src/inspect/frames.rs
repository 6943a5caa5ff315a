//! The frames that one end of a connection sends, as lines of text.

use std::fmt::Write as _;

use websans::CloseCode;
use websans::frame::{FrameDecoder, FrameHeader, FramePart, Opcode};

use crate::stdio::printable;

/// How long a head may be.
const MAX_HEAD: usize = 64 << 10;

/// Which end it is, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Server,
    Unknown,
}

enum Phase {
    /// The head of the opening handshake, if there is one.
    Head(Vec<u8>),
    Frames,
    /// What comes is no frame any more.
    Passed,
}

/// A frame whose payload is not here yet.
struct Current {
    header: FrameHeader,
    payload: Vec<u8>,
}

pub(super) struct Inspector {
    shown: usize,
    phase: Phase,
    end: End,
    decoder: FrameDecoder,
    current: Option<Current>,
    /// The message that is not finished: its opcode, and whether it is compressed.
    message: Option<(Opcode, bool)>,
    lines: Vec<String>,
}

impl Inspector {
    /// `shown` bytes of each payload are shown.
    pub(super) fn new(shown: usize) -> Self {
        Self {
            shown,
            phase: Phase::Head(Vec::new()),
            end: End::Unknown,
            decoder: FrameDecoder::new(),
            current: None,
            message: None,
            lines: Vec::new(),
        }
    }

    /// What these bytes complete. They are unmasked on the way.
    pub(super) fn feed(&mut self, bytes: &mut [u8]) -> Vec<String> {
        let mut rest = match &mut self.phase {
            Phase::Passed => Vec::new(),
            Phase::Frames => bytes.to_vec(),
            Phase::Head(head) => {
                head.extend_from_slice(bytes);
                let head = std::mem::take(head);
                self.head(head)
            }
        };
        self.frames(&mut rest);
        std::mem::take(&mut self.lines)
    }

    /// Takes the head off; the bytes behind it.
    fn head(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let begins = |with: &[u8]| with.iter().zip(&bytes).all(|(a, b)| a == b);
        let (request, response) = (begins(b"GET /"), begins(b"HTTP/1."));
        if !request && !response {
            self.phase = Phase::Frames;
            return bytes;
        }
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(len) = end.map(|at| at + 4) else {
            self.phase = if bytes.len() > MAX_HEAD {
                self.lines.push("  ! the head does not end".into());
                Phase::Passed
            } else {
                Phase::Head(bytes)
            };
            return Vec::new();
        };
        let (head, rest) = bytes.split_at_checked(len).unwrap_or((&bytes, &[]));
        let text = String::from_utf8_lossy(head);
        self.lines.extend(text.lines().filter(|line| !line.is_empty()).map(printable));
        self.end = if request { End::Client } else { End::Server };
        let is_open = request || text.split(' ').nth(1) == Some("101");
        self.phase = if is_open { Phase::Frames } else { Phase::Passed };
        if is_open { rest.to_vec() } else { Vec::new() }
    }

    fn frames(&mut self, mut input: &mut [u8]) {
        while !matches!(self.phase, Phase::Passed) {
            match self.decoder.decode(&mut input) {
                Ok(Some(FramePart::Header(header))) => {
                    self.current = Some(Current { header, payload: Vec::new() });
                    if header.payload_len() == 0 {
                        self.frame();
                    }
                }
                Ok(Some(FramePart::Payload { data, end })) => {
                    if let Some(current) = &mut self.current {
                        // A close frame is shown whole.
                        let room = self.shown.max(125).saturating_sub(current.payload.len());
                        current.payload.extend(data.iter().take(room));
                    }
                    if end {
                        self.frame();
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    self.lines.push(format!("  ! {error}: what follows is no frame"));
                    self.phase = Phase::Passed;
                }
            }
        }
    }

    /// A frame is complete.
    fn frame(&mut self) {
        let Some(Current { header, payload }) = self.current.take() else { return };
        let opcode = header.opcode();
        let problems = self.problems(&header);
        let (kind, compressed) = match self.message {
            Some((kind, compressed)) if opcode == Opcode::CONTINUATION => (kind, compressed),
            _ => (opcode, header.rsv1()),
        };
        if !opcode.is_control() {
            self.message = (!header.fin()).then_some((kind, compressed));
        }
        let mut line = format!("{:<12}", opcode.to_string());
        for (is_set, name) in [
            (header.fin(), " FIN"),
            (header.rsv1(), " RSV1"),
            (header.rsv2(), " RSV2"),
            (header.rsv3(), " RSV3"),
        ] {
            if is_set {
                line.push_str(name);
            }
        }
        if let Some([a, b, c, d]) = header.masking_key() {
            // To write to a string cannot fail.
            let _ = write!(line, " mask {a:02x}{b:02x}{c:02x}{d:02x}");
        }
        let _ = write!(line, " {} bytes", header.payload_len());
        if opcode == Opcode::CLOSE {
            line.push_str(&close(&payload));
        } else {
            let is_cut = payload.len() > self.shown || header.payload_len() > payload.len() as u64;
            let shown = payload.get(..self.shown).unwrap_or(&payload);
            line.push_str(&preview(shown, kind, compressed && !opcode.is_control()));
            line.push_str(if is_cut && !shown.is_empty() { " …" } else { "" });
        }
        self.lines.push(line);
        self.lines.extend(problems.into_iter().map(|problem| format!("  ! {problem}")));
    }

    /// What the header breaks.
    fn problems(&mut self, header: &FrameHeader) -> Vec<&'static str> {
        let (opcode, is_masked) = (header.opcode(), header.masking_key().is_some());
        let mut found = Vec::new();
        match self.end {
            End::Client if !is_masked => found.push("a client must mask its frames (§5.1)"),
            End::Server if is_masked => found.push("a server must not mask its frames (§5.1)"),
            End::Unknown => self.end = if is_masked { End::Client } else { End::Server },
            _ => {}
        }
        if opcode.is_control() {
            if !header.fin() {
                found.push("a control frame must not be fragmented (§5.5)");
            }
            if header.payload_len() > 125 {
                found.push("a control frame has at most 125 bytes (§5.5)");
            }
        }
        match opcode {
            Opcode::CONTINUATION if self.message.is_none() => {
                found.push("there is no message to continue (§5.4)");
            }
            Opcode::TEXT | Opcode::BINARY if self.message.is_some() => {
                found.push("the message before is not finished (§5.4)");
            }
            _ => {}
        }
        found
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) -> Vec<String> {
        if let Phase::Head(head) = &self.phase
            && !head.is_empty()
        {
            self.lines.push("  ! it ends within the head".into());
        }
        if let Some(Current { header, .. }) = self.current.take() {
            let (opcode, len) = (header.opcode(), header.payload_len());
            self.lines.push(format!("  ! it ends within a frame: {opcode}, {len} bytes"));
        }
        std::mem::take(&mut self.lines)
    }
}

/// The beginning of a payload, of a message of this kind.
fn preview(payload: &[u8], kind: Opcode, is_compressed: bool) -> String {
    if payload.is_empty() {
        return String::new();
    }
    if !is_compressed && kind != Opcode::BINARY {
        // A character may be cut at the end, or at the beginning of a fragment.
        let text = match std::str::from_utf8(payload) {
            Ok(text) => Some(text),
            Err(error) if error.error_len().is_none() => {
                payload.get(..error.valid_up_to()).and_then(|it| std::str::from_utf8(it).ok())
            }
            Err(_) => None,
        };
        if let Some(text) = text {
            return format!(" {text:?}");
        }
    }
    let mut line = String::from(if is_compressed { " compressed" } else { "" });
    for byte in payload {
        let _ = write!(line, " {byte:02x}");
    }
    line
}

/// The body of a close frame.
fn close(body: &[u8]) -> String {
    match body {
        [] => " no code".into(),
        [high, low, reason @ ..] => {
            let code = CloseCode::from(u16::from_be_bytes([*high, *low]));
            format!(" {code} {:?}", String::from_utf8_lossy(reason))
        }
        [_] => " half a code".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], chunk: usize) -> Vec<String> {
        let mut inspector = Inspector::new(64);
        let mut lines = Vec::new();
        for chunk in bytes.chunks(chunk) {
            lines.extend(inspector.feed(&mut chunk.to_vec()));
        }
        lines.extend(inspector.end());
        lines
    }

    #[test]
    fn the_frames_of_a_client_are_the_same_however_they_are_cut() {
        let mut wire = b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        wire.extend(*b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // RFC 6455 §5.7
        wire.extend(*b"\x01\x81\0\0\0\0a\x89\x80\0\0\0\0\x80\x81\0\0\0\0b");
        wire.extend(*b"\x82\x82\0\0\0\0\x00\xff\xc1\x81\0\0\0\0x\x88\x85\0\0\0\0\x03\xe8bye");
        let expected = [
            "GET /chat HTTP/1.1",
            "Host: a",
            "text         FIN mask 37fa213d 5 bytes \"Hello\"",
            "text         mask 00000000 1 bytes \"a\"",
            "ping         FIN mask 00000000 0 bytes",
            "continuation FIN mask 00000000 1 bytes \"b\"",
            "binary       FIN mask 00000000 2 bytes 00 ff",
            "text         FIN RSV1 mask 00000000 1 bytes compressed 78",
            "close        FIN mask 00000000 5 bytes 1000 (Normal Closure) \"bye\"",
        ];
        for chunk in 1..wire.len() {
            assert_eq!(lines(&wire, chunk), expected, "in pieces of {chunk}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_told() {
        for (wire, problem) in [
            (&b"HTTP/1.1 101 x\r\n\r\n\x81\x80\0\0\0\0"[..], "a server must not mask"),
            (b"GET / HTTP/1.1\r\n\r\n\x81\x00", "a client must mask"),
            (b"\x09\x00", "must not be fragmented"),
            (b"\x89\x7e\x00\x80", "it ends within a frame"),
            (b"\x80\x00", "no message to continue"),
            (b"\x01\x01a\x01\x01b", "is not finished"),
            (b"\x81\x7e\x00\x01a", "what follows is no frame"),
            (b"GET / HTTP/1.1\r\n", "within the head"),
        ] {
            let lines = lines(wire, wire.len());
            assert!(lines.iter().any(|line| line.contains(problem)), "{problem}: {lines:?}");
        }
        assert_eq!(lines(b"HTTP/1.1 404 x\r\n\r\nnone", 3), ["HTTP/1.1 404 x"]);
    }
}
