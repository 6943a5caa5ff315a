//! The servers of libraries that leave HTTP to hyper, accepting one connection.

use std::{cell::RefCell, convert::Infallible};

use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;

use crate::io::{Pipe, now};

/// Serves one request with `upgrade`, which makes the response and a future for the WebSocket;
/// `true` when that future is content after the response was sent.
pub fn accept<F, W, E>(
    pipe: Pipe,
    upgrade: impl Fn(&mut Request<Incoming>) -> (Response<Empty<Bytes>>, F),
) -> bool
where
    F: Future<Output = Result<W, E>>,
{
    let slot = RefCell::new(None);
    let service = service_fn(|mut request| {
        let (response, upgraded) = upgrade(&mut request);
        slot.replace(Some(upgraded));
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(pipe), service);
    now(connection.with_upgrades()).expect("serves");
    slot.take().is_some_and(|upgraded| now(upgraded).is_ok())
}
