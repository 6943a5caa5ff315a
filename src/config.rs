//! What an endpoint accepts, and how much: limits with finite defaults.

use crate::deadlines::Deadlines;
use crate::deflate::PermessageDeflate;
use crate::masking_key::MaskingKeySource;

/// The settings of one connection. Cheap to copy; one serves any number of connections.
///
/// Limits take a number or `None` for unlimited, and 0 means 0.
///
/// ```
/// use websans::Config;
///
/// let config = Config::default().max_message_size(32 << 20).max_fragments(None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(crate) max_message_size: u64,
    pub(crate) max_frame_size: u64,
    pub(crate) max_fragments: u64,
    pub(crate) accept_unmasked_frames: bool,
    pub(crate) max_queued_replies: usize,
    pub(crate) max_queued: usize,
    pub(crate) max_head_size: usize,
    pub(crate) max_headers: usize,
    pub(crate) masking_keys: MaskingKeySource,
    pub(crate) permessage_deflate: Option<PermessageDeflate>,
    pub(crate) deadlines: Deadlines,
}

/// Unlimited is the largest number: nothing can go over it.
pub(crate) fn limit<T>(value: impl Into<Option<T>>, unlimited: T) -> T {
    value.into().unwrap_or(unlimited)
}

impl Config {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_message_size: 16 << 20,
            max_frame_size: u64::MAX,
            max_fragments: 1 << 17,
            accept_unmasked_frames: false,
            max_queued_replies: 256 << 10,
            max_queued: 1 << 20,
            max_head_size: 16 << 10,
            max_headers: 100,
            masking_keys: MaskingKeySource::DEFAULT,
            permessage_deflate: None,
            deadlines: Deadlines::new(),
        }
    }

    /// The largest message to receive, in bytes of payload, inclusive, after decompression.
    /// Default 16 MiB. Over it: [`Error::MessageTooLarge`](crate::Error::MessageTooLarge), 1009.
    ///
    /// It bounds the memory that a peer can make a connection hold. It is applied to what frame
    /// headers announce, before any of it is buffered, and to what comes out of a compressed
    /// message, while it does. On the wire a compressed message may be an eighth larger.
    #[must_use]
    pub fn max_message_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_message_size = limit(bytes, u64::MAX);
        self
    }

    /// The largest frame to receive, in bytes of payload, inclusive. Default: no limit but that of
    /// the message, which holds for each of its frames. Over it:
    /// [`Error::FrameTooLarge`](crate::Error::FrameTooLarge), 1009.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_frame_size = limit(bytes, u64::MAX);
        self
    }

    /// The most frames that one message may consist of. Default 131,072: twice what the Autobahn
    /// testsuite sends. Over it: [`Error::TooManyFragments`](crate::Error::TooManyFragments), 1008.
    ///
    /// Empty fragments never reach the limit on size, and this is what ends them.
    #[must_use]
    pub fn max_fragments(mut self, frames: impl Into<Option<u64>>) -> Self {
        self.max_fragments = limit(frames, u64::MAX);
        self
    }

    /// Whether a server takes frames that are not masked, which a client must not send (RFC 6455
    /// §5.1). Default `false`, with [`Error::UnmaskedFrame`](crate::Error::UnmaskedFrame), 1002.
    ///
    /// Masking keeps a script in a browser from choosing the bytes on the wire, and so from
    /// poisoning the caches of proxies that take them for HTTP (§10.3). Where every client is known
    /// and there is no such proxy, it can be done without. Frames without a mask take a slower path.
    ///
    /// ```
    /// use websans::{Config, Connection, Event, RecvBuf, SendBuf};
    ///
    /// let mut ws = Connection::server(Config::default().accept_unmasked_frames(true));
    /// let mut rx = RecvBuf::new();
    /// rx.extend(b"\x81\x05Hello");
    /// assert_eq!(ws.next_event(&mut rx, &mut SendBuf::new())?, Some(Event::Text("Hello")));
    /// # Ok::<(), websans::Error>(())
    /// ```
    #[must_use]
    pub fn accept_unmasked_frames(mut self, yes: bool) -> Self {
        self.accept_unmasked_frames = yes;
        self
    }

    /// The most bytes of pongs that may wait in the [`SendBuf`](crate::SendBuf). Default 256 KiB,
    /// so that every ping of any read of up to 64 KiB gets its pong. Over it:
    /// [`Error::TooManyReplies`](crate::Error::TooManyReplies), 1008.
    ///
    /// It bounds what a peer can queue that sends pings and does not read.
    #[must_use]
    pub fn max_queued_replies(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_queued_replies = limit(bytes, usize::MAX);
        self
    }

    /// From how many bytes in the [`SendBuf`](crate::SendBuf) on a send is refused with
    /// [`SendError::Full`](crate::SendError::Full). Default 1 MiB.
    ///
    /// A high-water mark: a message of any size is taken while less than this waits, so that the
    /// buffer holds at most this and one message, and a send that was refused succeeds once the
    /// peer has read. Pongs and the close frame are not refused.
    #[must_use]
    pub fn max_queued(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_queued = limit(bytes, usize::MAX);
        self
    }

    /// The largest head of an HTTP request or response, in bytes, inclusive. Default 16 KiB, as
    /// much as common servers take. Over it a server answers 431.
    #[must_use]
    pub fn max_head_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_head_size = limit(bytes, usize::MAX);
        self
    }

    /// The most header fields in a head. Default 100. Over it a server answers 431.
    #[must_use]
    pub fn max_headers(mut self, count: impl Into<Option<usize>>) -> Self {
        self.max_headers = limit(count, usize::MAX);
        self
    }

    /// Offers or accepts permessage-deflate (RFC 7692), with the feature `deflate`; without it this
    /// changes nothing. Default `None`: a context for each connection costs much more memory than
    /// everything else that it holds, and compressing secrets together with what others may choose
    /// gives the secrets away (CRIME, see [`Message::uncompressed`](crate::Message::uncompressed)).
    #[must_use]
    pub fn permessage_deflate(mut self, deflate: impl Into<Option<PermessageDeflate>>) -> Self {
        self.permessage_deflate = deflate.into();
        self
    }

    /// How long each part of a [`Session`](crate::Session) may take. A [`Connection`] alone has no
    /// deadlines.
    ///
    /// [`Connection`]: crate::Connection
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Where a client takes its masking keys from. See [`MaskingKeySource`].
    #[must_use]
    pub fn masking_keys(mut self, source: MaskingKeySource) -> Self {
        self.masking_keys = source;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
