//! Messages through transports of every size, compressed or not.

use crate::support::*;
use futures_util::{SinkExt, StreamExt};

/// Of every kind of length, as far as a transport of `size` bytes carries them soon.
fn some_messages(size: usize) -> Vec<Message> {
    let mut messages: Vec<Message> = vec!["".into(), "Größe".into(), Vec::new().into()];
    let lengths = [1, 125, 126, 4096, 65_535, 65_536, 300_000];
    for len in lengths.into_iter().filter(|len| *len <= size * 5000) {
        messages.push(noise(len).into());
        messages.push("ä".repeat(len / 2).into());
    }
    messages
}

async fn echoes(size: usize, client: &Options, server: &Options) {
    let (mut client, server) = pair_with(size, client, server).await;
    let server = tokio::spawn(echo(server));
    for message in some_messages(size) {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message, "transport of {size}");
    }
    client.close(CloseCode::NORMAL_CLOSURE, "done").await.unwrap();
    let server = server.await.unwrap().unwrap();
    let said = server.close_frame().unwrap();
    assert_eq!((said.code, &*said.reason), (Some(CloseCode::NORMAL_CLOSURE), "done"));
    assert_eq!(client.close_frame().unwrap().code, Some(CloseCode::NORMAL_CLOSURE));
}

#[tokio::test]
async fn whatever_the_transport_takes_at_once() {
    for size in [1, 2, 3, 5, 7, 14, 63, 64, 1000, 8192, 1 << 20] {
        echoes(size, &Options::new(), &Options::new()).await;
    }
}

#[tokio::test]
async fn compressed_with_every_kind_of_context() {
    let plain = PermessageDeflate::default().min_size(0);
    let none = plain.server_no_context_takeover(true).client_no_context_takeover(true);
    let small = plain.server_max_window_bits(9).client_max_window_bits(9).mem_level(1);
    for deflate in [plain, none, small] {
        let options = Options::new().config(Config::default().permessage_deflate(deflate));
        let (client, _) = pair_with(1000, &options, &options).await;
        assert!(client.permessage_deflate().is_some());
        for size in [7, 1000, 1 << 20] {
            echoes(size, &options, &options).await;
        }
        // Only one of them wants it.
        let (client, _) = pair_with(1000, &options, &Options::new()).await;
        assert!(client.permessage_deflate().is_none());
        echoes(1000, &options, &Options::new()).await;
    }
}

#[tokio::test]
async fn compression_saves_what_it_should() {
    let deflate = Config::default().permessage_deflate(PermessageDeflate::default());
    let (left, mut right) = duplex(1 << 20);
    let connection = websans::Connection::server(deflate);
    let mut ws = WebSocket::after_handshake(
        left,
        connection,
        websans::RecvBuf::new(),
        &Options::new().config(deflate),
    );
    // After a handshake without it nothing is compressed.
    ws.send("x".repeat(1000)).await.unwrap();
    drop(ws);
    assert_eq!(read_all(&mut right).await.len(), 1004);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_1009() {
    let limited = Options::new().config(Config::default().max_message_size(1000));
    let (mut client, mut server) = pair_with(1 << 20, &Options::new(), &limited).await;
    client.send(vec![1; 1000]).await.unwrap();
    client.send(vec![2; 1001]).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from(vec![1; 1000]));
    let (error, end) = join!(server.next(), client.next());
    let Some(Err(Error::Protocol(error @ websans::Error::MessageTooLarge { .. }))) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.to_string(), "a message of at least 1001 bytes is over the limit of 1000");
    assert!(end.is_none());
    assert_eq!(client.close_frame().unwrap().code, Some(CloseCode::MESSAGE_TOO_BIG));
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn stream_and_sink_for_the_adapters_of_futures() {
    let (client, mut server) = pair(100).await;
    let server = tokio::spawn(async move {
        let mut texts = Vec::new();
        while let Some(message) = StreamExt::next(&mut server).await {
            texts.push(message.unwrap().as_text().unwrap().to_owned());
        }
        texts
    });
    let (mut sink, stream) = StreamExt::split(client);
    let received = tokio::spawn(stream.collect::<Vec<_>>());
    let mut messages =
        futures_util::stream::iter(["one", "two", "three"].map(|text| Ok(text.into())));
    sink.send_all(&mut messages).await.unwrap();
    SinkExt::close(&mut sink).await.unwrap();
    assert_eq!(server.await.unwrap(), ["one", "two", "three"]);
    assert!(received.await.unwrap().is_empty());
    let closed = sink.send("four".into()).await;
    assert!(matches!(closed, Err(Error::Send(websans::SendError::Closed))), "{closed:?}");
}

#[tokio::test]
async fn forward_carries_one_connection_over_to_another() {
    let (mut left, near) = pair(50).await;
    let (far, mut right) = pair(50).await;
    let (sink, _stream) = StreamExt::split(far);
    let bridge = tokio::spawn(near.forward(sink));
    let talk = async {
        for text in ["Hello", "there"] {
            left.send(text).await.unwrap();
        }
        left.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    };
    let listen = async {
        assert_eq!(right.next().await.unwrap().unwrap(), "Hello".into());
        assert_eq!(right.next().await.unwrap().unwrap(), "there".into());
    };
    join!(talk, listen);
    bridge.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_prepared_message_goes_to_many() {
    let message = Message::from("to all");
    let prepared = message.prepare();
    for _ in 0..3 {
        let (mut client, mut server) = pair(1000).await;
        server.send_prepared(&prepared).await.unwrap();
        client.send_prepared(&prepared).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
        assert_eq!(server.next().await.unwrap().unwrap(), message);
    }
}

#[tokio::test]
async fn fed_messages_go_out_with_a_flush_or_while_reading() {
    let (mut client, mut server) = pair(1000).await;
    for number in 0..3 {
        client.feed(format!("number {number}")).await.unwrap();
    }
    assert!(poll_once(server.next()).await.is_none(), "nothing was flushed");
    assert!(poll_once(client.next()).await.is_none(), "nothing has come");
    for number in 0..3 {
        let message = server.next().await.unwrap().unwrap();
        assert_eq!(message, format!("number {number}").into());
    }
    client.feed("more").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "more".into());
}

#[tokio::test]
async fn what_waits_is_bounded_by_the_write_buffer() {
    let options = Options::new().write_buffer(10_000).deadlines(Deadlines::default().write(None));
    let (mut client, mut server) = pair_with(100, &options, &Options::new()).await;
    let mut taken = 0;
    while poll_once(client.feed(vec![0; 1000])).await.is_some() {
        taken += 1;
    }
    // Ten fill it, with their headers; a little has gone to the transport.
    assert!((10..=12).contains(&taken), "{taken}");
    let receive = async {
        for _ in 0..taken {
            assert_eq!(server.next().await.unwrap().unwrap().as_bytes().len(), 1000);
        }
    };
    join!(async { client.flush().await.unwrap() }, receive);
    assert!(poll_once(client.feed(vec![0; 1000])).await.is_some(), "there is room again");
}

#[tokio::test]
async fn small_messages_in_one_read_come_one_by_one() {
    let (mut ws, mut peer) = server().await;
    let burst: Vec<u8> = (0..1000).flat_map(|n| frame(TEXT, format!("{n}").as_bytes())).collect();
    peer.write_all(&burst).await.unwrap();
    for n in 0..1000 {
        assert_eq!(ws.next().await.unwrap().unwrap(), format!("{n}").into());
    }
}
