// What is sent comes back. Beside it, everything that the browser tells of its WebSocket.

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

const SERVER_CODES = [
  ['1000', 'Normal Closure'], ['1001', 'Going Away'], ['1002', 'Protocol error'],
  ['1003', 'Unsupported Data'], ['1007', 'Invalid frame payload data'], ['1008', 'Policy Violation'],
  ['1009', 'Message Too Big'], ['1010', 'Mandatory Ext.'], ['1011', 'Internal Error'],
  ['1012', 'Service Restart'], ['1013', 'Try Again Later'], ['1014', 'Bad Gateway'],
  ['3000', 'registered with IANA'], ['4000', 'private use'], ['4999', 'private use'],
];
for (const [code, meaning] of SERVER_CODES) {
  button('echo-server-codes', code, meaning, () => wire.send(`/close ${code} ${meaning}`));
}
button('echo-server-codes', 'no code', 'an empty close frame: 1005', () => wire.send('/close'));
button('echo-server-codes', 'no frame', 'TCP ends without one: 1006', () => wire.send('/drop'));
for (const code of [1000, 3000, 4000, 4999]) {
  button('echo-page-codes', code, 'comes back only when asked to', () => wire.close(code, 'the page wants it'));
}
button('echo-page-codes', 'too much', 'a message over the limit: 1009', () => transmit(new Uint8Array(9 << 20)));

function button(place, text, title, onclick) {
  $(place).append(Object.assign(document.createElement('button'), { type: 'button', textContent: text, title, onclick }));
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
  if (wire.send('/ping')) line('up', 'asked for a ping; a browser answers it unseen');
};

function transmit(data, file) {
  if (!wire.send(data)) {
    line('bad', 'not connected');
    return false;
  }
  const isOrder = typeof data === 'string' && /^\/(ping|drop|close)\b/.test(data);
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
  line('note', `closed with ${detail.code}`);
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
