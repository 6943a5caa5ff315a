//! `Utf8Validator` and `whole_characters` against `core::str`, in any cut.

#![no_main]

use websans::utf8::{Utf8Error, Utf8Validator, whole_characters};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let (seed, ascii) = (input.byte(), usize::from(input.byte()));
    // ASCII before it, so that errors fall anywhere in a wide register.
    let bytes = [&b"a".repeat(ascii)[..], input.rest()].concat();

    let expected = match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(error) => Err(Utf8Error { valid_up_to: error.valid_up_to() }),
    };
    let mut meter = Meter::default();
    assert_eq!(meter.run(|| whole_characters(&bytes)), expected);

    for seed in [0, 1, seed] {
        let mut validator = Utf8Validator::new();
        let mut text = String::new();
        let mut fed = 0;
        let mut failed = false;
        for piece in Cuts::new(&bytes, seed) {
            let within = !validator.is_complete();
            match meter.run(|| validator.push(piece)) {
                Ok((character, rest)) => {
                    text.push_str(&character);
                    text.push_str(rest);
                }
                Err(error) => {
                    let at_once = within && error.valid_up_to == 0;
                    let valid = if at_once { text.len() } else { fed + error.valid_up_to };
                    assert_eq!(Err(Utf8Error { valid_up_to: valid }), expected);
                    failed = true;
                    break;
                }
            }
            fed += piece.len();
            let so_far = std::str::from_utf8(&bytes[..fed]);
            assert_eq!(validator.is_complete(), so_far.is_ok());
            assert!(
                so_far.is_ok_and(|all| all == text) || bytes[..fed].starts_with(text.as_bytes())
            );
            assert!(
                so_far.is_ok() || so_far.is_err_and(|error| error.error_len().is_none()),
                "the earliest bad byte was let through"
            );
        }
        assert_eq!(failed, expected.is_err());
        if let Ok(valid) = expected {
            assert_eq!(text.as_bytes(), &bytes[..valid]);
        }
    }
    assert_eq!(meter.peak(), 0, "it allocates nothing");
}));
