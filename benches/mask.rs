//! Masking (RFC 6455 §5.3): every class of length, every place within a vector with every phase
//! of the key; beside memcpy, and the loop that the RFC describes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::input::{Content, KEY, mask, name_of};
use criterion::{BenchmarkId, Criterion};
use websans::mask::Mask;

/// From the shortest messages to what hardly a cache holds.
const LENGTHS: [usize; 9] = [16, 64, 125, 256, 1 << 10, 16 << 10, 64 << 10, 1 << 20, 4 << 20];

/// The widest vectors are so many bytes: each offset within them is another alignment.
const VECTOR: usize = 32;

/// A payload, and room to lay it at every place within a vector.
struct Payload {
    plain: Vec<u8>,
    memory: Vec<u8>,
}

impl Payload {
    fn new(len: usize) -> Self {
        Self { plain: Content::Binary.bytes(len), memory: vec![0; len + 2 * VECTOR] }
    }

    /// The payload, laid `offset` bytes behind the beginning of a vector.
    fn at(&mut self, offset: usize) -> &mut [u8] {
        let start = self.memory.as_ptr().align_offset(VECTOR) + offset;
        let place = &mut self.memory[start..start + self.plain.len()];
        place.copy_from_slice(&self.plain);
        place
    }
}

/// A mask that `phase` bytes have gone through before.
fn mask_in_phase(phase: usize) -> Mask {
    let mut mask = Mask::new(KEY);
    mask.advance(phase);
    mask
}

fn check(payload: &mut Payload, offset: usize, phase: usize) {
    let mut key = KEY;
    key.rotate_left(phase);
    let expected = mask(&payload.plain, key);
    let place = payload.at(offset);
    mask_in_phase(phase).apply(place);
    assert!(place == expected, "{} bytes at {offset}, phase {phase}", expected.len());
}

fn lengths(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask/length");
    for len in LENGTHS {
        let mut payload = Payload::new(len);
        check(&mut payload, 1, 0);
        group.throughput(common::bytes(len));
        // At an odd place, as payloads lie behind their headers.
        let place = payload.at(1);
        group.bench_function(BenchmarkId::new("apply", name_of(len)), |b| {
            b.iter(|| Mask::new(KEY).apply(black_box(&mut *place)));
        });
        group.bench_function(BenchmarkId::new("and test ASCII", name_of(len)), |b| {
            b.iter(|| Mask::new(KEY).apply_and_test_ascii(black_box(&mut *place)));
        });
        group.bench_function(BenchmarkId::new("naive", name_of(len)), |b| {
            b.iter(|| {
                for (octet, key) in black_box(&mut *place).iter_mut().zip(KEY.iter().cycle()) {
                    *octet ^= key;
                }
            });
        });
        let mut copy = vec![0; len];
        group.bench_function(BenchmarkId::new("memcpy", name_of(len)), |b| {
            b.iter(|| black_box(&mut copy).copy_from_slice(black_box(place)));
        });
    }
}

fn places(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask/place");
    for len in [125, 1 << 10] {
        group.throughput(common::bytes(len));
        let mut payload = Payload::new(len);
        for offset in 0..VECTOR {
            (0..KEY.len()).for_each(|phase| check(&mut payload, offset, phase));
            // The phase turns the key once, whatever the alignment: all phases at one of them.
            let phases = if offset == 1 { 0..KEY.len() } else { offset % 4..offset % 4 + 1 };
            for phase in phases {
                let place = payload.at(offset);
                let name = format!("{} phase {phase} offset {offset}", name_of(len));
                group.bench_function(name, |b| {
                    b.iter(|| mask_in_phase(black_box(phase)).apply(black_box(&mut *place)));
                });
            }
        }
    }
}

fn main() {
    let mut c = common::criterion();
    lengths(&mut c);
    places(&mut c);
    c.final_summary();
}
