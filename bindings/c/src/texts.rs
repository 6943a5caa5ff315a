//! The texts of the codes, and the rules behind them.

use core::ffi::CStr;

use crate::status::websans_status;

/// A text that ends with a zero byte, and is cut off between characters.
pub(crate) struct Text {
    bytes: [u8; 192],
    len: usize,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; 192], len: 0 }
    }

    pub(crate) fn into_bytes(self) -> [u8; 192] {
        self.bytes
    }
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for character in text.chars() {
            let mut encoded = [0; 4];
            let encoded = character.encode_utf8(&mut encoded).as_bytes();
            let room = self.bytes.get_mut(self.len..191).unwrap_or_default();
            let place = room.get_mut(..encoded.len()).ok_or(core::fmt::Error)?;
            place.copy_from_slice(encoded);
            self.len += encoded.len();
        }
        Ok(())
    }
}

/// The rule that was broken: a section of an RFC, or a setting.
#[allow(clippy::enum_glob_use, clippy::match_same_arms)]
pub(crate) fn rule_of(status: websans_status) -> &'static CStr {
    use websans_status::*;
    match status {
        FrameLengthNotMinimal
        | FrameLengthTopBit
        | ReservedBit
        | ReservedOpcode
        | SendPayloadTooLong => c"RFC 6455 section 5.2",
        UnmaskedFrame | MaskedFrame => c"RFC 6455 section 5.1",
        FragmentedControl | ControlTooLong | SendControlTooLong => c"RFC 6455 section 5.5",
        UnexpectedContinuation | ExpectedContinuation | SendMessageInProgress => {
            c"RFC 6455 section 5.4"
        }
        CloseBodyOfOneByte
        | CloseReasonUtf8
        | SendClosed
        | SendReasonWithoutCode
        | SendReasonTooLong => c"RFC 6455 section 5.5.1",
        CloseCode | SendCloseCode => c"RFC 6455 section 7.4",
        InvalidUtf8 => c"RFC 6455 section 8.1",
        CorruptDeflate => c"RFC 7692 section 7.2.2",
        NoEntropy | SendNoEntropy | RequestNoEntropy => c"RFC 6455 section 5.3",
        Eof => c"RFC 6455 section 7.1.5",
        FrameTooLarge => c"max_frame_size",
        MessageTooLarge => c"max_message_size",
        TooManyFragments => c"max_fragments",
        TooManyReplies | SendTooManyReplies => c"max_queued_replies",
        SendFull => c"max_queued",
        HandshakeHeadTooLarge => c"max_head_size",
        HandshakeTooManyHeaders => c"max_headers",
        TimeoutPong => c"deadlines.pong",
        TimeoutMessage => c"deadlines.message",
        TimeoutWrite => c"deadlines.write",
        TimeoutClose => c"deadlines.close",
        HandshakeTimeout => c"deadlines.handshake",
        HandshakeNotHttp | HandshakeMalformedHead => c"RFC 9112",
        HandshakeHttpVersion | HandshakeMethod | HandshakeNotAnUpgrade | HandshakeVersion => {
            c"RFC 6455 section 4.2.1"
        }
        HandshakeMissingHeader | HandshakeInvalidHeader | HandshakeDuplicateHeader => {
            c"RFC 6455 section 4.3"
        }
        HandshakeBody
        | HandshakeAcceptMismatch
        | HandshakeSubprotocolNotOffered
        | HandshakeExtensionNotOffered
        | HandshakeRefused
        | HandshakeEof
        | HandshakeFinished => c"RFC 6455 section 4.1",
        HandshakeExtensionParameters => c"RFC 7692 section 7.1",
        UriScheme | UriUserinfo | UriHost | UriPort | UriFragment | UriResourceName => {
            c"RFC 6455 section 3"
        }
        RequestHeaderName => c"RFC 9110 section 5.1",
        RequestHeaderValue => c"RFC 9110 section 5.5",
        RequestReservedHeader | RequestSubprotocol | RequestDuplicateSubprotocol => {
            c"RFC 6455 section 4.1"
        }
        RequestSubprotocolNotOffered | RequestStatus => c"RFC 6455 section 4.2.2",
        RequestBody => c"RFC 9110 section 6.4.1",
        _ => c"",
    }
}

#[allow(clippy::match_same_arms)] // one line for each
pub(crate) const fn of(status: websans_status) -> &'static CStr {
    match status {
        websans_status::Ok => c"no error",
        websans_status::Null => c"an argument is NULL that must not be",
        websans_status::Handle => c"an argument is not a handle of its type, or was freed",
        websans_status::Busy => c"a callback came back to a handle that is in use",
        websans_status::Size => c"the size member of a struct was not set, or the struct asks for what this version does not know",
        websans_status::TooLong => c"a length is more than memory can have",
        websans_status::Utf8 => c"a text argument is not UTF-8",
        websans_status::Value => c"an argument is not one of the values that it can have",
        websans_status::Order => c"the call is out of order: what it needs has not come, or was taken before",
        websans_status::Aliased => c"the payload lies in the buffer that it is to be put into",
        websans_status::Panic => c"an error in the library itself; the handles of that call can only be freed",
        websans_status::SendConnecting => c"the opening handshake is not done",
        websans_status::SendClosed => c"the connection is closing or closed",
        websans_status::SendFull => c"as much waits to be written as max_queued allows",
        websans_status::SendControlTooLong => c"a control frame holds at most 125 bytes of payload",
        websans_status::SendCloseCode => c"this close code must not be sent",
        websans_status::SendReasonWithoutCode => c"a close reason needs a close code",
        websans_status::SendReasonTooLong => c"a close reason holds at most 123 bytes",
        websans_status::SendMessageInProgress => c"a message is being sent in parts and has not ended",
        websans_status::SendPayloadPending => c"an announced payload has not been written",
        websans_status::SendPayloadTooLong => c"a payload must be shorter than 2^63 bytes",
        websans_status::SendTooManyReplies => c"as many pongs wait as max_queued_replies allows",
        websans_status::SendDeflate => c"the compressor failed",
        websans_status::SendNoEntropy => c"the source of masking keys failed",
        websans_status::FrameLengthNotMinimal => c"the length of a frame is not in its shortest form",
        websans_status::FrameLengthTopBit => c"the length of a frame has its most significant bit set",
        websans_status::ReservedBit => c"a reserved bit is set",
        websans_status::ReservedOpcode => c"a reserved opcode",
        websans_status::UnmaskedFrame => c"a frame from a client is not masked",
        websans_status::MaskedFrame => c"a frame from a server is masked",
        websans_status::FragmentedControl => c"a control frame is fragmented",
        websans_status::ControlTooLong => c"a control frame has more than 125 bytes of payload",
        websans_status::UnexpectedContinuation => c"a continuation frame while no message is in progress",
        websans_status::ExpectedContinuation => c"a new message while another is in progress",
        websans_status::CloseBodyOfOneByte => c"a close frame with a body of one byte",
        websans_status::CloseCode => c"a close code that must not be on the wire",
        websans_status::CloseReasonUtf8 => c"a close reason is not UTF-8",
        websans_status::InvalidUtf8 => c"a text message is not UTF-8",
        websans_status::CorruptDeflate => c"a compressed message is not a valid DEFLATE stream",
        websans_status::FrameTooLarge => c"a frame is over max_frame_size",
        websans_status::MessageTooLarge => c"a message is over max_message_size",
        websans_status::TooManyFragments => c"a message has more frames than max_fragments",
        websans_status::TooManyReplies => c"the peer sends pings and does not read: max_queued_replies",
        websans_status::NoEntropy => c"no pong could be sent: the source of masking keys failed",
        websans_status::Eof => c"the transport ended without a close frame",
        websans_status::TimeoutPong => c"the peer has sent nothing since it was pinged",
        websans_status::TimeoutMessage => c"the peer has not completed a message in time",
        websans_status::TimeoutWrite => c"the transport has taken nothing for too long",
        websans_status::TimeoutClose => c"the closing handshake was not done in time",
        websans_status::Protocol => c"the peer broke the protocol in a way that this version has no number for",
        websans_status::HandshakeNotHttp => c"the first bytes from the peer are not HTTP",
        websans_status::HandshakeMalformedHead => c"the head of the request or response is malformed",
        websans_status::HandshakeHttpVersion => c"the version of HTTP cannot be upgraded",
        websans_status::HandshakeMethod => c"the method of the request is not GET",
        websans_status::HandshakeHeadTooLarge => c"the head is over max_head_size",
        websans_status::HandshakeTooManyHeaders => c"the head has more header fields than max_headers",
        websans_status::HandshakeBody => c"the request has a body",
        websans_status::HandshakeNotAnUpgrade => c"the request does not ask for a WebSocket connection",
        websans_status::HandshakeVersion => c"Sec-WebSocket-Version is not 13",
        websans_status::HandshakeMissingHeader => c"a header field is missing",
        websans_status::HandshakeDuplicateHeader => c"a header field is there more than once",
        websans_status::HandshakeInvalidHeader => c"a header field has an invalid value",
        websans_status::HandshakeAcceptMismatch => c"Sec-WebSocket-Accept does not answer the key that was sent",
        websans_status::HandshakeSubprotocolNotOffered => c"the server chose a subprotocol that was not offered",
        websans_status::HandshakeExtensionNotOffered => c"the server chose an extension that was not offered",
        websans_status::HandshakeExtensionParameters => c"the parameters of permessage-deflate do not fit what was offered",
        websans_status::HandshakeRefused => c"the server refused the handshake",
        websans_status::HandshakeFinished => c"the request or response has been handed out before",
        websans_status::HandshakeTimeout => c"the opening handshake took too long",
        websans_status::HandshakeEof => c"the transport ended within the opening handshake",
        websans_status::Handshake => c"the opening handshake failed in a way that this version has no number for",
        websans_status::UriScheme => c"a WebSocket URI begins with ws:// or wss://",
        websans_status::UriUserinfo => c"a WebSocket URI has no user name",
        websans_status::UriHost => c"the host of the URI is invalid",
        websans_status::UriPort => c"the port of the URI is not a number from 1 to 65535",
        websans_status::UriFragment => c"a WebSocket URI has no fragment",
        websans_status::UriResourceName => c"a byte of the path or query has no place there",
        websans_status::RequestHeaderName => c"the name of a header field must be a token",
        websans_status::RequestHeaderValue => c"the value of a header field must not contain control characters",
        websans_status::RequestReservedHeader => c"this header field is written by the handshake itself",
        websans_status::RequestSubprotocol => c"a subprotocol must be a token",
        websans_status::RequestDuplicateSubprotocol => c"a subprotocol is offered twice",
        websans_status::RequestSubprotocolNotOffered => c"the client has not offered this subprotocol",
        websans_status::RequestStatus => c"a rejection has a status from 200 to 599",
        websans_status::RequestBody => c"a response with this status has no body",
        websans_status::RequestNoEntropy => c"the source of masking keys failed",
        websans_status::Request => c"the handshake asked for is invalid in a way that this version has no number for",
    }
}

/// All codes.
#[rustfmt::skip]
pub(crate) const ALL: &[websans_status] = &[
    websans_status::Ok,
    websans_status::Null,
    websans_status::Handle,
    websans_status::Busy,
    websans_status::Size,
    websans_status::TooLong,
    websans_status::Utf8,
    websans_status::Value,
    websans_status::Order,
    websans_status::Aliased,
    websans_status::Panic,
    websans_status::SendConnecting,
    websans_status::SendClosed,
    websans_status::SendFull,
    websans_status::SendControlTooLong,
    websans_status::SendCloseCode,
    websans_status::SendReasonWithoutCode,
    websans_status::SendReasonTooLong,
    websans_status::SendMessageInProgress,
    websans_status::SendPayloadPending,
    websans_status::SendPayloadTooLong,
    websans_status::SendTooManyReplies,
    websans_status::SendDeflate,
    websans_status::SendNoEntropy,
    websans_status::FrameLengthNotMinimal,
    websans_status::FrameLengthTopBit,
    websans_status::ReservedBit,
    websans_status::ReservedOpcode,
    websans_status::UnmaskedFrame,
    websans_status::MaskedFrame,
    websans_status::FragmentedControl,
    websans_status::ControlTooLong,
    websans_status::UnexpectedContinuation,
    websans_status::ExpectedContinuation,
    websans_status::CloseBodyOfOneByte,
    websans_status::CloseCode,
    websans_status::CloseReasonUtf8,
    websans_status::InvalidUtf8,
    websans_status::CorruptDeflate,
    websans_status::FrameTooLarge,
    websans_status::MessageTooLarge,
    websans_status::TooManyFragments,
    websans_status::TooManyReplies,
    websans_status::NoEntropy,
    websans_status::Eof,
    websans_status::TimeoutPong,
    websans_status::TimeoutMessage,
    websans_status::TimeoutWrite,
    websans_status::TimeoutClose,
    websans_status::Protocol,
    websans_status::HandshakeNotHttp,
    websans_status::HandshakeMalformedHead,
    websans_status::HandshakeHttpVersion,
    websans_status::HandshakeMethod,
    websans_status::HandshakeHeadTooLarge,
    websans_status::HandshakeTooManyHeaders,
    websans_status::HandshakeBody,
    websans_status::HandshakeNotAnUpgrade,
    websans_status::HandshakeVersion,
    websans_status::HandshakeMissingHeader,
    websans_status::HandshakeDuplicateHeader,
    websans_status::HandshakeInvalidHeader,
    websans_status::HandshakeAcceptMismatch,
    websans_status::HandshakeSubprotocolNotOffered,
    websans_status::HandshakeExtensionNotOffered,
    websans_status::HandshakeExtensionParameters,
    websans_status::HandshakeRefused,
    websans_status::HandshakeFinished,
    websans_status::HandshakeTimeout,
    websans_status::HandshakeEof,
    websans_status::Handshake,
    websans_status::UriScheme,
    websans_status::UriUserinfo,
    websans_status::UriHost,
    websans_status::UriPort,
    websans_status::UriFragment,
    websans_status::UriResourceName,
    websans_status::RequestHeaderName,
    websans_status::RequestHeaderValue,
    websans_status::RequestReservedHeader,
    websans_status::RequestSubprotocol,
    websans_status::RequestDuplicateSubprotocol,
    websans_status::RequestSubprotocolNotOffered,
    websans_status::RequestStatus,
    websans_status::RequestBody,
    websans_status::RequestNoEntropy,
    websans_status::Request,
];
