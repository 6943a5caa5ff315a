//! Any bytes as a server's response: the same in every cut; what is accepted is what RFC 6455
//! §4.1 asks for, seen with `httparse`, and what is plainly that is accepted.

#![no_main]

use websans::{
    ClientHandshake, Config, HandshakeError, IncomingResponse, PermessageDeflate, RecvBuf, Request,
    SendBuf, accept_key,
};
use websans_fuzz::drive::READ_AHEAD;
use websans_fuzz::head::{Head, ends_lines_with_crlf};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};
use websans_fuzz::says_why;
use websans_fuzz::wire::FIXED_KEY;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    reason: String,
    headers: Vec<(String, Vec<u8>)>,
    subprotocol: Option<String>,
    body: Vec<u8>,
    body_is_complete: bool,
    deflate: bool,
}

/// What was seen, and how many bytes were left.
type Outcome = (Result<Seen, HandshakeError>, usize);

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let [tight, deflate, subprotocols, ..] = input.flags();
    let seed = input.byte();
    let bytes = input.rest();
    let mut config = Config::default().masking_keys(FIXED_KEY);
    if tight {
        config = config.max_head_size(250).max_headers(8);
    }
    if deflate {
        config = config.permessage_deflate(PermessageDeflate::default());
    }
    let mut request = Request::new("ws://server.example.com/chat").unwrap();
    if subprotocols {
        request = request.subprotocol("chat").unwrap().subprotocol("superchat").unwrap();
    }
    let (mut expected, key) = connect(&request, bytes, 0, config);
    for seed in [1, seed] {
        let (mut got, _) = connect(&request, bytes, seed, config);
        // Where the end of a body is not known, there is as much of it as happened to be there.
        if let ((Ok(seen), left), (Ok(expected), expected_left)) = (&mut got, &mut expected)
            && !seen.body_is_complete
        {
            assert!(expected.body.starts_with(&seen.body));
            seen.body.clone_from(&expected.body);
            *left = *expected_left;
        }
        assert_eq!(got, expected, "cut as {seed}");
    }
    let (seen, left) = expected;
    let limits = if tight { (250, 8) } else { (16 << 10, 100) };
    let is_accepted = seen.as_ref().is_ok_and(|seen| seen.status == 101);
    assert!(is_accepted || !is_plain(bytes, limits, &key, subprotocols), "refused");
    match seen {
        Ok(seen) => check(&seen, &bytes[..bytes.len() - left], &key, deflate, subprotocols),
        Err(error) => says_why(&error),
    }
}));

fn connect(request: &Request, bytes: &[u8], seed: u8, config: Config) -> (Outcome, Vec<u8>) {
    let (mut rx, mut tx, mut meter) = (RecvBuf::new(), SendBuf::new(), Meter::default());
    let mut handshake = meter.run(|| ClientHandshake::new(request, config, &mut tx)).unwrap();
    let mut room = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Request::new(&mut room);
    let len = tx.as_slice().len();
    assert_eq!(head.parse(tx.as_slice()), Ok(httparse::Status::Complete(len)));
    let key = head.headers.iter().find(|it| it.name == "Sec-WebSocket-Key").unwrap().value.to_vec();

    let mut seen: Option<Result<Seen, HandshakeError>> = None;
    for chunk in Cuts::new(bytes, seed) {
        meter.run(|| rx.extend(chunk));
        if let Some(seen) = &seen {
            let expected = match seen {
                Ok(Seen { status: 101, .. }) => HandshakeError::Finished,
                Ok(Seen { status, .. }) => HandshakeError::Refused { status: *status },
                Err(error) => *error,
            };
            assert_eq!(handshake.next_response(&mut rx).map(drop), Err(expected), "final");
            continue;
        }
        seen = match meter.run(|| handshake.next_response(&mut rx)) {
            Ok(None) => None,
            Ok(Some(response)) => Some(Ok(see(response, &mut meter))),
            Err(error) => Some(Err(error)),
        };
    }
    handshake.handle_eof();
    let seen = seen.unwrap_or_else(|| match meter.run(|| handshake.next_response(&mut rx)) {
        Ok(response) => Ok(see(response.expect("the end has come"), &mut meter)),
        Err(error) => Err(error),
    });
    // The response, twice while it grows; 32 bytes for each field, which has 4 at least; and what
    // is in the chunks of a body.
    let bound = 13 * bytes.len() + 3 * len + READ_AHEAD;
    assert!(meter.peak() <= bound, "{} bytes, more than {bound}", meter.peak());
    let left = if seen.is_ok() { rx.len() } else { 0 };
    ((seen, left), key)
}

fn see(response: IncomingResponse<'_>, meter: &mut Meter) -> Seen {
    let mut seen = Seen {
        status: response.status(),
        reason: response.reason().into(),
        headers: response.headers().map(|(name, value)| (name.into(), value.into())).collect(),
        subprotocol: response.subprotocol().map(String::from),
        body: response.body().into(),
        body_is_complete: response.body_is_complete(),
        deflate: false,
    };
    assert_eq!(response.is_accepted(), seen.status == 101);
    match meter.run(|| response.into_connection()) {
        Ok(ws) => {
            assert_eq!(ws.subprotocol(), seen.subprotocol.as_deref());
            seen.deflate = ws.permessage_deflate().is_some();
            meter.run(|| drop(ws));
        }
        Err(error) => assert_eq!(error, HandshakeError::Refused { status: seen.status }),
    }
    seen
}

fn head_len<'b>(response: &mut httparse::Response<'_, 'b>, received: &'b [u8]) -> usize {
    match response.parse(received) {
        Ok(httparse::Status::Complete(len)) => len,
        other => panic!("not a head: {other:?}"),
    }
}

/// Whether it accepts as most servers do.
fn is_plain(bytes: &[u8], limits: (usize, usize), key: &[u8], subprotocols: bool) -> bool {
    let mut room = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut room);
    let Ok(httparse::Status::Complete(len)) = response.parse(bytes) else { return false };
    let head = Head(response.headers.iter().map(|it| (it.name.into(), it.value.into())).collect());
    let one = |name: &str, value: &[u8]| matches!(head.all(name)[..], [it] if it.eq_ignore_ascii_case(value));
    (len <= limits.0 && head.0.len() <= limits.1)
        && ends_lines_with_crlf(&bytes[..len])
        && bytes.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n")
        && one("Upgrade", b"websocket")
        && one("Connection", b"upgrade")
        && head.all("Sec-WebSocket-Accept") == [accept_key(key)]
        && head.all("Sec-WebSocket-Extensions").is_empty()
        && match head.all("Sec-WebSocket-Protocol")[..] {
            [] => true,
            [chosen] => subprotocols && chosen == b"chat",
            _ => false,
        }
}

fn check(seen: &Seen, mut received: &[u8], key: &[u8], deflate: bool, subprotocols: bool) {
    let mut room = [httparse::EMPTY_HEADER; 100];
    // Interim responses go before.
    while received.get(9) == Some(&b'1') && !received[9..].starts_with(b"101") {
        let mut interim = httparse::Response::new(&mut room);
        received = &received[head_len(&mut interim, received)..];
        room = [httparse::EMPTY_HEADER; 100];
    }
    let mut response = httparse::Response::new(&mut room);
    received = &received[head_len(&mut response, received)..];
    assert_eq!((response.code, response.reason), (Some(seen.status), Some(&seen.reason[..])));
    let head = Head(response.headers.iter().map(|it| (it.name.into(), it.value.into())).collect());
    assert_eq!(head.0, seen.headers);
    if seen.status != 101 {
        assert!(seen.subprotocol.is_none() && seen.body.len() <= received.len());
        return;
    }
    assert!(received.is_empty() && seen.body.is_empty(), "a response 101 has no body");
    assert_eq!(head.all("Sec-WebSocket-Accept"), [accept_key(key)]);
    assert!(head.all("Upgrade").iter().all(|it| it.eq_ignore_ascii_case(b"websocket")));
    assert!(head.has_token("Upgrade", "websocket") && head.has_token("Connection", "upgrade"));
    let chosen = head.all("Sec-WebSocket-Protocol");
    assert_eq!(chosen, seen.subprotocol.iter().map(String::as_bytes).collect::<Vec<_>>());
    let offered: &[&str] = if subprotocols { &["chat", "superchat"] } else { &[] };
    assert!(seen.subprotocol.iter().all(|chosen| offered.contains(&chosen.as_str())));
    assert!(deflate || !seen.deflate);
}
