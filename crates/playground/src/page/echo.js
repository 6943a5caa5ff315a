// What is sent comes back. Beside it stands all that the browser says about its WebSocket.

import { meaning, name as codeName } from './codes.js';
import { STATES, Wire } from './socket.js';

export const wire = new Wire('/echo', ['echo.playground']);

const $ = (id) => document.getElementById(id);
const log = $('echo-log');
const LINES = 60;

/** What has been sent and has not come back yet, oldest first. */
let pending = [];

export function enter() {
  wire.open();
}

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]) {
  button('echo-server-codes', code, codeName(code), () => wire.send(`/close ${code} ${codeName(code)}`));
}
button('echo-server-codes', 1005, 'a close frame without a code', () => wire.send('/close'), 'no code');
button('echo-server-codes', 1006, 'TCP ends, no close frame', () => wire.send('/drop'), 'no frame');
for (const code of [1000, 3000, 4000, 4999]) {
  button('echo-page-codes', code, codeName(code), () => wire.close(code, 'the page wants it'));
}
button('echo-page-codes', 1009, 'a message over the limit', () => transmit(new Uint8Array(9 << 20)), 'too much');

/** A button with its code, or what it does instead, and in words what that means. */
function button(place, code, words, onclick, text = code) {
  const it = Object.assign(document.createElement('button'), { type: 'button', onclick });
  it.dataset.code = code;
  it.append(Object.assign(document.createElement('b'), { textContent: text }), ' ', words);
  $(place).append(it);
}

$('echo-form').onsubmit = (event) => {
  event.preventDefault();
  const text = $('echo-text').value;
  if (transmit(text)) $('echo-text').select();
};
$('echo-file').onchange = async ({ target }) => {
  const [file] = target.files;
  if (file) transmit(new Uint8Array(await file.arrayBuffer()), file);
  target.value = '';
};
$('echo-random').onclick = () => {
  const bytes = new Uint8Array(256 << 10);
  for (let at = 0; at < bytes.length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  transmit(bytes);
};
$('echo-ping').onclick = () => {
  if (wire.send('/ping')) line('up', 'asked for a ping, which the browser answers by itself');
};
$('echo-fragments').onclick = () => {
  const text = $('echo-text').value || 'Hello, WebSocket';
  if (wire.send(`/fragments ${text}`)) line('up', 'asked for the text in three frames, with a ping between them');
};

function transmit(data, file) {
  if (!wire.send(data)) {
    line('bad', 'not connected');
    return false;
  }
  const isOrder = typeof data === 'string' && /^\/(ping|drop|close|fragments)\b/.test(data);
  if (!isOrder) pending.push({ data, file, at: performance.now() });
  line('up', describe(data, file));
  watch();
  return true;
}

wire.addEventListener('message', ({ detail: data }) => {
  const sent = pending[0];
  const same = sent && (typeof data === 'string' ? data === sent.data : equal(new Uint8Array(data), sent.data));
  if (!same) {
    line('down', describe(data));
    return;
  }
  pending.shift();
  const entry = line('down', describe(data, sent.file), `the same, after ${(performance.now() - sent.at).toFixed(1)} ms`);
  if (sent.file?.type.startsWith('image/')) {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([data], { type: sent.file.type }));
    image.alt = sent.file.name;
    image.onload = () => URL.revokeObjectURL(image.src);
    entry.append(image);
  }
});
wire.addEventListener('open', () => line('note', 'open'));
wire.addEventListener('closed', ({ detail }) => {
  pending = [];
  fact('code', detail.code);
  fact('reason', detail.reason || '(none)');
  fact('wasClean', detail.wasClean);
  fact('meaning', `${codeName(detail.code)}. ${meaning(detail.code)}`);
  line('note', `closed with ${detail.code}, ${codeName(detail.code)}`);
});
wire.addEventListener('change', watch);

/** Follows bufferedAmount, which changes without an event, for as long as there is something. */
function watch() {
  const { socket } = wire;
  fact('readyState', socket ? `${socket.readyState} ${STATES[socket.readyState]}` : '–');
  fact('bufferedAmount', socket?.bufferedAmount ?? '–');
  fact('protocol', socket?.protocol || '(none)');
  fact('extensions', socket?.extensions.replaceAll(';', ';\n') || '(none)');
  if (socket?.bufferedAmount && socket.readyState < WebSocket.CLOSED) requestAnimationFrame(watch);
}

function fact(name, value) {
  const place = document.querySelector(`[data-fact="${name}"]`);
  const text = String(value);
  if (place.textContent === text) return;
  place.textContent = text;
  place.classList.remove('changed');
  void place.offsetWidth; // so that the animation begins again
  place.classList.add('changed');
}

function line(kind, text, note = '') {
  const entry = Object.assign(document.createElement('li'), { className: kind });
  entry.append(Object.assign(document.createElement('span'), { textContent: text }));
  if (note) entry.append(Object.assign(document.createElement('small'), { textContent: note }));
  log.append(entry);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
  return entry;
}

function describe(data, file) {
  if (typeof data === 'string') return data.length > 200 ? `${data.slice(0, 200)}…` : data;
  const size = data.byteLength;
  const shown = size < 1024 ? `${size} bytes` : size < 1 << 20 ? `${(size / 1024).toFixed(0)} KiB` : `${(size / (1 << 20)).toFixed(1)} MiB`;
  return file ? `${file.name}, ${shown}` : `${shown} of binary`;
}

function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
