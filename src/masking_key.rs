//! Where masking keys come from (RFC 6455 §5.3 and §10.3): a strong source of entropy, so that
//! nobody can choose what a client's bytes look like to the proxies between.

use core::fmt;

/// A function that yields random bytes, called for each frame that a client sends and for the
/// `Sec-WebSocket-Key` of a handshake.
///
/// The default draws from `rand`'s thread-local, reseeded ChaCha generator, with the feature
/// `std`; without it the default fails, and the application must bring its own:
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

#[cfg(feature = "std")]
#[allow(clippy::unnecessary_wraps)] // the signature of a source
fn default_source(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    use rand::Rng as _;
    rand::rng().fill_bytes(bytes);
    Ok(())
}

#[cfg(not(feature = "std"))]
fn default_source(_: &mut [u8]) -> Result<(), NoEntropy> {
    Err(NoEntropy)
}
