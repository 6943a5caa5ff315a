//! Payloads that C owns, and that are sent from where they lie.

use core::ffi::c_void;

use bytes::Bytes;

/// Called once when the library needs a payload no more: `context`, the payload, and its length as
/// they were given. It may be called from within any function that takes the send buffer, on the
/// thread that calls it. It must not throw, nor jump out, nor use the handles of that call.
pub type websans_free_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, data: *const u8, len: usize)>;

struct Foreign {
    data: *const u8,
    len: usize,
    free: unsafe extern "C" fn(*mut c_void, *const u8, usize),
    context: *mut c_void,
}

// SAFETY: the header says that the payload does not change until it is freed, and that it may be
// freed by any thread that uses the send buffer.
unsafe impl Send for Foreign {}

impl AsRef<[u8]> for Foreign {
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `In::slice` has checked the pointer and the length, and the header says that the
        // payload stays as it is until it is freed, which `drop` does.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // SAFETY: the header says that the function takes these, once.
        unsafe { (self.free)(self.context, self.data, self.len) }
    }
}

/// What frees a payload, from the moment when it is known.
pub(crate) struct Owner {
    pub(crate) free: unsafe extern "C" fn(*mut c_void, *const u8, usize),
    pub(crate) context: *mut c_void,
}

/// A payload with its owner. `data` was checked to be one.
pub(crate) fn owned(data: &[u8], pointer: *const u8, owner: Owner) -> Bytes {
    let Owner { free, context } = owner;
    Bytes::from_owner(Foreign { data: pointer, len: data.len(), free, context })
}

/// Frees a payload that cannot be used.
pub(crate) fn free(pointer: *const u8, len: usize, owner: Owner) {
    // SAFETY: as in `drop`.
    unsafe { (owner.free)(owner.context, pointer, len) }
}
