//! Settings of a connection.

use crate::extensions::ExtensionsConfig;

/// The settings of a connection. One serves any number of connections.
///
/// ```
/// use tungstenite::protocol::WebSocketConfig;
///
/// let config = WebSocketConfig::default().max_message_size(Some(1 << 20)).write_buffer_size(0);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WebSocketConfig {
    /// In tungstenite the size of a buffer that each connection keeps, 128 KiB by default. Here nothing
    /// depends on it: a buffer is held while something is half-way, and shared by a thread otherwise.
    pub read_buffer_size: usize,
    /// From how many bytes on what is queued is written by [`write`](crate::WebSocket::write); 0: at
    /// once. Default 128 KiB. [`flush`](crate::WebSocket::flush) writes all.
    pub write_buffer_size: usize,
    /// The most bytes that may be queued, which happens when the transport does not take them. Over
    /// it: [`Error::WriteBufferFull`](crate::Error::WriteBufferFull). Must be greater than
    /// `write_buffer_size`. Default: no limit.
    pub max_write_buffer_size: usize,
    /// The largest message to receive, in bytes, after decompression; `None`: no limit. Default
    /// 64 MiB.
    pub max_message_size: Option<usize>,
    /// The largest frame to receive, in bytes of payload on the wire; `None`: no limit. Default
    /// 16 MiB.
    pub max_frame_size: Option<usize>,
    /// Whether a server takes frames that are not masked, which RFC 6455 §5.1 forbids: the masking is
    /// what keeps intermediaries from being fooled. Default `false`. It is settled when the
    /// connection is made.
    pub accept_unmasked_frames: bool,
    /// Extensions to offer or accept; after the handshake, those that were agreed on. Default none.
    /// (As in the forks of tungstenite with compression.)
    pub extensions: ExtensionsConfig,
    /// Whether a peer that breaks the protocol is told: by a close frame (RFC 6455 §7.1.7), and in the
    /// handshake by a response with status 400, 405, 426 or 431. Default `true`. tungstenite says
    /// nothing, which is `false`. (Not in tungstenite.)
    pub report_violations: bool,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            read_buffer_size: 128 << 10,
            write_buffer_size: 128 << 10,
            max_write_buffer_size: usize::MAX,
            max_message_size: Some(64 << 20),
            max_frame_size: Some(16 << 20),
            accept_unmasked_frames: false,
            extensions: ExtensionsConfig::default(),
            report_violations: true,
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty),* $(,)?) => {
        impl WebSocketConfig {$(
            #[doc = concat!("Sets [`Self::", stringify!($name), "`].")]
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )*}
    };
}

setters! {
    read_buffer_size: usize,
    write_buffer_size: usize,
    max_write_buffer_size: usize,
    max_message_size: Option<usize>,
    max_frame_size: Option<usize>,
    accept_unmasked_frames: bool,
    report_violations: bool,
}

impl WebSocketConfig {
    /// As tungstenite does. A config is written by the programmer, and no peer can make it wrong.
    pub(crate) fn assert_valid(&self) {
        assert!(
            self.max_write_buffer_size > self.write_buffer_size,
            "WebSocketConfig::max_write_buffer_size must be greater than write_buffer_size"
        );
    }

    /// The limits for websans. It would count fragments and waiting bytes, too, which tungstenite
    /// does not, or does in its own way.
    pub(crate) fn limits(&self) -> websans::Config {
        websans::Config::new()
            .max_message_size(limit(self.max_message_size))
            .max_frame_size(limit(self.max_frame_size))
            .accept_unmasked_frames(self.accept_unmasked_frames)
            .max_fragments(None)
            .max_queued(None)
            .max_queued_replies(None)
    }
}

/// A limit for websans.
pub(super) fn limit(bytes: Option<usize>) -> Option<u64> {
    bytes.map(|bytes| bytes as u64)
}
