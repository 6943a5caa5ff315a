// Lines on a canvas: prices over time, with a gap where rounds are missing.

/** How much of the height may be unused before the scale is drawn closer. */
const SLACK = 0.3;

/** The values that a chart spans. It changes only when the prices leave it or use little of it, so that ticks stay. */
export class Scale {
  low = 0;
  high = 0;
  step = 1;

  fit(lowest, highest) {
    const used = (highest - lowest) / (this.high - this.low || 1);
    if (lowest >= this.low && highest <= this.high && used > SLACK) return;
    const span = Math.max(highest - lowest, 0.05);
    const rough = (span * 1.3) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    this.step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
    this.low = Math.floor((lowest - span * 0.1) / this.step) * this.step;
    this.high = Math.ceil((highest + span * 0.1) / this.step) * this.step;
  }

  get ticks() {
    const count = Math.round((this.high - this.low) / this.step);
    return Array.from({ length: count + 1 }, (_, at) => this.low + at * this.step);
  }
}

function prepare(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, style: getComputedStyle(canvas) };
}

/** Pieces of a series, each of rounds that follow one another. A series has `rounds` and `values`. */
function pieces({ rounds, values }) {
  const found = [];
  rounds.forEach((round, at) => {
    if (at === 0 || round !== rounds[at - 1] + 1) found.push([]);
    found.at(-1).push([round, values[at]]);
  });
  return found;
}

/** A small line without axes; the newest round is at the right edge, `capacity` rounds fill the width. */
export function sparkline(canvas, series, capacity, up) {
  const { context, width, height, style } = prepare(canvas);
  if (width === 0 || series.values.length < 2) return;
  const lowest = Math.min(...series.values);
  const span = Math.max(...series.values) - lowest || 1;
  const newest = series.rounds.at(-1);
  const x = (round) => (width - 2) * (1 - (newest - round) / (capacity - 1));
  const y = (value) => height - 3 - ((value - lowest) / span) * (height - 6);
  context.strokeStyle = style.getPropertyValue(up ? '--up' : '--down');
  context.lineWidth = 1.4;
  context.lineJoin = 'round';
  for (const piece of pieces(series)) context.stroke(path(piece, x, y));
}

/** The large chart: `every` is the time of a round in ms, `scale` the `Scale` of these prices. */
export function chart(canvas, series, capacity, { up, every, scale }) {
  const { context, width, height, style } = prepare(canvas);
  if (width === 0 || series.values.length < 2) return;
  const color = style.getPropertyValue(up ? '--up' : '--down');
  const margin = { top: 12, right: 58, bottom: 28, left: 4 };
  const bottom = height - margin.bottom;
  const right = width - margin.right;
  const newest = series.rounds.at(-1);
  const x = (round) => right - ((newest - round) / (capacity - 1)) * (right - margin.left);
  scale.fit(Math.min(...series.values), Math.max(...series.values));
  const y = (value) => margin.top + ((scale.high - value) / (scale.high - scale.low)) * (bottom - margin.top);

  context.font = `11px ${style.fontFamily}`;
  context.lineWidth = 1;
  context.strokeStyle = style.getPropertyValue('--line');
  context.fillStyle = style.getPropertyValue('--faint');
  context.textBaseline = 'middle';
  const digits = scale.step < 0.1 ? 2 : scale.step < 1 ? 1 : 0;
  for (const value of scale.ticks) {
    line(context, margin.left, y(value), right, y(value));
    context.fillText(value.toFixed(digits), right + 10, y(value));
  }
  // Times are told from now on, so that they stand still while the line moves.
  const seconds = (capacity * every) / 1000;
  const apart = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60].find((each) => seconds / each <= (width < 500 ? 5 : 10)) ?? 60;
  context.textBaseline = 'top';
  for (let ago = 0; ago <= seconds; ago += apart) {
    const at = right - ((ago * 1000) / every / (capacity - 1)) * (right - margin.left);
    if (at < margin.left) break;
    line(context, at, bottom, at, bottom + 5);
    context.textAlign = at < 26 ? 'left' : 'center';
    context.fillText(ago === 0 ? 'now' : `−${Number(ago.toFixed(1))} s`, at, bottom + 9);
  }
  context.textAlign = 'left';

  const found = pieces(series);
  found.forEach((piece, at) => {
    if (at > 0) gap(context, style, x(found[at - 1].at(-1)[0]), x(piece[0][0]), margin.top, bottom);
  });
  const fade = context.createLinearGradient(0, margin.top, 0, bottom);
  fade.addColorStop(0, color);
  fade.addColorStop(1, 'transparent');
  for (const piece of found) {
    const curve = path(piece, x, y);
    const area = new Path2D(curve);
    area.lineTo(x(piece.at(-1)[0]), bottom);
    area.lineTo(x(piece[0][0]), bottom);
    context.globalAlpha = 0.22;
    context.fillStyle = fade;
    context.fill(area);
    context.globalAlpha = 1;
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.lineJoin = 'round';
    context.stroke(curve);
  }
  context.fillStyle = color;
  context.beginPath();
  context.arc(x(newest), y(series.values.at(-1)), 4, 0, 2 * Math.PI);
  context.fill();
}

/** Rounds that did not come: hatched, and named where there is room. */
function gap(context, style, from, to, top, bottom) {
  context.save();
  context.beginPath();
  context.rect(from, top, to - from, bottom - top);
  context.clip();
  context.strokeStyle = style.getPropertyValue('--line');
  context.lineWidth = 1;
  for (let at = from - (bottom - top); at < to; at += 7) line(context, at, bottom, at + bottom - top, top);
  if (to - from > 56) {
    context.fillStyle = style.getPropertyValue('--faint');
    context.textAlign = 'center';
    context.textBaseline = 'top';
    context.fillText('skipped', (from + to) / 2, top + 4);
  }
  context.restore();
}

function path(piece, x, y) {
  const curve = new Path2D();
  for (const [round, value] of piece) curve.lineTo(x(round), y(value));
  if (piece.length === 1) curve.lineTo(x(piece[0][0]) + 1, y(piece[0][1]));
  return curve;
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}
