// A ticker: prices come many times a second, and are drawn once for each picture of the screen.

import { Scale, chart, sparkline } from './chart.js';
import { Wire } from './socket.js';

export const wire = new Wire('/quotes');

const $ = (id) => document.getElementById(id);
const CAPACITY = 240;

let names = [];
/** The rounds of which the prices are known, and the prices of each stock in them. */
let rounds = [];
let prices = [];
let scales = [];
/** The time of a round in ms. */
let every = 0;
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

/** A page that shows no prices gets none. */
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
  rounds.push(round);
  message.prices.forEach((price, at) => prices[at].push(price));
  while (rounds[0] <= round - CAPACITY) {
    rounds.shift();
    prices.forEach((each) => each.shift());
  }
});
wire.addEventListener('change', () => {
  $('quotes-empty').hidden = names.length > 0;
  $('quotes-shown').hidden = names.length === 0;
  $('quotes-empty').textContent = wire.socket?.readyState === WebSocket.CLOSED ? 'No prices: the server does not answer. The page tries again by itself.' : 'The first prices are on their way.';
  $('quotes-old').hidden = wire.isOpen || names.length === 0;
});

/** The first message: the names, and what was before. */
function begin(message) {
  ({ names, round, every } = message);
  told = 0;
  rounds = message.history.map((_, at) => round - message.history.length + 1 + at);
  prices = names.map((_, at) => message.history.map((row) => row[at]));
  scales = names.map(() => new Scale());
  rows = names.map((name, at) => {
    const row = document.createElement('li');
    row.innerHTML = '<button type="button"><b></b><canvas aria-hidden="true"></canvas><span class="price"></span><span class="change"></span></button>';
    row.querySelector('b').textContent = name;
    row.firstElementChild.onclick = () => {
      chosen = at;
    };
    return row;
  });
  $('quotes-stocks').replaceChildren(...rows);
  wire.dispatchEvent(new CustomEvent('change'));
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
    row.firstElementChild.ariaPressed = String(at === chosen);
    const up = put(prices[at], row.querySelector('.price'), row.querySelector('.change'));
    sparkline(row.querySelector('canvas'), { rounds, values: prices[at] }, CAPACITY, up);
  });
  if (!rows.length) return;
  if (round - told >= 10 && wire.send(String(round))) told = round;
  $('quotes-name').textContent = names[chosen];
  const up = put(prices[chosen], $('quotes-price'), $('quotes-change'));
  chart($('quotes-chart'), { rounds, values: prices[chosen] }, CAPACITY, { up, every, scale: scales[chosen] });
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
  // The page draws nothing, and so it does not tell the server that it has. The server skips rounds.
  const until = performance.now() + 3000;
  while (performance.now() < until);
};
