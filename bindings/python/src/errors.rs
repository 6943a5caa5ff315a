//! The core's errors as Python's exceptions, which `python/websans/_exceptions.py` defines.

use pyo3::import_exception;
use pyo3::prelude::*;
use websans::{Error, InvalidHandshake, SendError, Timeout};

import_exception!(websans._exceptions, ProtocolError);
import_exception!(websans._exceptions, HandshakeError);
import_exception!(websans._exceptions, SendFailed);
import_exception!(websans._exceptions, ConnectionClosing);
import_exception!(websans._exceptions, BufferFull);
mod python {
    pyo3::import_exception!(websans._exceptions, InvalidHandshake);
}

/// The peer broke the protocol.
pub(crate) fn protocol(error: Error) -> PyErr {
    let reply = error.reply();
    let reason = reply.close_body().and_then(|body| body.get(2..)).unwrap_or_default();
    let reason = String::from_utf8_lossy(reason).into_owned();
    let code = error.close_code().number();
    ProtocolError::new_err((error.to_string(), kind(error), rule(error), code, reason))
}

/// The peer broke the protocol of the opening handshake, or refused it.
pub(crate) fn handshake(error: websans::HandshakeError) -> PyErr {
    HandshakeError::new_err((error.to_string(), kind(error), error.status()))
}

/// The caller asked for what may not be sent.
pub(crate) fn send(error: SendError) -> PyErr {
    let arguments = (error.to_string(), kind(error));
    match error {
        SendError::Closed => ConnectionClosing::new_err(arguments),
        SendError::Full { .. } => BufferFull::new_err(arguments),
        _ => SendFailed::new_err(arguments),
    }
}

/// The caller asked for a handshake that may not be sent.
pub(crate) fn invalid_handshake(error: InvalidHandshake) -> PyErr {
    python::InvalidHandshake::new_err((error.to_string(), kind(error)))
}

/// The name of the variant.
fn kind(error: impl std::fmt::Debug) -> String {
    let debug = format!("{error:?}");
    debug.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The rule that was broken: a section of an RFC, or a setting.
fn rule(error: Error) -> &'static str {
    match error {
        Error::Frame(_) | Error::ReservedBit { .. } | Error::ReservedOpcode { .. } => {
            "RFC 6455 section 5.2"
        }
        Error::UnmaskedFrame { .. } | Error::MaskedFrame { .. } => "RFC 6455 section 5.1",
        Error::FragmentedControl { .. } | Error::ControlTooLong { .. } => "RFC 6455 section 5.5",
        Error::UnexpectedContinuation | Error::ExpectedContinuation { .. } => {
            "RFC 6455 section 5.4"
        }
        Error::CloseBodyOfOneByte | Error::CloseReasonUtf8 { .. } => "RFC 6455 section 5.5.1",
        Error::CloseCode { .. } => "RFC 6455 section 7.4",
        Error::InvalidUtf8 { .. } => "RFC 6455 section 8.1",
        Error::CorruptDeflate => "RFC 7692 section 7.2.2",
        Error::FrameTooLarge { .. } => "Config.max_frame_size",
        Error::MessageTooLarge { .. } => "Config.max_message_size",
        Error::TooManyFragments { .. } => "Config.max_fragments",
        Error::TooManyReplies { .. } => "Config.max_queued_replies",
        Error::NoEntropy => "RFC 6455 section 5.3",
        Error::Eof { .. } => "RFC 6455 section 7.1.5",
        Error::Timeout(Timeout::Pong) => "Deadlines.pong",
        Error::Timeout(Timeout::Message) => "Deadlines.message",
        Error::Timeout(Timeout::Write) => "Deadlines.write",
        Error::Timeout(Timeout::Close) => "Deadlines.close",
        _ => "",
    }
}
