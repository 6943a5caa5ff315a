// A line on a canvas.

/** Draws `values` from left to right; `capacity` of them fill the width. */
export function draw(canvas, values, capacity, { axis = false, up = true } = {}) {
  const { width, height } = canvas.getBoundingClientRect();
  if (width === 0) return;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const style = getComputedStyle(canvas);
  const color = style.getPropertyValue(up ? '--up' : '--down');
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  if (values.length < 2) return;

  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const margin = axis ? { top: 12, right: 56, bottom: 12 } : { top: 3, right: 2, bottom: 3 };
  const span = highest - lowest || 1;
  const x = (at) => ((width - margin.right) * (at + capacity - values.length)) / (capacity - 1);
  const y = (value) => margin.top + ((highest - value) / span) * (height - margin.top - margin.bottom);

  if (axis) {
    context.font = `11px ${style.fontFamily}`;
    context.textBaseline = 'middle';
    context.lineWidth = 1;
    for (let step = 0; step <= 4; step += 1) {
      const value = lowest + (span * step) / 4;
      context.strokeStyle = style.getPropertyValue('--line');
      context.beginPath();
      context.moveTo(0, y(value));
      context.lineTo(width - margin.right, y(value));
      context.stroke();
      context.fillStyle = style.getPropertyValue('--faint');
      context.fillText(value.toFixed(2), width - margin.right + 8, y(value));
    }
  }

  const line = new Path2D();
  values.forEach((value, at) => line.lineTo(x(at), y(value)));
  if (axis) {
    const area = new Path2D(line);
    area.lineTo(x(values.length - 1), height);
    area.lineTo(x(0), height);
    const fade = context.createLinearGradient(0, margin.top, 0, height);
    fade.addColorStop(0, color);
    fade.addColorStop(1, 'transparent');
    context.globalAlpha = 0.25;
    context.fillStyle = fade;
    context.fill(area);
    context.globalAlpha = 1;
  }
  context.strokeStyle = color;
  context.lineWidth = axis ? 2 : 1.4;
  context.lineJoin = 'round';
  context.stroke(line);
  if (axis) {
    const last = values.at(-1);
    context.fillStyle = color;
    context.beginPath();
    context.arc(x(values.length - 1), y(last), 4, 0, 2 * Math.PI);
    context.fill();
  }
}
