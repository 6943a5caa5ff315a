//! The opening handshake (RFC 6455 §4), and how its tests are driven: heads in, in any cut; what
//! the endpoint made of them out.

mod client;
#[cfg(feature = "http")]
mod extended_connect;
mod extensions;
#[cfg(feature = "http")]
mod http_bytes;
#[cfg(feature = "http")]
mod http_crate;
mod pair;
mod server;
mod uri;

use crate::support::FIXED_KEY;
use websans::{
    ClientHandshake, Config, HandshakeError, IncomingRequest, IncomingResponse, RecvBuf, Request,
    SendBuf, ServerHandshake,
};

/// RFC 6455 §1.3.
const SAMPLE_REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// RFC 6455 §1.3.
const SAMPLE_RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

/// The sample without the lines that begin like this, and with others. Nothing is nothing.
fn sample_with(without: &[&str], with: &[&str]) -> String {
    edit(SAMPLE_REQUEST, without, with)
}

fn edit(head: &str, without: &[&str], with: &[&str]) -> String {
    let kept = head
        .trim_end()
        .split("\r\n")
        .filter(|line| !without.iter().any(|&start| !start.is_empty() && line.starts_with(start)));
    let with = with.iter().copied().filter(|line| !line.is_empty());
    let lines: Vec<&str> = kept.chain(with).collect();
    lines.join("\r\n") + "\r\n\r\n"
}

/// The head with fields of other names, one of each length. None of ours may have such a value.
fn with_strangers(head: &str) -> String {
    let lines: Vec<String> =
        (1..40).map(|len| format!("{}: no; list\"", "x".repeat(len))).collect();
    edit(head, &[], &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The head, of which this field has another name that is as long.
fn renamed(head: &str, field: &str) -> String {
    let (old, new) = (format!("\r\n{field}:"), format!("\r\n{}:", "x".repeat(field.len())));
    assert!(head.contains(&old), "{field}");
    head.replace(&old, &new)
}

/// What an application sees of a request, or of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    status: u16,
    reason: String,
    resource_name: String,
    host: String,
    origin: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
    body: Vec<u8>,
    body_is_complete: bool,
}

impl From<IncomingRequest<'_>> for Seen {
    fn from(request: IncomingRequest<'_>) -> Self {
        Self {
            resource_name: request.resource_name().into(),
            host: request.host().into(),
            origin: request.origin().map(String::from),
            headers: request.headers().map(|(name, value)| (name.into(), value.into())).collect(),
            subprotocols: request.subprotocols().map(String::from).collect(),
            extensions: request.extensions().map(|extension| extension.to_string()).collect(),
            ..Self::default()
        }
    }
}

impl From<IncomingResponse<'_>> for Seen {
    fn from(response: IncomingResponse<'_>) -> Self {
        Self {
            status: response.status(),
            reason: response.reason().into(),
            headers: response.headers().map(|(name, value)| (name.into(), value.into())).collect(),
            subprotocols: response.subprotocol().map(String::from).into_iter().collect(),
            body: response.body().into(),
            body_is_complete: response.body_is_complete(),
            ..Self::default()
        }
    }
}

/// What came of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    seen: Result<Option<Seen>, HandshakeError>,
    output: String,
    /// How many bytes were left for the connection, if there is one.
    left: usize,
}

impl Outcome {
    fn new(seen: Result<Option<Seen>, HandshakeError>, tx: &SendBuf, rx: &RecvBuf) -> Self {
        let left = if seen.is_ok() { rx.len() } else { 0 };
        Self { seen, output: String::from_utf8(tx.as_slice().into()).unwrap(), left }
    }

    #[track_caller]
    fn seen(self) -> Seen {
        self.seen.unwrap().expect("a whole head")
    }

    #[track_caller]
    fn error(self) -> HandshakeError {
        self.seen.unwrap_err()
    }
}

/// A server that is fed the chunks. Checks on the way that nothing is parsed after the end.
fn serve_chunks<'a>(config: Config, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut handshake, mut rx, mut tx) =
        (ServerHandshake::new(config), RecvBuf::new(), SendBuf::new());
    let mut seen = Ok(None);
    for chunk in chunks {
        rx.extend(chunk);
        if let Ok(None) = seen {
            seen = handshake.next_request(&mut rx, &mut tx).map(|it| it.map(Seen::from));
        } else {
            let before = tx.as_slice().len();
            let expected = seen.as_ref().err().copied().unwrap_or(HandshakeError::Finished);
            let got = handshake.next_request(&mut rx, &mut tx).map(drop).unwrap_err();
            assert_eq!((got, tx.as_slice().len()), (expected, before), "it is final");
        }
    }
    Outcome::new(seen, &tx, &rx)
}

/// Feeds the same bytes at once, cut in two at every place, and byte by byte: the outcome must be
/// the same each time.
#[track_caller]
fn every_way(bytes: &[u8], run: impl Fn(&[&[u8]]) -> Outcome) -> Outcome {
    let expected = run(&[bytes]);
    assert_eq!(run(&bytes.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    for cut in 1..bytes.len().min(1500) {
        assert_eq!(run(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
    }
    expected
}

/// A server that is fed these bytes, in every way.
#[track_caller]
fn serve(bytes: impl AsRef<[u8]>) -> Outcome {
    serve_with(Config::default(), bytes)
}

#[track_caller]
fn serve_with(config: Config, bytes: impl AsRef<[u8]>) -> Outcome {
    every_way(bytes.as_ref(), |chunks| serve_chunks(config, chunks.iter().copied()))
}

/// A source that makes the key of the RFC's sample.
const SAMPLE_KEY: websans::MaskingKeySource = websans::MaskingKeySource(|bytes| {
    bytes.copy_from_slice(b"the sample nonce");
    Ok(())
});

/// A client that is fed the chunks, and after them the end of the transport if it still waits.
fn connect_chunks<'a>(
    request: &Request,
    config: Config,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let config = config.masking_keys(SAMPLE_KEY);
    let mut handshake = ClientHandshake::new(request, config, &mut tx).unwrap();
    let mut seen = Ok(None);
    for chunk in chunks {
        rx.extend(chunk);
        if let Ok(None) = seen {
            seen = handshake.next_response(&mut rx).map(|it| it.map(Seen::from));
        } else {
            let expected = match &seen {
                Ok(Some(seen)) if seen.status == 101 => HandshakeError::Finished,
                Ok(Some(seen)) => HandshakeError::Refused { status: seen.status },
                Ok(None) => unreachable!(),
                Err(error) => *error,
            };
            let got = handshake.next_response(&mut rx).map(drop).unwrap_err();
            assert_eq!(got, expected, "it is final");
        }
    }
    if let Ok(None) = seen {
        handshake.handle_eof();
        seen = handshake.next_response(&mut rx).map(|it| it.map(Seen::from));
        assert!(!matches!(seen, Ok(None)), "nothing is waited for after the end");
    }
    Outcome::new(seen, &tx, &rx)
}

/// The request of the RFC's sample.
fn sample_request() -> Request {
    Request::new("ws://server.example.com/chat")
        .and_then(|request| request.header("Origin", "http://example.com"))
        .and_then(|request| request.subprotocol("chat"))
        .and_then(|request| request.subprotocol("superchat"))
        .unwrap()
}

/// A client that has sent the RFC's sample and is fed these bytes, in every way.
#[track_caller]
fn connect(bytes: impl AsRef<[u8]>) -> Outcome {
    let request = sample_request();
    every_way(bytes.as_ref(), |chunks| {
        connect_chunks(&request, Config::default(), chunks.iter().copied())
    })
}

/// As much as one read brings.
fn read(rx: &mut RecvBuf, socket: &mut &[u8]) {
    let spare = rx.spare_mut();
    let (now, later) = socket.split_at(spare.len().min(socket.len()));
    spare[..now.len()].copy_from_slice(now);
    *socket = later;
    rx.advance(now.len());
}

/// A client that has sent the sample's fields, and is to be fed.
fn client() -> ClientHandshake {
    let config = Config::default().masking_keys(SAMPLE_KEY);
    ClientHandshake::new(&sample_request(), config, &mut SendBuf::new()).unwrap()
}

/// The status line and the fields of a response that a server queued, and its body.
#[track_caller]
fn parse_answer(output: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = response.parse(output.as_bytes()).unwrap() else {
        panic!("incomplete: {output:?}");
    };
    let text = |value: &[u8]| String::from_utf8(value.into()).unwrap();
    let fields = response.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect();
    (response.code.unwrap(), fields, output[len..].to_owned())
}

/// The value of the only field of that name.
#[track_caller]
fn field(fields: &[(String, String)], name: &str) -> String {
    let values: Vec<_> = fields.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name)).collect();
    assert_eq!(values.len(), 1, "{name} in {fields:?}");
    values[0].1.clone()
}
