//! The one place where extensions are agreed on. So far there are none: a client offers nothing
//! and a server declines everything.

use alloc::boxed::Box;

use super::error::HandshakeError;
use super::extensions::Extension;
use crate::config::Config;
use crate::connection::Agreed;

/// A client's offer: the value of `Sec-WebSocket-Extensions`, or `None` for no such field.
pub(crate) fn offer(_config: &Config) -> Option<Box<str>> {
    None
}

/// A server's answer to what is offered, in the same form. It sets what is agreed on.
pub(crate) fn answer<'b>(
    _offers: impl Iterator<Item = Extension<'b>>,
    _config: &Config,
    _agreed: &mut Agreed,
) -> Option<Box<str>> {
    None
}

/// A client's check of the answer to its [`offer`]. It sets what is agreed on.
///
/// Errors when an extension was not offered, or not like that (§4.1): the connection must fail.
pub(crate) fn check_answer<'b>(
    mut answers: impl Iterator<Item = Extension<'b>>,
    _config: &Config,
    _agreed: &mut Agreed,
) -> Result<(), HandshakeError> {
    answers.next().map_or(Ok(()), |_| Err(HandshakeError::ExtensionNotOffered))
}
