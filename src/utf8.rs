//! UTF-8 (RFC 6455 §8.1) that arrives in pieces: wrong at the earliest bad byte, and never a
//! `&str` that splits a character.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str;

/// The longest unfinished character: all but the last byte of a four-byte one.
const MAX_CARRY: usize = 3;

/// Bytes that no continuation can make UTF-8. Answered with close code 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8Error {
    /// How many bytes of what was given are whole, valid characters.
    pub valid_up_to: usize,
}

impl fmt::Display for Utf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid UTF-8 after {} valid bytes", self.valid_up_to)
    }
}

impl core::error::Error for Utf8Error {}

/// How many bytes at the front of `bytes` are whole characters. What follows them, at most three
/// bytes, may become a character yet.
///
/// Errors when no continuation can make `bytes` UTF-8: [`Utf8Error`].
#[inline]
pub fn whole_characters(bytes: &[u8]) -> Result<usize, Utf8Error> {
    let at = cut_character(bytes);
    let (whole, cut) = bytes.split_at_checked(at).unwrap_or_default();
    let may_become_one = || str::from_utf8(cut).is_err_and(|error| error.error_len().is_none());
    if is_valid(whole) && (cut.is_empty() || may_become_one()) {
        return Ok(at);
    }
    Err(place_of_error(bytes))
}

/// Where the last character begins, if its first byte announces more than there is; otherwise
/// where `bytes` ends.
#[inline]
fn cut_character(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(MAX_CARRY);
    let last = bytes.get(tail..).unwrap_or_default();
    let Some(at) = last.iter().rposition(|byte| byte & 0xC0 != 0x80) else { return bytes.len() };
    let announced = match last.get(at) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    if last.len() - at < announced { tail + at } else { bytes.len() }
}

/// Whether all of it is valid. The validator that does not say where it failed is the fastest, and
/// for what is shorter than its registers it would not use them.
#[inline]
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    match block.get_mut(..bytes.len()) {
        Some(front) if bytes.len() < BLOCK => {
            front.copy_from_slice(bytes);
            simdutf8::basic::from_utf8(&block).is_ok()
        }
        _ => simdutf8::basic::from_utf8(bytes).is_ok(),
    }
}

#[cold]
fn place_of_error(bytes: &[u8]) -> Utf8Error {
    let valid_up_to = str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    Utf8Error { valid_up_to }
}

/// Validates text piece by piece and hands it out as `&str`.
///
/// A character that is cut between two pieces comes out whole with the second one.
///
/// ```
/// use websans::utf8::Utf8Validator;
///
/// let mut text = Utf8Validator::new();
/// let (before, rest) = text.push("κό".as_bytes())?;
/// assert_eq!((&*before, rest), ("", "κό"));
/// let (before, rest) = text.push(&[0xcf])?; // the first half of σ
/// assert_eq!((&*before, rest), ("", ""));
/// assert!(!text.is_complete());
/// let (before, rest) = text.push(&[0x83, b'!'])?;
/// assert_eq!((&*before, rest), ("σ", "!"));
/// assert!(text.is_complete());
/// # Ok::<(), websans::utf8::Utf8Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Utf8Validator {
    carry: Character,
    failed: bool,
}

/// At most one character: the one that was cut between two pieces. Dereferences to `str`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Character {
    bytes: [u8; MAX_CARRY + 1],
    len: usize,
}

impl Character {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

impl core::ops::Deref for Character {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Utf8Validator {
    /// A validator at the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { carry: Character { bytes: [0; MAX_CARRY + 1], len: 0 }, failed: false }
    }

    /// Whether the text may end here: no character is half there.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.carry.len == 0
    }

    /// Takes the next piece: the character that it completes, if one was cut, and the whole
    /// characters that follow.
    ///
    /// Errors at the earliest byte that cannot be part of UTF-8; `valid_up_to` then counts bytes
    /// of `piece`. An error is final.
    pub fn push<'a>(&mut self, piece: &'a [u8]) -> Result<(Character, &'a str), Utf8Error> {
        if self.failed {
            return Err(Utf8Error { valid_up_to: 0 });
        }
        self.validate(piece).inspect_err(|_| self.failed = true)
    }

    fn validate<'a>(&mut self, piece: &'a [u8]) -> Result<(Character, &'a str), Utf8Error> {
        let mut rest = piece;
        let mut done = Character::default();
        while !self.is_complete() {
            let Some((byte, after)) = rest.split_first() else {
                return Ok((Character::default(), ""));
            };
            self.carry.push(*byte);
            if whole_characters(self.carry.as_bytes()).map_err(|_| Utf8Error { valid_up_to: 0 })?
                > 0
            {
                done = core::mem::take(&mut self.carry);
            }
            rest = after;
        }
        let whole = whole_characters(rest).map_err(|error| Utf8Error {
            valid_up_to: piece.len() - rest.len() + error.valid_up_to,
        })?;
        let (text, tail) = rest.split_at_checked(whole).unwrap_or_default();
        for byte in tail {
            self.carry.push(*byte);
        }
        Ok((done, checked_str(text)))
    }
}

/// Bytes as text, when they were found to be whole characters before: piece by piece as they
/// arrived, or within the pass that unmasked them. A second pass over a large message would cost
/// as much as all the rest of decoding.
///
/// Callers (`Utf8Validator` above, `buffer/recv.rs`, `buffer/recv/decode.rs`, `close.rs`,
/// `handshake/fields.rs`) pass only ranges that [`whole_characters`] or an ASCII test has accepted, cut at its boundary, and
/// that have not been written to since.
#[inline]
pub(crate) fn checked_str(bytes: &[u8]) -> &str {
    debug_assert!(str::from_utf8(bytes).is_ok());
    #[allow(unsafe_code)]
    // SAFETY: the bytes are valid UTF-8, see above. Concatenations of valid UTF-8 are valid UTF-8.
    unsafe {
        str::from_utf8_unchecked(bytes)
    }
}

/// [`checked_str`] for bytes that are owned: of a text message that is taken out of its buffer,
/// whose range was delivered as text and has not been written to since, as a
/// [`RecvBuf`](crate::RecvBuf) forgets that range with each call that may write to it.
pub(crate) fn checked_string(bytes: Vec<u8>) -> String {
    debug_assert!(str::from_utf8(&bytes).is_ok());
    #[allow(unsafe_code)]
    // SAFETY: the bytes are valid UTF-8, see above and `checked_str`.
    unsafe {
        String::from_utf8_unchecked(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    const VALID: &str =
        "Hello-µ@ßöäüàá-UTF-8!! κόσμε \u{10FFFF}\u{FFFD}\u{D7FF}\u{E000}\0 日本語 🦀";

    #[test]
    fn utf8_every_split_of_valid_text_yields_the_text() {
        let bytes = VALID.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut validator = Utf8Validator::new();
                let mut text = String::new();
                for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    let (cut, rest) = validator.push(piece).unwrap();
                    text.push_str(&cut);
                    text.push_str(rest);
                }
                assert!(validator.is_complete());
                assert_eq!(text, VALID);
            }
        }
    }

    /// At which the rules of §3.9 of Unicode change.
    const EDGES: [u8; 22] = [
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5,
    ];

    #[test]
    fn utf8_whole_characters_are_those_of_std_and_what_follows_may_become_one() {
        let mut bytes = [b'a'; 5];
        for number in 0..EDGES.len().pow(4) {
            let mut rest = number;
            for byte in &mut bytes[1..] {
                *byte = EDGES[rest % EDGES.len()];
                rest /= EDGES.len();
            }
            for start in 0..bytes.len() {
                let expected = match str::from_utf8(&bytes[start..]) {
                    Ok(text) => Ok(text.len()),
                    Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
                    Err(error) => Err(Utf8Error { valid_up_to: error.valid_up_to() }),
                };
                assert_eq!(whole_characters(&bytes[start..]), expected, "{bytes:x?} from {start}");
            }
        }
    }

    #[test]
    fn utf8_fails_at_the_earliest_bad_byte_as_std_does() {
        // Every sequence of up to 3 bytes, behind a valid character, byte by byte.
        for a in EDGES {
            for b in EDGES {
                for c in EDGES {
                    let bytes = [0xc3, 0x9f, a, b, c];
                    let mut validator = Utf8Validator::new();
                    for end in 1..=bytes.len() {
                        let got = validator.push(&bytes[end - 1..end]);
                        let dead = str::from_utf8(&bytes[..end])
                            .is_err_and(|error| error.error_len().is_some());
                        assert_eq!(got.is_err(), dead, "{bytes:x?} at {end}");
                        if dead {
                            break;
                        }
                        assert_eq!(validator.is_complete(), str::from_utf8(&bytes[..end]).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn utf8_an_error_says_how_many_bytes_of_the_piece_are_valid() {
        let mut validator = Utf8Validator::new();
        validator.push(&[0xe2]).unwrap();
        let error = validator.push(b"\x82\xacabcde\xff").unwrap_err();
        assert_eq!(error, Utf8Error { valid_up_to: 7 });
    }
}
