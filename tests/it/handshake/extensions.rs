//! `Sec-WebSocket-Extensions`: the grammar of §9.1.
//!
//! Sections: RFC 6455 §9.1

use proptest::prelude::*;
use websans::{Extension, Extensions, HandshakeError};

type Owned = Vec<(String, Vec<(String, Option<String>)>)>;

fn own(extension: Extension<'_>) -> (String, Vec<(String, Option<String>)>) {
    let params = extension.params();
    let params = params.map(|param| (param.name.to_owned(), param.value.map(Into::into)));
    (extension.name().to_owned(), params.collect())
}

fn parse(value: &[u8]) -> Result<Owned, HandshakeError> {
    Extensions::new(value).map(|extension| extension.map(own)).collect()
}

#[test]
fn values_that_conform() {
    for (value, canonical) in [
        // §9.1's own examples.
        ("deflate-stream", "deflate-stream"),
        (
            "mux; max-channels=4; flow-control, deflate-stream",
            "mux; max-channels=4; flow-control | deflate-stream",
        ),
        ("private-extension", "private-extension"),
        ("foo, bar; baz=2", "foo | bar; baz=2"),
        // RFC 7692 §7.1.
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10 | permessage-deflate",
        ),
        ("a; b=\"10\"", "a; b=10"),
        ("a; b=\"1\\0\"", "a; b=10"),
        ("a; b=\"\\1\\0\"", "a; b=10"),
        // RFC 7692 §7.1: an invalid value is for the extension to judge.
        ("a; b=\"\"", "a; b=\"\""),
        ("a;b=1;b=2;b", "a; b=1; b=2; b"),
        ("a ; b = 1\t;\tc", "a; b=1; c"),
        ("a;b= \"1\" ", "a; b=1"),
        ("", ""),
        (" , ,\t,", ""),
        (",a,,b, ", "a | b"),
        ("!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ"),
    ] {
        let written: Vec<String> =
            Extensions::new(value.as_bytes()).map(|it| it.unwrap().to_string()).collect();
        assert_eq!(written.join(" | "), canonical, "{value:?}");
        assert_eq!(parse(value.as_bytes()), parse(written.join(", ").as_bytes()));
    }
}

#[test]
fn values_that_do_not() {
    let invalid = HandshakeError::InvalidHeader { header: "Sec-WebSocket-Extensions" };
    for (value, before) in [
        (";", 0),
        ("=", 0),
        ("\"a\"", 0),
        ("a b", 0),
        ("a;", 0),
        ("a;;b", 0),
        ("a; =1", 0),
        ("a; b=", 0),
        ("a; b=,c", 0),
        ("a; b=1 2", 0),
        ("a; b=1=2", 0),
        ("a; b==1", 0),
        ("a=1", 0),
        ("a/b", 0),
        ("a; b=\"", 0),
        ("a; b=\"1", 0),
        ("a; b=\"1\\", 0),
        ("a; b=\"1\\\"", 0),
        ("a; b=\"1\"2", 0),
        // After unescaping, the value must be a token.
        ("a; b=\"1 2\"", 0),
        ("a; b=\"1,2\"", 0),
        ("a; b=\"\\\"\"", 0),
        ("a; b=\"\\\\\"", 0),
        ("a; b=\"1\\\\2\"", 0),
        ("a; b=\"\\ \"", 0),
        ("a; b=\"\\,\"", 0),
        ("a; b='1,2'x\"", 1),
        ("a, b, ;", 2),
        ("a, b c, d", 1),
        ("\u{fc}", 0),
        ("a; b=\u{fc}", 0),
        ("a\0", 0),
    ] {
        let all: Vec<_> = Extensions::new(value.as_bytes()).collect();
        assert_eq!(all.len(), before + 1, "{value:?}: an error is the last item");
        assert!(all[..before].iter().all(Result::is_ok));
        assert_eq!(all[before].as_ref().unwrap_err(), &invalid, "{value:?}");
    }
}

#[test]
#[cfg(feature = "deflate")]
fn what_was_agreed_on_elsewhere_is_read_as_an_answer() {
    use websans::AgreedDeflate;
    let of = |value: &str| AgreedDeflate::from_answer(value.as_bytes());
    let agreed = of("permessage-deflate; server_max_window_bits=10").unwrap();
    assert_eq!((agreed.server_max_window_bits(), agreed.client_max_window_bits()), (10, 15));
    let invalid = HandshakeError::InvalidHeader { header: "Sec-WebSocket-Extensions" };
    for (value, error) in [
        ("", HandshakeError::ExtensionNotOffered),
        ("x-other", HandshakeError::ExtensionNotOffered),
        ("permessage-deflate, permessage-deflate", HandshakeError::ExtensionNotOffered),
        ("permessage-deflate; server_max_window_bits=7", HandshakeError::ExtensionParameters),
        // Only offers leave it out.
        ("permessage-deflate; client_max_window_bits", HandshakeError::ExtensionParameters),
        ("permessage-deflate;", invalid),
        ("permessage-deflate, ;", invalid),
    ] {
        assert_eq!(of(value), Err(error), "{value:?}");
    }
}

/// If a value cost the square of its length, each of these would be 10^12 steps.
/// Sections: none, limits are this crate's
#[test]
fn redos_values_of_a_mebibyte_are_linear() {
    for piece in [" ", "\\", ",", "\"", "a", ";", "=", "\\\"", "a,", "a;a", "a;a=\"a\",", ", \t"] {
        for start in ["", "a", "a; b=\"", "a; b=\"\\"] {
            let value = format!("{start}{}", piece.repeat((1 << 20) / piece.len()));
            for extension in Extensions::new(value.as_bytes()).flatten() {
                let _ = extension.params().count();
            }
        }
    }
}

fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}"
}

fn owned() -> impl Strategy<Value = Owned> {
    let param = (token(), prop::option::of(token()));
    prop::collection::vec((token(), prop::collection::vec(param, 0..4)), 0..4)
}

/// Writes a list with the whitespace, the quotes and the escapes that a random number asks for.
fn write(extensions: &Owned, mut noise: u64) -> String {
    let mut coin = move || {
        noise = noise.rotate_right(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        noise >> 63 == 1
    };
    let mut all = String::new();
    let mut put = |out: &mut String, text: &str| {
        for space in [" ", "\t", ", "] {
            if coin() && (space != ", " || text == ",") {
                out.push_str(space);
            }
        }
        out.push_str(text);
        coin()
    };
    for (name, params) in extensions {
        put(&mut all, ",");
        put(&mut all, name);
        for (name, value) in params {
            put(&mut all, ";");
            put(&mut all, name);
            let Some(value) = value else { continue };
            if put(&mut all, "=") {
                put(&mut all, "\"");
                for (n, character) in value.char_indices() {
                    all.push_str(if (n + value.len()) % 3 == 0 { "\\" } else { "" });
                    all.push(character);
                }
                all.push('"');
            } else {
                put(&mut all, value);
            }
        }
    }
    all
}

proptest! {
    #[test]
    fn what_is_written_in_any_form_is_read_again(extensions in owned(), noise: u64) {
        let written = write(&extensions, noise);
        let read = parse(written.as_bytes());
        prop_assert_eq!(read, Ok(extensions), "{:?}", written);
    }

    #[test]
    fn any_bytes_are_read_to_the_end(value: Vec<u8>) {
        let _ = parse(&value);
    }

    /// What conforms is the same after it was written in the shortest form.
    #[test]
    fn any_tokens_and_separators_are_read_to_the_end(
        value in "([ab1]|[ \t,;=\"\\\\]){0,40}"
    ) {
        if let Ok(extensions) = parse(value.as_bytes()) {
            let written: Vec<String> =
                Extensions::new(value.as_bytes()).map(|it| it.unwrap().to_string()).collect();
            prop_assert_eq!(parse(written.join(", ").as_bytes()), Ok(extensions));
        }
    }
}
