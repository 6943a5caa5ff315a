//! Heads as `httparse` reads them, in the types of the `http` crate.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;

use super::machine::{TryParse, worth_trying_head};
use crate::error::Result;

/// The most header fields in a head.
pub const MAX_HEADERS: usize = 124;

/// The same for the `http` crate.
pub(crate) trait FromHttparse<T>: Sized {
    fn from_httparse(raw: T) -> Result<Self>;
}

impl<'b: 'h, 'h> FromHttparse<&'b [httparse::Header<'h>]> for HeaderMap {
    fn from_httparse(raw: &'b [httparse::Header<'h>]) -> Result<Self> {
        let mut headers = Self::with_capacity(raw.len());
        for field in raw {
            let name = HeaderName::from_bytes(field.name.as_bytes())?;
            headers.append(name, HeaderValue::from_bytes(field.value)?);
        }
        Ok(headers)
    }
}

impl TryParse for HeaderMap {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        Ok(match httparse::parse_headers(data, &mut headers)? {
            Status::Partial => None,
            Status::Complete((size, headers)) => Some((size, Self::from_httparse(headers)?)),
        })
    }

    fn worth_trying(data: &[u8], tried: usize, seen: usize) -> bool {
        worth_trying_head(data, tried, seen)
    }
}
