// The tabs. Each service connects when its tab is first looked at.

import * as chat from './chat.js';
import * as echo from './echo.js';
import * as frames from './frames.js';
import * as hello from './hello.js';
import * as quotes from './quotes.js';
import { ready } from './server.js';
import { show } from './socket.js';

const services = { echo, hello, quotes, chat };
const names = Object.keys(services);
const tab = (name) => document.getElementById(`tab-${name}`);
let current;

for (const [name, service] of Object.entries(services)) {
  show(service.wire, document.querySelector(`#${name} .wire`), name);
}

function select() {
  const wanted = location.hash.slice(1);
  const next = Object.hasOwn(services, wanted) ? wanted : 'echo';
  if (next === current) return;
  services[current]?.leave?.();
  current = next;
  for (const name of names) {
    tab(name).ariaSelected = String(name === current);
    tab(name).tabIndex = name === current ? 0 : -1; // the arrow keys reach the others
    document.getElementById(name).hidden = name !== current;
  }
  frames.show(`/${current}`, document.getElementById(current));
  services[current].enter();
}

/** The keys of a list of tabs, as in the ARIA Authoring Practices. */
document.querySelector('[role=tablist]').onkeydown = (event) => {
  const at = names.indexOf(current);
  const last = names.length - 1;
  const to = { ArrowLeft: at === 0 ? last : at - 1, ArrowRight: at === last ? 0 : at + 1, Home: 0, End: last }[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  location.hash = names[to];
  select();
  tab(names[to]).focus();
};

addEventListener('hashchange', select);
// The frame view shall see connections from their opening handshake on.
await ready;
select();
