//! The two halves in two tasks.

use std::sync::Arc;

use crate::support::*;
use tokio::sync::Barrier;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_flow_both_ways_at_once() {
    let (client, server) = pair(4096).await;
    // Who is asked to close cannot send any more.
    let all_is_sent = Arc::new(Barrier::new(2));
    let mut tasks = Vec::new();
    for (ws, own, other) in [(client, 1_u8, 2_u8), (server, 2, 1)] {
        let (mut read, mut write) = ws.into_split();
        let all_is_sent = Arc::clone(&all_is_sent);
        tasks.push(tokio::spawn(async move {
            for n in 0..500_usize {
                write.send(vec![own; n * 37 % 20_000]).await.unwrap();
            }
            all_is_sent.wait().await;
            write.send_close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
        }));
        tasks.push(tokio::spawn(async move {
            let mut n = 0;
            while let Some(message) = read.next().await {
                assert_eq!(message.unwrap().as_bytes(), vec![other; n * 37 % 20_000]);
                n += 1;
            }
            assert_eq!(n, 500);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn pongs_go_out_while_the_writing_half_is_idle() {
    let (ws, mut peer) = server().await;
    let (mut read, write) = ws.into_split();
    let reader = tokio::spawn(async move { read.next().await });
    for n in 0..100_u8 {
        peer.write_all(&frame(PING, &[n])).await.unwrap();
        assert_eq!(read_exact::<3>(&mut peer).await, [0x8a, 1, n]);
    }
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    assert_eq!(read_exact::<4>(&mut peer).await, *b"\x88\x02\x03\xe8");
    drop(peer);
    assert!(reader.await.unwrap().is_none());
    drop(write);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_flood_while_the_other_half_writes_tears_no_frame() {
    let (ws, peer) = server_with(512, &Options::new()).await;
    let (mut read, mut write) = ws.into_split();
    let writer = tokio::spawn(async move {
        for n in 0..200_u8 {
            write.send(vec![n; 700]).await.unwrap();
        }
    });
    let reader = tokio::spawn(async move { read.next().await });
    let (mut from, mut to) = tokio::io::split(peer);
    let flood = tokio::spawn(async move {
        for n in 0..2000_u16 {
            to.write_all(&frame(PING, &n.to_be_bytes())).await.unwrap();
        }
        to.write_all(&frame(TEXT, b"enough")).await.unwrap();
        to
    });
    let (mut pongs, mut messages) = (0_u16, 0_u8);
    while pongs < 2000 || messages < 200 {
        match (from.read_u8().await.unwrap(), from.read_u8().await.unwrap()) {
            (0x8a, 2) => {
                assert_eq!(from.read_u16().await.unwrap(), pongs);
                pongs += 1;
            }
            (BINARY, 126) => {
                assert_eq!(from.read_u16().await.unwrap(), 700);
                let mut payload = vec![0; 700];
                from.read_exact(&mut payload).await.unwrap();
                assert_eq!(payload, [messages; 700]);
                messages += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    writer.await.unwrap();
    assert_eq!(reader.await.unwrap().unwrap().unwrap(), "enough".into());
    flood.await.unwrap();
}

#[tokio::test]
async fn a_reader_goes_on_without_its_writer() {
    let (ws, mut peer) = server().await;
    let (mut read, write) = ws.into_split();
    drop(write);
    peer.write_all(&[frame(PING, b""), frame(TEXT, b"Hello")].concat()).await.unwrap();
    assert_eq!(read.next().await.unwrap().unwrap(), "Hello".into());
    assert_eq!(read_exact::<2>(&mut peer).await, *b"\x8a\x00");
}

#[tokio::test]
async fn a_writer_that_waits_learns_that_the_connection_has_failed() {
    let (ws, mut peer) = server_with(64, &Options::new()).await;
    let (mut read, mut write) = ws.into_split();
    let writer = tokio::spawn(async move { write.send(vec![0; 10_000]).await });
    tokio::task::yield_now().await;
    peer.write_all(b"\x01").await.unwrap();
    drop(peer);
    let end = read.next().await;
    let failed = writer.await.unwrap();
    assert!(matches!(end, Some(Err(_))), "{end:?}");
    assert!(matches!(failed, Err(Error::Io(_) | Error::Send(_))), "{failed:?}");
}

#[tokio::test]
async fn halves_of_one_connection_are_reunited_and_those_of_two_are_not() {
    let (one, mut peer) = pair(1000).await;
    let (two, _other) = pair(1000).await;
    let ((one_read, one_write), (two_read, two_write)) = (one.into_split(), two.into_split());
    let error = one_read.reunite(two_write).unwrap_err();
    assert_eq!(error.to_string(), "the halves are of two connections");
    let (one_read, two_write) = (error.0, error.1);
    assert!(two_read.reunite(two_write).is_ok());
    let mut one = one_read.reunite(one_write).unwrap();
    peer.send("Hello").await.unwrap();
    assert_eq!(one.next().await.unwrap().unwrap(), "Hello".into());
}

#[test]
fn everything_can_be_moved_to_another_thread() {
    fn can<T: Send + Sync + Unpin + 'static>() {}
    can::<Ws>();
    can::<ReadHalf<DuplexStream>>();
    can::<WriteHalf<DuplexStream>>();
    can::<Message>();
    can::<Error>();
    can::<Options>();
}
