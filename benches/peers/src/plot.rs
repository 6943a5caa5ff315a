//! The plot: how much longer than the reference each takes, by size of the message.

use std::error::Error;

use plotters::prelude::*;

use crate::{report::reference, table::Table};

/// How small and how large a multiple is drawn.
const LEAST: f64 = 0.4;
const MOST: f64 = 60.0;

/// What is drawn, in this order.
const PANELS: [&str; 4] = ["decode-binary", "decode-mixed", "encode-server", "encode-client"];

const COLORS: [(u8, u8, u8); 14] = [
    (0x1f, 0x77, 0xb4),
    (0xff, 0x7f, 0x0e),
    (0x2c, 0xa0, 0x2c),
    (0xd6, 0x27, 0x28),
    (0x94, 0x67, 0xbd),
    (0x8c, 0x56, 0x4b),
    (0xe3, 0x77, 0xc2),
    (0x7f, 0x7f, 0x7f),
    (0xbc, 0xbd, 0x22),
    (0x17, 0xbe, 0xcf),
    (0x39, 0x3b, 0x79),
    (0x63, 0x79, 0x39),
    (0x84, 0x3c, 0x39),
    (0xb5, 0xa0, 0x00),
];

/// The plot as SVG; `None` when there is nothing to draw.
pub fn svg(tables: &[Table]) -> Option<String> {
    let panels: Vec<_> = PANELS
        .iter()
        .filter_map(|id| tables.iter().find(|table| table.id == *id))
        .filter(|table| reference(table).is_some())
        .collect();
    if panels.is_empty() {
        return None;
    }
    let mut out = String::new();
    draw(&panels, &mut out).expect("a string takes everything");
    Some(out)
}

fn draw(panels: &[&Table], out: &mut String) -> Result<(), Box<dyn Error>> {
    let rows = panels.len().div_ceil(2);
    let area = SVGBackend::with_string(out, (1200, 460 * rows as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    for (area, table) in area.split_evenly((rows, 2)).iter().zip(panels) {
        panel(area, table)?;
    }
    area.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    table: &Table,
) -> Result<(), Box<dyn Error>> {
    let Some((name, of)) = reference(table) else { return Ok(()) };
    let columns = table.columns.len();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: time, as a multiple of {name}'s", table.title), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(0..columns + columns / 2, (LEAST..MOST).log_scale().base(2.0))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(1)
        .x_labels(2 * columns)
        .x_label_formatter(&|x| table.columns.get(*x).cloned().unwrap_or_default())
        .y_label_formatter(&|y| format!("{y}×"))
        .draw()?;
    // Every table has a row for every peer, so that a peer has its colour in all panels.
    for (row, (r, g, b)) in table.rows.iter().zip(COLORS) {
        if row.cells.iter().all(Option::is_none) {
            continue;
        }
        let style = RGBColor(r, g, b).stroke_width(if row.name == name { 4 } else { 2 });
        let points = row.cells.iter().zip(of).enumerate().filter_map(|(i, (cell, of))| {
            Some((i, (cell.as_ref()?.min / of.as_ref()?.min).clamp(LEAST, MOST)))
        });
        let line = LineSeries::new(points, style).point_size(2);
        chart
            .draw_series(line)?
            .label(&row.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}
