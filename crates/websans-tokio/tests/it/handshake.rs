//! The opening handshake: what is agreed on, what is refused, what goes wrong.

use crate::support::*;
use std::error::Error as _;

#[tokio::test]
async fn what_the_application_decides_by() {
    let (left, right) = duplex(64);
    let request = Request::new("ws://example.com/chat?room=1")
        .unwrap()
        .header("Origin", "http://example.com")
        .unwrap()
        .subprotocol("chat.v1")
        .unwrap()
        .subprotocol("chat.v2")
        .unwrap();
    let options = Options::new();
    let accept = options.accept_with(right, |request| {
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        assert!(request.is_same_origin());
        Ok(Response::new().subprotocol(request.choose_subprotocol(&["chat.v2"])))
    });
    let (client, server) = join!(options.client(&request, left), accept);
    assert_eq!(client.unwrap().subprotocol(), Some("chat.v2"));
    assert_eq!(server.unwrap().subprotocol(), Some("chat.v2"));
}

#[tokio::test]
async fn a_rejection_arrives_with_status_headers_and_body() {
    let (left, right) = duplex(64);
    let (request, options) = (request(), Options::new());
    let rejection = Rejection::new(401)
        .unwrap()
        .header("WWW-Authenticate", "Bearer")
        .unwrap()
        .body("Who are you?\n")
        .unwrap();
    let accept = options.accept_with(right, |_| Err(rejection));
    let (client, server) = join!(options.client(&request, left), accept);
    assert!(matches!(server, Err(Error::Rejected)));
    let error = client.unwrap_err();
    assert_eq!(error.to_string(), "the server refused the handshake with status 401");
    let Error::Refused(refused) = error else { panic!("{error:?}") };
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("www-authenticate"), Some(&b"Bearer"[..]));
    assert_eq!(refused.body(), b"Who are you?\n");
    assert!(refused.headers().any(|field| field == ("Content-Length", b"13")));
}

#[tokio::test]
async fn a_subprotocol_that_was_not_offered_is_the_applications_mistake() {
    let (left, right) = duplex(1000);
    let (request, options) = (request(), Options::new());
    let accept = options.accept_with(right, |_| Ok(Response::new().subprotocol("chat")));
    let (client, server) = join!(options.client(&request, left), accept);
    assert!(matches!(server, Err(Error::Request(_))), "{server:?}");
    let Err(Error::Refused(refused)) = client else { panic!("{client:?}") };
    assert_eq!(refused.status(), 500);
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_told() {
    for (sent, answer, told) in [
        (
            "\x16\x03\x01",
            "HTTP/1.1 400 ",
            "not HTTP: the first byte is 0x16, as of a TLS handshake",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 426 ",
            "not a WebSocket request: Upgrade does not ask for it",
        ),
    ] {
        let (mut left, right) = duplex(100);
        let answered = async {
            left.write_all(sent.as_bytes()).await.unwrap();
            let answer = String::from_utf8(read_all(&mut left).await).unwrap();
            drop(left);
            answer
        };
        let (server, answered) = join!(websans_tokio::accept(right), answered);
        assert!(answered.starts_with(answer), "{answered}");
        let error = server.unwrap_err();
        assert_eq!(error.to_string(), told);
        assert!(error.source().unwrap().is::<websans_tokio::HandshakeError>());
    }
}

#[tokio::test]
async fn what_is_no_response_is_told() {
    for (sent, told) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "not HTTP: byte 0x53 in the first line"),
        ("HTTP/1.1 101 ", "the transport ended after 13 bytes of the opening handshake"),
    ] {
        let (left, mut right) = duplex(1000);
        let answer = async {
            right.write_all(sent.as_bytes()).await.unwrap();
            drop(right);
        };
        let request = request();
        let (client, ()) = join!(websans_tokio::client(&request, left), answer);
        assert_eq!(client.unwrap_err().to_string(), told);
    }
}

#[tokio::test]
async fn a_refusal_without_a_length_ends_with_the_transport() {
    let (left, mut right) = duplex(1000);
    let answer = async {
        right.write_all(b"HTTP/1.1 503 Busy\r\n\r\ncome back ").await.unwrap();
        right.write_all(b"later").await.unwrap();
        drop(right);
    };
    let request = request();
    let (client, ()) = join!(websans_tokio::client(&request, left), answer);
    let Err(Error::Refused(refused)) = client else { panic!("{client:?}") };
    assert_eq!((refused.status(), refused.body()), (503, &b"come back later"[..]));
}

#[tokio::test]
async fn messages_that_come_with_the_handshake_are_not_lost() {
    let (mut left, right) = duplex(1000);
    let head = b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    left.write_all(&[&head[..], &frame(TEXT, b"early"), &frame(TEXT, b"half")[..7]].concat())
        .await
        .unwrap();
    let mut ws = websans_tokio::accept(right).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "early".into());
    left.write_all(&frame(TEXT, b"half")[7..]).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "half".into());
}

#[tokio::test]
async fn connect_says_what_is_wrong() {
    let told = |uri: &'static str| async move {
        websans_tokio::connect(uri).await.unwrap_err().to_string()
    };
    assert_eq!(told("http://localhost").await, "a WebSocket URI begins with ws:// or wss://");
    assert_eq!(
        told("ws://localhost:0").await,
        "the port of the URI is not a number from 1 to 65535"
    );
    // Nobody listens there: it was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let error = websans_tokio::connect(&format!("ws://{addr}")).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with(&format!("the transport failed: cannot connect to {addr}: ")),
        "{said}"
    );
    assert!(!said.contains('\n'));
    let Error::Io(error) = error else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    #[cfg(not(feature = "rustls"))]
    assert_eq!(
        told("wss://localhost").await,
        "wss:// needs the feature rustls of websans-tokio, or a TLS stream of your own"
    );
}

#[tokio::test]
async fn over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut ws = websans_tokio::accept(listener.accept().await.unwrap().0).await.unwrap();
        while let Some(message) = ws.next().await {
            ws.send(message.unwrap()).await.unwrap();
        }
    });
    let mut ws = websans_tokio::connect(&format!("ws://{addr}/")).await.unwrap();
    assert_eq!(ws.with_stream(|stream| stream.tcp().peer_addr()).unwrap(), addr);
    let message = Message::from(noise(3_000_000));
    // It is echoed only when all of it is there, so that nobody waits for the other.
    ws.send(message.clone()).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), message);
    ws.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    server.await.unwrap();
}
