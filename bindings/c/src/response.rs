//! A server's response, kept beyond the receive buffer.

use websans::IncomingResponse;

use crate::boundary::{In, Opaque, Out, Ptr, guard, guard_or, handles};
use crate::incoming::{Fields, field, field_at, fields, websans_bytes, websans_header};
use crate::status::websans_status;

/// A server's response. Its parts are lent as long as it is.
pub struct websans_response(Opaque);

handles! {
    websans_response(0x0052_4553): Response;
}

/// A response.
pub(crate) struct Response {
    status: u16,
    reason: Box<str>,
    fields: Fields,
    subprotocol: Option<Box<str>>,
    body: Box<[u8]>,
    body_is_complete: bool,
    of_session: bool,
}

impl Response {
    pub(crate) fn of(response: &IncomingResponse<'_>) -> Self {
        Self {
            status: response.status(),
            reason: response.reason().into(),
            fields: fields(response.headers()),
            subprotocol: response.subprotocol().map(Into::into),
            body: response.body().into(),
            body_is_complete: response.body_is_complete(),
            of_session: false,
        }
    }

    /// Of a session, which frees it.
    pub(crate) fn of_session(self) -> Self {
        Self { of_session: true, ..self }
    }

    pub(crate) fn is_of_session(&self) -> bool {
        self.of_session
    }
}

/// The HTTP status: 101 if the server has accepted. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_status(response: Ptr<websans_response>) -> u16 {
    guard_or(0, || response.with(|it| Ok(it.status)))
}

fn response_part(
    response: Ptr<websans_response>,
    part: Out<websans_bytes>,
    of: impl FnOnce(&Response) -> Option<&[u8]>,
) -> websans_status {
    guard(|| {
        let part = part.required()?;
        response.with(|it| {
            part.set(websans_bytes::of_option(of(it)));
            Ok(())
        })
    })
}

/// The reason phrase, which is often empty.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_reason(
    response: Ptr<websans_response>,
    reason: Out<websans_bytes>,
) -> websans_status {
    response_part(response, reason, |it| Some(it.reason.as_bytes()))
}

/// The subprotocol that the server chose; `data` is NULL without one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_subprotocol(
    response: Ptr<websans_response>,
    subprotocol: Out<websans_bytes>,
) -> websans_status {
    response_part(response, subprotocol, |it| it.subprotocol.as_ref().map(|it| it.as_bytes()))
}

/// The value of the first header field of that name, whose case does not matter; `data` is NULL
/// without one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_header(
    response: Ptr<websans_response>,
    name: In<u8>,
    name_len: usize,
    value: Out<websans_bytes>,
) -> websans_status {
    guard(|| {
        let (name, value) = (name.text(name_len)?, value.required()?);
        response.with(|it| {
            value.set(websans_bytes::of_option(field(&it.fields, name)));
            Ok(())
        })
    })
}

/// How many header fields there are. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_header_count(response: Ptr<websans_response>) -> usize {
    guard_or(0, || response.with(|it| Ok(it.fields.len())))
}

/// The header field at `index`, in order. Errors: WEBSANS_STATUS_VALUE where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_header_at(
    response: Ptr<websans_response>,
    index: usize,
    header: Out<websans_header>,
) -> websans_status {
    guard(|| {
        let header = header.required()?;
        response.with(|it| {
            header.set(field_at(&it.fields, index)?);
            Ok(())
        })
    })
}

/// The body of a refusal, without the coding of its transfer: at most 64 KiB of it, and what had
/// arrived when the server did not say where it ends.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_body(
    response: Ptr<websans_response>,
    body: Out<websans_bytes>,
) -> websans_status {
    response_part(response, body, |it| Some(&it.body))
}

/// Whether the body is all of it, as far as the server said. False after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_body_is_complete(response: Ptr<websans_response>) -> bool {
    guard_or(false, || response.with(|it| Ok(it.body_is_complete)))
}
