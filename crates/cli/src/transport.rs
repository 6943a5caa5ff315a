//! What frames are spoken over: anything that tokio can read and write.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::sync::mpsc;
use tokio::time::timeout;
use websans::SendBuf;

/// A peer that takes nothing for so long while there is something to write is dropped.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// How long to wait for the peer to close the transport, once everything has been said.
pub const LINGER: Duration = Duration::from_millis(500);

/// Whatever tokio can read and write, and nothing else about it matters.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// For a transport without a session: writes everything that waits. A peer may take its time, but not without taking anything.
pub async fn write(transport: &mut (impl AsyncWrite + Unpin), tx: &mut SendBuf) -> io::Result<()> {
    while !tx.is_empty() {
        let n = timeout(WRITE_DEADLINE, transport.write(tx.as_slice())).await??;
        if n == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        tx.consume(n);
    }
    timeout(WRITE_DEADLINE, transport.flush()).await?
}

/// For a transport without a session: closes it such that what was written arrives: to close it while something that the
/// peer has sent is unread would reset it, and a reset may overtake the data before it.
pub async fn close(transport: &mut impl Transport) -> io::Result<()> {
    let closed = timeout(LINGER, async {
        transport.shutdown().await?;
        copy(transport, &mut sink()).await.map(drop)
    });
    closed.await.unwrap_or(Ok(()))
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn ctrl_c() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Receives each Ctrl-C or SIGTERM from now on, also those that come while nobody waits for one.
#[must_use]
pub fn interrupts() -> mpsc::UnboundedReceiver<io::Result<()>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let interrupted = ctrl_c().await;
            let is_last = interrupted.is_err();
            if sender.send(interrupted).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}
