//! Header fields (RFC 9110 §5): their names and values, the lists in them, and writing them.

use alloc::vec::Vec;
use core::fmt;

use super::error::{HandshakeError, InvalidHandshake};
use crate::utf8;

pub(crate) const ACCEPT: &str = "Sec-WebSocket-Accept";
pub(crate) const CONNECTION: &str = "Connection";
pub(crate) const CONTENT_LENGTH: &str = "Content-Length";
pub(crate) const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
pub(crate) const HOST: &str = "Host";
pub(crate) const KEY: &str = "Sec-WebSocket-Key";
pub(crate) const ORIGIN: &str = "Origin";
pub(crate) const PROTOCOL: &str = "Sec-WebSocket-Protocol";
pub(crate) const TRANSFER_ENCODING: &str = "Transfer-Encoding";
pub(crate) const UPGRADE: &str = "Upgrade";
pub(crate) const VERSION: &str = "Sec-WebSocket-Version";

/// The header fields of a head, which have been found to conform to the grammar.
#[derive(Clone, Copy)]
pub(crate) enum Fields<'b> {
    /// `*( field-line CRLF ) CRLF`
    Lines(&'b [u8]),
    #[cfg(feature = "http")]
    Map(&'b http::HeaderMap),
}

/// The header fields of a head, in order, as names and values as sent, without the whitespace
/// around them.
///
/// An `http::HeaderMap` does not know the order: of one, fields with the same name are in order
/// and come together, where the map has the first of them, and names are in lower case.
///
/// Names are compared without regard to case. A value is any bytes but control characters.
pub struct Headers<'b> {
    rest: Rest<'b>,
}

enum Rest<'b> {
    Lines(&'b [u8]),
    #[cfg(feature = "http")]
    Map(http::header::Iter<'b, http::HeaderValue>),
}

impl<'b> Fields<'b> {
    pub(crate) fn iter(self) -> Headers<'b> {
        let rest = match self {
            Self::Lines(lines) => Rest::Lines(lines),
            #[cfg(feature = "http")]
            Self::Map(map) => Rest::Map(map.iter()),
        };
        Headers { rest }
    }

    /// The values of all fields of that name, in order.
    pub(crate) fn values(self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        let has_name = move |field: &(&str, &[u8])| field.0.eq_ignore_ascii_case(name);
        self.iter().filter(has_name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values hold cookies and passwords, which are not for logs.
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b str, &'b [u8]);

    fn next(&mut self) -> Option<(&'b str, &'b [u8])> {
        match &mut self.rest {
            Rest::Lines(lines) => {
                let end = lines.iter().position(|&byte| byte == b'\n')?;
                let (line, rest) = lines.split_at_checked(end + 1)?;
                *lines = rest;
                let colon = line.iter().position(|&byte| byte == b':')?;
                let (name, value) = line.split_at_checked(colon)?;
                Some((core::str::from_utf8(name).ok()?, value.get(1..)?.trim_ascii()))
            }
            #[cfg(feature = "http")]
            Rest::Map(fields) => {
                fields.next().map(|(name, value)| (name.as_str(), value.as_bytes()))
            }
        }
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

/// Whether a name is the one of a field, which nearly everybody writes in the same case. A macro,
/// so that the length is known where it is compiled.
macro_rules! is_field {
    ($name:expr, $field:path) => {
        $name == $field || $name.eq_ignore_ascii_case($field)
    };
}
pub(crate) use is_field;

/// A field that may be there once.
#[derive(Clone, Copy)]
pub(crate) struct Single<'b> {
    name: &'static str,
    value: Option<&'b [u8]>,
    repeated: bool,
}

impl<'b> Single<'b> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, value: None, repeated: false }
    }

    pub(crate) fn set(&mut self, value: &'b [u8]) {
        self.repeated = self.value.is_some();
        self.value = Some(value);
    }

    pub(crate) fn optional(self) -> Result<Option<&'b [u8]>, HandshakeError> {
        if self.repeated {
            return Err(HandshakeError::DuplicateHeader { header: self.name });
        }
        Ok(self.value)
    }

    pub(crate) fn required(self) -> Result<&'b [u8], HandshakeError> {
        self.optional()?.ok_or(HandshakeError::MissingHeader { header: self.name })
    }

    pub(crate) fn invalid(self) -> HandshakeError {
        HandshakeError::InvalidHeader { header: self.name }
    }
}

/// The elements of a list (RFC 9110 §5.6.1), without the empty ones and the whitespace around
/// them. A comma within a quoted string separates nothing.
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    Elements { rest: Some(list) }.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        let (mut quoted, mut escaped) = (false, false);
        for (at, &byte) in list.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => {
                    self.rest = list.get(at + 1..);
                    return list.get(..at);
                }
                _ => {}
            }
        }
        Some(list)
    }
}

/// Whether a list has a token, whatever its case.
pub(crate) fn has_token(list: &[u8], token: &str) -> bool {
    let is_token = |element: &[u8]| element.eq_ignore_ascii_case(token.as_bytes());
    is_last(list, token.as_bytes()) || elements(list).any(is_token)
}

/// Whether a list ends in a token, as browsers write it: alone, or after what has no quotes.
fn is_last(list: &[u8], token: &[u8]) -> bool {
    match list.strip_suffix(token) {
        Some([]) => true,
        Some([before @ .., b',', b' ']) => !before.contains(&b'"'),
        _ => false,
    }
}

/// Characters of ASCII that can be seen, and spaces, as text.
pub(crate) fn visible(bytes: &[u8]) -> Option<&str> {
    // Without a way out in between, since they are few.
    let visible = bytes.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    visible.then(|| utf8::checked_str(bytes))
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// A token, as text.
pub(crate) fn token(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { visible(bytes) } else { None }
}

/// RFC 9110 §5.6.2: `tchar`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    const TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");
    TOKEN.contains(byte)
}

/// Characters of a grammar. A look into a table is faster than comparisons.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    // Evaluated by the compiler, where going out of bounds would be an error.
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
    pub(crate) const fn alphanumeric_and(mut others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0_u8;
        while byte.is_ascii() {
            set[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        while let [first, rest @ ..] = others {
            set[*first as usize] = true;
            others = rest;
        }
        Self(set)
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|it| *it)
    }
}

/// The fields that every client's opening handshake over HTTP/1.1 has (§4.1).
#[cfg(feature = "http")]
pub(crate) fn of_client<'a>(
    host: &'a str,
    key: &'a super::accept_key::Key,
) -> [(&'static str, &'a [u8]); 5] {
    [
        (HOST, host.as_bytes()),
        (UPGRADE, b"websocket"),
        (CONNECTION, b"Upgrade"),
        (KEY, key),
        (VERSION, b"13"),
    ]
}

/// Header fields that the application adds to what we send: lines that can be written as they
/// are, since nothing gets into them that could end a line.
#[derive(Clone, Default)]
pub(crate) struct FieldLines {
    lines: Vec<u8>,
}

impl FieldLines {
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHandshake> {
        if !is_token(name.as_bytes()) {
            return Err(InvalidHandshake::HeaderName);
        }
        if is_ours(name) {
            return Err(InvalidHandshake::ReservedHeader);
        }
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(InvalidHandshake::HeaderValue);
        }
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.lines.extend_from_slice(part);
        }
        Ok(())
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.lines
    }

    /// The fields, one by one.
    #[cfg(feature = "http")]
    pub(crate) fn iter(&self) -> Headers<'_> {
        Fields::Lines(&self.lines).iter()
    }
}

impl fmt::Debug for FieldLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Fields::Lines(&self.lines), f)
    }
}

/// Whether a field is one that we write ourselves.
fn is_ours(name: &str) -> bool {
    let prefix = b"sec-websocket-";
    [CONNECTION, UPGRADE, HOST, CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|ours| name.eq_ignore_ascii_case(ours))
        || name.as_bytes().get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
}
