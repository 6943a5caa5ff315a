//! Payloads to be sent: borrowed ones, which are copied, and owned ones, which are written to the
//! transport from where they lie.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::mask::Mask;
use crate::utf8::{self, Utf8Error};

/// The payload of a [`Message`](crate::Message) to be sent: bytes that are borrowed or owned.
///
/// Borrowed bytes (`&[u8]`, `&Vec<u8>`, `&str` as [`TextPayload`]) are copied into the
/// [`SendBuf`](crate::SendBuf). Owned ones (`Vec<u8>`, `Box<[u8]>`, `Arc<[u8]>`, with the feature
/// `bytes` also `Bytes` and `BytesMut`, and [`from_static`](Self::from_static)) are moved into it:
///
/// | | shorter than 4 KiB, or compressed | longer |
/// |---|---|---|
/// | sent by a server | copied | not copied |
/// | sent by a client, with no other owner | copied and masked | masked in place, not copied |
/// | sent by a client, shared with others | copied and masked | copied and masked |
///
/// ```
/// use std::sync::Arc;
/// use websans::{Config, Connection, Message, SendBuf};
///
/// let snapshot: Arc<[u8]> = vec![7; 100_000].into();
/// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
/// ws.send(Message::binary(Arc::clone(&snapshot)), &mut tx)?;
/// // The header lies in the buffer, the payload where it was.
/// assert_eq!(tx.as_slice().len(), 10);
/// assert_eq!(tx.len(), 100_010);
/// assert!(tx.capacity() < 1000);
/// # Ok::<(), websans::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Payload<'a>(Repr<'a>);

#[derive(Clone, Debug)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Owned(OwnedPayload),
}

/// Bytes that need not be copied to be kept.
#[derive(Clone, Debug)]
pub(crate) enum OwnedPayload {
    Vec(Vec<u8>),
    Shared(Arc<[u8]>),
    Static(&'static [u8]),
    #[cfg(feature = "bytes")]
    Bytes(bytes::Bytes),
}

impl OwnedPayload {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Vec(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Static(bytes) => bytes,
            #[cfg(feature = "bytes")]
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Masks the payload where it lies. Errors, with the payload as it was, if others may see it.
    pub(crate) fn masked(self, mask: Mask) -> Result<Self, Self> {
        match self {
            Self::Vec(mut bytes) => {
                mask.apply_whole(&mut bytes);
                Ok(Self::Vec(bytes))
            }
            Self::Shared(mut bytes) => match Arc::get_mut(&mut bytes) {
                Some(unique) => {
                    mask.apply_whole(unique);
                    Ok(Self::Shared(bytes))
                }
                None => Err(Self::Shared(bytes)),
            },
            Self::Static(bytes) => Err(Self::Static(bytes)),
            #[cfg(feature = "bytes")]
            Self::Bytes(bytes) => match bytes.try_into_mut() {
                Ok(mut bytes) => {
                    mask.apply_whole(&mut bytes);
                    Ok(Self::Bytes(bytes.freeze()))
                }
                Err(bytes) => Err(Self::Bytes(bytes)),
            },
        }
    }
}

impl<'a> Payload<'a> {
    /// Bytes that live as long as the program: they are not copied where owned ones are not.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self(Repr::Owned(OwnedPayload::Static(bytes)))
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Owned(bytes) => bytes.as_slice(),
        }
    }

    /// Owned bytes, or else borrowed ones.
    #[inline]
    pub(crate) fn into_owned(self) -> Result<OwnedPayload, &'a [u8]> {
        match self.0 {
            Repr::Borrowed(bytes) => Err(bytes),
            Repr::Owned(bytes) => Ok(bytes),
        }
    }
}

impl core::ops::Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Repr::Owned(OwnedPayload::Vec(bytes)))
    }
}

impl From<Box<[u8]>> for Payload<'_> {
    fn from(bytes: Box<[u8]>) -> Self {
        bytes.into_vec().into()
    }
}

impl From<Arc<[u8]>> for Payload<'_> {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Repr::Owned(OwnedPayload::Shared(bytes)))
    }
}

#[cfg(feature = "bytes")]
impl From<bytes::Bytes> for Payload<'_> {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(Repr::Owned(OwnedPayload::Bytes(bytes)))
    }
}

#[cfg(feature = "bytes")]
impl<'a> From<&'a bytes::Bytes> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a bytes::Bytes) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

#[cfg(feature = "bytes")]
impl From<bytes::BytesMut> for Payload<'_> {
    fn from(bytes: bytes::BytesMut) -> Self {
        bytes.freeze().into()
    }
}

/// A [`Payload`] that is UTF-8, as that of a text message must be (RFC 6455 §5.6).
///
/// It is made from text (`&str`, `&String`, `String`, `Box<str>`, `Arc<str>`, with the feature
/// `bytes` also `ByteString`), or from bytes by [`from_utf8`](Self::from_utf8).
#[derive(Clone, Debug)]
pub struct TextPayload<'a>(Payload<'a>);

impl<'a> TextPayload<'a> {
    /// Bytes that are UTF-8.
    ///
    /// Errors: [`Utf8Error`] if they are not.
    pub fn from_utf8(bytes: impl Into<Payload<'a>>) -> Result<Self, Utf8Error> {
        let bytes = bytes.into();
        if utf8::is_valid(&bytes) {
            return Ok(Self(bytes));
        }
        let valid_up_to = match core::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        Err(Utf8Error { valid_up_to })
    }

    #[inline]
    pub(crate) fn into_payload(self) -> Payload<'a> {
        self.0
    }
}

impl<'a> From<&'a str> for TextPayload<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl<'a> From<&'a String> for TextPayload<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for TextPayload<'_> {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<Box<str>> for TextPayload<'_> {
    fn from(text: Box<str>) -> Self {
        Self(text.into_boxed_bytes().into())
    }
}

impl From<Arc<str>> for TextPayload<'_> {
    fn from(text: Arc<str>) -> Self {
        Self(Arc::<[u8]>::from(text).into())
    }
}

#[cfg(feature = "bytes")]
impl From<bytestring::ByteString> for TextPayload<'_> {
    fn from(text: bytestring::ByteString) -> Self {
        Self(text.into_bytes().into())
    }
}

#[cfg(feature = "bytes")]
impl<'a> From<&'a bytestring::ByteString> for TextPayload<'a> {
    #[inline]
    fn from(text: &'a bytestring::ByteString) -> Self {
        Self(text.as_bytes().into())
    }
}
