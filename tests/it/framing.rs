//! RFC 6455 §5.1–§5.3 and §5.7: frames, lengths, reserved bits, masking.
//!
//! Sections: RFC 6455 §5.2

use crate::support::*;
use websans::frame::{FrameDecoder, FrameError, FrameHeader, FramePart, Opcode};
use websans::{CloseCode, Error, Role};

/// The examples of §5.7, each with the endpoint that may receive it and the events it makes.
fn rfc_vectors() -> Vec<(&'static str, Role, Vec<u8>, Vec<Owned>)> {
    let hello = || Owned::Text("Hello".into());
    let bytes = |n: usize| (0..n).map(|i| i as u8).collect::<Vec<_>>();
    vec![
        (
            "a single-frame unmasked text message",
            Role::Client,
            vec![0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            vec![hello()],
        ),
        (
            "a single-frame masked text message",
            Role::Server,
            vec![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            vec![hello()],
        ),
        (
            "a fragmented unmasked text message",
            Role::Client,
            vec![0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f],
            vec![hello()],
        ),
        (
            "unmasked ping request",
            Role::Client,
            vec![0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            vec![Owned::Ping(b"Hello".to_vec())],
        ),
        (
            "masked ping response",
            Role::Server,
            vec![0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            vec![Owned::Pong(b"Hello".to_vec())],
        ),
        (
            "256 bytes of binary in a single unmasked frame",
            Role::Client,
            [&[0x82, 0x7E, 0x01, 0x00], &bytes(256)[..]].concat(),
            vec![Owned::Binary(bytes(256))],
        ),
        (
            "64 KiB of binary in a single unmasked frame",
            Role::Client,
            [&[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0], &bytes(65536)[..]].concat(),
            vec![Owned::Binary(bytes(65536))],
        ),
    ]
}

#[test]
fn rsv_and_fin_bits_are_what_they_were_last_set_to_each_by_itself() {
    type Set = fn(FrameHeader, bool) -> FrameHeader;
    let set: [(u8, Set); 4] = [
        (0x80, FrameHeader::with_fin),
        (0x40, FrameHeader::with_rsv1),
        (0x20, FrameHeader::with_rsv2),
        (0x10, FrameHeader::with_rsv3),
    ];
    for others in [false, true] {
        let start =
            set.iter().fold(FrameHeader::new(Opcode::TEXT, 0), |it, (_, set)| set(it, others));
        let first = start.encode()[0];
        for (bit, set) in set {
            assert_eq!(set(set(start, true), true).encode()[0], first | bit);
            assert_eq!(set(set(start, false), false).encode()[0], first & !bit);
            assert_eq!(set(set(start, true), false).encode()[0], first & !bit);
            for value in [false, true] {
                let header = set(start, value);
                let read = [header.fin(), header.rsv1(), header.rsv2(), header.rsv3()];
                let expected =
                    [0x80, 0x40, 0x20, 0x10].map(|it| if it == bit { value } else { others });
                assert_eq!(read, expected);
            }
        }
    }
}

/// Sections: RFC 6455 §5.7
#[test]
fn rfc_5_7_every_example_gives_its_events_however_it_is_cut() {
    for (name, role, wire, events) in rfc_vectors() {
        let got = if wire.len() < 1000 {
            feed_every_way(role, config(), &wire)
        } else {
            let config = config().masking_keys(FIXED_KEY);
            let by_byte = feed(role, config, wire.chunks(1));
            let at_once = feed(role, config, [&wire[..]]);
            assert_eq!(by_byte, at_once);
            at_once
        };
        assert_eq!(got.events, events, "{name}");
        assert_eq!(got.error, None, "{name}");
    }
}

/// Sections: RFC 6455 §5.7
#[test]
fn rfc_5_7_every_header_is_encoded_as_in_the_examples() {
    for (name, _, wire, _) in rfc_vectors() {
        let (header, len) = FrameHeader::decode(&wire).unwrap().unwrap();
        assert_eq!(*header.encode(), wire[..len], "{name}");
    }
}

#[test]
fn headers_round_trip_at_every_boundary_of_length_and_need_every_byte() {
    for len in [0, 1, 125, 126, 127, 0xFFFE, 0xFFFF, 0x1_0000, u64::MAX >> 1] {
        for key in [None, Some(KEY)] {
            let header = FrameHeader::new(Opcode::BINARY, len).with_fin(false);
            let header = header.with_rsv1(true).with_rsv3(true).with_masking_key(key);
            let wire = header.encode();
            for end in 0..wire.len() {
                assert_eq!(FrameHeader::decode(&wire[..end]), Ok(None));
            }
            assert_eq!(FrameHeader::decode(&wire), Ok(Some((header, wire.len()))));
        }
    }
}

#[test]
fn length_overflow_lengths_near_every_power_are_refused_at_the_header() {
    for role in ROLES {
        for len in
            [(1_u64 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 5, (1 << 63) - 1]
        {
            let wire = header_to(role, FrameHeader::new(Opcode::BINARY, len));
            let got = feed_every_way(role, config(), &wire);
            assert_eq!(got.events, []);
            assert_eq!(closed_with(&got.output), Some(1009), "length {len}");
        }
        for len in [1 << 63, u64::MAX - 3, u64::MAX] {
            let mut wire = header_to(role, FrameHeader::new(Opcode::BINARY, 1 << 40));
            wire[2..10].copy_from_slice(&len.to_be_bytes());
            let got = feed_every_way(role, config(), &wire);
            assert_eq!(closed_with(&got.output), Some(1002), "length {len}");
        }
    }
}

#[test]
fn length_overflow_sums_of_fragments_do_not_wrap() {
    let unlimited = config().max_message_size(u64::MAX - 1).max_frame_size(None);
    // The first fragment is there in part only, so the second comes after a foreign connection's
    // worth of bytes in reality; what counts is that the sum of what was announced is checked.
    let limited = config().max_message_size((1 << 63) + 1).max_frame_size(None);
    for config in [unlimited, limited] {
        let first = frame_to(Role::Client, Opcode::BINARY, false, b"x");
        let second = header_to(Role::Client, FrameHeader::new(Opcode::CONTINUATION, u64::MAX >> 1));
        let got = feed(Role::Client, config, [&first[..], &second[..]]);
        assert_eq!(got, Transcript::default(), "legal, and waits for the payload");
    }
    let config = config().max_message_size((1 << 63) - 1).max_frame_size(None);
    let first = frame_to(Role::Client, Opcode::BINARY, false, b"x");
    let second = header_to(Role::Client, FrameHeader::new(Opcode::CONTINUATION, u64::MAX >> 1));
    let got = feed_every_way(Role::Client, config, &[first, second].concat());
    assert_eq!(got.error, Some(Error::MessageTooLarge { len: 1 << 63, limit: (1 << 63) - 1 }));
}

#[test]
fn length_msb_byte_by_byte_is_1002() {
    let wire = [0x82, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let got = feed(Role::Client, config().masking_keys(FIXED_KEY), wire.chunks(1));
    assert_eq!(got.error, Some(Error::Frame(FrameError::LengthTopBit { len: u64::MAX })));
    assert_eq!(closed_with(&got.output), Some(1002));
    assert_eq!(got, feed_every_way(Role::Client, config(), &wire));
}

#[test]
fn non_minimal_lengths_are_1002() {
    for role in ROLES {
        for len in [0_u16, 1, 125] {
            let mut wire = header_to(role, FrameHeader::new(Opcode::BINARY, 126));
            wire[2..4].copy_from_slice(&len.to_be_bytes());
            let got = feed_every_way(role, config(), &wire);
            let len = u64::from(len);
            assert_eq!(got.error, Some(Error::Frame(FrameError::NonMinimalLength { len })));
            assert_eq!(closed_with(&got.output), Some(1002));
        }
        for len in [0_u64, 125, 126, 0xFFFF] {
            let mut wire = header_to(role, FrameHeader::new(Opcode::BINARY, 0x1_0000));
            wire[2..10].copy_from_slice(&len.to_be_bytes());
            let got = feed_every_way(role, config(), &wire);
            assert_eq!(got.error, Some(Error::Frame(FrameError::NonMinimalLength { len })));
            assert_eq!(closed_with(&got.output), Some(1002));
        }
    }
}

#[test]
fn reserved_opcode_with_a_huge_length_is_1002_at_the_header() {
    for role in ROLES {
        for number in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
            let opcode = Opcode::new(number);
            for len in [0, 200, 1 << 40] {
                let wire = header_to(role, FrameHeader::new(opcode, len));
                let got = feed_every_way(role, config(), &wire);
                assert_eq!(got.error, Some(Error::ReservedOpcode { opcode }));
                assert_eq!(closed_with(&got.output), Some(1002));
            }
        }
    }
}

#[test]
fn rsv_each_bit_on_each_opcode_is_1002_and_repeatable() {
    for role in ROLES {
        for number in 0..16 {
            let opcode = Opcode::new(number);
            for rsv in 1..=3_u8 {
                let header = FrameHeader::new(opcode, 0)
                    .with_rsv1(rsv == 1)
                    .with_rsv2(rsv == 2)
                    .with_rsv3(rsv == 3);
                let got = feed_every_way(role, config(), &header_to(role, header));
                assert_eq!(got.error, Some(Error::ReservedBit { rsv, opcode }));
                assert_eq!(closed_with(&got.output), Some(1002));
            }
        }
    }
}

/// Sections: RFC 6455 §5.1
#[test]
fn unmasked_delivery_a_server_delivers_nothing_of_an_unmasked_frame() {
    for opcode in [Opcode::TEXT, Opcode::BINARY, Opcode::PING, Opcode::PONG, Opcode::CLOSE] {
        let wire = frame_to(Role::Client, opcode, true, b"\x03\xe8");
        let got = feed_every_way(Role::Server, config(), &wire);
        assert_eq!(got.events, []);
        assert_eq!(got.error, Some(Error::UnmaskedFrame { opcode }));
        assert_eq!(closed_with(&got.output), Some(1002));
    }
}

/// Sections: RFC 6455 §5.1
#[test]
fn masked_to_client_is_1002_on_every_opcode() {
    for number in [0, 1, 2, 8, 9, 10] {
        let opcode = Opcode::new(number);
        let wire = frame_to(Role::Server, opcode, true, b"\x03\xe8");
        let got = feed_every_way(Role::Client, config(), &wire);
        assert_eq!(got.events, []);
        assert_eq!(got.error, Some(Error::MaskedFrame { opcode }));
        assert_eq!(closed_with(&got.output), Some(1002));
    }
}

/// Sections: RFC 6455 §5.3
#[test]
fn mask_phase_fragments_and_reads_of_every_length_agree_with_the_naive_loop() {
    let payload: Vec<u8> = (0..=255).collect();
    for first in 0..12 {
        for second in 0..12 {
            let wire = [
                frame_to(Role::Server, Opcode::BINARY, false, &payload[..first]),
                frame_to(Role::Server, Opcode::CONTINUATION, false, &payload[first..][..second]),
                frame_to(Role::Server, Opcode::CONTINUATION, true, &payload[first + second..]),
            ]
            .concat();
            for read in 1..20 {
                let got = feed(Role::Server, config(), wire.chunks(read));
                assert_eq!(got.events, [Owned::Binary(payload.clone())]);
            }
        }
    }
    let wire = frame_to(Role::Server, Opcode::BINARY, true, &payload);
    let got = feed_every_way(Role::Server, config(), &wire);
    assert_eq!(got.events, [Owned::Binary(payload)]);
}

/// Sections: RFC 6455 §6.2
#[test]
fn spin_every_prefix_of_a_conversation_comes_to_rest() {
    let wire: Vec<u8> = rfc_vectors()
        .into_iter()
        .filter(|(_, role, wire, _)| *role == Role::Client && wire.len() < 1000)
        .flat_map(|(_, _, wire, _)| wire)
        .collect();
    for end in 0..wire.len() {
        // `feed` counts the steps.
        assert_eq!(feed(Role::Client, config(), [&wire[..end]]).error, None);
    }
}

#[test]
fn the_frame_decoder_yields_the_same_frames_in_every_cut() {
    let wire: Vec<u8> = [
        frame_to(Role::Server, Opcode::TEXT, false, b"Hel"),
        frame_to(Role::Client, Opcode::PING, true, b""),
        header_to(Role::Client, FrameHeader::new(Opcode::new(0xB), 2).with_rsv2(true)),
        b"xy".to_vec(),
        frame_to(Role::Server, Opcode::CONTINUATION, true, &[7; 300]),
    ]
    .concat();
    let expected = [
        (Opcode::TEXT, b"Hel".to_vec()),
        (Opcode::PING, vec![]),
        (Opcode::new(0xB), b"xy".to_vec()),
        (Opcode::CONTINUATION, vec![7; 300]),
    ];
    for first in 0..=wire.len() {
        for second in [first, (first + 1).min(wire.len()), (first + 5).min(wire.len())] {
            let mut decoder = FrameDecoder::new();
            let mut got: Vec<(Opcode, Vec<u8>)> = Vec::new();
            let mut wire = wire.clone();
            let (a, rest) = wire.split_at_mut(first);
            let (b, c) = rest.split_at_mut(second - first);
            for mut input in [a, b, c] {
                while let Some(part) = decoder.decode(&mut input).unwrap() {
                    match part {
                        FramePart::Header(header) => got.push((header.opcode(), vec![])),
                        FramePart::Payload { data, end } => {
                            assert!(!data.is_empty());
                            let payload = &mut got.last_mut().unwrap().1;
                            payload.extend_from_slice(data);
                            assert_eq!(end, payload.len() == expected[got.len() - 1].1.len());
                        }
                    }
                }
                assert!(input.is_empty(), "None means consumed whole");
            }
            assert_eq!(got, expected, "cut at {first} and {second}");
        }
    }
}

#[test]
fn the_frame_decoder_stays_failed() {
    let mut decoder = FrameDecoder::new();
    let mut wire = [0x82, 0x7E, 0, 1, 0x81, 0x00];
    let mut input = &mut wire[..];
    let error = FrameError::NonMinimalLength { len: 1 };
    assert_eq!(decoder.decode(&mut input), Err(error));
    assert_eq!(decoder.decode(&mut input), Err(error));
}

/// Sections: RFC 6455 §7.1.7
#[test]
fn errors_say_the_rule_and_what_was_seen() {
    let error = Error::ReservedBit { rsv: 1, opcode: Opcode::PING };
    assert_eq!(error.to_string(), "reserved bit RSV1 is set on a ping frame");
    let error = Error::CloseCode { code: CloseCode::from(1005) };
    assert_eq!(error.to_string(), "close code 1005 (No Status Rcvd) must not be on the wire");
    let error = Error::MessageTooLarge { len: 17, limit: 16 };
    assert_eq!(error.to_string(), "a message of at least 17 bytes is over the limit of 16");
}
