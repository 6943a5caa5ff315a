//! permessage-deflate, RFC 7692, against zlib itself.
//!
//! Sections: RFC 7692 §7

use crate::support::*;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use websans::frame::{FrameHeader, Opcode};
use websans::{
    ClientHandshake, Config, Connection, Error, Event, HandshakeError, Message, PermessageDeflate,
    RecvBuf, Request, Response, Role, SendBuf, SendError, ServerHandshake,
};

const DEFLATE: PermessageDeflate = PermessageDeflate::new();

fn config(deflate: PermessageDeflate) -> Config {
    Config::default().permessage_deflate(deflate).max_queued(None)
}

/// A server's connection for what a client offers, and the server's answer.
fn serve(config: Config, offer: &str) -> (Connection, Option<String>) {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Extensions: {offer}\r\n\r\n"
        )
        .as_bytes(),
    );
    let mut handshake = ServerHandshake::new(config);
    let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let ws = request.accept(&Response::new(), &mut tx).unwrap();
    let head = String::from_utf8(tx.as_slice().to_vec()).unwrap();
    let answer = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    (ws, answer.map(str::to_owned))
}

/// What becomes of a client that is answered so, and what it offered.
fn connect(config: Config, answer: &str) -> (Result<Connection, HandshakeError>, Option<String>) {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let request = Request::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, config, &mut tx).unwrap();
    let head = String::from_utf8(tx.as_slice().to_vec()).unwrap();
    let value =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let accept = websans::accept_key(value("Sec-WebSocket-Key: ").unwrap().as_bytes());
    rx.extend(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Extensions: {answer}\r\n\r\n",
            String::from_utf8_lossy(accept.as_ref())
        )
        .as_bytes(),
    );
    let result =
        handshake.next_response(&mut rx).and_then(|response| response.unwrap().into_connection());
    (result, value("Sec-WebSocket-Extensions: "))
}

/// zlib as a peer's compressor: a message as it is on the wire, §7.2.1.
fn compress(zlib: &mut Compress, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 1000);
    zlib.compress_vec(data, &mut out, FlushCompress::Sync).unwrap();
    match out.strip_suffix(&[0, 0, 0xFF, 0xFF]) {
        Some(stripped) => stripped.to_vec(),
        None => vec![0],
    }
}

/// zlib as a peer's decompressor, §7.2.2.
fn decompress(zlib: &mut Decompress, data: &[u8]) -> Vec<u8> {
    let data = [data, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = Vec::with_capacity(1 << 20);
    let before = zlib.total_in();
    let status = zlib.decompress_vec(&data, &mut out, FlushDecompress::Sync).unwrap();
    assert_ne!(status, Status::StreamEnd);
    assert_eq!(zlib.total_in() - before, data.len() as u64, "consumed whole");
    out
}

fn compressed_frame(role: Role, opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame_to(role, opcode, fin, payload);
    frame[0] |= 0x40;
    frame
}

/// Messages of every kind that compresses differently.
fn corpus() -> Vec<Vec<u8>> {
    let text = "It was the best of times, it was the worst of times. ".repeat(40);
    let json: String = (0..300)
        .map(|i| format!("{{\"id\":{i},\"price\":{}.5,\"ok\":true}},", i * 37 % 101))
        .collect();
    let mut state = 1_u64;
    let random: Vec<u8> = (0..70_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    vec![
        text.clone().into_bytes(),
        json.clone().into_bytes(),
        random[..300].to_vec(),
        vec![],
        vec![0; 100_000],
        b"x".to_vec(),
        json.into_bytes(),
        random,
        text.into_bytes(),
    ]
}

/// Sections: RFC 7692 §7.1.1, §7.1.2, §7.2.2
#[test]
fn what_zlib_compresses_at_each_window_size_and_takeover_is_inflated() {
    for bits in 9..=15 {
        for takeover in [true, false] {
            let parameter = if takeover { "" } else { "; client_no_context_takeover" };
            let offer = format!("permessage-deflate; client_max_window_bits={bits}{parameter}");
            let (mut ws, _) = serve(config(DEFLATE), &offer);
            let mut zlib = Compress::new_with_window_bits(Compression::best(), false, bits);
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            for message in corpus().iter().chain(&corpus()) {
                if !takeover {
                    zlib.reset();
                }
                let payload = compress(&mut zlib, message);
                rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
                let event = ws.next_event(&mut rx, &mut tx);
                assert_eq!(event, Ok(Some(Event::Binary(&message[..]))), "{offer}");
                assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
            }
        }
    }
}

/// Sections: RFC 7692 §7.1.1, §7.1.2, §7.2.1
#[test]
fn what_we_compress_at_each_window_size_and_takeover_zlib_inflates_in_just_that_window() {
    for bits in 9..=15 {
        for takeover in [true, false] {
            for level in [1, 6, 9] {
                let deflate = DEFLATE.level(level).min_size(0);
                let parameter = if takeover { "" } else { "; server_no_context_takeover" };
                let offer = format!("permessage-deflate; server_max_window_bits={bits}{parameter}");
                let (mut ws, answer) = serve(config(deflate), &offer);
                assert!(answer.unwrap().contains(&format!("server_max_window_bits={bits}")));
                let mut zlib = Decompress::new_with_window_bits(false, bits);
                let mut tx = SendBuf::new();
                for message in corpus().iter().chain(&corpus()) {
                    ws.send_binary(message, &mut tx).unwrap();
                    let (header, payload) = frames(tx.as_slice()).pop().unwrap();
                    tx.consume(usize::MAX);
                    assert!(header.rsv1() && header.fin());
                    if !takeover {
                        zlib = Decompress::new_with_window_bits(false, bits);
                    }
                    assert_eq!(decompress(&mut zlib, &payload), *message, "{offer}");
                }
            }
        }
    }
}

/// Sections: RFC 7692 §6.2, §7.2.2
#[test]
fn a_compressed_message_cut_at_every_place_is_the_same_whole_and_in_parts() {
    let text = "Hello, κόσμε! Hello, κόσμε! Hello, 🦀! Hello again.";
    let payload = compress(&mut Compress::new(Compression::best(), false), text.as_bytes());
    for fragment in 0..=payload.len() {
        let (first, second) = payload.split_at(fragment);
        let wire = [
            compressed_frame(Role::Server, Opcode::TEXT, false, first),
            frame_to(Role::Server, Opcode::PING, true, b"between"),
            frame_to(Role::Server, Opcode::CONTINUATION, true, second),
            frame_to(Role::Server, Opcode::TEXT, true, b"plain"),
        ]
        .concat();
        for cut in 0..=wire.len() {
            for partial in [false, true] {
                let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
                let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
                let mut got = String::new();
                let mut ends = 0;
                for read in [&wire[..cut], &wire[cut..]] {
                    rx.extend(read);
                    if partial {
                        while let Some(event) = ws.next_partial(&mut rx, &mut tx).unwrap() {
                            if let Event::Text(part) = event {
                                got.push_str(part.data);
                                ends += usize::from(part.last);
                            }
                        }
                    } else {
                        while let Some(event) = ws.next_event(&mut rx, &mut tx).unwrap() {
                            if let Event::Text(text) = event {
                                got.push_str(text);
                                ends += 1;
                            }
                        }
                    }
                }
                assert_eq!((got, ends), (format!("{text}plain"), 2), "{fragment} {cut}");
                assert!(rx.is_empty());
            }
        }
    }
}

/// Sections: RFC 7692 §7.2.2
#[test]
fn tail_a_compressed_frame_followed_at_once_by_another_leaves_the_second_intact() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let mut zlib = Compress::new(Compression::fast(), false);
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let messages = corpus();
    let wire: Vec<u8> = messages
        .iter()
        .flat_map(|message| {
            let payload = compress(&mut zlib, message);
            compressed_frame(Role::Server, Opcode::BINARY, true, &payload)
        })
        .collect();
    rx.extend(&wire);
    for message in &messages {
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Binary(&message[..]))));
    }
}

/// Sections: RFC 7692 §7.2.3.4
#[test]
fn bfinal_the_vector_of_rfc_7692_7_2_3_4_is_accepted_and_the_window_is_kept() {
    for offer in ["permessage-deflate", "permessage-deflate; client_max_window_bits=9"] {
        let (mut ws, _) = serve(config(DEFLATE), offer);
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let bfinal = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        for _ in 0..2 {
            rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &bfinal));
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("Hello"))));
        }
        // §7.2.3.2: refers to a "Hello" of an earlier message.
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &[0xf2, 0x00, 0x11, 0, 0]));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("Hello"))));
    }
}

/// Sections: RFC 7692 §7.2.1, §7.2.3.4
#[test]
fn bfinal_two_streams_in_one_message_and_a_reference_across_them() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate; client_no_context_takeover");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    // "Hello" with BFINAL, then "Hello" as a reference to it (§7.2.3.2).
    let payload = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x00, 0x11, 0x00, 0x00];
    for _ in 0..2 {
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &payload));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("HelloHello"))));
    }
}

/// Sections: RFC 7692 §7.2.3
#[test]
fn the_other_examples_of_rfc_7692_7_2_3() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let fragments = [
        vec![0x41, 0x03, 0xf2, 0x48, 0xcd],
        vec![0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00],
        vec![0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        vec![0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00],
        // Without compression, and two blocks.
        vec![0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        [
            &[0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff][..],
            &[0xca, 0xc9, 0xc9, 0x07, 0x00],
        ]
        .concat(),
    ];
    for frame in fragments {
        let header = FrameHeader::decode(&frame).unwrap().unwrap().0;
        let payload = &frame[2..];
        rx.extend(&header.with_masking_key(Some(KEY)).encode());
        rx.extend(&mask(payload, KEY));
        if header.fin() {
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("Hello"))));
        }
    }
}

/// Sections: RFC 7692 §7.2.3.6
#[test]
fn empty_messages_and_empty_parts_round_trip() {
    for takeover in [false, true] {
        let deflate = DEFLATE.min_size(0).server_no_context_takeover(!takeover);
        let (mut server, answer) = serve(config(deflate), "permessage-deflate");
        let (client, _) = connect(config(deflate), &answer.unwrap());
        let mut client = client.unwrap();
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        for parts in
            [&[""][..], &["a", ""], &["", "a"], &["", ""], &["", "", ""], &["a", "", "b", ""]]
        {
            for (i, part) in parts.iter().enumerate() {
                let last = i + 1 == parts.len();
                server.send(Message::text(*part).part(last), &mut tx).unwrap();
            }
            rx.extend(tx.as_slice());
            tx.consume(usize::MAX);
            let whole = parts.concat();
            assert_eq!(client.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(&whole[..]))));
        }
        server.send_text("", &mut tx).unwrap();
        assert_eq!(tx.as_slice(), [0xC1, 0x01, 0x00], "RFC 7692 §7.2.3.6");
    }
}

/// Sections: RFC 7692 §6.1, §7.2.1
#[test]
fn large_messages_in_parts_round_trip_from_either_role_with_small_messages_between() {
    let all = corpus();
    let (mut server, answer) = serve(config(DEFLATE), "permessage-deflate; client_max_window_bits");
    let (client, _) = connect(config(DEFLATE), &answer.unwrap());
    let mut client = client.unwrap();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    for round in 0..6 {
        let (from, to) =
            if round % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        for (i, message) in all.iter().enumerate() {
            from.send(Message::binary(message).part(i + 1 == all.len()), &mut tx).unwrap();
        }
        from.send_text("small", &mut tx).unwrap();
        assert!(tx.len() < 200_000);
        rx.extend(tx.as_slice());
        tx.consume(usize::MAX);
        let Ok(Some(Event::Binary(got))) = to.next_event(&mut rx, &mut tx) else { panic!() };
        assert_eq!(got, all.concat());
        assert_eq!(to.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("small"))));
    }
}

/// Sections: RFC 6455 §10.4
#[test]
fn bomb_of_1000_to_1_stops_within_one_piece_of_the_limit_and_is_bounded() {
    const LIMIT: u64 = 1 << 20;
    let bomb = compress(&mut Compress::new(Compression::best(), false), &vec![0; 100 << 20]);
    assert!(bomb.len() < 110 << 10);
    let wire = compressed_frame(Role::Server, Opcode::TEXT, true, &bomb);
    for partial in [false, true] {
        let (mut ws, _) = serve(config(DEFLATE).max_message_size(LIMIT), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&wire);
        let (error, heap) = measure(|| {
            loop {
                let result = if partial {
                    ws.next_partial(&mut rx, &mut tx).map(drop)
                } else {
                    ws.next_event(&mut rx, &mut tx).map(drop)
                };
                if let Err(error) = result {
                    break error;
                }
            }
        });
        assert_eq!(error, Error::MessageTooLarge { len: LIMIT + 1, limit: LIMIT });
        assert_eq!(closed_with(tx.as_slice()), Some(1009));
        let bound =
            if partial { 300 << 10 } else { 2 * LIMIT.cast_signed() as isize + (200 << 10) };
        assert!(heap.peak < bound, "{heap:?}");
    }
}

/// Sections: RFC 6455 §10.4
#[test]
fn the_limit_after_decompression_is_inclusive() {
    for (len, fits) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let data = compress(&mut Compress::new(Compression::none(), false), &vec![7; len]);
        assert!(data.len() > len, "it grew");
        let (mut ws, _) = serve(config(DEFLATE).max_message_size(1 << 20), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &data));
        assert_eq!(ws.next_event(&mut rx, &mut tx).is_ok(), fits);
    }
}

/// Sections: RFC 7692 §6.2
#[test]
fn a_compressed_message_larger_than_memory_arrives_in_bounded_parts() {
    let mut zlib = Compress::new(Compression::best(), false);
    let piece = vec![0; 8 << 20];
    let (mut ws, _) = serve(config(DEFLATE).max_message_size(None), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut total = 0;
    for i in 0..4 {
        let mut out = Vec::with_capacity(100_000);
        zlib.compress_vec(&piece, &mut out, FlushCompress::Sync).unwrap();
        let opcode = if i == 0 { Opcode::BINARY } else { Opcode::CONTINUATION };
        let mut frame = frame_to(Role::Server, opcode, false, &out);
        frame[0] |= if i == 0 { 0x40 } else { 0 };
        rx.extend(&frame);
        let ((), heap) = measure(|| {
            while let Some(Event::Binary(part)) = ws.next_partial(&mut rx, &mut tx).unwrap() {
                total += part.data.len();
            }
        });
        assert!(heap.peak < 300 << 10, "{heap:?}");
    }
    assert_eq!(total, 32 << 20);
}

/// Sections: RFC 6455 §7.4.1, §8.1, RFC 7692 §7.2.2
#[test]
fn corrupt_data_is_1007_and_text_fails_as_it_is_inflated() {
    for bytes in [&[0x07_u8; 20][..], b"\xff\xff\xff\xff", &[0x04, 0x00, 0x12, 0x34, 0x56]] {
        let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, bytes));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Err(Error::CorruptDeflate));
        assert_eq!(closed_with(tx.as_slice()), Some(1007));
    }
    let data = compress(&mut Compress::new(Compression::fast(), false), b"fine so far \xff and on");
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, false, &data));
    let error = ws.next_event(&mut rx, &mut tx);
    assert_eq!(error, Err(Error::InvalidUtf8 { valid_up_to: 12 }), "the message has not ended");
    assert_eq!(closed_with(tx.as_slice()), Some(1007));
}

/// Sections: RFC 7692 §7.1.2, §7.2.2
#[test]
fn a_reference_beyond_the_agreed_window_is_corrupt() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &[0xf2, 0x00, 0x11, 0, 0]));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(Error::CorruptDeflate));
}

/// Sections: RFC 7692 §6.1
#[test]
fn rsv1_place_on_control_frames_and_continuations_is_1002() {
    for opcode in [Opcode::PING, Opcode::PONG, Opcode::CLOSE, Opcode::CONTINUATION] {
        let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, false, b""));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        rx.extend(&compressed_frame(Role::Server, opcode, true, b""));
        let error = Error::ReservedBit { rsv: 1, opcode };
        assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error));
        assert_eq!(closed_with(tx.as_slice()), Some(1002));
    }
}

/// Sections: RFC 6455 §5.2
#[test]
fn rsv_bits_2_and_3_stay_reserved_with_the_extension() {
    for (rsv, bit) in [(2, 0x20), (3, 0x10)] {
        let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut frame = compressed_frame(Role::Server, Opcode::TEXT, true, b"");
        frame[0] = 0x81 | bit;
        rx.extend(&frame);
        let error = Error::ReservedBit { rsv, opcode: Opcode::TEXT };
        assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error));
    }
}

/// Sections: RFC 7692 §6.1, §8
#[test]
fn crime_a_message_that_must_not_be_compressed_is_not() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let mut tx = SendBuf::new();
    let secret = "secret ".repeat(50);
    ws.send(Message::text(&secret).uncompressed(), &mut tx).unwrap();
    ws.send(Message::text(&secret).uncompressed().part(false), &mut tx).unwrap();
    ws.send(Message::text(&secret).part(true), &mut tx).unwrap();
    ws.send_text("short", &mut tx).unwrap();
    ws.send_text(&secret, &mut tx).unwrap();
    let compressed: Vec<bool> =
        frames(tx.as_slice()).iter().map(|(header, _)| header.rsv1()).collect();
    assert_eq!(compressed, [false, false, false, false, true]);
}

/// What a server with these settings answers to an offer.
fn answer(deflate: PermessageDeflate, offer: &str) -> Option<String> {
    serve(config(deflate), offer).1
}

/// Sections: RFC 7692 §5, §7.1
#[test]
fn negotiation_a_server_answers_the_first_offer_that_it_can_accept() {
    for (offer, expected) in [
        ("permessage-deflate", Some("permessage-deflate")),
        ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            "permessage-deflate; client_max_window_bits=10",
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        ("x-webkit-deflate-frame, permessage-deflate", Some("permessage-deflate")),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        ("permessage-deflate; unknown, permessage-deflate", Some("permessage-deflate")),
        ("permessage-deflate; unknown", None),
        ("permessage-bzip2", None),
    ] {
        assert_eq!(answer(DEFLATE, offer).as_deref(), expected, "{offer}");
    }
}

/// Sections: RFC 7692 §5, §7.1
#[test]
fn negotiation_a_server_that_is_not_asked_to_declines_everything() {
    assert_eq!(serve(Config::default(), "permessage-deflate").1, None);
}

/// Sections: RFC 7692 §5, §7.1
#[test]
fn negotiation_a_servers_own_settings_are_in_its_answer() {
    let offer = "permessage-deflate; client_max_window_bits";
    for (deflate, expected) in [
        (
            DEFLATE.server_no_context_takeover(true),
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            DEFLATE.client_no_context_takeover(true),
            "permessage-deflate; client_no_context_takeover",
        ),
        (DEFLATE.server_max_window_bits(11), "permessage-deflate; server_max_window_bits=11"),
        (DEFLATE.client_max_window_bits(11), "permessage-deflate; client_max_window_bits=11"),
    ] {
        assert_eq!(answer(deflate, offer).as_deref(), Some(expected));
    }
    assert_eq!(answer(DEFLATE.client_max_window_bits(11), "permessage-deflate"), None);
    let narrower =
        answer(DEFLATE.server_max_window_bits(11), "permessage-deflate; server_max_window_bits=10");
    assert_eq!(narrower.as_deref(), Some("permessage-deflate; server_max_window_bits=10"));
}

/// Sections: RFC 7692 §7, §7.1.2.1, §7.1.2.2
#[test]
fn window_range_malformed_parameters_are_declined_by_a_server_and_fail_a_client() {
    for parameter in [
        "server_max_window_bits",
        "server_max_window_bits=0",
        "server_max_window_bits=1",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=+9",
        "server_max_window_bits=1000000000000000000000",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=0",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=9; client_max_window_bits=9",
        "client_max_window_bits=nine",
        "server_no_context_takeover=true",
        "client_no_context_takeover=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "Server_no_context_takeover",
        "unknown",
        "unknown=1",
    ] {
        let text = format!("permessage-deflate; {parameter}");
        assert_eq!(answer(DEFLATE, &text), None, "{text}");
        let error = connect(config(DEFLATE), &text).0.unwrap_err();
        assert_eq!(error, HandshakeError::ExtensionParameters, "{text}");
    }
    let error = connect(config(DEFLATE), "permessage-deflate; client_max_window_bits").0;
    assert_eq!(error.unwrap_err(), HandshakeError::ExtensionParameters, "an answer has a value");
}

/// Sections: RFC 7692 §7.1.2
#[test]
fn window_range_values_outside_it_cannot_be_configured() {
    let deflate =
        DEFLATE.server_max_window_bits(0).client_max_window_bits(255).level(99).mem_level(0);
    assert_eq!(deflate, DEFLATE.server_max_window_bits(9).level(9).mem_level(1));
}

/// Sections: RFC 7692 §5, §7.1.2.2
#[test]
fn negotiation_a_client_offers_its_settings_and_that_its_window_may_be_limited() {
    for (deflate, expected) in [
        (DEFLATE, "permessage-deflate; client_max_window_bits"),
        (
            DEFLATE.client_no_context_takeover(true),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        ),
        (
            DEFLATE
                .server_no_context_takeover(true)
                .server_max_window_bits(12)
                .client_max_window_bits(9),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
             client_max_window_bits=9",
        ),
    ] {
        let offer = connect(config(deflate), "").1;
        assert_eq!(offer.as_deref(), Some(expected));
    }
    assert_eq!(connect(Config::default(), "").1, None);
}

/// Sections: RFC 7692 §5, §7.1
#[test]
fn negotiation_what_a_client_accepts_as_an_answer() {
    let narrow = DEFLATE.server_max_window_bits(12).client_max_window_bits(10);
    let fresh = DEFLATE.server_no_context_takeover(true);
    for (deflate, answer, agreed) in [
        (DEFLATE, "permessage-deflate", Some((false, false, 15, 15))),
        (DEFLATE, "permessage-deflate; server_no_context_takeover", Some((true, false, 15, 15))),
        // §7.1.1.2: acceptable without having been offered.
        (DEFLATE, "permessage-deflate; client_no_context_takeover", Some((false, true, 15, 15))),
        (DEFLATE, "permessage-deflate; server_max_window_bits=9", Some((false, false, 9, 15))),
        (DEFLATE, "permessage-deflate; client_max_window_bits=9", Some((false, false, 15, 9))),
        (DEFLATE, "permessage-deflate; client_max_window_bits=8", Some((false, false, 15, 8))),
        (narrow, "permessage-deflate; server_max_window_bits=12", Some((false, false, 12, 10))),
        (
            narrow,
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
            Some((false, false, 10, 9)),
        ),
        // Wider than was offered, or not granted.
        (narrow, "permessage-deflate", None),
        (narrow, "permessage-deflate; server_max_window_bits=13", None),
        (narrow, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11", None),
        (fresh, "permessage-deflate", None),
        (fresh, "permessage-deflate; server_no_context_takeover", Some((true, false, 15, 15))),
    ] {
        let got = connect(config(deflate), answer).0.ok().map(|ws| {
            let agreed = ws.permessage_deflate().unwrap();
            (
                agreed.server_no_context_takeover(),
                agreed.client_no_context_takeover(),
                agreed.server_max_window_bits(),
                agreed.client_max_window_bits(),
            )
        });
        assert_eq!(got, agreed, "{answer}");
    }
}

/// Sections: RFC 6455 §9.1, RFC 7692 §5
#[test]
fn negotiation_unsolicited_answers_fail_a_client() {
    for (config, answer) in [
        (Config::default(), "permessage-deflate"),
        (config(DEFLATE), "permessage-deflate, permessage-deflate"),
        (config(DEFLATE), "x-other"),
        (config(DEFLATE), "permessage-deflate, x-other"),
    ] {
        let error = connect(config, answer).0.unwrap_err();
        assert_eq!(error, HandshakeError::ExtensionNotOffered, "{answer}");
    }
    assert!(connect(config(DEFLATE), "").0.unwrap().permessage_deflate().is_none(), "declined");
}

/// Sections: RFC 7692 §7.1.2
#[test]
fn bits_8_for_us_means_uncompressed_messages_or_a_declined_offer() {
    assert_eq!(answer(DEFLATE, "permessage-deflate; server_max_window_bits=8"), None);
    let (client, _) = connect(config(DEFLATE), "permessage-deflate; client_max_window_bits=8");
    let (mut client, mut tx) = (client.unwrap(), SendBuf::new());
    client.send_text(&"compressible ".repeat(100), &mut tx).unwrap();
    assert!(!frames(tx.as_slice())[0].0.rsv1(), "any window can decode it");
}

/// Sections: RFC 7692 §7.1.2
#[test]
fn bits_8_for_the_peer_is_inflated_even_if_it_compresses_with_9() {
    let (mut ws, answer) = serve(config(DEFLATE), "permessage-deflate; client_max_window_bits=8");
    assert_eq!(answer.as_deref(), Some("permessage-deflate; client_max_window_bits=8"));
    let mut zlib = Compress::new_with_window_bits(Compression::best(), false, 9);
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    for message in corpus() {
        let payload = compress(&mut zlib, &message);
        rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Binary(&message[..]))));
    }
}

/// Sections: none, memory is a promise of this crate
#[test]
fn nothing_is_allocated_until_the_first_compressed_message_and_what_can_be_is_released() {
    let deflate = DEFLATE.client_no_context_takeover(true).server_no_context_takeover(true);
    let payload = compress(&mut Compress::new(Compression::best(), false), &[b'x'; 500]);
    for (settings, kept) in [(deflate, 0), (DEFLATE, 500)] {
        let (mut ws, _) = serve(config(settings), "permessage-deflate");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, b"plain"));
        let ((), heap) = measure(|| {
            assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
            ws.send_text("plain", &mut tx).unwrap();
        });
        assert!(heap.held < 100, "{heap:?}");
        rx.release();
        let ((), heap) = measure(|| {
            for _ in 0..2 {
                rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &payload));
                let Ok(Some(Event::Text(text))) = ws.next_event(&mut rx, &mut tx) else { panic!() };
                ws.send_text(text, &mut tx).unwrap();
                assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
                tx.consume(usize::MAX);
                ws.release();
                rx.release();
                tx.release();
            }
        });
        assert!(heap.held <= 3 * kept + 100, "{settings:?}: {heap:?}");
        assert!(heap.peak > 100_000, "there were contexts: {heap:?}");
    }
}

/// Sections: RFC 7692 §7.1.1
#[test]
fn contexts_that_are_not_taken_over_are_shared_through_the_buffers() {
    let deflate = DEFLATE.client_no_context_takeover(true).server_no_context_takeover(true);
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let payload = compress(&mut Compress::new(Compression::best(), false), &[b'x'; 500]);
    let mut all: Vec<_> = (0..50).map(|_| serve(config(deflate), "permessage-deflate").0).collect();
    let mut echo = |ws: &mut Connection| {
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &payload));
        let Ok(Some(Event::Text(text))) = ws.next_event(&mut rx, &mut tx) else { panic!() };
        ws.send_text(text, &mut tx).unwrap();
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        let (_, sent) = frames(tx.as_slice()).pop().unwrap();
        assert_eq!(decompress(&mut Decompress::new(false), &sent), [b'x'; 500]);
        tx.consume(usize::MAX);
    };
    echo(&mut all[0]);
    let ((), heap) = measure(|| all.iter_mut().for_each(echo));
    assert!(heap.held < 1000, "49 more connections: {heap:?}");
}

/// Sections: RFC 7692 §7.2.1, §7.2.3.4
#[test]
fn bfinal_without_the_octet_behind_it_ends_the_message_and_leaves_the_next_intact() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let finished = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for payload in [&finished[..], &finished, &[0xf2, 0x00, 0x11, 0, 0], &finished] {
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, payload));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("Hello"))));
    }
}

/// Sections: RFC 7692 §7.2.1, §7.2.3.4
#[test]
fn bfinal_streams_without_end_are_not_inflated_without_end() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let payload = [0x03, 0x00].repeat(100_000);
    rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(Error::CorruptDeflate));
}

/// Sections: RFC 7692 §7.2.2
#[test]
fn a_message_that_is_cut_within_a_block_is_corrupt() {
    for (mut zlib, message) in [
        (Compress::new(Compression::best(), false), corpus().swap_remove(1)),
        (Compress::new(Compression::best(), false), b"short and without a repetition".to_vec()),
        (Compress::new(Compression::none(), false), vec![1; 300]),
    ] {
        let payload = compress(&mut zlib, &message);
        let mut accepted = 0;
        for cut in 1..payload.len() {
            let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload[..cut]));
            accepted += usize::from(ws.next_event(&mut rx, &mut tx).is_ok());
        }
        // Some cuts leave the beginning of a code of which the tail makes an end of block.
        assert!(accepted * 50 <= payload.len(), "{accepted} of {}", payload.len());
    }
}

/// Sections: none, how payloads are taken is this crate's
#[test]
fn taking_a_part_leaves_what_has_not_been_inflated_alone() {
    let text = "0123456789abcdef".repeat(20_000);
    let payload = compress(&mut Compress::new(Compression::best(), false), text.as_bytes());
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &payload));
    let mut got = String::new();
    while let Some(event) = ws.next_partial(&mut rx, &mut tx).unwrap() {
        assert!(matches!(event, Event::Text(_)));
        got.push_str(&rx.take_text());
    }
    assert_eq!(got, text);
}

/// Sections: none, how payloads are taken is this crate's
#[test]
fn what_was_inflated_can_be_taken_short_or_long() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut zlib = Compress::new(Compression::best(), false);
    for len in [0, 5, 20_000, 7, 300_000] {
        let text = "x".repeat(len);
        let payload = compress(&mut zlib, text.as_bytes());
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, &payload));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(&*text))));
        assert_eq!(rx.take_text(), text);
        assert_eq!(rx.take_text(), "", "it is gone");
    }
}

/// Sections: RFC 7692 §6.1
#[test]
fn a_payload_from_elsewhere_does_not_go_into_a_compressed_message() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let mut tx = SendBuf::new();
    ws.send(Message::text("part").part(false), &mut tx).unwrap();
    let queued = tx.len();
    let error = ws.send_header(Message::text("").part(true), 5, &mut tx);
    assert_eq!(error, Err(SendError::MessageInProgress { opcode: Opcode::TEXT }));
    assert_eq!(tx.len(), queued);
    ws.send(Message::text("last").part(true), &mut tx).unwrap();
}

/// Sections: none, memory is a promise of this crate
#[test]
fn memory_for_what_is_inflated_stays_within_the_message_limit_and_is_released() {
    const LIMIT: usize = 1 << 20;
    let limited = config(DEFLATE).max_message_size(LIMIT as u64);
    let (mut ws, _) = serve(limited, "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let payload = compress(&mut Compress::new(Compression::best(), false), &vec![7; LIMIT]);
    rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
    rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, b"next"));
    rx.extend(&[0x81]);
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert!(rx.capacity() <= LIMIT + (128 << 10), "{}", rx.capacity());
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("next"))));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    assert!(rx.capacity() <= 128 << 10, "{}", rx.capacity());
}

/// Sections: none, memory is a promise of this crate
#[test]
fn sizes_of_the_contexts_are_what_the_readme_says() {
    // KiB to inflate and to deflate, with the window and memory level.
    for (window, mem_level, most_in, most_out) in [(15, 8, 80, 380), (9, 1, 50, 140)] {
        let settings = DEFLATE.mem_level(mem_level);
        let offer = format!(
            "permessage-deflate; client_max_window_bits={window}; server_max_window_bits={window}"
        );
        let (mut ws, _) = serve(config(settings), &offer);
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let data = corpus().pop().unwrap().repeat(20);
        let mut zlib = Compress::new_with_window_bits(Compression::best(), false, window);
        let payload = compress(&mut zlib, &data);
        let ((), inflating) = measure(|| {
            rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
            assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
            rx.release();
        });
        let ((), deflating) = measure(|| {
            ws.send_binary(&data, &mut tx).unwrap();
            tx.consume(usize::MAX);
            tx.release();
        });
        let ((), released) = measure(|| ws.release());
        println!(
            "window bits {window}, memory level {mem_level}: {} KiB to inflate, {} KiB to deflate, \
             {} KiB of that released",
            inflating.held >> 10,
            deflating.held >> 10,
            -released.held >> 10
        );
        assert!(inflating.held >> 10 <= most_in, "{inflating:?}");
        assert!(deflating.held >> 10 <= most_out, "{deflating:?}");
    }
}

/// Sections: RFC 7692 §7.2.1, §7.2.3.4
#[test]
fn bfinal_on_the_empty_block_whose_end_is_the_tail_is_accepted() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let stored = b"\x00\x05\x00\xfa\xffHello\x01";
    for (payload, text) in [(&b"\x01"[..], ""), (stored, "Hello"), (b"\x01", ""), (stored, "Hello")]
    {
        rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, true, payload));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(text))));
    }
}

/// Sections: none, memory is a promise of this crate
#[test]
fn sizes_of_the_history_stay_within_the_window() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut zlib = Compress::new(Compression::best(), false);
    let payloads: Vec<_> = [vec![1; 32_767], vec![2], vec![3], vec![4; 20_000], vec![5; 20_000]]
        .iter()
        .map(|message| compress(&mut zlib, message))
        .collect();
    let ((), heap) = measure(|| {
        for payload in &payloads {
            rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, payload));
            assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        }
        rx.release();
    });
    assert!(heap.held <= 80 << 10, "{heap:?}");
}

/// As without compression: a fragment that was taken in is handed out when parts are asked for.
#[test]
fn compressed_parts_begin_with_what_was_taken_in_for_a_whole_message() {
    let (mut ws, _) = serve(config(DEFLATE), "permessage-deflate");
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut zlib = Compress::new_with_window_bits(Compression::default(), false, 15);
    let payload = compress(&mut zlib, b"compressed");
    rx.extend(&compressed_frame(Role::Server, Opcode::TEXT, false, &payload));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    let Ok(Some(Event::Text(part))) = ws.next_partial(&mut rx, &mut tx) else { panic!() };
    assert!(part.first && !part.last && "compressed".starts_with(part.data));
    assert!(!part.data.is_empty());
}

/// Sections: RFC 7692 §7.1.2.2, §7.2.2
///
/// A peer that refers to more than the window that was agreed on fails, whatever memory was given
/// back meanwhile.
#[test]
fn window_range_a_reference_beyond_the_window_fails_with_and_without_released_memory() {
    let mut random = 1_u32;
    let mut noise = |len: usize| -> Vec<u8> {
        std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_be_bytes()[0]
        })
        .take(len)
        .collect()
    };
    // The last message is 1,600 bytes behind the first.
    let mut messages = vec![noise(64)];
    messages.extend((0..40).map(|_| noise(40)));
    messages.push(messages[0].clone());
    for bits in [9, 10, 15] {
        for released in [false, true] {
            let deflate = DEFLATE.client_max_window_bits(bits);
            let (mut ws, _) = serve(config(deflate), "permessage-deflate; client_max_window_bits");
            let mut zlib = Compress::new_with_window_bits(Compression::best(), false, 15);
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            let mut last = Ok(());
            for message in &messages {
                let payload = compress(&mut zlib, message);
                rx.extend(&compressed_frame(Role::Server, Opcode::BINARY, true, &payload));
                last = ws.next_event(&mut rx, &mut tx).map(|event| {
                    assert_eq!(event, Some(Event::Binary(&message[..])));
                });
                if released {
                    ws.release();
                    rx.release();
                }
            }
            let expected = if bits == 15 { Ok(()) } else { Err(Error::CorruptDeflate) };
            assert_eq!(last, expected, "{bits} bits, released: {released}");
        }
    }
}
