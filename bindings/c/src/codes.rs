//! The codes of the core's errors.

use websans::frame::FrameError;
use websans::{Error, HandshakeError, InvalidHandshake, InvalidUri, SendError, Timeout};

use crate::status::websans_status;

pub(crate) fn of_send(error: SendError) -> websans_status {
    match error {
        SendError::Connecting => websans_status::SendConnecting,
        SendError::Full { .. } => websans_status::SendFull,
        SendError::ControlTooLong { .. } => websans_status::SendControlTooLong,
        SendError::CloseCode { .. } => websans_status::SendCloseCode,
        SendError::ReasonWithoutCode => websans_status::SendReasonWithoutCode,
        SendError::ReasonTooLong { .. } => websans_status::SendReasonTooLong,
        SendError::MessageInProgress { .. } => websans_status::SendMessageInProgress,
        SendError::PayloadPending { .. } => websans_status::SendPayloadPending,
        SendError::PayloadTooLong => websans_status::SendPayloadTooLong,
        SendError::TooManyReplies { .. } => websans_status::SendTooManyReplies,
        SendError::Deflate => websans_status::SendDeflate,
        SendError::NoEntropy => websans_status::SendNoEntropy,
        // `Closed`, and what later versions of the core may refuse.
        _ => websans_status::SendClosed,
    }
}

pub(crate) fn of_peer(error: Error) -> websans_status {
    match error {
        Error::Frame(FrameError::NonMinimalLength { .. }) => websans_status::FrameLengthNotMinimal,
        Error::Frame(_) => websans_status::FrameLengthTopBit,
        Error::ReservedBit { .. } => websans_status::ReservedBit,
        Error::ReservedOpcode { .. } => websans_status::ReservedOpcode,
        Error::UnmaskedFrame { .. } => websans_status::UnmaskedFrame,
        Error::MaskedFrame { .. } => websans_status::MaskedFrame,
        Error::FragmentedControl { .. } => websans_status::FragmentedControl,
        Error::ControlTooLong { .. } => websans_status::ControlTooLong,
        Error::UnexpectedContinuation => websans_status::UnexpectedContinuation,
        Error::ExpectedContinuation { .. } => websans_status::ExpectedContinuation,
        Error::CloseBodyOfOneByte => websans_status::CloseBodyOfOneByte,
        Error::CloseCode { .. } => websans_status::CloseCode,
        Error::CloseReasonUtf8 { .. } => websans_status::CloseReasonUtf8,
        Error::InvalidUtf8 { .. } => websans_status::InvalidUtf8,
        Error::CorruptDeflate => websans_status::CorruptDeflate,
        Error::FrameTooLarge { .. } => websans_status::FrameTooLarge,
        Error::MessageTooLarge { .. } => websans_status::MessageTooLarge,
        Error::TooManyFragments { .. } => websans_status::TooManyFragments,
        Error::TooManyReplies { .. } => websans_status::TooManyReplies,
        Error::NoEntropy => websans_status::NoEntropy,
        Error::Eof { .. } => websans_status::Eof,
        Error::Timeout(Timeout::Pong) => websans_status::TimeoutPong,
        Error::Timeout(Timeout::Message) => websans_status::TimeoutMessage,
        Error::Timeout(Timeout::Write) => websans_status::TimeoutWrite,
        Error::Timeout(Timeout::Close) => websans_status::TimeoutClose,
        _ => websans_status::Protocol,
    }
}

pub(crate) fn of_handshake(error: HandshakeError) -> websans_status {
    match error {
        HandshakeError::NotHttp { .. } => websans_status::HandshakeNotHttp,
        HandshakeError::MalformedHead { .. } => websans_status::HandshakeMalformedHead,
        HandshakeError::HttpVersion { .. } => websans_status::HandshakeHttpVersion,
        HandshakeError::Method { .. } => websans_status::HandshakeMethod,
        HandshakeError::HeadTooLarge { .. } => websans_status::HandshakeHeadTooLarge,
        HandshakeError::TooManyHeaders { .. } => websans_status::HandshakeTooManyHeaders,
        HandshakeError::Body { .. } => websans_status::HandshakeBody,
        HandshakeError::NotAnUpgrade { .. } => websans_status::HandshakeNotAnUpgrade,
        HandshakeError::Version => websans_status::HandshakeVersion,
        HandshakeError::MissingHeader { .. } => websans_status::HandshakeMissingHeader,
        HandshakeError::DuplicateHeader { .. } => websans_status::HandshakeDuplicateHeader,
        HandshakeError::InvalidHeader { .. } => websans_status::HandshakeInvalidHeader,
        HandshakeError::AcceptMismatch => websans_status::HandshakeAcceptMismatch,
        HandshakeError::SubprotocolNotOffered => websans_status::HandshakeSubprotocolNotOffered,
        HandshakeError::ExtensionNotOffered => websans_status::HandshakeExtensionNotOffered,
        HandshakeError::ExtensionParameters => websans_status::HandshakeExtensionParameters,
        HandshakeError::Refused { .. } => websans_status::HandshakeRefused,
        HandshakeError::Finished => websans_status::HandshakeFinished,
        HandshakeError::Timeout => websans_status::HandshakeTimeout,
        HandshakeError::Eof { .. } => websans_status::HandshakeEof,
        // Those of HTTP/2 and HTTP/3 have no place here.
        _ => websans_status::Handshake,
    }
}

pub(crate) fn of_invalid(error: InvalidHandshake) -> websans_status {
    match error {
        InvalidHandshake::Uri(error) => match error {
            InvalidUri::Scheme => websans_status::UriScheme,
            InvalidUri::Userinfo => websans_status::UriUserinfo,
            InvalidUri::Port => websans_status::UriPort,
            InvalidUri::Fragment => websans_status::UriFragment,
            InvalidUri::ResourceName { .. } => websans_status::UriResourceName,
            _ => websans_status::UriHost,
        },
        InvalidHandshake::HeaderName => websans_status::RequestHeaderName,
        InvalidHandshake::HeaderValue => websans_status::RequestHeaderValue,
        InvalidHandshake::ReservedHeader => websans_status::RequestReservedHeader,
        InvalidHandshake::Subprotocol => websans_status::RequestSubprotocol,
        InvalidHandshake::DuplicateSubprotocol => websans_status::RequestDuplicateSubprotocol,
        InvalidHandshake::SubprotocolNotOffered => websans_status::RequestSubprotocolNotOffered,
        InvalidHandshake::Status { .. } => websans_status::RequestStatus,
        InvalidHandshake::Body { .. } => websans_status::RequestBody,
        InvalidHandshake::NoRequest => websans_status::Order,
        InvalidHandshake::NoEntropy => websans_status::RequestNoEntropy,
        _ => websans_status::Request,
    }
}
