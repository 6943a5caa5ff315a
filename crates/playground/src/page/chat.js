// Rooms in which people talk.

import { Wire } from './socket.js';

export const wire = new Wire('/chat');

const $ = (id) => document.getElementById(id);
const log = $('chat-log');
const LINES = 300;

/** The room and the name asked for, while one is in a room. */
let joined;
let you;
/** Whether the server has let this page in, on this connection. */
let isIn = false;

const ADJECTIVES = ['Quiet', 'Swift', 'Amber', 'Clever', 'Distant', 'Merry', 'Northern', 'Patient'];
const ANIMALS = ['Otter', 'Heron', 'Lynx', 'Badger', 'Finch', 'Marten', 'Newt', 'Raven'];
const pick = (list) => list[Math.floor(Math.random() * list.length)];
$('chat-name').value = `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;

export function enter() {
  wire.open();
}

$('chat-join').onsubmit = (event) => {
  event.preventDefault();
  for (const [id, what] of [['chat-room', 'room'], ['chat-name', 'name']]) {
    const field = $(id);
    const blank = !field.value.trim();
    field.ariaInvalid = String(blank);
    if (blank) {
      problem(`The ${what} is blank. Type at least one character that is not a space.`);
      field.focus();
      return;
    }
  }
  problem('');
  joined = { join: $('chat-room').value.trim(), name: $('chat-name').value.trim() };
  wire.open();
  if (!wire.send(JSON.stringify(joined))) problem('Not connected. You will join as soon as the server answers.');
};
$('chat-form').onsubmit = (event) => {
  event.preventDefault();
  const say = $('chat-text').value.trim();
  if (!say) return;
  if (wire.send(JSON.stringify({ say }))) $('chat-text').value = '';
  else note('Not connected: this was not sent.');
};
$('chat-leave').onclick = () => {
  joined = undefined;
  isIn = false;
  $('chat-talk').hidden = true;
  $('chat-join').hidden = false;
  wire.close(1000, 'left');
  wire.addEventListener('closed', () => wire.open(), { once: true });
};

wire.addEventListener('open', () => {
  if (joined) wire.send(JSON.stringify(joined));
});
wire.addEventListener('closed', () => {
  // Each attempt to connect again that fails is closed, too.
  if (isIn) note('The connection is lost. You will be back in the room when the server answers.');
  isIn = false;
});
wire.addEventListener('message', ({ detail }) => {
  const message = JSON.parse(detail);
  if (message.history) welcome(message);
  else if (message.say) say(message);
  else if (message.here) news(message);
  else if (message.error) refused(message.error);
});

function welcome(message) {
  you = message.you;
  isIn = true;
  problem('');
  $('chat-title').textContent = message.room;
  $('chat-join').hidden = true;
  $('chat-talk').hidden = false;
  log.replaceChildren();
  message.history.forEach(say);
  note(`You are here as ${you}.`);
  $('chat-text').focus({ preventScroll: true });
}

function say({ from, say: text, at }) {
  const entry = document.createElement('li');
  entry.className = from === you ? 'mine' : '';
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const head = Object.assign(document.createElement('small'), { textContent: `${from} · ${time}` });
  head.style.setProperty('--hue', hue(from));
  entry.append(head, Object.assign(document.createElement('p'), { textContent: text }));
  append(entry);
}

function news({ count, here, came, left, lost }) {
  $('chat-count').textContent = count;
  const people = here.map((name) => {
    const entry = Object.assign(document.createElement('li'), { textContent: name });
    entry.style.setProperty('--hue', hue(name));
    entry.classList.toggle('you', name === you);
    return entry;
  });
  if (count > here.length) {
    const more = `and ${(count - here.length).toLocaleString()} more`;
    people.push(Object.assign(document.createElement('li'), { className: 'more', textContent: more }));
  }
  $('chat-people').replaceChildren(...people);
  const others = (names) => names.filter((name) => name !== you).join(', ');
  if (others(came)) note(`${others(came)} came.`);
  if (others(left)) note(`${others(left)} left.`);
  if (others(lost)) note(`${others(lost)} lost the connection.`);
}

function refused(error) {
  const text = `The server says: ${error}.`;
  if (isIn) return note(text);
  joined = undefined;
  $('chat-talk').hidden = true;
  $('chat-join').hidden = false;
  problem(text);
}

/** Says beside the form why one cannot join. */
function problem(text) {
  $('chat-problem').textContent = text;
}

function note(text) {
  append(Object.assign(document.createElement('li'), { className: 'note', textContent: text }));
}

function append(entry) {
  log.append(entry);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
}

// As when the keyboard of a phone takes half of the room.
new ResizeObserver(() => {
  log.scrollTop = log.scrollHeight;
}).observe(log);

/** A colour for each name. */
function hue(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return hash;
}
