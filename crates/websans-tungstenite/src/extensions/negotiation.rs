//! What websans knows of the negotiation of permessage-deflate, reached through its handshake over
//! bytes: there the one header field counts, and the rest of the heads is made up.

use websans::{
    ClientHandshake, Config, Connection, RecvBuf, Request, Response, SendBuf, ServerHandshake,
    accept_key,
};

use super::compression::deflate::DeflateConfig;
use crate::protocol::Role;

/// The value of the one field that counts, in a head that was made here.
fn extensions(head: &[u8]) -> Option<Vec<u8>> {
    field(head, "Sec-WebSocket-Extensions")
}

fn field(head: &[u8], name: &str) -> Option<Vec<u8>> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (before, value) = line.split_at_checked(name.len())?;
        before.eq_ignore_ascii_case(name.as_bytes()).then_some(())?;
        Some(value.strip_prefix(b":")?.trim_ascii().to_vec())
    })
}

/// Its handshake, its key and its offer.
type OfferMade = (ClientHandshake, Vec<u8>, Option<Vec<u8>>);

/// A client before the answer.
fn client(config: Config) -> Result<OfferMade, websans::InvalidHandshake> {
    let mut tx = SendBuf::new();
    let request = Request::new("ws://localhost/")?;
    let handshake = ClientHandshake::new(&request, config, &mut tx)?;
    let key = field(tx.as_slice(), "Sec-WebSocket-Key").unwrap_or_default();
    Ok((handshake, key, extensions(tx.as_slice())))
}

fn client_connection(config: Config, answer: &[u8]) -> Option<Connection> {
    let (mut handshake, key, _) = client(config).ok()?;
    let mut rx = RecvBuf::new();
    rx.extend(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    rx.extend(b"Sec-WebSocket-Accept: ");
    rx.extend(&accept_key(&key));
    rx.extend(b"\r\nSec-WebSocket-Extensions: ");
    rx.extend(answer);
    rx.extend(b"\r\n\r\n");
    handshake.next_response(&mut rx).ok()??.into_connection().ok()
}

/// The connection, and the value of the field in the response.
fn server_connection(config: Config, offers: &[u8]) -> Option<(Connection, Option<Vec<u8>>)> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    );
    rx.extend(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    rx.extend(b"Sec-WebSocket-Extensions: ");
    rx.extend(offers);
    rx.extend(b"\r\n\r\n");
    let mut handshake = ServerHandshake::new(config);
    let request = handshake.next_request(&mut rx, &mut tx).ok()??;
    let connection = request.accept(&Response::new(), &mut tx).ok()?;
    Some((connection, extensions(tx.as_slice())))
}

#[cfg(feature = "handshake")]
fn config(deflate: websans::PermessageDeflate) -> Config {
    Config::new().permessage_deflate(deflate).max_head_size(None)
}

/// A client's offer.
#[cfg(feature = "handshake")]
pub(super) fn offer(deflate: &DeflateConfig) -> Result<Option<Vec<u8>>, websans::InvalidHandshake> {
    Ok(client(config(deflate.settings()))?.2)
}

/// A server's answer to offers, and what is agreed on.
#[cfg(feature = "handshake")]
pub(super) fn answer(deflate: &DeflateConfig, offers: &[u8]) -> Option<(DeflateConfig, Vec<u8>)> {
    let (connection, answer) = server_connection(config(deflate.settings()), offers)?;
    Some((deflate.agreed(connection.permessage_deflate()?), answer?))
}

/// What a server's answer agrees to; `None` if it may not say that.
#[cfg(feature = "handshake")]
pub(super) fn check_answer(
    deflate: &DeflateConfig,
    answer: &[u8],
) -> Option<Option<DeflateConfig>> {
    let connection = client_connection(config(deflate.settings()), answer)?;
    Some(connection.permessage_deflate().map(|agreed| deflate.agreed(agreed)))
}

/// A connection after a handshake that agreed on just this.
pub(crate) fn connection(role: Role, config: Config, agreed: Option<&DeflateConfig>) -> Connection {
    let plain = || match role {
        Role::Server => Connection::server(config),
        Role::Client => Connection::client(config),
    };
    let Some(agreed) = agreed else { return plain() };
    let parameters = parameters(agreed);
    let config = config.max_head_size(None);
    let connection = match role {
        Role::Server => {
            let config = config.permessage_deflate(agreed.settings());
            server_connection(config, parameters.as_bytes()).map(|(connection, _)| connection)
        }
        // It has to have offered more than was agreed on, and no less.
        Role::Client => {
            let mut offered = DeflateConfig::new();
            (offered.compression, offered.min_size) = (agreed.compression, agreed.min_size);
            client_connection(config.permessage_deflate(offered.settings()), parameters.as_bytes())
        }
    };
    connection.unwrap_or_else(plain)
}

fn parameters(agreed: &DeflateConfig) -> String {
    let mut text = format!(
        "permessage-deflate; server_max_window_bits={}; client_max_window_bits={}",
        agreed.server_max_window_bits(),
        agreed.client_max_window_bits(),
    );
    if agreed.server_no_context_takeover {
        text.push_str("; server_no_context_takeover");
    }
    if agreed.client_no_context_takeover {
        text.push_str("; client_no_context_takeover");
    }
    text
}
