//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §4.2.2 and §11.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::fields::ByteSet;
use crate::masking_key::{MaskingKeySource, NoEntropy};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// RFC 4648 §4: the alphabet of base64.
const DIGITS: ByteSet = ByteSet::alphanumeric_and(b"+/");

/// 16 bytes in base64: 22 characters and two of padding.
pub(crate) type Key = [u8; 24];

/// 20 bytes in base64.
pub(crate) type Accept = [u8; 28];

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (§4.2.2), for handshakes that are
/// made elsewhere. `key` is the value of the field as sent, without whitespace around it.
///
/// ```
/// assert_eq!(&websans::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    encode(&hash, &mut accept);
    accept
}

/// A new key: 16 random bytes.
pub(crate) fn generate(source: MaskingKeySource) -> Result<Key, NoEntropy> {
    let mut key = [0; 24];
    encode(&source.bytes::<16>()?, &mut key);
    Ok(key)
}

/// §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length".
///
/// The four low bits of the 22nd character are padding and may be anything: those of the RFC's
/// own example in §4.1 are not zero (erratum 3150).
pub(crate) fn check(value: &[u8]) -> Option<&Key> {
    let key = value.first_chunk::<24>().filter(|_| value.len() == 24)?;
    let digits = key.strip_suffix(b"==")?;
    digits.iter().all(|byte| DIGITS.contains(*byte)).then_some(key)
}

fn encode(bytes: &[u8], base64: &mut [u8]) {
    // Both callers pass the right size.
    let written = STANDARD.encode_slice(bytes, base64);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_canonical_base64_of_what_the_source_gave() {
        let source = MaskingKeySource(|bytes| {
            for (byte, n) in bytes.iter_mut().zip(1..) {
                *byte = n;
            }
            Ok(())
        });
        let key = generate(source).unwrap();
        assert_eq!(&key, b"AQIDBAUGBwgJCgsMDQ4PEA==");
        assert_eq!(check(&key), Some(&key));
    }

    #[test]
    fn no_key_without_entropy() {
        assert_eq!(generate(MaskingKeySource(|_| Err(NoEntropy))), Err(NoEntropy));
    }
}
