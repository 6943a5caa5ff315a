//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1): offers of a client, answers of a server.
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = extension-token *( ";" extension-param )
//! extension-param = token [ "=" (token | quoted-string) ]
//!     ; the value after quoted-string unescaping MUST conform to the 'token' ABNF
//! ```
//!
//! An empty quoted-string is let through all the same: RFC 7692 §7.1 has a server decline an offer
//! with an invalid value, where an error in the grammar would fail the handshake (RFC 6455 §4.3).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::error::HandshakeError;
use super::fields::{self, is_token_byte};

/// The extensions in one value of the field, in order. Iterating takes time linear in its length
/// and allocates nothing.
///
/// Empty list elements are skipped (RFC 9110 §5.6.1). An item is
/// [`HandshakeError::InvalidHeader`] where the value does not conform to the grammar, and the last
/// one then.
///
/// ```
/// use websans::Extensions;
///
/// let mut offers = Extensions::new(br#"mux; max-channels="4"; flow-control, deflate-stream"#);
/// let mux = offers.next().unwrap()?;
/// assert_eq!(mux.name(), "mux");
/// let mut params = mux.params();
/// assert_eq!(params.next().unwrap().value.as_deref(), Some("4"));
/// assert_eq!(params.next().unwrap().name, "flow-control");
/// assert_eq!(mux.to_string(), "mux; max-channels=4; flow-control");
/// assert_eq!(offers.next().unwrap()?.name(), "deflate-stream");
/// assert!(offers.next().is_none());
/// # Ok::<(), websans::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    cursor: Cursor<'a>,
}

/// An extension that is offered or agreed on: its name and its parameters.
///
/// Its `Display` writes it as it goes on the wire.
#[derive(Clone, Copy)]
pub struct Extension<'a> {
    name: &'a str,
    /// What follows the name, and has been found to conform to the grammar.
    params: &'a [u8],
}

/// The parameters of an extension, in order. See [`Extension::params`].
#[derive(Clone, Debug)]
pub struct ExtensionParams<'a> {
    cursor: Cursor<'a>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtensionParam<'a> {
    /// Its name, a token as sent.
    pub name: &'a str,
    /// Its value, if it has one: a token, without the quotes and escapes it may have come in; or
    /// empty, if there was nothing between the quotes.
    pub value: Option<Cow<'a, str>>,
}

impl<'a> Extensions<'a> {
    /// Of a value of the field `Sec-WebSocket-Extensions`.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self { cursor: Cursor { rest: value } }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, HandshakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.cursor.skip_whitespace();
            if !self.cursor.eat(b',') {
                break;
            }
        }
        if self.cursor.rest.is_empty() {
            return None;
        }
        let extension = self.cursor.extension();
        if extension.is_none() {
            self.cursor.rest = &[];
        }
        Some(extension.ok_or(HandshakeError::InvalidHeader { header: fields::EXTENSIONS }))
    }
}

impl<'a> Extension<'a> {
    /// The name, a token as sent.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The parameters, in order, and as often as they were sent.
    #[must_use]
    pub fn params(&self) -> ExtensionParams<'a> {
        ExtensionParams { cursor: Cursor { rest: self.params } }
    }
}

impl<'a> Iterator for ExtensionParams<'a> {
    type Item = ExtensionParam<'a>;

    fn next(&mut self) -> Option<ExtensionParam<'a>> {
        let (name, value) = self.cursor.next_param()?;
        Some(ExtensionParam { name, value: value.map(unescape) })
    }
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    // Only characters of tokens are escaped, and a backslash is none.
    Cow::Owned(value.chars().filter(|&character| character != '\\').collect::<String>())
}

impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.params().try_for_each(|param| write!(f, "; {param}"))
    }
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ExtensionParam<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.value.as_deref() {
            None => Ok(()),
            Some("") => f.write_str("=\"\""),
            // It is a token, which never needs quotes.
            Some(value) => write!(f, "={value}"),
        }
    }
}

/// Reads forward only, so that it is linear whatever the input.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    rest: &'a [u8],
}

/// `None` is for what does not conform to the grammar.
impl<'a> Cursor<'a> {
    /// An extension, and the comma after it.
    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let params = self.rest;
        while self.eat_after_whitespace(b';') {
            self.param()?;
        }
        let len = params.len() - self.rest.len();
        let conforming = params.get(..len)?;
        (self.rest.is_empty() || self.eat(b',')).then_some(Extension { name, params: conforming })
    }

    /// The next of `*( ";" extension-param )`.
    fn next_param(&mut self) -> Option<(&'a str, Option<&'a str>)> {
        if self.eat_after_whitespace(b';') { self.param() } else { None }
    }

    /// A parameter; its value still has the escapes that it came with.
    fn param(&mut self) -> Option<(&'a str, Option<&'a str>)> {
        self.skip_whitespace();
        let name = self.token()?;
        if !self.eat_after_whitespace(b'=') {
            return Some((name, None));
        }
        self.skip_whitespace();
        let value = if self.eat(b'"') { self.quoted() } else { self.token() }?;
        Some((name, Some(value)))
    }

    fn token(&mut self) -> Option<&'a str> {
        self.take_while(is_token_byte).filter(|token| !token.is_empty())
    }

    /// What stands between the quotes, of which the first has been read.
    fn quoted(&mut self) -> Option<&'a str> {
        let mut escaped = false;
        let inner = self.take_while(|byte| {
            let goes_on = is_token_byte(byte) || (byte == b'\\' && !escaped);
            escaped = byte == b'\\' && !escaped;
            goes_on
        })?;
        (!inner.ends_with('\\') && self.eat(b'"')).then_some(inner)
    }

    fn take_while(&mut self, mut goes_on: impl FnMut(u8) -> bool) -> Option<&'a str> {
        let len = self.rest.iter().position(|&byte| !goes_on(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        core::str::from_utf8(taken).ok()
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn eat_after_whitespace(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        self.eat(byte)
    }

    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}
