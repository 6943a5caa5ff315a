//! Closing many connections by one handle. With the clock paused what takes no time is not polled
//! for.

use crate::support::*;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use websans_tokio::Shutdown;
use websans_tokio::websans::{Connection, RecvBuf};

const S: Duration = Duration::from_secs(1);

/// `send_close(1001)` and its answer.
const GOING_AWAY: [u8; 4] = *b"\x88\x02\x03\xe9";

fn grouped() -> (Shutdown, Options) {
    let shutdown = Shutdown::new();
    let options = Options::new().shutdown(&shutdown);
    (shutdown, options)
}

#[tokio::test(start_paused = true)]
async fn connections_that_wait_in_tasks_are_closed_with_1001_at_once() {
    let (shutdown, options) = grouped();
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let (mut client, server) = pair_with(1000, &Options::new(), &options).await;
        servers.push(tokio::spawn(echo(server)));
        clients.push(tokio::spawn(async move {
            assert!(client.next().await.is_none());
            client.close_frame().unwrap().code
        }));
    }
    sleep(S).await;
    assert_eq!((shutdown.connections(), shutdown.is_closing()), (100, false));
    let start = Instant::now();
    shutdown.close(5 * S);
    shutdown.ended().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(shutdown.connections(), 0);
    for client in clients {
        assert_eq!(client.await.unwrap(), Some(CloseCode::GOING_AWAY));
    }
    for server in servers {
        server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_over_in_time_is_cut_off() {
    for (within, expected, took) in
        [(3 * S, Deadline::Shutdown, 3 * S), (60 * S, Deadline::Close, 10 * S)]
    {
        let (shutdown, options) = grouped();
        let (ws, mut peer) = server_with(1000, &options).await;
        let task = tokio::spawn(echo(ws));
        sleep(S).await;
        let start = Instant::now();
        shutdown.close(within);
        shutdown.ended().await;
        assert_eq!(start.elapsed(), took);
        assert_eq!(read_all(&mut peer).await, GOING_AWAY);
        let ended = task.await.unwrap();
        assert!(matches!(&ended, Err(Error::Timeout(got)) if *got == expected), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn to_close_again_can_only_shorten_the_time() {
    let (shutdown, options) = grouped();
    let (ws, _peer) = server_with(1000, &options).await;
    let task = tokio::spawn(echo(ws));
    sleep(S).await;
    let start = Instant::now();
    shutdown.close(8 * S);
    sleep(S).await;
    shutdown.close(2 * S);
    shutdown.close(100 * S);
    shutdown.ended().await;
    assert_eq!(start.elapsed(), 3 * S);
    assert!(matches!(task.await.unwrap(), Err(Error::Timeout(Deadline::Shutdown))));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_answered_and_what_comes_later_is_thrown_away() {
    let (shutdown, options) = grouped();
    let (mut ws, mut peer) = server_with(1000, &options).await;
    for byte in [b"1", b"2", b"3"] {
        peer.write_all(&frame(TEXT, byte)).await.unwrap();
    }
    let first = ws.next().await.unwrap().unwrap();
    shutdown.close(5 * S);
    ws.send(first).await.unwrap();
    let task = tokio::spawn(echo(ws));
    assert_eq!(read_exact::<13>(&mut peer).await, *b"\x81\x011\x81\x012\x81\x013\x88\x02\x03\xe9");
    peer.write_all(&frame(TEXT, b"4")).await.unwrap();
    peer.write_all(&frame(CLOSE, b"\x03\xe9")).await.unwrap();
    assert_eq!(read_all(&mut peer).await, b"");
    drop(peer);
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closing_handshake_that_has_begun_goes_on() {
    let (shutdown, options) = grouped();
    let (mut ws, mut peer) = server_with(1000, &options).await;
    ws.send_close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    shutdown.close(5 * S);
    let task = tokio::spawn(async move { (ws.next().await, ws.next().await.is_none()) });
    sleep(S).await;
    peer.write_all(&frame(TEXT, b"last")).await.unwrap();
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    assert_eq!(read_all(&mut peer).await, *b"\x88\x02\x03\xe8");
    drop(peer);
    let (message, ended) = task.await.unwrap();
    assert_eq!(message.unwrap().unwrap(), "last".into());
    assert!(ended);
}

#[tokio::test(start_paused = true)]
async fn halves_are_closed_and_the_writing_one_is_told() {
    let (shutdown, options) = grouped();
    let (mut client, server) = pair_with(1000, &Options::new(), &options).await;
    let (mut read, mut write) = server.into_split();
    let reader = tokio::spawn(async move { read.next().await.is_none() });
    let writer = tokio::spawn(async move {
        loop {
            if let Err(error) = write.send("tick").await {
                return error;
            }
            sleep(S).await;
        }
    });
    assert_eq!(client.next().await.unwrap().unwrap(), "tick".into());
    shutdown.close(5 * S);
    assert!(client.next().await.is_none());
    assert!(reader.await.unwrap());
    shutdown.ended().await;
    assert!(matches!(writer.await.unwrap(), Error::Send(_)));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_stalls_is_cut_off() {
    for split in [false, true] {
        let (shutdown, options) = grouped();
        let (mut ws, _peer) = server_with(300, &options).await;
        let task = tokio::spawn(async move {
            if split {
                let (_read, mut write) = ws.into_split();
                write.send(vec![0; 10_000]).await
            } else {
                ws.send(vec![0; 10_000]).await
            }
        });
        sleep(S).await;
        let start = Instant::now();
        shutdown.close(4 * S);
        shutdown.ended().await;
        assert_eq!(start.elapsed(), 4 * S);
        let sent = task.await.unwrap();
        assert!(matches!(sent, Err(Error::Timeout(Deadline::Shutdown))), "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_with_503_and_silence_is_not_waited_for() {
    let (shutdown, options) = grouped();
    let (_silent, stream) = duplex(1000);
    let waiting = tokio::spawn({
        let options = options.clone();
        async move { options.accept(stream).await.map(drop) }
    });
    sleep(S).await;
    assert_eq!(shutdown.connections(), 1);
    shutdown.close(5 * S);
    let start = Instant::now();
    shutdown.ended().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(matches!(waiting.await.unwrap(), Err(Error::ShuttingDown)));

    let (left, right) = duplex(1000);
    let request = request();
    let plain = Options::new();
    let (client, server) = join!(plain.client(&request, left), options.accept(right));
    assert!(matches!(&client, Err(Error::Refused(refused)) if refused.status() == 503));
    assert!(matches!(server, Err(Error::ShuttingDown)));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_has_failed_is_cut_off_too() {
    let (shutdown, options) = grouped();
    let (mut client, stream) = duplex(1000);
    let accepting = tokio::spawn({
        let options = options.clone();
        async move { options.accept(stream).await.map(drop) }
    });
    // It keeps its end open, so that the server waits for it after the refusal.
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    sleep(S).await;
    let start = Instant::now();
    shutdown.close(2 * S);
    shutdown.ended().await;
    assert_eq!(start.elapsed(), 2 * S);
    assert!(matches!(accepting.await.unwrap(), Err(Error::Handshake(_))));
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_message_of_which_parts_were_delivered_is_not_thrown_away() {
    let (shutdown, options) = grouped();
    let (mut ws, mut peer) = server_with(1000, &options).await;
    peer.write_all(&frame(0x01, b"a")).await.unwrap();
    assert!(!ws.next_part().await.unwrap().unwrap().last);
    let task = tokio::spawn(async move {
        let rest = ws.next_part().await.unwrap().unwrap();
        (rest.data, rest.last, ws.next_part().await.is_none())
    });
    sleep(S).await;
    shutdown.close(5 * S);
    assert_eq!(read_exact::<4>(&mut peer).await, GOING_AWAY);
    for frame in [frame(0x80, b"b"), frame(TEXT, b"late"), frame(CLOSE, b"\x03\xe9")] {
        peer.write_all(&frame).await.unwrap();
    }
    drop(peer);
    assert_eq!(task.await.unwrap(), ("b".into(), true, true));
}

#[tokio::test(start_paused = true)]
async fn without_any_time_a_peer_that_reads_is_told_all_the_same() {
    let (shutdown, options) = grouped();
    let (mut ws, mut peer) = server_with(1000, &options).await;
    shutdown.close(Duration::ZERO);
    let ended = ws.next().await;
    assert!(matches!(ended, Some(Err(Error::Timeout(Deadline::Shutdown)))), "{ended:?}");
    assert!(ws.next().await.is_none());
    assert_eq!(read_all(&mut peer).await, GOING_AWAY);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_begins_when_the_time_is_over_says_that_there_is_a_shutdown() {
    let (shutdown, options) = grouped();
    shutdown.close(Duration::ZERO);
    let request = request();
    for _ in 0..2 {
        let (_peer, stream) = duplex(1000);
        assert!(matches!(options.accept(stream).await, Err(Error::ShuttingDown)));
        let (_peer, stream) = duplex(1000);
        assert!(matches!(options.client(&request, stream).await, Err(Error::ShuttingDown)));
        sleep(S).await;
    }
}

#[tokio::test]
async fn to_connect_ends_with_a_shutdown() {
    let (shutdown, options) = grouped();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let request = Request::new(&uri).unwrap();
    let connecting = tokio::spawn({
        let (options, request) = (options.clone(), request.clone());
        async move { options.connect(&request).await.map(drop) }
    });
    let _peer = listener.accept().await.unwrap();
    shutdown.close(5 * S);
    assert!(matches!(connecting.await.unwrap(), Err(Error::ShuttingDown)));
    assert!(matches!(options.connect(&request).await, Err(Error::ShuttingDown)));
    shutdown.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_begins_during_a_shutdown_says_goodbye() {
    let (shutdown, options) = grouped();
    shutdown.close(5 * S);
    let (stream, mut peer) = duplex(1000);
    let connection = Connection::server(Config::default());
    let mut ws = WebSocket::after_handshake(stream, connection, RecvBuf::new(), &options);
    let ended = tokio::spawn(async move { ws.next().await.is_none() });
    assert_eq!(read_exact::<4>(&mut peer).await, GOING_AWAY);
    peer.write_all(&frame(CLOSE, b"\x03\xe9")).await.unwrap();
    drop(peer);
    assert!(ended.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn begun_and_ended_return_when_a_shutdown_has_begun_and_ended() {
    let (shutdown, options) = grouped();
    assert!(timeout(S, shutdown.begun()).await.is_err());
    assert!(timeout(S, shutdown.ended()).await.is_err());
    let (ws, _peer) = server_with(1000, &options).await;
    let other = shutdown.clone();
    let begun = tokio::spawn(async move { other.begun().await });
    let other = shutdown.clone();
    let ended = tokio::spawn(async move { other.ended().await });
    sleep(S).await;
    shutdown.close(5 * S);
    begun.await.unwrap();
    sleep(S).await;
    assert!(!ended.is_finished());
    // Nothing is awaited of it, but it is dropped.
    drop(ws);
    ended.await.unwrap();
}

/// However a shutdown meets connections that come, talk and wait, none of them misses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_misses_a_shutdown() {
    for round in 0..20 {
        let (shutdown, options) = grouped();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("ws://{}/", listener.local_addr().unwrap());
        let mut tasks = Vec::new();
        for n in 0..20 {
            let request = Request::new(&uri).unwrap();
            let talk = async move {
                let mut client = Options::new().connect(&request).await?;
                for _ in 0..n * round {
                    client.send("talk").await?;
                    if client.next().await.transpose()?.is_none() {
                        return Ok(());
                    }
                }
                while client.next().await.transpose()?.is_some() {}
                Ok::<(), Error>(())
            };
            tasks.push(tokio::spawn(talk));
            let (stream, _): (TcpStream, _) = listener.accept().await.unwrap();
            let options = options.clone();
            tasks.push(tokio::spawn(async move {
                let mut ws = options.accept(stream).await?;
                while let Some(message) = ws.next().await {
                    ws.send(message?).await?;
                }
                Ok(())
            }));
        }
        // Far beyond what a test may take: a connection that misses it would wait for that.
        shutdown.close(1000 * S);
        timeout(60 * S, shutdown.ended()).await.expect("all have ended");
        for task in tasks {
            // Who had begun to say something, or to connect, is told that it was too late.
            let _ = timeout(60 * S, task).await.expect("it ends").unwrap();
        }
    }
}
