//! permessage-deflate offers and answers through whole handshakes: what is agreed on is within
//! what was offered and within what is configured (RFC 7692 §5 and §7.1), and nothing that could
//! be agreed on is refused.

#![no_main]

use websans::{
    ClientHandshake, Config, Connection, Event, Extension, Extensions, HandshakeError,
    PermessageDeflate, RecvBuf, Request, Response, SendBuf, ServerHandshake, accept_key,
};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::Input;
use websans_fuzz::wire::{FIXED_KEY, connected};

/// The four parameters: of what is configured, offered, answered, or agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Params {
    server_plain: bool,
    client_plain: bool,
    server_bits: Option<u8>,
    client_bits: Option<u8>,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let (ours, theirs) = (settings(&mut input), settings(&mut input));
    let value = input.rest();
    two_of_us(ours, theirs);
    let is_field = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    if value.trim_ascii() == value && value.iter().all(is_field) {
        server(ours, value);
        client(ours, value);
    }
}));

fn settings(input: &mut Input<'_>) -> Params {
    let [server_plain, client_plain, ..] = input.flags();
    let bits = input.byte();
    let [server_bits, client_bits] = [bits & 15, bits >> 4].map(|bits| Some(bits.clamp(9, 15)));
    Params { server_plain, client_plain, server_bits, client_bits }
}

fn config(params: Params) -> Config {
    let deflate = PermessageDeflate::default()
        .server_no_context_takeover(params.server_plain)
        .client_no_context_takeover(params.client_plain)
        .server_max_window_bits(params.server_bits.unwrap())
        .client_max_window_bits(params.client_bits.unwrap());
    Config::default().masking_keys(FIXED_KEY).permessage_deflate(deflate)
}

fn agreed(ws: &Connection) -> Option<Params> {
    ws.permessage_deflate().map(|agreed| Params {
        server_plain: agreed.server_no_context_takeover(),
        client_plain: agreed.client_no_context_takeover(),
        server_bits: Some(agreed.server_max_window_bits()),
        client_bits: Some(agreed.client_max_window_bits()),
    })
}

/// Two endpoints of this crate always agree, and understand each other.
fn two_of_us(client: Params, server: Params) {
    let (mut ws, mut peer) = connected(config(client), config(server));
    assert!(agreed(&ws).is_some());
    assert_eq!(agreed(&ws), agreed(&peer));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    for text in ["compressible ".repeat(50), "compressible and so on ".repeat(50)] {
        ws.send_text(&text, &mut tx).unwrap();
        rx.extend(tx.as_slice());
        assert!(tx.len() < 300, "it is compressed");
        tx.consume(usize::MAX);
        assert_eq!(peer.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(&*text))));
    }
}

/// `None` is for parameters that RFC 7692 §7.1 does not allow there.
fn read(extension: &Extension<'_>, is_offer: bool) -> Option<Params> {
    let all: Vec<_> = extension.params().collect();
    let find = |name: &str| all.iter().find(|param| param.name == name);
    let names = all.iter().map(|param| param.name);
    let known = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    ];
    let ok = names.clone().all(|name| known.contains(&name))
        && known.iter().all(|known| names.clone().filter(|name| name == known).count() <= 1)
        && known[..2].iter().all(|name| find(name).is_none_or(|param| param.value.is_none()))
        && find(known[2]).is_none_or(|param| param.value.is_some())
        && find(known[3]).is_none_or(|param| param.value.is_some() || is_offer);
    let bits = |name: &str| match find(name).map(|param| param.value.as_deref()) {
        None => Some(None),
        Some(None) => Some(Some(15)),
        Some(Some(value)) => (8..=15).find(|bits: &u8| bits.to_string() == value).map(Some),
    };
    let params = Params {
        server_plain: find(known[0]).is_some(),
        client_plain: find(known[1]).is_some(),
        server_bits: bits(known[2])?,
        client_bits: bits(known[3])?,
    };
    ok.then_some(params)
}

fn is_deflate(extension: &Extension<'_>) -> bool {
    extension.name() == "permessage-deflate"
}

fn server(ours: Params, offers: &[u8]) {
    let (mut rx, mut tx, mut meter) = (RecvBuf::new(), SendBuf::new(), Meter::default());
    rx.extend(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: ",
    );
    rx.extend(offers);
    rx.extend(b"\r\n\r\n");
    let mut handshake = ServerHandshake::new(config(ours));
    let parsed: Result<Vec<_>, _> = Extensions::new(offers).collect();
    let result = meter.run(|| handshake.next_request(&mut rx, &mut tx));
    let (request, offers) = match (result, parsed) {
        (Ok(request), Ok(offers)) => (request.unwrap(), offers),
        (Err(HandshakeError::HeadTooLarge { .. }), _) => return,
        (Err(HandshakeError::InvalidHeader { .. }), Err(_)) => return meter.run(|| drop(tx)),
        (Err(HandshakeError::InvalidHeader { .. }), Ok(offers)) if offers.is_empty() => {
            return meter.run(|| drop(tx));
        }
        (result, parsed) => panic!("{result:?} {parsed:?}"),
    };
    let ws = meter.run(|| request.accept(&Response::new(), &mut tx)).unwrap();
    assert!(meter.peak() < 8 << 10, "{} bytes", meter.peak());
    let head = str::from_utf8(tx.as_slice()).unwrap();
    let answer = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));

    // §7.1.2.1: no more than the client allows, and zlib cannot do 8. §7.1.2.2: a client that
    // does not say so need not be able to limit its window.
    let ours_client = ours.client_bits.unwrap();
    let mut offers = offers.iter().filter(|it| is_deflate(it)).filter_map(|it| read(it, true));
    let usable = offers.find(|offer| {
        offer.server_bits != Some(8) && (offer.client_bits.is_some() || ours_client == 15)
    });
    let expected = usable.map(|offer| Params {
        server_plain: offer.server_plain || ours.server_plain,
        client_plain: offer.client_plain || ours.client_plain,
        server_bits: Some(offer.server_bits.unwrap_or(15).min(ours.server_bits.unwrap())),
        client_bits: Some(offer.client_bits.unwrap_or(15).min(ours_client)),
    });
    assert_eq!(agreed(&ws), expected);
    // The answer says just that.
    let answer = answer.map(|answer| Extensions::new(answer.as_bytes()).next().unwrap().unwrap());
    let answered = answer.map(|answer| {
        assert!(is_deflate(&answer));
        let said = read(&answer, false).expect("a valid answer");
        assert!(said.client_bits.is_none() || usable.is_some_and(|it| it.client_bits.is_some()));
        Params {
            server_bits: said.server_bits.or(Some(15)),
            client_bits: said.client_bits.or(Some(15)),
            ..said
        }
    });
    assert_eq!(answered, expected);
    meter.run(|| drop((ws, tx)));
}

fn client(ours: Params, answers: &[u8]) {
    let (mut rx, mut tx, mut meter) = (RecvBuf::new(), SendBuf::new(), Meter::default());
    let request = Request::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, config(ours), &mut tx).unwrap();
    let head = str::from_utf8(tx.as_slice()).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    rx.extend(
        b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    rx.extend(&accept_key(key.as_bytes()));
    rx.extend(b"\r\nSec-WebSocket-Extensions: ");
    rx.extend(answers);
    rx.extend(b"\r\n\r\n");
    let result = meter.run(|| {
        let response = handshake.next_response(&mut rx)?;
        response.unwrap().into_connection()
    });
    assert!(meter.peak() < 8 << 10, "{} bytes", meter.peak());
    let parsed: Result<Vec<_>, _> = Extensions::new(answers).collect();
    let expected = match parsed.as_deref() {
        Ok([]) => Ok(None),
        Ok([answer]) if is_deflate(answer) => read(answer, false).ok_or(()).and_then(|said| {
            let fits = (said.server_plain || !ours.server_plain)
                && said.server_bits.unwrap_or(15) <= ours.server_bits.unwrap()
                && said.client_bits.unwrap_or(8) <= ours.client_bits.unwrap();
            let agreed = Params {
                server_plain: said.server_plain,
                client_plain: said.client_plain || ours.client_plain,
                server_bits: Some(said.server_bits.unwrap_or(15)),
                client_bits: said.client_bits.or(ours.client_bits),
            };
            fits.then_some(Some(agreed)).ok_or(())
        }),
        Ok(_) | Err(_) => Err(()),
    };
    match &result {
        Err(HandshakeError::HeadTooLarge { .. }) => {}
        Err(error) => assert_eq!(expected, Err(()), "{error}"),
        Ok(ws) => assert_eq!(Ok(agreed(ws)), expected),
    }
    meter.run(|| drop(result));
}
