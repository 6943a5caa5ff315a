//! Messages as frames: what a client sends, and a decoder of its own that checks what a peer wrote.

use std::rc::Rc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::workload::{Kind, Message, Random, Role, check_messages};

/// How messages become frames.
#[derive(Clone, Copy)]
pub enum Framing {
    Whole,
    /// Fragments of `size` bytes, and after every `ping` of them a ping.
    Fragments {
        size: usize,
        ping: Option<usize>,
    },
    /// Each message compressed for itself (permessage-deflate).
    Deflate,
}

/// What a client sends, ready to be read.
pub struct Wire {
    pub bytes: Rc<[u8]>,
    pub messages: Rc<[Message]>,
    pub pings: usize,
    /// Where each message ends in `bytes`.
    pub ends: Vec<usize>,
}

impl Wire {
    pub fn new(messages: &Rc<[Message]>, framing: Framing) -> Self {
        let (mut bytes, mut pings, mut ends) = (Vec::new(), 0, Vec::new());
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut frame = |bytes: &mut Vec<u8>, first: u8, payload: &[u8]| {
            push_frame(bytes, first, payload, &random.next().to_le_bytes()[..4]);
        };
        for message in messages.iter() {
            let opcode = if message.kind == Kind::Text { 1 } else { 2 };
            match framing {
                Framing::Whole => frame(&mut bytes, 0x80 | opcode, &message.data),
                Framing::Deflate => frame(&mut bytes, 0xc0 | opcode, &compressed(&message.data)),
                Framing::Fragments { size, ping } => {
                    let last = message.data.len().div_ceil(size) - 1;
                    for (i, part) in message.data.chunks(size).enumerate() {
                        let opcode = if i == 0 { opcode } else { 0 };
                        let fin = if i == last { 0x80 } else { 0 };
                        if ping.is_some_and(|every| i > 0 && i % every == 0) {
                            frame(&mut bytes, 0x89, b"are you there?");
                            pings += 1;
                        }
                        frame(&mut bytes, fin | opcode, part);
                    }
                }
            }
            ends.push(bytes.len());
        }
        Self { bytes: bytes.into(), messages: Rc::clone(messages), pings, ends }
    }
}

fn push_frame(out: &mut Vec<u8>, first: u8, payload: &[u8], key: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ ..126 => out.push(0x80 | len as u8),
        len @ ..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

fn compressed(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 64);
    Compress::new(Compression::new(6), false)
        .compress_vec(data, &mut out, FlushCompress::Sync)
        .expect("compresses");
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "room for all of it");
    out.truncate(out.len() - 4);
    out
}

/// Whether `written` is exactly these messages as frames of `role`, and `pongs` pongs.
pub fn check_frames(
    role: Role,
    expected: &[Message],
    pongs: usize,
    mut written: &[u8],
) -> Result<(), String> {
    let (mut got, mut seen) = (Vec::new(), 0);
    let (mut inflate, mut open) = (Decompress::new(false), None::<(Kind, bool, Vec<u8>)>);
    while !written.is_empty() {
        let frame = Frame::take(&mut written, role).ok_or("a frame is cut or not of this role")?;
        let kind = match frame.opcode {
            0 => None,
            1 => Some(Kind::Text),
            2 => Some(Kind::Binary),
            10 => {
                seen += 1;
                continue;
            }
            other => return Err(format!("a frame with opcode {other}")),
        };
        let (kind, rsv1, data) = match (open.take(), kind) {
            (None, Some(kind)) => (kind, frame.rsv1, frame.payload),
            (Some((kind, rsv1, mut data)), None) => {
                data.extend_from_slice(&frame.payload);
                (kind, rsv1, data)
            }
            _ => return Err("fragments out of order".into()),
        };
        if !frame.fin {
            open = Some((kind, rsv1, data));
            continue;
        }
        let data = if rsv1 { inflated(&mut inflate, data)? } else { data };
        got.push(Message { kind, data: data.into() });
    }
    if seen != pongs {
        return Err(format!("{seen} pongs instead of {pongs}"));
    }
    check_messages(expected, &got)
}

struct Frame {
    fin: bool,
    rsv1: bool,
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn take(bytes: &mut &[u8], role: Role) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let masked = second & 0x80 != 0;
        let (len, rest) = match second & 0x7f {
            126 => rest.split_first_chunk().map(|(len, r)| (u16::from_be_bytes(*len).into(), r))?,
            127 => rest.split_first_chunk().map(|(len, r)| (u64::from_be_bytes(*len), r))?,
            len => (u64::from(len), rest),
        };
        let (key, rest) = if masked { rest.split_at_checked(4)? } else { (&[0; 4][..], rest) };
        let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        *bytes = rest;
        (masked == (role == Role::Client) && first & 0x30 == 0).then_some(Self {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            opcode: first & 0x0f,
            payload: payload.collect(),
        })
    }
}

fn inflated(inflate: &mut Decompress, mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    data.extend_from_slice(&[0, 0, 0xff, 0xff]);
    let (mut out, start) = (Vec::with_capacity(1 << 21), inflate.total_in());
    inflate.decompress_vec(&data, &mut out, FlushDecompress::Sync).map_err(|e| e.to_string())?;
    let all = inflate.total_in() - start == data.len() as u64;
    all.then_some(out).ok_or_else(|| "compressed data left over".into())
}
