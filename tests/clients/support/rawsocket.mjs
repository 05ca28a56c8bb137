// A WebSocket without a client library: any bytes go out, and the code that ends it comes back.

import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';

const CLOSE = 0x88;
const DEADLINE_MS = 20_000;

/** A frame with a mask of zeros, which leaves its payload as it is; `first` is flags and kind. */
export function frame(first, payload = '') {
  const bytes = Buffer.from(payload);
  const head = bytes.length < 126
    ? [first, 0x80 | bytes.length]
    : [first, 0xff, 0, 0, 0, 0, bytes.length >>> 24, (bytes.length >> 16) & 0xff,
      (bytes.length >> 8) & 0xff, bytes.length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]);
}

export const text = (value) => frame(0x81, typeof value === 'string' ? value
  : JSON.stringify(value));

/** Sends bytes behind the handshake, and answers with the code that the server closes with. */
export async function closeCode(port, path, bytes) {
  const socket = net.connect(port, '127.0.0.1');
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('never closed')));
  socket.write(`GET ${path} HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n`
    + 'sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n');
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'data');
  socket.write(bytes);
  await once(socket, 'end');
  socket.destroy();
  return codeIn(Buffer.concat(chunks));
}

function codeIn(received) {
  const head = received.indexOf('\r\n\r\n');
  assert.match(received.toString('latin1', 0, head), /^HTTP\/1\.1 101 /);
  let at = head + 4;
  while (at < received.length) {
    const kind = received[at];
    let length = received[at + 1] & 0x7f;
    let start = at + 2;
    if (length === 126) [length, start] = [received.readUInt16BE(start), start + 2];
    if (kind === CLOSE) return received.readUInt16BE(start);
    at = start + length;
  }
  assert.fail('ended without a closing frame');
}
