//! The opening handshake by itself, for programs that do without a session.

use websans::{ClientHandshake, ServerHandshake};

use crate::boundary::{In, Opaque, Out, Ptr, guard, handles};
use crate::buffers::{websans_recv_buf, websans_send_buf};
use crate::config::{Settings, websans_config};
use crate::connection::{Inner as Connection, websans_connection};
use crate::incoming::{Request, websans_request};
use crate::outgoing::{self, websans_accept, websans_connect, websans_reject};
use crate::random::with_random;
use crate::response::{Response, websans_response};
use crate::status::{Failure, websans_status};

/// A server's side of an opening handshake: it waits for a request.
pub struct websans_server_handshake(Opaque);

/// A client's side of an opening handshake: it has sent its request and waits for the response.
pub struct websans_client_handshake(Opaque);

handles! {
    websans_server_handshake(0x0053_4853): Server;
    websans_client_handshake(0x0043_4853): Client;
}

pub(crate) struct Server {
    core: ServerHandshake,
    settings: Settings,
}

pub(crate) struct Client {
    core: ClientHandshake,
    settings: Settings,
    connection: Option<websans::Connection>,
}

/// Waits for a request. A `config` of NULL stands for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_server_handshake_new(
    config: Ptr<websans_config>,
    out: Out<Ptr<websans_server_handshake>>,
) -> websans_status {
    guard(|| {
        let (out, settings) = (out.required()?, Settings::of(config)?);
        out.set(Ptr::new(Server { core: ServerHandshake::new(settings.core), settings }));
        Ok(())
    })
}

/// Frees a handshake. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_server_handshake_free(handshake: Ptr<websans_server_handshake>) {
    handshake.free();
}

/// The request, once its head has been received; NULL when that takes more bytes. It is to be
/// answered with `websans_request_accept` or `websans_request_reject`, and freed with
/// `websans_request_free`.
///
/// Errors: WEBSANS_STATUS_HANDSHAKE_…, final. The HTTP response that tells the client has been queued
/// in `tx`; the transport is to be closed once that is written.
#[unsafe(no_mangle)]
pub extern "C" fn websans_server_handshake_next_request(
    handshake: Ptr<websans_server_handshake>,
    rx: Ptr<websans_recv_buf>,
    tx: Ptr<websans_send_buf>,
    out: Out<Ptr<websans_request>>,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        out.set(Ptr::NULL);
        handshake.with(|it| {
            rx.with(|rx| {
                tx.with(|tx| {
                    if let Some(request) = it.core.next_request(rx, tx)? {
                        out.set(Ptr::new(Request::of(&request, it.settings)));
                    }
                    Ok(())
                })
            })
        })
    })
}

/// Notes that the transport will bring no more bytes.
#[unsafe(no_mangle)]
pub extern "C" fn websans_server_handshake_handle_eof(
    handshake: Ptr<websans_server_handshake>,
) -> websans_status {
    guard(|| {
        handshake.with(|it| {
            it.core.handle_eof();
            Ok(())
        })
    })
}

/// Gives up on a client that has not sent its request in time: queues a response with status 408. The
/// result is WEBSANS_STATUS_HANDSHAKE_TIMEOUT, or the error that came before. Not to be called after
/// the request was answered.
#[unsafe(no_mangle)]
pub extern "C" fn websans_server_handshake_handle_timeout(
    handshake: Ptr<websans_server_handshake>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| handshake.with(|it| tx.with(|tx| Err(Failure::from(it.core.handle_timeout(tx))))))
}

/// Accepts: queues the response in `tx` and makes the connection. `accept` of NULL adds nothing. The
/// request must be of a handshake by itself: that of a session is for `websans_session_accept`, and
/// an error WEBSANS_STATUS_ORDER here, as is a request that was answered.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_accept(
    request: Ptr<websans_request>,
    accept: In<websans_accept>,
    tx: Ptr<websans_send_buf>,
    out: Out<Ptr<websans_connection>>,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        request.with(|request| {
            request.check_may_answer()?;
            let core = outgoing::with_accept(accept, |response| {
                tx.with(|tx| request.with(|request| Ok(request.accept(response, tx)?)))
            })?;
            request.set_answered();
            out.set(Ptr::new(Connection { core, random: request.random() }));
            Ok(())
        })
    })
}

/// Rejects: queues the response in `tx`. The transport is to be closed once that is written.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_reject(
    request: Ptr<websans_request>,
    reject: In<websans_reject>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        request.with(|request| {
            request.check_may_answer()?;
            outgoing::with_reject(reject, |rejection| {
                tx.with(|tx| {
                    request.with(|request| {
                        request.reject(rejection, tx);
                        Ok(())
                    })
                })
            })?;
            request.set_answered();
            Ok(())
        })
    })
}

/// Frees a request of a handshake by itself. That of a session belongs to the session, and stays.
/// NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_request_free(request: Ptr<websans_request>) {
    guard(|| {
        if !request.is_null() && !request.with(|it| Ok(it.is_of_session()))? {
            request.free();
        }
        Ok(())
    });
}

/// Queues a client's request in `tx`. A `config` of NULL stands for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_client_handshake_new(
    connect: In<websans_connect>,
    config: Ptr<websans_config>,
    tx: Ptr<websans_send_buf>,
    out: Out<Ptr<websans_client_handshake>>,
) -> websans_status {
    guard(|| {
        let (out, settings) = (out.required()?, Settings::of(config)?);
        let request = outgoing::connect(connect)?;
        let core = tx.with(|tx| {
            let new = || ClientHandshake::new(&request, settings.core, tx);
            Ok(with_random(settings.random, new)?)
        })?;
        out.set(Ptr::new(Client { core, settings, connection: None }));
        Ok(())
    })
}

/// Frees a handshake. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_client_handshake_free(handshake: Ptr<websans_client_handshake>) {
    handshake.free();
}

/// The response, once it has been received; NULL when that takes more bytes. It is to be freed with
/// `websans_response_free`. If its status is 101, `websans_client_handshake_connection` has the
/// connection.
///
/// Errors: WEBSANS_STATUS_HANDSHAKE_…, final; the transport is to be closed.
#[unsafe(no_mangle)]
pub extern "C" fn websans_client_handshake_next_response(
    handshake: Ptr<websans_client_handshake>,
    rx: Ptr<websans_recv_buf>,
    out: Out<Ptr<websans_response>>,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        out.set(Ptr::NULL);
        handshake.with(|it| {
            rx.with(|rx| {
                if let Some(response) = it.core.next_response(rx)? {
                    out.set(Ptr::new(Response::of(&response)));
                    it.connection = response.into_connection().ok();
                }
                Ok(())
            })
        })
    })
}

/// Notes that the transport will bring no more bytes.
#[unsafe(no_mangle)]
pub extern "C" fn websans_client_handshake_handle_eof(
    handshake: Ptr<websans_client_handshake>,
) -> websans_status {
    guard(|| {
        handshake.with(|it| {
            it.core.handle_eof();
            Ok(())
        })
    })
}

/// The connection, once the server has accepted. Errors: WEBSANS_STATUS_ORDER before that, after a
/// refusal, and the second time.
#[unsafe(no_mangle)]
pub extern "C" fn websans_client_handshake_connection(
    handshake: Ptr<websans_client_handshake>,
    out: Out<Ptr<websans_connection>>,
) -> websans_status {
    guard(|| {
        let out = out.required()?;
        handshake.with(|it| {
            let core = it.connection.take().ok_or(Failure::Status(websans_status::Order))?;
            out.set(Ptr::new(Connection { core, random: it.settings.random }));
            Ok(())
        })
    })
}

/// Frees a response of a handshake by itself. That of a session belongs to the session, and stays.
/// NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_response_free(response: Ptr<websans_response>) {
    guard(|| {
        if !response.is_null() && !response.with(|it| Ok(it.is_of_session()))? {
            response.free();
        }
        Ok(())
    });
}

/// Computes the value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` of `key_len`
/// bytes: 28 bytes at `accept`, without a zero byte behind them.
#[unsafe(no_mangle)]
pub extern "C" fn websans_accept_key(
    key: In<u8>,
    key_len: usize,
    accept: Out<[u8; 28]>,
) -> websans_status {
    guard(|| {
        let (key, accept) = (key.slice(key_len)?, accept.required()?);
        accept.set(websans::accept_key(key));
        Ok(())
    })
}
