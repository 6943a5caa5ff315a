//! A server's side: §4.2, and the rows of the threat model that concern it.
//!
//! Sections: RFC 6455 §4.2.1

use super::*;
use crate::support::measure;
use websans::{Connection, Event, HeadPart, InvalidHandshake, Rejection, Response};

/// Accepts the request in `head`: the response, and the connection.
#[track_caller]
fn accept(head: &str, response: &Response<'_>) -> Result<(String, Connection), InvalidHandshake> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(head.as_bytes());
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let result = request.accept(response, &mut tx);
    let output = String::from_utf8(tx.as_slice().into()).unwrap();
    if result.is_err() {
        assert_eq!(output, "", "nothing is sent");
    }
    result.map(|ws| (output, ws))
}

/// An automatic rejection is whole and final, and its status is the error's.
#[track_caller]
fn check_rejection(outcome: &Outcome) -> (HandshakeError, Vec<(String, String)>, String) {
    let error = *outcome.seen.as_ref().unwrap_err();
    let (status, fields, body) = parse_answer(&outcome.output);
    assert_eq!(error.status(), Some(status));
    assert!(field(&fields, "Connection").starts_with("close"));
    assert_eq!(field(&fields, "Content-Length"), body.len().to_string());
    if status != 405 {
        assert_eq!(body, format!("{error}\n"));
        assert_eq!(field(&fields, "Content-Type"), "text/plain");
    }
    (error, fields, body)
}

#[test]
fn the_sample_of_the_rfc_is_accepted() {
    let seen = serve(SAMPLE_REQUEST).seen();
    assert_eq!(seen.resource_name, "/chat");
    assert_eq!(seen.host, "server.example.com");
    assert_eq!(seen.origin.as_deref(), Some("http://example.com"));
    assert_eq!(seen.subprotocols, ["chat", "superchat"]);
    assert_eq!(seen.extensions, [""; 0]);
    assert_eq!(seen.headers.len(), 7);
    assert_eq!(seen.headers[0], ("Host".into(), b"server.example.com".into()));
    assert_eq!(seen.headers[6], ("Sec-WebSocket-Version".into(), b"13".into()));

    let (output, ws) = accept(SAMPLE_REQUEST, &Response::new().subprotocol("chat")).unwrap();
    assert_eq!(output, SAMPLE_RESPONSE);
    assert_eq!(ws.subprotocol(), Some("chat"));
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn the_response_has_the_fields_of_the_application() {
    let response = Response::new().header("Set-Cookie", "id=1; Secure").unwrap();
    let (output, ws) = accept(SAMPLE_REQUEST, &response).unwrap();
    assert_eq!(
        output,
        "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Set-Cookie: id=1; Secure\r\n\r\n"
    );
    assert_eq!(ws.subprotocol(), None);
}

/// Sections: RFC 6455 §4.2.2, §5
#[test]
fn frames_that_follow_the_head_are_for_the_connection() {
    let frame = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    let wire = [SAMPLE_REQUEST.as_bytes(), &frame].concat();
    let outcome = serve(&wire);
    assert_eq!(outcome.left, frame.len());

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&wire);
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let mut ws = request.accept(&Response::new(), &mut tx).unwrap();
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("hi"))));
}

/// Sections: none, memory is a promise of this crate
#[test]
fn a_handshake_allocates_nothing_but_the_name_of_the_subprotocol() {
    let many: Vec<String> = (0..40).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (head, subprotocol, allocations) in [
        (sample_with(&[], &[]), None, 0),
        (sample_with(&[], &[]), Some("chat"), 1),
        (sample_with(&[], &many), None, 1),
    ] {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let response = Response::new().subprotocol(subprotocol);
        let mut shake = || {
            rx.extend(head.as_bytes());
            let mut handshake = ServerHandshake::new(Config::default());
            let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
            let ws = request.accept(&response, &mut tx).unwrap();
            tx.consume(usize::MAX);
            ws
        };
        shake();
        let (_ws, heap) = measure(shake);
        assert_eq!(heap.allocations, allocations, "{subprotocol:?}");
    }
}

/// Sections: none, memory is a promise of this crate
#[test]
fn sizes_are_small() {
    assert!(size_of::<HandshakeError>() <= 32, "{}", size_of::<HandshakeError>());
    assert!(size_of::<InvalidHandshake>() <= 32, "{}", size_of::<InvalidHandshake>());
    assert!(size_of::<ServerHandshake>() <= 256, "{}", size_of::<ServerHandshake>());
}

/// Sections: RFC 6455 §4.2.1, RFC 9112 §3.2
#[test]
fn request_targets() {
    for (target, expected) in [
        ("/", Ok(("/", "/", None, "server.example.com"))),
        ("/a/b?c=d&e?f", Ok(("/a/b?c=d&e?f", "/a/b", Some("c=d&e?f"), "server.example.com"))),
        ("/?", Ok(("/?", "/", Some(""), "server.example.com"))),
        ("/%20ü{}|", Ok(("/%20ü{}|", "/%20ü{}|", None, "server.example.com"))),
        // §4.2.1 1: an absolute HTTP/HTTPS URI; RFC 9112 §3.2.2: it overrides Host.
        ("http://a.example:81/b?c", Ok(("/b?c", "/b", Some("c"), "a.example:81"))),
        ("HTTPS://a.example", Ok(("/", "/", None, "a.example"))),
        ("ws://a.example/", Err(())),
        ("http://a.example?b", Err(())),
        ("http://u@a.example/", Err(())),
        ("http:///b", Err(())),
        ("*", Err(())),
        ("a.example:80", Err(())),
        ("chat", Err(())),
        ("", Err(())),
        ("/a#b", Err(())),
        ("/a#b#c", Err(())),
        ("/a b", Err(())),
        ("/a\tb", Err(())),
        ("/a\x7f", Err(())),
        ("/a\0", Err(())),
        ("/a\0\0b", Err(())),
    ] {
        let head = SAMPLE_REQUEST.replace("GET /chat ", &format!("GET {target} "));
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(head.as_bytes());
        let mut handshake = ServerHandshake::new(Config::default());
        let got = handshake.next_request(&mut rx, &mut tx).map(Option::unwrap);
        let got = got.map(|it| (it.resource_name(), it.path(), it.query(), it.host()));
        let malformed = HandshakeError::MalformedHead { part: HeadPart::RequestTarget };
        assert_eq!(got, expected.map_err(|()| malformed), "{target:?}");
    }
}

#[test]
fn what_is_not_a_get_of_http_1_1_is_refused_when_its_first_line_is_there() {
    let request_line = HandshakeError::MalformedHead { part: HeadPart::RequestLine };
    let line_end = HandshakeError::MalformedHead { part: HeadPart::LineEnd };
    for (line, error, status) in [
        ("POST /chat HTTP/1.1\r\n", HandshakeError::Method { head: false }, 405),
        ("HEAD / HTTP/1.1\r\n", HandshakeError::Method { head: true }, 405),
        ("HEAD / HTTP/1.0\r\n", HandshakeError::Method { head: true }, 405),
        ("get / HTTP/1.1\r\n", HandshakeError::Method { head: false }, 405),
        ("GETTING / HTTP/1.1\r\n", HandshakeError::Method { head: false }, 405),
        ("CONNECT example.com:80 HTTP/1.1\r\n", HandshakeError::Method { head: false }, 405),
        ("GET /chat HTTP/1.0\r\n", HandshakeError::HttpVersion { major: 1, minor: 0 }, 505),
        ("PRI * HTTP/2.0\r\n", HandshakeError::HttpVersion { major: 2, minor: 0 }, 505),
        ("POST / HTTP/0.9\r\n", HandshakeError::HttpVersion { major: 0, minor: 9 }, 505),
        ("GET / HTTP/2.1\r\n", HandshakeError::HttpVersion { major: 2, minor: 1 }, 505),
        ("GET / HTTP/0.1\r\n", HandshakeError::HttpVersion { major: 0, minor: 1 }, 505),
        ("POST / HTTP/1.2\r\n", HandshakeError::Method { head: false }, 405),
        (
            "GET * HTTP/1.2\r\n",
            HandshakeError::MalformedHead { part: HeadPart::RequestTarget },
            400,
        ),
        ("GET / HTTP/1.:\r\n", request_line, 400),
        ("GET /chat\r\n", request_line, 400),
        ("GET /chat HTTP/1.11\r\n", request_line, 400),
        ("GET /chat http/1.1\r\n", request_line, 400),
        ("GET /chat HTTP/1.1 \r\n", request_line, 400),
        ("GET HTTP/1.1\r\n", request_line, 400),
        ("GET\r\n", HandshakeError::NotHttp { byte: b'\r' }, 400),
        (" GET / HTTP/1.1\r\n", request_line, 400),
        ("\r\nGET / HTTP/1.1\r\n", HandshakeError::NotHttp { byte: b'\r' }, 400),
        ("GET / HTTP/1.1\n", line_end, 400),
        ("\n", HandshakeError::NotHttp { byte: b'\n' }, 400),
        ("\x16\x03\x01\x02\0\x01\0", HandshakeError::NotHttp { byte: 0x16 }, 400),
        ("{\"id\":1}", HandshakeError::NotHttp { byte: b'{' }, 400),
        ("GE\0", HandshakeError::NotHttp { byte: 0 }, 400),
    ] {
        let outcome = serve(line);
        let (got, fields, body) = check_rejection(&outcome);
        assert_eq!((got, got.status()), (error, Some(status)), "{line:?}");
        if status == 405 {
            assert_eq!(field(&fields, "Allow"), "GET");
            let head = error == HandshakeError::Method { head: true };
            assert_eq!(body.is_empty(), head, "the answer to a HEAD has no body");
        }
    }
}

/// RFC 6455 §4.2.1 1: "an HTTP/1.1 or higher GET request"; RFC 9110 §2.5 says what to make of it.
/// Sections: RFC 9110 §2.5
#[test]
fn a_higher_minor_version_of_http_is_taken_for_1_1() {
    for minor in 1..=9 {
        let request = SAMPLE_REQUEST.replace("HTTP/1.1", &format!("HTTP/1.{minor}"));
        assert_eq!(serve(request).seen().resource_name, "/chat", "{minor}");
    }
}

#[test]
fn a_field_is_not_taken_for_another_that_is_as_long() {
    let seen = serve(with_strangers(SAMPLE_REQUEST)).seen();
    assert_eq!(seen.host, "server.example.com");
    assert_eq!(seen.origin.as_deref(), Some("http://example.com"));
    assert_eq!(seen.subprotocols, ["chat", "superchat"]);
    assert_eq!(seen.extensions, [""; 0]);
    for header in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let (error, ..) = check_rejection(&serve(renamed(SAMPLE_REQUEST, header)));
        let expected = match header {
            "Upgrade" | "Connection" => HandshakeError::NotAnUpgrade { header },
            "Sec-WebSocket-Version" => HandshakeError::Version,
            _ => HandshakeError::MissingHeader { header },
        };
        assert_eq!(error, expected);
    }
    let seen = serve(renamed(SAMPLE_REQUEST, "Origin")).seen();
    assert_eq!(seen.origin, None);
}

/// Sections: RFC 6455 §4.2.1, §11.3
#[test]
fn fields_that_a_request_must_have() {
    use HandshakeError::*;
    let host = "Host";
    let key = "Sec-WebSocket-Key";
    for (without, with, error, status) in [
        ("Host", "", MissingHeader { header: host }, 400),
        ("", "host: other.example", DuplicateHeader { header: host }, 400),
        ("Host", "Host:", InvalidHeader { header: host }, 400),
        ("Host", "Host: a b", InvalidHeader { header: host }, 400),
        ("Host", "Host: a/b", InvalidHeader { header: host }, 400),
        ("Host", "Host: a:port", InvalidHeader { header: host }, 400),
        ("Host", "Host: u@a", InvalidHeader { header: host }, 400),
        ("Host", "Host: [::1", InvalidHeader { header: host }, 400),
        ("Upgrade", "", NotAnUpgrade { header: "Upgrade" }, 426),
        ("Upgrade", "Upgrade: h2c", NotAnUpgrade { header: "Upgrade" }, 426),
        ("Upgrade", "Upgrade: websockets", NotAnUpgrade { header: "Upgrade" }, 426),
        ("Connection", "", NotAnUpgrade { header: "Connection" }, 426),
        ("Connection", "Connection: keep-alive", NotAnUpgrade { header: "Connection" }, 426),
        ("Sec-WebSocket-Key", "", MissingHeader { header: key }, 400),
        ("", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", DuplicateHeader { header: key }, 400),
        ("", "Origin: null", DuplicateHeader { header: "Origin" }, 400),
        ("Origin", "Origin: http://ex\u{e4}mple", InvalidHeader { header: "Origin" }, 400),
        ("", "Sec-WebSocket-Version: 13", DuplicateHeader { header: "Sec-WebSocket-Version" }, 400),
    ] {
        let (got, ..) = check_rejection(&serve(sample_with(&[without], &[with])));
        assert_eq!((got, got.status()), (error, Some(status)), "{without} {with:?}");
    }
}

/// Sections: RFC 9112 §5
#[test]
fn fields_that_are_malformed() {
    for (line, part) in [
        (": x", HeadPart::HeaderName),
        ("no colon", HeadPart::HeaderName),
        ("Space : x", HeadPart::HeaderName),
        (" folded", HeadPart::HeaderName),
        ("\tfolded", HeadPart::HeaderName),
        ("Ü: x", HeadPart::HeaderName),
        ("X: a\0b", HeadPart::HeaderValue),
        ("X: a\rb", HeadPart::HeaderValue),
        ("X: a\nY: b", HeadPart::LineEnd),
        ("X: a\n", HeadPart::LineEnd),
        ("X: a\nY: b\nZ: c", HeadPart::LineEnd),
    ] {
        let (got, ..) = check_rejection(&serve(sample_with(&[], &[line])));
        assert_eq!(got, HandshakeError::MalformedHead { part }, "{line:?}");
    }
    let obs_text = [b"GET /".as_slice(), &[0xff], &SAMPLE_REQUEST.as_bytes()[9..]].concat();
    assert_eq!(
        serve(obs_text).error(),
        HandshakeError::MalformedHead { part: HeadPart::RequestTarget }
    );
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn a_page_opened_in_a_browser_learns_what_it_is() {
    let outcome = serve("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let (error, fields, body) = check_rejection(&outcome);
    assert_eq!(error, HandshakeError::NotAnUpgrade { header: "Upgrade" });
    assert_eq!(field(&fields, "Upgrade"), "websocket");
    assert_eq!(field(&fields, "Sec-WebSocket-Version"), "13");
    assert_eq!(field(&fields, "Connection"), "close, Upgrade");
    assert!(body.contains("not a WebSocket request"), "{body}");
}

/// Sections: RFC 6455 §4.2.2, §4.4
#[test]
fn version_other_than_13_is_answered_with_426() {
    for version in ["", "Sec-WebSocket-Version: ", "12", "8", "013", "13, 8", "25", "x"] {
        let line = match version {
            number if number.contains(':') => number.to_owned(),
            number => format!("Sec-WebSocket-Version: {number}"),
        };
        let with: &[&str] = if version.is_empty() { &[] } else { &[&line] };
        let outcome = serve(sample_with(&["Sec-WebSocket-Version"], with));
        let (error, fields, _) = check_rejection(&outcome);
        assert_eq!((error, error.status()), (HandshakeError::Version, Some(426)), "{version:?}");
        assert_eq!(field(&fields, "Sec-WebSocket-Version"), "13");
        assert_eq!(field(&fields, "Upgrade"), "websocket");
    }
}

#[test]
fn key_padding_may_be_anything_but_the_key_is_16_bytes() {
    let invalid = HandshakeError::InvalidHeader { header: "Sec-WebSocket-Key" };
    for (key, accepted) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", true),
        // §4.1's own example: the pad bits are not zero (erratum 3150).
        ("AQIDBAUGBwgJCgsMDQ4PEC==", true),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", true),
        ("AQIDBAUGBwgJCgsMDQ4P//==", true),
        ("  \tdGhlIHNhbXBsZSBub25jZQ==  ", true),
        ("", false),
        ("dGhlIHNhbXBsZSBub25jZQ", false),
        ("dGhlIHNhbXBsZSBub25jZQ=", false),
        ("dGhlIHNhbXBsZSBub25jZQ===", false),
        ("dGhlIHNhbXBsZSBub25jZSE=", false),
        ("dGhlIHNhbXBsZSBub25jZSEh", false),
        ("dGhlIHNhbXBsZSBub25j", false),
        ("dGhlIHNhbXBsZSBub25jZ-==", false),
        ("dGhlIHNhbX=sZSBub25jZQ==", false),
        ("dGhlIHNhbX sZSBub25jZQ==", false),
        ("dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", false),
    ] {
        let line = format!("Sec-WebSocket-Key: {key}");
        let outcome = serve(sample_with(&["Sec-WebSocket-Key"], &[&line]));
        if accepted {
            outcome.seen();
        } else {
            assert_eq!(check_rejection(&outcome).0, invalid, "{key:?}");
        }
    }
}

/// Sections: RFC 9110 §5.6.1
#[test]
fn lists_of_tokens_come_in_many_forms() {
    for (without, with, accepted) in [
        ("Connection", &["Connection: keep-alive, Upgrade"][..], true),
        ("Connection", &["Connection: upgrade"], true),
        ("Connection", &["CONNECTION:UPGRADE"], true),
        ("Connection", &["Connection: keep-alive", "Connection: Upgrade"], true),
        ("Connection", &["Connection: Upgrade", "Connection: keep-alive"], true),
        ("Connection", &["Connection: ,, ,\tUpgrade\t,"], true),
        ("Connection", &["Connection: \"a, Upgrade, b\""], false),
        ("Connection", &["Connection: \"a\\\", Upgrade"], false),
        ("Connection", &["Connection: \"a\\\\\", Upgrade"], true),
        // Outside of quotes it escapes nothing.
        ("Connection", &["Connection: a\\, Upgrade, b"], true),
        ("Connection", &["Connection: \"Upgrade\""], false),
        ("Connection", &["Connection: Upgrade-Insecure"], false),
        ("Connection", &["Connection: Up grade"], false),
        ("Connection", &["Connection: ,"], false),
        ("Upgrade", &["Upgrade: WebSocket"], true),
        ("Upgrade", &["Upgrade: h2c, websocket"], true),
        ("Upgrade", &["Upgrade: h2c", "upgrade: websocket"], true),
        ("Upgrade", &["Upgrade: websocket", "Upgrade: h2c"], true),
        ("Upgrade", &["Upgrade: websocket/13"], false),
    ] {
        let outcome = serve(sample_with(&[without], with));
        if accepted {
            outcome.seen();
        } else {
            let (error, ..) = check_rejection(&outcome);
            assert_eq!(error, HandshakeError::NotAnUpgrade { header: without }, "{with:?}");
        }
    }
}

/// Sections: RFC 6455 §11.3.4
#[test]
fn lists_of_subprotocols_come_in_many_forms() {
    let invalid = || Err(HandshakeError::InvalidHeader { header: "Sec-WebSocket-Protocol" });
    let protocol = "Sec-WebSocket-Protocol";
    for (values, expected) in [
        (&[][..], Ok(&[][..])),
        (&["chat"], Ok(&["chat"])),
        (&["a,b , c"], Ok(&["a", "b", "c"])),
        (&["b", "a"], Ok(&["b", "a"])),
        (&["", ",,b,\t,", "a"], Ok(&["b", "a"])),
        (&["a, a"], Ok(&["a", "a"])),
        (&["Case, case"], Ok(&["Case", "case"])),
        (&[""], invalid()),
        (&[","], invalid()),
        (&["a b"], invalid()),
        (&["a/b"], invalid()),
        (&["\"a, b\""], invalid()),
        (&["a", "b;c"], invalid()),
        (&["\u{fc}"], invalid()),
    ] {
        let lines: Vec<String> =
            values.iter().map(|value| format!("{protocol}: {value}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let outcome = serve(sample_with(&[protocol], &lines));
        let got = outcome.seen.map(|seen| seen.unwrap().subprotocols);
        let expected: Result<Vec<String>, _> =
            expected.map(|names: &[&str]| names.iter().map(|&name| name.into()).collect());
        assert_eq!(got, expected, "{values:?}");
    }
}

/// Sections: RFC 6455 §9.1, §11.3.2
#[test]
fn lists_of_extensions_come_in_many_forms() {
    let invalid = || Err(HandshakeError::InvalidHeader { header: "Sec-WebSocket-Extensions" });
    for (values, expected) in [
        (&["foo", "bar; baz=2"][..], Ok(&["foo", "bar; baz=2"][..])),
        (&["foo, bar; baz=2"], Ok(&["foo", "bar; baz=2"])),
        (&["foo ;a ; b = \"2\" ,, ,"], Ok(&["foo; a; b=2"])),
        (&["", "foo"], Ok(&["foo"])),
        (&["foo; a=\"x, bar\""], invalid()),
        (&["foo;"], invalid()),
        (&["foo; a="], invalid()),
        (&["foo", ";"], invalid()),
        (&[""], invalid()),
        (&[" , "], invalid()),
    ] {
        let lines: Vec<String> =
            values.iter().map(|value| format!("sec-websocket-extensions: {value}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let got = serve(sample_with(&[], &lines)).seen.map(|seen| seen.unwrap().extensions);
        let expected: Result<Vec<String>, _> =
            expected.map(|names: &[&str]| names.iter().map(|&name| name.into()).collect());
        assert_eq!(got, expected, "{values:?}");
    }
}

/// Sections: RFC 6455 §4.2.2, §11.3.4
#[test]
fn echo_subprotocol_only_one_that_was_offered() {
    let chosen = |name| accept(SAMPLE_REQUEST, &Response::new().subprotocol(name)).map(|it| it.0);
    let not_offered = InvalidHandshake::SubprotocolNotOffered;
    assert!(chosen("superchat").unwrap().contains("\r\nSec-WebSocket-Protocol: superchat\r\n"));
    for name in ["other", "", "Chat", "chat, superchat", "chat\r\nX: y"] {
        assert_eq!(chosen(name).unwrap_err(), not_offered, "{name:?}");
    }
    let none_offered = sample_with(&["Sec-WebSocket-Protocol"], &[]);
    let response = Response::new().subprotocol("chat");
    assert_eq!(accept(&none_offered, &response).map(drop).unwrap_err(), not_offered);
}

/// Sections: RFC 6455 §4.2.2, §11.3.4
#[test]
fn echo_subprotocol_the_first_of_the_servers_list_is_chosen() {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(SAMPLE_REQUEST.as_bytes());
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    assert_eq!(request.choose_subprotocol(&["other", "superchat", "chat"]), Some("superchat"));
    assert_eq!(request.choose_subprotocol(&["other"]), None);
    assert_eq!(request.choose_subprotocol(&[]), None);
    // What is lent by the request can be given back to it.
    let preferred = request.subprotocols().next();
    let ws = request.accept(&Response::new().subprotocol(preferred), &mut tx).unwrap();
    assert_eq!(ws.subprotocol(), Some("chat"));
}

/// Sections: RFC 6455 §4.2.2, §10.2
#[test]
fn cswsh_the_origin_is_compared_with_the_host() {
    for (host, origin, is_same) in [
        ("example.com", None, true),
        ("example.com", Some("http://example.com"), true),
        ("example.com", Some("https://example.com"), true),
        ("Example.com", Some("https://eXample.com"), true),
        ("example.com:80", Some("http://example.com"), true),
        ("example.com", Some("http://example.com:80"), true),
        ("example.com:8080", Some("http://example.com:8080"), true),
        ("[::1]:8080", Some("http://[::1]:8080"), true),
        ("[::1]", Some("https://[::1]"), true),
        ("example.com:443", Some("http://example.com"), false),
        ("example.com:8080", Some("http://example.com"), false),
        ("example.com", Some("http://example.com:8080"), false),
        ("example.com", Some("http://evil.example"), false),
        ("example.com", Some("http://example.com.evil.example"), false),
        ("example.com", Some("http://evil.example/example.com"), false),
        ("example.com", Some("http://example.com@evil.example"), false),
        ("example.com", Some("http://example.com/"), false),
        ("example.com", Some("http://example.com http://evil.example"), false),
        ("example.com", Some("ftp://example.com"), false),
        ("example.com", Some("example.com"), false),
        ("null", Some("null"), false),
        ("example.com", Some("null"), false),
        ("example.com", Some(""), false),
    ] {
        let origin_line = origin.map(|origin| format!("Origin: {origin}"));
        let host_line = format!("Host: {host}");
        let lines: Vec<&str> =
            std::iter::once(host_line.as_str()).chain(origin_line.as_deref()).collect();
        let head = sample_with(&["Host", "Origin"], &lines);
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(head.as_bytes());
        let mut handshake = ServerHandshake::new(Config::default());
        let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
        assert_eq!(request.origin(), origin);
        assert_eq!(request.host(), host);
        assert_eq!(request.is_same_origin(), is_same, "{host} {origin:?}");
    }
}

/// Sections: RFC 9112 §6.3, §11.2
#[test]
fn smuggling_a_request_with_a_body_is_refused() {
    for (line, header) in [
        ("Content-Length: 5", "Content-Length"),
        ("Content-Length: 0, 5", "Content-Length"),
        ("Content-Length: -1", "Content-Length"),
        ("Content-Length:", "Content-Length"),
        ("content-length: 00", "Content-Length"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding"),
        ("transfer-encoding: identity", "Transfer-Encoding"),
    ] {
        let (error, ..) = check_rejection(&serve(sample_with(&[], &[line])));
        assert_eq!((error, error.status()), (HandshakeError::Body { header }, Some(400)), "{line}");
    }
    serve(sample_with(&[], &["Content-Length: 0"])).seen();
    let both = ["Content-Length: 0", "Content-Length: 5"];
    assert_eq!(
        serve(sample_with(&[], &both)).error(),
        HandshakeError::Body { header: "Content-Length" }
    );
}

/// Sections: RFC 9112 §6.3, §11.2
#[test]
fn smuggling_a_second_request_is_never_parsed() {
    let two = format!("GET /admin HTTP/1.1\r\nHost: a\r\n\r\n{SAMPLE_REQUEST}");
    let outcome = serve(&two);
    assert_eq!(outcome.seen, Err(HandshakeError::NotAnUpgrade { header: "Upgrade" }));
    assert_eq!(outcome.output.matches("HTTP/1.1").count(), 1);

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(format!("{SAMPLE_REQUEST}{SAMPLE_REQUEST}").as_bytes());
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    request.reject(&Rejection::new(403).unwrap(), &mut tx);
    let answer = tx.as_slice().to_vec();
    assert_eq!(answer, b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let again = handshake.next_request(&mut rx, &mut tx).map(drop);
    assert_eq!(again, Err(HandshakeError::Finished));
    handshake.handle_eof();
    let again = handshake.next_request(&mut rx, &mut tx).map(drop);
    assert_eq!(again, Err(HandshakeError::Finished));
    assert_eq!(tx.as_slice(), answer);
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn rejections_have_any_final_status_fields_and_a_body() {
    let reject = |rejection: &Rejection<'_>| {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(SAMPLE_REQUEST.as_bytes());
        let mut handshake = ServerHandshake::new(Config::default());
        let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
        request.reject(rejection, &mut tx);
        String::from_utf8(tx.as_slice().into()).unwrap()
    };
    let rejection = Rejection::new(401)
        .and_then(|it| it.header("WWW-Authenticate", "Basic realm=\"a\""))
        .and_then(|it| it.body("no\n"))
        .unwrap();
    assert_eq!(
        reject(&rejection),
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 3\r\n\
        WWW-Authenticate: Basic realm=\"a\"\r\n\r\nno\n"
    );
    let redirect = Rejection::new(307).and_then(|it| it.header("Location", "/b")).unwrap();
    assert!(reject(&redirect).contains("\r\nLocation: /b\r\n"));
    for (status, phrase) in [
        (200, "OK"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (304, "Not Modified"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (402, "Payment Required"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (406, "Not Acceptable"),
        (407, "Proxy Authentication Required"),
        (408, "Request Timeout"),
        (409, "Conflict"),
        (410, "Gone"),
        (421, "Misdirected Request"),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (451, "Unavailable For Legal Reasons"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
        (505, "HTTP Version Not Supported"),
        (511, "Network Authentication Required"),
    ] {
        let answer = reject(&Rejection::new(status).unwrap());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} {phrase}\r\n")), "{answer}");
    }
    // Nothing says how long what is not there is (RFC 9110 §8.6).
    let empty = reject(&Rejection::new(204).unwrap());
    assert_eq!(empty, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    // RFC 9112 §4: the space stays where the phrase is missing.
    assert!(reject(&Rejection::new(499).unwrap()).starts_with("HTTP/1.1 499 \r\n"));
    // RFC 9110 §15.5.22: 426 says what to upgrade to.
    let (_, fields, _) = parse_answer(&reject(&Rejection::new(426).unwrap()));
    assert_eq!(field(&fields, "Upgrade"), "websocket");

    for status in [0, 100, 101, 199, 600, 999, u16::MAX] {
        assert_eq!(Rejection::new(status).unwrap_err(), InvalidHandshake::Status { status });
    }
    for status in [204, 205, 304] {
        let body = Rejection::new(status).unwrap().body("x");
        assert_eq!(body.unwrap_err(), InvalidHandshake::Body { status });
    }
}

/// Sections: RFC 9110 §5.5
#[test]
fn injection_into_the_fields_of_a_response_is_refused() {
    for (name, value, error) in [
        ("X", "a\r\nSet-Cookie: b", InvalidHandshake::HeaderValue),
        ("X", "a\nb", InvalidHandshake::HeaderValue),
        ("X", "a\rb", InvalidHandshake::HeaderValue),
        ("X", "a\0b", InvalidHandshake::HeaderValue),
        ("X", "a\x7fb", InvalidHandshake::HeaderValue),
        ("X Y", "a", InvalidHandshake::HeaderName),
        ("X:", "a", InvalidHandshake::HeaderName),
        ("X\r\nY", "a", InvalidHandshake::HeaderName),
        ("X\0", "a", InvalidHandshake::HeaderName),
        ("", "a", InvalidHandshake::HeaderName),
        ("\u{fc}", "a", InvalidHandshake::HeaderName),
        ("Connection", "keep-alive", InvalidHandshake::ReservedHeader),
        ("upgrade", "h2c", InvalidHandshake::ReservedHeader),
        ("Content-Length", "5", InvalidHandshake::ReservedHeader),
        ("Transfer-Encoding", "chunked", InvalidHandshake::ReservedHeader),
        ("sec-websocket-accept", "x", InvalidHandshake::ReservedHeader),
        ("Sec-WebSocket-Protocol", "chat", InvalidHandshake::ReservedHeader),
        ("Sec-WebSocket-Extensions", "x", InvalidHandshake::ReservedHeader),
    ] {
        let response = Response::new().header(name, value).map(drop);
        assert_eq!(response, Err(error), "{name:?}: {value:?}");
        let rejection = Rejection::new(403).unwrap().header(name, value).map(drop);
        assert_eq!(rejection, Err(error), "{name:?}: {value:?}");
    }
    // These can do no harm.
    for value in [&b"a b\tc"[..], b"", b"\xff"] {
        Response::new().header("X", value).unwrap();
    }
}

/// Sections: none, limits are this crate's
#[test]
fn head_limit_is_inclusive_and_cuts_off() {
    for limit in [SAMPLE_REQUEST.len(), SAMPLE_REQUEST.len() - 1, 19, 1, 0] {
        let outcome = serve_with(Config::default().max_head_size(limit), SAMPLE_REQUEST);
        if limit == SAMPLE_REQUEST.len() {
            outcome.seen();
        } else {
            let (error, ..) = check_rejection(&outcome);
            let expected = HandshakeError::HeadTooLarge { limit };
            assert_eq!((error, error.status()), (expected, Some(431)));
        }
    }
    // What follows the head does not count.
    let config = Config::default().max_head_size(SAMPLE_REQUEST.len());
    serve_with(config, format!("{SAMPLE_REQUEST}{}", "x".repeat(500))).seen();
}

/// Sections: none, limits are this crate's
#[test]
fn head_limit_bounds_the_memory() {
    let mut wire = SAMPLE_REQUEST.as_bytes()[..SAMPLE_REQUEST.len() - 2].to_vec();
    wire.resize(1 << 20, b'x');
    let (error, heap) = measure(|| {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ServerHandshake::new(Config::default());
        let mut socket = &wire[..];
        loop {
            read(&mut rx, &mut socket);
            if let Err(error) = handshake.next_request(&mut rx, &mut tx) {
                break error;
            }
        }
    });
    assert_eq!(error, HandshakeError::HeadTooLarge { limit: 16 << 10 });
    assert!(heap.peak < 64 << 10, "{heap:?}");
}

/// Sections: none, limits are this crate's
#[test]
fn header_count_2000_headers_are_answered_with_431() {
    let lines: Vec<String> = (0..2000).map(|n| format!("X-{n}: y")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let config = Config::default().max_head_size(None);
    let (outcome, heap) = measure(|| {
        let head = sample_with(&[], &lines);
        serve_chunks(config, [head.as_bytes()])
    });
    let (error, ..) = check_rejection(&outcome);
    assert_eq!(error, HandshakeError::TooManyHeaders { limit: 100 });
    assert_eq!(error.status(), Some(431));
    assert!(heap.peak < 300 << 10, "{heap:?}");
    // They are fine if they are wanted.
    let wire = sample_with(&[], &lines);
    let seen = serve_chunks(config.max_headers(2007), [wire.as_bytes()]).seen();
    assert_eq!(seen.headers.len(), 2007);
    assert_eq!(seen.headers[2006], ("X-1999".into(), b"y".into()));
    let outcome = serve_chunks(config.max_headers(2006), [wire.as_bytes()]);
    assert_eq!(outcome.error(), HandshakeError::TooManyHeaders { limit: 2006 });
}

/// Sections: none, limits are this crate's
#[test]
fn header_count_is_the_same_however_the_head_is_cut() {
    for (limit, accepted) in [(7, true), (6, false), (1, false), (0, false)] {
        let outcome = serve_with(Config::default().max_headers(limit), SAMPLE_REQUEST);
        assert_eq!(outcome.seen.is_ok(), accepted, "{limit}");
        if !accepted {
            assert_eq!(check_rejection(&outcome).0, HandshakeError::TooManyHeaders { limit });
        }
    }
}

/// Sections: none, limits are this crate's
#[test]
fn header_count_is_exceeded_by_the_first_that_is_too_many_and_not_at_the_end_of_the_head() {
    let too_many = HandshakeError::TooManyHeaders { limit: 5 };
    for (fields, expected) in [(5, Ok(())), (6, Err(too_many))] {
        let lines = "X: y\r\n".repeat(fields);
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(format!("GET / HTTP/1.1\r\n{lines}").as_bytes());
        let mut handshake = ServerHandshake::new(Config::default().max_headers(5));
        let got =
            handshake.next_request(&mut rx, &mut tx).map(|request| assert!(request.is_none()));
        assert_eq!(got, expected);
    }
}

/// If it were checked with each byte that follows it, this would be 10^11 steps.
/// Sections: none, limits are this crate's
#[test]
fn head_quadratic_a_start_line_of_half_a_mebibyte_is_checked_once() {
    let target = "a".repeat(1 << 19);
    let fields = "X: y\r\n".repeat((1 << 19) / 6);
    let head = SAMPLE_REQUEST.replace("/chat", &format!("/{target}"));
    let head = head.replacen("\r\n", &format!("\r\n{fields}"), 1);
    let config = Config::default().max_head_size(None).max_headers(None);
    let seen = serve_chunks(config, head.as_bytes().chunks(1)).seen();
    assert_eq!(seen.resource_name.len(), (1 << 19) + 1);
}

/// If each byte cost as much as the head is long, this would be 10^12 steps.
/// Sections: none, limits are this crate's
#[test]
fn head_quadratic_a_mebibyte_in_feeds_of_one_byte_is_linear() {
    let limit = 1 << 20;
    let config = Config::default().max_head_size(limit).max_headers(None);
    let padding = |len: usize| {
        let mut head = SAMPLE_REQUEST.as_bytes()[..SAMPLE_REQUEST.len() - 2].to_vec();
        while head.len() + 1000 < len {
            head.extend_from_slice(b"X: ");
            head.extend_from_slice(&[b'x'; 500]);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Y: ");
        head.resize(len - 4, b'y');
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    let exact = padding(limit);
    assert_eq!(exact.len(), limit);
    serve_chunks(config, exact.chunks(1)).seen();
    let over = padding(limit + 1);
    let outcome = serve_chunks(config, over.chunks(1));
    assert_eq!(outcome.error(), HandshakeError::HeadTooLarge { limit });
    // In one line, and in as many as there can be.
    for filler in [&b"x"[..], b"X:\r\n", b"\r", b"GET "] {
        let wire: Vec<u8> = b"GET / HTTP/1.1\r\nY: "
            .iter()
            .chain(filler.iter().cycle())
            .copied()
            .take(limit)
            .collect();
        let outcome = serve_chunks(config, wire.chunks(1));
        assert_eq!(outcome.error(), HandshakeError::HeadTooLarge { limit });
    }
    // A first line that never ends.
    let outcome = serve_chunks(config, vec![b'G'; limit].chunks(1));
    assert_eq!(outcome.error(), HandshakeError::HeadTooLarge { limit });
}

/// If any list cost the square of its length, each of these would be 10^12 steps.
/// Sections: none, limits are this crate's
#[test]
fn redos_lists_of_a_mebibyte_are_linear() {
    let config = Config::default().max_head_size(None);
    for filler in [" ", "\t", "\\", ",", "\"", "\\\"", ";", "=", "a", "a,", "a;", "a=\"", ", \"\\"]
    {
        for name in [
            "Sec-WebSocket-Extensions: x; y=\"",
            "Sec-WebSocket-Extensions: x",
            "Sec-WebSocket-Protocol: x",
            "Connection: x",
            "Upgrade: \"",
        ] {
            let line = format!("{name}{}x", filler.repeat((1 << 20) / filler.len()));
            let head = sample_with(&[], &[&line]);
            let _ = serve_chunks(config, [head.as_bytes()]);
        }
    }
    // Also when there are many lines of them, and they are looked at again and again.
    let line = format!("Sec-WebSocket-Protocol: {}a", "a,".repeat(100_000));
    let head = sample_with(&[], &[&line]);
    assert_eq!(serve_chunks(config, [head.as_bytes()]).seen().subprotocols.len(), 100_003);
}

/// While the application has not decided, it holds the request, which borrows the buffer: nothing
/// can be read. The bytes that had come with the head are at most one read.
/// Sections: RFC 6455 §4.2.2
#[test]
fn early_buffer_nothing_is_received_before_the_request_is_accepted() {
    let mut wire = SAMPLE_REQUEST.as_bytes().to_vec();
    wire.resize(10 << 20, 0);
    let (waiting, heap) = measure(|| {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ServerHandshake::new(Config::default());
        let mut socket = &wire[..];
        loop {
            read(&mut rx, &mut socket);
            if let Some(request) = handshake.next_request(&mut rx, &mut tx).unwrap() {
                // … `rx.read_from(&mut socket)` does not compile here …
                request.accept(&Response::new(), &mut tx).unwrap();
                break socket.len();
            }
        }
    });
    assert!(wire.len() - waiting <= 64 << 10, "{waiting} bytes are left to flow control");
    assert!(heap.peak <= 64 << 10, "{heap:?}");
}

#[test]
fn the_end_of_the_transport_says_how_far_the_head_came() {
    for received in [0, 1, SAMPLE_REQUEST.len() - 1] {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ServerHandshake::new(Config::default());
        rx.extend(&SAMPLE_REQUEST.as_bytes()[..received]);
        assert!(handshake.next_request(&mut rx, &mut tx).unwrap().is_none());
        handshake.handle_eof();
        let error = HandshakeError::Eof { received };
        for _ in 0..2 {
            assert_eq!(handshake.next_request(&mut rx, &mut tx).map(drop), Err(error));
        }
        assert_eq!((error.status(), tx.as_slice()), (None, &b""[..]));
    }
}

#[test]
fn the_end_of_the_transport_comes_after_what_was_received() {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(Config::default());
    handshake.handle_eof();
    rx.extend(SAMPLE_REQUEST.as_bytes());
    rx.extend(b"\x81\x80abcd");
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().expect("is whole");
    let mut ws = request.accept(&Response::new(), &mut tx).unwrap();
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(""))));
}

/// Sections: RFC 9110 §15.5.9
#[test]
fn a_handshake_that_takes_too_long_is_answered_with_408() {
    let answer = "HTTP/1.1 408 Request Timeout\r\n\
        Connection: close\r\n\
        Content-Length: 36\r\n\
        Content-Type: text/plain\r\n\r\n\
        the opening handshake took too long\n";
    // Before the request has come, within it, and after it was handed out.
    for received in [0, 20, SAMPLE_REQUEST.len()] {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ServerHandshake::new(Config::default());
        rx.extend(&SAMPLE_REQUEST.as_bytes()[..received]);
        let _ = handshake.next_request(&mut rx, &mut tx).unwrap();
        for _ in 0..2 {
            assert_eq!(handshake.handle_timeout(&mut tx), HandshakeError::Timeout);
        }
        assert_eq!(std::str::from_utf8(tx.as_slice()), Ok(answer));
        let after = handshake.next_request(&mut rx, &mut tx).map(drop);
        assert_eq!(after, Err(HandshakeError::Timeout));
    }
    // What failed before has been answered.
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(Config::default());
    rx.extend(b"\x16");
    let error = handshake.next_request(&mut rx, &mut tx).map(drop).unwrap_err();
    let len = tx.len();
    assert_eq!((handshake.handle_timeout(&mut tx), tx.len()), (error, len));
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn a_request_that_could_not_be_accepted_can_be_rejected() {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(SAMPLE_REQUEST.as_bytes());
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let accepted = request.accept(&Response::new().subprotocol("nobody's"), &mut tx).map(drop);
    assert_eq!(accepted, Err(InvalidHandshake::SubprotocolNotOffered));
    request.reject(&Rejection::new(500).unwrap(), &mut tx);
    assert!(tx.as_slice().starts_with(b"HTTP/1.1 500 "));
}

#[test]
fn an_error_says_what_was_wrong() {
    for (head, words) in [
        ("\x16\x03\x01", "TLS"),
        ("SSH-2.0-x y\r\n", "request line"),
        ("GET / HTTP/1.0\r\n", "HTTP/1.0 cannot be upgraded"),
        ("GET / HTTP/1.1\r\n\r\n", "Host is missing"),
        (&sample_with(&[], &["Sec-WebSocket-Extensions: ;"]), "Sec-WebSocket-Extensions"),
    ] {
        let error = serve(head).error().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// Sections: RFC 7692 §7, §7.1
/// RFC 7692 §7.1: "A server MUST decline an extension negotiation offer" with an invalid value.
#[test]
fn an_offer_of_permessage_deflate_with_an_empty_value_is_declined() {
    for offer in ["server_max_window_bits=\"\"", "client_no_context_takeover=\"\""] {
        let offer = format!("Sec-WebSocket-Extensions: permessage-deflate; {offer}");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(sample_with(&[], &[&offer]).as_bytes());
        let config = Config::default().permessage_deflate(websans::PermessageDeflate::default());
        let mut handshake = ServerHandshake::new(config);
        let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
        let ws = request.accept(&Response::new(), &mut tx).unwrap();
        assert_eq!(ws.permessage_deflate(), None, "{offer}");
        assert!(!String::from_utf8_lossy(tx.as_slice()).contains("Extensions"), "{offer}");
    }
}

#[test]
fn a_debug_form_shows_no_credentials_of_what_is_sent() {
    let request = Request::new("ws://a/").and_then(|it| it.header("Authorization", "secret"));
    let response = Response::new().header("Set-Cookie", "secret").unwrap();
    let rejection = Rejection::new(401).and_then(|it| it.header("Set-Cookie", "secret")).unwrap();
    let forms = format!("{:?} {response:?} {rejection:?}", request.unwrap());
    assert!(forms.contains("Set-Cookie") && forms.contains("Authorization"), "{forms}");
    assert!(!forms.contains("secret"), "{forms}");
}

/// Sections: none, it is about Debug
#[test]
fn a_debug_form_shows_no_credentials() {
    let head = sample_with(&[], &["Cookie: secret", "Authorization: secret"]);
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(head.as_bytes());
    let mut handshake = ServerHandshake::new(Config::default());
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let debug = format!("{request:?}");
    assert!(debug.contains("Cookie") && !debug.contains("secret"), "{debug}");
    assert_eq!(request.header("authorization"), Some(&b"secret"[..]));
}
