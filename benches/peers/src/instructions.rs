//! Instructions for a message, as valgrind counts them: of 2000 messages less those of 1000.

use std::{env, io, process::Command};

use crate::{
    measure::Stat,
    peers::Peer,
    table::{Row, Table},
};

/// What [`count`](crate::table::count) knows.
const WORKLOADS: [&str; 3] = ["decode-binary", "encode-server", "encode-client"];

pub fn measure(peers: &[Box<dyn Peer>]) -> io::Result<Table> {
    let mut rows = Vec::new();
    for peer in peers {
        eprintln!("  Instructions, {}", peer.name());
        let mut cells = Vec::new();
        for workload in WORKLOADS {
            let some = run(workload, peer.name(), 1000)?;
            let more = run(workload, peer.name(), 2000)?;
            cells.push(some.zip(more).map(|(some, more)| Stat::exact((more - some) / 1000)));
        }
        rows.push(Row { name: peer.name().to_owned(), cells });
    }
    Ok(Table {
        id: "instructions",
        title: "64 B binary, both copies included",
        unit: "instructions a message",
        columns: WORKLOADS.map(str::to_owned).into(),
        rows,
    })
}

/// How many instructions this program takes to handle `count` messages.
fn run(workload: &str, peer: &str, count: usize) -> io::Result<Option<usize>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--count", workload, peer, &count.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text.lines().find_map(|line| line.split_once("Collected : "));
    match total.and_then(|(_, total)| total.trim().parse().ok()) {
        Some(total) if output.status.success() => Ok(Some(total)),
        // The peer does not do that.
        _ if output.status.code() == Some(1) => Ok(None),
        _ => {
            eprintln!("{text}");
            Ok(None)
        }
    }
}
