//! Guides, whose code is run as tests.

#[doc = include_str!("../docs/adapter.md")]
///
/// # The adapters
///
/// They are files of `examples/adapters`. The package `examples/guide` compiles them and runs each against each
/// other and against tungstenite; it has the event loops around them, and an echo and a chat on them.
///
/// ## Blocking
///
/// ```rust,ignore
#[doc = include_str!("../examples/adapters/blocking.rs")]
/// ```
///
/// ## Readiness: mio
///
/// ```rust,ignore
#[doc = include_str!("../examples/adapters/mio.rs")]
/// ```
///
/// ## Completion: io_uring
///
/// ```rust,ignore
#[doc = include_str!("../examples/adapters/io_uring.rs")]
/// ```
///
/// ## Async: smol, and everything that has the traits of futures
///
/// ```rust,ignore
#[doc = include_str!("../examples/adapters/smol.rs")]
/// ```
pub mod adapter {}
