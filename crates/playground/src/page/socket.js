// The browser's WebSocket, and what it lacks: it connects again, more slowly each time that fails.

const FIRST = 500;
const LONGEST = 15_000;
/** A connection that lived for so long was a good one: the next wait is short again. */
const STEADY = 3000;

/** Names this page to the server, which then shows it the frames of its own connections. */
const PAGE = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];

/** Events: `open`, `message` (its `detail` is the data), `closed` (the CloseEvent), `change`. */
export class Wire extends EventTarget {
  #path;
  #protocols;
  #attempts = 0;
  #timer;
  #wanted = false;
  /** When it will try again, or `undefined`. */
  retryAt;
  socket;

  constructor(path, protocols = []) {
    super();
    this.#path = path;
    this.#protocols = protocols;
    addEventListener('online', () => this.#wanted && this.open());
  }

  get url() {
    return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${this.#path}`;
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.#wanted = true;
    if (this.socket && this.socket.readyState !== WebSocket.CLOSED) return;
    this.#cancel();
    const socket = new WebSocket(`${this.url}?page=${PAGE}`, this.#protocols);
    let opened;
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => {
      opened = performance.now();
      this.#tell('open');
    };
    socket.onmessage = ({ data }) => this.#tell('message', data);
    socket.onclose = (event) => {
      if (opened && performance.now() - opened > STEADY) this.#attempts = 0;
      if (this.#wanted) this.#retry();
      this.#tell('closed', event);
    };
    this.#tell('change');
  }

  /** Sends, if it is open: whether it was. */
  send(data) {
    if (!this.isOpen) return false;
    this.socket.send(data);
    this.#tell('change');
    return true;
  }

  /** Closes, and does not come back until `open`. */
  close(code = 1000, reason = '') {
    this.#wanted = false;
    this.#cancel();
    this.socket?.close(code, reason);
    this.#tell('change');
  }

  #retry() {
    // Not all pages at once, when a server comes back.
    const wait = Math.min(FIRST * 2 ** this.#attempts, LONGEST) * (0.75 + Math.random() / 2);
    this.#attempts += 1;
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.retryAt = undefined;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
    if (type !== 'change' && type !== 'message') this.dispatchEvent(new CustomEvent('change'));
  }
}

/** Keeps a line that shows how a wire stands, with a button to connect at once, and the source of the service. */
export function show(wire, line, name) {
  const dot = Object.assign(document.createElement('i'), { className: 'dot' });
  const state = document.createElement('b');
  const url = Object.assign(document.createElement('code'), { textContent: wire.url });
  const wait = Object.assign(document.createElement('span'), { className: 'wait' });
  const button = Object.assign(document.createElement('button'), {
    type: 'button',
    textContent: 'Connect now',
    onclick: () => wire.open(),
  });
  const source = Object.assign(document.createElement('a'), { href: `/${name}.rs`, className: 'source', textContent: `${name}.rs` });
  line.append(dot, state, url, wait, button, source);
  const update = () => {
    const name = STATES[wire.socket?.readyState ?? WebSocket.CLOSED];
    line.dataset.state = name;
    state.textContent = name;
    const left = wire.retryAt && Math.max(0, wire.retryAt - Date.now());
    wait.textContent = left === undefined ? '' : `again in ${(left / 1000).toFixed(1)} s`;
    button.hidden = name !== 'CLOSED';
    if (left) setTimeout(update, 100);
  };
  wire.addEventListener('change', update);
  update();
}
