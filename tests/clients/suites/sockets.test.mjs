// What sockets cost the real program, as `guildhall load` measures it from outside: idle ones, and
// one that stops reading. SOCKETS says how many idle ones, SOCKETS_RATE how many events a second
// the dead one does not read.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ownerKey } from '../support/api.mjs';
import { startServer } from '../support/server.mjs';

const SOCKETS = Number(process.env.SOCKETS ?? 4_000);
const RATE = Number(process.env.SOCKETS_RATE ?? 400);
const KIB_EACH_MAX = 6;
const CUT_SECONDS_MAX = 10;
const WAITING_KIB_MAX = 1_024;

const program = process.env.GUILDHALL_PROGRAM;
let server;

before(async () => {
  const dataDir = path.join(process.env.GUILDHALL_DESK, 'sockets-data');
  server = await startServer({ program, dataDir });
  await load('--seed-members', 1_000, '--follows', 0, '--counters', 1);
});

after(() => server?.kill());

/** Runs `guildhall load` and answers with what it prints. */
async function load(...words) {
  const child = spawn(
    program,
    ['load', '--url', server.url, '--key', ownerKey, ...words.map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  const said = Buffer.concat(chunks).toString();
  console.log(said.trimEnd());
  assert.equal(code, 0, said);
  return said;
}

function number(said, pattern) {
  const found = said.match(pattern);
  assert.ok(found, `${pattern} in ${said}`);
  return Number(found[1]);
}

test(`${SOCKETS} idle sockets take little, and one event reaches them all`, async () => {
  const said = await load('--idle-sockets', SOCKETS);
  assert.ok(number(said, /MiB, (-?[\d.]+) KiB each/) <= KIB_EACH_MAX, said);
  assert.equal(said.match(/^one event to /gm)?.length, 5);
});

test('a reader that stops is cut, holds little, and delays nobody', async () => {
  const said = await load('--social', '--rate', RATE, '--watch', 'site', '--dead-readers', 1,
    '--warm-up', 1, '--duration', 8, '--connections', 16, '--actors', 100);
  assert.ok(number(said, /cut ([\d.]+) s after/) <= CUT_SECONDS_MAX, said);
  const waited = number(said, /at most (\d+) KiB waited/);
  assert.ok(waited > 0 && waited <= WAITING_KIB_MAX, said);
  const missing = [...said.matchAll(/operations without a frame: (\d+)/g)];
  assert.deepEqual(missing.map(([, count]) => count), ['0', '0']);
});
