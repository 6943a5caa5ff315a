//! permessage-deflate, RFC 7692: one step of the pipeline in each direction.
//!
//! ```text
//! RecvBuf: frames ──unmask──► (Inflater) ──► message      SendBuf: message ──► (Deflater) ──► frames
//! ```
//!
//! What is agreed on in the opening handshake is worked out in `handshake/negotiation.rs`.
//!
//! A context that is taken over from message to message belongs to its connection. One that is not
//! lies in the [`RecvBuf`](crate::RecvBuf) and the [`SendBuf`](crate::SendBuf), so that all
//! connections that share those share it.

#[cfg(feature = "deflate")]
mod zlib;
#[cfg(feature = "deflate")]
pub(crate) use zlib::{Deflater, Deflation, Inflater, Inflation};

#[cfg(not(feature = "deflate"))]
mod absent;
#[cfg(not(feature = "deflate"))]
pub(crate) use absent::{Deflater, Deflation, Inflater, Inflation};

/// What an endpoint offers or accepts of permessage-deflate, and how it compresses: for
/// [`Config::permessage_deflate`](crate::Config::permessage_deflate), with the feature `deflate`.
///
/// The four parameters are those of RFC 7692 §7.1, with the same meaning for a client and a
/// server: what is set here is the most that this endpoint agrees to. What was agreed on is
/// [`Connection::permessage_deflate`](crate::Connection::permessage_deflate).
///
/// ```
/// use websans::{Config, PermessageDeflate};
///
/// // As little memory as possible for each connection:
/// let deflate = PermessageDeflate::default()
///     .server_no_context_takeover(true)
///     .client_no_context_takeover(true);
/// let config = Config::default().permessage_deflate(deflate);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermessageDeflate {
    pub(crate) server: Direction,
    pub(crate) client: Direction,
    pub(crate) level: u8,
    pub(crate) mem_level: u8,
    pub(crate) min_size: usize,
}

/// How one endpoint compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) no_context_takeover: bool,
    /// 8–15; the window is 2 to this power, in bytes.
    pub(crate) max_window_bits: u8,
}

/// What was agreed on of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedDeflate {
    pub(crate) server: Direction,
    pub(crate) client: Direction,
}

impl AgreedDeflate {
    /// RFC 7692 §7.1.1.1: whether the server begins each message with an empty window.
    #[must_use]
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server.no_context_takeover
    }

    /// RFC 7692 §7.1.1.2: whether the client does.
    #[must_use]
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client.no_context_takeover
    }

    /// RFC 7692 §7.1.2.1: the base-2 logarithm of the server's largest window, 8–15.
    #[must_use]
    pub const fn server_max_window_bits(&self) -> u8 {
        self.server.max_window_bits
    }

    /// RFC 7692 §7.1.2.2: the base-2 logarithm of the client's largest window, 8–15.
    #[must_use]
    pub const fn client_max_window_bits(&self) -> u8 {
        self.client.max_window_bits
    }
}

impl PermessageDeflate {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub const fn new() -> Self {
        const MOST: Direction = Direction { no_context_takeover: false, max_window_bits: 15 };
        Self { server: MOST, client: MOST, level: 6, mem_level: 8, min_size: 64 }
    }

    /// The server is to begin each message with an empty window (RFC 7692 §7.1.1.1). Default
    /// `false`: similar messages compress much better with it, at the cost of its memory.
    #[must_use]
    pub const fn server_no_context_takeover(mut self, yes: bool) -> Self {
        self.server.no_context_takeover = yes;
        self
    }

    /// The client is to begin each message with an empty window (RFC 7692 §7.1.1.2). Default
    /// `false`.
    #[must_use]
    pub const fn client_no_context_takeover(mut self, yes: bool) -> Self {
        self.client.no_context_takeover = yes;
        self
    }

    /// The server's largest window (RFC 7692 §7.1.2.1), as base-2 logarithm, 9–15; other values
    /// count as the nearest of those. Default 15.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server.max_window_bits = bits.clamp(9, 15);
        self
    }

    /// The client's largest window (RFC 7692 §7.1.2.2), as base-2 logarithm, 9–15; other values
    /// count as the nearest of those. Default 15. A server with less than 15 declines clients that
    /// do not offer to limit theirs.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client.max_window_bits = bits.clamp(9, 15);
        self
    }

    /// How hard to compress, 0 (not at all) to 9; more counts as 9. Default 6.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.min(9);
        self
    }

    /// How much memory the compressor uses beside its window, 1–9; other values count as the
    /// nearest of those. It takes 2^(level + 9) bytes beside some 130 KiB. Default 8.
    #[must_use]
    pub fn mem_level(mut self, level: u8) -> Self {
        self.mem_level = level.clamp(1, 9);
        self
    }

    /// From which size on messages are compressed, in bytes. Default 64: shorter ones seldom gain.
    /// A message that is sent in parts is always compressed.
    #[must_use]
    pub const fn min_size(mut self, bytes: usize) -> Self {
        self.min_size = bytes;
        self
    }
}

impl Default for PermessageDeflate {
    fn default() -> Self {
        Self::new()
    }
}

/// How far [`Inflation::inflate`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// How many bytes of the input were consumed.
    pub(crate) consumed: usize,
    pub(crate) stopped: Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "deflate"), allow(dead_code))]
pub(crate) enum Stopped {
    /// The input is consumed and all of it has come out.
    NeedsInput,
    /// There is more to come out of what was given.
    NeedsRoom,
    /// The message is complete.
    End,
}

/// Not a DEFLATE stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;
