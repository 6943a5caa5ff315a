//! The time on the processor that an echo server on tokio-tungstenite needs for each message: over
//! tungstenite as it is published, and over this crate. The server has a thread of its own; the clients, which
//! are the same for both, compare every echo.
//!
//! Only ratios within one run count: the median of rounds in which both take turns. `tokio LENGTH DEPTH` measures
//! one cell.

use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 7;

/// Lengths of messages, and how many of them a client sends before the first echo.
const CELLS: [(usize, usize); 10] = [
    (16, 1),
    (16, 16),
    (125, 1),
    (125, 16),
    (1 << 10, 1),
    (1 << 10, 16),
    (16 << 10, 1),
    (16 << 10, 4),
    (64 << 10, 1),
    (1 << 20, 1),
];

/// A transport that can be given to another thread.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + Sized + 'static {
    type Sent: Send + 'static;
    fn pair() -> (Self::Sent, Self::Sent);
    fn arrived(sent: Self::Sent) -> Self;
}

impl Transport for TcpStream {
    type Sent = StdStream;

    fn pair() -> (StdStream, StdStream) {
        let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
        let one =
            StdStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let (other, _) = listener.accept().expect("a connection");
        for socket in [&one, &other] {
            socket.set_nodelay(true).expect("no delay");
            socket.set_nonblocking(true).expect("no blocking");
        }
        (one, other)
    }

    fn arrived(sent: StdStream) -> Self {
        Self::from_std(sent).expect("a runtime")
    }
}

impl Transport for DuplexStream {
    type Sent = Self;

    fn pair() -> (Self, Self) {
        tokio::io::duplex(256 << 10)
    }

    fn arrived(sent: Self) -> Self {
        sent
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, future)
}

macro_rules! library {
    ($name:ident, $library:ident) => {
        mod $name {
            use super::*;
            use $library::WebSocketStream;
            use $library::tungstenite::protocol::Role;

            /// Echoes until all clients are gone: the time of this thread.
            pub fn serve<T: Transport>(sent: Vec<T::Sent>) -> Duration {
                block_on(async {
                    let begin = ThreadTime::now();
                    let tasks: Vec<_> = sent
                        .into_iter()
                        .map(|sent| {
                            tokio::task::spawn_local(async {
                                let stream = T::arrived(sent);
                                let mut socket =
                                    WebSocketStream::from_raw_socket(stream, Role::Server, None)
                                        .await;
                                while let Some(Ok(message)) = socket.next().await {
                                    if message.is_binary() || message.is_text() {
                                        socket.send(message).await.expect("an open connection");
                                    }
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.expect("no panic");
                    }
                    begin.elapsed()
                })
            }
        }
    };
}

library!(theirs, tokio_theirs);
library!(ours, tokio_ours);

/// Sends `count` messages over each connection, `depth` of them before the first echo.
fn drive<T: Transport>(sent: Vec<T::Sent>, len: usize, depth: usize, count: usize) {
    use tokio_ours::WebSocketStream;
    use tokio_ours::tungstenite::{Bytes, Message, protocol::Role};
    block_on(async {
        let tasks: Vec<_> = sent
            .into_iter()
            .map(|sent| {
                tokio::task::spawn_local(async move {
                    let stream = T::arrived(sent);
                    let mut socket =
                        WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
                    let payload: Bytes = (0..len).map(|i| ((i * 31) >> 3) as u8).collect();
                    let mut done = 0;
                    while done < count {
                        let burst = depth.min(count - done);
                        for _ in 0..burst {
                            socket
                                .feed(Message::Binary(payload.clone()))
                                .await
                                .expect("an open connection");
                        }
                        socket.flush().await.expect("an open connection");
                        for _ in 0..burst {
                            let echo = socket.next().await.expect("an echo").expect("an echo");
                            assert_eq!(
                                echo,
                                Message::Binary(payload.clone()),
                                "the echo is another"
                            );
                        }
                        done += burst;
                    }
                    socket.close(None).await.expect("an open connection");
                    while socket.next().await.is_some() {}
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

/// Microseconds a message.
fn round<T: Transport>(
    serve: fn(Vec<T::Sent>) -> Duration,
    len: usize,
    depth: usize,
    count: usize,
) -> f64 {
    let (servers, clients) = (0..CONNECTIONS).map(|_| T::pair()).unzip();
    let server = thread::spawn(move || serve(servers));
    drive::<T>(clients, len, depth, count);
    let time = server.join().expect("no panic");
    time.as_nanos() as f64 / 1000.0 / (CONNECTIONS * count) as f64
}

fn cell<T: Transport>(len: usize, depth: usize) -> String {
    let count = ((8 << 20) / (len + 4000)).clamp(16, 2000).next_multiple_of(depth);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(round::<T>(theirs::serve::<T>, len, depth, count));
        b.push(round::<T>(ours::serve::<T>, len, depth, count));
    }
    let [a, b] = [a, b].map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    format!("{:.2} ({a:.2} / {b:.2})", a / b)
}

fn main() {
    println!(
        "tungstenite's time as a multiple of ours, under tokio-tungstenite (µs a message, tungstenite's / ours)\n"
    );
    println!("| bytes | in flight | over TCP | in memory |\n|---:|---:|---:|---:|");
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .map(|it| it.parse().expect("LENGTH and DEPTH are numbers"))
        .collect();
    let cells = match given.as_slice() {
        [len, depth] => vec![(*len, *depth)],
        _ => CELLS.to_vec(),
    };
    for (len, depth) in cells {
        println!(
            "| {len} | {depth} | {} | {} |",
            cell::<TcpStream>(len, depth),
            cell::<DuplexStream>(len, depth)
        );
    }
}
