//! Tables as Markdown, and the page that says where and with what they were made.

use std::{fmt::Write, fs, time::SystemTime};

use crate::{
    measure::{Plan, Stat},
    peers::Peer,
    table::Table,
};

/// The row that others are compared to, when it is there; else the next.
const REFERENCES: [&str; 2] = ["websans", "floor"];

/// The table of minima, and that of ratios when times are in it.
pub fn markdown(table: &Table) -> String {
    let mut out = String::new();
    let title = format!("### {} ({})", table.title, table.unit);
    let _ = writeln!(out, "{title}\n\n{}", grid(table, |stat| number(stat.min)));
    if let Some((name, reference)) = reference(table) {
        let ratios = each(table, |column, stat| {
            reference[column].map_or("—".into(), |of| format!("{:.2}", stat.min / of.min))
        });
        let _ = writeln!(out, "The same as a multiple of {name}'s:\n\n{ratios}");
    }
    out
}

/// The row to compare with: its name and its cells.
pub fn reference(table: &Table) -> Option<(&str, &[Option<Stat>])> {
    let find = |name: &&str| table.rows.iter().find(|row| row.name == *name);
    let row = REFERENCES.iter().find_map(find)?;
    if row.cells.iter().all(Option::is_none) {
        return None;
    }
    let timed = table.unit.starts_with("ns") || table.unit.starts_with("instructions");
    timed.then_some((row.name.as_str(), row.cells.as_slice()))
}

fn grid(table: &Table, cell: impl Fn(Stat) -> String) -> String {
    each(table, |_, stat| cell(stat))
}

fn each(table: &Table, cell: impl Fn(usize, Stat) -> String) -> String {
    let mut out = format!("| | {} |\n|---|", table.columns.join(" | "));
    out.push_str(&"---:|".repeat(table.columns.len()));
    for row in table.rows.iter().filter(|row| row.cells.iter().any(Option::is_some)) {
        let cells = row.cells.iter().enumerate();
        let cells = cells.map(|(i, stat)| stat.map_or("—".into(), |stat| cell(i, stat)));
        let _ = write!(out, "\n| {} | {} |", row.name, cells.collect::<Vec<_>>().join(" | "));
    }
    out.push('\n');
    out
}

fn number(value: f64) -> String {
    match value {
        ..10.0 if value.fract() != 0.0 => format!("{value:.1}"),
        ..10_000.0 => format!("{value:.0}"),
        ..100_000.0 => format!("{:.1}k", value / 1e3),
        ..1_000_000.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.2}M", value / 1e6),
    }
}

/// The whole page.
pub fn page(tables: &[Table], peers: &[Box<dyn Peer>], plan: Plan) -> String {
    let mut out = format!(
        "# websans and its peers\n\n\
         {}, {}, {} processors, {}. CPU time of the one thread; the minimum of {} rounds, of \
         {} turns in which all take part. Less is better; only ratios within one run count.\n\n",
        today(),
        cpu(),
        std::thread::available_parallelism().map_or(0, usize::from),
        env!("RUSTC_VERSION"),
        plan.turns * plan.rounds,
        plan.turns,
    );
    tables.iter().for_each(|table| out.push_str(&markdown(table)));
    out.push_str(
        "## The peers\n\n| | version | how it is driven, and where it does less |\n|---|---|---|\n",
    );
    for peer in peers {
        let version = peer.package().and_then(locked).or_else(|| peer.version());
        let version = version.as_deref().unwrap_or("—");
        let _ = writeln!(out, "| {} | {version} | {} |", peer.name(), peer.notes());
    }
    out.push_str("\n## Medians\n\n");
    for table in tables.iter().filter(|table| table.unit.starts_with("ns")) {
        let medians = grid(table, |stat| number(stat.median));
        let _ = writeln!(out, "### {} ({}), median\n\n{medians}", table.title, table.unit);
    }
    out
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
