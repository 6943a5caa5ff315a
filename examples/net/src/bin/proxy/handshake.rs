//! The opening handshake, passed on. The client's request is checked as any server would, before
//! the upstream sees it; what it offers and what the upstream answers is between the two.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use net::command_line::{Failure, complain};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use websans::{Config, IncomingRequest, RecvBuf, SendBuf, ServerHandshake, WsUri};
use websans_cli::connect;
use websans_cli::transport::{Transport, write};

/// How long each of the two may take for its head, and a refusal for its body.
const DEADLINE: Duration = Duration::from_secs(10);

/// The largest head of a response.
const MAX_HEAD: usize = 16 << 10;

/// A connection that is open at both ends, and what has come behind the heads.
pub(crate) struct Open {
    pub(crate) upstream: Box<dyn Transport>,
    pub(crate) from_client: Vec<u8>,
    pub(crate) from_upstream: Vec<u8>,
}

/// What a client gets when there is no upstream.
const BAD_GATEWAY: &[u8] =
    b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// `None` if it was refused, by us or by the upstream, and the client has been told.
pub(crate) async fn pass_on(
    client: &mut TcpStream,
    to: &WsUri,
    tls: &Arc<ClientConfig>,
) -> io::Result<Option<Open>> {
    let Some((request, from_client)) = timeout(DEADLINE, read_request(client, to)).await?? else {
        return Ok(None);
    };
    let asked = async {
        let mut upstream = connect::open(to, None, tls).await?;
        upstream.write_all(&request).await?;
        upstream.flush().await?;
        let response = read_response(&mut upstream).await?;
        Result::<_, Failure>::Ok((upstream, response))
    };
    let asked = timeout(DEADLINE, asked).await.unwrap_or_else(|_| Err("no answer in time".into()));
    let (mut upstream, response) = match asked {
        Ok(asked) => asked,
        Err(why) => {
            complain(&format!("{}: {why}", to.authority()));
            client.write_all(BAD_GATEWAY).await?;
            return Ok(None);
        }
    };
    client.write_all(&response.head).await?;
    if response.status == 101 {
        return Ok(Some(Open { upstream, from_client, from_upstream: response.rest }));
    }
    client.write_all(&response.rest).await?;
    let body =
        response.content_length.map_or(u64::MAX, |n| n.saturating_sub(response.rest.len() as u64));
    // However much of it comes in time.
    let _ = timeout(DEADLINE, tokio::io::copy(&mut (&mut upstream).take(body), client)).await;
    Ok(None)
}

/// The request as the upstream is to see it, and what has come behind it.
async fn read_request(
    client: &mut TcpStream,
    upstream: &WsUri,
) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut rx, mut tx, mut received) = (RecvBuf::new(), SendBuf::new(), Vec::new());
    let mut handshake = ServerHandshake::new(Config::default());
    let peer = client.peer_addr()?;
    loop {
        let before = received.len();
        if client.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
        rx.extend(received.get(before..).unwrap_or_default());
        match handshake.next_request(&mut rx, &mut tx) {
            Ok(Some(request)) => {
                let head = rewrite(&request, upstream, peer);
                let rest = received.split_off(received.len() - rx.len());
                return Ok(Some((head, rest)));
            }
            Ok(None) => {}
            Err(_) => {
                write(client, &mut tx).await?;
                return Ok(None);
            }
        }
    }
}

/// All that the client has said, but for what concerns the way from it to us.
fn rewrite(request: &IncomingRequest<'_>, upstream: &WsUri, peer: SocketAddr) -> Vec<u8> {
    let path = upstream.resource_name().trim_end_matches('/');
    let host = upstream.authority();
    // RFC 7239
    let peer = match peer.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("\"[{ip}]\""),
    };
    let mut head = Vec::from(format!(
        "GET {path}{} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Forwarded: for={peer}\r\n",
        request.resource_name(),
    ));
    for (name, value) in request.headers() {
        let is_ours = ["Host", "Connection", "Upgrade", "Keep-Alive", "Proxy-Authorization"]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours));
        if !is_ours {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

struct Response {
    status: u16,
    content_length: Option<u64>,
    head: Vec<u8>,
    /// What has come behind it.
    rest: Vec<u8>,
}

async fn read_response(upstream: &mut Box<dyn Transport>) -> Result<Response, Failure> {
    let mut head = Vec::new();
    loop {
        if head.len() > MAX_HEAD || upstream.read_buf(&mut head).await? == 0 {
            return Err("it has not answered as an HTTP server does".into());
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(len) = response.parse(&head)? else { continue };
        let status = response.code.unwrap_or_default();
        let content_length = response
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("Content-Length"))
            .and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
        let rest = head.split_off(len);
        return Ok(Response { status, content_length, head, rest });
    }
}
