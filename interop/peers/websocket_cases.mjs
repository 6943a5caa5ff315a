// Cases written against the standard WebSocket interface, for a page in a browser and for npm `ws`.
// A case gets the constructor, the servers' URLs and what is expected of them; it throws if something is wrong.

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

// A WebSocket whose events can be awaited.
export class Session {
  constructor(WebSocket, url, ...rest) {
    this.socket = new WebSocket(url, ...rest);
    this.socket.binaryType = 'arraybuffer';
    this.messages = [];
    this.waiting = [];
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener('open', resolve);
      this.socket.addEventListener('error', (event) => reject(new Error(event.message ?? 'no connection')));
    });
    this.opened.catch(() => {}); // a close tells it too
    this.closed = new Promise((resolve) => this.socket.addEventListener('close', resolve));
    this.socket.addEventListener('message', ({ data }) => {
      const taker = this.waiting.shift();
      if (taker) taker.resolve(data);
      else this.messages.push(data);
    });
    this.closed.then(({ code }) => {
      for (const taker of this.waiting) taker.reject(new Error(`closed with ${code} instead of a message`));
    });
  }

  static async open(...parameters) {
    const session = new Session(...parameters);
    await session.opened;
    return session;
  }

  next() {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  async close(code, reason) {
    this.socket.close(code, reason);
    return await this.closed;
  }

  // Sends a text, an ArrayBuffer or typed array, or a Blob, and compares what comes back.
  async echoes(message) {
    this.socket.send(message);
    const reply = await this.next();
    if (typeof message === 'string') {
      check(typeof reply === 'string', 'a text came back as binary');
      check(reply === message, `a text of ${message.length} units came back as another of ${reply.length}`);
    } else {
      check(typeof reply !== 'string', 'binary came back as text');
      check(await same(message, reply), 'other bytes came back');
    }
  }
}

async function bytes(data) {
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer());
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

async function same(one, other) {
  const [left, right] = [await bytes(one), await bytes(other)];
  return left.length === right.length && left.every((value, at) => value === right[at]);
}

export function randomBytes(size) {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(data.subarray(at, Math.min(at + 65536, size)));
  return data;
}

export const cases = {
  'text comes back, of one to four bytes a character': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    for (const text of ['', 'a', 'Grüße, 世界 😀', '\u0000\uffff', 'ß'.repeat(63), 'x'.repeat(65536)]) {
      await session.echoes(text);
    }
    await session.close();
  },

  'binary comes back as ArrayBuffer': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    for (const size of [0, 1, 125, 126, 65535, 65536]) await session.echoes(randomBytes(size).buffer);
    await session.close();
  },

  'a Blob comes back as Blob': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    session.socket.binaryType = 'blob';
    const blob = new Blob([randomBytes(70000), 'and text']);
    session.socket.send(blob);
    const reply = await session.next();
    check(reply instanceof Blob, `a ${reply?.constructor?.name} came back`);
    check(await same(blob, reply), 'other bytes came back');
    await session.close();
  },

  'messages of both kinds come back in order': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    const sent = Array.from({ length: 200 }, (_, n) => (n % 3 ? `message ${n} ${'.'.repeat(n * 31)}` : randomBytes(n * 29)));
    for (const message of sent) session.socket.send(message);
    for (const [n, message] of sent.entries()) {
      const reply = await session.next();
      check(typeof message === 'string' ? reply === message : await same(message, reply), `message ${n} differs`);
    }
    await session.close();
  },

  'a text and a binary message of 8 MiB come back': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    await session.echoes(randomBytes(8 * 1024 * 1024));
    await session.echoes('Grüße 😀'.repeat(8 * 1024 * 1024 / 12));
    await session.close();
  },

  'the server picks the first of its own subprotocols': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.subprotocols, ['other', 'superchat', 'chat']);
    check(session.socket.protocol === 'chat', `it picked '${session.socket.protocol}'`);
    await session.echoes('hello');
    await session.close();
  },

  'no subprotocol when none is offered': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.subprotocols);
    check(session.socket.protocol === '', `it picked '${session.socket.protocol}'`);
    await session.close();
  },

  'close codes and reasons': async ({ WebSocket, urls }) => {
    for (const [code, reason] of [[1000, 'done'], [3000, ''], [4999, 'ß'.repeat(61)]]) {
      const session = await Session.open(WebSocket, urls.plain);
      await session.echoes('before');
      const closed = await session.close(code, reason);
      check(closed.code === code, `closed with ${code}, answered with ${closed.code}`);
      check(closed.wasClean, `the close with ${code} was not clean`);
      check(['', reason].includes(closed.reason), `another reason came back: ${closed.reason}`);
    }
  },

  'a close without a code': async ({ WebSocket, urls }) => {
    const session = await Session.open(WebSocket, urls.plain);
    const closed = await session.close();
    check([1000, 1005].includes(closed.code), `answered with ${closed.code}`);
    check(closed.wasClean, 'the close was not clean');
  },

  'a message over --max-message-size is closed with 1009': async ({ WebSocket, urls, smallLimit }) => {
    const session = await Session.open(WebSocket, urls.small);
    await session.echoes(new Uint8Array(smallLimit));
    session.socket.send(new Uint8Array(smallLimit + 1));
    const closed = await session.closed;
    check(closed.code === 1009, `closed with ${closed.code}, not 1009`);
    check(closed.wasClean, 'the close was not clean');
  },

  'permessage-deflate is agreed when expected, never with --no-deflate': async ({ WebSocket, urls, expectDeflate }) => {
    const session = await Session.open(WebSocket, urls.plain);
    const { extensions } = session.socket;
    if (expectDeflate) check(extensions.startsWith('permessage-deflate'), `the extensions are '${extensions}'`);
    for (let n = 0; n < 3; n++) await session.echoes('the same text '.repeat(1000));
    await session.close();

    const without = await Session.open(WebSocket, urls.noDeflate);
    check(without.socket.extensions === '', `--no-deflate, yet the extensions are '${without.socket.extensions}'`);
    await without.echoes('the same text '.repeat(1000));
    await without.close();
  },
};
