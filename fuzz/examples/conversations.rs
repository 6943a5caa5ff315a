//! Cuts what `tap` has recorded into inputs for the targets: for `fuzz/record`.
//!
//! ```text
//! conversations RECORDINGS INPUTS
//! ```

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use websans::accept_key;
use websans::frame::{FrameHeader, Opcode};
use websans_fuzz::wire::{client_key, mask};

/// What is longer is cut: seeds are to be small.
const MAX: usize = 1500;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [recordings, inputs] = arguments.as_slice() else {
        return Err("usage: conversations RECORDINGS INPUTS".into());
    };
    let mut all = Inputs::default();
    let mut count = 0;
    for entry in fs::read_dir(recordings)? {
        let to_server = entry?.path();
        if to_server.extension().is_some_and(|it| it == "to_server") {
            let to_client = fs::read(to_server.with_extension("to_client"))?;
            all.add(&fs::read(to_server)?, &to_client);
            count += 1;
        }
    }
    if count == 0 {
        return Err(format!("nothing was recorded in {}", recordings.display()).into());
    }
    println!("{count} conversations, {} inputs", all.0.len());
    all.write(inputs)?;
    Ok(())
}

/// The target, and what it is to be given.
#[derive(Default)]
struct Inputs(BTreeSet<(&'static str, Vec<u8>)>);

impl Inputs {
    fn add(&mut self, to_server: &[u8], to_client: &[u8]) {
        let (request, from_client) = split(to_server);
        let (response, from_server) = split(to_client);
        self.one("server_handshake", &[0, 3], request);
        self.one("client_handshake", &[6, 3], &as_if_asked(response));
        for value in [extensions(request), extensions(response)] {
            self.one("extensions", &[], &value);
            self.one("negotiation", &[0, 0xFF, 3, 0xAC], &value);
        }
        let deflate = !extensions(response).is_empty();
        self.one("server", &[u8::from(deflate), 9], from_client);
        self.one("client", &[u8::from(deflate), 9], from_server);
        for (flag, wire) in [(0, from_client), (1, from_server)] {
            self.one("frame", &[9], wire);
            if !deflate {
                self.one("differential", &[flag, 9], wire);
            }
            self.messages(wire);
        }
    }

    /// What messages in one frame hold: text, and what was compressed.
    fn messages(&mut self, mut wire: &[u8]) {
        let mut compressed = Vec::new();
        while let Ok(Some((header, len))) = FrameHeader::decode(wire) {
            let Some(rest) = wire.get(len..) else { break };
            let Ok(len) = usize::try_from(header.payload_len()) else { break };
            let Some(payload) = rest.get(..len) else { break };
            let payload = mask(payload, header.masking_key().unwrap_or_default());
            if header.rsv1() && payload.len() < MAX {
                compressed.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
                compressed.extend(&payload);
            } else if header.opcode() == Opcode::TEXT {
                self.one("utf8", &[9, 60], &payload);
            }
            wire = &rest[len..];
        }
        self.one("inflate", &[0, 9], &compressed);
    }

    fn one(&mut self, target: &'static str, settings: &[u8], bytes: &[u8]) {
        if !bytes.is_empty() {
            let bytes = &bytes[..bytes.len().min(MAX)];
            self.0.insert((target, [settings, bytes].concat()));
        }
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        for (number, (target, bytes)) in self.0.iter().enumerate() {
            let folder = folder.join(target);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{number:05}")), bytes)?;
        }
        Ok(())
    }
}

/// The head, and what comes after it.
fn split(said: &[u8]) -> (&[u8], &[u8]) {
    let end = said.windows(4).position(|it| it == b"\r\n\r\n").map_or(said.len(), |at| at + 4);
    said.split_at(end)
}

/// The value of the last `Sec-WebSocket-Extensions`.
fn extensions(head: &[u8]) -> Vec<u8> {
    let lines = head.split(|byte| *byte == b'\n');
    let mut values = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        name.eq_ignore_ascii_case(b"Sec-WebSocket-Extensions").then(|| value.trim_ascii().to_vec())
    });
    values.next_back().unwrap_or_default()
}

/// The target's client always sends the same key: what answers another is made to answer that.
fn as_if_asked(response: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"sec-websocket-accept:";
    let mut response = response.to_vec();
    let at = response.windows(NAME.len()).position(|it| it.eq_ignore_ascii_case(NAME));
    if let Some(start) = at.map(|at| at + NAME.len() + 1)
        && let Some(value) = response.get_mut(start..start + 28)
    {
        value.copy_from_slice(&accept_key(client_key().as_bytes()));
    }
    response
}
