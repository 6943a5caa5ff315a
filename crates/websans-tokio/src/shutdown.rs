//! Closing many connections by one handle.
//!
//! A connection that belongs to a [`Shutdown`] has a seat in it, where it leaves the waker of its
//! task when it waits. No lock is taken for that, only when a connection comes and goes.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use atomic_waker::AtomicWaker;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Closes many connections at once, as when a server stops. Clones are handles to the same
/// connections: those that were made with [`Options::shutdown`](crate::Options::shutdown).
///
/// ```no_run
/// use std::time::Duration;
/// use tokio::net::TcpListener;
/// use websans_tokio::{Error, Options, Shutdown};
///
/// # async fn f() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:9001").await?;
/// let shutdown = Shutdown::new();
/// let options = Options::new().shutdown(&shutdown);
/// loop {
///     let stream = tokio::select! {
///         accepted = listener.accept() => accepted?.0,
///         _ = tokio::signal::ctrl_c() => break,
///     };
///     let options = options.clone();
///     tokio::spawn(async move {
///         let mut ws = options.accept(stream).await?;
///         while let Some(message) = ws.next().await {
///             ws.send(message?).await?;
///         }
///         Ok::<(), Error>(())
///     });
/// }
/// shutdown.close(Duration::from_secs(5));
/// shutdown.ended().await;
/// # Ok(())
/// # }
/// ```
///
/// **What a connection does** when [`close`](Self::close) is called. Its task is woken, and what it
/// awaits does the rest:
///
/// - `next` returns what has been read already, one message at a time, so that the application can
///   answer. When it would wait for the peer, it sends a close frame with
///   [`GOING_AWAY`](crate::CloseCode::GOING_AWAY) (1001) instead. Messages that come after that are
///   thrown away, since nothing can be answered any more (RFC 6455 §5.5.1), and `next` returns `None`
///   when the peer has answered. `next_part` does the same, but for the rest of a message of which it
///   has returned parts. An application that wants all messages does not give this handle to the
///   options: it waits for [`begun`](Self::begun) beside `next`, and calls
///   [`send_close`](crate::WebSocket::send_close) itself.
/// - `send` goes on. After the close frame it returns
///   [`SendError::Closed`](crate::SendError::Closed), as in a task that only sends.
/// - `accept` answers a request with 503, and returns [`Error::ShuttingDown`](crate::Error). So does
///   an opening handshake in which nothing more has come, or a `connect` that has begun.
/// - When the time is over, whatever is awaited writes what the transport takes at once and closes
///   it. `next`, and calls that wait for something to be written, return
///   [`Deadline::Shutdown`](crate::Deadline::Shutdown). An opening handshake ends without the 503.
///
/// A connection costs about 80 bytes more than without it. Nothing runs in the background.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Group>);

struct Group {
    seats: Mutex<Slab<Arc<Seat>>>,
    /// When all are to be over, in nanoseconds since `start`; [`NEVER`] before `close` is called.
    ends_at: AtomicU64,
    start: Instant,
    /// Notified when closing begins, and when the last connection has gone.
    changed: Notify,
}

const NEVER: u64 = u64::MAX;

struct Seat {
    group: Arc<Group>,
    waker: AtomicWaker,
}

/// The seat of a connection, which is given up when this is dropped.
pub(crate) struct Member {
    seat: Arc<Seat>,
    key: usize,
}

impl Shutdown {
    /// A handle to no connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes all connections with 1001, and those that are made later. Whatever has not ended
    /// `within` that time is cut off; [`Deadlines::close`](crate::Deadlines::close), which each
    /// connection has for itself, may end it earlier.
    ///
    /// Called again it can only shorten the time that is left.
    pub fn close(&self, within: Duration) {
        let since = self.0.start.elapsed().saturating_add(within).as_nanos();
        let ends_at = u64::try_from(since).unwrap_or(NEVER).min(NEVER - 1);
        self.0.ends_at.fetch_min(ends_at, Ordering::SeqCst);
        // A waker can drop another connection, which takes the lock.
        let wakers: Vec<Waker> =
            self.0.lock().iter().filter_map(|(_, seat)| seat.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
        self.0.changed.notify_waiters();
    }

    /// Whether [`close`](Self::close) has been called.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.0.ends_at().is_some()
    }

    /// How many connections have not ended: those in the opening handshake included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.lock().len()
    }

    /// Waits until [`close`](Self::close) is called. Cancel-safe.
    pub async fn begun(&self) {
        self.wait(Self::is_closing).await;
    }

    /// Waits until [`close`](Self::close) has been called and all connections have ended: their
    /// transports are closed, or they were dropped. Cancel-safe.
    ///
    /// A connection of which nothing is awaited, since its task does other things, ends when that
    /// task looks at it again, after the time that was given if need be. A task that may never do so
    /// is a reason to put this into a [`timeout`](tokio::time::timeout).
    pub async fn ended(&self) {
        self.wait(|shutdown| shutdown.is_closing() && shutdown.0.lock().is_empty()).await;
    }

    async fn wait(&self, is_so: impl Fn(&Self) -> bool) {
        let mut changed = pin!(self.0.changed.notified());
        loop {
            // What happens from here on is not missed.
            changed.as_mut().enable();
            if is_so(self) {
                return;
            }
            changed.as_mut().await;
            changed.set(self.0.changed.notified());
        }
    }

    pub(crate) fn join(&self) -> Member {
        let seat = Arc::new(Seat { group: Arc::clone(&self.0), waker: AtomicWaker::new() });
        let key = self.0.lock().insert(Arc::clone(&seat));
        Member { seat, key }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self {
            seats: Mutex::default(),
            ends_at: AtomicU64::new(NEVER),
            start: Instant::now(),
            changed: Notify::new(),
        }
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends_at(&self) -> Option<Duration> {
        let ends_at = self.ends_at.load(Ordering::SeqCst);
        (ends_at != NEVER).then(|| Duration::from_nanos(ends_at))
    }
}

impl Member {
    /// Wakes the task when closing begins. What was asked before this may have changed since.
    pub(crate) fn register(&self, waker: &Waker) {
        self.seat.waker.register(waker);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.seat.group.ends_at().is_some()
    }

    /// When the connection is to be over, as the time since `start`.
    pub(crate) fn ends_at(&self, start: Instant) -> Option<Duration> {
        let group = &self.seat.group;
        let ends_at = group.ends_at()?;
        // The connection may be older than the group.
        Some(match start.checked_duration_since(group.start) {
            Some(earlier) => ends_at.saturating_sub(earlier),
            None => ends_at.saturating_add(group.start.duration_since(start)),
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let group = &self.seat.group;
        let mut seats = group.lock();
        seats.remove(self.key);
        let was_last = seats.is_empty();
        drop(seats);
        if was_last {
            group.changed.notify_waiters();
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("is_closing", &self.is_closing())
            .field("connections", &self.connections())
            .finish()
    }
}
