//! Instructions for a message, as valgrind counts them: of 2000 messages less those of 1000.

use std::{env, io, process::Command};

use crate::{
    measure::Stat,
    peers::Peer,
    table::{Row, Table},
};

pub fn measure(peers: &[Box<dyn Peer>]) -> io::Result<Table> {
    let mut rows = Vec::new();
    for peer in peers {
        eprintln!("  Instructions, {}", peer.name());
        let (some, more) = (run(peer.name(), 1000)?, run(peer.name(), 2000)?);
        let cell = some.zip(more).map(|(some, more)| Stat::exact((more - some) / 1000));
        rows.push(Row { name: peer.name().to_owned(), cells: vec![cell] });
    }
    Ok(Table {
        id: "instructions",
        title: "Server decode, 64 B binary, both copies included",
        unit: "instructions a message",
        columns: vec!["64 B".to_owned()],
        rows,
    })
}

/// How many instructions this program takes to decode `count` messages.
fn run(peer: &str, count: usize) -> io::Result<Option<usize>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--count", "decode-binary", peer, &count.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text.lines().find_map(|line| line.split_once("Collected : "));
    match total.and_then(|(_, total)| total.trim().parse().ok()) {
        Some(total) if output.status.success() => Ok(Some(total)),
        _ => {
            eprintln!("{text}");
            Ok(None)
        }
    }
}
