//! Any bytes as a client's request: the same in every cut; what is accepted is what RFC 6455
//! §4.2.1 asks for, seen with `httparse`, and what is plainly that is accepted.

#![no_main]

use websans::{
    Config, Extensions, HandshakeError, PermessageDeflate, RecvBuf, Rejection, Response, SendBuf,
    ServerHandshake, accept_key,
};
use websans_fuzz::drive::READ_AHEAD;
use websans_fuzz::head::{Head, check_answer, ends_lines_with_crlf, is_token};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    resource_name: String,
    host: String,
    origin: Option<String>,
    is_same_origin: bool,
    headers: Vec<(String, Vec<u8>)>,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
    subprotocol: Option<String>,
    deflate: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    seen: Result<Option<Seen>, HandshakeError>,
    eof: HandshakeError,
    output: Vec<u8>,
    left: usize,
}

#[derive(Clone, Copy)]
struct Settings {
    config: Config,
    max_head_size: usize,
    max_headers: usize,
    rejects: bool,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let [tight, deflate, rejects, ..] = input.flags();
    let seed = input.byte();
    let bytes = input.rest();
    let (max_head_size, max_headers) = if tight { (250, 8) } else { (16 << 10, 100) };
    let mut config = Config::default().max_head_size(max_head_size).max_headers(max_headers);
    if deflate {
        config = config.permessage_deflate(PermessageDeflate::default());
    }
    let settings = Settings { config, max_head_size, max_headers, rejects };
    let expected = serve(bytes, 0, settings);
    for seed in [1, seed] {
        assert_eq!(serve(bytes, seed, settings), expected, "cut as {seed}");
    }
    assert!(!is_plain(bytes, settings) || matches!(expected.seen, Ok(Some(_))), "refused");
    match &expected.seen {
        Ok(None) => assert!(expected.output.is_empty() && bytes.len() <= max_head_size),
        Ok(Some(seen)) => {
            accepted(seen, &bytes[..bytes.len() - expected.left], &expected, settings);
        }
        Err(error) => check_answer(&expected.output, error.status()),
    }
}));

fn serve(bytes: &[u8], seed: u8, settings: Settings) -> Outcome {
    let (mut rx, mut tx, mut meter) = (RecvBuf::new(), SendBuf::new(), Meter::default());
    let mut handshake = ServerHandshake::new(settings.config);
    let mut seen = Ok(None);
    for chunk in Cuts::new(bytes, seed) {
        meter.run(|| rx.extend(chunk));
        if !matches!(seen, Ok(None)) {
            let expected = seen.as_ref().err().copied().unwrap_or(HandshakeError::Finished);
            let queued = tx.len();
            let again = handshake.next_request(&mut rx, &mut tx);
            assert_eq!(again.map(drop), Err(expected), "final");
            assert_eq!(tx.len(), queued);
            continue;
        }
        let request = match meter.run(|| handshake.next_request(&mut rx, &mut tx)) {
            Ok(None) => continue,
            Ok(Some(request)) => request,
            Err(error) => {
                seen = Err(error);
                continue;
            }
        };
        let mut it = Seen {
            resource_name: request.resource_name().into(),
            host: request.host().into(),
            origin: request.origin().map(String::from),
            is_same_origin: request.is_same_origin(),
            headers: request.headers().map(|(name, value)| (name.into(), value.into())).collect(),
            subprotocols: request.subprotocols().map(String::from).collect(),
            extensions: request.extensions().map(|extension| extension.to_string()).collect(),
            subprotocol: None,
            deflate: false,
        };
        let query = request.query().map_or(String::new(), |query| format!("?{query}"));
        assert_eq!(format!("{}{query}", request.path()), it.resource_name);
        if settings.rejects {
            let rejection = Rejection::new(403).and_then(|it| it.body("no")).unwrap();
            meter.run(|| request.reject(&rejection, &mut tx));
        } else {
            let chosen = request.choose_subprotocol(&["superchat", "chat"]);
            let foreign = Response::new().subprotocol("never offered by anyone");
            assert!(request.clone().accept(&foreign, &mut tx).is_err() && tx.is_empty());
            let response = Response::new().subprotocol(chosen).header("X-Y", "z").unwrap();
            let ws = meter.run(|| request.accept(&response, &mut tx)).unwrap();
            it.subprotocol = ws.subprotocol().map(String::from);
            it.deflate = ws.permessage_deflate().is_some();
            meter.run(|| drop(ws));
        }
        seen = Ok(Some(it));
    }
    // The head, twice while it grows, and 32 bytes for each field, which has 4 at least.
    let bound = 10 * bytes.len() + 3 * tx.as_slice().len() + READ_AHEAD;
    assert!(meter.peak() <= bound, "{} bytes, more than {bound}", meter.peak());
    let left = if seen.is_ok() { rx.len() } else { 0 };
    handshake.handle_eof();
    let eof = handshake.next_request(&mut rx, &mut tx).map(drop).expect_err("it is over");
    Outcome { seen, eof, output: tx.as_slice().into(), left }
}

/// Whether it is a request as most clients make it.
fn is_plain(bytes: &[u8], settings: Settings) -> bool {
    let mut room = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut room);
    let Ok(httparse::Status::Complete(len)) = request.parse(bytes) else { return false };
    let Some(path) = request.path else { return false };
    let fields = Head(request.headers.iter().map(|it| (it.name.into(), it.value.into())).collect());
    let one = |name: &str, conforms: &dyn Fn(&[u8]) -> bool| match fields.all(name)[..] {
        [value] => conforms(value),
        _ => false,
    };
    let none_or_one = |name: &str, conforms: &dyn Fn(&[u8]) -> bool| {
        fields.all(name).is_empty() || one(name, conforms)
    };
    let is_key = |key: &[u8]| {
        let (last, begin) = key.strip_suffix(b"==").unwrap_or_default().split_last()?;
        let letters = begin.len() == 21 && begin.iter().all(u8::is_ascii_alphanumeric);
        (letters && b"AQgw".contains(last)).then_some(())
    };
    let is_token = |value: &[u8]| str::from_utf8(value).is_ok_and(is_token);
    len <= settings.max_head_size
        && request.headers.len() <= settings.max_headers
        && ends_lines_with_crlf(&bytes[..len])
        && bytes.starts_with(format!("GET {path} HTTP/1.1\r\n").as_bytes())
        && path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        && one("Host", &|host| {
            !host.is_empty()
                && host.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
        })
        && one("Upgrade", &|it| it.eq_ignore_ascii_case(b"websocket"))
        && one("Connection", &|it| it.eq_ignore_ascii_case(b"upgrade"))
        && one("Sec-WebSocket-Version", &|it| it == b"13")
        && one("Sec-WebSocket-Key", &|it| is_key(it).is_some())
        && none_or_one("Origin", &|it| it.iter().all(u8::is_ascii_graphic))
        && none_or_one("Sec-WebSocket-Protocol", &is_token)
        && none_or_one("Sec-WebSocket-Extensions", &is_token)
        && none_or_one("Content-Length", &|it| it == b"0")
        && fields.all("Transfer-Encoding").is_empty()
}

fn accepted(seen: &Seen, head: &[u8], outcome: &Outcome, settings: Settings) {
    assert!(head.len() <= settings.max_head_size);
    assert!(seen.headers.len() <= settings.max_headers);
    assert_eq!(outcome.eof, HandshakeError::Finished);
    // What the application sees is what is there.
    let mut room = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut room);
    // RFC 9110 §2.5: a higher minor version, which httparse does not know, means the same.
    let mut head = head.to_vec();
    let line = head.iter().position(|byte| *byte == b'\r').unwrap();
    assert!(head[..line - 1].ends_with(b" HTTP/1.") && head[line - 1] >= b'1');
    head[line - 1] = b'1';
    let head = &head[..];
    assert_eq!(request.parse(head), Ok(httparse::Status::Complete(head.len())));
    assert_eq!((request.method, request.version), (Some("GET"), Some(1)));
    let raw = Head(request.headers.iter().map(|it| (it.name.into(), it.value.into())).collect());
    assert_eq!(raw.0, seen.headers);
    // §4.2.1
    let [host] = raw.all("Host")[..] else { panic!("not one host") };
    let (host, resource_name) = match request.path.unwrap().split_once("://") {
        // RFC 9112 §3.2.2: it is more to be trusted than the field.
        Some((scheme, rest)) if !scheme.starts_with('/') => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (authority.as_bytes(), if path.is_empty() { "/" } else { path })
        }
        _ => (host, request.path.unwrap()),
    };
    assert_eq!((seen.host.as_bytes(), &*seen.resource_name), (host, resource_name));
    assert!(seen.resource_name.starts_with('/'));
    assert!(!seen.host.is_empty() && !seen.host.contains(['/', '@', ' ', '?', '#']));
    assert!(raw.has_token("Upgrade", "websocket") && raw.has_token("Connection", "upgrade"));
    assert_eq!(raw.all("Sec-WebSocket-Version"), [b"13"]);
    let [key] = raw.all("Sec-WebSocket-Key")[..] else { panic!("not one key") };
    assert!(key.len() == 24 && key.ends_with(b"=="));
    assert!(raw.all("Transfer-Encoding").is_empty(), "a body");
    assert!(raw.all("Content-Length").iter().all(|len| *len == b"0"), "a body");
    let origins: Vec<_> = seen.origin.iter().map(String::as_bytes).collect();
    assert_eq!(raw.all("Origin"), origins);
    let lists = |name| raw.all(name).into_iter().flat_map(|list| list.split(|byte| *byte == b','));
    let offered = lists("Sec-WebSocket-Protocol").map(<[u8]>::trim_ascii);
    let offered = offered.filter(|it| !it.is_empty());
    assert!(offered.eq(seen.subprotocols.iter().map(String::as_bytes)));
    let extensions = raw.all("Sec-WebSocket-Extensions").into_iter().flat_map(Extensions::new);
    assert!(extensions.map(|it| it.unwrap().to_string()).eq(seen.extensions.iter().cloned()));
    assert!(seen.is_same_origin || seen.origin.is_some());
    if settings.rejects {
        return check_answer(&outcome.output, Some(403));
    }
    let answer = Head::of_response(&outcome.output, 101);
    assert_eq!(answer.all("Sec-WebSocket-Accept"), [accept_key(key)]);
    assert!(answer.has_token("Upgrade", "websocket") && answer.has_token("Connection", "upgrade"));
    let chosen = answer.all("Sec-WebSocket-Protocol");
    assert_eq!(chosen, seen.subprotocol.iter().map(String::as_bytes).collect::<Vec<_>>());
    assert!(seen.subprotocol.iter().all(|chosen| seen.subprotocols.contains(chosen)));
    assert_eq!(answer.all("Sec-WebSocket-Extensions").len(), usize::from(seen.deflate));
    assert!(!seen.deflate || seen.extensions.iter().any(|it| it.starts_with("permessage-deflate")));
}
