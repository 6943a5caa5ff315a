//! What the tests share: pairs of endpoints, and a peer that speaks the protocol by hand.

use std::future::poll_fn;
use std::task::Poll;

pub(crate) use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
pub(crate) use tokio::join;
pub(crate) use websans_tokio::{
    CloseCode, Config, Deadline, Deadlines, Error, Message, Options, PermessageDeflate, ReadHalf,
    Rejection, Request, Response, WebSocket, WriteHalf, websans,
};

pub(crate) type Ws = WebSocket<DuplexStream>;

/// A peer that waits this long waits for ever: with the clock paused it takes no time.
pub(crate) use std::time::Duration;

pub(crate) fn request() -> Request {
    Request::new("ws://example.com/chat").unwrap()
}

/// A client and a server, over a transport that holds `size` bytes in each direction.
pub(crate) async fn pair_with(size: usize, client: &Options, server: &Options) -> (Ws, Ws) {
    let (left, right) = duplex(size);
    let request = request();
    let (client, server) = join!(client.client(&request, left), server.accept(right));
    (client.unwrap(), server.unwrap())
}

pub(crate) async fn pair(size: usize) -> (Ws, Ws) {
    pair_with(size, &Options::new(), &Options::new()).await
}

/// A server, and the bytes that go to and come from its client.
pub(crate) async fn server_with(size: usize, options: &Options) -> (Ws, DuplexStream) {
    let (mut left, right) = duplex(size);
    let request = b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let shake = async {
        left.write_all(request).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(left.read_u8().await.unwrap());
        }
    };
    let (server, ()) = join!(options.accept(right), shake);
    (server.unwrap(), left)
}

pub(crate) async fn server() -> (Ws, DuplexStream) {
    server_with(1 << 20, &Options::new()).await
}

/// A frame of a client, masked with zeros.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;

/// All that comes until the transport ends.
pub(crate) async fn read_all(peer: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).await.unwrap();
    bytes
}

pub(crate) async fn read_exact<const N: usize>(peer: &mut DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    peer.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Polls once: whether it is ready.
pub(crate) async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

/// Sends every message back, until the end; how it ended.
pub(crate) async fn echo(mut ws: Ws) -> Result<Ws, Error> {
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(ws)
}

/// Bytes that differ from each other, and do not compress.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
