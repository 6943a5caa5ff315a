//! Compares the counts that gungraun prints, as JSON, with `record.json`; see README.md.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::{Command, ExitCode};
use std::{fs, io};

use lexopt::prelude::*;
use serde_json::{Value as Json, json};

/// By how much a count may grow, in percent.
const TOLERANCE: f64 = 3.0;

const HELP: &str = "\
Reads the counts that the benchmark prints from standard input, and compares them with a record.
  FILE                 the record
  --record             writes the record anew";

/// Instructions for one message, by workload.
type Counts = BTreeMap<String, f64>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether no count has grown too much.
fn run() -> Result<bool, Box<dyn Error>> {
    let (mut file, mut record) = (None, false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("record") => record = true,
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(true);
            }
            Value(path) if file.is_none() => file = Some(path),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let file = file.ok_or("which record?")?;
    let (counts, toolchain) = (counted()?, toolchain()?);
    if record {
        let record = json!({ "toolchain": toolchain, "instructions": counts });
        fs::write(file, format!("{record:#}\n"))?;
        print!("{}", table(&counts, &counts));
        return Ok(true);
    }
    let record: Json = serde_json::from_slice(&fs::read(file)?)?;
    let recorded: Counts = serde_json::from_value(record["instructions"].clone())?;
    print!("{}", table(&counts, &recorded));
    if record["toolchain"] != toolchain {
        println!(
            "\nNot judged: the record is of {}, and this is {toolchain:?}. Another compiler makes \
             other code of the same source, and another C library copies in another way.",
            record["toolchain"]
        );
        return Ok(true);
    }
    let faults = faults(&counts, &recorded);
    for fault in &faults {
        println!("\n{fault}");
    }
    Ok(faults.is_empty())
}

/// What the benchmark counted, a line of JSON a workload.
fn counted() -> Result<Counts, Box<dyn Error>> {
    let mut counts = Counts::new();
    for line in io::read_to_string(io::stdin())?.lines() {
        let summary: Json = serde_json::from_str(line)?;
        let (function, id) = (summary["function_name"].as_str(), summary["id"].as_str());
        let count = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        let (function, id, count) = function
            .zip(id)
            .zip(count.as_f64())
            .map(|((function, id), count)| (function, id, count))
            .ok_or("not what gungraun prints")?;
        let (name, messages) = match id.rsplit_once("_per_") {
            Some((name, messages)) => (name, messages.parse()?),
            None => (id, MESSAGES),
        };
        let each = (count / f64::from(messages) * 10.0).round() / 10.0;
        counts.insert(format!("{function} {}", name.replace('_', " ")), each);
    }
    if counts.is_empty() {
        return Err("nothing was counted".into());
    }
    Ok(counts)
}

/// How many messages a workload is whose name does not say it.
const MESSAGES: u16 = 1000;

/// What else than this repository decides how many instructions there are.
fn toolchain() -> Result<String, Box<dyn Error>> {
    let first_line = |command: &str, arg: &str| -> Result<String, Box<dyn Error>> {
        let output = Command::new(command).arg(arg).output()?;
        Ok(String::from_utf8(output.stdout)?.lines().next().unwrap_or_default().to_owned())
    };
    let (rustc, libc) = (first_line("rustc", "-V")?, first_line("ldd", "--version")?);
    Ok(format!("{rustc}, {libc}, {}", processor()))
}

/// The architecture, and what of it the code looks for.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2";
    }
    std::env::consts::ARCH
}

fn table(counts: &Counts, recorded: &Counts) -> String {
    let mut out =
        "| instructions a message | now | recorded | % |\n|---|---:|---:|---:|\n".to_owned();
    for (name, now) in counts {
        let (then, change) = match recorded.get(name) {
            Some(then) => (format!("{then:.1}"), format!("{:+.1}", growth(*now, *then))),
            None => ("—".into(), "—".into()),
        };
        out += &format!("| {name} | {now:.1} | {then} | {change} |\n");
    }
    out
}

fn growth(now: f64, then: f64) -> f64 {
    (now / then - 1.0) * 100.0
}

/// What has grown, is not recorded, or is no longer counted.
fn faults(counts: &Counts, recorded: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, now) in counts {
        match recorded.get(name) {
            Some(then) if growth(*now, *then) > TOLERANCE => faults.push(format!(
                "{name}: {now:.1} instructions a message instead of {then:.1}, {:+.1} %. If that \
                 is meant, record it in the same commit: benches/instructions/run --record",
                growth(*now, *then)
            )),
            Some(_) => {}
            None => faults.push(format!("{name} is not recorded")),
        }
    }
    faults.extend(
        recorded
            .keys()
            .filter(|name| !counts.contains_key(*name))
            .map(|name| format!("{name} is recorded, and not counted")),
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &[(&str, f64)]) -> Counts {
        all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_grows_by_more_than_the_tolerance_is_a_fault() {
        let recorded = counts(&[("decode", 300.0), ("encode", 200.0)]);
        assert!(faults(&counts(&[("decode", 308.9), ("encode", 100.0)]), &recorded).is_empty());
        assert_eq!(faults(&counts(&[("decode", 309.1), ("encode", 200.0)]), &recorded).len(), 1);
    }

    #[test]
    fn so_is_what_is_not_in_both() {
        let (one, other) = (counts(&[("decode", 300.0)]), counts(&[("encode", 300.0)]));
        assert_eq!(faults(&one, &other).len(), 2);
    }
}
