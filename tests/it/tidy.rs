//! The repository's own rules, as tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What has broken other implementations: the names of the tests for it begin with it.
const THREATS: [&str; 43] = [
    // Framing
    "length_overflow",
    "length_msb",
    "spin",
    "declared_alloc",
    "reserved_opcode",
    "non_minimal",
    "rsv",
    "unmasked_delivery",
    "masked_to_client",
    "weak_mask",
    "mask_phase",
    // Messages, control frames, closing
    "tiny_fragments",
    "empty_fragments",
    "quadratic_join",
    "message_limit",
    "control_shape",
    "pong_queue",
    "pong_splice",
    "bad_close",
    "utf8",
    "slow_peer",
    "stale_message",
    // permessage-deflate
    "bomb",
    "window_range",
    "tail",
    "bits_8",
    "bfinal",
    "empty",
    "rsv1_place",
    "negotiation",
    "crime",
    // The opening handshake
    "head_quadratic",
    "header_count",
    "redos",
    "injection",
    "smuggling",
    "early_buffer",
    "cswsh",
    "echo_subprotocol",
    "redirect",
    "lists",
    "key_padding",
    "version",
];

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// `cargo test every_threat -- --nocapture` lists them.
#[test]
fn every_threat_has_a_test_of_its_name() {
    let mut tests: BTreeMap<&str, Vec<String>> = THREATS.iter().map(|key| (*key, vec![])).collect();
    for path in files("tests").iter().chain(&files("src")) {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            // Nothing stands between the two: what is ignored does not count.
            let ["#[test]", function] = pair else { continue };
            let Some(name) = function.strip_prefix("fn ").and_then(|it| it.split('(').next())
            else {
                continue;
            };
            let of_name = |key: &&&str| format!("{name}_").starts_with(&format!("{key}_"));
            // `empty_fragments` is not a test for `empty`.
            if let Some(key) = THREATS.iter().filter(of_name).max_by_key(|key| key.len()) {
                tests.get_mut(key).unwrap().push(name.into());
            }
        }
    }
    for (key, names) in &tests {
        println!("{key}: {}", names.join(", "));
    }
    let missing: Vec<_> = tests.iter().filter(|(_, names)| names.is_empty()).collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
}

#[test]
fn unsafe_stands_in_two_files_only() {
    for path in files("src") {
        let text = fs::read_to_string(&path).unwrap();
        let allowed = path.ends_with("src/mask.rs") || path.ends_with("src/utf8.rs");
        assert!(allowed || !text.contains("unsafe {"), "{}", path.display());
        let blocks = text.matches("unsafe {").count() + text.matches("unsafe fn").count();
        assert!(text.matches("// SAFETY").count() >= blocks, "{}: no proof", path.display());
    }
}

#[test]
fn a_file_is_one_idea() {
    for path in files("src") {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(code <= 480, "{} has {code} lines", path.display());
    }
}
