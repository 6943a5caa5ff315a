//! The body of a server's refusal (RFC 9112 §6): where it ends, if the server says so.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::fields::{self, elements};
use super::head::Status;

/// As much of a body as is read, in bytes as they come, with the coding of its transfer. More is
/// cut off: it is there to tell people what went wrong.
pub(crate) const MAX_BODY: usize = 64 << 10;

/// A longer line before a chunk is malformed.
const MAX_CHUNK_LINE: usize = 64;

/// How far a body has come.
#[derive(Debug)]
pub(crate) enum Body {
    Length(u64),
    Chunked(Chunked),
    /// It ends with the transport. Whoever keeps it open would keep the refusal from being
    /// reported, so it is not waited for.
    UntilEof,
}

#[derive(Debug)]
pub(crate) struct Chunked {
    data: Vec<u8>,
    /// How much of the body as it comes has been decoded.
    decoded: usize,
    next: ChunkPart,
}

#[derive(Clone, Copy, Debug)]
enum ChunkPart {
    Size,
    Data { left: u64 },
    DataEnd,
    Nothing,
    Malformed,
}

impl Body {
    /// RFC 9112 §6.3. Where the fields leave it in doubt, nobody knows where the body ends.
    pub(crate) fn of<'b>(
        status: Status<'_>,
        headers: impl Iterator<Item = (&'b str, &'b [u8])>,
    ) -> Self {
        if matches!(status.code, 204 | 304) {
            return Self::Length(0);
        }
        let (mut length, mut coding, mut chunked_within) = (None, None, false);
        for (name, value) in headers {
            if name.eq_ignore_ascii_case(fields::TRANSFER_ENCODING) {
                // Even one that names nothing overrides the length.
                let mut last = coding.unwrap_or_default();
                for element in elements(value) {
                    chunked_within |= is_chunked(last);
                    last = element;
                }
                coding = Some(last);
            } else if name.eq_ignore_ascii_case(fields::CONTENT_LENGTH) {
                for value in value.split(|byte| *byte == b',') {
                    let said = decimal(value.trim_ascii());
                    length = Some(said.filter(|_| length.is_none_or(|before| before == said)));
                }
            }
        }
        match (coding, length.flatten()) {
            (Some(coding), _) => {
                // HTTP/1.0 knows no codings (§6.1).
                if is_chunked(coding) && !chunked_within && status.minor_version > 0 {
                    Self::Chunked(Chunked { data: Vec::new(), decoded: 0, next: ChunkPart::Size })
                } else {
                    Self::UntilEof
                }
            }
            (None, Some(length)) => Self::Length(length),
            (None, None) => Self::UntilEof,
        }
    }

    /// Goes on where the last call ended: `received` begins where it did then, and is longer.
    /// Whether there is nothing to wait for any more.
    pub(crate) fn advance(&mut self, received: &[u8]) -> bool {
        received.len() >= MAX_BODY
            || match self {
                Self::Length(length) => received.len() as u64 >= *length,
                Self::Chunked(chunked) => chunked.advance(received),
                Self::UntilEof => true,
            }
    }

    /// How many of the bytes received belong to it.
    pub(crate) fn len(&mut self, received: &[u8]) -> usize {
        let received = received.get(..MAX_BODY).unwrap_or(received);
        match self {
            Self::Length(length) => {
                usize::try_from(*length).unwrap_or(MAX_BODY).min(received.len())
            }
            Self::Chunked(chunked) => {
                chunked.advance(received);
                chunked.decoded
            }
            Self::UntilEof => received.len(),
        }
    }

    /// Its content, and whether that is all of it.
    pub(crate) fn finish(self, bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
        match self {
            Self::Length(length) => (Cow::Borrowed(bytes), bytes.len() as u64 == length),
            Self::Chunked(Chunked { data, next, .. }) => {
                (Cow::Owned(data), matches!(next, ChunkPart::Nothing))
            }
            Self::UntilEof => (Cow::Borrowed(bytes), false),
        }
    }
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

/// `1*DIGIT`, without the sign that `parse` takes.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(value).ok()?;
    if value.iter().all(u8::is_ascii_digit) { digits.parse().ok() } else { None }
}

impl Chunked {
    fn advance(&mut self, received: &[u8]) -> bool {
        loop {
            let rest = received.get(self.decoded..).unwrap_or_default();
            // Cut, so that how much has arrived makes no difference.
            let line = rest.get(..MAX_CHUNK_LINE).unwrap_or(rest);
            let (taken, next) = match self.next {
                // httparse takes no digits for zero.
                ChunkPart::Size if line.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                    (0, ChunkPart::Malformed)
                }
                ChunkPart::Size => match httparse::parse_chunk_size(line) {
                    Ok(httparse::Status::Complete((line, 0))) => (line, ChunkPart::Nothing),
                    Ok(httparse::Status::Complete((line, left))) => {
                        (line, ChunkPart::Data { left })
                    }
                    Ok(httparse::Status::Partial) if rest.len() < MAX_CHUNK_LINE => return false,
                    _ => (0, ChunkPart::Malformed),
                },
                ChunkPart::Data { left: 0 } => (0, ChunkPart::DataEnd),
                ChunkPart::Data { .. } if rest.is_empty() => return false,
                ChunkPart::Data { left } => {
                    let len = usize::try_from(left).unwrap_or(rest.len()).min(rest.len());
                    self.data.extend_from_slice(rest.get(..len).unwrap_or_default());
                    (len, ChunkPart::Data { left: left - len as u64 })
                }
                ChunkPart::DataEnd => match rest {
                    [b'\r', b'\n', ..] => (2, ChunkPart::Size),
                    [] | [b'\r'] => return false,
                    _ => (0, ChunkPart::Malformed),
                },
                ChunkPart::Nothing | ChunkPart::Malformed => return true,
            };
            self.decoded += taken;
            self.next = next;
        }
    }
}
