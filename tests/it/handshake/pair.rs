//! A client and a server that shake hands in memory, and what any bytes do to either.
//!
//! Sections: RFC 6455 §4.1, §4.2.1, §4.2.2

use super::*;
use crate::support::ROLES;
use proptest::prelude::*;
use websans::{Connection, Event, Response, Role, State};

/// Both ends, after at most `step` bytes were carried at a time.
fn shake_hands(request: &Request, supported: &[&str], step: usize) -> (Connection, Connection) {
    let (mut client_rx, mut client_tx) = (RecvBuf::new(), SendBuf::new());
    let (mut server_rx, mut server_tx) = (RecvBuf::new(), SendBuf::new());
    let config = Config::default().masking_keys(FIXED_KEY);
    let mut client = ClientHandshake::new(request, config, &mut client_tx).unwrap();
    let mut server = ServerHandshake::new(Config::default());
    let mut accepted = None;
    loop {
        carry(&mut client_tx, &mut server_rx, step);
        if accepted.is_none()
            && let Some(request) = server.next_request(&mut server_rx, &mut server_tx).unwrap()
        {
            assert!(request.is_same_origin());
            let chosen = request.choose_subprotocol(supported);
            let response = Response::new().subprotocol(chosen).header("X-Server", "1").unwrap();
            let mut ws = request.accept(&response, &mut server_tx).unwrap();
            // A server may send at once.
            ws.send_text("welcome", &mut server_tx).unwrap();
            accepted = Some(ws);
        }
        carry(&mut server_tx, &mut client_rx, step);
        if let Some(response) = client.next_response(&mut client_rx).unwrap() {
            assert_eq!(response.header("x-server"), Some(&b"1"[..]));
            let mut ws = response.into_connection().unwrap();
            while !server_tx.as_slice().is_empty() {
                carry(&mut server_tx, &mut client_rx, step);
            }
            let event = ws.next_event(&mut client_rx, &mut client_tx).unwrap();
            assert_eq!(event, Some(Event::Text("welcome")));
            return (ws, accepted.unwrap());
        }
    }
}

fn carry(tx: &mut SendBuf, rx: &mut RecvBuf, step: usize) {
    let len = tx.as_slice().len().min(step);
    rx.extend(&tx.as_slice()[..len]);
    tx.consume(len);
}

#[test]
fn a_client_and_a_server_agree() {
    for step in [1, 7, 64, usize::MAX] {
        for (offered, supported, agreed) in [
            (&[][..], &[][..], None),
            (&["a"], &[], None),
            (&[], &["a"], None),
            (&["a", "b"], &["b", "a"], Some("b")),
            (&["a", "b"], &["c"], None),
        ] {
            let request = Request::new("ws://a.example:8080/b?c=d")
                .and_then(|it| it.header("Origin", "http://a.example:8080"))
                .and_then(|it| offered.iter().try_fold(it, |it, name| it.subprotocol(name)))
                .unwrap();
            let (client, server) = shake_hands(&request, supported, step);
            assert_eq!((client.subprotocol(), server.subprotocol()), (agreed, agreed));
            assert_eq!((client.state(), server.state()), (State::Open, State::Open));
        }
    }
}

#[test]
fn one_request_serves_any_number_of_handshakes() {
    let request = Request::new("ws://a").and_then(|it| it.subprotocol("b")).unwrap();
    for _ in 0..3 {
        let (client, _) = shake_hands(&request, &["b"], usize::MAX);
        assert_eq!(client.subprotocol(), Some("b"));
    }
}

/// Feeds any bytes to either side, in any cut: no panic, and the same result as at once.
fn any_cut(role: Role, bytes: &[u8], cuts: &[usize]) -> (Outcome, Outcome) {
    let run = |chunks: &mut dyn Iterator<Item = &[u8]>| match role {
        Role::Server => {
            let (mut handshake, mut rx, mut tx) =
                (ServerHandshake::new(Config::default()), RecvBuf::new(), SendBuf::new());
            let mut seen = Ok(None);
            for chunk in chunks {
                rx.extend(chunk);
                if let Ok(None) = seen {
                    seen = handshake.next_request(&mut rx, &mut tx).map(|it| it.map(Seen::from));
                }
            }
            let output = String::from_utf8(tx.as_slice().into()).unwrap();
            Outcome { seen, output, left: 0 }
        }
        Role::Client => {
            let config = Config::default().masking_keys(FIXED_KEY);
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            let mut handshake = ClientHandshake::new(&sample_request(), config, &mut tx).unwrap();
            let mut seen = Ok(None);
            for chunk in chunks {
                rx.extend(chunk);
                if let Ok(None) = seen {
                    seen = handshake.next_response(&mut rx).map(|it| it.map(Seen::from));
                }
            }
            // How much of a body without an end has come depends on the cut.
            if let Ok(Some(Seen { body, .. })) = &mut seen {
                body.clear();
            }
            Outcome { seen, output: String::new(), left: 0 }
        }
    };
    let mut rest = bytes;
    let mut chunks = cuts.iter().map(|cut| {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        rest = after;
        chunk
    });
    let mut chunked: Vec<&[u8]> = chunks.by_ref().collect();
    chunked.push(rest);
    (run(&mut chunked.into_iter()), run(&mut std::iter::once(bytes)))
}

/// Heads that are nearly right.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("GET /chat HTTP/1.1".to_owned()),
        Just("HTTP/1.1 101 Switching Protocols".to_owned()),
        Just("HTTP/1.1 404 Not Found".to_owned()),
        Just("Host: a".to_owned()),
        Just("Upgrade: websocket".to_owned()),
        Just("Connection: Upgrade".to_owned()),
        Just("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
        Just("Sec-WebSocket-Version: 13".to_owned()),
        Just("Content-Length: 3".to_owned()),
        Just("Transfer-Encoding: chunked".to_owned()),
        Just(String::new()),
        "[A-Z][ -~]{0,20}",
    ];
    let lines = prop::collection::vec(line, 0..12);
    let spoil = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (lines, spoil).prop_map(|(lines, spoil)| {
        let mut bytes = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
        if let Some((at, byte)) = spoil {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(
        bytes: Vec<u8>,
        cuts in prop::collection::vec(0..20_usize, 0..20),
    ) {
        for role in ROLES {
            let (cut, whole) = any_cut(role, &bytes, &cuts);
            prop_assert_eq!(cut, whole);
        }
    }

    #[test]
    fn heads_that_are_nearly_right_do_no_harm(
        bytes in nearly(),
        cuts in prop::collection::vec(0..60_usize, 0..20),
    ) {
        for role in ROLES {
            let (cut, whole) = any_cut(role, &bytes, &cuts);
            prop_assert_eq!(cut, whole);
        }
    }
}
