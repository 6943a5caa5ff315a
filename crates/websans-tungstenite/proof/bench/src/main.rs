//! Time on the processor for each message, read and written in memory, and the memory of an idle pair.
//!
//! Only ratios within one run count: the median of rounds in which both take turns.
//! Arguments are sizes of messages, in place of all.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Duration;

use cpu_time::ThreadTime;

/// How many bytes are allocated.
static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: all is passed on to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as isize, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size() as isize, Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A transport that gives what it is given, at most 64 KiB a read, and then would block.
#[derive(Debug)]
struct Memory {
    input: Vec<u8>,
    read: usize,
    /// All that was written, if that is kept.
    output: Vec<u8>,
    keep: bool,
    written: usize,
    /// Of what was written.
    sum: u64,
}

/// As much as a socket takes at once.
const SOCKET: usize = 64 << 10;

impl Memory {
    fn of(input: Vec<u8>) -> Self {
        Self { input, read: 0, output: Vec::new(), keep: false, written: 0, sum: 0 }
    }

    fn kept() -> Self {
        Self { keep: true, ..Self::of(Vec::new()) }
    }
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.read..];
        let n = rest.len().min(buf.len()).min(SOCKET);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Ok(n)
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(SOCKET);
        if self.keep {
            self.output.extend_from_slice(&buf[..n]);
        } else {
            // Looks at each byte once, as a socket does.
            let words =
                buf[..n].chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
            self.sum = words.fold(self.sum, u64::wrapping_add);
        }
        self.written += n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// So many messages go before those that are measured: what is told is the steady state.
const WARM_UP: usize = 4;

macro_rules! library {
    ($name:ident) => {
        mod $name {
            use super::*;
            use ::$name::protocol::Role;
            use ::$name::{Bytes, Message, WebSocket};

            fn roles(server: bool) -> (Role, Role) {
                if server { (Role::Server, Role::Client) } else { (Role::Client, Role::Server) }
            }

            /// `shift` is where it begins in its memory.
            fn message(len: usize, text: bool, shift: usize) -> Message {
                let payload = Bytes::from(vec![b'x'; PAGE + len]).slice(shift..shift + len);
                if text {
                    Message::Text(payload.try_into().unwrap())
                } else {
                    Message::Binary(payload)
                }
            }

            fn wire(role: Role, message: &Message, count: usize) -> Vec<u8> {
                let mut peer = WebSocket::from_raw_socket(Memory::kept(), role, None);
                for _ in 0..count {
                    peer.send(message.clone()).unwrap();
                }
                peer.into_inner().output
            }

            pub fn read(
                server: bool,
                len: usize,
                text: bool,
                count: usize,
                shift: usize,
            ) -> Duration {
                let (role, peer) = roles(server);
                let mut input = vec![0; shift];
                input.extend(wire(peer, &message(len, text, 0), count + WARM_UP));
                let memory = Memory { read: shift, ..Memory::of(input) };
                let mut socket = WebSocket::from_raw_socket(memory, role, None);
                for _ in 0..WARM_UP {
                    assert_eq!(socket.read().unwrap().len(), len);
                }
                let begin = ThreadTime::now();
                for _ in 0..count {
                    assert_eq!(socket.read().unwrap().len(), len);
                }
                begin.elapsed()
            }

            pub fn write(
                server: bool,
                len: usize,
                text: bool,
                count: usize,
                shift: usize,
            ) -> Duration {
                let mut socket =
                    WebSocket::from_raw_socket(Memory::of(Vec::new()), roles(server).0, None);
                let message = message(len, text, shift);
                for _ in 0..WARM_UP {
                    socket.send(message.clone()).unwrap();
                }
                let begin = ThreadTime::now();
                for _ in 0..count {
                    socket.send(message.clone()).unwrap();
                }
                let time = begin.elapsed();
                assert!(socket.get_ref().written >= len * count);
                std::hint::black_box(socket.get_ref().sum);
                time
            }

            /// The heap of an idle pair after an echo of this size.
            pub fn idle(len: usize) -> isize {
                let inputs = [false, true].map(|it| wire(roles(it).1, &message(len, false, 0), 1));
                let mut sockets = Vec::with_capacity(2);
                let before = ALLOCATED.load(Relaxed);
                for (server, input) in [false, true].into_iter().zip(inputs) {
                    let role = roles(server).0;
                    sockets.push(WebSocket::from_raw_socket(Memory::of(input), role, None));
                }
                for socket in &mut sockets {
                    let message = socket.read().unwrap();
                    socket.send(message).unwrap();
                    assert!(socket.read().is_err());
                }
                for socket in &mut sockets {
                    socket.get_mut().output = Vec::new();
                }
                ALLOCATED.load(Relaxed) - before
            }
        }
    };
}

library!(theirs);
library!(ours);

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64
}

/// In each round the payload lies otherwise beside the libraries' own buffers: some processors copy many
/// times slower when the two have the same place in their pages, which neither library can help.
fn compare(
    theirs: impl Fn(usize, usize) -> Duration,
    ours: impl Fn(usize, usize) -> Duration,
    count: usize,
) -> String {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let shift = round * PAGE / ROUNDS + round;
        a.push(theirs(count, shift));
        b.push(ours(count, shift));
    }
    let (a, b) = (median(a) / count as f64, median(b) / count as f64);
    format!("{:.2} ({a:.0} / {b:.0})", a / b)
}

const ROUNDS: usize = 15;
const PAGE: usize = 4096;

/// Keeps freed memory in the process. Else the allocator gives some of it to the system and asks for it
/// again with each message, or does not, depending on what lies at the end of the heap; it would weigh
/// more than all else, and on either library at random.
fn keep_freed_memory() {
    // SAFETY: no other thread runs yet.
    let set = unsafe {
        [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD].map(|what| libc::mallopt(what, 1 << 30))
    };
    assert_eq!(set, [1, 1]);
}

fn main() {
    keep_freed_memory();
    println!("tungstenite's time as a multiple of ours (ns a message, tungstenite's / ours)\n");
    println!("| bytes | kind | server reads | client reads | server writes | client writes |");
    println!("|---:|---|---:|---:|---:|---:|");
    let given: Vec<usize> =
        std::env::args().skip(1).map(|it| it.parse().expect("a number of bytes")).collect();
    let all = vec![16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];
    for len in if given.is_empty() { all } else { given } {
        let count = ((8 << 20) / (len + 200)).clamp(16, 20_000);
        for text in [false, true] {
            let cells = [true, false].map(|server| {
                compare(
                    |count, shift| theirs::read(server, len, text, count, shift),
                    |count, shift| ours::read(server, len, text, count, shift),
                    count,
                )
            });
            let writes = [true, false].map(|server| {
                compare(
                    |count, shift| theirs::write(server, len, text, count, shift),
                    |count, shift| ours::write(server, len, text, count, shift),
                    count,
                )
            });
            let kind = if text { "text" } else { "binary" };
            println!("| {len} | {kind} | {} | {} |", cells.join(" | "), writes.join(" | "));
        }
    }
    println!("\n| an idle pair after an echo of | tungstenite | ours |\n|---:|---:|---:|");
    for len in [16, 1 << 10, 64 << 10, 1 << 20] {
        ours::idle(len); // what the thread keeps for all its connections
        println!("| {len} | {} B | {} B |", theirs::idle(len), ours::idle(len));
    }
}
