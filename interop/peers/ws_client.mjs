// The client of npm `ws` talks to echo_server.
// `--list` prints the names of the cases; otherwise a case's name and the settings (JSON) are the arguments.

import { WebSocket } from 'ws';
import { cases as standardCases, check, randomBytes, Session } from './websocket_cases.mjs';

const LIMIT = 32 * 1024 * 1024;

// A session with `ws`'s own options; `agreed` is the extensions header of the response.
async function openWith(options, url) {
  const session = new Session(WebSocket, url, [], options);
  session.socket.on('upgrade', ({ headers }) => { session.agreed = headers['sec-websocket-extensions'] ?? ''; });
  await session.opened;
  return session;
}

async function exchange(session) {
  const json = JSON.stringify(Array.from({ length: 300 }, (_, n) => ({ id: n, name: `item ${n}`, tags: ['a', 'b'] })));
  for (const message of [json, json, '', 'x', new Uint8Array(50000), randomBytes(40000), 'ä€😀'.repeat(9000), json]) {
    await session.echoes(message);
  }
}

const cases = {
  ...standardCases,

  'exactly 32 MiB come back': async ({ urls }) => {
    const session = await openWith({ perMessageDeflate: false }, urls.plain);
    await session.echoes(new Uint8Array(LIMIT).fill(7));
    await session.echoes('t'.repeat(LIMIT));
    await session.close();
  },

  'one byte over 32 MiB is closed with 1009': async ({ urls }) => {
    const session = await openWith({ perMessageDeflate: false }, urls.plain);
    session.socket.on('error', () => {}); // writing on may fail once the server has closed
    session.socket.send(new Uint8Array(LIMIT + 1));
    const { code } = await session.closed;
    check(code === 1009, `closed with ${code}, not 1009`);
  },

  'fragments with pings in between come back joined': async ({ urls }) => {
    const session = await openWith({}, urls.plain);
    const pongs = [];
    session.socket.on('pong', (data) => pongs.push(data.toString()));
    for (const [n, part] of ['Grü', 'ße', '', ', Welt'].entries()) {
      session.socket.send(part, { fin: n === 3 });
      session.socket.ping(`ping ${n}`);
    }
    check((await session.next()) === 'Grüße, Welt', 'the fragments did not come back joined');
    session.socket.send('last');
    await session.next();
    check(pongs.join() === 'ping 0,ping 1,ping 2,ping 3', `the pongs were ${pongs.join()}`);
    await session.close();
  },

  'perMessageDeflate: false': async ({ urls }) => {
    const session = await openWith({ perMessageDeflate: false }, urls.plain);
    check(session.agreed === '', `nothing was offered, the answer is '${session.agreed}'`);
    await exchange(session);
    await session.close();
  },
};

function deflateCase(options) {
  return async ({ urls, expectDeflate }) => {
    const session = await openWith({ perMessageDeflate: { threshold: 0, ...options } }, urls.plain);
    if (expectDeflate) {
      check(session.agreed.startsWith('permessage-deflate'), `the answer is '${session.agreed}'`);
      for (const [option, parameter] of [
        ['serverNoContextTakeover', /server_no_context_takeover/],
        ['clientNoContextTakeover', /client_no_context_takeover/],
        ['serverMaxWindowBits', new RegExp(`server_max_window_bits="?(9|1[0-5])`)],
      ]) {
        check(!options[option] || parameter.test(session.agreed), `${option} was asked, the answer is '${session.agreed}'`);
      }
    }
    await exchange(session);
    await session.close();
  };
}

const deflateOptions = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
];
for (let bits = 9; bits <= 15; bits++) deflateOptions.push({ serverMaxWindowBits: bits }, { clientMaxWindowBits: bits });
for (const options of deflateOptions) cases[`perMessageDeflate: ${JSON.stringify(options)}`] = deflateCase(options);

const [name, settings] = process.argv.slice(2);
if (name === '--list') {
  console.log(JSON.stringify({ ws: Object.keys(cases), standard: Object.keys(standardCases) }));
} else {
  try {
    await cases[name]({ WebSocket, ...JSON.parse(settings) });
    process.exit(0);
  } catch (error) {
    console.log(error.message);
    process.exit(1);
  }
}
