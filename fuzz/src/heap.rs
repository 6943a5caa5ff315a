//! An allocator that counts, so that bounds on memory are measured and not argued.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[derive(Clone, Copy)]
struct Heap {
    held: isize,
    peak: isize,
}

thread_local! {
    static HEAP: Cell<Heap> = const { Cell::new(Heap { held: 0, peak: 0 }) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(freed: usize, allocated: usize) {
    let _ = HEAP.try_with(|heap| {
        let Heap { held, peak } = heap.get();
        // While memory grows, the old piece and the new one may both be there.
        let both = held + allocated.cast_signed();
        heap.set(Heap { held: both - freed.cast_signed(), peak: peak.max(both) });
    });
}

// SAFETY: it hands every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        unsafe { System.realloc(ptr, layout, size) }
    }
}

/// What a part of the program holds: of what is run in it, and of nothing else.
#[derive(Debug, Default)]
pub struct Meter {
    held: isize,
    peak: isize,
}

impl Meter {
    /// Runs `f`, and counts what it allocates and frees.
    pub fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let before = HEAP.with(|heap| {
            let held = heap.get().held;
            heap.set(Heap { held, peak: held });
            held
        });
        let result = f();
        let after = HEAP.with(Cell::get);
        self.peak = self.peak.max(self.held + after.peak - before);
        self.held += after.held - before;
        result
    }

    /// The most bytes that were held.
    pub fn peak(&self) -> usize {
        self.peak.unsigned_abs()
    }
}

/// Runs `f`, which must give back all memory that it took.
pub fn balanced(f: impl FnOnce()) {
    let mut meter = Meter::default();
    meter.run(f);
    assert_eq!(meter.held, 0, "memory that was not given back");
}
