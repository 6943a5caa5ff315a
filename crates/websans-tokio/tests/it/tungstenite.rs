//! Against tokio-tungstenite, in both directions.

use crate::support::*;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;

fn messages() -> Vec<Message> {
    let mut messages = vec![Message::from(""), "Größe".into()];
    for len in [0, 125, 126, 65_535, 65_536, 200_000] {
        messages.push(noise(len).into());
    }
    messages
}

fn theirs(message: &Message) -> tungstenite::Message {
    match message {
        Message::Text(text) => tungstenite::Message::text(text.to_string()),
        Message::Binary(data) => tungstenite::Message::binary(data.clone()),
    }
}

#[tokio::test]
async fn our_client_and_their_server() {
    for size in [1000, 1 << 16] {
        let (left, right) = duplex(size);
        let server = tokio::spawn(async move {
            let mut ws = tokio_tungstenite::accept_async(right).await.unwrap();
            ws.send(tungstenite::Message::Ping("ping".into())).await.unwrap();
            let mut pongs = 0;
            while let Some(message) = ws.next().await {
                match message.unwrap() {
                    message if message.is_text() || message.is_binary() => {
                        ws.send(message).await.unwrap();
                    }
                    tungstenite::Message::Pong(payload) => {
                        assert_eq!(payload, "ping");
                        pongs += 1;
                    }
                    tungstenite::Message::Close(frame) => {
                        let frame = frame.unwrap();
                        assert_eq!((frame.code, &*frame.reason), (TheirCode::Away, "bye"));
                    }
                    other => panic!("{other:?}"),
                }
            }
            pongs
        });
        let mut ws = websans_tokio::client(&request(), left).await.unwrap();
        for message in messages() {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.next().await.unwrap().unwrap(), message);
        }
        ws.close(CloseCode::GOING_AWAY, "bye").await.unwrap();
        assert_eq!(ws.close_frame().unwrap().code, Some(CloseCode::GOING_AWAY));
        assert_eq!(server.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn their_client_and_our_server() {
    for size in [1000, 1 << 16] {
        let (left, right) = duplex(size);
        let server = tokio::spawn(async move {
            let ws = websans_tokio::accept(right).await.unwrap();
            echo(ws).await.unwrap().close_frame().cloned()
        });
        let connected = tokio_tungstenite::client_async("ws://example.com/chat", left).await;
        let (mut ws, _) = connected.unwrap();
        for message in messages() {
            ws.send(tungstenite::Message::Ping("ping".into())).await.unwrap();
            ws.send(theirs(&message)).await.unwrap();
            let pong = ws.next().await.unwrap().unwrap();
            assert_eq!(pong, tungstenite::Message::Pong("ping".into()));
            assert_eq!(ws.next().await.unwrap().unwrap(), theirs(&message));
        }
        ws.close(None).await.unwrap();
        while let Some(message) = ws.next().await {
            assert!(message.unwrap().is_close());
        }
        assert_eq!(server.await.unwrap().unwrap().code, None);
    }
}

#[tokio::test]
async fn their_server_closes_and_ours_does() {
    let (left, right) = duplex(1000);
    let request = request();
    let (client, server) =
        join!(websans_tokio::client(&request, left), tokio_tungstenite::accept_async(right));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let close = async {
        server.close(None).await.unwrap();
        while server.next().await.is_some() {}
        drop(server);
    };
    let (end, ()) = join!(client.next(), close);
    assert!(end.is_none());

    let (left, right) = duplex(1000);
    let (client, server) = join!(
        tokio_tungstenite::client_async("ws://example.com/chat", left),
        websans_tokio::accept(right)
    );
    let ((mut client, _), mut server) = (client.unwrap(), server.unwrap());
    let wait = async {
        while client.next().await.is_some() {}
        drop(client);
    };
    let (closed, ()) = join!(server.close(CloseCode::SERVICE_RESTART, ""), wait);
    closed.unwrap();
}
