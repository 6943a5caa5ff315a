//! The repository's own rules, as tests.
//!
//! Sections: none, they are about this repository

#[path = "../../crates/xtask/src/sections.rs"]
mod sections;

use std::collections::{BTreeMap, BTreeSet};
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

/// Lines of code that a file may have, without its tests.
const MAX_LINES: usize = 450;

#[test]
fn a_file_is_one_idea() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(code <= MAX_LINES, "{}: {code} lines, more than {MAX_LINES}", path.display());
    }
}

/// What the guide promises of an adapter: all of it, and no rule of its own.
#[test]
fn an_adapter_has_less_than_a_hundred_lines() {
    let adapters = files("examples/adapters");
    assert_eq!(adapters.len(), 4);
    for path in adapters {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        println!("{}: {lines}", path.file_name().unwrap().display());
        assert!(lines < 100, "{} has {lines} lines", path.display());
    }
    for (program, max) in [("echo", 40), ("chat", 120)] {
        let path = root().join("examples/guide/src/bin").join(program).with_extension("rs");
        assert!(fs::read_to_string(path).unwrap().lines().count() <= max, "{program}");
    }
}

/// The sources of the core crate and of the crates beside it.
fn sources() -> Vec<PathBuf> {
    let mut found = files("src");
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for entry in fs::read_dir(crates).unwrap() {
        let src = entry.unwrap().path().join("src");
        if src.is_dir() {
            found.append(&mut files(src.to_str().unwrap()));
        }
    }
    found
}

/// Imports that close a circle between modules: they are to go, and no other may come.
const CIRCLES: [(&str, &str, &str); 2] =
    [("src", "deflate", "buffer"), ("src", "deflate", "connection")];

/// Which modules each module of a crate imports, by the paths that begin with `crate::`. A module
/// is a file of the folder or a folder in it.
fn imports(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut paths = files(folder);
    paths.sort();
    let name = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap();
        first.trim_end_matches(".rs").to_owned()
    };
    let modules: BTreeSet<String> = paths.iter().map(|path| name(path)).collect();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let imports = found.entry(name(path)).or_default();
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
        for line in code.filter(|line| !line.trim_start().starts_with("//")) {
            for path in line.split("crate::").skip(1) {
                let end = path.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                let module = &path[..end.unwrap_or(path.len())];
                if modules.contains(module) {
                    imports.insert(module.to_owned());
                }
            }
        }
    }
    // The root re-exports what is public, and imports nothing for itself.
    found.remove("lib");
    for (module, imports) in &mut found {
        imports.remove(module);
    }
    found
}

/// The modules of a circle, if there is one.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut open = imports.clone();
    // Take away what imports nothing that is left, until nothing is left or all that is left has
    // a way back to itself.
    loop {
        let leaf = open
            .iter()
            .find(|(_, imports)| imports.iter().all(|module| !open.contains_key(module)))
            .map(|(module, _)| module.clone());
        match leaf {
            Some(module) => open.remove(&module),
            None => break,
        };
    }
    (!open.is_empty()).then(|| open.into_keys().collect())
}

#[test]
fn modules_import_each_other_in_one_direction() {
    for folder in ["src", "crates/websans-tokio/src"] {
        let mut imports = imports(folder);
        for (_, from, to) in CIRCLES.iter().filter(|(of, ..)| *of == folder) {
            let removed = imports.get_mut(*from).is_some_and(|imports| imports.remove(*to));
            assert!(removed, "{folder}: {from} no longer imports {to}: take it out of CIRCLES");
        }
        let circle = circle(&imports);
        assert!(
            circle.is_none(),
            "{folder}: a circle goes through some of {circle:?}: {imports:?}"
        );
    }
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).into()).or_default().insert((*to).into());
            graph.entry((*to).into()).or_default();
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert!(circle(&graph(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
    assert!(circle(&graph(&[("a", "b"), ("b", "a"), ("c", "d")])).is_some());
}

/// `cargo xtask sections` lists them.
#[test]
fn every_test_says_which_sections_of_the_rfcs_it_checks() {
    let silent: Vec<_> = sections::tests(root())
        .unwrap()
        .into_iter()
        .filter(|test| test.sections.is_none())
        .map(|test| format!("{}: {}", test.file, test.name))
        .collect();
    assert!(silent.is_empty(), "no line `Sections:` (see CONTRIBUTING.md): {silent:#?}");
}

#[test]
fn the_tests_of_each_must_are_there() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for test in sections::tests(root()).unwrap() {
        names.entry(test.name).or_default().push(test.file);
    }
    for path in files("src") {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[test]") {
            if let Some(name) = pair[1].strip_prefix("fn ").and_then(|it| it.split('(').next()) {
                names.entry(name.to_owned()).or_default().push(path.display().to_string());
            }
        }
    }
    let musts = sections::musts(root()).unwrap();
    assert!(musts.len() > 100, "only {} statements", musts.len());
    for must in musts {
        let sections::Proof::Tests(tests) = must.proof else { continue };
        for test in tests {
            let known = names.contains_key(&test);
            assert!(known, "{}: {}: there is no test {test}", must.section, must.statement);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
