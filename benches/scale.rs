//! A million idle connections in one process: what each takes, and what a message to any of them
//! costs. It prints a table in Markdown, and fails when the README's figures do not hold.
//!
//! This is the state of the protocol alone: there are no sockets, whose buffers in the kernel take
//! far more, and no table that finds a connection's state. Each has echoed 64 KiB before, through
//! the one `RecvBuf` and the one `SendBuf` that all of them share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_precision_loss)] // figures to look at

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::input::{BINARY, Content, Random, frame};
use cpu_time::ThreadTime;
use websans::{Config, Connection, Event, RecvBuf, SendBuf};

const COUNTS: [usize; 5] = [1, 1000, 10_000, 100_000, 1_000_000];

/// What an idle connection may take, and a million of them.
const MOST_EACH: usize = 256;
const MOST_IN_ALL: usize = 300 << 20;

/// How many messages are timed at once, and how often; the least counts.
const MESSAGES: usize = 50_000;
const ROUNDS: usize = 7;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static HEAP: AtomicUsize = AtomicUsize::new(0);

/// Nothing here has a second thread, so that a load and a store will do.
fn add(bytes: usize) {
    HEAP.store(HEAP.load(Relaxed).wrapping_add(bytes), Relaxed);
}

#[allow(unsafe_code)]
// SAFETY: it hands every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        add(layout.size().wrapping_neg());
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size.wrapping_sub(layout.size()));
        unsafe { System.realloc(ptr, layout, size) }
    }
}

/// The memory of this process that is resident; `None` where the system does not say.
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// A message as it comes, and as it is to go back.
struct Echo {
    wire: Vec<u8>,
    back: Vec<u8>,
}

impl Echo {
    fn new(len: usize) -> Self {
        let payload = Content::Binary.bytes(len);
        let wire = frame(true, true, BINARY, &payload);
        Self { wire, back: frame(false, true, BINARY, &payload) }
    }

    /// By any connection, with the buffers that all share.
    fn by(&self, ws: &mut Connection, rx: &mut RecvBuf, tx: &mut SendBuf) {
        let mut wire = &self.wire[..];
        while !wire.is_empty() {
            rx.read_from(&mut wire).expect("reads from memory");
            while let Some(event) = ws.next_event(rx, tx).expect("no violation") {
                let Event::Binary(data) = event else { panic!("not what was sent") };
                ws.send_binary(data, tx).expect("sends");
            }
        }
        assert!(tx.as_slice() == self.back, "something else came back");
        tx.consume(usize::MAX);
        assert!(rx.is_empty() && tx.is_empty());
    }
}

/// What was measured of so many connections.
struct Figures {
    heap: usize,
    resident: Option<usize>,
    nanoseconds: f64,
}

fn measure(count: usize) -> Figures {
    let (large, small) = (Echo::new(64 << 10), Echo::new(64));
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let order: Vec<usize> = (0..MESSAGES).map(|_| random.below(count)).collect();
    let (heap, resident_before) = (HEAP.load(Relaxed), resident());

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut all: Vec<Connection> =
        (0..count).map(|_| Connection::server(Config::default())).collect();
    for ws in &mut all {
        large.by(ws, &mut rx, &mut tx);
    }
    rx.release();
    tx.release();
    let heap = HEAP.load(Relaxed) - heap;
    let resident = resident().zip(resident_before).map(|(now, before)| now.saturating_sub(before));

    let rounds = (0..ROUNDS).map(|_| {
        let start = ThreadTime::now();
        for &i in &order {
            small.by(&mut all[i], &mut rx, &mut tx);
        }
        start.elapsed()
    });
    let least = rounds.min().unwrap_or_default();
    black_box(&all);
    Figures { heap, resident, nanoseconds: least.as_secs_f64() * 1e9 / MESSAGES as f64 }
}

fn main() {
    println!(
        "| connections | heap, bytes each | heap | resident | echo of 64 B to a random one | × |\n\
         |---:|---:|---:|---:|---:|---:|"
    );
    let mib = |bytes: usize| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let mut of_one = None;
    for count in COUNTS {
        let Figures { heap, resident, nanoseconds } = measure(count);
        println!(
            "| {count} | {} | {} | {} | {nanoseconds:.0} ns | {:.2} |",
            heap / count,
            mib(heap),
            resident.map_or("?".into(), mib),
            nanoseconds / *of_one.get_or_insert(nanoseconds),
        );
        assert!(heap <= MOST_EACH * count, "over {MOST_EACH} bytes each");
        assert!(heap.max(resident.unwrap_or(0)) < MOST_IN_ALL, "over {}", mib(MOST_IN_ALL));
    }
    println!("\nThe state of the protocol alone, without sockets. Each has echoed 64 KiB before.");
}
