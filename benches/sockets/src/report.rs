//! The results as Markdown.

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use crate::check;
use crate::measure::{CELLS, CONNECTIONS, Plan, Results};
use crate::server::WEBSANS_TOKIO;

/// What is to be known of the machine before the measurement changes it.
pub struct Start {
    load_average: String,
}

impl Start {
    pub fn now() -> Self {
        let load_average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_average = load_average.split(' ').next().unwrap_or_default().to_owned();
        Self { load_average }
    }
}

/// The processor time of one server as a multiple of another's, in each round.
pub fn ratios(of: &Results, to: &Results, cell: usize) -> Vec<f64> {
    of.cells[cell].iter().zip(&to.cells[cell]).map(|(of, to)| of.cpu / to.cpu).collect()
}

/// NaN if there are no values.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match (values.get((values.len().max(1) - 1) / 2), values.get(values.len() / 2)) {
        (Some(a), Some(b)) => (a + b) / 2.0,
        _ => f64::NAN,
    }
}

/// The whole page.
pub fn page(results: &[Results], cells: &[usize], plan: Plan, start: &Start) -> String {
    let mut out = format!(
        "# Echo servers over TCP sockets\n\n\
         {}, {}, {} processors, Linux {}, {}; load average {} at the start. {CONNECTIONS} \
         connections over 127.0.0.1; the server on one core, the load on another. {} rounds of {} ms \
         a cell; medians.\n\n",
        today(),
        cpu(),
        std::thread::available_parallelism().map_or(0, usize::from).max(online_cores()),
        kernel(),
        tool("rustc"),
        start.load_average,
        plan.rounds,
        plan.time.as_millis(),
    );
    out.push_str(&cell_tables(results, cells));
    out.push_str(&connection_table(results, plan));
    let goals = check::goals(results, cells);
    if !goals.is_empty() {
        let _ = writeln!(out, "## The goals (processor time)\n\n{}", check::table(&goals));
    }
    out.push_str("## The servers\n\n| | version | |\n|---|---|---|\n");
    for result in results {
        let name = result.kind.name;
        let _ = writeln!(out, "| {name} | {} | {} |", version(name), result.kind.notes);
    }
    out
}

fn cell_tables(results: &[Results], cells: &[usize]) -> String {
    let mut out = String::new();
    if let Some(ours) = results.iter().find(|result| result.kind.name == WEBSANS_TOKIO) {
        let title = format!("Processor time of the server for each message, {WEBSANS_TOKIO} = 1");
        table(&mut out, &title, results, cells, |result, cell| {
            ratio(median(&ratios(result, ours, cell)))
        });
    }
    let title = "Processor time of the server for each message (µs)";
    table(&mut out, title, results, cells, |result, cell| {
        number(of(result, cell, |sample| sample.cpu) / 1e3)
    });
    table(&mut out, "Messages a second", results, cells, |result, cell| {
        number(of(result, cell, |sample| sample.rate))
    });
    let title = "Latency: the median, and what 99 of 100 messages are under (µs)";
    table(&mut out, title, results, cells, |result, cell| {
        let p50 = number(of(result, cell, |sample| sample.p50) / 1e3);
        format!("{p50} / {}", number(of(result, cell, |sample| sample.p99) / 1e3))
    });
    table(
        &mut out,
        "System calls of the server for each message",
        results,
        cells,
        |result, cell| ratio(median(&result.calls[cell])),
    );
    out
}

fn of(result: &Results, cell: usize, value: impl Fn(&crate::measure::Sample) -> f64) -> f64 {
    median(&result.cells[cell].iter().map(value).collect::<Vec<_>>())
}

fn table(
    out: &mut String,
    title: &str,
    results: &[Results],
    cells: &[usize],
    value: impl Fn(&Results, usize) -> String,
) {
    let names: Vec<_> = cells.iter().map(|cell| CELLS[*cell].name).collect();
    let _ = write!(out, "## {title}\n\n| | {} |\n|---|", names.join(" | "));
    out.push_str(&"---:|".repeat(cells.len()));
    for result in results {
        let values: Vec<_> = cells.iter().map(|cell| value(result, *cell)).collect();
        let _ = write!(out, "\n| {} | {} |", result.kind.name, values.join(" | "));
    }
    out.push_str("\n\n");
}

fn connection_table(results: &[Results], plan: Plan) -> String {
    let mut out = format!(
        "## Connections\n\n\
         Opening handshakes, each on a new TCP connection that is reset afterwards, and resident \
         memory for each of {} idle connections that have echoed 125 B.\n\n\
         | | processor time for each (µs) | a second | idle (kB) |\n|---|---:|---:|---:|\n",
        plan.idle,
    );
    for result in results {
        let cpu: Vec<_> = result.handshakes.iter().map(|sample| sample.cpu / 1e3).collect();
        let rate: Vec<_> = result.handshakes.iter().map(|sample| sample.rate).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            result.kind.name,
            number(median(&cpu)),
            number(median(&rate)),
            number(median(&result.idle) / 1e3),
        );
    }
    out.push('\n');
    out
}

fn ratio(value: f64) -> String {
    if value.is_nan() { "—".into() } else { format!("{value:.2}") }
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "—".into(),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        ..10_000.0 => format!("{value:.0}"),
        ..1_000_000.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.2}M", value / 1e6),
    }
}

/// Which version of the library was measured.
fn version(name: &str) -> String {
    match name {
        "mio" | "playground" => locked("websans"),
        "uWebSockets" => std::env::var("SOCKETS_UWEBSOCKETS_VERSION").ok(),
        "ws" => std::env::var("SOCKETS_WS_VERSION").ok(),
        _ => locked(name.trim_end_matches("-forward")),
    }
    .unwrap_or_else(|| "—".into())
}

/// The version of a package in `Cargo.lock`.
fn locked(package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = include_str!("../Cargo.lock").lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = ").map(|version| version.trim_matches('"').to_owned())
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key| {
        let line = info.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches(['\t', ' ', ':']).to_owned())
    };
    let family = of("cpu family").zip(of("model\t"));
    let family = family.map(|(family, model)| format!(" (family {family}, model {model})"));
    of("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned())
        + &family.unwrap_or_default()
}

/// This thread may have been confined to one of them.
fn online_cores() -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with("processor")).count()
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

fn tool(name: &str) -> String {
    let output = Command::new(name).arg("-V").output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// Today's date (UTC) in the calendar, from the count of days.
fn today() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let days = now.as_secs() / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
