//! What an endpoint says in an opening handshake.

use websans::{Rejection, Request, Response, WsUri};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles, sized_structs};
use crate::incoming::{websans_bytes, websans_header};
use crate::status::{Failure, websans_status};

/// A client's request. All is copied by the call that takes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_connect {
    /// The size of this struct, to be set: `websans_connect connect = {sizeof connect}`.
    pub size: usize,
    /// The URI, `ws://…` or `wss://…`.
    pub uri: websans_bytes,
    /// Header fields to be added, such as `Origin` and `Authorization`.
    pub headers: *const websans_header,
    /// How many there are.
    pub header_count: usize,
    /// The subprotocols that are offered, those preferred first.
    pub subprotocols: *const websans_bytes,
    /// How many there are.
    pub subprotocol_count: usize,
}

/// How a server accepts. All is copied by the call that takes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_accept {
    /// The size of this struct, to be set: `websans_accept accept = {sizeof accept}`.
    pub size: usize,
    /// The subprotocol, one of those that the client offered; `data` is NULL for none.
    pub subprotocol: websans_bytes,
    /// Header fields to be added, such as `Set-Cookie`.
    pub headers: *const websans_header,
    /// How many there are.
    pub header_count: usize,
}

/// How a server rejects. All is copied by the call that takes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_reject {
    /// The size of this struct, to be set: `websans_reject reject = {sizeof reject}`.
    pub size: usize,
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Header fields to be added.
    pub headers: *const websans_header,
    /// How many there are.
    pub header_count: usize,
    /// The body.
    pub body: websans_bytes,
}

sized_structs!(
    websans_connect: size_of::<websans_connect>(),
    websans_accept: size_of::<websans_accept>(),
    websans_reject: size_of::<websans_reject>(),
);

fn text(bytes: &websans_bytes) -> Outcome<String> {
    let (data, len) = bytes.given();
    Ok(data.text(len)?.to_owned())
}

fn bytes(bytes: &websans_bytes) -> Outcome<Vec<u8>> {
    let (data, len) = bytes.given();
    Ok(data.slice(len)?.to_vec())
}

fn headers(headers: *const websans_header, count: usize) -> Outcome<Vec<(String, Vec<u8>)>> {
    let given = crate::boundary::given(headers);
    given.slice(count)?.iter().map(|it| Ok((text(&it.name)?, bytes(&it.value)?))).collect()
}

/// A client's request.
pub(crate) fn connect(given: In<websans_connect>) -> Outcome<Request> {
    let given = given.read()?.ok_or(Failure::Status(websans_status::Null))?;
    let mut request = Request::new(&text(&given.uri)?)?;
    for (name, value) in headers(given.headers, given.header_count)? {
        request = request.header(&name, value)?;
    }
    let subprotocols = crate::boundary::given(given.subprotocols);
    for name in subprotocols.slice(given.subprotocol_count)? {
        request = request.subprotocol(&text(name)?)?;
    }
    Ok(request)
}

/// How a server accepts; NULL for nothing to add.
pub(crate) fn with_accept<R>(
    given: In<websans_accept>,
    then: impl FnOnce(&Response<'_>) -> Outcome<R>,
) -> Outcome<R> {
    let Some(given) = given.read()? else { return then(&Response::new()) };
    let chosen = if given.subprotocol.data.is_null() && given.subprotocol.len == 0 {
        None
    } else {
        Some(text(&given.subprotocol)?)
    };
    let mut response = Response::new().subprotocol(chosen.as_deref());
    for (name, value) in headers(given.headers, given.header_count)? {
        response = response.header(&name, value)?;
    }
    then(&response)
}

/// How a server rejects.
pub(crate) fn with_reject<R>(
    given: In<websans_reject>,
    then: impl FnOnce(&Rejection<'_>) -> Outcome<R>,
) -> Outcome<R> {
    let given = given.read()?.ok_or(Failure::Status(websans_status::Null))?;
    let body = bytes(&given.body)?;
    let mut rejection = Rejection::new(given.status)?;
    for (name, value) in headers(given.headers, given.header_count)? {
        rejection = rejection.header(&name, value)?;
    }
    if !body.is_empty() {
        rejection = rejection.body(&body)?;
    }
    then(&rejection)
}

/// A `ws` or `wss` URI in its parts: where to connect to. Its parts are lent as long as it is.
pub struct websans_uri(Opaque);

handles! {
    websans_uri(0x0055_5249): WsUri;
}

/// Reads a URI. Hosts that are not in ASCII are an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_new(
    uri: In<u8>,
    len: usize,
    out: Out<Ptr<websans_uri>>,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        let uri: WsUri = uri.text(len)?.parse().map_err(websans::InvalidHandshake::Uri)?;
        out.set(Ptr::new(uri));
        Ok(())
    })
}

/// Frees a URI. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_free(uri: Ptr<websans_uri>) {
    uri.free();
}

/// Whether the scheme is `wss`: the connection is to be made over TLS. False after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_is_secure(uri: Ptr<websans_uri>) -> bool {
    guard_or(false, || uri.with(|uri| Ok(uri.is_secure())))
}

/// The port to connect to. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_port(uri: Ptr<websans_uri>) -> u16 {
    guard_or(0, || uri.with(|uri| Ok(uri.port())))
}

/// The host to connect to, and to verify with TLS. An IPv6 address comes without brackets.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_host(
    uri: Ptr<websans_uri>,
    host: Out<websans_bytes>,
) -> websans_status {
    part(uri, host, WsUri::host)
}

/// The path and the query, as they are sent.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_resource_name(
    uri: Ptr<websans_uri>,
    name: Out<websans_bytes>,
) -> websans_status {
    part(uri, name, WsUri::resource_name)
}

/// What the field `Host` says: the host, and the port unless it is the default one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_uri_authority(
    uri: Ptr<websans_uri>,
    authority: Out<websans_bytes>,
) -> websans_status {
    part(uri, authority, WsUri::authority)
}

fn part(
    uri: Ptr<websans_uri>,
    out: Out<websans_bytes>,
    of: impl FnOnce(&WsUri) -> &str,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        uri.with(|uri| {
            out.set(websans_bytes::of(of(uri).as_bytes()));
            Ok(())
        })
    })
}
