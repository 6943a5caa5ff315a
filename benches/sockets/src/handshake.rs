//! A client's opening handshake (RFC 6455 §4.1), by hand.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const MAX_HEAD: usize = 8 << 10;

pub struct Handshake {
    request: Vec<u8>,
    accept: String,
    head: Vec<u8>,
}

impl Handshake {
    pub fn new(path: &str) -> Self {
        let key = STANDARD.encode(fastrand::u128(..).to_ne_bytes());
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        );
        let accept = accept_key(&key);
        Self { request: request.into_bytes(), accept, head: Vec::new() }
    }

    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether the response is whole. It is an error if it does not accept.
    pub fn receive(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            if self.head.len() > MAX_HEAD {
                return Err(self.refused());
            }
            return Ok(false);
        };
        let head = String::from_utf8_lossy(&self.head[..end]);
        let accepted = head.split("\r\n").filter_map(|line| line.split_once(':')).any(|field| {
            field.0.eq_ignore_ascii_case("sec-websocket-accept") && field.1.trim() == self.accept
        });
        // Nothing follows the head, as a server has nothing to say before it got a message.
        if !head.starts_with("HTTP/1.1 101 ") || !accepted || self.head.len() > end + 4 {
            return Err(self.refused());
        }
        Ok(true)
    }

    fn refused(&self) -> io::Error {
        let head = String::from_utf8_lossy(&self.head);
        io::Error::new(io::ErrorKind::InvalidData, format!("the opening handshake failed: {head}"))
    }
}

/// What a server answers a key with (RFC 6455 §4.2.2).
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(handshake: &Handshake) -> String {
        let accept = &handshake.accept;
        format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    }

    #[test]
    fn the_right_accept_key_is_taken_in_whatever_pieces_it_comes() {
        let mut handshake = Handshake::new("/");
        let response = response(&handshake);
        let (last, pieces) = response.as_bytes().split_last().unwrap();
        assert!(pieces.iter().all(|byte| !handshake.receive(&[*byte]).unwrap()));
        assert!(handshake.receive(&[*last]).unwrap());
    }

    #[test]
    fn another_status_another_key_and_bytes_behind_are_refused() {
        for (from, to) in [("101", "200"), ("Accept: ", "Accept: x"), ("\r\n\r\n", "\r\n\r\n\x01")]
        {
            let mut handshake = Handshake::new("/");
            let response = response(&handshake).replace(from, to);
            assert!(handshake.receive(response.as_bytes()).is_err(), "{to}");
        }
    }
}
