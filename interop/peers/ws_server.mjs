// A server on npm `ws`. Prints its port; ends with its standard input.
// The path says what it does, the query's `deflate` (JSON) which options permessage-deflate gets.

import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const CLOSE_AFTER_SILENCE = 5000;

const behaviours = {
  echo: (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  info: (socket, _, request) => socket.send(JSON.stringify({ subprotocol: socket.protocol, headers: request.headers })),
  close: (socket, code) => (code ? socket.close(Number(code), 'told to') : socket.close()),
  send: (socket, size) => socket.send('x'.repeat(Number(size))),
  fragments: (socket) => ['one ', 'two ', 'thrée'].forEach((part, at) => socket.send(part, { fin: at === 2 })),
  ping: (socket) => {
    socket.ping('are you there?');
    socket.on('pong', (data) => socket.close(data.toString() === 'are you there?' ? 1000 : 1002));
    setTimeout(() => socket.close(1011), CLOSE_AFTER_SILENCE).unref();
  },
};

const server = createServer();
server.on('upgrade', (request, tcp, head) => {
  const url = new URL(request.url, 'ws://127.0.0.1');
  const [, behaviour, argument] = url.pathname.split('/');
  const options = JSON.parse(url.searchParams.get('deflate') ?? 'false');
  new WebSocketServer({
    noServer: true,
    perMessageDeflate: options && { threshold: 0, ...options },
    handleProtocols: (offered) => ['chat', 'superchat'].find((name) => offered.has(name)) ?? false,
  }).handleUpgrade(request, tcp, head, (socket) => {
    socket.on('error', () => {});
    behaviours[behaviour](socket, argument, request);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
