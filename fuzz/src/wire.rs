//! Frames by the letter of RFC 6455, made and read without the crate's own coders, and
//! connections after an opening handshake.

use websans::{
    ClientHandshake, Config, Connection, MaskingKeySource, RecvBuf, Request, Response, Role,
    SendBuf, ServerHandshake,
};

/// So that two runs send the same.
pub const FIXED_KEY: MaskingKeySource = MaskingKeySource(|key| {
    key.fill(0x5a);
    Ok(())
});

/// §5.3, octet by octet.
pub fn mask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload.iter().enumerate().map(|(i, octet)| octet ^ key[i % 4]).collect()
}

/// A frame (§5.2) with this first octet, masked if there is a key.
pub fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut wire = vec![first];
    match payload.len() {
        len @ 0..=125 => wire.push(mask_bit | u8::try_from(len).unwrap()),
        len @ 126..=0xFFFF => {
            wire.push(mask_bit | 0x7E);
            wire.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            wire.push(mask_bit | 0x7F);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(key.unwrap_or_default().iter().filter(|_| key.is_some()));
    wire.extend(mask(payload, key.unwrap_or_default()));
    wire
}

/// A frame as the peer of `role` sends it.
pub fn frame_to(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, (role == Role::Server).then_some([0x37, 0xfa, 0x21, 0x3d]))
}

/// Reads the frames that an endpoint has sent: the first octet, and the payload unmasked.
pub fn frames(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let (len, rest) = match second & 0x7F {
            126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()), &rest[8..]),
            len => (u64::from(len), rest),
        };
        let key_len = usize::from(second >> 7) * 4;
        let (key, rest) = rest.split_at(key_len);
        let (payload, rest) = rest.split_at(usize::try_from(len).unwrap());
        frames.push((*first, mask(payload, key.try_into().unwrap_or_default())));
        wire = rest;
    }
    assert!(wire.is_empty(), "ends within a header");
    frames
}

/// A connection whose handshake was made elsewhere.
pub fn connection(role: Role, config: Config) -> Connection {
    match role {
        Role::Client => Connection::client(config),
        Role::Server => Connection::server(config),
    }
}

/// The `Sec-WebSocket-Key` of a client whose keys are [`FIXED_KEY`].
pub fn client_key() -> String {
    let mut tx = SendBuf::new();
    let request = Request::new("ws://server.example.com/chat").unwrap();
    ClientHandshake::new(&request, Config::default().masking_keys(FIXED_KEY), &mut tx).unwrap();
    let head = str::from_utf8(tx.as_slice()).unwrap();
    head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap().into()
}

/// A client and a server after their opening handshake.
pub fn connected(client: Config, server: Config) -> (Connection, Connection) {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let request = Request::new("ws://a/").unwrap();
    let mut connecting = ClientHandshake::new(&request, client, &mut tx).unwrap();
    rx.extend(tx.as_slice());
    tx.consume(usize::MAX);
    let mut accepting = ServerHandshake::new(server);
    let request = accepting.next_request(&mut rx, &mut tx).unwrap().unwrap();
    let server = request.accept(&Response::new(), &mut tx).unwrap();
    rx.extend(tx.as_slice());
    let response = connecting.next_response(&mut rx).unwrap().unwrap();
    (response.into_connection().unwrap(), server)
}

/// One end of [`connected`].
pub fn connected_as(role: Role, client: Config, server: Config) -> Connection {
    let (client, server) = connected(client, server);
    if role == Role::Client { client } else { server }
}
