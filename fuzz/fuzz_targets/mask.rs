//! `Mask` against the loop of §5.3, at any alignment and any split.

#![no_main]

use websans::mask::Mask;
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};
use websans_fuzz::wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let key = [input.byte(), input.byte(), input.byte(), input.byte()];
    let (seed, offset, passed) = (input.byte(), input.byte() % 64, usize::from(input.byte()));
    // Long enough, at times, for every width of register.
    let payload = input.0.repeat(1 + usize::from(seed & 3));

    // As if `passed` octets had gone before.
    let before = vec![0; passed];
    let expected = wire::mask(&[&before, &payload[..]].concat(), key).split_off(passed);
    let offset = usize::from(offset);
    let mut place = vec![0xEE; offset];
    place.extend_from_slice(&payload);
    place.push(0xEE);
    let mut meter = Meter::default();
    for (cut, test_ascii) in [(0, false), (0, true), (seed, false), (seed, true)] {
        let mut masked = place.clone();
        let mut mask = Mask::new(key);
        mask.advance(passed);
        let mut rest = &mut masked[offset..offset + payload.len()];
        let mut at = 0;
        for chunk in Cuts::new(&payload, cut) {
            let (piece, after) = rest.split_at_mut(chunk.len());
            rest = after;
            if test_ascii {
                let ascii = meter.run(|| mask.apply_and_test_ascii(piece));
                assert_eq!(ascii, expected[at..at + chunk.len()].is_ascii());
            } else {
                meter.run(|| mask.apply(piece));
            }
            at += chunk.len();
        }
        assert_eq!(masked[offset..offset + payload.len()], expected);
        assert!(masked[..offset].iter().all(|&byte| byte == 0xEE), "before it nothing changes");
        assert_eq!(masked.last(), Some(&0xEE), "nor behind it");
    }
    assert_eq!(meter.peak(), 0, "it allocates nothing");
}));
