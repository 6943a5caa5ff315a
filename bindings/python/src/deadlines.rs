//! How long each part of the life of a connection may take.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::repr::settings_repr;

/// How long each part of the life of a Session may take, in seconds; None for no limit.
///
/// handshake: the opening handshake. A server answers 408 then.
/// ping_interval: without a byte from the peer, before it is pinged.
/// pong: after that ping, without a byte from the peer. Over it: 1008.
/// message: a message that is incomplete. Over it: 1008.
/// close: from the first close frame or a failure to the end of the transport.
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Deadlines {
    /// The opening handshake.
    handshake: Option<f64>,
    /// Without a byte from the peer, before it is pinged.
    ping_interval: Option<f64>,
    /// After that ping, without a byte from the peer.
    pong: Option<f64>,
    /// A message that is incomplete.
    message: Option<f64>,
    /// From the first close frame or a failure to the end of the transport.
    close: Option<f64>,
}

#[pymethods]
impl Deadlines {
    #[new]
    #[pyo3(signature = (
        *,
        handshake = Some(10.0),
        ping_interval = Some(20.0),
        pong = Some(20.0),
        message = Some(300.0),
        close = Some(10.0),
    ), text_signature = "(*, handshake=10.0, ping_interval=20.0, pong=20.0, message=300.0, \
        close=10.0)")]
    fn new(
        handshake: Option<f64>,
        ping_interval: Option<f64>,
        pong: Option<f64>,
        message: Option<f64>,
        close: Option<f64>,
    ) -> PyResult<Self> {
        for given in [handshake, ping_interval, pong, message, close].into_iter().flatten() {
            duration(given)?;
        }
        Ok(Self { handshake, ping_interval, pong, message, close })
    }

    fn __repr__(&self) -> String {
        settings_repr!(self, Deadlines, handshake, ping_interval, pong, message, close)
    }
}

impl Deadlines {
    pub(crate) fn of(given: Option<PyRef<'_, Self>>) -> PyResult<websans::Deadlines> {
        // What was handed out counts as written, so there is nothing to stall.
        let deadlines = websans::Deadlines::default().write(None);
        let Some(given) = given else { return Ok(deadlines) };
        let time = |it: Option<f64>| it.map(duration).transpose();
        Ok(deadlines
            .handshake(time(given.handshake)?)
            .ping_interval(time(given.ping_interval)?)
            .pong(time(given.pong)?)
            .message(time(given.message)?)
            .close(time(given.close)?))
    }
}

/// A moment or a span that Python gave, which is a number of seconds.
pub(crate) fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        PyValueError::new_err(format!("a time is a number of seconds from 0 on, not {seconds}"))
    })
}
