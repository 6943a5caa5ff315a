//! The handshake over the types of the `http` crate: over HTTP/1.1 it is what it is over bytes, and
//! the extended CONNECT of RFC 8441 is what RFC 6455 §4 asks for, without what only HTTP/1.1 has.
//! Two endpoints of this crate always agree.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use websans::{
    ClientHandshake, Config, Connection, HandshakeError, IncomingRequest, PermessageDeflate,
    RecvBuf, Request, Response, SendBuf, ServerHandshake,
};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::Input;
use websans_fuzz::says_why;
use websans_fuzz::wire::{FIXED_KEY, client_key};

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut meter = Meter::default();
    http(Input(data), &mut meter);
    // The `http` crate's map takes some 200 bytes for a field, which has 2 here at least.
    let bound = 300 * data.len() + (16 << 10);
    assert!(meter.peak() <= bound, "{} bytes, more than {bound}", meter.peak());
}));

fn http(mut input: Input<'_>, meter: &mut Meter) {
    let [to_client, extended, deflate, ..] = input.flags();
    let mut config =
        Config::default().masking_keys(FIXED_KEY).max_head_size(None).max_headers(None);
    if deflate {
        config = config.permessage_deflate(PermessageDeflate::default());
    }
    between_two(&mut input, config, extended, meter);
    match to_client {
        true => response(&mut input, config, extended, meter),
        false => request(&mut input, config, extended, meter),
    }
}

/// What both see of a handshake that was accepted.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    resource_name: String,
    host: String,
    origin: Option<String>,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
}

fn seen(request: &IncomingRequest<'_>) -> Seen {
    Seen {
        resource_name: request.resource_name().into(),
        host: request.host().into(),
        origin: request.origin().map(String::from),
        subprotocols: request.subprotocols().map(String::from).collect(),
        extensions: request.extensions().map(|it| it.to_string()).collect(),
    }
}

fn agreed(ws: &Connection) -> (Option<String>, bool) {
    (ws.subprotocol().map(String::from), ws.permessage_deflate().is_some())
}

/// A client and a server of this crate.
fn between_two(input: &mut Input<'_>, config: Config, extended: bool, meter: &mut Meter) {
    let offers = input.byte();
    let mut request = Request::new("wss://[::1]:81/chat?room=1").unwrap();
    for name in ["chat", "superchat"].into_iter().take(usize::from(offers % 3)) {
        request = request.subprotocol(name).unwrap();
    }
    meter.run(|| {
        let (client, sent) = match extended {
            true => ClientHandshake::new_extended_connect(&request, config).unwrap(),
            false => ClientHandshake::new_http(&request, config).unwrap(),
        };
        let received = match extended {
            true => IncomingRequest::from_extended_connect(&sent, "websocket", config),
            false => IncomingRequest::from_http(&sent, config),
        };
        let received = received.unwrap();
        let chosen = received.choose_subprotocol(&["superchat", "chat"]);
        let response = Response::new().subprotocol(chosen).header("X-Y", "z").unwrap();
        let (answer, server) = received.accept_http(&response).unwrap();
        assert_eq!(answer.status(), if extended { 200 } else { 101 });
        let client = client.check_http(&answer).unwrap();
        assert_eq!(agreed(&client), agreed(&server));
        assert_eq!(client.subprotocol(), chosen);
    });
}

/// Any request: over HTTP/1.1 as its bytes would be.
fn request(input: &mut Input<'_>, config: Config, extended: bool, meter: &mut Meter) {
    let selector = input.byte();
    let method = [Method::GET, Method::CONNECT, Method::HEAD, Method::POST];
    let method = method[usize::from(selector & 3)].clone();
    let versions = [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3, Version::HTTP_10];
    let version = versions[usize::from(selector >> 2 & 3)];
    let protocol = if selector & 16 == 0 { "websocket" } else { "connect-udp" };
    let Ok(uri) = Uri::try_from(input.line()) else { return };
    let mut request = http::Request::new(());
    *request.method_mut() = method.clone();
    *request.version_mut() = version;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields(input);

    let got = meter.run(|| match extended {
        true => IncomingRequest::from_extended_connect(&request, protocol, config),
        false => IncomingRequest::from_http(&request, config),
    });
    let request = match got {
        Err(error) => {
            says_why(&error);
            refused(error, version);
            if version == Version::HTTP_11 && method == Method::GET && !extended {
                assert!(as_bytes(&request, config).is_none(), "{error}");
            }
            return;
        }
        Ok(got) => {
            let seen = seen(&got);
            assert!(seen.resource_name.starts_with('/') && !seen.host.is_empty());
            if extended {
                assert!(version >= Version::HTTP_2 && protocol == "websocket");
                assert_eq!(method, Method::CONNECT);
                for name in ["Connection", "Upgrade", "Transfer-Encoding", "Keep-Alive"] {
                    assert!(!request.headers().contains_key(name), "RFC 9113 §8.2.2");
                }
            } else {
                assert_eq!((version, method), (Version::HTTP_11, Method::GET));
                assert_eq!(as_bytes(&request, config), Some(seen));
            }
            got
        }
    };
    let chosen = request.choose_subprotocol(&["superchat", "chat"]);
    let response = Response::new().subprotocol(chosen);
    let (answer, ws) = meter.run(|| request.accept_http(&response)).unwrap();
    let has = |name| answer.headers().contains_key(name);
    for name in ["Upgrade", "Connection", "Sec-WebSocket-Accept"] {
        assert_eq!(has(name), !extended);
    }
    assert_eq!(agreed(&ws), (chosen.map(String::from), has("Sec-WebSocket-Extensions")));
    assert_eq!(has("Sec-WebSocket-Protocol"), chosen.is_some());
    meter.run(|| drop((answer, ws)));
}

fn refused(error: HandshakeError, version: Version) {
    let Some(answer) = error.to_http(version) else { return };
    let is_later = version >= Version::HTTP_2;
    assert!(answer.status().is_client_error() || answer.status().is_server_error());
    assert_eq!(answer.headers().contains_key("Connection"), !is_later);
    assert!(!is_later || answer.status() != 426 && !answer.headers().contains_key("Upgrade"));
}

/// What a server sees of the request when it comes as bytes.
fn as_bytes(request: &http::Request<()>, config: Config) -> Option<Seen> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    // `Display` of a URI puts "/" where there is no path.
    let uri = request.uri();
    let scheme = uri.scheme_str().map_or(String::new(), |scheme| format!("{scheme}://"));
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    rx.extend(format!("GET {scheme}{authority}{path} HTTP/1.1\r\n").as_bytes());
    extend(&mut rx, request.headers());
    let mut server = ServerHandshake::new(config);
    let request = server.next_request(&mut rx, &mut tx).ok()?;
    Some(seen(&request.expect("it is whole")))
}

/// Any response: over HTTP/1.1 as its bytes would be.
fn response(input: &mut Input<'_>, config: Config, extended: bool, meter: &mut Meter) {
    let status = input.short();
    let Ok(status) = http::StatusCode::from_u16(status) else { return };
    let mut response = http::Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields(input);
    let request = Request::new("ws://server.example.com/chat").unwrap();
    let request = request.subprotocol("chat").and_then(|it| it.subprotocol("superchat")).unwrap();
    let (client, _) = match extended {
        true => ClientHandshake::new_extended_connect(&request, config).unwrap(),
        false => ClientHandshake::new_http(&request, config).unwrap(),
    };
    let got = meter.run(|| client.check_http(&response));
    if let Err(error) = &got {
        says_why(error);
    }
    if extended {
        let is_refused = matches!(got, Err(HandshakeError::Refused { .. }));
        assert_eq!(is_refused, !status.is_success());
        assert!(got.is_err() || !response.headers().contains_key("Upgrade"));
        return meter.run(|| drop(got));
    }
    let got = got.as_ref().map(agreed).map_err(|error| *error);
    if status == 101 {
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut client = ClientHandshake::new(&request, config, &mut tx).unwrap();
        rx.extend(b"HTTP/1.1 101 \r\n");
        extend(&mut rx, response.headers());
        let by_bytes = client.next_response(&mut rx).map(|it| it.expect("it is whole"));
        let by_bytes = by_bytes.and_then(websans::IncomingResponse::into_connection);
        assert_eq!(got.ok(), by_bytes.ok().as_ref().map(agreed));
    } else {
        assert_eq!(got, Err(HandshakeError::Refused { status: status.as_u16() }));
    }
}

fn extend(rx: &mut RecvBuf, fields: &HeaderMap) {
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            rx.extend(part);
        }
    }
    rx.extend(b"\r\n");
}

/// Fields as they come from whoever parses HTTP: without whitespace around the value.
fn fields(input: &mut Input<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    while !input.is_empty() {
        let (name, value) = (input.line(), input.line().trim_ascii());
        let name = HeaderName::from_bytes(name);
        // What only an answer to this client's key can say.
        let value = match value {
            b"accept" => HeaderValue::from_bytes(&websans::accept_key(client_key().as_bytes())),
            value => HeaderValue::from_bytes(value),
        };
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}
