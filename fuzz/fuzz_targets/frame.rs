//! Frame headers and `FrameDecoder` against §5.2 read octet by octet.

#![no_main]

use websans::frame::{FrameDecoder, FrameError, FrameHeader, FramePart, MAX_HEADER_LEN};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};
use websans_fuzz::{Steps, wire};

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let seed = input.byte();
    let wire = input.rest();
    header_round_trip(wire);
    let expected = naive(wire);
    for seed in [0, 1, seed] {
        assert_eq!(decode(wire, seed), expected, "cut as {seed}");
    }
}));

/// A header is found when it is complete, not before, and is what it was decoded from.
fn header_round_trip(wire: &[u8]) {
    let result = FrameHeader::decode(wire);
    match result {
        Ok(Some((header, len))) => {
            assert_eq!(*header.encode(), wire[..len]);
            assert!(len <= MAX_HEADER_LEN && header.payload_len() >> 63 == 0);
            let rebuilt = FrameHeader::new(header.opcode(), header.payload_len())
                .with_fin(header.fin())
                .with_rsv1(header.rsv1())
                .with_rsv2(header.rsv2())
                .with_rsv3(header.rsv3())
                .with_masking_key(header.masking_key());
            assert_eq!(rebuilt, header);
            for end in 0..len {
                assert_eq!(FrameHeader::decode(&wire[..end]), Ok(None), "needs more bytes");
            }
        }
        Ok(None) => assert!(wire.len() < MAX_HEADER_LEN),
        Err(FrameError::NonMinimalLength { len }) => assert!(len <= 0xFFFF),
        Err(FrameError::LengthTopBit { len }) => assert!(len >> 63 == 1),
        Err(error) => panic!("{error:?}"),
    }
}

/// First octet, announced length, and the payload as far as it has arrived, unmasked.
type Frames = (Vec<(u8, u64, Vec<u8>)>, Result<(), FrameError>);

fn naive(mut bytes: &[u8]) -> Frames {
    let mut frames = Vec::new();
    loop {
        let [first, second, rest @ ..] = bytes else { return (frames, Ok(())) };
        let extended = [0, 2, 8][usize::from((second & 0x7F).saturating_sub(125))];
        let key_len = usize::from(second >> 7) * 4;
        if rest.len() < extended {
            return (frames, Ok(()));
        }
        let (extended, rest) = rest.split_at(extended);
        let len = match extended {
            [] => u64::from(second & 0x7F),
            octets => octets.iter().fold(0, |len, octet| len << 8 | u64::from(*octet)),
        };
        if len >> 63 == 1 {
            return (frames, Err(FrameError::LengthTopBit { len }));
        }
        let least = [0, 126, 0x1_0000][extended.len().div_ceil(4)];
        if len < least {
            return (frames, Err(FrameError::NonMinimalLength { len }));
        }
        if rest.len() < key_len {
            return (frames, Ok(()));
        }
        let (key, rest) = rest.split_at(key_len);
        let arrived = usize::try_from(len).unwrap().min(rest.len());
        let (payload, rest) = rest.split_at(arrived);
        let key = key.try_into().unwrap_or_default();
        frames.push((*first, len, wire::mask(payload, key)));
        bytes = rest;
    }
}

fn decode(wire: &[u8], seed: u8) -> Frames {
    let mut decoder = FrameDecoder::new();
    let (mut frames, mut meter) = (Vec::<(u8, u64, Vec<u8>)>::new(), Meter::default());
    let mut result = Ok(());
    for chunk in Cuts::new(wire, seed) {
        let mut chunk = chunk.to_vec();
        let mut input = &mut chunk[..];
        let mut steps = Steps::at_most(input.len() + 1);
        loop {
            steps.step();
            let before = input.len();
            let part = match meter.run(|| decoder.decode(&mut input)) {
                Ok(part) => part,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut input), Err(error), "sticky");
                    assert!(result == Ok(()) || result == Err(error), "sticky");
                    result = Err(error);
                    break;
                }
            };
            match part {
                None => {
                    assert!(input.is_empty(), "all is consumed");
                    break;
                }
                Some(FramePart::Header(header)) => {
                    frames.push((header.encode()[0], header.payload_len(), Vec::new()));
                }
                Some(FramePart::Payload { data, end }) => {
                    assert!(!data.is_empty() && before > input.len());
                    let (_, len, payload) = frames.last_mut().expect("a header goes before");
                    payload.extend_from_slice(data);
                    assert_eq!(end, payload.len() as u64 == *len);
                }
            }
        }
    }
    assert_eq!(meter.peak(), 0, "it allocates nothing");
    (frames, result)
}
