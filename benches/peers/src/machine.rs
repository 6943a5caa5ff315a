//! What the machine itself reaches, for the same work on every byte.

use std::{hint::black_box, rc::Rc};

use crate::{
    kernels,
    measure::{Plan, Runner, Stat, take_turns, timed},
    table::{Row, Table, name_of},
    workload::{Content, messages_of},
};

const SIZES: [usize; 6] = [1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 64 << 20];
const KEY: [u8; 4] = [0x5a, 0x17, 0xc3, 0x88];

/// Works on `data`, and on as many bytes of another place.
type Kernel = fn(data: &mut [u8], other: &mut Vec<u8>);

fn kernels() -> Vec<(&'static str, Content, Kernel)> {
    let mut all: Vec<(_, _, Kernel)> = vec![
        ("memcpy", Content::Binary, |data, other| {
            other.clear();
            other.extend_from_slice(data);
        }),
        ("XOR in place, plain u64 loop", Content::Binary, |data, _| {
            kernels::xor_plain(data, KEY);
        }),
    ];
    #[cfg(target_arch = "x86_64")]
    if kernels::has_avx2() {
        all.push(("XOR in place, AVX2, unaligned", Content::Binary, |data, _| {
            // SAFETY: this line is only there with AVX2.
            unsafe { kernels::avx2::xor(data, KEY) };
        }));
        all.push(("XOR in place, AVX2, aligned stores (best)", Content::Binary, |data, _| {
            // SAFETY: as above, and no size is below 64.
            unsafe { kernels::avx2::xor_aligned(data, KEY) };
        }));
    }
    all.extend::<[(_, _, Kernel); 6]>([
        ("XOR in place, websans::mask", Content::Binary, |data, _| {
            websans::mask::Mask::new(KEY).apply(data);
        }),
        ("copy and XOR in one pass", Content::Binary, |data, other| {
            other.clear();
            kernels::append_xor(other, data, KEY);
        }),
        ("UTF-8, std, ASCII", Content::Ascii, |data, _| assert!(str::from_utf8(data).is_ok())),
        ("UTF-8, std, mixed", Content::Mixed, |data, _| assert!(str::from_utf8(data).is_ok())),
        ("UTF-8, simdutf8, ASCII", Content::Ascii, |data, _| {
            assert!(simdutf8::basic::from_utf8(data).is_ok());
        }),
        ("UTF-8, simdutf8, mixed", Content::Mixed, |data, _| {
            assert!(simdutf8::basic::from_utf8(data).is_ok());
        }),
    ]);
    all
}

/// Measures all kernels, after a check of those that mask.
pub fn measure(plan: Plan) -> Table {
    let all = kernels();
    for (name, _, kernel) in all.iter().filter(|(name, ..)| name.contains("XOR")) {
        check(name, *kernel);
    }
    let mut rows: Vec<_> =
        all.iter().map(|(name, ..)| Row { name: (*name).to_owned(), cells: vec![] }).collect();
    for size in SIZES {
        eprintln!("  The machine, {}", name_of(size));
        // The largest is for DRAM: slow, and with little noise.
        let turns = if size > 1 << 24 { plan.turns.min(5) } else { plan.turns };
        let runners = all.iter().map(|(_, content, kernel)| Some(runner(size, *content, *kernel)));
        let stats = take_turns(Plan { turns, ..plan }, runners.collect());
        for (row, stat) in rows.iter_mut().zip(stats) {
            row.cells.push(stat.map(|stat| per_second(size, stat)));
        }
    }
    Table {
        id: "machine",
        title: "The machine",
        unit: "GiB/s",
        columns: SIZES.map(name_of).into(),
        rows,
    }
}

fn runner(size: usize, content: Content, kernel: Kernel) -> Runner {
    // One byte off, as payloads lie after their headers.
    let mut data = vec![b'.'];
    let some = messages_of(content, size.min(1 << 20), 1);
    some.iter().cycle().take(size.div_ceil(1 << 20)).for_each(|message| data.extend(&message.data));
    let (mut other, times) = (Vec::with_capacity(size), (1 << 18 >> size.ilog2()).max(1));
    Runner::new(times, move || {
        timed(|| {
            for _ in 0..times {
                kernel(black_box(&mut data[1..]), &mut other);
                black_box(&other);
            }
        })
    })
}

fn per_second(size: usize, stat: Stat) -> Stat {
    let gib = |time: f64| size as f64 / time * 1e9 / f64::from(1 << 30);
    Stat { min: gib(stat.min), median: gib(stat.median) }
}

fn check(name: &str, kernel: Kernel) {
    for len in 64..512 {
        let data: Rc<[u8]> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
        let expected: Vec<_> = data.iter().zip(KEY.iter().cycle()).map(|(a, b)| a ^ b).collect();
        let (mut masked, mut other) = (data.to_vec(), Vec::new());
        kernel(&mut masked, &mut other);
        let masked = if other.is_empty() { masked } else { other };
        assert!(masked == expected, "{name} masks {len} bytes wrongly");
    }
}
