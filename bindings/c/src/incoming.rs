//! A client's request, kept beyond the receive buffer.

use websans::{IncomingRequest, RecvBuf, SendBuf, ServerHandshake};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles, pointer};
use crate::config::Settings;
use crate::random::Random;
use crate::status::{Failure, websans_status};

/// A client's request. Its parts are lent as long as it is.
pub struct websans_request(Opaque);

handles! {
    websans_request(0x0052_4551): Request;
}

/// Bytes that are lent, or a text in UTF-8, without a zero byte behind it. `data` is NULL where
/// there is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

/// A header field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_header {
    /// Its name, whose case does not matter.
    pub name: websans_bytes,
    /// Its value.
    pub value: websans_bytes,
}

impl websans_bytes {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { data: pointer(bytes), len: bytes.len() }
    }

    pub(crate) fn of_option(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self { data: core::ptr::null(), len: 0 }, Self::of)
    }

    pub(crate) fn given(&self) -> (In<u8>, usize) {
        (crate::boundary::given(self.data), self.len)
    }
}

pub(crate) type Fields = Vec<(Box<str>, Box<[u8]>)>;

pub(crate) fn fields<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Fields {
    headers.map(|(name, value)| (name.into(), value.into())).collect()
}

pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

pub(crate) fn field_at(fields: &Fields, index: usize) -> Outcome<websans_header> {
    let (name, value) = fields.get(index).ok_or(Failure::Status(websans_status::Value))?;
    Ok(websans_header { name: websans_bytes::of(name.as_bytes()), value: websans_bytes::of(value) })
}

/// A request, with all that answering it takes.
pub(crate) struct Request {
    resource_name: Box<str>,
    host: Box<str>,
    origin: Option<Box<str>>,
    is_same_origin: bool,
    fields: Fields,
    subprotocols: Vec<Box<str>>,
    extensions: Vec<Box<str>>,
    settings: Settings,
    of_session: bool,
    answered: bool,
}

impl Request {
    pub(crate) fn of(request: &IncomingRequest<'_>, settings: Settings) -> Self {
        Self {
            resource_name: request.resource_name().into(),
            host: request.host().into(),
            origin: request.origin().map(Into::into),
            is_same_origin: request.is_same_origin(),
            fields: fields(request.headers()),
            subprotocols: request.subprotocols().map(Into::into).collect(),
            extensions: request.extensions().map(|it| extension(&it).into()).collect(),
            settings,
            of_session: false,
            answered: false,
        }
    }

    /// Of a session, which answers it.
    pub(crate) fn of_session(self) -> Self {
        Self { of_session: true, ..self }
    }

    pub(crate) fn is_of_session(&self) -> bool {
        self.of_session
    }

    /// Whether the application may answer it by itself.
    pub(crate) fn check_may_answer(&self) -> Outcome {
        if self.of_session || self.answered {
            return Err(Failure::Status(websans_status::Order));
        }
        Ok(())
    }

    pub(crate) fn set_answered(&mut self) {
        self.answered = true;
    }

    pub(crate) fn random(&self) -> Option<Random> {
        self.settings.random
    }

    /// The request as the core has it, for as long as it takes to answer it.
    pub(crate) fn with<R>(
        &self,
        answer: impl FnOnce(&IncomingRequest<'_>) -> Outcome<R>,
    ) -> Outcome<R> {
        let mut head = format!("GET {} HTTP/1.1\r\n", self.resource_name).into_bytes();
        for (name, value) in &self.fields {
            // Of a target in absolute form the host counts, and not that of the field.
            let is_host = name.eq_ignore_ascii_case("host");
            let value = if is_host { self.host.as_bytes() } else { value };
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        head.extend_from_slice(b"\r\n");
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&head);
        // It was within the limits as it came.
        let config = self.settings.core.max_head_size(None).max_headers(None);
        let mut again = ServerHandshake::new(config);
        let order = Failure::Status(websans_status::Order);
        let request = again.next_request(&mut rx, &mut tx)?.ok_or(order)?;
        answer(&request)
    }
}

/// An extension as it is written in the field.
fn extension(extension: &websans::Extension<'_>) -> String {
    let mut text = extension.name().to_owned();
    for parameter in extension.params() {
        text.push_str("; ");
        text.push_str(parameter.name);
        if let Some(value) = parameter.value {
            text.push('=');
            text.push_str(&value);
        }
    }
    text
}

/// What is asked for: the path and the query, as sent, such as `/chat?room=1`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_resource_name(
    request: Ptr<websans_request>,
    name: Out<websans_bytes>,
) -> websans_status {
    request_part(request, name, |it| Some(it.resource_name.as_bytes()))
}

fn request_part(
    request: Ptr<websans_request>,
    part: Out<websans_bytes>,
    of: impl FnOnce(&Request) -> Option<&[u8]>,
) -> websans_status {
    guard(|| {
        let part = part.required()?;
        request.with(|it| {
            part.set(websans_bytes::of_option(of(it)));
            Ok(())
        })
    })
}

/// The path as sent, without the query. It begins with "/".
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_path(
    request: Ptr<websans_request>,
    path: Out<websans_bytes>,
) -> websans_status {
    request_part(request, path, |it| it.resource_name.split('?').next().map(str::as_bytes))
}

/// The query as sent, without the "?"; `data` is NULL without one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_query(
    request: Ptr<websans_request>,
    query: Out<websans_bytes>,
) -> websans_status {
    request_part(request, query, |it| {
        it.resource_name.split_once('?').map(|(_, query)| query.as_bytes())
    })
}

/// The host that the client means to talk to, and the port if it is not the default one. Compare it
/// with the names that the server has, or a browser can be deceived into connecting (DNS rebinding).
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_host(
    request: Ptr<websans_request>,
    host: Out<websans_bytes>,
) -> websans_status {
    request_part(request, host, |it| Some(it.host.as_bytes()))
}

/// The origin of the script that made the request; `data` is NULL without one. Browsers always send
/// it.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_origin(
    request: Ptr<websans_request>,
    origin: Out<websans_bytes>,
) -> websans_status {
    request_part(request, origin, |it| it.origin.as_ref().map(|it| it.as_bytes()))
}

/// Whether no other site's script made this request: its origin is the host, or it has none. False
/// after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_is_same_origin(request: Ptr<websans_request>) -> bool {
    guard_or(false, || request.with(|it| Ok(it.is_same_origin)))
}

/// The value of the first header field of that name, whose case does not matter; `data` is NULL
/// without one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_header(
    request: Ptr<websans_request>,
    name: In<u8>,
    name_len: usize,
    value: Out<websans_bytes>,
) -> websans_status {
    guard(|| {
        let (name, value) = (name.text(name_len)?, value.required()?);
        request.with(|it| {
            value.set(websans_bytes::of_option(field(&it.fields, name)));
            Ok(())
        })
    })
}

/// How many header fields there are. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_header_count(request: Ptr<websans_request>) -> usize {
    guard_or(0, || request.with(|it| Ok(it.fields.len())))
}

/// The header field at `index`, in order. Errors: WEBSANS_STATUS_VALUE where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_header_at(
    request: Ptr<websans_request>,
    index: usize,
    header: Out<websans_header>,
) -> websans_status {
    guard(|| {
        let header = header.required()?;
        request.with(|it| {
            header.set(field_at(&it.fields, index)?);
            Ok(())
        })
    })
}

/// How many subprotocols the client offers. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_subprotocol_count(request: Ptr<websans_request>) -> usize {
    guard_or(0, || request.with(|it| Ok(it.subprotocols.len())))
}

fn item(items: &[Box<str>], index: usize) -> Outcome<websans_bytes> {
    let item = items.get(index).ok_or(Failure::Status(websans_status::Value))?;
    Ok(websans_bytes::of(item.as_bytes()))
}

/// The subprotocol at `index`; those that the client prefers come first. Errors:
/// WEBSANS_STATUS_VALUE where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_subprotocol_at(
    request: Ptr<websans_request>,
    index: usize,
    subprotocol: Out<websans_bytes>,
) -> websans_status {
    guard(|| {
        let subprotocol = subprotocol.required()?;
        request.with(|it| {
            subprotocol.set(item(&it.subprotocols, index)?);
            Ok(())
        })
    })
}

/// How many extensions the client offers. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_extension_count(request: Ptr<websans_request>) -> usize {
    guard_or(0, || request.with(|it| Ok(it.extensions.len())))
}

/// The extension at `index` with its parameters, such as `permessage-deflate;
/// client_max_window_bits`. Errors: WEBSANS_STATUS_VALUE where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_extension_at(
    request: Ptr<websans_request>,
    index: usize,
    extension: Out<websans_bytes>,
) -> websans_status {
    guard(|| {
        let extension = extension.required()?;
        request.with(|it| {
            extension.set(item(&it.extensions, index)?);
            Ok(())
        })
    })
}
