//! Heads in bytes as types of the `http` crate: requests of any kind in, requests that were put
//! together elsewhere out.
//!
//! Sections: RFC 6455 §4.1, §4.2.1

use super::*;
use http::{Method, Version};
use websans::{HeadPart, InvalidHandshake, InvalidUri, Response};

/// The same for any cut in two: the request, or the error and the answer, and what was left.
fn next_http(
    config: Config,
    head: &[u8],
) -> (Result<Option<http::Request<()>>, HandshakeError>, String, Vec<u8>) {
    let run = |cut: usize| {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ServerHandshake::new(config);
        let mut result = Ok(None);
        for part in [&head[..cut], &head[cut..]] {
            rx.extend(part);
            if let Ok(None) = result {
                result = handshake.next_http(&mut rx, &mut tx);
            }
        }
        let output = String::from_utf8(tx.as_slice().into()).unwrap();
        (result, output, rx.unread().to_vec())
    };
    let (result, output, rest) = run(head.len());
    for cut in 0..head.len() {
        let (cut_result, cut_output, cut_rest) = run(cut);
        assert_eq!(format!("{cut_result:?}"), format!("{result:?}"), "cut at {cut}");
        assert_eq!(cut_output, output, "cut at {cut}");
        if result.is_ok() {
            assert_eq!(cut_rest, rest, "cut at {cut}");
        }
    }
    (result, output, rest)
}

#[test]
fn a_request_of_any_kind_is_handed_out_and_its_body_stays() {
    let post =
        b"POST /upload?a=1 HTTP/1.1\r\nHost: a\r\nX: 1\r\nContent-Length: 4\r\nX: 2\r\n\r\nbody";
    let (request, output, rest) = next_http(Config::default(), post);
    let request = request.unwrap().unwrap();
    assert_eq!((request.method(), request.version()), (&Method::POST, Version::HTTP_11));
    assert_eq!(request.uri(), "/upload?a=1");
    assert_eq!(request.headers().len(), 4);
    assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((output.as_str(), rest.as_slice()), ("", &b"body"[..]));

    for (line, method, version) in [
        ("OPTIONS * HTTP/1.1", "OPTIONS", Version::HTTP_11),
        ("GET / HTTP/1.0", "GET", Version::HTTP_10),
        ("GET http://example.com/a HTTP/1.1", "GET", Version::HTTP_11),
        ("CONNECT example.com:443 HTTP/1.1", "CONNECT", Version::HTTP_11),
        ("BREW /pot HTTP/1.1", "BREW", Version::HTTP_11),
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        let request = next_http(Config::default(), head.as_bytes()).0.unwrap().unwrap();
        assert_eq!((request.method().as_str(), request.version()), (method, version), "{line}");
    }
}

#[test]
fn a_request_outlives_the_buffer_and_is_accepted_later() {
    let (request, ..) = next_http(Config::default(), SAMPLE_REQUEST.as_bytes());
    let request = request.unwrap().unwrap();
    let request = IncomingRequest::from_http(&request, Config::default()).unwrap();
    let mut tx = SendBuf::new();
    let ws = request.accept(&Response::new().subprotocol("chat"), &mut tx).unwrap();
    assert_eq!(ws.subprotocol(), Some("chat"));
    assert_eq!(tx.as_slice(), SAMPLE_RESPONSE.as_bytes());
}

#[test]
fn a_head_that_is_malformed_or_too_large_is_answered() {
    let malformed = |part| HandshakeError::MalformedHead { part };
    for (head, error, status) in [
        ("GET /\r\n\r\n", malformed(HeadPart::RequestLine), "400"),
        ("GET / HTTP/2.0\r\n\r\n", malformed(HeadPart::RequestLine), "400"),
        ("GET /\x7f HTTP/1.1\r\n\r\n", malformed(HeadPart::RequestLine), "400"),
        ("GET nowhere/ HTTP/1.1\r\n\r\n", malformed(HeadPart::RequestTarget), "400"),
        ("GET / HTTP/1.1\r\nA b: c\r\n\r\n", malformed(HeadPart::HeaderName), "400"),
        ("GET / HTTP/1.1\r\nA: \x01\r\n\r\n", malformed(HeadPart::HeaderValue), "400"),
        ("GET / HTTP/1.1\r\nA: b\n\r\n", malformed(HeadPart::LineEnd), "400"),
        ("\x16\x03\x01", HandshakeError::NotHttp { byte: 0x16 }, "400"),
        (
            "GET / HTTP/1.1\r\nA: b\r\nC: d\r\nE: f\r\n\r\n",
            HandshakeError::TooManyHeaders { limit: 2 },
            "431",
        ),
        (
            "GET / HTTP/1.1\r\nA: 0123456789012345678901234567890123456789\r\n\r\n",
            HandshakeError::HeadTooLarge { limit: 50 },
            "431",
        ),
    ] {
        let config = Config::default().max_headers(2).max_head_size(50);
        let (result, output, _) = next_http(config, head.as_bytes());
        assert_eq!(result.unwrap_err(), error, "{head:?}");
        assert!(output.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {output}");
    }
    let mut handshake = ServerHandshake::new(Config::default());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(b"GET / H");
    handshake.handle_eof();
    let eof = HandshakeError::Eof { received: 7 };
    assert_eq!(handshake.next_http(&mut rx, &mut tx).unwrap_err(), eof);
    assert_eq!(handshake.next_http(&mut rx, &mut tx).unwrap_err(), eof);
}

fn send(request: &http::Request<()>, config: Config) -> Result<String, InvalidHandshake> {
    let mut tx = SendBuf::new();
    let result = ClientHandshake::from_http(request, config.masking_keys(SAMPLE_KEY), &mut tx);
    assert_eq!(result.is_err(), tx.is_empty(), "nothing is queued by an error");
    result.map(|_| String::from_utf8(tx.as_slice().into()).unwrap())
}

#[test]
fn a_given_request_is_sent_as_it_is_and_completed() {
    let bare = http::Request::get("wss://example.com:81?a=[1]").body(()).unwrap();
    assert_eq!(
        send(&bare, Config::default()).unwrap(),
        "GET /?a=[1] HTTP/1.1\r\n\
        Host: example.com:81\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n"
    );
    let whole = http::Request::get("/chat")
        .header("X-First", "a\tb\u{e4}")
        .header("Connection", "keep-alive, upgrade")
        .header("Host", "elsewhere.example")
        .header("Sec-WebSocket-Version", "13")
        .header("Upgrade", "WebSocket")
        .header("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==")
        .header("Sec-WebSocket-Protocol", "chat, superchat")
        .header("Sec-WebSocket-Extensions", "x-own; a=1")
        .body(())
        .unwrap();
    assert_eq!(
        send(&whole, Config::default()).unwrap(),
        "GET /chat HTTP/1.1\r\n\
        x-first: a\tb\u{e4}\r\n\
        connection: keep-alive, upgrade\r\n\
        host: elsewhere.example\r\n\
        sec-websocket-version: 13\r\n\
        upgrade: WebSocket\r\n\
        sec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\
        sec-websocket-protocol: chat, superchat\r\n\
        sec-websocket-extensions: x-own; a=1\r\n\r\n"
    );
}

#[test]
#[cfg(feature = "deflate")]
fn a_given_request_offers_compression_as_configured() {
    use websans::PermessageDeflate;
    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let request = http::Request::get("ws://a").body(()).unwrap();
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    assert!(send(&request, config).unwrap().contains(offer));
}

#[test]
fn a_given_request_is_answered_by_what_it_offered() {
    let request = http::Request::get("ws://a/")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Protocol", "superchat")
        .header("Sec-WebSocket-Protocol", "chat")
        .body(())
        .unwrap();
    for (subprotocol, accepted) in
        [("chat", Ok("chat")), ("other", Err(HandshakeError::SubprotocolNotOffered))]
    {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake =
            ClientHandshake::from_http(&request, Config::default(), &mut tx).unwrap();
        rx.extend(SAMPLE_RESPONSE.replace("chat", subprotocol).as_bytes());
        let response = handshake.next_response(&mut rx).map(Option::unwrap);
        let ws = response.map(|response| response.into_connection().unwrap());
        let ws = ws.as_ref().map(|ws| ws.subprotocol().unwrap()).map_err(|error| *error);
        assert_eq!(ws, accepted);
    }
}

#[test]
fn a_given_request_that_is_no_handshake_is_refused() {
    let header = |header| InvalidHandshake::Header { header };
    for (name, value, error) in [
        ("Host", "a b", header("Host")),
        ("Upgrade", "h2c", header("Upgrade")),
        ("Connection", "close", header("Connection")),
        ("Sec-WebSocket-Version", "8", header("Sec-WebSocket-Version")),
        ("Sec-WebSocket-Key", "short", header("Sec-WebSocket-Key")),
        ("Content-Length", "1", header("Content-Length")),
        ("Transfer-Encoding", "chunked", header("Transfer-Encoding")),
        ("Sec-WebSocket-Protocol", "a b", InvalidHandshake::Subprotocol),
        ("Sec-WebSocket-Protocol", "a, a", InvalidHandshake::DuplicateSubprotocol),
    ] {
        let request = http::Request::get("ws://a/").header(name, value).body(()).unwrap();
        assert_eq!(send(&request, Config::default()), Err(error), "{name}: {value}");
    }
    for name in ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let value = match name {
            "Host" => "a",
            "Sec-WebSocket-Key" => "dGhlIHNhbXBsZSBub25jZQ==",
            _ => "13",
        };
        let twice = http::Request::get("/").header("Host", "a").header(name, value);
        let twice = twice.header(name, value).body(()).unwrap();
        assert_eq!(send(&twice, Config::default()), Err(header(name)));
    }
    for (uri, error) in [
        ("/", header("Host")),
        ("ftp://a/", InvalidUri::Scheme.into()),
        ("ws://user@a/", InvalidUri::Userinfo.into()),
        ("ws://a:0/", InvalidUri::Port.into()),
        ("*", InvalidUri::ResourceName { at: 0 }.into()),
    ] {
        let request = http::Request::get(uri).body(()).unwrap();
        assert_eq!(send(&request, Config::default()), Err(error), "{uri}");
    }
    let mut request = http::Request::get("ws://a/").body(()).unwrap();
    *request.version_mut() = Version::HTTP_10;
    assert_eq!(send(&request, Config::default()), Err(InvalidHandshake::Method));
    let request = http::Request::post("ws://a/").body(()).unwrap();
    assert_eq!(send(&request, Config::default()), Err(InvalidHandshake::Method));
}
