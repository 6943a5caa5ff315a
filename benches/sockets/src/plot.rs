//! The picture: a panel for each cell, a bar for each server.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measure::{CELLS, CONNECTIONS, Results};
use crate::report::median;

const PANEL: (u32, u32) = (400, 300);
const COLUMNS: usize = 3;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb7, 0xbf);

/// Where the bars begin, from the left.
const NAMES: i32 = 165;
/// How much room the numbers behind the bars have.
const NUMBERS: i32 = 60;
const TOP: i32 = 40;
const BAR: i32 = 22;
/// Longer bars than so many times the median are cut.
const LONGEST: f64 = 3.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The picture as SVG.
pub fn svg(results: &[Results], cells: &[usize]) -> Result<String, Box<dyn Error>> {
    let mut panels: Vec<(String, Vec<f64>)> = cells
        .iter()
        .map(|cell| {
            let title = format!("{}: processor time for each message, µs", CELLS[*cell].name);
            let of = |result: &Results| {
                let times: Vec<_> = result.cells[*cell].iter().map(|it| it.cpu / 1e3).collect();
                median(&times)
            };
            (title, results.iter().map(of).collect())
        })
        .collect();
    let idle = results.iter().map(|result| median(&result.idle) / 1e3).collect();
    panels.push(("an idle connection: resident memory, kB".into(), idle));

    let mut out = String::new();
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32 + 40);
    let area = SVGBackend::with_string(&mut out, size).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("Echo servers, {CONNECTIONS} connections over TCP: less is better");
    area.draw_text(&title, &("sans-serif", 20).into_text_style(&area), (12, 10))?;
    let (_, below) = area.split_vertically(40);
    for (area, (title, values)) in below.split_evenly((rows, COLUMNS)).iter().zip(&panels) {
        panel(area, title, results, values)?;
    }
    area.present()?;
    drop((area, below));
    Ok(out)
}

fn panel(
    area: &Area<'_>,
    title: &str,
    results: &[Results],
    values: &[f64],
) -> Result<(), Box<dyn Error>> {
    area.draw_text(title, &("sans-serif", 14).into_text_style(area), (12, 14))?;
    let finite: Vec<_> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let most = finite.iter().copied().fold(0.0, f64::max).min(LONGEST * median(&finite));
    let width = f64::from(PANEL.0 as i32 - NAMES - NUMBERS);
    let text = ("sans-serif", 12).into_text_style(area);
    let name = text.pos(Pos::new(HPos::Right, VPos::Center));
    let number = text.pos(Pos::new(HPos::Left, VPos::Center));
    for (index, (result, value)) in results.iter().zip(values).enumerate() {
        let top = TOP + BAR * index as i32;
        let middle = top + BAR / 2;
        area.draw_text(result.kind.name, &name, (NAMES - 6, middle))?;
        if !value.is_finite() {
            continue;
        }
        let share = value / most.max(f64::MIN_POSITIVE);
        let end = NAMES + (share.min(1.0) * width) as i32;
        let color = if result.kind.ours { OURS } else { OTHERS };
        let bar = [(NAMES, top + 3), (end, top + BAR - 3)];
        area.draw(&Rectangle::new(bar, color.filled()))?;
        if share > 1.0 {
            let gap = [(end - 14, top + 3), (end - 10, top + BAR - 3)];
            area.draw(&Rectangle::new(gap, WHITE.filled()))?;
        }
        let digits = if *value < 10.0 {
            2
        } else if *value < 100.0 {
            1
        } else {
            0
        };
        area.draw_text(&format!("{value:.digits$}"), &number, (end + 5, middle))?;
    }
    Ok(())
}
