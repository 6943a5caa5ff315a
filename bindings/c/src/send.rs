//! What connections and sessions send.

use core::ffi::c_void;

use websans::frame::Opcode;
use websans::{CloseCode, Connection, Message, Payload, PreparedMessage, SendBuf, TextPayload};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, given, guard, handles, sized_structs};
use crate::buffers::{check_apart, websans_send_buf};
use crate::foreign::{self, Owner, websans_free_fn};
use crate::random::{Random, with_random};
use crate::status::{Failure, websans_status};

/// For `websans_message.flags`: a part of a message, of which more follow.
pub const WEBSANS_MESSAGE_PART: u32 = 1;
/// For `websans_message.flags`: the last part of a message that was begun with
/// WEBSANS_MESSAGE_PART.
pub const WEBSANS_MESSAGE_LAST_PART: u32 = 2;
/// For `websans_message.flags`: not to be compressed, whatever was agreed on. For secrets, and for
/// what does not compress.
pub const WEBSANS_MESSAGE_UNCOMPRESSED: u32 = 4;

/// The opcode of text messages.
pub const WEBSANS_TEXT: u8 = 1;
/// The opcode of binary messages.
pub const WEBSANS_BINARY: u8 = 2;

/// A message to be sent, or a part of one.
///
/// Without `free` the payload is copied. With it the payload is handed over: it is sent from where
/// it lies if it is at least 4 KiB long, not compressed, and sent by a server, and is copied
/// otherwise, since a client must mask it. Either way `free` is called exactly once, also if the
/// message is not sent; only where this struct cannot be read, which is an error
/// WEBSANS_STATUS_NULL or WEBSANS_STATUS_SIZE before anything else, it is not.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_message {
    /// The size of this struct, to be set: `websans_message message = {sizeof message}`.
    pub size: usize,
    /// The payload. Text must be UTF-8, and each part of it must be.
    pub data: *const u8,
    /// How many bytes there are at `data`.
    pub len: usize,
    /// WEBSANS_TEXT or WEBSANS_BINARY.
    pub opcode: u8,
    /// WEBSANS_MESSAGE_…, or 0 for a whole message.
    pub flags: u32,
    /// What frees the payload, or NULL to have it copied.
    pub free: websans_free_fn,
    /// What is handed to `free`.
    pub context: *mut c_void,
}

sized_structs!(websans_message: size_of::<websans_message>());

/// A message encoded once, to be sent to many. It may be used by several threads, one at a time.
pub struct websans_prepared(Opaque);

handles! {
    websans_prepared(0x0050_5245): PreparedMessage;
}

/// Something with which messages are sent: the connection itself, or that of a session.
pub(crate) trait Endpoint {
    fn random(&self) -> Option<Random>;
    fn connected(&mut self) -> Outcome<&mut Connection>;
}

/// Sends with an endpoint, into a buffer that does not hold the payload.
#[inline]
pub(crate) fn send<K>(
    endpoint: Ptr<K>,
    tx: Ptr<websans_send_buf>,
    payload: &[u8],
    send: impl FnOnce(&mut Connection, &mut SendBuf) -> Outcome,
) -> Outcome
where
    K: crate::boundary::Kind<Value: Endpoint>,
{
    endpoint.with(|endpoint| {
        tx.with(|tx| {
            check_apart(payload, tx)?;
            with_random(endpoint.random(), || send(endpoint.connected()?, tx))
        })
    })
}

#[inline]
pub(crate) fn send_text<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    text: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let bytes = text.slice(len)?;
        let text = TextPayload::from_utf8(bytes);
        let text = text.map_err(|_| Failure::Status(websans_status::Utf8))?;
        send(endpoint, tx, bytes, |ws, tx| Ok(ws.send(Message::text(text), tx)?))
    })
}

#[inline]
pub(crate) fn send_binary<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let bytes = data.slice(len)?;
        send(endpoint, tx, bytes, |ws, tx| Ok(ws.send_binary(bytes, tx)?))
    })
}

pub(crate) fn send_message<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    message: In<websans_message>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let message = message.read()?.ok_or(Failure::Status(websans_status::Null))?;
        let pointer = given(message.data);
        let owner = message.free.map(|free| Owner { free, context: message.context });
        let bytes = match (pointer.slice(message.len), owner) {
            (Ok(bytes), Some(owner)) => {
                let payload = foreign::owned(bytes, message.data, owner);
                return send_payload(endpoint, &message, payload.into(), bytes, tx);
            }
            (Err(failure), Some(owner)) => {
                foreign::free(message.data, message.len, owner);
                return Err(failure);
            }
            (bytes, None) => bytes?,
        };
        send_payload(endpoint, &message, bytes.into(), bytes, tx)
    })
}

fn send_payload<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    message: &websans_message,
    payload: Payload<'_>,
    bytes: &[u8],
    tx: Ptr<websans_send_buf>,
) -> Outcome {
    let message = of(message.opcode, message.flags, payload)?;
    send(endpoint, tx, bytes, |ws, tx| Ok(ws.send(message, tx)?))
}

fn of(opcode: u8, flags: u32, payload: Payload<'_>) -> Outcome<Message<'_>> {
    let message = match opcode {
        WEBSANS_TEXT => TextPayload::from_utf8(payload)
            .map(Message::text)
            .map_err(|_| Failure::Status(websans_status::Utf8))?,
        WEBSANS_BINARY => Message::binary(payload),
        _ => return Err(Failure::Status(websans_status::Value)),
    };
    let message = match flags & !WEBSANS_MESSAGE_UNCOMPRESSED {
        0 => message,
        WEBSANS_MESSAGE_PART => message.part(false),
        WEBSANS_MESSAGE_LAST_PART => message.part(true),
        _ => return Err(Failure::Status(websans_status::Value)),
    };
    let compress = flags & WEBSANS_MESSAGE_UNCOMPRESSED == 0;
    Ok(if compress { message } else { message.uncompressed() })
}

pub(crate) fn send_header<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    opcode: u8,
    flags: u32,
    len: u64,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let empty: &[u8] = &[];
        let message = of(opcode, flags, empty.into())?;
        send(endpoint, tx, &[], |ws, tx| Ok(ws.send_header(message, len, tx)?))
    })
}

pub(crate) fn send_prepared<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    message: Ptr<websans_prepared>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        message.with(|message| send(endpoint, tx, &[], |ws, tx| Ok(ws.send_prepared(message, tx)?)))
    })
}

pub(crate) fn send_control<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    opcode: Opcode,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let bytes = data.slice(len)?;
        send(endpoint, tx, bytes, |ws, tx| {
            if opcode == Opcode::PING {
                ws.send_ping(bytes, tx)?;
            } else {
                ws.send_pong(bytes, tx)?;
            }
            Ok(())
        })
    })
}

pub(crate) fn close<K: crate::boundary::Kind<Value: Endpoint>>(
    endpoint: Ptr<K>,
    code: u16,
    reason: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let reason = reason.text(len)?;
        let code = (code != 0).then(|| CloseCode::from(code));
        send(endpoint, tx, reason.as_bytes(), |ws, tx| Ok(ws.close(code, reason, tx)?))
    })
}

/// Encodes a message once, to be sent to many: for a server it is the same bytes for every client,
/// and a long one is sent to all of them without a copy.
///
/// Errors: WEBSANS_STATUS_UTF8 for text that is not; WEBSANS_STATUS_VALUE for another opcode than
/// WEBSANS_TEXT and WEBSANS_BINARY.
#[unsafe(no_mangle)]
pub extern "C" fn websans_prepared_new(
    opcode: u8,
    data: In<u8>,
    len: usize,
    out: Out<Ptr<websans_prepared>>,
) -> websans_status {
    guard(|| {
        let (out, bytes) = (out.required()?, data.slice(len)?);
        out.set(Ptr::new(PreparedMessage::new(of(opcode, 0, bytes.into())?)));
        Ok(())
    })
}

/// Frees a prepared message. Where it waits to be written it still is. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_prepared_free(message: Ptr<websans_prepared>) {
    message.free();
}
