//! The opening handshake: a client's request, and checks of what peers answer and ask.

use std::rc::Rc;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};

/// What clients connect to.
pub const URL: &str = "ws://server.example.com/chat?room=7";
pub const HOST: &str = "server.example.com";
pub const PATH: &str = "/chat?room=7";

/// A browser's opening handshake.
pub const REQUEST: &str = "GET /chat?room=7 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: https://www.example.com\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\r\n";

/// The same with an offer of permessage-deflate.
pub fn request_with_deflate() -> String {
    REQUEST.replace(
        "Upgrade: websocket\r\n\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    )
}

/// Whether `written` is a server's answer to [`REQUEST`].
pub fn check_response(written: &[u8]) -> Result<(), String> {
    let text = str::from_utf8(written).map_err(|e| e.to_string())?;
    let accepts =
        text.split("\r\n").filter_map(|line| line.split_once(": ")).any(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept")
                && value == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        });
    (text.starts_with("HTTP/1.1 101 ") && text.ends_with("\r\n\r\n") && accepts)
        .then_some(())
        .ok_or_else(|| format!("not the right answer: {text}"))
}

/// A server's answer to a client's request.
pub fn response_to(request: &[u8]) -> Result<Rc<[u8]>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed.parse(request).map_err(|e| e.to_string())?;
    let of = |name: &str| {
        let header = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value).ok_or(format!("no {name}"))
    };
    if status.is_partial() || parsed.path != Some(PATH) || of("host")? != HOST.as_bytes() {
        return Err("not the right request".into());
    }
    let accept = accept_key(of("sec-websocket-key")?);
    let accept = str::from_utf8(&accept).map_err(|e| e.to_string())?;
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
         Server: example\r\n\r\n"
    )
    .into_bytes()
    .into())
}

pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut out = [0; 28];
    BASE64_STANDARD.encode_slice(sha1.finalize(), &mut out).expect("28 characters");
    out
}
