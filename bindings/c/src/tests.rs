//! What cannot be brought about from C.

use std::fs;
use std::path::Path;

use crate::boundary::{Opaque, Ptr, guard, guard_or, handles};
use crate::status::{Failure, websans_error, websans_last_error, websans_status};

/// A handle for the test.
struct test_handle(#[allow(dead_code)] Opaque);

handles! {
    test_handle(0x0054_4553): u8;
}

#[test]
fn a_panic_ends_at_the_boundary_and_its_handle_can_only_be_freed() {
    let handle = Ptr::<test_handle>::new(7);
    #[allow(clippy::panic)]
    let status = guard(|| handle.with(|_| panic!("for the test")));
    assert_eq!(status, websans_status::Panic);
    #[allow(clippy::panic)]
    let other = guard_or(3, || panic!("for the test"));
    assert_eq!(other, 3);
    let status = guard(|| handle.with(|_| Ok(())));
    assert_eq!(status, websans_status::Panic);
    handle.free();
}

#[test]
fn every_code_has_a_text_of_its_own() {
    let mut texts = std::collections::BTreeMap::new();
    for status in crate::texts::ALL {
        let text = crate::texts::of(*status);
        assert!(!text.is_empty());
        texts.entry(*status as i32).or_insert(text);
    }
    assert_eq!(texts.len(), crate::texts::ALL.len(), "two codes with the same number");
    let missing = fs::read_to_string(sources().join("status.rs")).unwrap();
    let declared = missing.lines().filter(|line| {
        line.strip_prefix("    ").is_some_and(|line| {
            let mut parts = line.trim_end_matches(',').split(" = ");
            let name = parts.next().is_some_and(|it| it.chars().all(char::is_alphanumeric));
            name && parts.next().is_some_and(|it| it.parse::<i32>().is_ok())
        })
    });
    assert_eq!(declared.count(), crate::texts::ALL.len(), "a code is not in ALL");
}

#[test]
fn a_long_text_is_cut_off_and_ends_with_a_zero() {
    let error = Failure::from(websans::SendError::Full { queued: u64::MAX, limit: usize::MAX });
    let error: websans_error = error.to_error();
    let len = error.text.iter().position(|byte| *byte == 0).unwrap();
    assert!(
        std::str::from_utf8(&error.text[..len]).unwrap().starts_with("18446744073709551615 bytes")
    );
    assert_eq!(error.text.last(), Some(&0));
}

fn sources() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn unsafe_code_stands_in_three_files_with_its_proofs() {
    let allowed = ["boundary.rs", "foreign.rs", "random.rs", "tests.rs"];
    for entry in fs::read_dir(sources()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        if !allowed.contains(&name.as_str()) {
            let word =
                ["unsafe {", "unsafe fn", "unsafe impl"].iter().find(|it| text.contains(**it));
            assert!(word.is_none(), "{name}: {word:?}");
        }
        let code = text.lines().count();
        assert!(code <= 450, "{name} has {code} lines");
    }
}

#[test]
fn functions_are_exported_by_their_own_names_only() {
    for entry in fs::read_dir(sources()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0].starts_with("#[unsafe(")) {
            assert_eq!(pair[0], "#[unsafe(no_mangle)]", "{}", path.display());
            assert!(pair[1].starts_with("pub extern \"C\" fn websans_"), "{}", pair[1]);
        }
    }
}

#[test]
fn the_last_error_is_that_of_the_thread() {
    let failure = Failure::Status(websans_status::Value);
    assert_eq!(failure.report(), websans_status::Value);
    let status = std::thread::spawn(|| {
        let mut error = Failure::Status(websans_status::Ok).to_error();
        websans_last_error(crate::boundary::Out::to(&mut error))
    });
    assert_eq!(status.join().unwrap(), websans_status::Order);
}
