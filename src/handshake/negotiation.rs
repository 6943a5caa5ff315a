//! The one place where extensions are agreed on: permessage-deflate (RFC 7692 §5 and §7.1), with
//! the feature `deflate`, and nothing else.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
#[cfg(feature = "deflate")]
use alloc::vec::Vec;

use super::error::HandshakeError;
use super::extensions::Extension;
#[cfg(feature = "deflate")]
use super::extensions::Extensions;
use crate::config::Config;
use crate::connection::Agreed;
use crate::deflate::{AgreedDeflate, Direction, PermessageDeflate};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The parameters as they stand in an offer or an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer it may come without a value, as 15.
    client_max_window_bits: Option<u8>,
}

impl Params {
    /// §7.1: `None` for an unknown parameter, one that comes twice, or a value that it cannot have.
    fn parse(extension: &Extension<'_>, is_offer: bool) -> Option<Self> {
        let mut params = Self::default();
        for param in extension.params() {
            let value = param.value.as_deref();
            let seen = match param.name {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    value.is_some() || set(&mut params.server_no_context_takeover)
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    value.is_some() || set(&mut params.client_no_context_takeover)
                }
                SERVER_MAX_WINDOW_BITS => {
                    params.server_max_window_bits.replace(window_bits(value?)?).is_some()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = match value {
                        None if is_offer => 15,
                        value => window_bits(value?)?,
                    };
                    params.client_max_window_bits.replace(bits).is_some()
                }
                _ => true,
            };
            if seen {
                return None;
            }
        }
        Some(params)
    }

    fn write(&self) -> Box<str> {
        let mut text = String::from(NAME);
        let mut write = |name: &str, value: Option<u8>| {
            text.push_str("; ");
            text.push_str(name);
            if let Some(value) = value {
                text.push('=');
                text.push_str(&value.to_string());
            }
        };
        if self.server_no_context_takeover {
            write(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if self.client_no_context_takeover {
            write(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if let Some(bits) = self.server_max_window_bits {
            write(SERVER_MAX_WINDOW_BITS, Some(bits));
        }
        match self.client_max_window_bits {
            // §7.1.2.2: only offers may leave the value out, and only they have this one: `accept`.
            Some(15) => write(CLIENT_MAX_WINDOW_BITS, None),
            Some(bits) => write(CLIENT_MAX_WINDOW_BITS, Some(bits)),
            None => {}
        }
        text.into_boxed_str()
    }

    fn offer(ours: &PermessageDeflate) -> Self {
        let limited = |bits: u8| (bits < 15).then_some(bits);
        Self {
            server_no_context_takeover: ours.server.no_context_takeover,
            client_no_context_takeover: ours.client.no_context_takeover,
            server_max_window_bits: limited(ours.server.max_window_bits),
            // Always, so that the server may limit ours.
            client_max_window_bits: Some(ours.client.max_window_bits),
        }
    }

    fn agreed(&self) -> AgreedDeflate {
        let direction = |no_context_takeover, bits: Option<u8>| Direction {
            no_context_takeover,
            max_window_bits: bits.unwrap_or(15),
        };
        AgreedDeflate {
            server: direction(self.server_no_context_takeover, self.server_max_window_bits),
            client: direction(self.client_no_context_takeover, self.client_max_window_bits),
        }
    }
}

/// Sets a flag; whether it was set before.
fn set(flag: &mut bool) -> bool {
    core::mem::replace(flag, true)
}

/// §7.1.2: "a decimal integer value without leading zeroes between 8 to 15".
fn window_bits(value: &str) -> Option<u8> {
    matches!(value, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
        .then(|| value.parse().ok())
        .flatten()
}

fn settings(config: &Config) -> Option<PermessageDeflate> {
    config.permessage_deflate.filter(|_| cfg!(feature = "deflate"))
}

/// A client's offer: the value of `Sec-WebSocket-Extensions`, or `None` for no such field.
pub(crate) fn offer(config: &Config) -> Option<Box<str>> {
    settings(config).map(|ours| Params::offer(&ours).write())
}

/// A server's answer to what is offered, in the same form: to the first offer that can be
/// accepted. Bad offers are declined and are no failure (§5.1). It sets what is agreed on.
pub(crate) fn answer<'b>(
    mut offers: impl Iterator<Item = Extension<'b>>,
    config: &Config,
    agreed: &mut Agreed,
) -> Option<Box<str>> {
    let ours = settings(config)?;
    let params = offers.find_map(|offer| accept(&offer, &ours))?;
    agreed.deflate = Some(params.agreed());
    Some(params.write())
}

fn accept(offer: &Extension<'_>, ours: &PermessageDeflate) -> Option<Params> {
    if offer.name() != NAME {
        return None;
    }
    let theirs = Params::parse(offer, true)?;
    // zlib cannot compress with a window of 256 bytes.
    if theirs.server_max_window_bits == Some(8) {
        return None;
    }
    // §7.1.2.2: only a client that offers it can be told to limit its window.
    let limited = |most: u8, bits: Option<u8>| match bits {
        Some(bits) => Some(bits.min(most)),
        None => (most < 15).then_some(most),
    };
    if theirs.client_max_window_bits.is_none() && ours.client.max_window_bits < 15 {
        return None;
    }
    Some(Params {
        server_no_context_takeover: theirs.server_no_context_takeover
            || ours.server.no_context_takeover,
        client_no_context_takeover: theirs.client_no_context_takeover
            || ours.client.no_context_takeover,
        server_max_window_bits: limited(ours.server.max_window_bits, theirs.server_max_window_bits),
        client_max_window_bits: theirs
            .client_max_window_bits
            .map(|bits| bits.min(ours.client.max_window_bits))
            .filter(|bits| *bits < 15), // which holds without the parameter, too
    })
}

/// A client's check of the answer to its [`offer`]. It sets what is agreed on.
///
/// Errors when an extension was not offered, or not like that (RFC 6455 §4.1, RFC 7692 §5.1): the
/// connection must fail.
pub(crate) fn check_answer<'b>(
    mut answers: impl Iterator<Item = Extension<'b>>,
    config: &Config,
    agreed: &mut Agreed,
) -> Result<(), HandshakeError> {
    let Some(answer) = answers.next() else { return Ok(()) };
    let ours = settings(config).filter(|_| answer.name() == NAME && answers.next().is_none());
    let ours = ours.ok_or(HandshakeError::ExtensionNotOffered)?;
    agreed.deflate = Some(granted(&answer, &ours)?);
    Ok(())
}

/// What an answer agrees to, if it may.
fn granted(
    answer: &Extension<'_>,
    ours: &PermessageDeflate,
) -> Result<AgreedDeflate, HandshakeError> {
    let params = Params::parse(answer, false).filter(|params| fits(params, ours));
    let mut params = params.ok_or(HandshakeError::ExtensionParameters)?;
    // §7.1.1.2: what we said of ourselves holds, whether the server repeats it or not.
    params.client_no_context_takeover |= ours.client.no_context_takeover;
    let own = params.client_max_window_bits.unwrap_or(15);
    params.client_max_window_bits = Some(own.min(ours.client.max_window_bits));
    Ok(params.agreed())
}

/// For handshakes that are made elsewhere: the values of `Sec-WebSocket-Extensions` in them. Fields
/// of that name which come more than once are one list, joined with commas (RFC 9110 §5.3).
///
/// ```
/// use websans::{AgreedDeflate, Config, Connection, PermessageDeflate};
///
/// let client = PermessageDeflate::new().server_max_window_bits(10);
/// let offers = client.offer();
/// assert_eq!(offers, "permessage-deflate; server_max_window_bits=10; client_max_window_bits");
///
/// let server = PermessageDeflate::new();
/// let (agreed, answer) = server.accept_offers(offers.as_bytes())?.expect("both want it");
/// assert_eq!(answer, "permessage-deflate; server_max_window_bits=10");
/// let _server = Connection::server_with(Config::default().permessage_deflate(server), agreed);
///
/// let agreed = client.check_answer(answer.as_bytes())?;
/// let _client = Connection::client_with(Config::default().permessage_deflate(client), agreed);
/// # Ok::<(), websans::HandshakeError>(())
/// ```
#[cfg(feature = "deflate")]
impl PermessageDeflate {
    /// A client's offer (RFC 7692 §5).
    #[must_use]
    pub fn offer(&self) -> String {
        Params::offer(self).write().into()
    }

    /// A server's answer to the first offer that it can accept, and what is agreed on; `None` where
    /// there is no such offer, and the response has no such field.
    ///
    /// Errors: [`HandshakeError::InvalidHeader`] where the value does not conform to its grammar.
    pub fn accept_offers(
        &self,
        offers: &[u8],
    ) -> Result<Option<(AgreedDeflate, String)>, HandshakeError> {
        let offers = Extensions::new(offers).collect::<Result<Vec<_>, _>>()?;
        let accepted = offers.iter().find_map(|offer| accept(offer, self));
        Ok(accepted.map(|params| (params.agreed(), params.write().into())))
    }

    /// A client's check of the answer to its [`offer`](Self::offer): what is agreed on.
    ///
    /// Errors: [`HandshakeError::InvalidHeader`] where the value does not conform to its grammar,
    /// [`HandshakeError::ExtensionNotOffered`] if it is anything but one permessage-deflate, and
    /// [`HandshakeError::ExtensionParameters`] when that was not offered like this (RFC 7692 §5.1).
    /// The connection must fail then.
    pub fn check_answer(&self, answer: &[u8]) -> Result<AgreedDeflate, HandshakeError> {
        granted(&only(answer)?, self)
    }
}

/// The permessage-deflate that is all there is in an answer.
#[cfg(feature = "deflate")]
fn only(answer: &[u8]) -> Result<Extension<'_>, HandshakeError> {
    let mut answers = Extensions::new(answer);
    let answer = answers.next().ok_or(HandshakeError::ExtensionNotOffered)??;
    let more = answers.next().transpose()?;
    if answer.name() != NAME || more.is_some() {
        return Err(HandshakeError::ExtensionNotOffered);
    }
    Ok(answer)
}

#[cfg(feature = "deflate")]
impl AgreedDeflate {
    /// What an answer agreed on, in a handshake that was made elsewhere: the value of
    /// `Sec-WebSocket-Extensions` in the response. Whether it fits the offer was for that handshake
    /// to check. For [`Connection::server_with`](crate::Connection::server_with).
    ///
    /// Errors: [`HandshakeError::InvalidHeader`] where the value does not conform to its grammar,
    /// [`HandshakeError::ExtensionNotOffered`] if it is anything but one permessage-deflate, and
    /// [`HandshakeError::ExtensionParameters`] for parameters that no answer has.
    pub fn from_answer(value: &[u8]) -> Result<Self, HandshakeError> {
        let answer = only(value)?;
        let params = Params::parse(&answer, false).ok_or(HandshakeError::ExtensionParameters)?;
        Ok(params.agreed())
    }
}

/// Whether the server grants what was asked of it (§7.1.1.1, §7.1.2.1), and does not allow us more
/// than was offered (§7.1.2.2).
fn fits(params: &Params, ours: &PermessageDeflate) -> bool {
    (params.server_no_context_takeover || !ours.server.no_context_takeover)
        && params.server_max_window_bits.unwrap_or(15) <= ours.server.max_window_bits
        && params.client_max_window_bits.is_none_or(|bits| bits <= ours.client.max_window_bits)
}
