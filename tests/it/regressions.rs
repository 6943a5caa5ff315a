//! What fuzzing and reviews have found, each as small as it can be.
//!
//! Sections: none, each test names what it is about

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{ClientHandshake, Connection, Event, RecvBuf, Request, Role, SendBuf};

/// The body of a refusal that is read in pieces of this size, and whether it is complete.
fn refusal(response: &str, size: usize) -> (Vec<u8>, bool) {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let request = Request::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, config(), &mut tx).unwrap();
    for chunk in response.as_bytes().chunks(size) {
        rx.extend(chunk);
        if let Some(response) = handshake.next_response(&mut rx).unwrap() {
            return (response.body().to_vec(), response.body_is_complete());
        }
    }
    panic!("it does not end")
}

/// Sections: RFC 9112 §7.1
#[test]
fn a_long_line_before_a_chunk_is_malformed_however_it_is_cut() {
    for (extension, complete) in [(40, true), (80, false)] {
        let extension = "x".repeat(extension);
        let head = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n";
        let response = format!("{head}2\r\nno\r\n1;{extension}\r\n!\r\n0\r\n\r\n");
        let body = if complete { "no!" } else { "no" };
        for size in 1..=response.len() {
            let expected = (body.as_bytes().to_vec(), complete);
            assert_eq!(refusal(&response, size), expected, "in pieces of {size}");
        }
    }
}

/// Reads as much as there is room for; a transport that is asked for nothing seems to have ended.
fn read_some(rx: &mut RecvBuf, input: &mut &[u8]) {
    let room = rx.spare_mut();
    assert!(room.len() >= 4096, "{}", room.len());
    let n = room.len().min(input.len());
    room[..n].copy_from_slice(&input[..n]);
    rx.advance(n);
    *input = &input[n..];
}

#[test]
fn spin_there_is_room_to_read_when_only_a_header_has_come_behind_a_large_message() {
    for role in ROLES {
        for len in [5000, 10_000, 60_000, 100_000] {
            let large = frame_to(role, Opcode::BINARY, true, &vec![1; 1 << 20]);
            let next = frame_to(role, Opcode::BINARY, true, &vec![2; len]);
            let wire = [large, next].concat();
            let (mut first, mut rest) = wire.split_at(wire.len() - len);
            let (mut ws, mut rx, mut tx) =
                (connection(role, config()), RecvBuf::new(), SendBuf::new());
            let mut got = Vec::new();
            while got.len() < 2 {
                match ws.next_event(&mut rx, &mut tx).unwrap() {
                    Some(Event::Binary(data)) => got.push(data.len()),
                    Some(other) => panic!("{other:?}"),
                    None if first.is_empty() => read_some(&mut rx, &mut rest),
                    None => read_some(&mut rx, &mut first),
                }
            }
            assert_eq!(got, [1 << 20, len]);
        }
    }
}

/// Sections: RFC 9112 §7.1
#[test]
fn a_line_before_a_chunk_is_too_long_with_its_64th_byte() {
    for (len, decided) in [(63, false), (64, true)] {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let request = Request::new("ws://a/").unwrap();
        let mut handshake = ClientHandshake::new(&request, config(), &mut tx).unwrap();
        rx.extend(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n1;");
        rx.extend(&vec![b'x'; len - 2]);
        let response = handshake.next_response(&mut rx).unwrap();
        assert_eq!(response.is_some(), decided, "{len}");
        assert!(response.is_none_or(|response| !response.body_is_complete()));
    }
}

#[test]
fn spin_there_is_room_to_read_when_a_part_was_handed_over() {
    for len in [20_000, 40_000, 80_000, 300_000] {
        let wire = frame_to(Role::Client, Opcode::BINARY, true, &vec![1; len]);
        let (mut ws, mut rx, mut tx) =
            (Connection::client(config()), RecvBuf::new(), SendBuf::new());
        let (mut input, mut got) = (&wire[..], 0);
        while got < len {
            match ws.next_partial(&mut rx, &mut tx).unwrap() {
                Some(_) => got += rx.take_binary().len(),
                None => read_some(&mut rx, &mut input),
            }
        }
        assert_eq!(got, len);
    }
}

#[test]
fn spin_there_is_room_to_read_behind_a_header_that_was_copied_in() {
    let header = header_to(Role::Server, FrameHeader::new(Opcode::BINARY, 5000));
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&header);
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    read_some(&mut rx, &mut &[0; 10][..]);
}

#[test]
fn stale_message_nothing_can_be_taken_after_clear_or_an_error() {
    let secret = frame_to(Role::Client, Opcode::TEXT, true, b"secret");
    let (mut ws, mut rx, mut tx) = (Connection::client(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&secret);
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    rx.clear();
    assert_eq!(rx.take_binary(), b"");
    rx.extend(&secret);
    rx.extend(&frame_to(Role::Client, Opcode::TEXT, true, b"\xff"));
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert!(ws.next_event(&mut rx, &mut tx).is_err());
    assert_eq!(rx.take_binary(), b"");
}

#[test]
#[cfg(feature = "std")]
fn a_producer_that_has_no_bytes_yet_is_no_dead_transport() {
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        ws.send_header(websans::Message::binary(b""), 10, &mut tx).unwrap();
        let mut socket = Vec::new();
        assert_eq!(tx.extend_payload(b"abc"), 3);
        assert!(tx.write_to(&mut socket).unwrap() > 0);
        assert_eq!(tx.write_to(&mut socket).unwrap(), 0, "{role:?}");
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use crate::support::*;
    use websans::frame::{FrameHeader, Opcode};
    use websans::{
        ClientHandshake, Config, Connection, Error, Event, PermessageDeflate, RecvBuf, Request,
        Response, Role, SendBuf, ServerHandshake,
    };

    /// A server's connection on which permessage-deflate is agreed.
    fn server(config: Config) -> Connection {
        let config = config.permessage_deflate(PermessageDeflate::default());
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let request = Request::new("ws://a/").unwrap();
        ClientHandshake::new(&request, config, &mut tx).unwrap();
        rx.extend(tx.as_slice());
        let mut handshake = ServerHandshake::new(config);
        let request = handshake.next_request(&mut rx, &mut tx).unwrap().unwrap();
        request.accept(&Response::new(), &mut tx).unwrap()
    }

    fn compressed(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let header = FrameHeader::new(opcode, payload.len() as u64).with_rsv1(true);
        [&header_to(Role::Server, header)[..], &mask(payload, KEY)].concat()
    }

    /// The error for a compressed text message, however it is cut.
    fn error(config: Config, payload: &[u8]) -> Error {
        let wire = compressed(Opcode::TEXT, payload);
        let errors = (1..=wire.len()).map(|size| {
            let (mut ws, mut rx, mut tx) = (server(config), RecvBuf::new(), SendBuf::new());
            let last = wire.chunks(size).map(|chunk| {
                rx.extend(chunk);
                ws.next_event(&mut rx, &mut tx).err()
            });
            last.last().flatten().expect("it is wrong")
        });
        let errors: Vec<Error> = errors.collect();
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        errors[0]
    }

    /// A stored block that is not the last (RFC 1951 §3.2.4).
    fn stored(data: &[u8]) -> Vec<u8> {
        let len = u16::try_from(data.len()).unwrap();
        [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), data].concat()
    }

    /// Sections: RFC 6455 §8.1
    #[test]
    fn utf8_bad_text_before_corrupt_deflate_is_bad_text_however_it_is_cut() {
        let payload = [&stored(b"ab\xff")[..], &[0x07]].concat(); // block type 3 is none
        assert_eq!(error(Config::default(), &payload), Error::InvalidUtf8 { valid_up_to: 2 });
        let payload = [&stored("aé".as_bytes())[..], &[0x07]].concat();
        assert_eq!(error(Config::default(), &payload), Error::CorruptDeflate);
    }

    /// Sections: RFC 6455 §10.4, RFC 7692 §7.2.2
    #[test]
    fn bomb_what_is_too_large_before_it_is_corrupt_is_too_large_however_it_is_cut() {
        let config = Config::default().max_message_size(4);
        let payload = [&stored(b"abcde")[..], &[0x07]].concat(); // block type 3 is none
        let expected = Error::MessageTooLarge { len: 5, limit: 4 };
        assert_eq!(error(config, &payload), expected);
    }

    /// What would be the lengths of a stored block went on in the next message, unless memory was
    /// released between them.
    /// Sections: RFC 7692 §7.2.2
    #[test]
    fn a_message_that_ends_within_the_header_of_a_block_is_corrupt() {
        let lengths = [0x63, 0x10, 0x05, 0x0c, 0xc4, 0x0a, 0x00, 0x00];
        let dynamic = [0x2c]; // block type 2, and three bits of how many codes there are
        for payload in [&lengths[..], &dynamic, &[&stored(b"a")[..], &dynamic].concat()] {
            assert_eq!(error(Config::default(), payload), Error::CorruptDeflate);
        }
    }

    /// A block whose last code is in the last octet of the tail, but not at its end.
    /// Sections: RFC 7692 §7.2.2
    #[test]
    fn a_block_that_ends_within_the_last_octet_of_the_tail_is_corrupt() {
        let mut bits = Vec::new();
        let mut push = |value: u32, n: u32| bits.extend((0..n).map(|bit| value >> bit & 1 == 1));
        push(0b010, 3); // an empty block of fixed codes (RFC 1951 §3.2.6), to fill octets
        push(0, 7);
        push(0b100, 3); // one of dynamic codes (§3.2.7)
        push(0, 5); // of 257 literals and lengths,
        push(3, 5); // 4 distances,
        push(12, 4); // and 16 lengths of codes: 0 is written as 0, 2 as 1
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2] {
            push(u32::from(matches!(symbol, 0 | 2)), 3);
        }
        // The first 253 have no code, of which the last 16 zeros are the tail's; its ones are the
        // lengths of the others, and the code for the end of the block.
        (0..253 - 16).for_each(|_| push(0, 1));
        let octet =
            |bits: &[bool]| bits.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit));
        assert_eq!(bits.len() % 8, 0);
        let payload: Vec<u8> = bits.chunks(8).map(octet).collect();
        assert_eq!(error(Config::default(), &payload), Error::CorruptDeflate);
    }

    /// Sections: RFC 7692 §7.2.2
    #[test]
    fn a_message_whatever_its_last_bytes_is_corrupt_or_leaves_the_next_one_as_it_is() {
        let next = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut accepted = 0;
        for last in 0..=u16::MAX {
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            let mut ws = server(Config::default());
            let payload = [&stored(b"a")[..], &last.to_le_bytes()].concat();
            rx.extend(&compressed(Opcode::BINARY, &payload));
            rx.extend(&compressed(Opcode::BINARY, &next));
            if ws.next_event(&mut rx, &mut tx).is_ok() {
                let Ok(Some(Event::Binary(data))) = ws.next_event(&mut rx, &mut tx) else {
                    panic!("nothing after {last:#x}");
                };
                assert_eq!(data, b"Hello", "after {last:#x}");
                accepted += 1;
            }
        }
        assert!(accepted > 0);
    }

    /// Sections: RFC 6455 §8.1
    #[test]
    fn utf8_bad_text_before_the_limit_is_bad_text_however_it_is_cut() {
        let config = Config::default().max_message_size(4);
        let payload = stored(b"a\xffbcdef");
        assert_eq!(error(config, &payload), Error::InvalidUtf8 { valid_up_to: 1 });
        let expected = Error::MessageTooLarge { len: 5, limit: 4 };
        assert_eq!(error(config, &stored(b"abcdef\xff")), expected);
    }
}
