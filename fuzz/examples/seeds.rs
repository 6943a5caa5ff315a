//! Writes the seed corpora to `seeds/`: `fuzz/run seeds`. They are the vectors of RFC 6455 §5.7
//! and RFC 7692 §7.2.3, and conversations such as the crate's tests have. Those of others come
//! from `fuzz/record`.

use std::path::Path;

use flate2::{Compress, Compression, FlushCompress};
use websans::{CloseCode, Config, Message, PermessageDeflate, Role, SendBuf, accept_key};
use websans_fuzz::wire::{FIXED_KEY, client_key, connected_as, connection, frame, frame_to};

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (target, seeds) in [
        ("frame", frame_seeds()),
        ("mask", mask_seeds()),
        ("utf8", utf8_seeds()),
        ("server", raw_seeds(Role::Server)),
        ("client", raw_seeds(Role::Client)),
        ("pair", pair_seeds()),
        ("server_handshake", with_prefix(&[0, 3], &requests())),
        ("client_handshake", with_prefix(&[6, 3], &responses())),
        ("outgoing", outgoing_seeds()),
        ("http", http_seeds()),
        ("extensions", with_prefix(&[], &extensions())),
        ("negotiation", with_prefix(&[0, 0xFF, 3, 0xAC], &extensions())),
        ("inflate", inflate_seeds()),
        ("session", session_seeds()),
        ("differential", differential_seeds()),
    ] {
        let folder = root.join(target);
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            // What has a name was left by a finding, or recorded.
            if path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit()) {
                std::fs::remove_file(path)?;
            }
        }
        for (i, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("{i:02}")), seed)?;
        }
    }
    Ok(())
}

fn with_prefix(prefix: &[u8], seeds: &[impl AsRef<[u8]>]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| [prefix, seed.as_ref()].concat()).collect()
}

/// RFC 6455 §5.7, and what else headers may be.
fn frame_seeds() -> Vec<Vec<u8>> {
    let wires = [
        frame(0x81, b"Hello", None),
        frame(0x81, b"Hello", KEY),
        [frame(0x01, b"Hel", None), frame(0x80, b"lo", None)].concat(),
        [frame(0x89, b"Hello", None), frame(0x8A, b"Hello", KEY)].concat(),
        frame(0x82, &[7; 256], None),
        frame(0x82, &[7; 126], KEY),
        b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00some of it".to_vec(),
        b"\xf3\xff\x7f\xff\xff\xff\xff\xff\xff\xffKEY!".to_vec(),
        b"\x82\x7e\x00\x7d".to_vec(),
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff".to_vec(),
    ];
    with_prefix(&[9], &wires)
}

fn mask_seeds() -> Vec<Vec<u8>> {
    [0, 1, 5, 63, 64, 65, 191, 192, 300, 1000]
        .iter()
        .map(|len| [&[0x37, 0xfa, 0x21, 0x3d, 9, 3, 1][..], &vec![b'a'; *len]].concat())
        .collect()
}

fn utf8_seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 10] = [
        b"ASCII",
        "κόσμε größer 🦀 \u{10ffff}".as_bytes(),
        b"\xed\xa0\x80 surrogate",
        b"\xc0\xaf overlong",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\xa6",
        b"\xe2\x82",
        b"\xff",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
        b"\xf8\x88\x80\x80\x80",
    ];
    with_prefix(&[9, 60], &texts)
}

/// A whole conversation as the peer of `role` sends it.
fn conversation(role: Role, deflate: bool) -> Vec<u8> {
    let mut config = Config::default().masking_keys(FIXED_KEY);
    if deflate {
        config = config.permessage_deflate(PermessageDeflate::default().min_size(0));
    }
    let peer = if role == Role::Server { Role::Client } else { Role::Server };
    let mut ws = match deflate {
        true => connected_as(peer, config, config),
        false => connection(peer, config),
    };
    let mut tx = SendBuf::new();
    ws.send_text("Hello, κόσμε! Hello, κόσμε! 🦀", &mut tx).unwrap();
    ws.send(Message::text("in ").part(false), &mut tx).unwrap();
    ws.send_ping(b"between", &mut tx).unwrap();
    ws.send(Message::text("parts, größer").part(true), &mut tx).unwrap();
    ws.send_binary(&[0; 300], &mut tx).unwrap();
    ws.send(Message::binary(b"plain").uncompressed(), &mut tx).unwrap();
    ws.send_binary(b"", &mut tx).unwrap();
    ws.send_pong(b"", &mut tx).unwrap();
    ws.close(CloseCode::NORMAL_CLOSURE, "done", &mut tx).unwrap();
    tx.as_slice().to_vec()
}

/// What breaks a rule each.
fn violations(role: Role) -> Vec<Vec<u8>> {
    let text = frame_to(role, 0x81, b"before");
    let bad: [(u8, &[u8]); 18] = [
        (0x80, b"no message"),
        (0x83, b"reserved"),
        (0x8B, b""),
        (0x91, b"rsv3"),
        (0xA1, b"rsv2"),
        (0xC9, b"rsv1 on a ping"),
        (0x09, b"fragmented"),
        (0x89, &[0; 126]),
        (0x81, b"\xce\xba\xff"),
        (0x81, b"\xe2\x82"),
        (0x88, b""),
        (0x88, b"\x03"),
        (0x88, b"\x03\xe8\xff"),
        (0x88, b"\x03\xed"),
        (0x88, b"\x0b\xb7why"),
        (0x82, &[1; 301]),
        (0xC1, b"\x07\x00\x00\x00\xff\xffnot deflate"),
        (0xC2, b"\x00"),
    ];
    let mut all: Vec<_> = bad
        .iter()
        .map(|(first, payload)| [&text[..], &frame_to(role, *first, payload)].concat())
        .collect();
    all.push([frame_to(role, 0x01, b"a"), frame_to(role, 0x81, b"b")].concat());
    all.push(
        [
            frame_to(role, 0x01, "κ".as_bytes()),
            frame_to(role, 0x00, b""),
            frame_to(role, 0x80, b"\xce"),
        ]
        .concat(),
    );
    all.push(vec![frame_to(role, 0x89, b"many pings"); 20].concat());
    all.push([&text[..], b"\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00KEY!a little"].concat());
    all.push([frame(0x81, b"", None), frame(0x81, b"", KEY)].concat());
    all
}

fn raw_seeds(role: Role) -> Vec<Vec<u8>> {
    let mut seeds = with_prefix(&[0, 9], &violations(role));
    seeds.extend(with_prefix(&[0x38, 10], &violations(role)[15..]));
    for flags in [0, 8, 32] {
        seeds.push([&[flags, 2][..], &conversation(role, false)].concat());
    }
    for flags in [1, 3, 7, 9] {
        seeds.push([&[flags, 11][..], &conversation(role, true)].concat());
    }
    let hello =
        [&frame_to(role, 0x41, &HELLO[..3])[..], &frame_to(role, 0x80, &HELLO[3..])].concat();
    seeds.push([&[1, 9][..], &hello, &frame_to(role, 0xC1, b"\xf2\x00\x11\x00\x00")].concat());
    let bomb = deflate(&mut Compress::new(Compression::best(), false), &[b'x'; 90_000]);
    seeds.push([&[1, 9][..], &frame_to(role, 0xC1, &bomb)].concat());
    seeds
}

fn differential_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (flag, role) in [(0, Role::Server), (1, Role::Client)] {
        seeds.extend(with_prefix(&[flag, 9], &violations(role)));
        seeds.push([&[flag, 9][..], &conversation(role, false)].concat());
    }
    seeds
}

/// As a peer compresses a message (RFC 7692 §7.2.1).
fn deflate(zlib: &mut Compress, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 100);
    zlib.compress_vec(data, &mut out, FlushCompress::Sync).unwrap();
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).unwrap_or(&[0]).to_vec()
}

fn inflate_seeds() -> Vec<Vec<u8>> {
    // §7.2.3: compressed, again with the context, not compressed, with BFINAL, in two blocks.
    let vectors: [&[&[u8]]; 6] = [
        &[HELLO, b"\xf2\x00\x11\x00\x00"],
        &[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"],
        &[b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", HELLO, b"\xf2\x00\x11\x00\x00"],
        &[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"],
        &[b"\x00", b"\x02\x00", b""],
        &[b"\x07\x00", b"\x05\xc0\x81\x00"],
    ];
    let mut all: Vec<Vec<Vec<u8>>> =
        vectors.iter().map(|it| it.iter().map(|message| message.to_vec()).collect()).collect();
    let mut zlib = Compress::new(Compression::best(), false);
    let json: String =
        (0..60).map(|i| format!("{{\"id\":{i},\"price\":{}.5}},", i * 37 % 101)).collect();
    let mut one = |data: &[u8]| deflate(&mut zlib, data);
    all.push(vec![one(json.as_bytes()), one(b""), one(json.as_bytes()), one(&[b'x'; 99_999])]);
    all.push(vec![deflate(&mut Compress::new(Compression::best(), false), &vec![0; 100_001])]);
    let framed = |messages: &Vec<Vec<u8>>| {
        let with_len = |message: &Vec<u8>| {
            [&u16::try_from(message.len()).unwrap().to_be_bytes(), &message[..]].concat()
        };
        messages.iter().flat_map(with_len).collect::<Vec<u8>>()
    };
    let framed: Vec<_> = all.iter().map(framed).collect();
    [with_prefix(&[0, 9], &framed), with_prefix(&[0x0F, 9], &framed)].concat()
}

fn pair_seeds() -> Vec<Vec<u8>> {
    // Whole messages both ways, a part, a ping within it, prepared, announced, closed; and cuts.
    let talk: Vec<u8> = [
        &[0, 1, 20, 1, 2, 30][..],
        &[3, 9, 0xFF, 200],
        &[0x86, 1, 9],
        &[0x0C, 5, 16, 3],
        &[0xC6, 2, 30],
        &[8, 1, 4, 18, 10],
        &[0x0B, 0, 9, 3, 100, 0x13, 7],
        &[0x16, 0x17, 4, 5, 6, 240, 40, 0, 0x16],
        &[0x18, 0x19, 0x1A, 0x1B],
        &[0x1C, 0x0D, 3, 0x18, 0x16, 0x17, 0x18],
        &[14, 3, 0xE8, 4],
    ]
    .concat();
    let mut seeds: Vec<Vec<u8>> = [0, 1, 3, 7, 0x40, 0x43, 0x47, 0x18, 0x20, 0x28]
        .iter()
        .map(|flags| [&[*flags][..], &talk].concat())
        .collect();
    seeds.push([&[1][..], &talk, &[0xFE]].concat());
    seeds
}

fn session_seeds() -> Vec<Vec<u8>> {
    // Of the model of the deadlines: it opens, receives, writes, waits; then it closes.
    let ops = [
        0x00, 1, 0x07, 0, 0x89, 100, 0x00, 0, 0x89, 250, 0x89, 250, 0x07, 0, 0x01, 0, 0x89, 90,
        0x01, 0, 0x08, 0, 0x06, 0, 0x89, 40, 0x05, 0, 0x89, 20, 0x04, 0, 0x89, 200, 0x07, 0, 0x03,
        0,
    ];
    let lone = [0xFF, 0xBF, 0x3B, 0x2F, 0x1F, 0x39]
        .iter()
        .map(|flags| [&[0x08, *flags, 10, 20, 5, 60, 30, 3, 0][..], &ops].concat());
    // Two sessions: messages, pings, closes, cuts, stalls, time.
    let talk = [
        0x0F, 0, 0x00, 0, 0x80, 0, 0x0F, 0, 0x03, 0, 0x05, 3, 0x85, 1, 0x0A, 7, 0x00, 0, 0x0C, 200,
        0x0B, 0, 0x84, 0, 0x0F, 0,
    ];
    let pairs = [0x00, 0x01, 0x02, 0x04, 0x06]
        .iter()
        .map(|flags| [&[*flags, 9, 20, 5][..], &talk].concat());
    lone.chain(pairs).collect()
}

fn outgoing_seeds() -> Vec<Vec<u8>> {
    let fields = b"\x03Cookie\0\x05a=b; Origin\0\x0bhttps://a.bUpgrade\0\x00";
    let subprotocols = b"\x02chat\0superchat\0";
    let uris: [&[u8]; 4] = [
        b"ws://server.example.com/chat?room=1\0",
        b"WSS://[::1]:8443\0",
        b"ws://a%20b.example:80/%C3%A9/?\0",
        b"wss://server.example.com:443/a/b?c?d\0",
    ];
    let parts: [&[u8]; 2] = [b"server.example.com\0\x1f\x90/chat\0", b"::1\0\0\0?a\0"];
    let all = uris.iter().map(|uri| (0, uri)).chain(parts.iter().map(|parts| (1, parts)));
    let accepted = all
        .clone()
        .map(|(flags, uri)| [&[flags | 4], *uri, fields, subprotocols, &[1], fields].concat());
    let refused = [(403_u16, &b"no"[..]), (401, b""), (204, b""), (100, b""), (426, b"13")];
    let refused = all.zip(refused).map(|((flags, uri), (status, body))| {
        [&[flags | 8], *uri, fields, subprotocols, &status.to_be_bytes(), fields, body].concat()
    });
    accepted.chain(refused).collect()
}

fn http_seeds() -> Vec<Vec<u8>> {
    let asked = b"host\0a\0upgrade\0websocket\0connection\0Upgrade\0sec-websocket-version\x0013\0\
        sec-websocket-key\0dGhlIHNhbXBsZSBub25jZQ==\0sec-websocket-protocol\0chat, superchat\0\
        origin\0https://a\0sec-websocket-extensions\0permessage-deflate\0";
    let connect = b"sec-websocket-version\x0013\0sec-websocket-protocol\0superchat\0";
    let answer = b"upgrade\0websocket\0connection\0Upgrade\0sec-websocket-accept\0accept\0\
        sec-websocket-protocol\0chat\0";
    vec![
        [&[4, 2, 0][..], b"/chat?room=1\0", asked].concat(),
        [&[0, 1, 0][..], b"http://a/\0", asked].concat(),
        [&[6, 2, 5][..], b"https://server.example.com/chat\0", connect].concat(),
        [&[2, 0, 25][..], b"https://a/\0", connect].concat(),
        [&[2, 0, 5][..], b"https://a/\0", asked].concat(),
        [&[1, 2, 0, 101][..], answer].concat(),
        [&[5, 2, 0, 101][..], answer, b"sec-websocket-extensions\0permessage-deflate\0"].concat(),
        [&[3, 2, 0, 200][..], b"sec-websocket-protocol\0chat\0"].concat(),
        [&[1, 0, 1, 147][..], b"location\0/\0"].concat(),
    ]
}

fn requests() -> Vec<String> {
    let request = |edit: &str, first: &str| {
        format!(
            "{first}\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
             Sec-WebSocket-Version: 13\r\n{edit}\r\n"
        )
    };
    let get = "GET /chat?room=1 HTTP/1.1";
    let mut all: Vec<String> = [
        "",
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, foo; a=\"b\"\r\n",
        "Sec-WebSocket-Extensions: ,\r\nSec-WebSocket-Protocol: ,, chat\r\n",
        "Content-Length: 0\r\nConnection: keep-alive, Upgrade\r\n",
        "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: again\r\n",
        "Sec-WebSocket-Version: 8\r\n",
        "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n",
        "X:\x01\r\n",
        "no colon\r\n",
    ]
    .iter()
    .map(|edit| request(edit, get))
    .collect();
    all.push(request("", "GET http://user.example.com:8080/path HTTP/1.1"));
    all.push(request("", "POST / HTTP/1.1"));
    all.push(request("", "GET / HTTP/1.0"));
    all.push(request("", get) + "\u{81}early bytes");
    all.push(request("", get).replace("\r\n", "\n"));
    all.push("\x16\x03\x01".into());
    all.push("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into());
    all
}

fn responses() -> Vec<String> {
    let accept = String::from_utf8(accept_key(client_key().as_bytes()).to_vec()).unwrap();
    let accepted = |edit: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{edit}\r\n"
        )
    };
    vec![
        accepted(""),
        accepted("Sec-WebSocket-Protocol: chat\r\n"),
        accepted("Sec-WebSocket-Protocol: other\r\n"),
        accepted("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n"),
        accepted("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n"),
        accepted("Sec-WebSocket-Accept: again\r\n"),
        accepted("") + "\u{1}early",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_owned() + &accepted(""),
        "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nyes and more".into(),
        "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n1;x=y\r\n!\r\n0\r\n\r\n"
            .into(),
        "HTTP/1.1 404 Not Found\r\n\r\nuntil the end".into(),
        "HTTP/1.1 204 \r\n\r\n".into(),
        "HTTP/1.0 101 Old\r\n\r\n".into(),
        "SSH-2.0-x\r\n".into(),
    ]
}

fn extensions() -> Vec<String> {
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=9; server_max_window_bits=\"10\"",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "foo, bar; baz=2 ,, permessage-deflate ;client_max_window_bits = 15",
        "mux; max-channels=\"4\"; flow-control, deflate-stream",
        "a; b=\"c\\d\"; e=\"\"",
        "a; b=\"unfinished\\",
        ",,, ,",
    ]
    .map(String::from)
    .into()
}
