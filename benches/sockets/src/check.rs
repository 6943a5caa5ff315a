//! What is aimed at, and whether it is reached.

use crate::measure::{CELLS, Results};
use crate::report::{median, ratios};
use crate::server::{MIO, TUNGSTENITE, UWEBSOCKETS, WEBSANS_TOKIO};

/// One goal: that `ours` takes at most `most` times the processor time of `theirs`.
pub struct Goal<'a> {
    pub ours: &'a str,
    pub theirs: &'a str,
    pub cell: usize,
    pub most: f64,
    /// The median of the rounds, and the least and the greatest of them.
    pub ratio: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Goal<'_> {
    /// To the two digits that are printed.
    pub fn is_met(&self) -> bool {
        (self.ratio * 100.0).round() <= self.most * 100.0
    }
}

/// The goals whose servers were measured.
pub fn goals<'a>(results: &'a [Results], cells: &[usize]) -> Vec<Goal<'a>> {
    let find = |name| results.iter().find(|result| result.kind.name == name);
    let goal = |ours: &'a Results, theirs: &'a Results, cell: usize, most| {
        let ratios = ratios(ours, theirs, cell);
        Goal {
            ours: ours.kind.name,
            theirs: theirs.kind.name,
            cell,
            most,
            ratio: median(&ratios),
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: ratios.iter().copied().fold(0.0, f64::max),
        }
    };
    let mut goals = Vec::new();
    for &cell in cells {
        if let Some(ours) = find(WEBSANS_TOKIO) {
            let others = results.iter().filter(|result| result.kind.on_tokio && !result.kind.ours);
            let against = others.map(|theirs| goal(ours, theirs, cell, 1.0));
            // The best of them is the one against which we look worst.
            goals.extend(against.max_by(|a, b| a.ratio.total_cmp(&b.ratio)));
            if let Some(theirs) = find(TUNGSTENITE).filter(|_| CELLS[cell].depth > 1) {
                goals.push(goal(ours, theirs, cell, 0.15));
            }
        }
        if let Some((ours, theirs)) = find(MIO).zip(find(UWEBSOCKETS)) {
            goals.push(goal(ours, theirs, cell, 1.1));
        }
    }
    goals
}

/// The goals as a table.
pub fn table(goals: &[Goal<'_>]) -> String {
    let mut out = String::from(
        "| | beside | cell | at most | is | rounds | |\n|---|---|---|---:|---:|---|---|\n",
    );
    for goal in goals {
        let Goal { ours, theirs, cell, most, ratio, least, greatest } = goal;
        let cell = CELLS[*cell].name;
        let word = if goal.is_met() { "pass" } else { "**miss**" };
        out.push_str(&format!(
            "| {ours} | {theirs} | {cell} | {most} | {ratio:.2} | {least:.2}–{greatest:.2} | {word} |\n"
        ));
    }
    out
}

/// Prints how many are met, as the page has the table: whether all of them are.
pub fn print(results: &[Results], cells: &[usize]) -> bool {
    let goals = goals(results, cells);
    let met = goals.iter().filter(|goal| goal.is_met()).count();
    println!("{met} of {} goals are met", goals.len());
    met == goals.len()
}
