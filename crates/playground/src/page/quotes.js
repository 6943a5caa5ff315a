// A ticker: prices come many times a second, and are drawn once a frame.

import { draw } from './chart.js';
import { Wire } from './socket.js';

export const wire = new Wire('/quotes');

const $ = (id) => document.getElementById(id);
const CAPACITY = 240;

let names = [];
/** The last prices of each stock. */
let series = [];
let rows = [];
let chosen = 0;
let round = 0;
/** The round that the server was last told of: it does not run far ahead of that. */
let told = 0;
let received = 0;
let skipped = 0;
/** When the messages of the last second came. */
let arrivals = [];
let frame;

export function enter() {
  wire.open();
  frame = requestAnimationFrame(render);
}

/** Who does not look at prices does not need them. */
export function leave() {
  cancelAnimationFrame(frame);
  wire.close(1000, 'looking elsewhere');
}

wire.addEventListener('message', ({ detail }) => {
  const message = JSON.parse(detail);
  if (message.names) return begin(message);
  skipped += message.round - round - 1;
  round = message.round;
  received += 1;
  arrivals.push(performance.now());
  message.prices.forEach((price, at) => {
    series[at].push(price);
    if (series[at].length > CAPACITY) series[at].shift();
  });
});

/** The first message: the names, and what was before. */
function begin(message) {
  ({ names, round } = message);
  told = 0;
  series = names.map((_, at) => message.history.map((prices) => prices[at]));
  rows = names.map((name, at) => {
    const row = document.createElement('li');
    row.innerHTML = '<button type="button"><b></b><canvas></canvas><span class="price"></span><span class="change"></span></button>';
    row.querySelector('b').textContent = name;
    row.firstElementChild.onclick = () => {
      chosen = at;
    };
    return row;
  });
  $('quotes-stocks').replaceChildren(...rows);
}

function render() {
  frame = requestAnimationFrame(render);
  const now = performance.now();
  arrivals = arrivals.filter((at) => now - at < 1000);
  $('quotes-rate').textContent = arrivals.length;
  $('quotes-received').textContent = received;
  $('quotes-skipped').textContent = skipped;
  rows.forEach((row, at) => {
    row.classList.toggle('chosen', at === chosen);
    const up = put(series[at], row.querySelector('.price'), row.querySelector('.change'));
    draw(row.querySelector('canvas'), series[at], CAPACITY, { up });
  });
  if (!rows.length) return;
  if (round - told >= 10 && wire.send(String(round))) told = round;
  $('quotes-name').textContent = names[chosen];
  const up = put(series[chosen], $('quotes-price'), $('quotes-change'));
  draw($('quotes-chart'), series[chosen], CAPACITY, { axis: true, up });
}

/** Shows the last price, and its change within what is drawn: whether it went up. */
function put(values, price, change) {
  const percent = (values.at(-1) / values[0] - 1) * 100;
  price.textContent = values.at(-1).toFixed(2);
  change.textContent = `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(2)} %`;
  change.className = percent < 0 ? 'change down' : 'change up';
  return percent >= 0;
}

$('quotes-freeze').onclick = () => {
  // A page that draws nothing says nothing of it, and the server soon passes it over.
  const until = performance.now() + 3000;
  while (performance.now() < until);
};
