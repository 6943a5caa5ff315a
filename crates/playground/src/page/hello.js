// The smallest service, and its source.

import { Wire } from './socket.js';

export const wire = new Wire('/hello');

const reply = document.getElementById('hello-reply');
const name = document.getElementById('hello-name');
const source = document.getElementById('hello-source');

export function enter() {
  wire.open();
  load();
}

wire.addEventListener('open', load);

/** Shows the source, once it could be had. */
async function load() {
  if (source.dataset.loaded) return;
  try {
    const response = await fetch('/hello.rs');
    const text = await response.text();
    source.dataset.loaded = true;
    highlight(text);
  } catch {
    source.textContent = 'The source comes when the server answers.';
  }
}

document.getElementById('hello-form').onsubmit = (event) => {
  event.preventDefault();
  if (!wire.send(name.value.trim() || 'whoever you are')) reply.textContent = 'Not connected, one moment …';
};

wire.addEventListener('message', ({ detail }) => {
  reply.textContent = detail;
});

/** Just enough of Rust's looks: comments, strings, words of the language, names of types. */
function highlight(text) {
  const token = /(\/\/.*)|("[^"]*")|\b(use|pub|crate|struct|impl|for|fn|self|mut|if|let)\b|\b([A-Z]\w*)\b/g;
  const kinds = ['comment', 'string', 'word', 'type'];
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(token)) {
    pieces.push(text.slice(end, match.index));
    const className = kinds[match.slice(1).findIndex(Boolean)];
    pieces.push(Object.assign(document.createElement('span'), { className, textContent: match[0] }));
    end = match.index + match[0].length;
  }
  source.replaceChildren(...pieces, text.slice(end).trimEnd());
}
