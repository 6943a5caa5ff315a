//! Deadlines, by a clock that stands still until everybody waits.

use crate::support::*;
use tokio::time::{Instant, sleep};

const S: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_opening_handshake() {
    let (left, right) = duplex(1000);
    let request = request();
    let start = Instant::now();
    let failed = Options::new().client(&request, left).await.unwrap_err();
    assert!(matches!(failed, Error::Timeout(Deadline::Handshake)));
    assert_eq!(failed.to_string(), "the opening handshake took too long");
    assert_eq!(start.elapsed(), 10 * S);
    drop(right);

    // However it trickles in.
    let (mut left, right) = duplex(1000);
    let trickle = async {
        while left.write_all(b"G").await.is_ok() {
            sleep(S).await;
        }
    };
    let options = Options::new().deadlines(Deadlines::default().handshake(3 * S));
    let start = Instant::now();
    tokio::select! {
        failed = options.accept(right) => {
            assert!(matches!(failed, Err(Error::Timeout(Deadline::Handshake))));
        }
        () = trickle => panic!(),
    }
    assert_eq!(start.elapsed(), 13 * S, "after 3 s it was told so, and 10 s more it had to close");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_dropped() {
    let (mut ws, mut peer) = server().await;
    let start = Instant::now();
    let error = ws.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Deadline::Pong)), "{error:?}");
    assert_eq!(start.elapsed(), 50 * S, "20 s, the ping, 20 s, and 10 s to close");
    assert!(ws.next().await.is_none());
    assert!(ws.send("anyone?").await.is_err());
    drop(ws);
    let told = b"\x89\x04\0\0\0\x01\x88\x15\x03\xf0no answer to a ping";
    assert_eq!(read_all(&mut peer).await, told);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_lives_on() {
    let (mut client, mut server) = pair(1000).await;
    let start = Instant::now();
    let wait = async {
        tokio::select! {
            message = client.next() => panic!("{message:?}"),
            message = server.next() => panic!("{message:?}"),
            () = sleep(3600 * S) => {}
        }
    };
    wait.await;
    assert_eq!(start.elapsed(), 3600 * S);
    server.send("still there").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "still there".into());
}

#[tokio::test(start_paused = true)]
async fn who_was_busy_for_long_does_not_blame_the_peer() {
    let (mut ws, mut peer) = server().await;
    assert!(poll_once(ws.next()).await.is_none());
    sleep(21 * S).await;
    assert!(poll_once(ws.next()).await.is_none());
    assert_eq!(read_exact::<6>(&mut peer).await, *b"\x89\x04\0\0\0\x01");
    // The pong came in time, and is looked at much later.
    peer.write_all(&frame(0x8a, b"")).await.unwrap();
    sleep(100 * S).await;
    peer.write_all(&frame(TEXT, b"Hello")).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "Hello".into());
}

#[tokio::test(start_paused = true)]
async fn our_close_frame_is_not_answered() {
    let (mut ws, mut peer) = server().await;
    let start = Instant::now();
    let failed = ws.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap_err();
    assert!(matches!(failed, Error::Timeout(Deadline::Close)), "{failed:?}");
    assert_eq!(start.elapsed(), 10 * S);
    assert_eq!(read_exact::<4>(&mut peer).await, *b"\x88\x02\x03\xe8");
}

#[tokio::test(start_paused = true)]
async fn after_both_close_frames_the_end_of_tcp_is_awaited_and_no_longer() {
    let (mut ws, mut peer) = server().await;
    peer.write_all(&frame(CLOSE, b"")).await.unwrap();
    let start = Instant::now();
    assert!(ws.next().await.is_none(), "it was closed cleanly all the same");
    assert_eq!(start.elapsed(), 10 * S);
    drop(ws);
    assert_eq!(read_all(&mut peer).await, b"\x88\x00");
}

#[tokio::test(start_paused = true)]
async fn closing_by_the_writing_half_sets_the_deadline_of_the_reading_one() {
    let (ws, _peer) = server().await;
    let (mut read, mut write) = ws.into_split();
    let start = Instant::now();
    let reader = tokio::spawn(async move { read.next().await });
    sleep(S).await;
    write.send_close(CloseCode::GOING_AWAY, "").await.unwrap();
    let end = reader.await.unwrap();
    assert!(matches!(end, Some(Err(Error::Timeout(Deadline::Close)))), "{end:?}");
    assert_eq!(start.elapsed(), 11 * S);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_in() {
    let (mut ws, mut peer) = server().await;
    let trickle = tokio::spawn(async move {
        peer.write_all(b"\x82\xff\0\0\0\0\x00\x10\0\0\0\0\0\0").await.unwrap();
        loop {
            sleep(S).await;
            if peer.write_all(b"x").await.is_err() {
                break read_all(&mut peer).await;
            }
        }
    });
    let start = Instant::now();
    let error = ws.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Deadline::Message)), "{error:?}");
    assert_eq!(start.elapsed(), 310 * S, "and 10 s to close");
    drop(ws);
    let told = trickle.await.unwrap();
    assert_eq!(told, b"\x88\x1f\x03\xf0message not completed in time");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing() {
    let (mut ws, _peer) = server_with(100, &Options::new()).await;
    let start = Instant::now();
    let failed = ws.send(vec![0; 1000]).await.unwrap_err();
    assert!(matches!(failed, Error::Timeout(Deadline::Write)), "{failed:?}");
    assert_eq!(start.elapsed(), 30 * S);
    assert_eq!(failed.to_string(), "the peer has taken nothing of what was sent for too long");
    assert!(matches!(ws.next().await, Some(Err(Error::Timeout(Deadline::Write)))));
    assert!(ws.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_ends_both_halves() {
    let (ws, _peer) = server_with(100, &Options::new()).await;
    let (mut read, mut write) = ws.into_split();
    let reader = tokio::spawn(async move { read.next().await });
    let failed = write.send(vec![0; 1000]).await;
    assert!(matches!(failed, Err(Error::Timeout(Deadline::Write))), "{failed:?}");
    let end = reader.await.unwrap();
    assert!(matches!(end, Some(Err(Error::Timeout(Deadline::Write)))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_little_at_a_time_is_alive() {
    let (ws, mut peer) = server_with(100, &Options::new()).await;
    let (mut read, mut write) = ws.into_split();
    let reader = tokio::spawn(async move { read.next().await });
    let slow = tokio::spawn(async move {
        let mut taken = 0;
        while taken < 2000 {
            sleep(15 * S).await;
            taken += peer.read(&mut [0; 100]).await.unwrap();
        }
        peer
    });
    let start = Instant::now();
    write.send(vec![0; 2000]).await.unwrap();
    assert!(start.elapsed() > 200 * S);
    let _peer = slow.await.unwrap();
    assert!(!reader.is_finished());
}

#[tokio::test(start_paused = true)]
async fn all_can_be_switched_off() {
    let never = Deadlines::default()
        .handshake(None)
        .ping_interval(None)
        .pong(None)
        .message(None)
        .write(None)
        .close(None);
    let options = Options::new().deadlines(never);
    let (mut ws, mut peer) = server_with(1000, &options).await;
    peer.write_all(b"\x81\x85\0\0\0\0Hel").await.unwrap();
    let wait = tokio::time::timeout(Duration::from_secs(1_000_000), ws.next());
    assert!(wait.await.is_err());
    peer.write_all(b"lo").await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "Hello".into());
    // More than can be counted is never, too.
    let never = never.ping_interval(Duration::MAX);
    let (mut ws, _peer) = server_with(1000, &Options::new().deadlines(never)).await;
    assert!(poll_once(ws.next()).await.is_none());
}
