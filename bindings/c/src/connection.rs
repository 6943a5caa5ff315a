//! A connection whose opening handshake was made elsewhere, or with `websans_server_handshake` and
//! `websans_client_handshake`: the protocol without deadlines.

use websans::frame::Opcode;
use websans::{AgreedDeflate, Connection, Event, Role};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles};
use crate::buffers::{websans_recv_buf, websans_send_buf};
use crate::config::{Settings, websans_config, websans_deflate};
use crate::event::{websans_close_status, websans_event, websans_state};
use crate::frame::websans_frame_header;
use crate::incoming::websans_bytes;
use crate::random::{Random, with_random};
use crate::send::{self, Endpoint, websans_message, websans_prepared};
use crate::status::{Failure, websans_status};

/// A connection after its opening handshake, without deadlines. `websans_session` has those.
pub struct websans_connection(Opaque);

handles! {
    websans_connection(0x0043_4F4E): Inner;
}

pub(crate) struct Inner {
    pub(crate) core: Connection,
    pub(crate) random: Option<Random>,
}

impl Endpoint for Inner {
    #[inline]
    fn random(&self) -> Option<Random> {
        self.random
    }

    #[inline]
    fn connected(&mut self) -> Outcome<&mut Connection> {
        Ok(&mut self.core)
    }
}

/// Which endpoint we are.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum websans_role {
    /// The endpoint that opened the connection. It masks what it sends.
    Client = 0,
    /// The endpoint that accepted it.
    Server = 1,
}

impl From<Role> for websans_role {
    fn from(role: Role) -> Self {
        match role {
            Role::Client => Self::Client,
            Role::Server => Self::Server,
        }
    }
}

/// A connection whose opening handshake was made elsewhere. `role` is WEBSANS_ROLE_CLIENT or
/// WEBSANS_ROLE_SERVER; a `config` of NULL stands for the defaults. `extensions` is the value of the
/// field `Sec-WebSocket-Extensions` in the response to that handshake, with `extensions_len` 0 for
/// none.
///
/// Errors: WEBSANS_STATUS_VALUE for another role, WEBSANS_STATUS_HANDSHAKE_… for extensions that
/// could not have been agreed on.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_new(
    role: i32,
    config: Ptr<websans_config>,
    extensions: In<u8>,
    extensions_len: usize,
    out: Out<Ptr<websans_connection>>,
) -> websans_status {
    guard(|| {
        let (out, answer) = (out.required()?, extensions.slice(extensions_len)?);
        let Settings { core: config, random } = Settings::of(config)?;
        let agreed = match answer {
            [] => None,
            answer => Some(AgreedDeflate::from_answer(answer)?),
        };
        let core = match (role, agreed) {
            (0, None) => Connection::client(config),
            (0, Some(agreed)) => Connection::client_with(config, agreed),
            (1, None) => Connection::server(config),
            (1, Some(agreed)) => Connection::server_with(config, agreed),
            _ => return Err(Failure::Status(websans_status::Value)),
        };
        out.set(Ptr::new(Inner { core, random }));
        Ok(())
    })
}

/// Frees a connection. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_free(connection: Ptr<websans_connection>) {
    connection.free();
}

/// The next event in what has been received, with messages whole; `event->kind` is
/// WEBSANS_EVENT_KIND_NONE when that takes more bytes. What an event obliges to send has been queued
/// in `tx`.
///
/// Errors from 200 on are final: the close frame that tells the peer has been queued, and every
/// later call returns the same. Events that were returned before are whole and valid.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_next_event(
    connection: Ptr<websans_connection>,
    rx: Ptr<websans_recv_buf>,
    tx: Ptr<websans_send_buf>,
    event: Out<websans_event>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            rx.with(|rx| {
                tx.with(|tx| match with_random(ws.random, || ws.core.next_event(rx, tx))? {
                    Some(Event::Binary(data)) => event.set_struct(&websans_event::binary(data)),
                    Some(other) => event.set_struct(&websans_event::whole(other)),
                    None => event.set_struct(&websans_event::NONE),
                })
            })
        })
    })
}

/// The next event, with messages in parts: as much as is there, so that a message may be larger than
/// memory. Text is cut between characters. A part may be empty.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_next_partial(
    connection: Ptr<websans_connection>,
    rx: Ptr<websans_recv_buf>,
    tx: Ptr<websans_send_buf>,
    event: Out<websans_event>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            rx.with(|rx| {
                tx.with(|tx| {
                    with_random(ws.random, || {
                        let next = ws.core.next_partial(rx, tx)?;
                        event.set_struct(&next.map_or(websans_event::NONE, websans_event::partial))
                    })
                })
            })
        })
    })
}

/// Says that the transport has ended. The end comes after what has been received: once that has been
/// returned, the next event is WEBSANS_STATUS_EOF if there was no close frame.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_handle_eof(
    connection: Ptr<websans_connection>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            ws.core.handle_eof();
            Ok(())
        })
    })
}

/// Sends a text message, which is copied. Errors: WEBSANS_STATUS_UTF8, WEBSANS_STATUS_SEND_….
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_text(
    connection: Ptr<websans_connection>,
    text: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_text(connection, text, len, tx)
}

/// Sends a binary message, which is copied. Errors: WEBSANS_STATUS_SEND_….
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_binary(
    connection: Ptr<websans_connection>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_binary(connection, data, len, tx)
}

/// Sends a message or a part of one, copied or handed over. Control frames may be sent between
/// parts, other messages may not.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send(
    connection: Ptr<websans_connection>,
    message: In<websans_message>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_message(connection, message, tx)
}

/// Sends a message that was encoded once for many.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_prepared(
    connection: Ptr<websans_connection>,
    message: Ptr<websans_prepared>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_prepared(connection, message, tx)
}

/// Announces a message, or with `flags` a part of one, whose payload of `len` bytes is made as it is
/// sent: `websans_send_buf_extend_payload` takes it. It is not compressed, and the caller answers
/// for text being UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_header(
    connection: Ptr<websans_connection>,
    opcode: u8,
    flags: u32,
    len: u64,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_header(connection, opcode, flags, len, tx)
}

/// Sends a frame as it is, unchecked: with the FIN bit, the reserved bits and the opcode of `header`.
/// Its length is `len`, and it is masked at a client, whatever `header` says of both.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_raw_frame(
    connection: Ptr<websans_connection>,
    header: In<websans_frame_header>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let (header, bytes) = (websans_frame_header::of(header)?, data.slice(len)?);
        send::send(connection, tx, bytes, |ws, tx| Ok(ws.send_raw_frame(header, bytes, tx)?))
    })
}

/// Sends a ping with at most 125 bytes of payload.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_ping(
    connection: Ptr<websans_connection>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_control(connection, Opcode::PING, data, len, tx)
}

/// Sends a pong that no ping asked for.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_send_pong(
    connection: Ptr<websans_connection>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_control(connection, Opcode::PONG, data, len, tx)
}

/// Begins the closing handshake, with a code from 1000 to 1003, 1007 to 1014 or 3000 to 4999, or 0
/// for a close frame without one, and a reason in UTF-8 of at most 123 bytes. Messages may still
/// come until the peer answers. A second time it is WEBSANS_STATUS_SEND_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_close(
    connection: Ptr<websans_connection>,
    code: u16,
    reason: In<u8>,
    reason_len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::close(connection, code, reason, reason_len, tx)
}

/// Where the connection stands. WEBSANS_STATE_CONNECTING after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_state(connection: Ptr<websans_connection>) -> websans_state {
    guard_or(websans_state::Connecting, || connection.with(|ws| Ok(ws.core.state().into())))
}

/// Whether messages can be sent: no close frame was, and the connection has not failed. False after
/// an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_is_open(connection: Ptr<websans_connection>) -> bool {
    guard_or(false, || connection.with(|ws| Ok(ws.core.is_open())))
}

/// Which endpoint we are. WEBSANS_ROLE_CLIENT after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_role(connection: Ptr<websans_connection>) -> websans_role {
    guard_or(websans_role::Client, || connection.with(|ws| Ok(ws.core.role().into())))
}

/// How the connection ended. Errors: WEBSANS_STATUS_ORDER while it has not.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_close_status(
    connection: Ptr<websans_connection>,
    status: Out<websans_close_status>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            let ended = ws.core.close_status().ok_or(Failure::Status(websans_status::Order))?;
            status.set_struct(&websans_close_status::of(ended))
        })
    })
}

/// The subprotocol that was agreed on, until the connection is freed; `data` is NULL without one.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_subprotocol(
    connection: Ptr<websans_connection>,
    subprotocol: Out<websans_bytes>,
) -> websans_status {
    guard(|| {
        let subprotocol = subprotocol.required()?;
        connection.with(|ws| {
            subprotocol.set(websans_bytes::of_option(ws.core.subprotocol().map(str::as_bytes)));
            Ok(())
        })
    })
}

/// What was agreed on of permessage-deflate: the first four members of the struct, whose size is to
/// be set. Errors: WEBSANS_STATUS_ORDER if nothing was.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_deflate(
    connection: Ptr<websans_connection>,
    deflate: Out<websans_deflate>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            let agreed = ws.core.permessage_deflate();
            let agreed = agreed.ok_or(Failure::Status(websans_status::Order))?;
            deflate.set_struct(&websans_deflate::agreed(agreed))
        })
    })
}

/// Changes the largest message to receive, from the next frame on.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_set_max_message_size(
    connection: Ptr<websans_connection>,
    bytes: u64,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            ws.core.set_max_message_size((bytes != u64::MAX).then_some(bytes));
            Ok(())
        })
    })
}

/// Gives back what memory of the compressor and the decompressor can be given back while the
/// connection is idle.
#[unsafe(no_mangle)]
pub extern "C" fn websans_connection_release(
    connection: Ptr<websans_connection>,
) -> websans_status {
    guard(|| {
        connection.with(|ws| {
            ws.core.release();
            Ok(())
        })
    })
}
