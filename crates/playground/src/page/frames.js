// The frame view: the frames of this page's connections, as the server received and sent them.

import { OPCODES, anatomy, payload } from './anatomy.js';
import { wire } from './server.js';

const $ = (id) => document.getElementById(id);
const panel = $('frames');
const place = $('frames-lists');
const LINES = 150;

/** A list for each service, by path. */
const lists = new Map();
let current;
/** What came while the view was paused; `undefined` while it is not. */
let held;

wire.addEventListener('open', watch);
wire.addEventListener('closed', () => tell('Not connected to /server: it tries again by itself.'));
wire.addEventListener('message', ({ detail }) => {
  const report = JSON.parse(detail);
  if (report.error) tell(`The server says: ${report.error}.`);
  if (!report.frames) return;
  if (held) {
    held.push(...report.frames);
    held.splice(0, held.length - LINES * 4);
    pauseLabel();
  } else report.frames.forEach(append);
  if (report.left_out) tell(`${report.left_out.toLocaleString('en')} frames came too fast to be shown.`);
});
panel.addEventListener('toggle', watch);

/** Asks the server for frames as long as somebody can see them. */
function watch() {
  wire.send(panel.open ? 'watch' : 'rest');
  tell('');
}

/** Shows the frames of the connection to this path, in the tab of its service. */
export function show(path, tab) {
  (tab.querySelector('.slot') ?? tab).append(panel);
  current = path;
  list(path);
  for (const [each, one] of lists) one.hidden = each !== path;
  $('frames-path').textContent = path;
  follow(true);
  tellIfEmpty();
}

function list(path) {
  if (!lists.has(path)) {
    const one = Object.assign(document.createElement('ol'), { hidden: path !== current });
    lists.set(path, one);
    place.append(one);
  }
  return lists.get(path);
}

function append(entry) {
  const one = list(entry.path);
  const atEnd = isAtEnd();
  one.append(row(entry));
  // What is taken apart stays where it is.
  while (one.childElementCount > LINES && atEnd) one.firstElementChild.remove();
  while (one.childElementCount > LINES * 4) one.firstElementChild.remove();
  if (entry.path === current) follow(atEnd);
  tellIfEmpty();
}

function isAtEnd() {
  return place.scrollHeight - place.scrollTop - place.clientHeight < 30;
}

function follow(wanted) {
  if (wanted) place.scrollTop = place.scrollHeight;
}

function row(entry) {
  const { frame, verdict, state, at, connection } = entry;
  const item = element('li', frame ? frame.from : 'event');
  const time = element('span', 'at', `${at.toFixed(3)} s`);
  const made = element('span', 'made');
  made.append(element('span', 'state', state), ' ', verdict);
  if (!frame) {
    const what = element('b', 'what', `connection ${connection}`);
    const line = element('div', 'line');
    line.append(time, what, made);
    item.append(line);
    return item;
  }
  const button = Object.assign(element('button', 'line'), { type: 'button' });
  button.ariaExpanded = 'false';
  const flags = element('span', 'flags');
  for (const [name, value] of [['FIN', frame.fin], ['RSV1', frame.rsv[0]], ['MASK', Boolean(frame.mask)]]) {
    flags.append(element('span', value ? 'on' : '', `${name} ${Number(value)}`), ' ');
  }
  const from = element('span', 'from', frame.from === 'client' ? '↑ client' : '↓ server');
  const length = element('span', 'length', `${frame.length.toLocaleString('en')} B`);
  button.append(time, ' ', from, ' ', element('b', 'what', OPCODES[frame.opcode] ?? `opcode ${frame.opcode}`), ' ', flags, ' ', length, ' ',
    element('span', 'payload', payload(frame, entry.message)), ' ', made);
  button.onclick = () => {
    const open = button.ariaExpanded === 'true';
    button.ariaExpanded = String(!open);
    if (open) return item.lastElementChild.remove();
    const parts = element('div', 'anatomy');
    parts.append(...anatomy(entry));
    item.append(parts);
    parts.scrollIntoView({ block: 'nearest' });
  };
  item.append(button);
  return item;
}

$('frames-pause').onclick = () => {
  const waiting = held ?? [];
  held = held ? undefined : [];
  waiting.forEach(append);
  pauseLabel();
};
$('frames-clear').onclick = () => {
  list(current).replaceChildren();
  tellIfEmpty();
};

function pauseLabel() {
  $('frames-pause').textContent = held ? `Go on${held.length ? `, ${held.length} new` : ''}` : 'Pause';
}

function tell(text) {
  $('frames-note').textContent = text;
}

function tellIfEmpty() {
  $('frames-empty').hidden = list(current).childElementCount > 0;
}

function element(kind, className, textContent = '') {
  return Object.assign(document.createElement(kind), { className, textContent });
}
