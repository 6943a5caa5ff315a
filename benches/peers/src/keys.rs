//! Masking keys for those whose library leaves the source to the application: as strong as the
//! kernel's generator, and cheap because 1024 are drawn at a time.

use std::cell::RefCell;

#[derive(Default)]
pub struct Keys(Vec<[u8; 4]>);

impl Keys {
    #[inline]
    pub fn next(&mut self) -> [u8; 4] {
        match self.0.pop() {
            Some(key) => key,
            None => self.refill(),
        }
    }

    #[cold]
    fn refill(&mut self) -> [u8; 4] {
        self.0.resize(1024, [0; 4]);
        let bytes = self.0.as_flattened_mut();
        // SAFETY: the pointer and the length are those of one slice of bytes.
        let n = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        assert_eq!(n.cast_unsigned(), bytes.len(), "the kernel gives all that is asked for");
        self.0.pop().unwrap_or_default()
    }

    /// Sixteen bytes for an opening handshake.
    pub fn nonce(&mut self) -> [u8; 16] {
        [self.next(), self.next(), self.next(), self.next()].concat().try_into().unwrap_or_default()
    }
}

/// The thread's own keys, for those who want a source for each connection.
pub struct Shared;

thread_local! {
    static SHARED: RefCell<Keys> = RefCell::default();
}

impl Shared {
    #[inline]
    pub fn next(&mut self) -> [u8; 4] {
        SHARED.with_borrow_mut(Keys::next)
    }

    pub fn nonce(&mut self) -> [u8; 16] {
        SHARED.with_borrow_mut(|keys| keys.nonce())
    }
}
