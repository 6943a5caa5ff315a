//! UTF-8 validation, whole and in pieces, beside the standard library and simdutf8 alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::input::{Content, name_of};
use criterion::BenchmarkId;
use websans::utf8::{Utf8Validator, whole_characters};

const LENGTHS: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// As much as one read brings, or one fragment.
const PIECE: usize = 4 << 10;

/// How many bytes come out of a validator that gets the text in pieces.
fn in_pieces(text: &[u8]) -> usize {
    let mut validator = Utf8Validator::new();
    let mut out = 0;
    for piece in text.chunks(PIECE) {
        let (character, rest) = validator.push(piece).expect("is UTF-8");
        out += character.len() + rest.len();
    }
    assert!(validator.is_complete());
    out
}

fn main() {
    let mut c = common::criterion();
    for content in [Content::Ascii, Content::Mixed] {
        let mut group = c.benchmark_group(format!("utf8/{}", content.name()));
        for len in LENGTHS {
            let text = content.bytes(len);
            check(&text);
            group.throughput(common::bytes(len));
            let mut bench = |name: &str, validate: &dyn Fn(&[u8]) -> usize| {
                assert_eq!(validate(&text), len, "{name}");
                group.bench_function(BenchmarkId::new(name, name_of(len)), |b| {
                    b.iter(|| validate(black_box(&text)));
                });
            };
            bench("whole_characters", &|text| whole_characters(text).expect("is UTF-8"));
            bench("Utf8Validator, 4 KiB pieces", &in_pieces);
            bench("std", &|text| std::str::from_utf8(text).expect("is UTF-8").len());
            bench("simdutf8", &|text| simdutf8::basic::from_utf8(text).expect("is UTF-8").len());
        }
    }
    c.final_summary();
}

/// What is timed finds a bad byte, and a character that is cut.
fn check(text: &[u8]) {
    let mut bad = text.to_vec();
    let middle = bad.len() / 2;
    bad[middle] = 0xff;
    let error = whole_characters(&bad).expect_err("0xff is never part of UTF-8");
    let expected = std::str::from_utf8(&bad).expect_err("as above").valid_up_to();
    assert_eq!(error.valid_up_to, expected);
    let cut = [text, "é".as_bytes()].concat();
    assert_eq!(whole_characters(&cut[..cut.len() - 1]), Ok(text.len()));
}
