//! What an endpoint accepts, and how much.

use pyo3::prelude::*;

use crate::repr::{Repr, settings_repr};

/// The settings of a connection. Limits take a number, or None for unlimited; 0 means 0.
///
/// max_message_size: the largest message to receive, in bytes, after decompression. Over it: 1009.
/// max_frame_size: the largest frame to receive. Over it: 1009.
/// max_fragments: the most frames that one message may consist of. Over it: 1008.
/// max_queued_replies: the most bytes of pongs that may wait in data_to_send(). Over it: 1008.
/// max_queued: from how many bytes in data_to_send() on a send raises Full.
/// max_head_size: the largest HTTP head to receive. Over it a server answers 431.
/// max_headers: the most header fields in a head. Over it a server answers 431.
/// permessage_deflate: what to offer or accept of RFC 7692; None for nothing.
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Config {
    /// The largest message to receive, in bytes, after decompression.
    max_message_size: Option<u64>,
    /// The largest frame to receive, in bytes.
    max_frame_size: Option<u64>,
    /// The most frames that one message may consist of.
    max_fragments: Option<u64>,
    /// The most bytes of pongs that may wait.
    max_queued_replies: Option<usize>,
    /// From how many waiting bytes on a send raises Full.
    max_queued: Option<usize>,
    /// The largest HTTP head to receive, in bytes.
    max_head_size: Option<usize>,
    /// The most header fields in a head.
    max_headers: Option<usize>,
    /// What to offer or accept of permessage-deflate.
    permessage_deflate: Option<PermessageDeflate>,
}

#[pymethods]
impl Config {
    #[new]
    #[pyo3(signature = (
        *,
        max_message_size = Some(16 << 20),
        max_frame_size = None,
        max_fragments = Some(1 << 17),
        max_queued_replies = Some(256 << 10),
        max_queued = Some(1 << 20),
        max_head_size = Some(16 << 10),
        max_headers = Some(100),
        permessage_deflate = None,
    ), text_signature = "(*, max_message_size=16777216, max_frame_size=None, \
        max_fragments=131072, max_queued_replies=262144, max_queued=1048576, \
        max_head_size=16384, max_headers=100, permessage_deflate=None)")]
    #[allow(clippy::too_many_arguments)]
    const fn new(
        max_message_size: Option<u64>,
        max_frame_size: Option<u64>,
        max_fragments: Option<u64>,
        max_queued_replies: Option<usize>,
        max_queued: Option<usize>,
        max_head_size: Option<usize>,
        max_headers: Option<usize>,
        permessage_deflate: Option<PermessageDeflate>,
    ) -> Self {
        Self {
            max_message_size,
            max_frame_size,
            max_fragments,
            max_queued_replies,
            max_queued,
            max_head_size,
            max_headers,
            permessage_deflate,
        }
    }

    fn __repr__(&self) -> String {
        settings_repr!(
            self,
            Config,
            max_message_size,
            max_frame_size,
            max_fragments,
            max_queued_replies,
            max_queued,
            max_head_size,
            max_headers,
            permessage_deflate
        )
    }
}

impl Config {
    /// The settings that were given, or the defaults.
    pub(crate) fn of(given: Option<PyRef<'_, Self>>) -> websans::Config {
        let Some(given) = given else { return websans::Config::default() };
        websans::Config::default()
            .max_message_size(given.max_message_size)
            .max_frame_size(given.max_frame_size)
            .max_fragments(given.max_fragments)
            .max_queued_replies(given.max_queued_replies)
            .max_queued(given.max_queued)
            .max_head_size(given.max_head_size)
            .max_headers(given.max_headers)
            .permessage_deflate(given.permessage_deflate.as_ref().map(PermessageDeflate::settings))
    }
}

/// What an endpoint offers or accepts of permessage-deflate (RFC 7692), and how it compresses.
///
/// The first four are the parameters of RFC 7692 section 7.1: what is set here is the most that this
/// endpoint agrees to. A direction with no_context_takeover needs no memory for each connection: its
/// context belongs to the thread.
///
/// server_max_window_bits, client_max_window_bits: 9 to 15.
/// level: how hard to compress, 0 to 9.
/// mem_level: how much memory the compressor uses beside its window, 1 to 9.
/// min_size: from how many bytes on a message is compressed.
#[pyclass(frozen, get_all, from_py_object, module = "websans")]
#[derive(Clone)]
pub(crate) struct PermessageDeflate {
    /// Whether the server is to begin each message with an empty window.
    server_no_context_takeover: bool,
    /// Whether the client is to begin each message with an empty window.
    client_no_context_takeover: bool,
    /// The server's largest window, as base-2 logarithm.
    server_max_window_bits: u8,
    /// The client's largest window, as base-2 logarithm.
    client_max_window_bits: u8,
    /// How hard to compress.
    level: u8,
    /// How much memory the compressor uses beside its window.
    mem_level: u8,
    /// From how many bytes on a message is compressed.
    min_size: usize,
}

#[pymethods]
impl PermessageDeflate {
    #[new]
    #[pyo3(signature = (
        *,
        server_no_context_takeover = false,
        client_no_context_takeover = false,
        server_max_window_bits = 15,
        client_max_window_bits = 15,
        level = 6,
        mem_level = 8,
        min_size = 64,
    ))]
    fn new(
        server_no_context_takeover: bool,
        client_no_context_takeover: bool,
        server_max_window_bits: u8,
        client_max_window_bits: u8,
        level: u8,
        mem_level: u8,
        min_size: usize,
    ) -> PyResult<Self> {
        for (name, value, range) in [
            ("server_max_window_bits", server_max_window_bits, 9..=15),
            ("client_max_window_bits", client_max_window_bits, 9..=15),
            ("level", level, 0..=9),
            ("mem_level", mem_level, 1..=9),
        ] {
            if !range.contains(&value) {
                return Err(pyo3::exceptions::PyValueError::new_err(format!(
                    "{name} is a number from {} to {}, not {value}",
                    range.start(),
                    range.end()
                )));
            }
        }
        Ok(Self {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
            level,
            mem_level,
            min_size,
        })
    }

    fn __repr__(&self) -> String {
        settings_repr!(
            self,
            PermessageDeflate,
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
            level,
            mem_level,
            min_size
        )
    }
}

impl PermessageDeflate {
    fn settings(&self) -> websans::PermessageDeflate {
        websans::PermessageDeflate::default()
            .server_no_context_takeover(self.server_no_context_takeover)
            .client_no_context_takeover(self.client_no_context_takeover)
            .server_max_window_bits(self.server_max_window_bits)
            .client_max_window_bits(self.client_max_window_bits)
            .level(self.level)
            .mem_level(self.mem_level)
            .min_size(self.min_size)
    }
}

/// What was agreed on of permessage-deflate, with the parameters of RFC 7692 section 7.1.
#[pyclass(frozen, get_all, eq, module = "websans")]
#[derive(PartialEq)]
pub(crate) struct AgreedDeflate {
    /// Whether the server begins each message with an empty window.
    server_no_context_takeover: bool,
    /// Whether the client begins each message with an empty window.
    client_no_context_takeover: bool,
    /// The server's largest window, as base-2 logarithm, 8 to 15.
    server_max_window_bits: u8,
    /// The client's largest window, as base-2 logarithm, 8 to 15.
    client_max_window_bits: u8,
}

#[pymethods]
impl AgreedDeflate {
    fn __repr__(&self) -> String {
        settings_repr!(
            self,
            AgreedDeflate,
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits
        )
    }
}

impl From<websans::AgreedDeflate> for AgreedDeflate {
    fn from(agreed: websans::AgreedDeflate) -> Self {
        Self {
            server_no_context_takeover: agreed.server_no_context_takeover(),
            client_no_context_takeover: agreed.client_no_context_takeover(),
            server_max_window_bits: agreed.server_max_window_bits(),
            client_max_window_bits: agreed.client_max_window_bits(),
        }
    }
}

impl Repr for PermessageDeflate {
    fn repr(&self) -> String {
        self.__repr__()
    }
}
