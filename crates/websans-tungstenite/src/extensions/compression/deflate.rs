//! permessage-deflate, RFC 7692.

use std::num::NonZeroU8;
use std::ops::RangeInclusive;

use websans::{AgreedDeflate, PermessageDeflate};

use crate::protocol::Role;

/// The name of the extension.
pub const PER_MESSAGE_DEFLATE: &str = "permessage-deflate";

/// What can be asked for as the base-2 logarithm of a window. (RFC 7692 has 8, too, with which
/// zlib cannot compress.)
pub const SUPPORTED_WINDOW_BITS: RangeInclusive<NonZeroU8> = bits(9)..=bits(15);

const fn bits(number: u8) -> NonZeroU8 {
    match NonZeroU8::new(number) {
        Some(number) => number,
        None => NonZeroU8::MIN,
    }
}

/// How hard to compress, 0 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression(u32);

impl Compression {
    /// Level 0 (not at all) to 9; more counts as 9.
    #[must_use]
    pub const fn new(level: u32) -> Self {
        Self(if level > 9 { 9 } else { level })
    }

    /// Level 0.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(0)
    }

    /// Level 1.
    #[must_use]
    pub const fn fast() -> Self {
        Self::new(1)
    }

    /// Level 9.
    #[must_use]
    pub const fn best() -> Self {
        Self::new(9)
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> u32 {
        self.0
    }
}

/// Level 6.
impl Default for Compression {
    fn default() -> Self {
        Self::new(6)
    }
}

/// What an endpoint offers or accepts of permessage-deflate, and how it compresses; or what was
/// agreed on.
///
/// ```
/// use tungstenite::extensions::compression::deflate::DeflateConfig;
/// use tungstenite::protocol::WebSocketConfig;
///
/// let mut config = WebSocketConfig::default();
/// config.extensions.permessage_deflate = Some(DeflateConfig::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    /// How hard to compress. Default: level 6.
    pub compression: Compression,
    /// §7.1.1.1: whether the server begins each message with an empty window. Default `false`:
    /// similar messages compress much better with what came before, at the cost of its memory.
    pub server_no_context_takeover: bool,
    /// §7.1.1.2: whether the client does. Default `false`.
    pub client_no_context_takeover: bool,
    /// 9–15, or 8 if a server asked it of a client.
    server_max_window_bits: NonZeroU8,
    client_max_window_bits: NonZeroU8,
    /// From which size on messages are compressed, in bytes. Default 64: shorter ones seldom gain.
    pub min_size: usize,
}

/// [`DeflateConfig::set_max_window_bits`] takes 9–15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the base-2 logarithm of a window is 9 to 15")]
pub struct DeflateInvalidMaxWindowBits;

impl DeflateConfig {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            compression: Compression::new(6),
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: bits(15),
            client_max_window_bits: bits(15),
            min_size: 64,
        }
    }

    /// §7.1.2.1: the base-2 logarithm of the server's largest window. Default 15.
    #[must_use]
    pub const fn server_max_window_bits(&self) -> NonZeroU8 {
        self.server_max_window_bits
    }

    /// §7.1.2.2: the base-2 logarithm of the client's largest window. Default 15.
    #[must_use]
    pub const fn client_max_window_bits(&self) -> NonZeroU8 {
        self.client_max_window_bits
    }

    /// Sets the base-2 logarithm of an endpoint's largest window, 9–15. A server with less than 15
    /// for the client declines clients that do not offer to limit theirs.
    pub fn set_max_window_bits(
        mut self,
        role: Role,
        bits: u8,
    ) -> Result<Self, DeflateInvalidMaxWindowBits> {
        let bits = NonZeroU8::new(bits)
            .filter(|bits| SUPPORTED_WINDOW_BITS.contains(bits))
            .ok_or(DeflateInvalidMaxWindowBits)?;
        match role {
            Role::Server => self.server_max_window_bits = bits,
            Role::Client => self.client_max_window_bits = bits,
        }
        Ok(self)
    }

    /// Sets whether an endpoint begins each message with an empty window.
    #[must_use]
    pub const fn set_no_context_takeover(mut self, role: Role, no_context_takeover: bool) -> Self {
        match role {
            Role::Server => self.server_no_context_takeover = no_context_takeover,
            Role::Client => self.client_no_context_takeover = no_context_takeover,
        }
        self
    }

    /// With the parameters that were agreed on.
    #[cfg(feature = "handshake")]
    pub(crate) fn agreed(mut self, agreed: AgreedDeflate) -> Self {
        self.server_no_context_takeover = agreed.server_no_context_takeover();
        self.client_no_context_takeover = agreed.client_no_context_takeover();
        self.server_max_window_bits = bits(agreed.server_max_window_bits());
        self.client_max_window_bits = bits(agreed.client_max_window_bits());
        self
    }

    /// The parameters for websans, as those that were agreed on.
    #[allow(clippy::expect_used)] // it has no value that an answer could not have
    pub(crate) fn parameters(&self) -> AgreedDeflate {
        let mut answer = format!(
            "{PER_MESSAGE_DEFLATE}; server_max_window_bits={}; client_max_window_bits={}",
            self.server_max_window_bits, self.client_max_window_bits,
        );
        if self.server_no_context_takeover {
            answer.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            answer.push_str("; client_no_context_takeover");
        }
        AgreedDeflate::from_answer(answer.as_bytes()).expect("an answer")
    }

    /// How to compress, and what to offer or accept, for websans.
    pub(crate) fn settings(&self) -> PermessageDeflate {
        PermessageDeflate::new()
            .server_no_context_takeover(self.server_no_context_takeover)
            .client_no_context_takeover(self.client_no_context_takeover)
            .server_max_window_bits(self.server_max_window_bits.get())
            .client_max_window_bits(self.client_max_window_bits.get())
            .level(u8::try_from(self.compression.level()).unwrap_or(9))
            .min_size(self.min_size)
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self::new()
    }
}
