// What the server reports of itself, while the page can be seen: figures, and frames on demand.

import { Wire } from './socket.js';

export const wire = new Wire('/server');

const FIGURES = ['connections', 'bytes_each', 'messages', 'bytes'];
const place = (name) => document.querySelector(`[data-figure="${name}"]`);

wire.addEventListener('message', ({ detail }) => {
  const report = JSON.parse(detail);
  if (report.connections === undefined) return;
  const rates = (counts) => counts.map((count) => short(count / report.every));
  place('connections').textContent = report.connections.toLocaleString('en');
  place('bytes_each').textContent = `${report.bytes_each.toLocaleString('en')} bytes`;
  show('messages', rates(report.messages));
  show('bytes', rates(report.bytes));
});
wire.addEventListener('closed', () => {
  for (const name of FIGURES) place(name).textContent = '–';
});

/** Those that came in, and those that went out. */
function show(name, [received, sent]) {
  place(name).textContent = `${received} in, ${sent} out`;
}

/** Such as 7, 250 or 12.3k. */
function short(number) {
  const units = ['', 'k', 'M', 'G'];
  let unit = 0;
  while (number >= 999.5 && unit < units.length - 1) [number, unit] = [number / 1000, unit + 1];
  return `${unit && number < 100 ? number.toFixed(1) : Math.round(number)}${units[unit]}`;
}

function look() {
  if (document.hidden) wire.close(1000, 'not looking');
  else wire.open();
}

document.addEventListener('visibilitychange', look);
look();

/** Resolves once the server reports, or after a moment without it. */
export const ready = new Promise((resolve) => {
  wire.addEventListener('open', resolve, { once: true });
  wire.addEventListener('closed', resolve, { once: true });
  setTimeout(resolve, 1000);
});
