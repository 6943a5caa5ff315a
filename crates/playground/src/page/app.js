// The tabs. Each service connects when its tab is first looked at.

import * as chat from './chat.js';
import * as echo from './echo.js';
import * as hello from './hello.js';
import * as quotes from './quotes.js';
import { show } from './socket.js';

const services = { echo, hello, quotes, chat };
let current;

for (const [name, service] of Object.entries(services)) {
  show(service.wire, document.querySelector(`#${name} .wire`));
}

function select() {
  const wanted = location.hash.slice(1);
  const next = Object.hasOwn(services, wanted) ? wanted : 'echo';
  if (next === current) return;
  services[current]?.leave?.();
  current = next;
  for (const name of Object.keys(services)) {
    const tab = document.getElementById(`tab-${name}`);
    tab.setAttribute('aria-selected', name === current);
    document.getElementById(name).hidden = name !== current;
  }
  services[current].enter();
}

addEventListener('hashchange', select);
select();
