//! The handshake as an extended CONNECT request (RFC 8441 §5, RFC 9220): what it shares with that
//! over HTTP/1.1 is tested there.
//!
//! Sections: RFC 8441 §5

use super::*;
use http::{Method, Version};
use websans::{Event, HeadPart, InvalidHandshake, PermessageDeflate, Rejection, Response};

/// RFC 8441 §5.1, as h2 and hyper would hand it over.
fn sample() -> http::Request<()> {
    http::Request::connect("https://server.example.com/chat")
        .version(Version::HTTP_2)
        .header("Sec-WebSocket-Protocol", "chat, superchat")
        .header("Sec-WebSocket-Extensions", "permessage-deflate")
        .header("Sec-WebSocket-Version", "13")
        .header("Origin", "http://www.example.com")
        .body(())
        .unwrap()
}

fn read(request: &http::Request<()>) -> Result<IncomingRequest<'_>, HandshakeError> {
    IncomingRequest::from_extended_connect(request, "websocket", Config::default())
}

fn check(change: impl Fn(&mut http::Request<()>)) -> Result<(), HandshakeError> {
    let mut request = sample();
    change(&mut request);
    read(&request).map(drop)
}

fn insert(name: &'static str, value: &'static str) -> impl Fn(&mut http::Request<()>) {
    move |it| drop(it.headers_mut().insert(name, value.parse().unwrap()))
}

#[test]
fn the_sample_of_the_rfc_is_accepted() {
    for version in [Version::HTTP_2, Version::HTTP_3] {
        let mut request = sample();
        *request.version_mut() = version;
        let config = Config::default().permessage_deflate(PermessageDeflate::default());
        let request =
            IncomingRequest::from_extended_connect(&request, "websocket", config).unwrap();
        assert_eq!(request.resource_name(), "/chat");
        assert_eq!(request.host(), "server.example.com");
        assert_eq!(request.origin(), Some("http://www.example.com"));
        assert!(!request.is_same_origin());
        let response = Response::new().subprotocol("chat").header("Set-Cookie", "a=b").unwrap();
        let (answer, ws) = request.accept_http(&response).unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], "chat");
        assert_eq!(answer.headers()["Set-Cookie"], "a=b");
        let deflate = cfg!(feature = "deflate");
        assert_eq!(answer.headers().contains_key("Sec-WebSocket-Extensions"), deflate);
        assert_eq!(answer.headers().len(), 2 + usize::from(deflate), "nothing of HTTP/1.1");
        assert_eq!(ws.permessage_deflate().is_some(), deflate);
        assert_eq!(ws.subprotocol(), Some("chat"));
    }
}

/// Sections: RFC 8441 §4, §5
#[test]
fn protocol_method_and_version_are_checked() {
    let request = sample();
    for protocol in ["", "connect-udp", "WebSocket", "websocket "] {
        let error = IncomingRequest::from_extended_connect(&request, protocol, Config::default());
        assert_eq!(error.map(drop), Err(HandshakeError::ConnectProtocol), "{protocol:?}");
    }
    for (method, head) in [(Method::GET, false), (Method::HEAD, true)] {
        let error = Err(HandshakeError::NotConnect { head });
        assert_eq!(check(|it| *it.method_mut() = method.clone()), error);
    }
    let too_early = HandshakeError::HttpVersion { major: 1, minor: 1 };
    assert_eq!(check(|it| *it.version_mut() = Version::HTTP_11), Err(too_early));
    assert_eq!(
        too_early.to_string(),
        "an extended CONNECT is made over HTTP/2 or HTTP/3, not HTTP/1.1"
    );
    for version in ["8", "13, 8", "0"] {
        assert_eq!(check(insert("Sec-WebSocket-Version", version)), Err(HandshakeError::Version));
    }
    let without =
        |it: &mut http::Request<()>| drop(it.headers_mut().remove("Sec-WebSocket-Version"));
    assert_eq!(check(without), Err(HandshakeError::Version));
}

#[test]
fn a_plain_connect_is_none() {
    // It has no `:path`, and would be a tunnel to anywhere.
    let error = Err(HandshakeError::MalformedHead { part: HeadPart::RequestTarget });
    assert_eq!(check(|it| *it.uri_mut() = "server.example.com:22".parse().unwrap()), error);
}

/// RFC 8441 §5.
#[test]
fn the_scheme_is_http_or_https() {
    for (uri, expected) in [
        ("http://a/", Ok(())),
        ("https://a/", Ok(())),
        ("wss://a/", Err(HandshakeError::MalformedHead { part: HeadPart::RequestTarget })),
    ] {
        assert_eq!(check(|it| *it.uri_mut() = uri.parse().unwrap()), expected, "{uri}");
    }
    // Of its parts, as HTTP/2 has them, a URI keeps the case.
    let parts = http::Uri::builder().scheme("HTTPS").authority("a").path_and_query("/");
    let uri = parts.build().unwrap();
    assert_eq!(check(|it| *it.uri_mut() = uri.clone()), Ok(()));
}

/// Sections: RFC 9113 §8.2.2
#[test]
fn smuggling_fields_of_an_http_1_connection_are_refused() {
    for header in ["Connection", "Upgrade", "Transfer-Encoding", "Keep-Alive", "Proxy-Connection"] {
        let error = check(|it| drop(it.headers_mut().insert(header, "x".parse().unwrap())));
        assert_eq!(error, Err(HandshakeError::ConnectionSpecific { header }));
    }
    let header = "Content-Length";
    assert_eq!(check(insert(header, "5")), Err(HandshakeError::Body { header }));
}

/// Sections: RFC 9113 §8.3.1
#[test]
fn authority_and_host_agree() {
    let header = "Host";
    assert_eq!(check(insert(header, "SERVER.example.com")), Ok(()));
    assert_eq!(
        check(insert(header, "other.example")),
        Err(HandshakeError::InvalidHeader { header })
    );
    // An intermediary may have only `Host`, from HTTP/1.1 (RFC 9113 §8.3.1).
    let mut request = sample();
    *request.uri_mut() = "/chat".parse().unwrap();
    assert_eq!(read(&request).map(drop), Err(HandshakeError::MissingHeader { header }));
    request.headers_mut().insert(header, "b.example:81".parse().unwrap());
    assert_eq!(read(&request).unwrap().host(), "b.example:81");
}

#[test]
fn key_and_accept_are_passed_over() {
    assert_eq!(check(insert("Sec-WebSocket-Key", "not base64")), Ok(()));
    let (client, _) = client();
    let response = http::Response::builder().header("Sec-WebSocket-Accept", "x").body(()).unwrap();
    assert_eq!(client.check_http(&response).map(drop), Ok(()));
}

/// Sections: RFC 6455 §4.2.1, RFC 8441 §5
#[test]
fn lists_and_origin_are_checked_as_over_http_1() {
    for (header, value) in [
        ("Sec-WebSocket-Protocol", "a b"),
        ("Sec-WebSocket-Protocol", ","),
        ("Sec-WebSocket-Extensions", ";"),
    ] {
        assert_eq!(
            check(insert(header, value)),
            Err(HandshakeError::InvalidHeader { header }),
            "{value:?}"
        );
    }
    let twice = |it: &mut http::Request<()>| {
        it.headers_mut().append("Origin", "http://b".parse().unwrap());
    };
    assert_eq!(check(twice), Err(HandshakeError::DuplicateHeader { header: "Origin" }));
}

#[test]
fn refusals_have_nothing_of_an_http_1_connection() {
    for (error, status) in [
        (HandshakeError::ConnectProtocol, 501),
        (HandshakeError::NotConnect { head: false }, 405),
        (HandshakeError::Version, 400),
        (HandshakeError::MissingHeader { header: "Host" }, 400),
    ] {
        let answer = error.to_http(Version::HTTP_2).unwrap();
        assert_eq!(answer.status(), status, "{error}");
        assert!(!answer.headers().contains_key("Connection"), "{error}");
        assert!(!answer.headers().contains_key("Upgrade"), "{error}");
        assert_eq!(answer.body(), &format!("{error}\n"));
        let versions = answer.headers().get("Sec-WebSocket-Version");
        assert_eq!(versions.is_some(), error == HandshakeError::Version);
    }
    let allowed = HandshakeError::NotConnect { head: true }.to_http(Version::HTTP_2).unwrap();
    assert_eq!(
        (allowed.headers()["Allow"].as_bytes(), allowed.body().as_str()),
        (&b"CONNECT"[..], "")
    );
    let rejection = Rejection::new(403).unwrap().body("no").unwrap();
    let answer = rejection.to_http(Version::HTTP_3).unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (403, &b"no"[..]));
    assert!(!answer.headers().contains_key("Connection"));
}

/// RFC 9113 §8.2.2, both ways.
#[test]
fn fields_of_an_http_1_connection_are_neither_sent_nor_taken() {
    for (name, value, refused) in [
        ("Keep-Alive", "timeout=5", true),
        ("Proxy-Connection", "keep-alive", true),
        ("TE", "gzip", true),
        ("TE", "trailers, gzip", true),
        ("TE", "Trailers", false),
    ] {
        let sent = Request::new("ws://a/").and_then(|it| it.header(name, value)).unwrap();
        let sent = ClientHandshake::new_extended_connect(&sent, Config::default()).map(drop);
        let request = sample();
        let request = read(&request).unwrap();
        let response = Response::new().header(name, value).unwrap();
        let accepted = request.accept_http(&response).map(drop);
        let rejection = Rejection::new(403).and_then(|it| it.header(name, value)).unwrap();
        let rejected = rejection.to_http(Version::HTTP_2).map(drop);
        let error = InvalidHandshake::ConnectionSpecific { header: name };
        for result in [sent, accepted, rejected] {
            assert_eq!(result, if refused { Err(error) } else { Ok(()) }, "{name}: {value}");
        }
        assert!(rejection.to_http(Version::HTTP_11).is_ok());

        let received = check(|it| {
            it.headers_mut().insert(name, value.parse().unwrap());
        });
        let error = HandshakeError::ConnectionSpecific { header: name };
        assert_eq!(received, if refused { Err(error) } else { Ok(()) }, "{name}: {value}");
    }
}

#[test]
fn it_is_not_answered_with_bytes_of_http_1() {
    let (request, mut tx) = (sample(), SendBuf::new());
    let accepted = read(&request).unwrap().accept(&Response::new(), &mut tx);
    assert_eq!(accepted.map(drop), Err(InvalidHandshake::ExtendedConnect));
    assert!(tx.is_empty());
}

fn client() -> (ClientHandshake, http::Request<()>) {
    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let request = Request::new("ws://server.example.com:8080/chat?room=1")
        .and_then(|it| it.subprotocol("chat"))
        .and_then(|it| it.header("Origin", "http://server.example.com:8080"))
        .unwrap();
    ClientHandshake::new_extended_connect(&request, config).unwrap()
}

#[test]
fn a_client_and_a_server_agree() {
    let (client, sent) = client();
    assert_eq!((sent.method(), sent.version()), (&Method::CONNECT, Version::HTTP_2));
    assert_eq!(sent.uri(), "http://server.example.com:8080/chat?room=1");
    for absent in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"] {
        assert!(!sent.headers().contains_key(absent), "{absent}");
    }
    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let request = IncomingRequest::from_extended_connect(&sent, "websocket", config).unwrap();
    assert!(request.is_same_origin());
    let (answer, mut server) = request.accept_http(&Response::new().subprotocol("chat")).unwrap();
    let mut client = client.check_http(&answer).unwrap();
    assert_eq!((client.subprotocol(), server.subprotocol()), (Some("chat"), Some("chat")));
    assert_eq!(client.permessage_deflate(), server.permessage_deflate());
    assert_eq!(client.permessage_deflate().is_some(), cfg!(feature = "deflate"));

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    if cfg!(feature = "std") {
        client.send_text("Hello", &mut tx).unwrap();
        rx.extend(tx.as_slice());
        let event = server.next_event(&mut rx, &mut SendBuf::new()).unwrap();
        assert_eq!(event, Some(Event::Text("Hello")));
    }
}

#[test]
fn a_client_checks_the_response() {
    let check = |status: u16, field: Option<(&str, &str)>| {
        let mut response = http::Response::builder().status(status);
        if let Some((name, value)) = field {
            response = response.header(name, value);
        }
        client().0.check_http(&response.body(()).unwrap()).map(drop)
    };
    assert_eq!(check(200, None), Ok(()));
    assert_eq!(check(204, None), Ok(()), "any 2xx (RFC 9110 §9.3.6)");
    for status in [101, 199, 300, 302, 401, 501] {
        assert_eq!(check(status, None), Err(HandshakeError::Refused { status }));
    }
    let header = "Connection";
    let error = HandshakeError::ConnectionSpecific { header };
    assert_eq!(check(200, Some((header, "Upgrade"))), Err(error));
    let error = Err(HandshakeError::SubprotocolNotOffered);
    assert_eq!(check(200, Some(("Sec-WebSocket-Protocol", "other"))), error);
    let error = Err(HandshakeError::ExtensionNotOffered);
    assert_eq!(check(200, Some(("Sec-WebSocket-Extensions", "x-other"))), error);
}

#[test]
fn a_client_waits_for_no_bytes() {
    let (mut client, _) = client();
    let mut rx = RecvBuf::new();
    rx.extend(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    assert_eq!(client.next_response(&mut rx).map(drop), Err(HandshakeError::Finished));
}
