//! Futures dropped while they wait: nothing is lost, and no frame is torn.

use crate::support::*;

#[tokio::test]
async fn next_dropped_at_every_poll_loses_nothing() {
    let deflate = Config::default().permessage_deflate(PermessageDeflate::default());
    for options in [Options::new(), Options::new().config(deflate)] {
        for size in [1, 3, 17, 1000] {
            let (mut client, mut server) = pair_with(size, &options, &options).await;
            let messages: Vec<Message> =
                vec!["".into(), "Größe".into(), noise(1000).into(), "x".repeat(70_000).into()];
            let expected = messages.clone();
            let sender = tokio::spawn(async move {
                for message in messages {
                    client.send(message).await.unwrap();
                }
                client.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
            });
            let (mut received, mut dropped) = (Vec::new(), 0);
            loop {
                // Polled once and dropped, each time.
                match poll_once(server.next()).await {
                    Some(Some(message)) => received.push(message.unwrap()),
                    Some(None) => break,
                    None => {
                        dropped += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
            assert_eq!(received, expected, "transport of {size}");
            assert!(dropped > 0);
            sender.await.unwrap();
        }
    }
}

#[tokio::test]
async fn send_dropped_at_any_poll_tears_no_frame() {
    let (mut client, mut server) = pair(5).await;
    let reader = tokio::spawn(async move {
        let mut received = Vec::new();
        while let Some(message) = server.next().await {
            received.push(message.unwrap().as_text().unwrap().to_owned());
        }
        received
    });
    // Each is queued by its first poll, and dropped before it is written.
    for number in 0..100 {
        let sent = poll_once(client.send(format!("message {number}"))).await;
        assert!(sent.is_none(), "a transport of 5 bytes does not take it at once");
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    client.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    let expected: Vec<String> = (0..100).map(|number| format!("message {number}")).collect();
    assert_eq!(reader.await.unwrap(), expected);
}

#[tokio::test]
async fn a_send_that_waits_for_room_is_dropped_whole() {
    let options = Options::new().write_buffer(0).deadlines(Deadlines::default().write(None));
    let (mut client, mut server) = pair_with(8, &options, &Options::new()).await;
    assert!(poll_once(client.send("goes out some time")).await.is_none());
    assert!(poll_once(client.send("never")).await.is_none());
    assert!(poll_once(client.feed("never")).await.is_none());
    let receive = async { server.next().await.unwrap().unwrap() };
    let (flushed, message) = join!(client.flush(), receive);
    flushed.unwrap();
    assert_eq!(message, "goes out some time".into());
    let receive = async { server.next().await.unwrap().unwrap() };
    let (sent, message) = join!(client.send("at last"), receive);
    sent.unwrap();
    assert_eq!(message, "at last".into());
}

#[tokio::test]
async fn close_dropped_can_be_called_again() {
    let (mut client, mut server) = pair(3).await;
    for _ in 0..5 {
        let closed = poll_once(client.close(CloseCode::GOING_AWAY, "later")).await;
        assert!(closed.is_none());
    }
    let (closed, end) = join!(client.close(CloseCode::GOING_AWAY, "later"), server.next());
    closed.unwrap();
    assert!(end.is_none());
    assert_eq!(server.close_frame().unwrap().reason, "later");
}

#[tokio::test]
async fn next_in_a_select_with_something_that_is_always_faster() {
    let (mut client, mut server) = pair(64).await;
    let sender = tokio::spawn(async move {
        for number in 0..50 {
            client.send(format!("{number} {}", "x".repeat(200))).await.unwrap();
        }
        client
    });
    let mut received = 0;
    while received < 50 {
        tokio::select! {
            message = server.next() => {
                let text = message.unwrap().unwrap();
                assert!(text.as_text().unwrap().starts_with(&format!("{received} ")));
                received += 1;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    sender.await.unwrap();
}
