//! How connections end: every order of the closing handshake, failures, the end of the transport.

use crate::support::*;
use futures_util::SinkExt;

#[tokio::test]
async fn the_client_closes_first() {
    let (mut client, mut server) = pair(1000).await;
    let (closed, end) =
        join!(client.close(CloseCode::from(4000), "I am done"), async { server.next().await });
    closed.unwrap();
    assert!(end.is_none());
    let said = server.close_frame().unwrap();
    assert_eq!((said.code, &*said.reason), (Some(CloseCode::from(4000)), "I am done"));
    // §5.5.1: the code comes back.
    assert_eq!(client.close_frame().unwrap().code, Some(CloseCode::from(4000)));
}

#[tokio::test]
async fn the_server_closes_first_and_without_a_code() {
    let (mut client, mut server) = pair(1000).await;
    let (closed, end) = join!(server.close(None, ""), async { client.next().await });
    closed.unwrap();
    assert!(end.is_none());
    assert_eq!(client.close_frame().unwrap().code, None);
    assert!(client.next().await.is_none(), "it stays ended");
}

#[tokio::test]
async fn both_close_at_once() {
    let (mut client, mut server) = pair(1000).await;
    client.send_close(CloseCode::NORMAL_CLOSURE, "me").await.unwrap();
    server.send_close(CloseCode::GOING_AWAY, "me too").await.unwrap();
    let (client_end, server_end) = join!(client.next(), server.next());
    assert!(client_end.is_none() && server_end.is_none());
    assert_eq!(client.close_frame().unwrap().reason, "me too");
    assert_eq!(server.close_frame().unwrap().reason, "me");
}

#[tokio::test]
async fn messages_still_come_after_our_close_frame() {
    let (mut client, mut server) = pair(1000).await;
    client.send_close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    server.send("wait, there is more").await.unwrap();
    let talk = async {
        assert_eq!(client.next().await.unwrap().unwrap(), "wait, there is more".into());
        assert!(client.next().await.is_none());
    };
    let (end, ()) = join!(server.next(), talk);
    assert!(end.is_none());
    for ws in [&mut client, &mut server] {
        // It is what was asked for.
        ws.send_close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
        ws.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
        SinkExt::close(ws).await.unwrap();
        let refused = ws.send("too late").await;
        assert!(matches!(refused, Err(Error::Send(websans::SendError::Closed))), "{refused:?}");
        assert_eq!(refused.unwrap_err().to_string(), "the connection is closing or closed");
    }
}

#[tokio::test]
async fn a_close_that_cannot_be_sent_changes_nothing() {
    let (mut client, mut server) = pair(1000).await;
    for (code, reason) in
        [(CloseCode::ABNORMAL_CLOSURE, ""), (CloseCode::NORMAL_CLOSURE, &*"x".repeat(124))]
    {
        let refused = client.close(code, reason).await;
        assert!(matches!(refused, Err(Error::Send(_))), "{refused:?}");
    }
    client.send("as good as before").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "as good as before".into());
}

#[tokio::test]
async fn a_server_answers_the_close_frame_shuts_down_and_waits_for_the_end() {
    let (mut ws, mut peer) = server().await;
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    assert!(poll_once(ws.next()).await.is_none(), "TCP has not ended");
    assert_eq!(read_all(&mut peer).await, b"\x88\x02\x03\xe8");
    // What comes after a close frame is ignored, be it what it may.
    peer.write_all(b"\xff\xff\xff\xff").await.unwrap();
    assert!(poll_once(ws.next()).await.is_none());
    peer.shutdown().await.unwrap();
    assert!(ws.next().await.is_none());
}

#[tokio::test]
async fn a_client_leaves_it_to_the_server_to_end_tcp() {
    let (left, mut peer) = duplex(1000);
    let connection = websans::Connection::client(Config::default());
    let received = websans::RecvBuf::new();
    let mut ws = WebSocket::after_handshake(left, connection, received, &Options::new());
    peer.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    assert!(poll_once(ws.next()).await.is_none());
    let [first, length, ..] = read_exact::<8>(&mut peer).await;
    assert_eq!([first, length], [0x88, 0x82]);
    assert!(poll_once(peer.read_u8()).await.is_none(), "it has not shut down");
    peer.shutdown().await.unwrap();
    assert!(ws.next().await.is_none());
}

#[tokio::test]
async fn a_peer_that_takes_no_reply_to_its_close_frame_has_not_closed_cleanly() {
    let (mut ws, mut peer) = server().await;
    peer.write_all(&frame(TEXT, b"bye")).await.unwrap();
    peer.write_all(&frame(CLOSE, b"\x03\xe8")).await.unwrap();
    drop(peer);
    // Nobody takes anything any more, and that is not what reading tells.
    let refused = ws.send("Hello?").await;
    assert!(matches!(refused, Err(Error::Io(_))), "{refused:?}");
    assert_eq!(ws.next().await.unwrap().unwrap(), "bye".into());
    let closed = ws.close(CloseCode::GOING_AWAY, "").await;
    assert!(matches!(closed, Err(Error::Io(_))), "{closed:?}");
    assert!(ws.next().await.is_none());
    assert_eq!(ws.close_frame().unwrap().code, Some(CloseCode::NORMAL_CLOSURE));
}

#[tokio::test]
async fn the_end_without_a_close_frame_is_an_error() {
    for (bytes, within_message) in
        [(frame(TEXT, b"whole"), false), (b"\x81\x85\0\0".to_vec(), true)]
    {
        let (mut ws, mut peer) = server().await;
        peer.write_all(&bytes).await.unwrap();
        drop(peer);
        if !within_message {
            assert_eq!(ws.next().await.unwrap().unwrap(), "whole".into());
        }
        let error = ws.next().await.unwrap().unwrap_err();
        let Error::Protocol(eof @ websans::Error::Eof { .. }) = error else { panic!("{error:?}") };
        assert_eq!(eof, websans::Error::Eof { within_message });
        assert_eq!(eof.close_code(), CloseCode::ABNORMAL_CLOSURE);
        assert!(ws.next().await.is_none());
        assert!(ws.close_frame().is_none());
        assert!(ws.send("anyone?").await.is_err());
    }
}

#[tokio::test]
async fn a_violation_is_told_to_the_peer_before_it_is_told_here() {
    let (mut ws, mut peer) = server().await;
    peer.write_all(&frame(TEXT, b"fine")).await.unwrap();
    peer.write_all(b"\x81\x05Hello").await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "fine".into());
    assert!(poll_once(ws.next()).await.is_none(), "the peer is still to take the close frame");
    assert_eq!(read_all(&mut peer).await, b"\x88\x12\x03\xeaframe not masked");
    drop(peer);
    let error = ws.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "a text frame from a client is not masked");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<websans::Error>().is_some());
    assert!(ws.next().await.is_none());
}

#[tokio::test]
async fn a_flood_after_a_violation_is_not_listened_to_for_ever() {
    tokio::time::pause();
    let (mut ws, mut peer) = server_with(1000, &Options::new()).await;
    peer.write_all(&frame(0xc1, b"RSV1")).await.unwrap();
    let flood = tokio::spawn(async move {
        while peer.write_all(&[0xff; 500]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let error = ws.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(websans::Error::ReservedBit { .. })), "{error:?}");
    drop(ws);
    flood.await.unwrap();
}

#[tokio::test]
async fn pings_are_answered_before_the_message_that_follows_is_delivered() {
    let (mut ws, mut peer) = server().await;
    peer.write_all(&[frame(PING, b"1"), frame(PING, b"2"), frame(TEXT, b"!")].concat())
        .await
        .unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), "!".into());
    assert_eq!(read_exact::<6>(&mut peer).await, *b"\x8a\x011\x8a\x012");
}

#[tokio::test]
async fn a_peer_that_pings_and_does_not_read_is_failed() {
    let (mut ws, mut peer) =
        server_with(1000, &Options::new().deadlines(Deadlines::default().write(None))).await;
    let ping = frame(PING, &[7; 125]);
    let flood = tokio::spawn(async move {
        let mut count = 0;
        while peer.write_all(&ping).await.is_ok() && count < 10_000 {
            count += 1;
        }
        let end = read_all(&mut peer).await;
        (count, end)
    });
    tokio::time::pause();
    let error = ws.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(websans::Error::TooManyReplies { .. })), "{error:?}");
    drop(ws);
    let (count, _) = flood.await.unwrap();
    assert!(count > 2000, "256 KiB of pongs may wait: {count}");
}
