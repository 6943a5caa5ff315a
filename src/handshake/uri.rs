//! WebSocket URIs (RFC 6455 §3), as browsers take them, and the authorities in them (RFC 3986
//! §3.2).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use super::error::InvalidUri;
use super::fields::ByteSet;

/// A `ws` or `wss` URI: where to connect to, and what to ask for there.
///
/// ```
/// use websans::WsUri;
///
/// let uri: WsUri = "wss://example.com/chat?room=1".parse()?;
/// assert!(uri.is_secure(), "to be spoken over TLS");
/// assert_eq!((uri.host(), uri.port()), ("example.com", 443)); // for the socket
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// # Ok::<(), websans::InvalidUri>(())
/// ```
///
/// A path and a query are taken as browsers take them (WHATWG URL): what must not be on the wire is
/// percent-encoded, and characters such as `[`, `]` and `|` stay.
///
/// ```
/// # use websans::WsUri;
/// let uri = WsUri::try_from("ws://example.com/a b/ü?q=[1]|2")?;
/// assert_eq!(uri.resource_name(), "/a%20b/%C3%BC?q=[1]|2");
/// # Ok::<(), websans::InvalidUri>(())
/// ```
///
/// A host that is not in ASCII is converted to its form in ASCII (IDNA, as in UTS #46) with the
/// feature `idna`, and is an error without it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WsUri {
    secure: bool,
    authority: Box<str>,
    host: Box<str>,
    port: u16,
    resource_name: Box<str>,
}

impl WsUri {
    /// A URI of its parts (§4.1): the secure flag, the host (an IPv6 address with brackets or
    /// without), the port or `None` for the default one, and the resource name, which is a path
    /// and perhaps a query.
    ///
    /// Errors: [`InvalidUri`].
    pub fn from_parts(
        secure: bool,
        host: &str,
        port: impl Into<Option<u16>>,
        resource_name: &str,
    ) -> Result<Self, InvalidUri> {
        let host = match Ipv6Addr::from_str(host) {
            Ok(_) => Cow::Owned(format!("[{host}]")),
            Err(_) => to_ascii(host)?,
        };
        if authority(&host)?.0 != host {
            return Err(InvalidUri::Host);
        }
        let port = port.into();
        if port == Some(0) {
            return Err(InvalidUri::Port);
        }
        Self::new(secure, &host, port, resource_name)
    }

    fn new(
        secure: bool,
        bracketed_host: &str,
        port: Option<u16>,
        resource_name: &str,
    ) -> Result<Self, InvalidUri> {
        let default = if secure { 443 } else { 80 };
        let port = port.unwrap_or(default);
        let authority = if port == default {
            Box::from(bracketed_host)
        } else {
            format!("{bracketed_host}:{port}").into_boxed_str()
        };
        Ok(Self {
            secure,
            authority,
            host: Box::from(bracketed_host.trim_matches(['[', ']'])),
            port,
            resource_name: complete_resource_name(resource_name)?,
        })
    }

    /// Whether the scheme is `wss`: the connection is to be made over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to, and to verify with TLS. An IPv6 address comes without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: 80 for `ws` and 443 for `wss` unless there is another.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the field `Host` says: the host, and the port unless it is the default one.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, "/" if it is empty, and "?" and the query if that is not.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }
}

impl FromStr for WsUri {
    type Err = InvalidUri;

    fn from_str(uri: &str) -> Result<Self, InvalidUri> {
        let (scheme, rest) = uri.split_once("://").ok_or(InvalidUri::Scheme)?;
        let secure = scheme.eq_ignore_ascii_case("wss");
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(InvalidUri::Scheme);
        }
        if rest.contains('#') {
            return Err(InvalidUri::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host_and_port, resource_name) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if host_and_port.contains('@') {
            return Err(InvalidUri::Userinfo);
        }
        let host_and_port = to_ascii(host_and_port)?;
        let (host, port) = authority(&host_and_port)?;
        Self::new(secure, host, port, resource_name)
    }
}

impl TryFrom<&str> for WsUri {
    type Error = InvalidUri;

    fn try_from(uri: &str) -> Result<Self, InvalidUri> {
        uri.parse()
    }
}

/// With the scheme `ws` or `wss`.
///
/// ```
/// let uri: http::Uri = "wss://example.com/chat?room=1".parse()?;
/// let uri = websans::WsUri::try_from(uri)?;
/// assert_eq!((uri.host(), uri.port()), ("example.com", 443));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "http")]
impl TryFrom<http::Uri> for WsUri {
    type Error = InvalidUri;

    fn try_from(uri: http::Uri) -> Result<Self, InvalidUri> {
        Self::try_from(&uri)
    }
}

#[cfg(feature = "http")]
impl TryFrom<&http::Uri> for WsUri {
    type Error = InvalidUri;

    fn try_from(uri: &http::Uri) -> Result<Self, InvalidUri> {
        format!("{uri}").parse()
    }
}

impl fmt::Display for WsUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.resource_name)
    }
}

impl fmt::Debug for WsUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host, before the colon of a port if there is one, in ASCII. The list denies what is mapped
/// to a character that ends a host, such as the fullwidth colon.
#[cfg(feature = "idna")]
fn to_ascii(authority: &str) -> Result<Cow<'_, str>, InvalidUri> {
    if authority.is_ascii() {
        return Ok(Cow::Borrowed(authority));
    }
    let (host, port) = authority
        .split_at_checked(authority.find(':').unwrap_or(authority.len()))
        .ok_or(InvalidUri::Host)?;
    let host = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL)
        .map_err(|_| InvalidUri::Host)?;
    Ok(Cow::Owned(host.into_owned() + port))
}

#[cfg(not(feature = "idna"))]
#[allow(clippy::unnecessary_wraps)] // as with the feature
fn to_ascii(authority: &str) -> Result<Cow<'_, str>, InvalidUri> {
    Ok(Cow::Borrowed(authority))
}

/// Splits `host [ ":" port ]` into the host, with the brackets of an IPv6 address, and the port,
/// if there is one.
pub(crate) fn authority(authority: &str) -> Result<(&str, Option<u16>), InvalidUri> {
    let host_len = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, _) = rest.split_once(']').ok_or(InvalidUri::Host)?;
            Ipv6Addr::from_str(address).map_err(|_| InvalidUri::Host)?;
            address.len() + 2
        }
        None => first_bad(authority, &REG_NAME).unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(host_len).ok_or(InvalidUri::Host)?;
    if host.is_empty() {
        return Err(InvalidUri::Host);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        None => Err(InvalidUri::Host),
        Some("") => Ok((host, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            match digits.parse::<u16>() {
                Ok(0) | Err(_) => Err(InvalidUri::Port),
                Ok(port) => Ok((host, Some(port))),
            }
        }
        Some(_) => Err(InvalidUri::Port),
    }
}

/// Serialises a path and a query as browsers do (WHATWG URL, "percent-encoded bytes" and the state
/// machine of its parser for special schemes), but for two things: dot segments stay, and control
/// characters, some of which browsers remove, are errors.
fn complete_resource_name(given: &str) -> Result<Box<str>, InvalidUri> {
    if given.starts_with(|first| first != '/' && first != '?') {
        return Err(InvalidUri::ResourceName { at: 0 });
    }
    let (path, query) = given.split_once('?').unwrap_or((given, ""));
    let mut name = String::with_capacity(given.len() + 1);
    if path.is_empty() {
        name.push('/');
    }
    encode(path, &PATH, &mut name, 0)?;
    // §3: "?" only if the query is not empty.
    if !query.is_empty() {
        name.push('?');
        encode(query, &QUERY, &mut name, path.len() + 1)?;
    }
    Ok(name.into_boxed_str())
}

/// Appends `text`, which begins at `offset` of the resource name, with all but the characters of
/// `unchanged` percent-encoded.
fn encode(
    text: &str,
    unchanged: &ByteSet,
    to: &mut String,
    offset: usize,
) -> Result<(), InvalidUri> {
    let is_path = offset == 0;
    let mut rest = text;
    loop {
        let end = rest.bytes().position(|byte| !unchanged.contains(byte)).unwrap_or(rest.len());
        let (plain, other) = rest.split_at_checked(end).unwrap_or((rest, ""));
        to.push_str(plain);
        let mut characters = other.chars();
        match characters.next() {
            None => return Ok(()),
            Some('#') => return Err(InvalidUri::Fragment),
            Some('\\') if is_path => to.push('/'),
            Some(control) if control.is_ascii_control() => {
                return Err(InvalidUri::ResourceName { at: offset + text.len() - other.len() });
            }
            Some(character) => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    to.push('%');
                    for digit in [byte >> 4, byte & 15] {
                        to.extend(
                            char::from_digit(digit.into(), 16).map(|it| it.to_ascii_uppercase()),
                        );
                    }
                }
            }
        }
        rest = characters.as_str();
    }
}

/// Where the first byte is that is neither allowed nor part of a `pct-encoded`.
fn first_bad(text: &str, allowed: &ByteSet) -> Option<usize> {
    let mut rest = text.as_bytes();
    loop {
        let at = rest.iter().position(|byte| !allowed.contains(*byte))?;
        rest = rest.get(at..)?;
        match rest {
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = after;
            }
            _ => return Some(text.len() - rest.len()),
        }
    }
}

/// RFC 3986 §3.2.2: `unreserved / sub-delims`.
const REG_NAME: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=");

/// WHATWG URL: what is not in the path percent-encode set, but for `\`, which is written as `/`.
const PATH: ByteSet = ByteSet::alphanumeric_and(b"!$%&'()*+,-./:;=?@[]_|~");

/// WHATWG URL: what is not in the special-query percent-encode set.
const QUERY: ByteSet = ByteSet::alphanumeric_and(b"!$%&()*+,-./:;=?@[\\]^_`{|}~");
