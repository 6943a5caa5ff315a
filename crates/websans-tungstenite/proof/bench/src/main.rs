//! Time on the processor for each message, read and written in memory, and the memory of an idle pair.
//!
//! Only ratios within one run count: the median of rounds in which both take turns.

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
#[derive(Debug, Default)]
struct Memory {
    input: Vec<u8>,
    read: usize,
    output: Vec<u8>,
    keep: bool,
    written: usize,
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.read..];
        let n = rest.len().min(buf.len()).min(64 << 10);
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
        // The copy that a socket makes.
        let n = buf.len().min(64 << 10);
        if !self.keep {
            self.output.clear();
        }
        self.output.extend_from_slice(&buf[..n]);
        self.written += n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! library {
    ($name:ident) => {
        mod $name {
            use super::*;
            use ::$name::protocol::Role;
            use ::$name::{Message, WebSocket};

            fn roles(server: bool) -> (Role, Role) {
                if server { (Role::Server, Role::Client) } else { (Role::Client, Role::Server) }
            }

            fn message(len: usize, text: bool) -> Message {
                if text { Message::text("x".repeat(len)) } else { Message::binary(vec![b'x'; len]) }
            }

            fn wire(role: Role, message: &Message, count: usize) -> Vec<u8> {
                let memory = Memory { keep: true, ..Memory::default() };
                let mut peer = WebSocket::from_raw_socket(memory, role, None);
                for _ in 0..count {
                    peer.send(message.clone()).unwrap();
                }
                peer.into_inner().output
            }

            pub fn read(server: bool, len: usize, text: bool, count: usize) -> Duration {
                let (role, peer) = roles(server);
                let input = wire(peer, &message(len, text), count);
                let memory = Memory { input, ..Memory::default() };
                let mut socket = WebSocket::from_raw_socket(memory, role, None);
                let begin = ThreadTime::now();
                for _ in 0..count {
                    assert_eq!(socket.read().unwrap().len(), len);
                }
                begin.elapsed()
            }

            pub fn write(server: bool, len: usize, text: bool, count: usize) -> Duration {
                let mut socket =
                    WebSocket::from_raw_socket(Memory::default(), roles(server).0, None);
                let message = message(len, text);
                let begin = ThreadTime::now();
                for _ in 0..count {
                    socket.send(message.clone()).unwrap();
                }
                let time = begin.elapsed();
                assert!(socket.get_ref().written >= len * count);
                time
            }

            /// The heap of an idle pair after an echo of this size.
            pub fn idle(len: usize) -> isize {
                let inputs = [false, true].map(|it| wire(roles(it).1, &message(len, false), 1));
                let mut sockets = Vec::with_capacity(2);
                let before = ALLOCATED.load(Relaxed);
                for (server, input) in [false, true].into_iter().zip(inputs) {
                    let memory = Memory { input, ..Memory::default() };
                    let role = roles(server).0;
                    sockets.push(WebSocket::from_raw_socket(memory, role, None));
                }
                let of_pipes: usize =
                    sockets.iter().map(|socket| socket.get_ref().input.capacity()).sum();
                for socket in &mut sockets {
                    let message = socket.read().unwrap();
                    socket.send(message).unwrap();
                    assert!(socket.read().is_err());
                }
                for socket in &mut sockets {
                    socket.get_mut().output = Vec::new();
                }
                let _ = of_pipes;
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

fn compare(
    theirs: impl Fn(usize) -> Duration,
    ours: impl Fn(usize) -> Duration,
    count: usize,
) -> String {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        a.push(theirs(count));
        b.push(ours(count));
    }
    let (a, b) = (median(a) / count as f64, median(b) / count as f64);
    format!("{:.2} ({a:.0} / {b:.0})", a / b)
}

fn main() {
    println!("tungstenite's time as a multiple of ours (ns a message, tungstenite's / ours)\n");
    println!("| bytes | kind | server reads | client reads | server writes | client writes |");
    println!("|---:|---|---:|---:|---:|---:|");
    for len in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
        let count = ((8 << 20) / (len + 200)).clamp(16, 20_000);
        for text in [false, true] {
            let cells = [true, false].map(|server| {
                compare(
                    |count| theirs::read(server, len, text, count),
                    |count| ours::read(server, len, text, count),
                    count,
                )
            });
            let writes = [true, false].map(|server| {
                compare(
                    |count| theirs::write(server, len, text, count),
                    |count| ours::write(server, len, text, count),
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
