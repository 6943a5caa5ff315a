//! Where masking keys come from (RFC 6455 §5.3 and §10.3): a strong source of entropy, so that
//! nobody can choose what a client's bytes look like to the proxies between.

use alloc::boxed::Box;
use core::fmt;

/// A function that yields random bytes: for the masking keys of the frames that a client sends,
/// 4 to 64 of them at once, and for the `Sec-WebSocket-Key` of a handshake.
///
/// The default, with the feature `std`, is `rand`'s ChaCha generator, one a thread, seeded by the
/// operating system, and again in a child after `fork`. Without `std` the default fails, and the
/// application must bring its own:
///
/// ```
/// use websans::{Config, MaskingKeySource, NoEntropy};
///
/// fn hardware_rng(bytes: &mut [u8]) -> Result<(), NoEntropy> {
/// #   bytes.fill(7);
/// #   const STATUS: bool = true;
///     // … read the peripheral …
///     if STATUS { Ok(()) } else { Err(NoEntropy) }
/// }
/// let config = Config::default().masking_keys(MaskingKeySource(hardware_rng));
/// ```
#[derive(Clone, Copy)]
pub struct MaskingKeySource(
    /// Fills the slice with unpredictable bytes, or says that it cannot.
    pub fn(&mut [u8]) -> Result<(), NoEntropy>,
);

/// The masking key source has nothing to give. What was to be sent has not been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the masking key source failed")
    }
}

impl core::error::Error for NoEntropy {}

impl MaskingKeySource {
    pub(crate) const DEFAULT: Self = Self(default_source);

    #[inline]
    pub(crate) fn bytes<const N: usize>(self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes)?;
        Ok(bytes)
    }
}

impl Default for MaskingKeySource {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Debug for MaskingKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskingKeySource")
    }
}

/// How many bytes of keys are drawn at once, in a long run of frames.
const BLOCK: usize = 256;

/// Masking keys of one connection that were drawn in advance, as a draw for each frame would cost
/// more than the rest of a short one.
///
/// They lie in the [`SendBuf`](crate::SendBuf) and belong to the connection that drew them. So
/// after a `fork` no two connections of the two processes have keys in common, and only a draw has
/// to find out which process it is in.
pub(crate) struct Keys {
    drawn_by: Drawer,
    bytes: [u8; BLOCK],
    /// How many bytes were drawn the last time, to the end of `bytes`.
    size: usize,
    /// What has not been used is behind this.
    used: usize,
}

/// Which connection draws: an odd random number, so that no two have the same; 0 before the first draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawer(u64);

impl Keys {
    /// The next key of this connection.
    #[inline]
    pub(crate) fn next(
        keys: &mut Option<Box<Self>>,
        drawer: &mut Drawer,
        source: MaskingKeySource,
    ) -> Result<[u8; 4], NoEntropy> {
        if let Some(keys) = keys
            && keys.drawn_by == *drawer
            && let Some(key) = keys.bytes.get(keys.used..).and_then(<[u8]>::first_chunk)
        {
            keys.used += key.len();
            return Ok(*key);
        }
        Self::draw(keys, drawer, source)
    }

    /// Draws 4 keys, and then each time 4 times as many: a buffer may be lent to one connection for
    /// many frames or to many for one.
    #[cold]
    fn draw(
        keys: &mut Option<Box<Self>>,
        drawer: &mut Drawer,
        source: MaskingKeySource,
    ) -> Result<[u8; 4], NoEntropy> {
        if *drawer == Drawer::default() {
            *drawer = Drawer(u64::from_ne_bytes(source.bytes()?) | 1);
        }
        let empty = || Box::new(Self { drawn_by: *drawer, bytes: [0; BLOCK], size: 0, used: 0 });
        let keys = keys.get_or_insert_with(empty);
        keys.size = if keys.drawn_by == *drawer { (4 * keys.size).clamp(16, BLOCK) } else { 16 };
        keys.drawn_by = *drawer;
        // If the source fails nothing is left of them.
        keys.used = BLOCK;
        let first = BLOCK - keys.size;
        (source.0)(keys.bytes.get_mut(first..).unwrap_or_default())?;
        keys.used = first + 4;
        keys.bytes.get(first..).and_then(<[u8]>::first_chunk).copied().ok_or(NoEntropy)
    }
}

/// Random bytes of a thread.
#[cfg(feature = "std")]
struct Generator {
    rng: Option<rand::rngs::StdRng>,
    process: u32,
}

#[cfg(feature = "std")]
impl Generator {
    /// `None` if the operating system gives no seed.
    fn fill(&mut self, to: &mut [u8]) -> Option<()> {
        use rand::{Rng as _, SeedableRng as _};
        // A child begins with a copy of what its parent has, and must not go on with it.
        let process = process();
        let rng = match &mut self.rng {
            Some(rng) if self.process == process => rng,
            none => none.insert(rand::rngs::StdRng::try_from_rng(&mut rand::rngs::SysRng).ok()?),
        };
        self.process = process;
        rng.fill_bytes(to);
        Some(())
    }
}

/// The process that this is, where there is `fork`.
#[cfg(feature = "std")]
fn process() -> u32 {
    if cfg!(unix) { std::process::id() } else { 0 }
}

#[cfg(feature = "std")]
fn default_source(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    use std::cell::RefCell;
    std::thread_local! {
        static GENERATOR: RefCell<Generator> =
            const { RefCell::new(Generator { rng: None, process: 0 }) };
    }
    // The thread may be ending, and its storage gone.
    let fill = |generator: &RefCell<Generator>| generator.try_borrow_mut().ok()?.fill(bytes);
    GENERATOR.try_with(fill).ok().flatten().ok_or(NoEntropy)
}

#[cfg(not(feature = "std"))]
fn default_source(_: &mut [u8]) -> Result<(), NoEntropy> {
    Err(NoEntropy)
}
