//! One way to drive an endpoint in tests: bytes in, in any cut; a [`Transcript`] out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use websans::frame::{FrameHeader, Opcode};
use websans::{
    CloseCode, Config, Connection, Error, Event, MaskingKeySource, RecvBuf, Role, SendBuf,
};

/// An event that outlives its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(data) => Self::Binary(data.into()),
            Event::Ping(payload) => Self::Ping(payload.into()),
            Event::Pong(payload) => Self::Pong(payload.into()),
            Event::Close(frame) => Self::Close(frame.code, frame.reason.into()),
        }
    }
}

/// All that an endpoint did with the bytes it was fed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    pub events: Vec<Owned>,
    pub output: Vec<u8>,
    pub error: Option<Error>,
}

/// The defaults; without `std`, where a client has no masking keys by default, with some.
pub fn config() -> Config {
    let config = Config::default();
    if cfg!(feature = "std") { config } else { config.masking_keys(FIXED_KEY) }
}

pub fn connection(role: Role, config: Config) -> Connection {
    match role {
        Role::Client => Connection::client(config),
        Role::Server => Connection::server(config),
    }
}

/// Feeds the chunks one after the other, with messages whole. Checks on the way that no call
/// spins, and that an error is final.
pub fn feed<'a>(
    role: Role,
    config: Config,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Transcript {
    let (mut ws, mut rx, mut tx) = (connection(role, config), RecvBuf::new(), SendBuf::new());
    let mut got = Transcript::default();
    for chunk in chunks {
        rx.extend(chunk);
        for step in 0.. {
            assert!(step <= rx_steps(&rx, chunk), "spins");
            match ws.next_event(&mut rx, &mut tx) {
                Ok(Some(event)) => got.events.push(event.into()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error), "sticky");
                    assert_eq!(*got.error.get_or_insert(error), error);
                    break;
                }
            }
        }
    }
    got.output = tx.as_slice().to_vec();
    got
}

/// Every event consumes at least the two bytes of a frame header.
fn rx_steps(rx: &RecvBuf, chunk: &[u8]) -> usize {
    rx.len() + chunk.len() + 2
}

/// [`feed`] with messages in parts, which are put together again.
pub fn feed_partial<'a>(
    role: Role,
    config: Config,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Transcript {
    let (mut ws, mut rx, mut tx) = (connection(role, config), RecvBuf::new(), SendBuf::new());
    let mut got = Transcript::default();
    let mut message: Option<Vec<u8>> = None;
    for chunk in chunks {
        rx.extend(chunk);
        for step in 0.. {
            assert!(step <= rx_steps(&rx, chunk), "spins");
            let (data, first, last, text) = match ws.next_partial(&mut rx, &mut tx) {
                Ok(Some(Event::Text(part))) => (part.data.as_bytes(), part.first, part.last, true),
                Ok(Some(Event::Binary(part))) => (part.data, part.first, part.last, false),
                Ok(Some(Event::Ping(payload))) => {
                    got.events.push(Owned::Ping(payload.into()));
                    continue;
                }
                Ok(Some(Event::Pong(payload))) => {
                    got.events.push(Owned::Pong(payload.into()));
                    continue;
                }
                Ok(Some(Event::Close(frame))) => {
                    got.events.push(Owned::Close(frame.code, frame.reason.into()));
                    continue;
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(*got.error.get_or_insert(error), error);
                    break;
                }
            };
            assert_eq!(first, message.is_none());
            let whole = message.get_or_insert_default();
            whole.extend_from_slice(data);
            if last {
                let whole = message.take().unwrap();
                got.events.push(if text {
                    Owned::Text(String::from_utf8(whole).unwrap())
                } else {
                    Owned::Binary(whole)
                });
            }
        }
    }
    got.output = tx.as_slice().to_vec();
    got
}

/// Feeds the same bytes at once, cut in two at every place, and byte by byte, with messages whole
/// and in parts: the events, the output and the error must be the same each time.
pub fn feed_every_way(role: Role, config: Config, wire: &[u8]) -> Transcript {
    let config = config.masking_keys(FIXED_KEY);
    let expected = feed(role, config, [wire]);
    let check = |chunks: &[&[u8]]| {
        let whole = feed(role, config, chunks.iter().copied());
        assert_eq!(whole, expected, "whole messages, cut as {:?}", lengths(chunks));
        let parts = feed_partial(role, config, chunks.iter().copied());
        assert_eq!(parts, expected, "messages in parts, cut as {:?}", lengths(chunks));
    };
    check(&[wire]);
    check(&wire.chunks(1).collect::<Vec<_>>());
    for cut in 1..wire.len().min(600) {
        check(&[&wire[..cut], &wire[cut..]]);
    }
    expected
}

/// So that the output of two runs can be compared.
pub const FIXED_KEY: MaskingKeySource = MaskingKeySource(|key| {
    key.fill(0x5a);
    Ok(())
});

fn lengths(chunks: &[&[u8]]) -> Vec<usize> {
    chunks.iter().map(|chunk| chunk.len()).collect()
}

pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Octet by octet, as §5.3 says it.
pub fn mask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload.iter().enumerate().map(|(i, octet)| octet ^ key[i % 4]).collect()
}

/// A frame as the peer of `role` sends it: masked to a server, not masked to a client.
pub fn frame_to(role: Role, opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader::new(opcode, payload.len() as u64).with_fin(fin);
    match role {
        Role::Client => [&header.encode(), payload].concat(),
        Role::Server => {
            [&*header.with_masking_key(Some(KEY)).encode(), &mask(payload, KEY)].concat()
        }
    }
}

/// The header alone, as the peer of `role` sends it.
pub fn header_to(role: Role, header: FrameHeader) -> Vec<u8> {
    header.with_masking_key((role == Role::Server).then_some(KEY)).encode().to_vec()
}

/// The frames that an endpoint has sent, unmasked.
pub fn frames(mut wire: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((header, len)) = FrameHeader::decode(wire).unwrap() {
        let end = len + usize::try_from(header.payload_len()).unwrap();
        let payload = mask(&wire[len..end], header.masking_key().unwrap_or_default());
        all.push((header, payload));
        wire = &wire[end..];
    }
    assert!(wire.is_empty(), "ends within a frame header");
    all
}

/// The code of the close frame that the output ends with.
pub fn closed_with(output: &[u8]) -> Option<u16> {
    let (header, payload) = frames(output).pop()?;
    assert_eq!(header.opcode(), Opcode::CLOSE, "the last frame");
    payload.first_chunk().map(|code| u16::from_be_bytes(*code))
}

/// Reads once from `input`, as [`RecvBuf::read_from`] does.
pub fn read(rx: &mut RecvBuf, input: &mut &[u8]) -> usize {
    let spare = rx.spare_mut();
    let n = spare.len().min(input.len());
    spare[..n].copy_from_slice(&input[..n]);
    *input = &input[n..];
    rx.advance(n);
    n
}

pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Counts what this thread allocates, so that bounds are measured and not argued.
pub struct Counting;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Bytes held now, less those held when counting began.
    pub held: isize,
    /// The most that were held.
    pub peak: isize,
    /// How often memory was asked for.
    pub allocations: usize,
}

thread_local! {
    static HEAP: Cell<Heap> = const { Cell::new(Heap { held: 0, peak: 0, allocations: 0 }) };
}

fn count(bytes: isize, allocations: usize) {
    let _ = HEAP.try_with(|heap| {
        let mut now = heap.get();
        now.held += bytes;
        now.peak = now.peak.max(now.held);
        now.allocations += allocations;
        heap.set(now);
    });
}

#[allow(unsafe_code)]
// SAFETY: it hands every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed(), 1);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed(), 1);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed(), 0);
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed(), 1);
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `f` does to the heap of this thread.
pub fn measure<T>(f: impl FnOnce() -> T) -> (T, Heap) {
    HEAP.with(|heap| heap.set(Heap::default()));
    let result = f();
    (result, HEAP.with(Cell::get))
}
