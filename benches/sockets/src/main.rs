//! Echo servers over TCP, measured from outside: see README.md.

mod check;
mod frame;
mod handshake;
mod load;
mod measure;
mod plot;
mod report;
mod server;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::measure::{CELLS, CONNECTIONS, Plan};
use crate::server::{ALL, Cores, Kind};

const HELP: &str = "\
Measures echo servers on websans and on other libraries over TCP sockets.

Usage: run [OPTION]...

  --quick           two short rounds, within a minute. What is printed is rough; a wrong echo,
                    or none, is an error as always
  --check           print the goals and whether they are met; status 1 when one is missed
  --servers A,B     only these
  --cells A,B       only the cells that begin so: 125 B, 16 KiB, …
  --rounds N        how many rounds
  --out FOLDER      write results.md and results.svg there. Without --quick, --servers, --cells
                    and --rounds they are written beside this program's README.md
  --list            name the servers, and whether they are here
  --help            print this
";

/// Descriptors besides those of connections.
const OTHER_DESCRIPTORS: u64 = 200;

struct Options {
    plan: Plan,
    check: bool,
    servers: Option<Vec<String>>,
    cells: Option<Vec<String>>,
    out: Option<PathBuf>,
    list: bool,
}

fn main() -> ExitCode {
    match options().map_err(Into::into).and_then(|options| run(&options)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options {
        plan: Plan::FULL,
        check: false,
        servers: None,
        cells: None,
        out: None,
        list: false,
    };
    let mut rounds = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("quick") => options.plan = Plan::QUICK,
            Long("check") => options.check = true,
            Long("servers") => options.servers = Some(list(parser.value()?)?),
            Long("cells") => options.cells = Some(list(parser.value()?)?),
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("out") => options.out = Some(parser.value()?.into()),
            Long("list") => options.list = true,
            Long("help") | Short('h') => {
                print!("{HELP}");
                std::process::exit(0);
            }
            _ => return Err(arg.unexpected()),
        }
    }
    options.plan.rounds = rounds.unwrap_or(options.plan.rounds);
    Ok(options)
}

fn list(value: std::ffi::OsString) -> Result<Vec<String>, lexopt::Error> {
    Ok(value.string()?.split(',').map(|name| name.trim().to_owned()).collect())
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if options.list {
        for kind in &ALL {
            println!("{}{}", kind.name, if kind.is_here() { "" } else { " (not here)" });
        }
        return Ok(ExitCode::SUCCESS);
    }
    let kinds = kinds(options.servers.as_deref())?;
    let cells = cells(options.cells.as_deref())?;
    let mut plan = options.plan;
    // The server inherits the limit.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)?;
    let most = usize::try_from(descriptors.saturating_sub(OTHER_DESCRIPTORS))?;
    if most < plan.idle.max(CONNECTIONS) {
        eprintln!("only {most} descriptors are allowed: that many idle connections are measured");
        plan.idle = plan.idle.min(most);
    }
    let cores = Cores::choose()?;
    if !cores.are_two() {
        eprintln!("there is one core only: load and server share it, and disturb each other");
    }
    cores.pin_load()?;

    let start = report::Start::now();
    let results = measure::measure(&kinds, &cells, plan, cores)?;
    let page = report::page(&results, &cells, plan, &start);
    println!("{page}");
    if let Some(out) = &options.out {
        std::fs::write(out.join("results.md"), page)?;
        std::fs::write(out.join("results.svg"), plot::svg(&results, &cells)?)?;
    }
    if options.check && !check::print(&results, &cells) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn kinds(names: Option<&[String]>) -> Result<Vec<&'static Kind>, Box<dyn Error>> {
    let Some(names) = names else {
        let (here, missing): (Vec<_>, Vec<_>) = ALL.iter().partition(|kind| kind.is_here());
        for kind in missing {
            eprintln!("{} is not here, and left out", kind.name);
        }
        return Ok(here);
    };
    let find = |name: &String| {
        let kind = ALL.iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| format!("no server is named {name:?}; see --list"))?;
        if !kind.is_here() {
            return Err(format!("{name} is not here").into());
        }
        Ok(kind)
    };
    names.iter().map(find).collect()
}

fn cells(starts: Option<&[String]>) -> Result<Vec<usize>, Box<dyn Error>> {
    let wanted = |name: &str| {
        starts.is_none_or(|starts| starts.iter().any(|start| name.starts_with(start.as_str())))
    };
    let cells: Vec<_> = (0..CELLS.len()).filter(|cell| wanted(CELLS[*cell].name)).collect();
    if cells.is_empty() {
        let names: Vec<_> = CELLS.iter().map(|cell| cell.name).collect();
        return Err(format!("no such cell; there are: {}", names.join("; ")).into());
    }
    Ok(cells)
}
