//! Which tests check which sections of the RFCs. A test in `tests/it` says it in its documentation,
//! or else the head of its file says it for all of them:
//!
//! ```text
//! //! Sections: RFC 6455 §5.5.2, §5.5.3     at the head of a file
//! /// Sections: RFC 7692 §7.2.3.4           above one test
//! //! Sections: none, memory is this crate's own promise
//! ```
//!
//! `tests/rfc-musts.txt` lists the statements with MUST, SHALL or REQUIRED, and for each the tests
//! that fail when it is broken. tests/it/tidy.rs uses this file, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A test, and the sections that it checks.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) file: String,
    /// Such as `RFC 6455 §5.5.2`; `None` where neither the test nor its file says anything.
    pub(crate) sections: Option<Vec<String>>,
}

/// What one line of `tests/rfc-musts.txt` says.
#[derive(Clone, Debug)]
pub(crate) struct Must {
    /// Such as `RFC 6455 §5.1`.
    pub(crate) section: String,
    pub(crate) statement: String,
    pub(crate) proof: Proof,
}

#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Tests(Vec<String>),
    /// It is not for this crate to keep: who has to, and why.
    Elsewhere(String),
    /// No test fails when it is broken.
    Missing,
}

const HINT: &str = "it is `Sections: RFC 6455 §5.5, §7.1` or `Sections: none, REASON`";

/// The sections that a line of documentation names; `None` if it is not about sections.
fn sections_of(line: &str) -> Option<Result<Vec<String>, String>> {
    let text = line.trim().strip_prefix("///").or_else(|| line.trim().strip_prefix("//!"))?;
    let text = text.trim().strip_prefix("Sections:")?.trim();
    if let Some(reason) = text.strip_prefix("none") {
        let reason = reason.trim_start_matches(',').trim();
        return Some(if reason.is_empty() { Err(HINT.to_owned()) } else { Ok(Vec::new()) });
    }
    let mut found = Vec::new();
    let mut rfc = None;
    for item in text.split(',') {
        let mut words = item.split_whitespace().peekable();
        if words.peek() == Some(&"RFC") {
            words.next();
            rfc = words.next().filter(|number| number.parse::<u32>().is_ok());
        }
        let place = words
            .next()
            .and_then(|word| word.strip_prefix('§'))
            .filter(|place| place.split('.').all(|number| number.parse::<u32>().is_ok()));
        let (Some(rfc), Some(place), None) = (rfc, place, words.next()) else {
            return Some(Err(HINT.to_owned()));
        };
        found.push(format!("RFC {rfc} §{place}"));
    }
    Some(Ok(found))
}

/// Every test in `tests/it`.
pub(crate) fn tests(root: &Path) -> Result<Vec<Test>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("tests/it")];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| format!("cannot read {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).map_err(unreadable)?;
                let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                tests_in(&text, &file, &mut found)?;
            }
        }
    }
    found.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    Ok(found)
}

fn tests_in(text: &str, file: &str, found: &mut Vec<Test>) -> Result<(), String> {
    let (mut of_file, mut of_test, mut is_test) = (None, None, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(sections) = sections_of(line) {
            let sections = sections.map_err(|hint| format!("{file}:{}: {hint}", number + 1))?;
            let place = if line.starts_with("//!") { &mut of_file } else { &mut of_test };
            *place = Some(sections);
        } else if line == "#[test]" {
            is_test = true;
        } else if let Some(name) = line.strip_prefix("fn ").and_then(|it| it.split('(').next()) {
            if is_test {
                let sections = of_test.take().or_else(|| of_file.clone());
                found.push(Test { name: name.into(), file: file.into(), sections });
            }
            (of_test, is_test) = (None, false);
        }
    }
    Ok(())
}

/// What `tests/rfc-musts.txt` says. An entry is a section, a statement, and after `=>` its tests:
///
/// ```text
/// RFC 6455 §5.1: a client MUST mask all frames that it sends to the server
///     => frames_are_masked_by_a_client_only_and_lengths_are_minimal
/// ```
///
/// or `=> elsewhere: REASON` or `=> none`.
pub(crate) fn musts(root: &Path) -> Result<Vec<Must>, String> {
    let path = root.join("tests/rfc-musts.txt");
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut found = Vec::new();
    let mut entry: Option<(String, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let wrong = || format!("tests/rfc-musts.txt:{}: {line:?}", number + 1);
        if line.is_empty() || line.starts_with('#') {
        } else if let Some(proof) = line.trim_start().strip_prefix("=> ") {
            let (section, statement) = entry.take().ok_or_else(wrong)?;
            let proof = match proof.strip_prefix("elsewhere: ") {
                Some(reason) => Proof::Elsewhere(reason.to_owned()),
                None if proof == "none" => Proof::Missing,
                None => Proof::Tests(proof.split(", ").map(str::to_owned).collect()),
            };
            found.push(Must { section, statement, proof });
        } else if entry.is_none() {
            let (section, statement) = line.split_once(": ").ok_or_else(wrong)?;
            entry = Some((section.to_owned(), statement.to_owned()));
        } else {
            return Err(wrong());
        }
    }
    if entry.is_some() {
        return Err("tests/rfc-musts.txt: the last entry names no tests".to_owned());
    }
    Ok(found)
}

/// `RFC 6455 §5.10` comes after `RFC 6455 §5.9`.
fn order(section: &str) -> Vec<u32> {
    section.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// What `cargo xtask sections` prints.
#[cfg_attr(test, allow(dead_code))]
pub(crate) fn report(root: &Path) -> Result<String, String> {
    let mut sections: BTreeMap<(Vec<u32>, String), Vec<String>> = BTreeMap::new();
    for test in tests(root)? {
        for section in test.sections.into_iter().flatten() {
            let tests = sections.entry((order(&section), section)).or_default();
            tests.push(format!("{}  ({})", test.name, test.file));
        }
    }
    let mut text = String::new();
    for ((_, section), tests) in &sections {
        let _ = writeln!(text, "{section}");
        for test in tests {
            let _ = writeln!(text, "  {test}");
        }
    }
    let musts = musts(root)?;
    let _ = writeln!(text, "\nStatements with MUST, and the tests that fail when they are broken:");
    let (mut missing, mut elsewhere, mut tested) = (String::new(), String::new(), 0);
    for Must { section, statement, proof } in &musts {
        match proof {
            Proof::Tests(tests) => {
                tested += 1;
                let _ = writeln!(text, "  {section}: {statement}\n    {}", tests.join("\n    "));
            }
            Proof::Elsewhere(why) => {
                let _ = writeln!(elsewhere, "  {section}: {statement}\n    {why}");
            }
            Proof::Missing => {
                let _ = writeln!(missing, "  {section}: {statement}");
            }
        }
    }
    let _ = writeln!(text, "\nNot for this crate to keep:\n{elsewhere}");
    let _ = writeln!(
        text,
        "Without a test:\n{}",
        if missing.is_empty() { "  none\n" } else { &missing }
    );
    let _ = writeln!(text, "{tested} of {} statements have a test.", musts.len());
    Ok(text)
}
