//! The frame layer, for proxies and analysers: it knows no endpoints.

use core::ffi::c_char;

use websans::frame::{FrameHeader, Opcode};
use websans::mask::Mask;
use websans::utf8;

use crate::boundary::{In, Out, Outcome, guard};
use crate::status::{Failure, websans_status};

/// The longest frame header, in bytes.
pub const WEBSANS_MAX_HEADER_LEN: usize = 14;

/// The header of a frame. Its members are those of RFC 6455 section 5.2, so it does not grow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_frame_header {
    /// 1 for the last frame of a message, 0 otherwise.
    pub fin: u8,
    /// The reserved bit RSV1, 0 or 1.
    pub rsv1: u8,
    /// The reserved bit RSV2, 0 or 1.
    pub rsv2: u8,
    /// The reserved bit RSV3, 0 or 1.
    pub rsv3: u8,
    /// 0 to 15.
    pub opcode: u8,
    /// 1 if the payload is masked, 0 otherwise.
    pub masked: u8,
    /// The masking key, if it is.
    pub masking_key: [u8; 4],
    /// The length of the payload in bytes, below 2^63.
    pub payload_len: u64,
}

impl websans_frame_header {
    pub(crate) fn of(given: In<Self>) -> Outcome<FrameHeader> {
        let value = Failure::Status(websans_status::Value);
        if given.is_null() {
            return Err(Failure::Status(websans_status::Null));
        }
        let [header] = given.slice(1)? else { return Err(value) };
        if header.opcode > 15 || header.payload_len >> 63 != 0 {
            return Err(value);
        }
        Ok(FrameHeader::new(Opcode::new(header.opcode), header.payload_len)
            .with_fin(header.fin != 0)
            .with_rsv1(header.rsv1 != 0)
            .with_rsv2(header.rsv2 != 0)
            .with_rsv3(header.rsv3 != 0)
            .with_masking_key((header.masked != 0).then_some(header.masking_key)))
    }
}

/// Reads the header that `data` begins with: the header, and at `*header_len` how many bytes it takes,
/// or 0 if it is not complete yet.
///
/// Errors: WEBSANS_STATUS_FRAME_LENGTH_NOT_MINIMAL, WEBSANS_STATUS_FRAME_LENGTH_TOP_BIT.
#[unsafe(no_mangle)]
pub extern "C" fn websans_frame_header_decode(
    data: In<u8>,
    len: usize,
    header: Out<websans_frame_header>,
    header_len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (header, header_len) = (header.required()?, header_len.required()?);
        let Some((decoded, n)) = FrameHeader::decode(data.slice(len)?)? else {
            header_len.set(0);
            return Ok(());
        };
        header_len.set(n);
        header.set(websans_frame_header {
            fin: decoded.fin().into(),
            rsv1: decoded.rsv1().into(),
            rsv2: decoded.rsv2().into(),
            rsv3: decoded.rsv3().into(),
            opcode: decoded.opcode().number(),
            masked: decoded.masking_key().is_some().into(),
            masking_key: decoded.masking_key().unwrap_or_default(),
            payload_len: decoded.payload_len(),
        });
        Ok(())
    })
}

/// Writes a header: up to 14 bytes at `data`, and how many at `*len`.
///
/// Errors: WEBSANS_STATUS_VALUE for an opcode over 15 or a length of 2^63 and more.
#[unsafe(no_mangle)]
pub extern "C" fn websans_frame_header_encode(
    header: In<websans_frame_header>,
    data: Out<[u8; 14]>,
    len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (data, len) = (data.required()?, len.required()?);
        let encoded = websans_frame_header::of(header)?.encode();
        let mut bytes = [0; WEBSANS_MAX_HEADER_LEN];
        for (to, from) in bytes.iter_mut().zip(encoded.iter()) {
            *to = *from;
        }
        len.set(encoded.len());
        data.set(bytes);
        Ok(())
    })
}

/// Masks or unmasks the bytes at `data`, which are the bytes from `offset` on of a payload.
#[unsafe(no_mangle)]
pub extern "C" fn websans_mask(
    data: Out<u8>,
    len: usize,
    masking_key: In<[u8; 4]>,
    offset: u64,
) -> websans_status {
    guard(|| {
        if masking_key.is_null() {
            return Err(Failure::Status(websans_status::Null));
        }
        let [key] = masking_key.slice(1)? else {
            return Err(Failure::Status(websans_status::Null));
        };
        let mut mask = Mask::new(*key);
        mask.advance(usize::from((offset % 4) as u8));
        data.modify(len, |bytes| mask.apply(bytes))
    })
}

/// How many of the bytes are whole characters of UTF-8, at `*whole`: less than `len` if the last one
/// is incomplete.
///
/// Errors: WEBSANS_STATUS_INVALID_UTF8 if they cannot be the beginning of a text; `*whole` is how many
/// bytes before that are valid.
#[unsafe(no_mangle)]
pub extern "C" fn websans_utf8_whole(
    data: In<u8>,
    len: usize,
    whole: Out<usize>,
) -> websans_status {
    guard(|| {
        let whole = whole.required()?;
        match utf8::whole_characters(data.slice(len)?) {
            Ok(n) => whole.set(n),
            Err(error) => {
                whole.set(error.valid_up_to);
                return Err(Failure::Peer(error.into_error()));
            }
        }
        Ok(())
    })
}

trait IntoError {
    fn into_error(self) -> websans::Error;
}

impl IntoError for utf8::Utf8Error {
    fn into_error(self) -> websans::Error {
        websans::Error::InvalidUtf8 { valid_up_to: self.valid_up_to as u64 }
    }
}

/// The version of the library, such as "0.1.0". It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn websans_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
