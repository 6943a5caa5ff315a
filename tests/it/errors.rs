//! What errors say: each names the rule, what was seen, and what went out for it.
//!
//! Sections: RFC 6455 §7.1.7, §7.4.1

use std::error::Error as StdError;

use crate::support::*;
use websans::frame::{FrameError, FrameHeader, Opcode};
use websans::utf8::Utf8Error;
use websans::{
    CloseCode, Connection, Error, HandshakeError, HeadPart, InvalidHandshake, InvalidUri,
    NoEntropy, RecvBuf, SendBuf, SendError, Timeout,
};

/// An error of the peer's, its close code, the reason in the close frame, and what it says.
const OF_THE_PEER: &[(Error, u16, &str, &str)] = &[
    (
        Error::Frame(FrameError::NonMinimalLength { len: 125 }),
        1002,
        "length not minimal",
        "a payload length of 125 is not in its shortest form",
    ),
    (
        Error::Frame(FrameError::LengthTopBit { len: 1 << 63 }),
        1002,
        "length with top bit",
        "a payload length of 0x8000000000000000 has its most significant bit set",
    ),
    (
        Error::ReservedBit { rsv: 2, opcode: Opcode::TEXT },
        1002,
        "reserved bit",
        "reserved bit RSV2 is set on a text frame",
    ),
    (
        Error::ReservedOpcode { opcode: Opcode::new(0xB) },
        1002,
        "reserved opcode",
        "reserved opcode 0xB",
    ),
    (
        Error::UnmaskedFrame { opcode: Opcode::BINARY },
        1002,
        "frame not masked",
        "a binary frame from a client is not masked",
    ),
    (
        Error::MaskedFrame { opcode: Opcode::CONTINUATION },
        1002,
        "frame masked",
        "a continuation frame from a server is masked",
    ),
    (
        Error::FragmentedControl { opcode: Opcode::PONG },
        1002,
        "fragmented control frame",
        "a pong frame is fragmented",
    ),
    (
        Error::ControlTooLong { opcode: Opcode::PING, len: 126 },
        1002,
        "control frame too long",
        "a ping frame has 126 bytes of payload, more than 125",
    ),
    (
        Error::UnexpectedContinuation,
        1002,
        "unexpected continuation",
        "a continuation frame while no message is in progress",
    ),
    (
        Error::ExpectedContinuation { opcode: Opcode::TEXT },
        1002,
        "expected continuation",
        "a text frame while another message is in progress",
    ),
    (
        Error::CloseBodyOfOneByte,
        1002,
        "close body of one byte",
        "a close frame with a body of one byte",
    ),
    (
        Error::CloseCode { code: CloseCode::ABNORMAL_CLOSURE },
        1002,
        "invalid close code",
        "close code 1006 (Abnormal Closure) must not be on the wire",
    ),
    (
        Error::CloseReasonUtf8 { valid_up_to: 3 },
        1007,
        "invalid UTF-8",
        "a close reason is invalid UTF-8 after 3 valid bytes",
    ),
    (
        Error::InvalidUtf8 { valid_up_to: 9 },
        1007,
        "invalid UTF-8",
        "a text message is invalid UTF-8 after 9 valid bytes",
    ),
    (
        Error::CorruptDeflate,
        1007,
        "corrupt compressed data",
        "a compressed message is not a valid DEFLATE stream",
    ),
    (
        Error::FrameTooLarge { len: 11, limit: 10 },
        1009,
        "frame too large",
        "a frame of 11 bytes is over the limit of 10",
    ),
    (
        Error::MessageTooLarge { len: 21, limit: 20 },
        1009,
        "message too large",
        "a message of at least 21 bytes is over the limit of 20",
    ),
    (
        Error::TooManyFragments { limit: 7 },
        1008,
        "too many fragments",
        "a message has more than 7 fragments",
    ),
    (
        Error::TooManyReplies { limit: 8 },
        1008,
        "too many pings unanswered",
        "the peer sends pings and does not read: more than 8 bytes of pongs wait",
    ),
    (Error::NoEntropy, 1011, "", "the masking key source failed"),
    (Error::Eof { within_message: false }, 1006, "", "the transport ended without a close frame"),
    (
        Error::Eof { within_message: true },
        1006,
        "",
        "the transport ended in the middle of a message",
    ),
    (
        Error::Timeout(Timeout::Pong),
        1008,
        "no answer to a ping",
        "the peer has sent nothing since it was pinged",
    ),
    (
        Error::Timeout(Timeout::Message),
        1008,
        "message not completed in time",
        "the peer has not completed a message in time",
    ),
    (Error::Timeout(Timeout::Write), 1006, "", "the transport has taken nothing for too long"),
    (Error::Timeout(Timeout::Close), 1006, "", "the closing handshake was not done in time"),
];

#[test]
fn an_error_says_the_rule_and_the_close_code() {
    for (error, code, reason, words) in OF_THE_PEER {
        assert_eq!(error.to_string(), *words);
        assert_eq!(error.close_code().number(), *code, "{words}");
        let reply = error.reply();
        assert!(reply.is_failure());
        let body = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        // 1006 is never on the wire.
        let expected = Some(&body[..]).filter(|_| *code != 1006);
        assert_eq!(reply.close_body(), expected, "{words}");
    }
}

#[test]
fn a_failed_connection_sends_the_reason_and_goes_on_failing() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&[0x81, 0x00]);
    let error = Error::UnmaskedFrame { opcode: Opcode::TEXT };
    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error));
    assert_eq!(frames(tx.as_slice())[0].1, b"\x03\xEAframe not masked");
    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error));
    assert_eq!(frames(tx.as_slice()).len(), 1);
}

/// Sections: RFC 6455 §5.5, §7.4
#[test]
fn what_may_not_be_sent_is_said() {
    for (error, words) in [
        (SendError::Connecting, "the opening handshake is not done"),
        (SendError::Closed, "the connection is closing or closed"),
        (SendError::Full { queued: 9, limit: 8 }, "9 bytes wait to be written, the limit is 8"),
        (
            SendError::ControlTooLong { len: 126 },
            "a control frame holds at most 125 bytes of payload, not 126",
        ),
        (SendError::CloseCode { code: CloseCode::from(999) }, "close code 999 must not be sent"),
        (SendError::ReasonWithoutCode, "a close reason needs a close code"),
        (SendError::ReasonTooLong { len: 124 }, "a close reason holds at most 123 bytes, not 124"),
        (
            SendError::MessageInProgress { opcode: Opcode::BINARY },
            "a binary message is being sent in parts and has not ended",
        ),
        (
            SendError::PayloadPending { remaining: 5 },
            "5 bytes of an announced payload have not been written",
        ),
        (SendError::PayloadTooLong, "a payload must be shorter than 2^63 bytes"),
        (SendError::TooManyReplies { limit: 6 }, "more than 6 bytes of pongs wait to be written"),
        (SendError::Deflate, "the compressor failed"),
        (SendError::NoEntropy, "the masking key source failed"),
    ] {
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(SendError::from(NoEntropy), SendError::NoEntropy);
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn a_failed_handshake_says_why_and_the_status() {
    use HandshakeError::*;
    let header = "Upgrade";
    for (error, status, words) in [
        (NotHttp { byte: 0x16 }, 400, "not HTTP: the first byte is 0x16, as of a TLS handshake"),
        (NotHttp { byte: 1 }, 400, "not HTTP: byte 0x01 in the first line"),
        (MalformedHead { part: HeadPart::RequestLine }, 400, "malformed HTTP: request line"),
        (MalformedHead { part: HeadPart::RequestTarget }, 400, "malformed HTTP: request target"),
        (MalformedHead { part: HeadPart::StatusLine }, 400, "malformed HTTP: status line"),
        (
            MalformedHead { part: HeadPart::HeaderName },
            400,
            "malformed HTTP: name of a header field",
        ),
        (
            MalformedHead { part: HeadPart::HeaderValue },
            400,
            "malformed HTTP: value of a header field",
        ),
        (
            MalformedHead { part: HeadPart::LineEnd },
            400,
            "malformed HTTP: a line that does not end with CR LF",
        ),
        (HttpVersion { major: 1, minor: 0 }, 505, "HTTP/1.0 cannot be upgraded, only HTTP/1.1"),
        (Method { head: false }, 405, "the method of the request is not GET"),
        (HeadTooLarge { limit: 9 }, 431, "the head is over the limit of 9 bytes"),
        (TooManyHeaders { limit: 8 }, 431, "the head is over the limit of 8 header fields"),
        (Body { header: "Content-Length" }, 400, "the request has a body: Content-Length"),
        (NotAnUpgrade { header }, 426, "not a WebSocket request: Upgrade does not ask for it"),
        (Version, 426, "Sec-WebSocket-Version is not 13"),
        (MissingHeader { header }, 400, "Upgrade is missing"),
        (DuplicateHeader { header }, 400, "Upgrade is there more than once"),
        (InvalidHeader { header }, 400, "Upgrade has an invalid value"),
        (ConnectionSpecific { header }, 400, "Upgrade has no place in a version of HTTP after 1.1"),
        (AcceptMismatch, 0, "Sec-WebSocket-Accept does not answer the key that was sent"),
        (SubprotocolNotOffered, 0, "the server chose a subprotocol that was not offered"),
        (ExtensionNotOffered, 0, "the server chose an extension that was not offered"),
        (
            ExtensionParameters,
            0,
            "the server's parameters of permessage-deflate do not fit what was offered",
        ),
        (Refused { status: 403 }, 0, "the server refused the handshake with status 403"),
        (Finished, 0, "the handshake is finished"),
        (Eof { received: 7 }, 0, "the transport ended after 7 bytes of the opening handshake"),
    ] {
        assert_eq!(error.to_string(), words);
        assert_eq!(error.status().unwrap_or(0), status, "{words}");
    }
}

/// Sections: RFC 6455 §4.1
#[test]
fn what_is_no_handshake_is_said() {
    use InvalidHandshake as It;
    for (error, words) in [
        (It::Uri(InvalidUri::Scheme), "a WebSocket URI begins with ws:// or wss://"),
        (
            It::Uri(InvalidUri::Userinfo),
            "a WebSocket URI has no user name: credentials go into the field Authorization",
        ),
        (It::Uri(InvalidUri::Host), "the host of the URI is invalid"),
        (It::Uri(InvalidUri::Port), "the port of the URI is not a number from 1 to 65535"),
        (It::Uri(InvalidUri::Fragment), "a WebSocket URI has no fragment: write # as %23"),
        (
            It::Uri(InvalidUri::ResourceName { at: 4 }),
            "byte 4 of the URI's path and query has no place there",
        ),
        (It::HeaderName, "the name of a header field must be a token"),
        (It::HeaderValue, "the value of a header field must not contain control characters"),
        (It::ReservedHeader, "this header field is written by the handshake itself"),
        (It::Subprotocol, "a subprotocol must be a token"),
        (It::DuplicateSubprotocol, "a subprotocol is offered twice"),
        (It::SubprotocolNotOffered, "the client has not offered this subprotocol"),
        (It::Status { status: 101 }, "a rejection has a status from 200 to 599, not 101"),
        (It::Body { status: 204 }, "a response with status 204 has no body"),
        (It::ExtendedConnect, "an extended CONNECT is not answered with bytes of HTTP/1.1"),
        (It::NoEntropy, "the masking key source failed"),
    ] {
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(It::from(NoEntropy), It::NoEntropy);
    assert_eq!(It::from(InvalidUri::Port), It::Uri(InvalidUri::Port));
}

/// Sections: none, it is about std::error::Error
#[test]
fn errors_travel_as_errors_do() {
    let all: Vec<Box<dyn StdError + Send + Sync>> = vec![
        Box::new(Error::UnexpectedContinuation),
        Box::new(SendError::Closed),
        Box::new(HandshakeError::Version),
        Box::new(InvalidHandshake::Subprotocol),
        Box::new(InvalidUri::Host),
        Box::new(FrameError::LengthTopBit { len: u64::MAX }),
        Box::new(Utf8Error { valid_up_to: 3 }),
        Box::new(NoEntropy),
    ];
    assert!(all.iter().all(|error| !error.to_string().is_empty()));
    assert_eq!(all[6].to_string(), "invalid UTF-8 after 3 valid bytes");
    assert_eq!(Error::from(Utf8Error { valid_up_to: 3 }), Error::InvalidUtf8 { valid_up_to: 3 });
    let frame = FrameError::NonMinimalLength { len: 0 };
    assert_eq!(Error::from(frame), Error::Frame(frame));
}

/// Sections: RFC 6455 §7.4.1, §11.7, §11.8
#[test]
fn codes_and_opcodes_have_the_names_of_the_registries() {
    for (code, words) in [
        (1000, "Normal Closure"),
        (1001, "Going Away"),
        (1002, "Protocol error"),
        (1003, "Unsupported Data"),
        (1005, "No Status Rcvd"),
        (1006, "Abnormal Closure"),
        (1007, "Invalid frame payload data"),
        (1008, "Policy Violation"),
        (1009, "Message Too Big"),
        (1010, "Mandatory Ext."),
        (1011, "Internal Error"),
        (1012, "Service Restart"),
        (1013, "Try Again Later"),
        (1014, "Bad Gateway"),
        (1015, "TLS handshake"),
        (1004, ""),
        (4000, ""),
    ] {
        let it = CloseCode::from(code);
        assert_eq!((it.number(), u16::from(it), it.description()), (code, code, words));
        let display = if words.is_empty() { code.to_string() } else { format!("{code} ({words})") };
        assert_eq!((it.to_string(), format!("{it:?}")), (display.clone(), display));
    }
    for (number, words) in [
        (0x0, "continuation"),
        (0x1, "text"),
        (0x2, "binary"),
        (0x3, "opcode 0x3"),
        (0x8, "close"),
        (0x9, "ping"),
        (0xA, "pong"),
        (0xF, "opcode 0xF"),
    ] {
        let opcode = Opcode::new(number);
        assert_eq!((opcode.number(), &*opcode.to_string()), (number, words));
        assert_eq!(format!("{opcode:?}"), words);
        // Four bits are on the wire.
        assert_eq!(Opcode::new(number | 0xF0), opcode);
    }
}

/// Sections: RFC 6455 §5.2
#[test]
fn a_header_shows_all_its_fields() {
    let header = FrameHeader::new(Opcode::BINARY, 300)
        .with_fin(false)
        .with_rsv2(true)
        .with_masking_key(Some([1, 2, 3, 4]));
    assert_eq!(
        format!("{header:?}"),
        "FrameHeader { fin: false, rsv1: false, rsv2: true, rsv3: false, opcode: binary, \
         masking_key: Some([1, 2, 3, 4]), payload_len: 300 }"
    );
}
