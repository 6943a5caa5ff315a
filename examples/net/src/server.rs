//! A listener with an end: Ctrl-C, or SIGTERM, closes every connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use websans_cli::transport::ctrl_c;

use crate::command_line::{Failure, complain};

/// How many connections there may be at once; more wait until one ends.
const MAX_CONNECTIONS: usize = 10_000;

/// How long all connections together may take to close.
const END: Duration = Duration::from_secs(5);

/// Listens, or says in one line why it cannot.
pub async fn listen(addr: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(addr).await;
    listener.map_err(|error| format!("cannot listen at {addr}: {error}").into())
}

/// Runs `handle` in a task for each connection, until Ctrl-C; then cancels the token that each
/// was given, and waits a while for them to end. How a connection ends is its own affair.
pub async fn serve<F>(
    listener: TcpListener,
    handle: impl Fn(TcpStream, CancellationToken) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut ended = std::pin::pin!(ctrl_c());
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            // Frames are written whole: to wait for more would only delay them.
            stream.set_nodelay(true)?;
            io::Result::Ok((stream, place))
        };
        select! {
            result = &mut ended => break result?,
            accepted = accepted => match accepted {
                Ok((stream, place)) => {
                    let connection = handle(stream, stop.clone());
                    tasks.spawn(async move {
                        let result = connection.await;
                        drop(place);
                        result
                    });
                }
                // Out of descriptors or memory, most often. The connections that there are go on,
                // and when some of them have ended it will work again.
                Err(error) => {
                    complain(&format!("cannot take a connection: {error}"));
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    stop.cancel();
    tasks.close();
    // Whoever does not answer is not waited for any longer.
    let _ = timeout(END, tasks.wait()).await;
    Ok(())
}
