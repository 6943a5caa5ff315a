//! What an endpoint accepts, and how much.

use core::ffi::c_void;
use core::time::Duration;

use websans::{AgreedDeflate, Config, Deadlines, PermessageDeflate};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles, sized_structs};
use crate::random::{Random, websans_random_fn};
use crate::status::{Failure, websans_status};

/// No limit, for limits and for deadlines. 0 means 0.
pub const WEBSANS_UNLIMITED: u64 = u64::MAX;

/// The settings of connections. One serves any number of connections: what is made with it takes a
/// copy of it. It may be read by several threads at the same time while none changes it.
pub struct websans_config(Opaque);

handles! {
    websans_config(0x0043_4647): Settings;
}

/// A configuration, and what belongs to it on this side.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) core: Config,
    pub(crate) random: Option<Random>,
}

impl Settings {
    /// Those of the handle; the defaults for NULL.
    pub(crate) fn of(config: Ptr<websans_config>) -> Outcome<Self> {
        if config.is_null() { Ok(Self::default()) } else { config.with(|settings| Ok(*settings)) }
    }
}

fn change(config: Ptr<websans_config>, with: impl FnOnce(Config) -> Config) -> websans_status {
    guard(|| {
        config.with(|settings| {
            settings.core = with(settings.core);
            Ok(())
        })
    })
}

/// A limit of memory, which this machine may not have.
fn size(limit: u64) -> Option<usize> {
    usize::try_from(limit).ok().filter(|_| limit != WEBSANS_UNLIMITED)
}

fn count(limit: u64) -> Option<u64> {
    (limit != WEBSANS_UNLIMITED).then_some(limit)
}

fn time(nanoseconds: u64) -> Option<Duration> {
    count(nanoseconds).map(Duration::from_nanos)
}

/// The default settings, each explained at its setter. NULL after an error in the library itself.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_new() -> Ptr<websans_config> {
    guard_or(Ptr::NULL, || Ok(Ptr::new(Settings::default())))
}

/// Frees settings. Connections that were made with them keep their copies. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_free(config: Ptr<websans_config>) {
    config.free();
}

/// The largest message to receive, in bytes of payload, after decompression. Default 16 MiB. Over
/// it: WEBSANS_STATUS_MESSAGE_TOO_LARGE, close code 1009. It bounds the memory that a peer can make
/// a connection hold.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_message_size(
    config: Ptr<websans_config>,
    bytes: u64,
) -> websans_status {
    change(config, |core| core.max_message_size(count(bytes)))
}

/// The largest frame to receive, in bytes of payload. Default: no limit but that of the message.
/// Over it: WEBSANS_STATUS_FRAME_TOO_LARGE, close code 1009.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_frame_size(
    config: Ptr<websans_config>,
    bytes: u64,
) -> websans_status {
    change(config, |core| core.max_frame_size(count(bytes)))
}

/// The most frames that one message may consist of. Default 131072. Over it:
/// WEBSANS_STATUS_TOO_MANY_FRAGMENTS, close code 1008.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_fragments(
    config: Ptr<websans_config>,
    frames: u64,
) -> websans_status {
    change(config, |core| core.max_fragments(count(frames)))
}

/// Whether a server takes frames that are not masked, which a client must not send (RFC 6455 section
/// 5.1). Default false. Masking keeps scripts in browsers from poisoning the caches of proxies; leave
/// this as it is unless every client is known.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_accept_unmasked_frames(
    config: Ptr<websans_config>,
    yes: bool,
) -> websans_status {
    change(config, |core| core.accept_unmasked_frames(yes))
}

/// The most bytes of pongs that may wait in the send buffer. Default 256 KiB. Over it:
/// WEBSANS_STATUS_TOO_MANY_REPLIES, close code 1008. It bounds what a peer can queue that sends
/// pings and does not read.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_queued_replies(
    config: Ptr<websans_config>,
    bytes: u64,
) -> websans_status {
    change(config, |core| core.max_queued_replies(size(bytes)))
}

/// From how many bytes in the send buffer on a send is refused with WEBSANS_STATUS_SEND_FULL.
/// Default 1 MiB. A message of any size is taken while less than this waits, so that a send that was
/// refused succeeds once the peer has read. Pongs and the close frame are not refused.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_queued(
    config: Ptr<websans_config>,
    bytes: u64,
) -> websans_status {
    change(config, |core| core.max_queued(size(bytes)))
}

/// The largest head of an HTTP request or response, in bytes. Default 16 KiB. Over it a server
/// answers 431.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_head_size(
    config: Ptr<websans_config>,
    bytes: u64,
) -> websans_status {
    change(config, |core| core.max_head_size(size(bytes)))
}

/// The most header fields in a head. Default 100. Over it a server answers 431.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_max_headers(
    config: Ptr<websans_config>,
    fields: u64,
) -> websans_status {
    change(config, |core| core.max_headers(size(fields)))
}

/// Where a client takes its masking keys and the key of its handshake from (RFC 6455 section 10.3).
/// The default, which NULL sets again, is a cryptographic generator that the operating system
/// seeds, and again in a child after `fork`.
///
/// `function` and `context` must stay usable until everything that was made with these settings has
/// been freed. It is called on the thread that sends, or that takes an event.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_random(
    config: Ptr<websans_config>,
    function: websans_random_fn,
    context: *mut c_void,
) -> websans_status {
    guard(|| {
        config.with(|settings| {
            settings.random = Random::new(function, context);
            let source = settings.random.map(|_| Random::source()).unwrap_or_default();
            settings.core = settings.core.masking_keys(source);
            Ok(())
        })
    })
}

/// permessage-deflate (RFC 7692): what an endpoint offers or accepts, and how it compresses.
///
/// The first four are the parameters of RFC 7692 section 7.1: what is set here is the most that this
/// endpoint agrees to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_deflate {
    /// The size of this struct; `websans_deflate_init` sets it.
    pub size: usize,
    /// Not 0: the server begins each message with an empty window. Default 0.
    pub server_no_context_takeover: u8,
    /// Not 0: the client begins each message with an empty window. Default 0.
    pub client_no_context_takeover: u8,
    /// The server's largest window as base-2 logarithm, 9 to 15. Default 15.
    pub server_max_window_bits: u8,
    /// The client's largest window as base-2 logarithm, 9 to 15. Default 15.
    pub client_max_window_bits: u8,
    /// How hard to compress, 0 to 9. Default 6.
    pub level: u8,
    /// How much memory the compressor uses beside its window, 1 to 9. Default 8.
    pub mem_level: u8,
    /// From how many bytes on a message is compressed. Default 64.
    pub min_size: usize,
}

/// How long each part of a session may take, in nanoseconds; WEBSANS_UNLIMITED for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_deadlines {
    /// The size of this struct; `websans_deadlines_init` sets it.
    pub size: usize,
    /// The opening handshake. Default 10 s. A server answers 408 then.
    pub handshake: u64,
    /// Without a byte from the peer, before it is pinged. Default 20 s; at least 1 ms.
    pub ping_interval: u64,
    /// After that ping, without a byte from the peer. Default 20 s.
    pub pong: u64,
    /// A message that is incomplete. Default 300 s.
    pub message: u64,
    /// While something waits and the transport takes nothing. Default 30 s.
    pub write: u64,
    /// From the first close frame or a failure to the end of the transport. Default 10 s.
    pub close: u64,
}

sized_structs!(
    websans_deflate: size_of::<websans_deflate>(),
    websans_deadlines: size_of::<websans_deadlines>(),
);

impl websans_deflate {
    const DEFAULT: Self = Self {
        size: size_of::<Self>(),
        server_no_context_takeover: 0,
        client_no_context_takeover: 0,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
        level: 6,
        mem_level: 8,
        min_size: 64,
    };

    /// What was agreed on.
    pub(crate) fn agreed(agreed: AgreedDeflate) -> Self {
        Self {
            server_no_context_takeover: agreed.server_no_context_takeover().into(),
            client_no_context_takeover: agreed.client_no_context_takeover().into(),
            server_max_window_bits: agreed.server_max_window_bits(),
            client_max_window_bits: agreed.client_max_window_bits(),
            ..Self::DEFAULT
        }
    }

    fn settings(&self) -> Outcome<PermessageDeflate> {
        let in_range = (9..=15).contains(&self.server_max_window_bits)
            && (9..=15).contains(&self.client_max_window_bits)
            && self.level <= 9
            && (1..=9).contains(&self.mem_level);
        if !in_range {
            return Err(Failure::Status(websans_status::Value));
        }
        Ok(PermessageDeflate::new()
            .server_no_context_takeover(self.server_no_context_takeover != 0)
            .client_no_context_takeover(self.client_no_context_takeover != 0)
            .server_max_window_bits(self.server_max_window_bits)
            .client_max_window_bits(self.client_max_window_bits)
            .level(self.level)
            .mem_level(self.mem_level)
            .min_size(self.min_size))
    }
}

impl websans_deadlines {
    const SECOND: u64 = 1_000_000_000;
    const DEFAULT: Self = Self {
        size: size_of::<Self>(),
        handshake: 10 * Self::SECOND,
        ping_interval: 20 * Self::SECOND,
        pong: 20 * Self::SECOND,
        message: 300 * Self::SECOND,
        write: 30 * Self::SECOND,
        close: 10 * Self::SECOND,
    };

    /// Those of the struct; the defaults for NULL.
    pub(crate) fn of(given: In<Self>) -> Outcome<Deadlines> {
        let Some(it) = given.read()? else { return Ok(Deadlines::default()) };
        Ok(Deadlines::new()
            .handshake(time(it.handshake))
            .ping_interval(time(it.ping_interval))
            .pong(time(it.pong))
            .message(time(it.message))
            .write(time(it.write))
            .close(time(it.close)))
    }
}

/// Sets the size and the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_deflate_init(deflate: Out<websans_deflate>) {
    deflate.set(websans_deflate::DEFAULT);
}

/// Sets the size and the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_deadlines_init(deadlines: Out<websans_deadlines>) {
    deadlines.set(websans_deadlines::DEFAULT);
}

/// Offers or accepts permessage-deflate; NULL, which is the default, does not. A context for each
/// connection costs much more memory than everything else that it holds, and compressing secrets
/// together with what others may choose gives the secrets away (CRIME): send those with
/// WEBSANS_MESSAGE_UNCOMPRESSED.
///
/// Errors: WEBSANS_STATUS_VALUE if a member is out of its range.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_deflate(
    config: Ptr<websans_config>,
    deflate: In<websans_deflate>,
) -> websans_status {
    guard(|| {
        let deflate = deflate.read()?.map(|it| it.settings()).transpose()?;
        config.with(|settings| {
            settings.core = settings.core.permessage_deflate(deflate);
            Ok(())
        })
    })
}

/// How long each part of a session may take; NULL for the defaults. A connection without a session
/// has no deadlines.
#[unsafe(no_mangle)]
pub extern "C" fn websans_config_set_deadlines(
    config: Ptr<websans_config>,
    deadlines: In<websans_deadlines>,
) -> websans_status {
    guard(|| {
        let deadlines = websans_deadlines::of(deadlines)?;
        config.with(|settings| {
            settings.core = settings.core.deadlines(deadlines);
            Ok(())
        })
    })
}
