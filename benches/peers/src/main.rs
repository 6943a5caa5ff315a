//! websans measured against the other WebSocket libraries; see README.md.

mod handshake;
mod heap;
mod instructions;
mod io;
mod kernels;
mod keys;
mod machine;
mod measure;
mod peers;
mod plot;
mod report;
mod table;
mod wire;
mod workload;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use lexopt::prelude::*;

use crate::{measure::Plan, peers::Peer, table::Table};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const HELP: &str = "\
Measures WebSocket libraries against each other and prints Markdown tables.
  --quick                    a short run
  --only WORKLOAD            only workloads whose name starts so (may be repeated)
  --peers LIST               only these peers, separated by commas
  --out FOLDER               writes results.md and results.svg there
  --instructions             counts instructions with valgrind, and nothing else
  --count WORKLOAD PEER N    decode-binary, encode-server or encode-client: handles N messages of
                             64 B and ends, for a profiler
  --list                     names all workloads and peers";

struct Options {
    plan: Plan,
    only: Vec<String>,
    peers: Option<Vec<String>>,
    out: Option<PathBuf>,
    task: Task,
}

enum Task {
    Measure,
    Instructions,
    Count { workload: String, peer: String, messages: usize },
    List,
    Help,
}

fn main() -> ExitCode {
    match options().map_err(Into::into).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options =
        Options { plan: Plan::FULL, only: vec![], peers: None, out: None, task: Task::Measure };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("quick") => options.plan = Plan::QUICK,
            Long("only") => options.only.push(parser.value()?.string()?),
            Long("peers") => {
                let list = parser.value()?.string()?;
                options.peers = Some(list.split(',').map(str::to_owned).collect());
            }
            Long("out") => options.out = Some(parser.value()?.into()),
            Long("instructions") => options.task = Task::Instructions,
            Long("count") => {
                let (workload, peer) = (parser.value()?.string()?, parser.value()?.string()?);
                options.task = Task::Count { workload, peer, messages: parser.value()?.parse()? };
            }
            Long("list") => options.task = Task::List,
            Long("help") | Short('h') => options.task = Task::Help,
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let peers: Vec<_> = peers::all()
        .into_iter()
        .filter(|peer| match &options.peers {
            Some(names) => names.iter().any(|name| name == peer.name()),
            None => true,
        })
        .collect();
    if peers.is_empty() {
        return Err("no such peer; --list names them".into());
    }
    match &options.task {
        Task::Measure => {
            let tables = tables(options, &peers);
            if tables.is_empty() {
                return Err("no such workload; --list names them".into());
            }
            if let Some(out) = &options.out {
                fs::write(out.join("results.md"), report::page(&tables, &peers, options.plan))?;
                if let Some(svg) = plot::svg(&tables) {
                    fs::write(out.join("results.svg"), svg)?;
                }
            }
        }
        Task::Instructions => {
            println!("{}", report::markdown(&instructions::measure(&peers)?));
        }
        Task::Count { workload, peer: name, messages } => {
            let peer = peers.iter().find(|peer| peer.name() == name).ok_or("no such peer")?;
            table::count(peer.as_ref(), workload, *messages)
                .ok_or("this peer does not do that, or it cannot be counted, or not so often")?;
        }
        Task::List => {
            let workloads = table::workloads();
            workloads.iter().for_each(|workload| println!("{}", workload.id));
            println!("calls\ndeflate-size\nmemory\nmachine\n");
            peers.iter().for_each(|peer| println!("{}", peer.name()));
        }
        Task::Help => println!("{HELP}"),
    }
    Ok(())
}

/// Measures what is wanted, and prints each table when it is made.
fn tables(options: &Options, peers: &[Box<dyn Peer>]) -> Vec<Table> {
    let wanted = |id: &str| {
        options.only.is_empty() || options.only.iter().any(|start| id.starts_with(start.as_str()))
    };
    let mut tables = Vec::new();
    let mut show = |table: Table| {
        println!("{}", report::markdown(&table));
        tables.push(table);
    };
    for workload in table::workloads().iter().filter(|workload| wanted(workload.id)) {
        show(workload.run(options.plan, peers));
    }
    if wanted("calls") {
        show(table::calls(peers));
    }
    if wanted("deflate-size") {
        show(table::deflate_size(peers));
    }
    if wanted("memory") {
        show(table::memory(peers));
    }
    if wanted("machine") {
        show(machine::measure(options.plan));
    }
    tables
}
