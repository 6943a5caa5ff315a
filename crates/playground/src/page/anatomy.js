// A frame taken apart: each field of its header as on the wire, its payload, and its message.

import { meaning, name as codeName } from './codes.js';

export const OPCODES = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

const ABOUT = {
  0: ['5.4', 'The next fragment of a message that another frame has begun.'],
  1: ['5.6', 'Begins a message whose payload is text in UTF-8.'],
  2: ['5.6', 'Begins a message of arbitrary bytes.'],
  8: ['5.5.1', 'Ends what its sender has to say. The other end answers with a close frame, and then TCP is closed.'],
  9: ['5.5.2', 'Asks for a pong with the same payload. It may come between the fragments of a message.'],
  10: ['5.5.3', 'Answers a ping. A browser does it unseen by the page.'],
};
/** How much of a payload the server shows. */
const EXCERPT = 120;

export function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

/** A payload in one line: text where it is text, or hexadecimal. */
export function payload(frame, message) {
  if (message) return shown(bytes(message.bytes), message.length);
  const data = bytes(frame.payload);
  if (frame.opcode === 8) return data.length < 2 ? 'no code' : `${code(data)} ${codeName(code(data))}${data.length > 2 ? ` ${quote(text(data.subarray(2), frame.length - 2))}` : ''}`;
  if (!frame.length) return 'empty';
  return frame.rsv[0] || frame.opcode === 2 ? spaced(data, frame.length) : shown(data, frame.length);
}

/** Text in quotation marks, or hexadecimal if it is none. */
function shown(data, length) {
  return isText(data, length) ? quote(text(data, length)) : spaced(data, length);
}

function isText(data, length) {
  return !/[\0-\x08\x0e-\x1f\ufffd]/.test(text(data, length));
}

/** The fields of a frame, as elements. */
export function anatomy({ frame, message }) {
  const header = bytes(frame.header);
  const [first, second] = header;
  const bits = (value, from, count) => ((value >> from) & ((1 << count) - 1)).toString(2).padStart(count, '0');
  const short = second & 127;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const fields = element('div', 'fields');
  const field = (digits, label, says, kind = '') => {
    const box = element('div', `field ${kind}`);
    box.append(element('code', '', digits), element('b', '', label), element('span', '', says));
    fields.append(box);
  };
  field(bits(first, 7, 1), 'FIN', frame.fin ? 'last of its message' : 'more will follow');
  field(bits(first, 6, 1), 'RSV1', frame.rsv[0] ? 'compressed (RFC 7692)' : frame.opcode === 0 ? 'set on the first fragment only' : 'not compressed');
  field(bits(first, 4, 2), 'RSV2, RSV3', 'have no meaning yet');
  field(bits(first, 0, 4), 'opcode', `${OPCODES[frame.opcode] ?? 'reserved'} (${frame.opcode})`);
  field(bits(second, 7, 1), 'MASK', frame.mask ? 'a client always masks' : 'a server never masks');
  field(bits(second, 0, 7), 'length', extended ? `${short}: it is in the next ${extended} bytes` : `${short} bytes`);
  if (extended) field(spaced(header.subarray(2, 2 + extended)), 'extended length', `${frame.length.toLocaleString('en')} bytes`);
  if (frame.mask) field(spaced(bytes(frame.mask)), 'masking key', 'XORed with the payload', 'wide');
  const parts = [fields];
  const add = (title, body) => {
    parts.push(element('h3', '', title), element('pre', '', body));
  };
  const data = bytes(frame.payload);
  const cut = frame.length > data.length ? `, the first ${data.length} of ${frame.length.toLocaleString('en')} bytes` : '';
  if (data.length) add(`Payload${frame.mask ? ', unmasked' : ''}${cut}`, dump(data));
  if (message) {
    const cutShort = message.length > EXCERPT ? `, the first ${EXCERPT} of ${message.length.toLocaleString('en')} bytes` : '';
    const all = bytes(message.bytes);
    add(`Message${cutShort}`, isText(all, message.length) ? text(all, message.length) : dump(all));
  }
  const [section, says] = ABOUT[frame.opcode] ?? ['5.2', 'Reserved: an endpoint fails the connection on it.'];
  const about = element('p', 'about', `${says} ${frame.opcode === 8 && data.length > 1 ? `Code ${code(data)}: ${meaning(code(data))} ` : ''}`);
  about.append(Object.assign(element('a', '', `RFC 6455 §${section}`), { href: `https://www.rfc-editor.org/rfc/rfc6455#section-${section}` }));
  parts.push(about);
  return parts;
}

function element(kind, className, textContent = '') {
  return Object.assign(document.createElement(kind), { className, textContent });
}

function code(data) {
  return data[0] * 256 + data[1];
}

/** Text of which the end may be cut off, even within a character. */
function text(data, length) {
  const decoded = new TextDecoder().decode(data, { stream: data.length < length });
  return data.length < length ? `${decoded}…` : decoded;
}

function quote(string) {
  return `“${string}”`;
}

function spaced(data, length = data.length) {
  const digits = [...data.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return length > Math.min(24, data.length) ? `${digits} …` : digits;
}

/** Sixteen bytes a line, in hexadecimal and as ASCII. */
function dump(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${digits.padEnd(47)}  ${ascii}`);
  }
  return lines.join('\n');
}
