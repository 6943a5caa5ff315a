//! What comes from C: pointers, structs and handles. A value of these types can only be made by a
//! caller in C, which promises what the header says of the argument: that it is NULL, or points to
//! what it says it points to. Everything that a caller can get wrong beyond that is checked.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::{Failure, websans_status};

/// What a function of the boundary comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Runs the body of a function that C calls. A panic ends here.
#[inline]
pub(crate) fn guard(body: impl FnOnce() -> Outcome) -> websans_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => websans_status::Ok,
        Ok(Err(failure)) => failure.report(),
        Err(_) => Failure::Status(websans_status::Panic).report(),
    }
}

/// The same for a function that returns something else, and `otherwise` after a failure.
#[inline]
pub(crate) fn guard_or<R>(otherwise: R, body: impl FnOnce() -> Outcome<R>) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(failure)) => {
            failure.report();
            otherwise
        }
        Err(_) => {
            Failure::Status(websans_status::Panic).report();
            otherwise
        }
    }
}

/// What a handle begins with while nobody uses it, by its type; anything else is a handle in use,
/// or none of that type.
pub(crate) trait Kind: Sized {
    /// What the handle stands for.
    type Value;
    /// Its mark, which no other type has.
    const MARK: u32;
}

const IN_USE: u32 = 0x4255_5359;
const PANICKED: u32 = 0x5041_4E49;
const FREED: u32 = 0x4652_4545;

/// The memory of a handle.
#[repr(C)]
pub(crate) struct Handle<T> {
    mark: Cell<u32>,
    value: UnsafeCell<T>,
}

/// A handle from C, or NULL.
///
/// cbindgen:transparent-typedef
#[repr(transparent)]
pub struct Ptr<K>(*mut K);

impl<K> Clone for Ptr<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Ptr<K> {}

/// A handle that is in use. It is dropped only by a panic.
struct InUse<'a>(&'a Cell<u32>);

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.set(PANICKED);
    }
}

impl<K: Kind> Ptr<K> {
    pub(crate) const NULL: Self = Self(core::ptr::null_mut());

    /// A new handle.
    pub(crate) fn new(value: K::Value) -> Self {
        let handle = Handle { mark: Cell::new(K::MARK), value: UnsafeCell::new(value) };
        Self(Box::into_raw(Box::new(handle)).cast())
    }

    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    #[cold]
    fn unusable(mark: u32) -> Failure {
        Failure::Status(match mark {
            IN_USE => websans_status::Busy,
            PANICKED => websans_status::Panic,
            _ => websans_status::Handle,
        })
    }

    /// Where the value of a handle lies. The pointer is not used.
    fn value(handle: *mut K) -> *mut K::Value {
        let offset = core::mem::offset_of!(Handle<K::Value>, value);
        handle.cast::<u8>().wrapping_add(offset).cast()
    }

    /// Uses the handle. A callback that comes back to it meanwhile gets an error.
    #[inline]
    pub(crate) fn with<R>(self, body: impl FnOnce(&mut K::Value) -> Outcome<R>) -> Outcome<R> {
        if self.0.is_null() {
            return Err(Failure::Status(websans_status::Null));
        }
        // SAFETY: the header says that a handle is NULL or was made by a function that makes
        // handles, and was not freed; all of those are `Handle`s, and begin with their mark. It is
        // only shared here: the cells in it are what changes, on one thread at a time.
        let mark = unsafe { &(*self.0.cast::<Handle<K::Value>>()).mark };
        if mark.get() != K::MARK {
            return Err(Self::unusable(mark.get()));
        }
        mark.set(IN_USE);
        let in_use = InUse(mark);
        // SAFETY: the mark says that the handle is of this type, and that no other reference to its
        // value is alive: the one that is made here ends before the mark is set back.
        let value = unsafe { &mut *Self::value(self.0) };
        let result = body(value);
        core::mem::forget(in_use);
        mark.set(K::MARK);
        result
    }

    /// Takes the value, and frees the handle. NULL stands for nothing.
    pub(crate) fn take(self) -> Outcome<Option<K::Value>> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: as in `with`.
        let mark = unsafe { &(*self.0.cast::<Handle<K::Value>>()).mark };
        match mark.get() {
            it if it == K::MARK => {}
            // What a panic left is dropped as it is; the parts of it are whole.
            PANICKED => {}
            other => return Err(Self::unusable(other)),
        }
        mark.set(FREED);
        // SAFETY: `new` made it of a box, and the mark says that it was not taken before and that
        // nothing refers to it.
        let handle = unsafe { Box::from_raw(self.0.cast::<Handle<K::Value>>()) };
        Ok(Some(handle.value.into_inner()))
    }

    /// Frees the handle.
    pub(crate) fn free(self) {
        guard(|| self.take().map(drop));
    }
}

/// Memory that C lends to be read: an array, or a text with its length. NULL for nothing.
///
/// cbindgen:transparent-typedef
#[repr(transparent)]
pub struct In<T>(*const T);

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T> In<T> {
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// So many items. NULL is no item.
    #[inline]
    pub(crate) fn slice(&self, len: usize) -> Outcome<&[T]> {
        if len == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Failure::Status(websans_status::Null));
        }
        if !self.0.is_aligned() {
            return Err(Failure::Status(websans_status::Value));
        }
        if len > isize::MAX as usize / size_of::<T>().max(1) {
            return Err(Failure::Status(websans_status::TooLong));
        }
        // SAFETY: the header says that there are so many items, which nobody changes during the
        // call; the pointer is aligned, and the length is one that memory can have.
        Ok(unsafe { core::slice::from_raw_parts(self.0, len) })
    }
}

impl In<u8> {
    /// A text in UTF-8.
    pub(crate) fn text(&self, len: usize) -> Outcome<&str> {
        let bytes = self.slice(len)?;
        core::str::from_utf8(bytes).map_err(|_| Failure::Status(websans_status::Utf8))
    }
}

/// A struct that begins with its size, so that it can grow: what is behind the size that a caller
/// was compiled with is zero.
pub(crate) trait Sized_: Copy {
    /// The size that it had first.
    const FIRST_SIZE: usize;
}

/// More than any of them will ever have: such a size was never set.
const MAX_STRUCT: usize = 4096;

fn check_size<T: Sized_>(size: usize) -> Outcome {
    if (T::FIRST_SIZE..=MAX_STRUCT).contains(&size) {
        Ok(())
    } else {
        Err(Failure::Status(websans_status::Size))
    }
}

impl<T: Sized_> In<T> {
    /// A struct that begins with its size; `None` for NULL.
    pub(crate) fn read(self) -> Outcome<Option<T>> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: the header says that it is NULL or a struct that begins with its size.
        let size = unsafe { self.0.cast::<usize>().read_unaligned() };
        check_size::<T>(size)?;
        // SAFETY: the size says that there are so many bytes, of types for which all bytes of what
        // C has written there count as initialised.
        let given = unsafe { core::slice::from_raw_parts(self.0.cast::<MaybeUninit<u8>>(), size) };
        let mut value = MaybeUninit::<T>::zeroed();
        let own = value.as_bytes_of();
        for (to, from) in own.iter_mut().zip(given) {
            *to = *from;
        }
        // A member that this version does not know must be zero, which asks for nothing.
        for byte in given.get(own.len()..).unwrap_or_default() {
            // SAFETY: members beyond the known ones are initialised where the size includes them,
            // as the header asks with `= {sizeof …}` or the function that sets the defaults.
            if unsafe { byte.assume_init() } != 0 {
                return Err(Failure::Status(websans_status::Size));
            }
        }
        // SAFETY: `Sized_` is implemented for structs of numbers and pointers only (see
        // `sized_structs`), for which zero and whatever C writes there are values.
        Ok(Some(unsafe { value.assume_init() }))
    }
}

trait BytesOf {
    fn as_bytes_of(&mut self) -> &mut [MaybeUninit<u8>];
}

impl<T> BytesOf for MaybeUninit<T> {
    fn as_bytes_of(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the same memory, of the same size, as bytes that may be uninitialised.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), size_of::<T>()) }
    }
}

/// Where C wants a result to be put. NULL where it does not want it.
///
/// cbindgen:transparent-typedef
#[repr(transparent)]
pub struct Out<T>(*mut T);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Out<T> {
    #[cfg(test)]
    pub(crate) fn to(place: &mut T) -> Self {
        Self(place)
    }

    /// A result that the function is useless without.
    #[inline]
    pub(crate) fn required(self) -> Outcome<Self> {
        if self.0.is_null() { Err(Failure::Status(websans_status::Null)) } else { Ok(self) }
    }

    #[inline]
    pub(crate) fn set(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the header says that it is NULL or has room for one.
            unsafe { self.0.write_unaligned(value) }
        }
    }

    /// Puts so many items there as there are, and as there is room for: how many.
    pub(crate) fn fill(self, room: usize, items: impl Iterator<Item = T>) -> Outcome<usize> {
        if self.0.is_null() {
            return if room == 0 { Ok(0) } else { Err(Failure::Status(websans_status::Null)) };
        }
        let mut n = 0;
        for item in items.take(room) {
            // SAFETY: the header says that there is room for `room` items, and `n` is below that.
            let place = unsafe { self.0.add(n) };
            // SAFETY: as above.
            unsafe { place.write_unaligned(item) }
            n += 1;
        }
        Ok(n)
    }
}

impl Out<u8> {
    /// Changes so many bytes in place.
    pub(crate) fn modify(self, len: usize, change: impl FnOnce(&mut [u8])) -> Outcome {
        if len == 0 {
            return Ok(());
        }
        self.required()?;
        if isize::try_from(len).is_err() {
            return Err(Failure::Status(websans_status::TooLong));
        }
        // SAFETY: the header says that there are so many bytes, which nobody else uses during the
        // call.
        change(unsafe { core::slice::from_raw_parts_mut(self.0, len) });
        Ok(())
    }
}

impl<T: Sized_> Out<T> {
    /// Puts a struct there that begins with its size, as far as the caller knows it. Its size stays.
    #[inline]
    pub(crate) fn set_struct(self, value: &T) -> Outcome {
        let this = self.required()?;
        // SAFETY: the header says that it is NULL or a struct that begins with its size.
        let size = unsafe { this.0.cast::<usize>().read_unaligned() };
        if size == size_of::<T>() {
            // SAFETY: the size says that it is one of these, and `value` has the same.
            unsafe { this.0.write_unaligned(*value) }
            return Ok(());
        }
        check_size::<T>(size)?;
        let known = size.min(size_of::<T>());
        let skipped = size_of::<usize>();
        let from = core::ptr::from_ref(value).cast::<u8>().wrapping_add(skipped);
        let to = this.0.cast::<u8>().wrapping_add(skipped);
        // SAFETY: both have `known` bytes, the first of which are their sizes; they do not overlap,
        // since `value` is on our side.
        unsafe { core::ptr::copy_nonoverlapping(from, to, known - skipped) }
        Ok(())
    }
}

/// A pointer that goes out to C and that points into something that lives on.
#[inline]
pub(crate) fn pointer<T>(slice: &[T]) -> *const T {
    slice.as_ptr()
}

/// A pointer in a struct from C.
#[inline]
pub(crate) fn given<T>(pointer: *const T) -> In<T> {
    In(pointer)
}

/// Implements [`Sized_`] for structs of numbers and pointers.
macro_rules! sized_structs {
    ($($name:ty: $first:expr),* $(,)?) => {
        $(impl crate::boundary::Sized_ for $name {
            const FIRST_SIZE: usize = $first;
        })*
    };
}
pub(crate) use sized_structs;

/// Declares the types of handles.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident($mark:literal): $value:ty;)*) => {
        $(impl crate::boundary::Kind for $name {
            type Value = $value;
            const MARK: u32 = $mark;
        })*
    };
}
pub(crate) use handles;

/// What a handle is to C: a type of its own, of which only pointers exist.
pub(crate) type Opaque = PhantomData<UnsafeCell<()>>;
