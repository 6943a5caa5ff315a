//! The handshake over the types of the `http` crate: the same checks, so only what is different
//! is tested again.
//!
//! Sections: RFC 6455 §4.1, §4.2.1, §4.2.2

use super::*;
use http::{Method, Version};
use websans::{HeadPart, InvalidHandshake, Rejection, Response};

/// The sample, as a server framework would hand it over.
fn sample() -> http::Request<()> {
    parse_request(SAMPLE_REQUEST)
}

fn parse_request(head: &str) -> http::Request<()> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    assert!(parsed.parse(head.as_bytes()).unwrap().is_complete());
    let mut request =
        http::Request::builder().method(parsed.method.unwrap()).uri(parsed.path.unwrap());
    for header in parsed.headers {
        request = request.header(header.name, header.value);
    }
    request.body(()).unwrap()
}

#[test]
fn the_sample_of_the_rfc_is_accepted() {
    let request = sample();
    let request = IncomingRequest::from_http(&request, Config::default()).unwrap();
    assert_eq!(request.resource_name(), "/chat");
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(request.host(), "server.example.com");
    assert_eq!(request.header("HOST"), Some(&b"server.example.com"[..]));
    assert_eq!(request.headers().count(), 7);
    let chosen = request.choose_subprotocol(&["superchat"]);
    let response = Response::new().subprotocol(chosen).header("Set-Cookie", "a=b").unwrap();
    let (answer, ws) = request.accept_http(&response).unwrap();
    assert_eq!(answer.status(), 101);
    for (name, value) in [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "superchat"),
        ("Set-Cookie", "a=b"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert_eq!(answer.headers().len(), 5);
    assert_eq!(ws.subprotocol(), Some("superchat"));
}

#[test]
fn fields_of_a_map_with_the_same_name_are_in_order_and_together() {
    let request = parse_request(&sample_with(&[], &["X: 1", "Y: 2", "X: 3"]));
    let request = IncomingRequest::from_http(&request, Config::default()).unwrap();
    let headers: Vec<_> = request.headers().collect();
    let x = headers.iter().position(|(name, _)| *name == "x").unwrap();
    assert_eq!(headers[x..][..2], [("x", &b"1"[..]), ("x", b"3")]);
    assert_eq!(headers.len(), 10);
}

#[test]
fn requests_are_refused_as_on_the_wire() {
    for (without, with) in [
        ("Host", ""),
        ("", "Host: b"),
        ("Upgrade", ""),
        ("Connection", "Connection: keep-alive"),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: x"),
        ("", "Content-Length: 5"),
        ("", "Sec-WebSocket-Extensions: ;"),
        ("", "Origin: http://b"),
    ] {
        let head = sample_with(&[without], &[with]);
        let request = parse_request(&head);
        let error = IncomingRequest::from_http(&request, Config::default()).map(drop).unwrap_err();
        let on_the_wire = serve_chunks(Config::default(), [head.as_bytes()]);
        assert_eq!(Err(error), on_the_wire.seen.map(drop), "{without:?} {with:?}");

        let answer = error.to_http(Version::HTTP_11).unwrap();
        let (status, fields, body) = parse_answer(&on_the_wire.output);
        assert_eq!(answer.status(), status);
        assert_eq!(answer.body(), &body);
        assert_eq!(answer.headers().len(), fields.len());
        for (name, value) in &fields {
            assert_eq!(answer.headers()[name], value);
        }
    }
    assert!(HandshakeError::Finished.to_http(Version::HTTP_11).is_none());
}

#[test]
fn method_version_and_target_are_checked() {
    let check = |change: &dyn Fn(&mut http::Request<()>)| {
        let mut request = sample();
        change(&mut request);
        IncomingRequest::from_http(&request, Config::default())
            .map(|request| (request.resource_name().to_owned(), request.host().to_owned()))
    };
    assert_eq!(
        check(&|it| *it.method_mut() = Method::POST),
        Err(HandshakeError::Method { head: false })
    );
    for (version, major, minor) in [
        (Version::HTTP_09, 0, 9),
        (Version::HTTP_10, 1, 0),
        (Version::HTTP_2, 2, 0),
        (Version::HTTP_3, 3, 0),
    ] {
        let error = Err(HandshakeError::HttpVersion { major, minor });
        assert_eq!(check(&|it| *it.version_mut() = version), error);
    }
    let malformed = Err(HandshakeError::MalformedHead { part: HeadPart::RequestTarget });
    for (uri, expected) in [
        ("/a?b", Ok(("/a?b".to_owned(), "server.example.com".to_owned()))),
        ("http://b.example:81/a?b", Ok(("/a?b".to_owned(), "b.example:81".to_owned()))),
        ("http://u@b.example/", malformed.clone()),
        ("ftp://b.example/", malformed.clone()),
        ("*", malformed.clone()),
        ("a.example:80", malformed.clone()),
    ] {
        assert_eq!(check(&|it| *it.uri_mut() = uri.parse().unwrap()), expected, "{uri}");
    }
}

/// Sections: RFC 6455 §4.2.2
#[test]
fn echo_subprotocol_only_one_that_was_offered() {
    let request = sample();
    let request = IncomingRequest::from_http(&request, Config::default()).unwrap();
    let error = request.accept_http(&Response::new().subprotocol("other")).map(drop);
    assert_eq!(error, Err(InvalidHandshake::SubprotocolNotOffered));
}

#[test]
fn a_rejection_is_the_same_as_on_the_wire() {
    let rejection = Rejection::new(401)
        .and_then(|it| it.header("WWW-Authenticate", "Basic"))
        .and_then(|it| it.body("no"))
        .unwrap();
    let answer = rejection.to_http(Version::HTTP_11).unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (401, &b"no"[..]));
    assert_eq!(answer.headers()["Connection"], "close");
    assert_eq!(answer.headers()["Content-Length"], "2");
    assert_eq!(answer.headers()["WWW-Authenticate"], "Basic");
    let empty = Rejection::new(204).unwrap().to_http(Version::HTTP_11).unwrap();
    assert!(!empty.headers().contains_key("Content-Length"));
}

#[test]
fn a_client_and_a_server_agree() {
    let config = Config::default().masking_keys(SAMPLE_KEY);
    let (client, sent) = ClientHandshake::new_http(&sample_request(), config).unwrap();
    assert_eq!(sent.uri(), "/chat");
    assert_eq!(sent.headers()["Sec-WebSocket-Key"], "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(sent.headers()["Sec-WebSocket-Protocol"], "chat, superchat");
    assert_eq!(sent.headers()["Origin"], "http://example.com");
    let request = IncomingRequest::from_http(&sent, config).unwrap();
    let (answer, server) = request.accept_http(&Response::new().subprotocol("chat")).unwrap();
    let client = client.check_http(&answer).unwrap();
    assert_eq!((client.subprotocol(), server.subprotocol()), (Some("chat"), Some("chat")));
}

#[test]
fn a_client_checks_the_response() {
    let check = |status: u16, accept: &str| {
        let config = Config::default().masking_keys(SAMPLE_KEY);
        let (client, _) = ClientHandshake::new_http(&sample_request(), config).unwrap();
        let response = http::Response::builder()
            .status(status)
            .header("Upgrade", "websocket")
            .header("Connection", "upgrade")
            .header("Sec-WebSocket-Accept", accept)
            .body(())
            .unwrap();
        client.check_http(&response).map(drop)
    };
    assert_eq!(check(101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), Ok(()));
    assert_eq!(check(101, "x"), Err(HandshakeError::AcceptMismatch));
    assert_eq!(check(302, "x"), Err(HandshakeError::Refused { status: 302 }));
}

#[cfg(feature = "deflate")]
/// Sections: RFC 7692 §5
#[test]
fn permessage_deflate_is_agreed_on_in_fields() {
    let deflate = websans::PermessageDeflate::default();
    let config = Config::default().masking_keys(SAMPLE_KEY).permessage_deflate(deflate);
    let (client, sent) = ClientHandshake::new_http(&sample_request(), config).unwrap();
    assert!(sent.headers().contains_key("Sec-WebSocket-Extensions"));
    let request = IncomingRequest::from_http(&sent, config).unwrap();
    let (answer, server) = request.accept_http(&Response::new()).unwrap();
    assert_eq!(answer.headers()["Sec-WebSocket-Extensions"], "permessage-deflate");
    let client = client.check_http(&answer).unwrap();
    assert!(server.permessage_deflate().is_some());
    assert_eq!(client.permessage_deflate(), server.permessage_deflate());
}
