//! The opening handshake.

use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::{ClientHandshake, generate_request};
use tungstenite::handshake::server::{NoCallback, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, accept, accept_with_config};

use crate::pipe::{Pipe, pair};

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn a_request_is_answered_wherever_it_is_cut() {
    for at in 0..REQUEST.len() {
        let (client, server) = pair();
        client.output.clone().put(&REQUEST.as_bytes()[..at]);
        let Err(HandshakeError::Interrupted(mut handshake)) = accept(server) else {
            panic!("{at}")
        };
        client.output.put(&REQUEST.as_bytes()[at..]);
        handshake.get_mut().get_mut().input.set_chunk(7);
        let mut socket = handshake.handshake().unwrap();
        assert_eq!(String::from_utf8(socket.get_ref().output.log()).unwrap(), RESPONSE);
        client.output.put(b"\x81\x80\0\0\0\0");
        assert_eq!(socket.read().unwrap(), Message::text(""));
    }
}

fn refused(request: &str, config: WebSocketConfig) -> (Error, String) {
    let (client, server) = pair();
    client.output.put(request.as_bytes());
    let Err(HandshakeError::Failure(error)) = accept_with_config(server, Some(config)) else {
        panic!("{request}")
    };
    (error, String::from_utf8(client.input.log()).unwrap())
}

#[test]
fn what_is_no_handshake_is_answered_with_a_status_unless_that_is_not_wanted() {
    let without = |line: &str| {
        REQUEST.lines().filter(|it| !it.starts_with(line)).map(|it| format!("{it}\r\n")).collect()
    };
    let table: [(String, ProtocolError, &str); 6] = [
        (REQUEST.replace("GET", "POST"), ProtocolError::WrongHttpMethod, "405"),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), ProtocolError::WrongHttpVersion, "400"),
        (without("Upgrade"), ProtocolError::MissingUpgradeWebSocketHeader, "426"),
        (without("Sec-WebSocket-V"), ProtocolError::MissingSecWebSocketVersionHeader, "426"),
        (without("Sec-WebSocket-K"), ProtocolError::MissingSecWebSocketKey, "400"),
        (format!("{REQUEST}junk"), ProtocolError::JunkAfterRequest, "400"),
    ];
    for (request, expected, status) in table {
        let (error, answer) = refused(&request, WebSocketConfig::default());
        let Error::Protocol(error) = error else { panic!("{error}") };
        assert_eq!(error, expected);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let (_, answer) = refused(&request, WebSocketConfig::default().report_violations(false));
        assert_eq!(answer, "");
    }
}

#[test]
fn what_is_no_http_is_refused_at_once_and_a_head_without_end_at_64_kib() {
    let (error, answer) = refused("\x16\x03\x01\x02", WebSocketConfig::default());
    assert!(matches!(error, Error::Protocol(ProtocolError::HttparseError(_))), "{error}");
    assert!(answer.starts_with("HTTP/1.1 400 "));
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(70_000));
    let (error, answer) = refused(&endless, WebSocketConfig::default());
    assert!(matches!(error, Error::AttackAttempt));
    assert!(answer.starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_head_that_comes_octet_by_octet_is_read() {
    let (client, server) = pair();
    client.output.set_chunk(1);
    let long = REQUEST.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(60_000)));
    client.output.put(long.as_bytes());
    accept(server).unwrap();
}

fn client(request: impl IntoClientRequest) -> (MidHandshake<ClientHandshake<Pipe>>, Pipe, String) {
    let (ours, theirs) = pair();
    let request = request.into_client_request().unwrap();
    let handshake = ClientHandshake::start(ours, request, None).unwrap();
    let Err(HandshakeError::Interrupted(handshake)) = handshake.handshake() else { panic!() };
    let sent = String::from_utf8(theirs.input.log()).unwrap();
    (handshake, theirs, sent)
}

#[test]
fn a_request_goes_out_with_its_own_key_and_its_own_fields_and_no_others() {
    let mut request = "ws://user@localhost:9001/a?b=c".into_client_request().unwrap();
    let key = request.headers()["Sec-WebSocket-Key"].to_str().unwrap().to_owned();
    request.headers_mut().insert("X-Own", "1".parse().unwrap());
    let (_, _, sent) = client(request);
    assert_eq!(
        sent,
        format!(
            "GET /a?b=c HTTP/1.1\r\nHost: localhost:9001\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
             x-own: 1\r\n\r\n"
        )
    );
    let (head, of_head) =
        generate_request("ws://localhost".into_client_request().unwrap()).unwrap();
    assert!(String::from_utf8(head).unwrap().contains(&of_head));
}

#[test]
fn bytes_behind_the_response_are_frames_and_a_refusal_has_its_body() {
    let mut request = "ws://localhost/".into_client_request().unwrap();
    let key = "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Key", key);
    let (handshake, server, _) = client(request.clone());
    server.output.put(RESPONSE.as_bytes());
    server.output.put(b"\x81\x02hi");
    let (mut socket, response) = handshake.handshake().unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(socket.read().unwrap(), Message::text("hi"));

    let (handshake, server, _) = client(request.clone());
    server.output.put(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    let Err(HandshakeError::Failure(Error::Http(response))) = handshake.handshake() else {
        panic!()
    };
    assert_eq!((response.status().as_u16(), response.body().as_deref()), (404, Some(&b"none"[..])));

    let (handshake, server, _) = client(request);
    server.output.put(RESPONSE.replace("s3p", "S3p").as_bytes());
    let Err(HandshakeError::Failure(Error::Protocol(error))) = handshake.handshake() else {
        panic!()
    };
    assert_eq!(error, ProtocolError::SecWebSocketAcceptKeyMismatch);
}

#[test]
fn a_handshake_that_ends_within_a_head_is_incomplete() {
    let (client, server) = pair();
    client.output.put(b"GET / HT");
    client.output.end();
    let handshake = ServerHandshake::start(server, NoCallback, None);
    let Err(HandshakeError::Failure(Error::Protocol(error))) = handshake.handshake() else {
        panic!()
    };
    assert_eq!(error, ProtocolError::HandshakeIncomplete);
}
