//! Cells, and rounds over them.

use std::error::Error;
use std::time::Duration;

use crate::load::{self, Idle, Load};
use crate::server::{Cores, Kind, Server};

/// Connections at once.
pub const CONNECTIONS: usize = 32;

/// What is sent in the measurement of idle connections.
const IDLE_MESSAGE: usize = 125;

/// A kind of echo that is measured.
pub struct Cell {
    pub name: &'static str,
    pub size: usize,
    /// How many messages are sent at once.
    pub depth: usize,
}

pub const CELLS: [Cell; 5] = [
    Cell { name: "125 B", size: 125, depth: 1 },
    Cell { name: "125 B, 16 in flight", size: 125, depth: 16 },
    Cell { name: "16 KiB", size: 16 << 10, depth: 1 },
    Cell { name: "64 KiB", size: 64 << 10, depth: 1 },
    Cell { name: "1 MiB", size: 1 << 20, depth: 1 },
];

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// How long each cell is measured in each round, after a quarter of it as a warm-up.
    pub time: Duration,
    /// How many rounds measure system calls and idle connections, too.
    pub extra_rounds: usize,
    pub idle: usize,
}

impl Plan {
    pub const FULL: Self =
        Self { rounds: 9, time: Duration::from_millis(600), extra_rounds: 3, idle: 5_000 };
    pub const QUICK: Self =
        Self { rounds: 2, time: Duration::from_millis(120), extra_rounds: 1, idle: 500 };
}

/// What one server did in one cell of one round.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Processor time of the server for each message, in nanoseconds.
    pub cpu: f64,
    /// Messages a second.
    pub rate: f64,
    /// Latency, in nanoseconds.
    pub p50: f64,
    pub p99: f64,
}

#[derive(Clone, Copy)]
pub struct Handshakes {
    /// Processor time of the server for each connection, in nanoseconds.
    pub cpu: f64,
    /// Connections a second.
    pub rate: f64,
}

/// All that was measured of a server. Samples have their round as the index.
pub struct Results {
    pub kind: &'static Kind,
    /// For each of `CELLS`.
    pub cells: [Vec<Sample>; CELLS.len()],
    /// System calls for each message, for each of `CELLS`.
    pub calls: [Vec<f64>; CELLS.len()],
    pub handshakes: Vec<Handshakes>,
    /// Resident memory of each idle connection, in bytes.
    pub idle: Vec<f64>,
}

/// Measures the servers in turn: in each round each of them is started anew, and each cell is
/// measured with all of them, in another order each time.
pub fn measure(
    kinds: &[&'static Kind],
    cells: &[usize],
    plan: Plan,
    cores: Cores,
) -> Result<Vec<Results>, Box<dyn Error>> {
    let mut results: Vec<_> = kinds
        .iter()
        .map(|kind| Results {
            kind,
            cells: Default::default(),
            calls: Default::default(),
            handshakes: Vec::new(),
            idle: Vec::new(),
        })
        .collect();
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    let mut can_count = true;
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        let extra = round < plan.extra_rounds;
        let mut servers = Vec::with_capacity(kinds.len());
        for kind in kinds {
            servers.push(Server::start(kind, cores).map_err(|error| named(kind, "start", error))?);
        }
        // First, as it is a new server's memory that grows.
        if extra {
            fastrand::shuffle(&mut order);
            for &index in &order {
                let bytes = idle(&servers[index], plan.idle)
                    .map_err(|error| named(kinds[index], "idle connections", error))?;
                results[index].idle.push(bytes);
            }
        }
        for &cell in cells {
            let Cell { name, size, depth } = CELLS[cell];
            fastrand::shuffle(&mut order);
            for &index in &order {
                let (server, results) = (&servers[index], &mut results[index]);
                let with_name = |error| named(server.kind, name, error);
                let load = Load::new(server.target(), CONNECTIONS, size, depth);
                let mut load = load.map_err(|error| with_name(error.into()))?;
                results.cells[cell].push(echo(server, &mut load, plan.time).map_err(with_name)?);
                if extra && can_count {
                    match server.count_system_calls() {
                        Ok(mut counter) => {
                            let calls = (|| {
                                let before = counter.read()?;
                                let messages = load.run(plan.time / 4)?.messages;
                                Ok((counter.read()? - before) as f64 / messages as f64)
                            })();
                            results.calls[cell].push(calls.map_err(with_name)?);
                        }
                        Err(error) => {
                            can_count = false;
                            eprintln!("system calls cannot be counted here: {error}");
                        }
                    }
                }
            }
        }
        fastrand::shuffle(&mut order);
        for &index in &order {
            let sample = handshakes(&servers[index], plan.time)
                .map_err(|error| named(kinds[index], "opening handshakes", error))?;
            results[index].handshakes.push(sample);
        }
    }
    Ok(results)
}

fn named(kind: &Kind, what: &str, error: Box<dyn Error>) -> Box<dyn Error> {
    format!("{}, {what}: {error}", kind.name).into()
}

fn echo(server: &Server, load: &mut Load, time: Duration) -> Result<Sample, Box<dyn Error>> {
    load.run(time / 4)?;
    let before = server.cpu_time()?;
    let mut echoed = load.run(time)?;
    let cpu = server.cpu_time()? - before;
    let mut percentile = |percent: usize| {
        let at = echoed.latencies.len() * percent / 100;
        let at = at.min(echoed.latencies.len() - 1);
        *echoed.latencies.select_nth_unstable(at).1 as f64
    };
    Ok(Sample {
        cpu: cpu.as_nanos() as f64 / echoed.messages as f64,
        p50: percentile(50),
        p99: percentile(99),
        rate: echoed.messages as f64 / echoed.elapsed.as_secs_f64(),
    })
}

fn handshakes(server: &Server, time: Duration) -> Result<Handshakes, Box<dyn Error>> {
    load::handshakes(server.target(), CONNECTIONS, time / 4)?;
    let before = server.cpu_time()?;
    let opened = load::handshakes(server.target(), CONNECTIONS, time)?;
    let cpu = server.cpu_time()? - before;
    Ok(Handshakes {
        cpu: cpu.as_nanos() as f64 / opened.handshakes as f64,
        rate: opened.handshakes as f64 / opened.elapsed.as_secs_f64(),
    })
}

/// Resident memory for each connection that has echoed a message and is idle.
fn idle(server: &Server, count: usize) -> Result<f64, Box<dyn Error>> {
    // What the server needs for the first connection it needs once.
    const BEFORE: usize = 16;
    let mut idle = Idle::new(IDLE_MESSAGE, BEFORE + count);
    for _ in 0..BEFORE {
        idle.add(server.target())?;
    }
    let before = server.resident()?;
    for _ in 0..count {
        idle.add(server.target())?;
    }
    Ok(server.resident()?.saturating_sub(before) as f64 / count as f64)
}
