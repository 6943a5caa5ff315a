//! For non-blocking transports: `WouldBlock` as `None`.

use std::io;

use crate::error::Error;

/// An error that may only say that an operation would block.
pub trait NonBlockingError: Sized {
    /// `None` if it says that the operation would block, and the error itself otherwise.
    fn into_non_blocking(self) -> Option<Self>;
}

impl NonBlockingError for io::Error {
    fn into_non_blocking(self) -> Option<Self> {
        (self.kind() != io::ErrorKind::WouldBlock).then_some(self)
    }
}

impl NonBlockingError for Error {
    fn into_non_blocking(self) -> Option<Self> {
        match self {
            Self::Io(error) => error.into_non_blocking().map(Self::Io),
            error => Some(error),
        }
    }
}

/// A result of an operation that may block. Implemented for every `Result` whose error is a
/// [`NonBlockingError`].
pub trait NonBlockingResult {
    /// The result with `None` in place of `WouldBlock`.
    type Result;

    /// Turns `WouldBlock` into `Ok(None)`.
    fn no_block(self) -> Self::Result;
}

impl<T, E: NonBlockingError> NonBlockingResult for Result<T, E> {
    type Result = Result<Option<T>, E>;

    fn no_block(self) -> Self::Result {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) => error.into_non_blocking().map_or(Ok(None), Err),
        }
    }
}
