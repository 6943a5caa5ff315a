//! A source of masking keys that is written in C. The core takes a function without a context; the
//! context is where a call puts it for as long as it lasts.

use core::cell::Cell;
use core::ffi::{c_int, c_void};

use websans::{MaskingKeySource, NoEntropy};

/// Fills `len` bytes at `bytes` with what nobody can foresee, and returns 0; anything else says
/// that it cannot. `context` is what was given beside it. It must not throw, nor jump out.
pub type websans_random_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, bytes: *mut u8, len: usize) -> c_int>;

/// A source with its context.
#[derive(Clone, Copy)]
pub(crate) struct Random {
    function: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> c_int,
    context: *mut c_void,
}

thread_local! {
    static CURRENT: Cell<Option<Random>> = const { Cell::new(None) };
}

/// Puts the one before back, whatever happens.
struct Restore(Option<Random>);

impl Restore {
    #[cold]
    fn after(random: Random) -> Self {
        Self(CURRENT.try_with(|current| current.replace(Some(random))).ok().flatten())
    }
}

impl Drop for Restore {
    #[cold]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.0));
    }
}

impl Random {
    pub(crate) fn new(function: websans_random_fn, context: *mut c_void) -> Option<Self> {
        function.map(|function| Self { function, context })
    }

    /// What the core is told to use.
    pub(crate) fn source() -> MaskingKeySource {
        MaskingKeySource(from_current)
    }
}

/// Runs something that may need masking keys.
#[inline]
pub(crate) fn with_random<R>(random: Option<Random>, body: impl FnOnce() -> R) -> R {
    // The body stands here once, so that it can be inlined.
    let _restore = random.map(Restore::after);
    body()
}

fn from_current(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    let current = CURRENT.try_with(Cell::get).ok().flatten().ok_or(NoEntropy)?;
    // SAFETY: the header says that the function takes this context, as long as anything that was
    // made with it is used, and writes `len` bytes at most.
    let result = unsafe { (current.function)(current.context, bytes.as_mut_ptr(), bytes.len()) };
    if result == 0 { Ok(()) } else { Err(NoEntropy) }
}
