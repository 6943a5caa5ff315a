//! A client's side: §4.1, and the rows of the threat model that concern it.
//!
//! Sections: RFC 6455 §4.1

use super::*;
use crate::support::measure;
use websans::{Event, HeadPart, InvalidHandshake, MaskingKeySource, NoEntropy};

fn response_with(without: &[&str], with: &[&str]) -> String {
    edit(SAMPLE_RESPONSE, without, with)
}

#[test]
fn the_sample_of_the_rfc_is_accepted() {
    let outcome = connect(SAMPLE_RESPONSE);
    assert_eq!(
        outcome.output,
        "GET /chat HTTP/1.1\r\n\
        Host: server.example.com\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Origin: http://example.com\r\n\r\n"
    );
    let seen = outcome.seen();
    assert_eq!((seen.status, &*seen.reason), (101, "Switching Protocols"));
    assert_eq!(seen.subprotocols, ["chat"]);
    assert_eq!(seen.headers.len(), 4);
    assert_eq!(seen.headers[0], ("Upgrade".into(), b"websocket".into()));
}

#[test]
fn the_request_has_nothing_that_was_not_asked_for() {
    let mut tx = SendBuf::new();
    let request = Request::new("wss://[2001:db8::1]:8443?token=1").unwrap();
    ClientHandshake::new(&request, Config::default().masking_keys(SAMPLE_KEY), &mut tx).unwrap();
    assert_eq!(
        String::from_utf8(tx.as_slice().into()).unwrap(),
        "GET /?token=1 HTTP/1.1\r\n\
        Host: [2001:db8::1]:8443\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n"
    );
}

#[test]
#[cfg(feature = "std")]
fn every_handshake_has_a_key_of_its_own() {
    let request = Request::new("ws://a").unwrap();
    let key = || {
        let mut tx = SendBuf::new();
        ClientHandshake::new(&request, Config::default(), &mut tx).unwrap();
        let (mut rx, mut none) = (RecvBuf::new(), SendBuf::new());
        rx.extend(tx.as_slice());
        let mut server = ServerHandshake::new(Config::default());
        let request = server.next_request(&mut rx, &mut none).unwrap().unwrap();
        request.header("Sec-WebSocket-Key").unwrap().to_vec()
    };
    assert_ne!(key(), key());
}

#[test]
fn without_entropy_nothing_is_sent() {
    let mut tx = SendBuf::new();
    let config = Config::default().masking_keys(MaskingKeySource(|_| Err(NoEntropy)));
    let error = ClientHandshake::new(&sample_request(), config, &mut tx).map(drop);
    assert_eq!(error, Err(InvalidHandshake::NoEntropy));
    assert_eq!(tx.as_slice(), b"");
}

/// Sections: RFC 6455 §4.1, §5
#[test]
fn frames_that_follow_the_head_are_for_the_connection() {
    let wire = [SAMPLE_RESPONSE.as_bytes(), b"\x81\x02hi"].concat();
    assert_eq!(connect(&wire).left, 4);

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let config = Config::default().masking_keys(SAMPLE_KEY);
    let mut handshake = ClientHandshake::new(&sample_request(), config, &mut tx).unwrap();
    rx.extend(&wire);
    let response = handshake.next_response(&mut rx).unwrap().unwrap();
    assert!(response.is_accepted());
    let mut ws = response.into_connection().unwrap();
    assert_eq!(ws.subprotocol(), Some("chat"));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("hi"))));
}

#[test]
fn a_field_is_not_taken_for_another_that_is_as_long() {
    let seen = connect(with_strangers(SAMPLE_RESPONSE)).seen();
    assert_eq!(seen.subprotocols, ["chat"]);
    for header in ["Upgrade", "Connection", "Sec-WebSocket-Accept"] {
        let outcome = connect(renamed(SAMPLE_RESPONSE, header));
        assert_eq!(outcome.seen, Err(HandshakeError::MissingHeader { header }));
    }
    let seen = connect(renamed(SAMPLE_RESPONSE, "Sec-WebSocket-Protocol")).seen();
    assert_eq!(seen.subprotocols, [""; 0]);
}

/// Sections: RFC 6455 §4.1, §11.3
#[test]
fn fields_that_a_response_must_have() {
    use HandshakeError::*;
    let accept = "Sec-WebSocket-Accept";
    let protocol = "Sec-WebSocket-Protocol";
    for (without, with, expected) in [
        ("Upgrade", "", Err(MissingHeader { header: "Upgrade" })),
        ("Upgrade", "upgrade:WEBSOCKET", Ok(())),
        ("Upgrade", "Upgrade: h2c", Err(InvalidHeader { header: "Upgrade" })),
        ("Upgrade", "Upgrade: websocket, h2c", Err(InvalidHeader { header: "Upgrade" })),
        ("", "Upgrade: h2c", Err(InvalidHeader { header: "Upgrade" })),
        ("Connection", "", Err(MissingHeader { header: "Connection" })),
        ("Connection", "connection: keep-alive , upgrade", Ok(())),
        ("", "Connection: keep-alive", Ok(())),
        ("Connection", "Connection: close", Err(InvalidHeader { header: "Connection" })),
        (accept, "", Err(MissingHeader { header: accept })),
        (accept, "Sec-WebSocket-Accept:   s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  ", Ok(())),
        (accept, "Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo=", Err(AcceptMismatch)),
        (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo", Err(AcceptMismatch)),
        (accept, "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==", Err(AcceptMismatch)),
        (accept, "Sec-WebSocket-Accept:", Err(AcceptMismatch)),
        (
            "",
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            Err(DuplicateHeader { header: accept }),
        ),
        (protocol, "", Ok(())),
        (protocol, "Sec-WebSocket-Protocol: superchat", Ok(())),
        (protocol, "Sec-WebSocket-Protocol: other", Err(SubprotocolNotOffered)),
        (protocol, "Sec-WebSocket-Protocol: Chat", Err(SubprotocolNotOffered)),
        (protocol, "Sec-WebSocket-Protocol: chat, superchat", Err(SubprotocolNotOffered)),
        (protocol, "Sec-WebSocket-Protocol:", Err(SubprotocolNotOffered)),
        ("", "Sec-WebSocket-Protocol: chat", Err(DuplicateHeader { header: protocol })),
        ("", "Sec-WebSocket-Extensions: unheard-of", Err(ExtensionNotOffered)),
        (
            "",
            "Sec-WebSocket-Extensions: foo; a=\"",
            Err(InvalidHeader { header: "Sec-WebSocket-Extensions" }),
        ),
        ("", "Content-Length: 0", Ok(())),
        ("", "X: a\0", Err(MalformedHead { part: HeadPart::HeaderValue })),
    ] {
        let outcome = connect(response_with(&[without], &[with]));
        assert_eq!(outcome.seen.map(drop), expected, "{without:?} {with:?}");
    }
}

#[test]
fn a_subprotocol_is_only_accepted_if_one_was_offered() {
    let request = Request::new("ws://a").unwrap();
    let outcome = connect_chunks(&request, Config::default(), [SAMPLE_RESPONSE.as_bytes()]);
    assert_eq!(outcome.error(), HandshakeError::SubprotocolNotOffered);
}

#[test]
fn what_is_no_response_fails_at_once() {
    use HandshakeError::*;
    let status_line = MalformedHead { part: HeadPart::StatusLine };
    for (bytes, error) in [
        ("SSH-2.0-OpenSSH\r\n", NotHttp { byte: b'S' }),
        ("HTTQ", NotHttp { byte: b'Q' }),
        ("\x15\x03\x01", NotHttp { byte: 0x15 }),
        ("\r\nHTTP/1.1 101 x\r\n", NotHttp { byte: b'\r' }),
        ("HTTP/1.1 abc\r\n", status_line),
        ("HTTP/1.1 99 x\r\n", status_line),
        ("HTTP/1.1 1010 x\r\n", status_line),
        ("HTTP/2 200\r\n", status_line),
        ("HTTP/1.1\r\n", status_line),
        ("HTTP/1.1 101 x\n", MalformedHead { part: HeadPart::LineEnd }),
    ] {
        assert_eq!(connect(bytes).error(), error, "{bytes:?}");
    }
    let old = SAMPLE_RESPONSE.replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(connect(old).error(), HttpVersion { major: 1, minor: 0 });
}

/// Sections: RFC 9112 §4
#[test]
fn a_reason_phrase_may_be_missing_and_is_shown_if_it_is_ascii() {
    let malformed = HandshakeError::MalformedHead { part: HeadPart::StatusLine };
    for (line, expected) in [
        ("404", Ok("")),
        ("404 ", Ok("")),
        ("404 Not  Found!", Ok("Not  Found!")),
        ("404 Not\tFound", Ok("Not\tFound")),
        ("404 größer", Ok("")),
        ("404 Not\x01Found", Err(malformed)),
        ("404 \tgrößer\x7f", Err(malformed)),
        ("404\t", Err(malformed)),
    ] {
        let outcome = connect(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n"));
        let got = outcome.seen.map(|seen| seen.map(|seen| (seen.status, seen.reason)));
        assert_eq!(got, expected.map(|reason| Some((404, reason.into()))), "{line:?}");
    }
}

/// Sections: RFC 6455 §4.1, RFC 9112 §6.3
#[test]
fn a_refusal_is_reported_with_status_fields_and_body() {
    let wire = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-Why: none\r\n\r\nnope\n";
    let seen = connect(wire).seen();
    assert_eq!((seen.status, &*seen.reason), (404, "Not Found"));
    assert_eq!(seen.headers[1], ("X-Why".into(), b"none".into()));
    assert_eq!((&*seen.body, seen.body_is_complete), (&b"nope\n"[..], true));

    let (mut rx, mut handshake) = (RecvBuf::new(), client());
    rx.extend(wire.as_bytes());
    let response = handshake.next_response(&mut rx).unwrap().unwrap();
    assert!(!response.is_accepted());
    assert_eq!(response.header("x-why"), Some(&b"none"[..]));
    let error = response.into_connection().map(drop).unwrap_err();
    assert_eq!(error, HandshakeError::Refused { status: 404 });
    assert_eq!(error.status(), None, "a client answers nothing");
}

#[test]
fn redirect_is_reported_and_never_followed() {
    let wire = "HTTP/1.1 302 Found\r\nLocation: ws://evil.example/\r\nContent-Length: 0\r\n\r\n";
    let outcome = connect(wire);
    assert_eq!(outcome.output.matches("HTTP/1.1").count(), 1, "nothing more is sent");
    let seen = outcome.seen();
    assert_eq!(seen.status, 302);
    assert_eq!(seen.headers[0], ("Location".into(), b"ws://evil.example/".into()));
}

/// Sections: RFC 9112 §6.3, §7.1
#[test]
fn bodies_end_where_the_server_says() {
    for (head, body, expected, is_complete, left) in [
        ("Content-Length: 0", "", "", true, 0),
        ("Content-Length: 3", "abcd", "abc", true, 1),
        ("Content-Length: 5", "abc", "abc", false, 0),
        ("Content-Length: 99999999999999999999", "", "", false, 0),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n", "abcde", true, 0),
        ("Transfer-Encoding: gzip, Chunked", "A\r\n0123456789\r\n0\r\n", "0123456789", true, 0),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1", "1\r\na\r\n0\r\n", "a", true, 0),
        ("Transfer-Encoding: chunked", "3\r\nab", "ab", false, 0),
        ("Transfer-Encoding: chunked", "3\r\nabc", "abc", false, 0),
        ("Transfer-Encoding: chunked", "", "", false, 0),
        ("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF\r\nab", "ab", false, 0),
    ] {
        let wire = format!("HTTP/1.1 500 x\r\n{head}\r\n\r\n{body}");
        let outcome = connect(wire);
        assert_eq!(outcome.left, left, "{head} {body:?}");
        let seen = outcome.seen();
        let body = String::from_utf8(seen.body).unwrap();
        assert_eq!((&*body, seen.body_is_complete), (expected, is_complete), "{head}");
    }
    // What follows malformed chunks depends on how they are cut, and is not looked at.
    for body in ["x\r\n", "3\r\nabcd", "11111111111111111\r\n", &"0".repeat(70)] {
        let wire = format!("HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let seen = connect_chunks(&sample_request(), Config::default(), [wire.as_bytes()]).seen();
        assert!(!seen.body_is_complete && seen.status == 500, "{body}");
    }
    // A line before a chunk begins with its size.
    for body in ["\r\n", ";x\r\n", " 0\r\n", "\t\r\n"] {
        let wire = format!("HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let seen = connect_chunks(&sample_request(), Config::default(), [wire.as_bytes()]).seen();
        assert_eq!((&*seen.body, seen.body_is_complete), (&b""[..], false), "{body:?}");
    }
    for status in [204, 304] {
        let seen = connect(format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n")).seen();
        assert!(seen.body.is_empty() && seen.body_is_complete);
    }
}

/// Sections: RFC 6455 §4.1, RFC 9112 §6.3
#[test]
fn a_refusal_is_not_kept_back_for_a_body_whose_end_is_not_known() {
    for head in ["", "Transfer-Encoding: gzip\r\n", "Content-Length: x\r\n"] {
        let (mut rx, mut handshake) = (RecvBuf::new(), client());
        rx.extend(format!("HTTP/1.0 404 Not Found\r\n{head}\r\nhalf a bo").as_bytes());
        let response = handshake.next_response(&mut rx).unwrap().expect("at once");
        assert_eq!((response.body(), response.body_is_complete()), (&b"half a bo"[..], false));
    }
}

/// Sections: RFC 9112 §6.3
#[test]
fn a_body_of_doubtful_length_is_not_called_complete() {
    for (head, complete) in [
        // RFC 9112 §6.3: lengths that agree are one, those that do not are none.
        ("Content-Length: 3", true),
        ("Content-Length: 03", true),
        ("Content-Length: 3, 3", true),
        ("Content-Length: 3\r\nContent-Length: 3", true),
        ("Content-Length: 3, 4", false),
        ("Content-Length: 3\r\nContent-Length: 4", false),
        ("Content-Length: 4\r\nContent-Length: 3", false),
        ("Content-Length: 3\r\nContent-Length: x", false),
        ("Content-Length: x\r\nContent-Length: 3", false),
        ("Content-Length: 3\r\nContent-Length:", false),
        ("Content-Length:\r\nContent-Length: 3", false),
        ("Content-Length: +3", false),
        ("Content-Length: -0", false),
        ("Content-Length: 3 3", false),
        ("Content-Length: 0x3", false),
        // §6.1: whatever the coding is, it overrides the length.
        ("Content-Length: 3\r\nTransfer-Encoding:", false),
        ("Transfer-Encoding: ,\r\nContent-Length: 3", false),
        ("Content-Length: 3\r\nTransfer-Encoding: gzip", false),
        ("Transfer-Encoding: chunked, gzip", false),
        // §7.1: applied twice, what is within chunks would be chunks again.
        ("Transfer-Encoding: chunked, chunked", false),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", false),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding:", true),
    ] {
        let body = if head.contains("chunked") { "3\r\nabc\r\n0\r\n" } else { "abc" };
        let wire = format!("HTTP/1.1 500 x\r\n{head}\r\n\r\n{body}");
        let seen = connect_chunks(&sample_request(), Config::default(), [wire.as_bytes()]).seen();
        assert_eq!(seen.body_is_complete, complete, "{head}");
        let expected = if complete { "abc" } else { body };
        assert_eq!(seen.body, expected.as_bytes(), "{head}");
    }
    // §6.1: HTTP/1.0 knows no chunks.
    let wire = "HTTP/1.0 500 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let seen = connect_chunks(&sample_request(), Config::default(), [wire.as_bytes()]).seen();
    assert_eq!((&*seen.body, seen.body_is_complete), (&b"0\r\n"[..], false));
}

/// Sections: RFC 6455 §4.1, RFC 9112 §6.3
#[test]
fn a_refusal_is_not_kept_back_for_a_chunk_that_never_begins() {
    let (mut rx, mut handshake) = (RecvBuf::new(), client());
    rx.extend(b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1;");
    assert!(handshake.next_response(&mut rx).unwrap().is_none());
    rx.extend(&[b'x'; 100]);
    let response = handshake.next_response(&mut rx).unwrap().expect("at once");
    assert_eq!((response.body(), response.body_is_complete()), (&b"a"[..], false));
}

/// Sections: RFC 6455 §4.1, RFC 9112 §6.3
#[test]
fn a_refusal_whose_body_stalls_can_be_had() {
    let (mut rx, mut handshake) = (RecvBuf::new(), client());
    rx.extend(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nlater");
    assert!(handshake.next_response(&mut rx).unwrap().is_none());
    handshake.handle_eof();
    let response = handshake.next_response(&mut rx).unwrap().expect("without the rest");
    assert_eq!((response.status(), response.body()), (503, &b"later"[..]));
    assert!(!response.body_is_complete());
    drop(response);
    let error = handshake.next_response(&mut rx).map(drop).unwrap_err();
    assert_eq!(error, HandshakeError::Refused { status: 503 });
}

#[test]
fn the_end_of_the_transport_comes_after_what_was_received() {
    let accepted = response_with(&[], &[]);
    let (mut rx, mut handshake) = (RecvBuf::new(), client());
    handshake.handle_eof();
    rx.extend(accepted.as_bytes());
    assert!(handshake.next_response(&mut rx).unwrap().expect("is whole").is_accepted());

    let (mut rx, mut handshake) = (RecvBuf::new(), client());
    rx.extend(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\nnever");
    handshake.handle_eof();
    let response = handshake.next_response(&mut rx).unwrap().expect("it ends here");
    assert_eq!((response.status(), response.body()), (403, &b"never"[..]));
    drop(response);
    assert!(rx.is_empty());

    for received in 0..accepted.len() {
        let (mut rx, mut handshake) = (RecvBuf::new(), client());
        rx.extend(&accepted.as_bytes()[..received]);
        handshake.handle_eof();
        let error = HandshakeError::Eof { received };
        for _ in 0..2 {
            assert_eq!(handshake.next_response(&mut rx).map(drop), Err(error));
        }
    }
}

/// Sections: none, limits are this crate's
#[test]
fn a_body_is_bounded() {
    let limit = 64 << 10;
    for head in ["Content-Length: 10000000", "Transfer-Encoding: chunked", "X: y"] {
        let mut wire = format!("HTTP/1.1 500 x\r\n{head}\r\n\r\n").into_bytes();
        if head.ends_with("chunked") {
            wire.extend_from_slice(b"1\r\na\r\n".repeat(1 << 17).as_slice());
        }
        wire.resize(1 << 20, b'x');
        let (seen, heap) = measure(|| {
            let (mut rx, mut handshake) = (RecvBuf::new(), client());
            let mut socket = &wire[..];
            loop {
                read(&mut rx, &mut socket);
                if let Some(response) = handshake.next_response(&mut rx).unwrap() {
                    break (response.body().len(), response.body_is_complete());
                }
            }
        });
        assert!(seen.0 > 0 && seen.0 <= limit && !seen.1, "{head} {seen:?}");
        assert!(heap.peak < 400 << 10, "{heap:?}");
    }
}

/// Sections: RFC 9110 §15.2
#[test]
fn interim_responses_are_skipped_and_count_towards_the_limit() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let wire = format!("HTTP/1.1 100 Continue\r\n\r\n{early}{SAMPLE_RESPONSE}");
    assert_eq!(connect(wire).seen().status, 101);
    let config = Config::default().max_head_size(1000);
    let endless = early.repeat(30);
    let outcome = every_way(endless.as_bytes(), |chunks| Outcome {
        left: 0,
        ..connect_chunks(&sample_request(), config, chunks.iter().copied())
    });
    assert_eq!(outcome.error(), HandshakeError::HeadTooLarge { limit: 1000 });
}

/// Sections: RFC 9110 §15.2
/// If each of them cost what comes after it, this would be 10^13 steps.
#[test]
fn head_quadratic_interim_responses_that_come_at_once_are_linear() {
    let early = "HTTP/1.1 100 \r\n\r\n";
    let config = Config::default().max_head_size(None);
    let wire = format!("{}{SAMPLE_RESPONSE}", early.repeat((16 << 20) / early.len()));
    let outcome = connect_chunks(&sample_request(), config, [wire.as_bytes()]);
    assert_eq!(outcome.seen().status, 101);
}

/// Sections: RFC 9110 §15.2
#[test]
fn the_head_of_an_interim_response_is_held_to_the_same_rules_however_it_is_cut() {
    let error = |fields: &str, config: Config| {
        let wire = format!("HTTP/1.1 103 Early Hints\r\n{fields}\r\n{SAMPLE_RESPONSE}");
        let outcome = every_way(wire.as_bytes(), |chunks| Outcome {
            left: 0,
            ..connect_chunks(&sample_request(), config, chunks.iter().copied())
        });
        outcome.seen.map(drop)
    };
    let config = Config::default().max_headers(4);
    assert_eq!(error("Link: </a>\r\n".repeat(4).as_str(), config), Ok(()));
    let too_many = HandshakeError::TooManyHeaders { limit: 4 };
    assert_eq!(error("Link: </a>\r\n".repeat(5).as_str(), config), Err(too_many));
    let malformed = HandshakeError::MalformedHead { part: HeadPart::HeaderName };
    assert_eq!(error("Link </a>\r\n", config), Err(malformed));
}

/// Sections: none, limits are this crate's
#[test]
fn head_limits_apply_to_responses() {
    let len = SAMPLE_RESPONSE.len();
    for (config, expected) in [
        (Config::default().max_head_size(len), Ok(())),
        (
            Config::default().max_head_size(len - 1),
            Err(HandshakeError::HeadTooLarge { limit: len - 1 }),
        ),
        (Config::default().max_headers(4), Ok(())),
        (Config::default().max_headers(3), Err(HandshakeError::TooManyHeaders { limit: 3 })),
    ] {
        let request = sample_request();
        let outcome = every_way(SAMPLE_RESPONSE.as_bytes(), |chunks| {
            connect_chunks(&request, config, chunks.iter().copied())
        });
        assert_eq!(outcome.seen.map(drop), expected);
    }
}

/// Sections: none, limits are this crate's
#[test]
fn head_quadratic_a_response_in_feeds_of_one_byte_is_linear() {
    let limit = 1 << 20;
    let config = Config::default().max_head_size(limit).max_headers(None);
    for filler in ["x", "X: y\r\n"] {
        let wire = format!("{SAMPLE_RESPONSE}\r\n{}", filler.repeat(limit / filler.len()));
        let wire = wire.replacen("\r\n\r\n", "\r\nY: ", 1);
        let outcome = connect_chunks(&sample_request(), config, wire.as_bytes().chunks(1));
        assert_eq!(outcome.error(), HandshakeError::HeadTooLarge { limit });
    }
}

#[test]
fn the_end_of_the_transport_says_how_far_the_head_came() {
    for received in [0, 1, SAMPLE_RESPONSE.len() - 1] {
        let outcome = connect(&SAMPLE_RESPONSE[..received]);
        assert_eq!(outcome.error(), HandshakeError::Eof { received });
    }
}

/// Sections: RFC 6455 §4.1, RFC 9110 §5.5
#[test]
fn injection_into_a_request_is_refused() {
    for (name, value, error) in [
        ("X", "a\r\nHost: b", InvalidHandshake::HeaderValue),
        ("X", "a\nb", InvalidHandshake::HeaderValue),
        ("X", "a\rb", InvalidHandshake::HeaderValue),
        ("X", "a\0b", InvalidHandshake::HeaderValue),
        ("X Y", "a", InvalidHandshake::HeaderName),
        ("X\r\nY", "a", InvalidHandshake::HeaderName),
        ("X\0Y", "a", InvalidHandshake::HeaderName),
        ("Host", "a", InvalidHandshake::ReservedHeader),
        ("Connection", "close", InvalidHandshake::ReservedHeader),
        ("Upgrade", "h2c", InvalidHandshake::ReservedHeader),
        ("Content-Length", "5", InvalidHandshake::ReservedHeader),
        ("SEC-WEBSOCKET-KEY", "a", InvalidHandshake::ReservedHeader),
        ("Sec-WebSocket-Version", "8", InvalidHandshake::ReservedHeader),
    ] {
        let result = Request::new("ws://a").unwrap().header(name, value).map(drop);
        assert_eq!(result, Err(error), "{name:?}: {value:?}");
    }
    for name in ["", "a b", "a,b", "a\r\nb", "a\0", "a\u{fc}", "\"a\""] {
        let result = Request::new("ws://a").unwrap().subprotocol(name).map(drop);
        assert_eq!(result, Err(InvalidHandshake::Subprotocol), "{name:?}");
    }
    let twice = sample_request().subprotocol("chat").map(drop);
    assert_eq!(twice, Err(InvalidHandshake::DuplicateSubprotocol));
    sample_request().subprotocol("cha").unwrap();
}

/// Sections: none, it is about Debug
#[test]
fn a_debug_form_shows_no_credentials() {
    let request = sample_request().header("Authorization", "secret").unwrap();
    let debug = format!("{request:?}");
    assert!(debug.contains("Authorization") && !debug.contains("secret"), "{debug}");
}
