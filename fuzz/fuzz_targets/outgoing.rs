//! What an application puts into a handshake, as client and as server: what is accepted stands in
//! the head as it was given, nothing else gets there, and the other end reads the same. What is
//! refused breaks a rule.

#![no_main]

use std::net::Ipv6Addr;

use websans::{
    ClientHandshake, Config, HandshakeError, IncomingRequest, InvalidHandshake, InvalidUri,
    PermessageDeflate, RecvBuf, Rejection, Request, Response, SendBuf, ServerHandshake, WsUri,
};
use websans_fuzz::drive::READ_AHEAD;
use websans_fuzz::head::{Head, is_token};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::Input;
use websans_fuzz::says_why;
use websans_fuzz::wire::FIXED_KEY;

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut meter = Meter::default();
    handshake(Input(data), &mut meter);
    // The request and the answer, in what makes them, in the buffers of both ends, and as parsed,
    // where a field takes 32 bytes and has 4 at least; all that twice while it grows.
    let bound = 40 * data.len() + READ_AHEAD;
    assert!(meter.peak() <= bound, "{} bytes, more than {bound}", meter.peak());
}));

type Fields = Vec<(String, Vec<u8>)>;

/// What the server says.
struct Answer {
    status: u16,
    subprotocol: Option<String>,
    fields: Fields,
    body: Vec<u8>,
}

fn handshake(mut input: Input<'_>, meter: &mut Meter) {
    let [of_parts, secure, deflate, rejects, ..] = input.flags();
    let uri = if of_parts { uri_of_parts(&mut input, secure) } else { uri_of_text(&mut input) };
    let Some(uri) = uri else { return };
    let request = Request::from(uri.clone());
    let (request, fields) =
        add(&mut input, meter, request, |it, name, value| it.header(name, value));
    let (request, subprotocols) = offer(&mut input, meter, request);
    let mut config =
        Config::default().masking_keys(FIXED_KEY).max_head_size(None).max_headers(None);
    if deflate {
        config = config.permessage_deflate(PermessageDeflate::default());
    }

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut client = meter.run(|| ClientHandshake::new(&request, config, &mut tx)).unwrap();
    let (line, head) = Head::of_request(tx.as_slice());
    assert_eq!(line, format!("GET {} HTTP/1.1", uri.resource_name()));
    let mut ours = vec!["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"];
    ours.push("Sec-WebSocket-Version");
    ours.extend((!subprotocols.is_empty()).then_some("Sec-WebSocket-Protocol"));
    ours.extend(deflate.then_some("Sec-WebSocket-Extensions"));
    check_fields(&head, &ours, &fields);

    carry(&mut tx, &mut rx, meter);
    let mut server = ServerHandshake::new(config);
    let request = match meter.run(|| server.next_request(&mut rx, &mut tx)) {
        Ok(request) => request.expect("it is there"),
        Err(error) => return check_refusal(error, &head),
    };
    assert_eq!((request.resource_name(), request.host()), (uri.resource_name(), uri.authority()));
    assert!(request.subprotocols().eq(subprotocols.iter()));
    assert_eq!(request.extensions().count(), usize::from(deflate));
    let seen = request.headers().map(|(name, value)| (name.into(), value.into()));
    assert_eq!(seen.collect::<Fields>(), head.0);

    let answer = match rejects {
        true => reject(&mut input, meter, &request, &mut tx),
        false => accept(&mut input, meter, &request, &subprotocols, &mut tx),
    };
    let Some(answer) = answer else { return assert!(tx.is_empty(), "nothing is sent then") };
    let mut ours = match answer.status {
        101 => vec!["Upgrade", "Connection", "Sec-WebSocket-Accept"],
        204 | 304 => vec!["Connection"],
        426 => vec!["Connection", "Upgrade", "Sec-WebSocket-Version", "Content-Length"],
        _ => vec!["Connection", "Content-Length"],
    };
    ours.extend(answer.subprotocol.as_ref().map(|_| "Sec-WebSocket-Protocol"));
    ours.extend((!rejects && deflate).then_some("Sec-WebSocket-Extensions"));
    let (head, body) = Head::read(tx.as_slice(), answer.status);
    check_fields(&head, &ours, &answer.fields);
    assert_eq!(body, answer.body);

    carry(&mut tx, &mut rx, meter);
    let response = meter.run(|| client.next_response(&mut rx)).unwrap().expect("it is there");
    assert_eq!(response.status(), answer.status);
    assert_eq!(response.subprotocol(), answer.subprotocol.as_deref());
    assert_eq!((response.body(), response.body_is_complete()), (&answer.body[..], true));
    let seen = response.headers().map(|(name, value)| (name.into(), value.into()));
    assert_eq!(seen.collect::<Fields>(), head.0);
    match meter.run(|| response.into_connection()) {
        Ok(ws) => {
            assert_eq!(answer.status, 101);
            assert_eq!(ws.permessage_deflate().is_some(), deflate);
        }
        Err(error) => {
            says_why(&error);
            assert_eq!(error, HandshakeError::Refused { status: answer.status });
        }
    }
    assert!(rx.is_empty());
}

fn carry(tx: &mut SendBuf, rx: &mut RecvBuf, meter: &mut Meter) {
    meter.run(|| rx.extend(tx.as_slice()));
    tx.consume(usize::MAX);
}

/// Our fields, and then the application's.
fn check_fields(head: &Head, ours: &[&str], given: &Fields) {
    let (first, then) = head.0.split_at(ours.len());
    assert!(first.iter().map(|(name, _)| name).eq(ours), "{first:?}");
    assert_eq!(then, given);
}

/// Of what an application may write itself only `Origin` can be wrong.
fn check_refusal(error: HandshakeError, head: &Head) {
    let origins = head.all("Origin");
    let header = "Origin";
    match origins[..] {
        [] => panic!("{error}"),
        [_] => assert_eq!(error, HandshakeError::InvalidHeader { header }),
        _ => assert_eq!(error, HandshakeError::DuplicateHeader { header }),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Adds header fields: which were accepted.
fn add<T: Clone>(
    input: &mut Input<'_>,
    meter: &mut Meter,
    mut it: T,
    add: impl Fn(T, &str, &[u8]) -> Result<T, InvalidHandshake>,
) -> (T, Fields) {
    let mut fields = Vec::new();
    for _ in 0..input.byte() % 16 {
        let name = text(input.line());
        let len = usize::from(input.byte());
        let value = input.take(len);
        let lower = name.to_ascii_lowercase();
        let ours = ["connection", "upgrade", "host", "content-length", "transfer-encoding"];
        let expected = if !is_token(&name) {
            Err(InvalidHandshake::HeaderName)
        } else if ours.contains(&&*lower) || lower.starts_with("sec-websocket-") {
            Err(InvalidHandshake::ReservedHeader)
        } else if value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
            Err(InvalidHandshake::HeaderValue)
        } else {
            Ok(())
        };
        let result = meter.run(|| add(it.clone(), &name, value));
        assert_eq!(result.as_ref().map(drop).map_err(|error| *error), expected);
        match result {
            Ok(with) => {
                it = with;
                fields.push((name, value.trim_ascii().to_vec()));
            }
            Err(error) => says_why(&error),
        }
    }
    (it, fields)
}

/// Offers subprotocols: which were accepted.
fn offer(input: &mut Input<'_>, meter: &mut Meter, mut request: Request) -> (Request, Vec<String>) {
    let mut offered = Vec::new();
    for _ in 0..input.byte() % 16 {
        let name = text(input.line());
        let expected = if !is_token(&name) {
            Err(InvalidHandshake::Subprotocol)
        } else if offered.contains(&name) {
            Err(InvalidHandshake::DuplicateSubprotocol)
        } else {
            Ok(())
        };
        let result = meter.run(|| request.clone().subprotocol(&name));
        assert_eq!(result.as_ref().map(drop).map_err(|error| *error), expected);
        match result {
            Ok(with) => {
                request = with;
                offered.push(name);
            }
            Err(error) => says_why(&error),
        }
    }
    (request, offered)
}

/// With one of the subprotocols, with one that was not offered, which is refused, or with none.
fn accept(
    input: &mut Input<'_>,
    meter: &mut Meter,
    request: &IncomingRequest<'_>,
    offered: &[String],
    tx: &mut SendBuf,
) -> Option<Answer> {
    let subprotocol = match usize::from(input.byte()) {
        0 => None,
        at => Some(offered.get(at - 1).map_or("never offered", |name| name)),
    };
    let response = Response::new().subprotocol(subprotocol);
    let (response, fields) = add(input, meter, response, |it, name, value| it.header(name, value));
    match meter.run(|| request.accept(&response, tx)) {
        Ok(ws) => {
            assert_eq!(ws.subprotocol(), subprotocol);
            let subprotocol = subprotocol.map(String::from);
            Some(Answer { status: 101, subprotocol, fields, body: Vec::new() })
        }
        Err(error) => {
            says_why(&error);
            assert_eq!(error, InvalidHandshake::SubprotocolNotOffered);
            assert!(subprotocol.is_some_and(|name| !offered.iter().any(|it| it == name)));
            None
        }
    }
}

fn reject(
    input: &mut Input<'_>,
    meter: &mut Meter,
    request: &IncomingRequest<'_>,
    tx: &mut SendBuf,
) -> Option<Answer> {
    let status = input.short();
    let rejection = match Rejection::new(status) {
        Ok(rejection) => rejection,
        Err(error) => {
            says_why(&error);
            assert!(!(200..600).contains(&status));
            return None;
        }
    };
    assert!((200..600).contains(&status));
    let (rejection, fields) =
        add(input, meter, rejection, |it, name, value| it.header(name, value));
    let body = input.rest();
    let (rejection, body) = match rejection.clone().body(body) {
        Ok(rejection) => (rejection, body),
        Err(error) => {
            says_why(&error);
            assert!(matches!(status, 204 | 205 | 304));
            (rejection, &[][..])
        }
    };
    meter.run(|| request.reject(&rejection, tx));
    Some(Answer { status, subprotocol: None, fields, body: body.into() })
}

fn uri_of_text(input: &mut Input<'_>) -> Option<WsUri> {
    let uri = text(input.line());
    check_uri(uri.parse(), is_uri(&uri))
}

fn uri_of_parts(input: &mut Input<'_>, secure: bool) -> Option<WsUri> {
    let (host, port, resource_name) = (text(input.line()), input.short(), text(input.line()));
    // Nobody asks for this one.
    let port = (port != 0xFFFF).then_some(port);
    let conforms = (host.parse::<Ipv6Addr>().is_ok() || is_host(&host))
        && port != Some(0)
        && is_resource_name(&resource_name);
    check_uri(WsUri::from_parts(secure, &host, port, &resource_name), conforms)
}

fn check_uri(uri: Result<WsUri, InvalidUri>, conforms: bool) -> Option<WsUri> {
    assert_eq!(uri.is_ok(), conforms, "{uri:?}");
    let uri = uri.inspect_err(says_why).ok()?;
    assert!(uri.resource_name().starts_with('/'));
    assert!(uri.resource_name().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
    assert_eq!(uri.to_string().parse(), Ok(uri.clone()));
    let (secure, port) = (uri.is_secure(), uri.port());
    assert_eq!(WsUri::from_parts(secure, uri.host(), port, uri.resource_name()), Ok(uri.clone()));
    let default = if secure { 443 } else { 80 };
    assert_eq!(uri.authority().ends_with(&format!(":{port}")), port != default);
    Some(uri)
}

/// RFC 6455 §3.
fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, resource_name) = rest.split_at(end);
    let after_address = authority.find(']').map_or(0, |at| at + 1);
    let colon = authority[after_address..].find(':').map(|at| after_address + at);
    let (host, port) = match colon {
        Some(at) => (&authority[..at], &authority[at + 1..]),
        None => (authority, ""),
    };
    ["ws", "wss"].contains(&&*scheme.to_ascii_lowercase())
        && is_host(host)
        && (port.is_empty() || is_port(port))
        && is_resource_name(resource_name)
}

fn is_port(port: &str) -> bool {
    let digits = port.trim_start_matches('0');
    port.chars().all(|it| it.is_ascii_digit())
        && (1..=5).contains(&digits.len())
        && digits.parse::<u32>().is_ok_and(|port| port <= 65535)
}

/// RFC 3986 §3.2.2.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && is_encoded(host, "-._~!$&'()*+,;="),
    }
}

/// What browsers can put on the wire: all but a fragment and control characters.
fn is_resource_name(path: &str) -> bool {
    (path.is_empty() || path.starts_with(['/', '?']))
        && !path.chars().any(|it| it == '#' || it.is_ascii_control())
}

/// Letters, digits and these; all others as `pct-encoded` (RFC 3986 §2.1).
fn is_encoded(text: &str, others: &str) -> bool {
    let plain =
        |text: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || others.contains(it));
    let encoded = |text: &str| {
        let hex = text.get(..2).filter(|hex| hex.chars().all(|it| it.is_ascii_hexdigit()));
        hex.is_some() && plain(&text[2..])
    };
    let mut pieces = text.split('%');
    pieces.next().is_none_or(plain) && pieces.all(encoded)
}
