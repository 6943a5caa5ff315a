//! The body of a server's refusal (RFC 9112 §6): where it ends, if the server says so.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::fields::{self, elements};

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
    /// RFC 9112 §6.3.
    pub(crate) fn of<'b>(status: u16, headers: impl Iterator<Item = (&'b str, &'b [u8])>) -> Self {
        if matches!(status, 204 | 304) {
            return Self::Length(0);
        }
        let (mut length, mut coding) = (None, None);
        for (name, value) in headers {
            if name.eq_ignore_ascii_case(fields::TRANSFER_ENCODING) {
                coding = elements(value).last().or(coding);
            } else if name.eq_ignore_ascii_case(fields::CONTENT_LENGTH) {
                length = core::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            }
        }
        match (coding, length) {
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => {
                Self::Chunked(Chunked { data: Vec::new(), decoded: 0, next: ChunkPart::Size })
            }
            (None, Some(length)) => Self::Length(length),
            _ => Self::UntilEof,
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

impl Chunked {
    fn advance(&mut self, received: &[u8]) -> bool {
        loop {
            let rest = received.get(self.decoded..).unwrap_or_default();
            // Cut, so that how much has arrived makes no difference.
            let line = rest.get(..MAX_CHUNK_LINE).unwrap_or(rest);
            let (taken, next) = match self.next {
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
