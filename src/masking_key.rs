//! Where masking keys come from (RFC 6455 §5.3 and §10.3): a strong source of entropy, so that
//! nobody can choose what a client's bytes look like to the proxies between.

use core::fmt;

/// A function that yields random bytes, called for each frame that a client sends and for the
/// `Sec-WebSocket-Key` of a handshake.
///
/// The default is `rand`'s ChaCha generator, one a thread and seeded by the operating system, with
/// the feature `std`; without it the default fails, and the application must bring its own:
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

/// Random bytes of a thread, made in advance: a draw for each frame would cost more than the rest
/// of a short one.
#[cfg(feature = "std")]
struct Pool {
    rng: Option<rand::rngs::StdRng>,
    bytes: [u8; 256],
    /// How many of them have been given away.
    used: usize,
}

#[cfg(feature = "std")]
impl Pool {
    /// `None` if the operating system gives no seed.
    #[inline]
    fn fill(&mut self, to: &mut [u8]) -> Option<()> {
        if let Some(from) = self.bytes.get(self.used..self.used + to.len()) {
            to.copy_from_slice(from);
            self.used += to.len();
            return Some(());
        }
        self.refill(to)
    }

    #[cold]
    fn refill(&mut self, to: &mut [u8]) -> Option<()> {
        use rand::{Rng as _, SeedableRng as _};
        let rng = match &mut self.rng {
            Some(rng) => rng,
            empty => empty.insert(rand::rngs::StdRng::try_from_rng(&mut rand::rngs::SysRng).ok()?),
        };
        rng.fill_bytes(&mut self.bytes);
        self.used = 0;
        rng.fill_bytes(to);
        Some(())
    }
}

#[cfg(feature = "std")]
fn default_source(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    use std::cell::RefCell;
    std::thread_local! {
        static POOL: RefCell<Pool> =
            const { RefCell::new(Pool { rng: None, bytes: [0; 256], used: 256 }) };
    }
    // The thread may be ending, and its storage gone.
    POOL.try_with(|pool| pool.try_borrow_mut().ok()?.fill(bytes)).ok().flatten().ok_or(NoEntropy)
}

#[cfg(not(feature = "std"))]
fn default_source(_: &mut [u8]) -> Result<(), NoEntropy> {
    Err(NoEntropy)
}
