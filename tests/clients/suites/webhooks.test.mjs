// `standardwebhooks` of npm and of PyPI verify live deliveries.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Webhook } from 'standardwebhooks';

import { call, createMember, eventually, follow, unique, url } from '../support/api.mjs';
import { startReceiver } from '../support/receiver.mjs';

const RETRY_DEADLINE_MS = 40_000;

async function createEndpoint(receiverUrl, eventTypes) {
  const body = { url: receiverUrl, eventTypes };
  const { endpoint } = await call(url, 'POST', '/v1/webhook-endpoints', { body });
  assert.match(endpoint.secret, /^whsec_[A-Za-z0-9+/]+=*$/);
  const bytes = Buffer.from(endpoint.secret.slice('whsec_'.length), 'base64').length;
  assert.ok(bytes >= 24 && bytes <= 64, `a key of ${bytes} bytes`);
  return endpoint;
}

async function oneFollow() {
  const [fan, star] = [await createMember(url), await createMember(url)];
  await follow(url, fan, star);
  return { fan, star };
}

function deleteEndpoint(endpoint) {
  return call(url, 'DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
}

test('a delivery verifies, comes again after a failure and keeps its id', async () => {
  const receiver = await startReceiver();
  receiver.answerNext(500);
  const endpoint = await createEndpoint(receiver.url, ['follow.*']);
  const { fan } = await oneFollow();
  await eventually(() => receiver.deliveries.length >= 2, 'it comes again', RETRY_DEADLINE_MS);
  const [first, second] = receiver.deliveries;
  for (const { raw, headers } of [first, second]) {
    const payload = new Webhook(endpoint.secret).verify(raw, headers);
    assert.equal(payload.type, 'follow.created');
    assert.equal(payload.memberId, fan.id);
    assert.ok(!Number.isNaN(Date.parse(payload.timestamp)));
    assert.match(headers['webhook-timestamp'], /^\d+$/);
    assert.ok(!headers['webhook-id'].includes('.'));
    assert.throws(() => new Webhook(endpoint.secret).verify(`${raw} `, headers));
  }
  assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
  assert.equal(second.raw, first.raw);
  await deleteEndpoint(endpoint);
  receiver.close();
});

test('only the chosen types are delivered, each event with an id of its own', async () => {
  const receiver = await startReceiver();
  const endpoint = await createEndpoint(receiver.url, ['follow.*']);
  const badge = { title: unique('Badge'), backgroundColor: '#000000', textColor: '#FFFFFF' };
  await call(url, 'POST', '/badges/v4/badges', { body: { badge } });
  await oneFollow();
  await oneFollow();
  await eventually(() => receiver.deliveries.length >= 2, 'both follows arrive');
  const types = receiver.deliveries.map(({ raw }) => JSON.parse(raw).type);
  assert.deepEqual(types, ['follow.created', 'follow.created']);
  const ids = new Set(receiver.deliveries.map(({ headers }) => headers['webhook-id']));
  assert.equal(ids.size, 2);
  await deleteEndpoint(endpoint);
  receiver.close();
});

test('after a rotation both secrets verify', async () => {
  const receiver = await startReceiver();
  const endpoint = await createEndpoint(receiver.url, ['follow.created']);
  const rotate = `/v1/webhook-endpoints/${endpoint.id}/rotate`;
  const rotated = (await call(url, 'POST', rotate, { body: {} })).endpoint;
  assert.notEqual(rotated.secret, endpoint.secret);
  await oneFollow();
  await eventually(() => receiver.deliveries.length >= 1, 'the follow arrives');
  const [{ raw, headers }] = receiver.deliveries;
  new Webhook(rotated.secret).verify(raw, headers);
  new Webhook(endpoint.secret).verify(raw, headers);
  assert.equal(headers['webhook-signature'].split(' ').length, 2);
  await deleteEndpoint(endpoint);
  receiver.close();
});

test('a receiver in Python verifies the same', async () => {
  const python = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
  const script = fileURLToPath(new URL('../support/receiver.py', import.meta.url));
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  await eventually(() => lines.length > 0, 'the receiver says its port');
  const endpoint = await createEndpoint(`http://127.0.0.1:${lines[0].port}/hook`, ['follow.*']);
  child.stdin.write(`${endpoint.secret}\n`);
  const { star } = await oneFollow();
  await eventually(() => lines.length >= 3, 'it comes again', RETRY_DEADLINE_MS);
  const [first, second] = lines.slice(1);
  assert.deepEqual([first.status, second.status], [500, 200], JSON.stringify(lines));
  assert.equal(second.id, first.id);
  assert.equal(JSON.parse(second.raw).type, 'follow.created');
  assert.ok(second.raw.includes(star.id));
  await deleteEndpoint(endpoint);
  child.stdin.end();
  child.kill();
});
