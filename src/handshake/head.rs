//! Heads (RFC 9112 §2): finding the end of one, however it is cut, and parsing it once.
//!
//! What a head is refused for is decided in the order of its bytes, so that the result is the
//! same however they arrive.

use alloc::vec::Vec;

use httparse::{EMPTY_HEADER, Header};

use super::error::{HandshakeError, HeadPart};
use super::fields::{self, is_token_byte};
use super::uri;
use crate::config::Config;

/// As many header fields as fit on the stack while they are checked.
const FEW: usize = 16;

/// How much of a request line that is not there yet is checked for being HTTP. No method that is
/// registered is longer.
const METHOD: usize = 20;

/// What a head begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StartLine {
    /// Of an opening handshake.
    Request,
    #[cfg(feature = "http")]
    AnyRequest,
    Response,
}

/// Where a head ends, and its first line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) len: usize,
    pub(crate) start_line_len: usize,
    field_count: usize,
}

impl Head {
    #[cfg(feature = "http")]
    pub(crate) fn field_count(&self) -> usize {
        self.field_count
    }
}

/// The search for the end of a head. No byte is looked at twice, but for the first few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadSearch {
    start_line: StartLine,
    limit: usize,
    /// What the heads before this one have left of the limit.
    max_size: usize,
    max_headers: usize,
    searched: usize,
    /// How many lines end within what has been searched, and where the last of them does.
    lines: usize,
    lines_end: usize,
    start_line_len: usize,
    start_line_is_checked: bool,
}

impl HeadSearch {
    pub(crate) fn new(start_line: StartLine, config: &Config) -> Self {
        Self {
            start_line,
            limit: config.max_head_size,
            max_size: config.max_head_size,
            max_headers: config.max_headers,
            searched: 0,
            lines: 0,
            lines_end: 0,
            start_line_len: 0,
            start_line_is_checked: false,
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn accept_any_request(&mut self) {
        self.start_line = StartLine::AnyRequest;
    }

    /// Searches for another head, behind one that counts towards the limit.
    pub(crate) fn start_again(&mut self, len: usize) {
        let max_size = self.max_size.saturating_sub(len);
        let Self { start_line, limit, max_headers, .. } = *self;
        *self = Self {
            start_line,
            limit,
            max_size,
            max_headers,
            searched: 0,
            lines: 0,
            lines_end: 0,
            start_line_len: 0,
            start_line_is_checked: false,
        };
    }

    /// Goes on where the last call ended: `received` begins where it did then, and is longer.
    ///
    /// The start line of a head that is whole is left to be checked by who parses it.
    pub(crate) fn advance(&mut self, received: &[u8]) -> Result<Option<Head>, HandshakeError> {
        let allowed = received.get(..self.max_size).unwrap_or(received);
        let result = self.search(allowed);
        if !matches!(result, Ok(Some(_))) && !self.start_line_is_checked {
            match allowed.get(..self.start_line_len).unwrap_or_default() {
                [] => self.check_beginning(allowed)?,
                line => self.check_start_line(line)?,
            }
            self.start_line_is_checked = self.start_line_len > 0;
        }
        result
    }

    fn search(&mut self, allowed: &[u8]) -> Result<Option<Head>, HandshakeError> {
        let (words, tail) =
            allowed.get(self.searched..).unwrap_or_default().as_chunks::<{ size_of::<u64>() }>();
        for word in words {
            let mut found = line_feeds(*word);
            while found != 0 {
                let at = self.searched + found.trailing_zeros() as usize / 8;
                if let Some(head) = self.end_line(at, allowed)? {
                    return Ok(Some(head));
                }
                found &= found - 1;
            }
            self.searched += word.len();
        }
        for byte in tail {
            if *byte == b'\n'
                && let Some(head) = self.end_line(self.searched, allowed)?
            {
                return Ok(Some(head));
            }
            self.searched += 1;
        }
        if allowed.len() == self.max_size {
            return Err(HandshakeError::HeadTooLarge { limit: self.limit });
        }
        Ok(None)
    }

    /// A line ends at `at`, with the byte after it.
    fn end_line(&mut self, at: usize, bytes: &[u8]) -> Result<Option<Head>, HandshakeError> {
        let len = at + 1 - self.lines_end;
        self.lines_end = at + 1;
        self.lines += 1;
        if self.lines == 1 {
            self.start_line_len = len;
            return Ok(None);
        }
        if len < 2 || bytes.get(at - 1) != Some(&b'\r') {
            return Err(malformed(HeadPart::LineEnd));
        }
        let field_count = self.lines - 2;
        if len == 2 {
            let Self { lines_end: len, start_line_len, .. } = *self;
            return Ok(Some(Head { len, start_line_len, field_count }));
        }
        if field_count == self.max_headers {
            return Err(HandshakeError::TooManyHeaders { limit: self.max_headers });
        }
        Ok(None)
    }

    fn check_start_line(&self, line: &[u8]) -> Result<(), HandshakeError> {
        match self.start_line {
            StartLine::Request => request_line(line).map(drop),
            #[cfg(feature = "http")]
            StartLine::AnyRequest => begins_as_request(line),
            StartLine::Response => status_line(line).map(drop),
        }
    }

    fn check_beginning(&self, line: &[u8]) -> Result<(), HandshakeError> {
        match self.start_line {
            StartLine::Request => begins_as_request(line),
            #[cfg(feature = "http")]
            StartLine::AnyRequest => begins_as_request(line),
            StartLine::Response => begins_as_response(line),
        }
    }
}

/// Fails on the first byte that cannot be of a method: whoever speaks something else than HTTP
/// may never send the end of a line.
pub(crate) fn begins_as_request(line: &[u8]) -> Result<(), HandshakeError> {
    let mut method = line.iter().copied().take(METHOD).take_while(|byte| *byte != b' ');
    match method.find(|byte| !is_token_byte(*byte)) {
        Some(byte) => Err(HandshakeError::NotHttp { byte }),
        None => Ok(()),
    }
}

fn begins_as_response(line: &[u8]) -> Result<(), HandshakeError> {
    match line.iter().zip(b"HTTP/").find(|(got, expected)| got != expected) {
        Some((&byte, _)) => Err(HandshakeError::NotHttp { byte }),
        None => Ok(()),
    }
}

const fn malformed(part: HeadPart) -> HandshakeError {
    HandshakeError::MalformedHead { part }
}

/// The top bit of each byte that is a line feed. Eight at a time, since this pass over the head
/// comes on top of the parser's.
const fn line_feeds(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOW: u64 = ONES * 0x7f;
    let word = u64::from_le_bytes(bytes) ^ (ONES * b'\n' as u64);
    // The sum has the top bit of a byte unless its lower bits are zero, and carries nothing.
    !(((word & LOW) + LOW) | word | LOW)
}

/// What a request is for (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'b> {
    /// Only in absolute form, and more to be trusted than `Host` then.
    pub(crate) authority: Option<&'b str>,
    pub(crate) resource_name: &'b str,
}

/// Parses `GET SP request-target SP HTTP/1.1 CRLF`. RFC 6455 §4.2.1 wants HTTP/1.1 "or higher": a
/// higher minor version means the same (RFC 9110 §2.5), a higher major one does not look like this.
pub(crate) fn request_line(line: &[u8]) -> Result<Target<'_>, HandshakeError> {
    let rest = line.strip_prefix(b"GET ").and_then(|rest| rest.strip_suffix(b"\r\n"));
    let Some([target @ .., b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9']) = rest
    else {
        return Err(why_not_a_get(line));
    };
    fields::visible(target)
        .or_else(|| core::str::from_utf8(target).ok())
        .filter(|target| !has_control_or_hash(target))
        .and_then(Target::parse)
        .ok_or(malformed(HeadPart::RequestTarget))
}

/// Without a way out in between, since they are few.
#[allow(clippy::needless_bitwise_bool)]
fn has_control_or_hash(target: &str) -> bool {
    target.bytes().fold(false, |has, byte| has | (byte <= b' ') | (byte == 0x7f) | (byte == b'#'))
}

#[cold]
fn why_not_a_get(line: &[u8]) -> HandshakeError {
    if let Err(error) = begins_as_request(line) {
        return error;
    }
    if !line.ends_with(b"\r\n") {
        return malformed(HeadPart::LineEnd);
    }
    let words = line.trim_ascii_end().splitn(2, |byte| *byte == b' ');
    let [method, rest] = split(words);
    let [version, _target] = split(rest.rsplitn(2, |byte| *byte == b' '));
    match version {
        _ if !fields::is_token(method) => malformed(HeadPart::RequestLine),
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            match (major - b'0', minor - b'0') {
                // Of whatever version: the answer to a HEAD has no body.
                _ if method == b"HEAD" => HandshakeError::Method { head: true },
                (1, 1..) if method == b"GET" => malformed(HeadPart::RequestLine),
                (1, 1..) => HandshakeError::Method { head: false },
                (major, minor) => HandshakeError::HttpVersion { major, minor },
            }
        }
        _ => malformed(HeadPart::RequestLine),
    }
}

fn split<'a>(mut parts: impl Iterator<Item = &'a [u8]>) -> [&'a [u8]; 2] {
    [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
}

impl<'b> Target<'b> {
    pub(crate) fn parse(target: &'b str) -> Option<Self> {
        if target.starts_with('/') {
            return Some(Self { authority: None, resource_name: target });
        }
        let (scheme, rest) = target.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource_name) = rest.split_at_checked(end)?;
        uri::authority(authority).ok()?;
        let resource_name = match resource_name {
            "" => "/",
            // RFC 9112 §3.2.1 lets a client write "/" for an empty path; this one did not.
            query if query.starts_with('?') => return None,
            path => path,
        };
        Some(Self { authority: Some(authority), resource_name })
    }
}

/// What a response says first (RFC 9112 §4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status<'b> {
    pub(crate) code: u16,
    pub(crate) reason: &'b str,
    pub(crate) minor_version: u8,
}

/// Parses `HTTP/1.x SP 3DIGIT [ SP reason-phrase ] CRLF`. Some servers leave the second space out.
/// Versions above 1.1, which were never made, are malformed: nobody answers HTTP/1.1 with them.
pub(crate) fn status_line(line: &[u8]) -> Result<Status<'_>, HandshakeError> {
    begins_as_response(line)?;
    let line = line.strip_suffix(b"\r\n").ok_or(malformed(HeadPart::LineEnd))?;
    parse_status(line).ok_or(malformed(HeadPart::StatusLine))
}

fn parse_status(line: &[u8]) -> Option<Status<'_>> {
    let (&[minor @ (b'0' | b'1'), b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'], rest) =
        line.strip_prefix(b"HTTP/1.")?.split_first_chunk()?
    else {
        return None;
    };
    let reason = match rest {
        [] => rest,
        [b' ', reason @ ..] => reason,
        _ => return None,
    };
    let reason = match fields::visible(reason) {
        Some(reason) => reason,
        None if reason.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') => return None,
        None => core::str::from_utf8(reason).ok().filter(|reason| reason.is_ascii()).unwrap_or(""),
    };
    let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Some(Status { code, reason, minor_version: minor - b'0' })
}

/// Parses the fields of a head, and the empty line, and lets them be read.
pub(crate) fn read_fields<'b, T>(
    head: Head,
    block: &'b [u8],
    read: impl FnOnce(&[Header<'b>]) -> Result<T, HandshakeError>,
) -> Result<T, HandshakeError> {
    let (mut few, mut many) = ([EMPTY_HEADER; FEW], Vec::new());
    let headers = if let Some(few) = few.get_mut(..head.field_count) {
        few
    } else {
        many.resize(head.field_count, EMPTY_HEADER);
        &mut many
    };
    match httparse::parse_headers(block, headers) {
        Ok(httparse::Status::Complete((len, headers))) if len == block.len() => read(headers),
        Err(httparse::Error::HeaderName) => Err(malformed(HeadPart::HeaderName)),
        Err(httparse::Error::HeaderValue) => Err(malformed(HeadPart::HeaderValue)),
        _ => Err(malformed(HeadPart::LineEnd)),
    }
}
