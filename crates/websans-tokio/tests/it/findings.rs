//! What was found to be wrong once, by a clock that stands still until everybody waits.

use crate::support::*;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{sleep, timeout};
use websans_tokio::websans::{Connection, RecvBuf};
use websans_tokio::{Deadlines, HandshakeError};

const S: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_in_time_counts_however_late_it_is_looked_at() {
    let (mut ws, mut peer) = server().await;
    ws.send_close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    drop(peer);
    sleep(11 * S).await;
    assert!(ws.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn messages_that_came_at_once_are_all_delivered_to_a_slow_application() {
    let deadlines = Deadlines::default().message(5 * S).close(5 * S);
    let (mut ws, mut peer) = server_with(1 << 20, &Options::new().deadlines(deadlines)).await;
    for _ in 0..6 {
        peer.write_all(&frame(TEXT, b"work")).await.unwrap();
    }
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    drop(peer);
    for _ in 0..6 {
        assert_eq!(ws.next().await.unwrap().unwrap(), "work".into());
        sleep(2 * S).await;
    }
    // Its close frame came; only ours cannot be written any more.
    let _ = ws.next().await;
    assert_eq!(ws.close_frame().unwrap().code, Some(CloseCode::NORMAL_CLOSURE));
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_is_due_does_not_fail_behind_a_large_message() {
    let (stream, mut peer) = duplex(1000);
    let connection = Connection::server(Config::default());
    let mut ws = WebSocket::after_handshake(stream, connection, RecvBuf::new(), &Options::new());
    let send = tokio::spawn(async move {
        ws.feed(vec![0; 2 << 20]).await.unwrap();
        ws.next().await
    });
    sleep(25 * S).await;
    let mut taken = 0;
    while taken < (2 << 20) + 10 {
        taken += peer.read(&mut vec![0; 64 << 10]).await.unwrap();
    }
    peer.write_all(&frame(TEXT, b"still here")).await.unwrap();
    assert_eq!(send.await.unwrap().unwrap().unwrap(), "still here".into());
}

#[tokio::test]
async fn feed_waits_where_the_limit_of_the_connection_is_below_the_write_buffer() {
    let (stream, mut peer) = duplex(1 << 20);
    let connection = Connection::server(Config::default().max_queued(100));
    let options = Options::new().write_buffer(1 << 20);
    let mut ws = WebSocket::after_handshake(stream, connection, RecvBuf::new(), &options);
    for _ in 0..10 {
        ws.feed(vec![0; 200]).await.unwrap();
    }
    ws.flush().await.unwrap();
    assert_eq!(peer.read(&mut [0; 10_000]).await.unwrap(), 10 * 204);
}

#[tokio::test]
async fn after_a_clean_end_there_is_nothing_to_flush_and_that_is_no_error() {
    let (client, server) = pair(1000).await;
    let server = tokio::spawn(echo(server));
    let mut client = client;
    client.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    client.flush().await.unwrap();
    let mut server = server.await.unwrap().unwrap();
    server.flush().await.unwrap();
    assert!(matches!(server.send("late").await, Err(Error::Send(_))));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_bounded_though_the_peer_takes_a_byte_now_and_then() {
    let (mut ws, mut peer) = server_with(10, &Options::new()).await;
    let slow = tokio::spawn(async move {
        loop {
            sleep(9 * S).await;
            if peer.read(&mut [0; 1]).await.unwrap_or(0) == 0 {
                break;
            }
        }
    });
    ws.feed(vec![0; 1000]).await.unwrap();
    let start = tokio::time::Instant::now();
    let closed = ws.close(CloseCode::NORMAL_CLOSURE, "").await;
    assert!(matches!(closed, Err(Error::Timeout(Deadline::Close))), "{closed:?}");
    assert_eq!(start.elapsed(), 10 * S);
    drop(ws);
    slow.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn why_a_handshake_failed_is_told_though_the_client_keeps_its_socket_open() {
    for (bytes, error) in [
        (
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            HandshakeError::NotAnUpgrade { header: "Upgrade" },
        ),
        (b"\x16\x03\x01\x02\x00\x01", HandshakeError::NotHttp { byte: 0x16 }),
    ] {
        let (mut peer, stream) = duplex(1000);
        peer.write_all(bytes).await.unwrap();
        let failed = Options::new().accept(stream).await.unwrap_err();
        assert!(matches!(&failed, Error::Handshake(got) if *got == error), "{failed:?}");
    }
    let (mut peer, stream) = duplex(1000);
    peer.write_all(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    .await
    .unwrap();
    let rejection = Rejection::new(403).unwrap();
    let failed = Options::new().accept_with(stream, |_| Err(rejection)).await.unwrap_err();
    assert!(matches!(failed, Error::Rejected), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ping_interval_of_zero_does_not_spin() {
    let deadlines = Deadlines::default().ping_interval(Duration::ZERO).pong(None);
    let (mut ws, _peer) = server_with(1 << 20, &Options::new().deadlines(deadlines)).await;
    assert!(timeout(S, ws.next()).await.is_err());
}

/// A transport that fails at the call of that number, and cuts and delays all others.
struct Faulty {
    inner: DuplexStream,
    calls: u32,
    fails_at: u32,
}

impl Faulty {
    /// Half of the calls wake without anything done. Which they are has no pattern, or a read and a
    /// write that take turns would never get on.
    fn call(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.calls += 1;
        if self.calls >= self.fails_at {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.calls.wrapping_mul(2_654_435_761) & (1 << 20) != 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.call(cx))?;
        let mut byte = [0; 3];
        let mut few = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut few))?;
        buf.put_slice(few.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.call(cx))?;
        Pin::new(&mut self.inner).poll_write(cx, &bytes[..bytes.len().min(3)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.call(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.call(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// However a transport cuts, delays and fails: every operation ends in time, what was echoed is
/// right, and a clean end is only told where there was one.
#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_at_any_call_ends_every_operation_with_a_true_result() {
    let mut clean = 0;
    for fails_at in (1..400).chain([u32::MAX]) {
        let (left, right) = duplex(64);
        let server = tokio::spawn(async move {
            let Ok(ws) = websans_tokio::accept(right).await else { return };
            let _ = echo(ws).await;
        });
        let talk = async {
            let stream = Faulty { inner: left, calls: 0, fails_at };
            let mut ws = Options::new().client(&request(), stream).await?;
            for message in ["one", "two", "three"] {
                ws.send(message).await?;
                match ws.next().await {
                    Some(echo) => assert_eq!(echo?, message.into()),
                    None => panic!("a clean end, of which nobody knows"),
                }
            }
            ws.close(CloseCode::NORMAL_CLOSURE, "").await
        };
        let result = timeout(100 * S, talk).await.expect("it ends");
        match result {
            Ok(()) => clean += 1,
            Err(Error::Io(_) | Error::Handshake(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        server.await.unwrap();
    }
    assert!(clean > 0, "without a failure it ends cleanly");
}
