//! What an application sends with a session, and how it stands.

use websans::Connection;
use websans::frame::Opcode;

use crate::boundary::{In, Out, Outcome, Ptr, guard, guard_or};
use crate::buffers::websans_send_buf;
use crate::config::websans_deflate;
use crate::connection::websans_role;
use crate::event::{websans_close_status, websans_state};
use crate::frame::websans_frame_header;
use crate::incoming::websans_bytes;
use crate::send::{self, websans_message, websans_prepared};
use crate::session::websans_session;
use crate::status::{Failure, websans_status};

/// Sends a text message, which is copied. Errors: WEBSANS_STATUS_UTF8, WEBSANS_STATUS_SEND_….
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_text(
    session: Ptr<websans_session>,
    text: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_text(session, text, len, tx)
}

/// Sends a binary message, which is copied. Errors: WEBSANS_STATUS_SEND_….
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_binary(
    session: Ptr<websans_session>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_binary(session, data, len, tx)
}

/// Sends a message or a part of one, copied or handed over.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send(
    session: Ptr<websans_session>,
    message: In<websans_message>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_message(session, message, tx)
}

/// Sends a message that was encoded once for many.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_prepared(
    session: Ptr<websans_session>,
    message: Ptr<websans_prepared>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_prepared(session, message, tx)
}

/// Announces a payload that is made as it is sent, as `websans_connection_send_header`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_header(
    session: Ptr<websans_session>,
    opcode: u8,
    flags: u32,
    len: u64,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_header(session, opcode, flags, len, tx)
}

/// Sends a frame as it is, unchecked, as `websans_connection_send_raw_frame`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_raw_frame(
    session: Ptr<websans_session>,
    header: In<websans_frame_header>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        let (header, bytes) = (websans_frame_header::of(header)?, data.slice(len)?);
        send::send(session, tx, bytes, |ws, tx| Ok(ws.send_raw_frame(header, bytes, tx)?))
    })
}

/// Sends a ping of the application's own; the session pings a silent peer by itself.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_ping(
    session: Ptr<websans_session>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_control(session, Opcode::PING, data, len, tx)
}

/// Sends a pong that no ping asked for.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_send_pong(
    session: Ptr<websans_session>,
    data: In<u8>,
    len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::send_control(session, Opcode::PONG, data, len, tx)
}

/// Begins the closing handshake, as `websans_connection_close`. The loop goes on until
/// `websans_session_next_io` says WEBSANS_IO_CLOSE.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_close(
    session: Ptr<websans_session>,
    code: u16,
    reason: In<u8>,
    reason_len: usize,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    send::close(session, code, reason, reason_len, tx)
}

/// Where the connection stands: WEBSANS_STATE_CONNECTING before the opening handshake is done, and
/// after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_state(session: Ptr<websans_session>) -> websans_state {
    guard_or(websans_state::Connecting, || {
        session.with(|it| {
            let connection = it.core.connection();
            Ok(connection.map_or(websans_state::Connecting, |it| it.state().into()))
        })
    })
}

/// Whether messages can be sent: the opening handshake is done, and no close frame was sent. False
/// after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_is_open(session: Ptr<websans_session>) -> bool {
    guard_or(false, || session.with(|it| Ok(it.core.is_open())))
}

/// Which endpoint this is. WEBSANS_ROLE_CLIENT after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_role(session: Ptr<websans_session>) -> websans_role {
    guard_or(websans_role::Client, || session.with(|it| Ok(it.core.role().into())))
}

/// How the connection ended; `clean` only if the transport has taken our close frame. Errors:
/// WEBSANS_STATUS_ORDER while it has not.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_close_status(
    session: Ptr<websans_session>,
    status: Out<websans_close_status>,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            let ended = it.core.close_status().ok_or(Failure::Status(websans_status::Order))?;
            status.set_struct(&websans_close_status::of(ended))
        })
    })
}

fn with_connection(
    session: Ptr<websans_session>,
    body: impl FnOnce(&Connection) -> Outcome,
) -> websans_status {
    guard(|| {
        session.with(|it| body(it.core.connection().ok_or(Failure::Status(websans_status::Order))?))
    })
}

/// The subprotocol that was agreed on, until the session is freed; `data` is NULL without one.
/// Errors: WEBSANS_STATUS_ORDER before the opening handshake is done.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_subprotocol(
    session: Ptr<websans_session>,
    subprotocol: Out<websans_bytes>,
) -> websans_status {
    with_connection(session, |ws| {
        let agreed = ws.subprotocol().map(str::as_bytes);
        subprotocol.required()?.set(websans_bytes::of_option(agreed));
        Ok(())
    })
}

/// What was agreed on of permessage-deflate, as `websans_connection_deflate`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_deflate(
    session: Ptr<websans_session>,
    deflate: Out<websans_deflate>,
) -> websans_status {
    with_connection(session, |ws| {
        let agreed = ws.permessage_deflate().ok_or(Failure::Status(websans_status::Order))?;
        deflate.set_struct(&websans_deflate::agreed(agreed))
    })
}

/// Changes the largest message to receive, from the next frame on.
///
/// Errors: WEBSANS_STATUS_SEND_CONNECTING before the opening handshake is done.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_set_max_message_size(
    session: Ptr<websans_session>,
    bytes: u64,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            let connection = it.core.connected()?;
            connection.set_max_message_size((bytes != u64::MAX).then_some(bytes));
            Ok(())
        })
    })
}

/// Gives back what memory of the compressor and the decompressor can be given back while the
/// connection is idle.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_release(session: Ptr<websans_session>) -> websans_status {
    guard(|| {
        session.with(|it| {
            it.core.connected()?.release();
            Ok(())
        })
    })
}

/// The time between the last ping of the session's own that was answered and its pong, in
/// nanoseconds; WEBSANS_UNLIMITED if there was none, and after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_round_trip_time(session: Ptr<websans_session>) -> u64 {
    guard_or(u64::MAX, || {
        session.with(|it| {
            let time = it.core.round_trip_time();
            Ok(time.and_then(|it| u64::try_from(it.as_nanos()).ok()).unwrap_or(u64::MAX))
        })
    })
}
