//! RFC 6455 §8.1: text is UTF-8, and what is not fails at once.
//!
//! Sections: RFC 6455 §8.1

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{Connection, Error, RecvBuf, Role, SendBuf};

const TEXT: &str = "κόσμε – größer, 日本語, 🦀 and plenty of plain ASCII behind it";

#[test]
fn utf8_valid_text_in_every_fragmentation_and_every_cut_is_the_text() {
    for role in ROLES {
        for cut in 0..=TEXT.len() {
            let (first, second) = TEXT.as_bytes().split_at(cut);
            let wire = [
                frame_to(role, Opcode::TEXT, false, first),
                frame_to(role, Opcode::CONTINUATION, true, second),
            ]
            .concat();
            let got = feed_every_way(role, config(), &wire);
            assert_eq!(got.events, [Owned::Text(TEXT.into())], "fragments cut at {cut}");
        }
    }
}

/// Bytes that are not UTF-8, and after how many of them that is certain.
const INVALID: [(&[u8], usize); 14] = [
    (b"\x80", 1),
    (b"\xc0\xaf", 1),
    (b"\xe0\x80\xaf", 2),
    (b"\xed\xa0\x80", 2), // a surrogate
    (b"\xf0\x80\x80\x80", 2),
    (b"\xf4\x90\x80\x80", 2), // Autobahn 6.4: above U+10FFFF
    (b"\xf5", 1),
    (b"\xfe", 1),
    (b"\xff", 1),
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", 13),
    (b"\xc3\x28", 2),
    (b"\xe2\x82\x28", 3),
    (b"\xf0\x9f\xa6\x28", 4),
    (b"plain\xc1", 6),
];

#[test]
fn utf8_invalid_text_fails_at_once_in_mid_frame_with_1007() {
    for role in ROLES {
        for (bytes, certain) in INVALID {
            // The frame is far from complete.
            let header = header_to(role, FrameHeader::new(Opcode::TEXT, 1000).with_fin(false));
            let payload = if role == Role::Server { mask(bytes, KEY) } else { bytes.to_vec() };
            for start in [certain - 1, 0] {
                let (mut ws, mut rx, mut tx) =
                    (connection(role, config()), RecvBuf::new(), SendBuf::new());
                rx.extend(&header);
                rx.extend(&payload[..start]);
                assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None), "{bytes:x?}");
                rx.extend(&payload[start..certain]);
                let error = ws.next_event(&mut rx, &mut tx).unwrap_err();
                let valid_up_to = std::str::from_utf8(bytes).unwrap_err().valid_up_to() as u64;
                assert_eq!(error, Error::InvalidUtf8 { valid_up_to });
                assert_eq!(closed_with(tx.as_slice()), Some(1007));
            }
        }
    }
}

#[test]
fn utf8_invalid_text_over_fragments_fails_the_same_in_every_cut() {
    for role in ROLES {
        for (bytes, _) in INVALID {
            for cut in 0..=bytes.len() {
                let wire = [
                    frame_to(role, Opcode::TEXT, false, &bytes[..cut]),
                    frame_to(role, Opcode::CONTINUATION, true, &bytes[cut..]),
                ]
                .concat();
                let got = feed_every_way(role, config(), &wire);
                assert_eq!(got.events, []);
                let valid_up_to = std::str::from_utf8(bytes).unwrap_err().valid_up_to() as u64;
                assert_eq!(got.error, Some(Error::InvalidUtf8 { valid_up_to }));
                assert_eq!(closed_with(&got.output), Some(1007));
            }
        }
    }
}

#[test]
fn utf8_a_message_that_ends_within_a_character_is_1007() {
    for role in ROLES {
        for tail in [&b"\xce"[..], b"\xe2\x82", b"\xf0\x9f\xa6"] {
            let text = [b"ok", tail].concat();
            let got = feed_every_way(role, config(), &frame_to(role, Opcode::TEXT, true, &text));
            assert_eq!(got.error, Some(Error::InvalidUtf8 { valid_up_to: 2 }));
            assert_eq!(closed_with(&got.output), Some(1007));
        }
    }
}

#[test]
fn utf8_the_place_of_the_error_counts_what_was_delivered_in_parts() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(b"\x81\x08Hello");
    assert!(ws.next_partial(&mut rx, &mut tx).unwrap().is_some());
    rx.extend(b"\xc3");
    assert_eq!(ws.next_partial(&mut rx, &mut tx), Ok(None));
    rx.extend(b"\xff");
    assert_eq!(ws.next_partial(&mut rx, &mut tx), Err(Error::InvalidUtf8 { valid_up_to: 5 }));
}

#[test]
fn utf8_large_mixed_text_in_reads_of_every_kind() {
    let text = TEXT.repeat(3000);
    let wire = frame_to(Role::Server, Opcode::TEXT, true, text.as_bytes());
    for read in [1, 7, 1000, 4096, 16_384, 65_536, wire.len()] {
        let got = feed(Role::Server, config(), wire.chunks(read));
        assert_eq!(got.events, [Owned::Text(text.clone())], "reads of {read}");
    }
    for at in [0, 1, 16_383, 16_384, 16_385, text.len() - 1] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = 0xff;
        let wire = frame_to(Role::Server, Opcode::TEXT, true, &bytes);
        let valid_up_to = std::str::from_utf8(&bytes).unwrap_err().valid_up_to() as u64;
        for read in [1000, 16_384, wire.len()] {
            let got = feed(Role::Server, config(), wire.chunks(read));
            assert_eq!(got.error, Some(Error::InvalidUtf8 { valid_up_to }));
        }
    }
}
