//! Raw bytes to a server's connection: `fuzz/src/drive.rs` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    websans_fuzz::heap::balanced(|| websans_fuzz::drive::raw(websans::Role::Server, data));
});
