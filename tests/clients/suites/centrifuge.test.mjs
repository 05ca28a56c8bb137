// npm `centrifuge`: lives through kills of the server without a gap, a double or a reload.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

import { call, createMember, eventually, follow } from '../support/api.mjs';
import { openGate } from '../support/gate.mjs';
import { startServer } from '../support/server.mjs';

const program = process.env.GUILDHALL_PROGRAM;
const dataDir = path.join(process.env.GUILDHALL_DESK, 'live-data');
let server;
let gate;
const clients = [];

before(async () => {
  server = await startServer({ program, dataDir });
  gate = await openGate(server.port);
});

after(async () => {
  for (const client of clients) client.disconnect();
  gate?.close();
  await server?.kill();
});

function newClient(token) {
  const client = new Centrifuge(`ws://127.0.0.1:${gate.port}/connection/websocket`, {
    token,
    websocket: WebSocket,
    minReconnectDelay: 20,
    maxReconnectDelay: 100,
  });
  const seen = { errors: [], personal: [], personalSubscribed: [] };
  client.on('error', (context) => seen.errors.push(context));
  client.on('publication', (context) => seen.personal.push(context));
  client.on('subscribed', (context) => seen.personalSubscribed.push(context));
  clients.push(client);
  return { client, seen };
}

/** Listens to a channel and notes everything that its subscription says. */
function listen(client, channel) {
  const subscription = client.newSubscription(channel);
  const heard = { publications: [], subscribed: [], errors: [] };
  subscription.on('publication', (context) => heard.publications.push(context));
  subscription.on('subscribed', (context) => heard.subscribed.push(context));
  subscription.on('error', (context) => heard.errors.push(context));
  subscription.subscribe();
  return { subscription, heard };
}

/** The followers in the order in which the channel told of them. */
function followers(publications) {
  return publications.filter(({ data }) => data.type === 'follow.created')
    .map(({ data }) => data.memberId);
}

function assertAscending(publications) {
  const offsets = publications.map(({ offset }) => offset);
  const sorted = [...new Set(offsets)].sort((left, right) => left - right);
  assert.deepEqual(offsets, sorted, 'offsets ascend and none comes twice');
  for (const { data, offset } of publications) assert.equal(Number(data.seq), offset);
}

test('a follow over HTTP arrives as it is in the log', async () => {
  const [star, fan] = [await createMember(server.url), await createMember(server.url)];
  const { client } = newClient(star.token);
  const { heard } = listen(client, `member:${star.id}`);
  client.connect();
  await eventually(() => heard.subscribed.length === 1, 'subscribed');
  await follow(server.url, fan, star);
  await eventually(() => heard.publications.length > 0, 'the follow arrives');
  const [{ data, offset }] = heard.publications;
  assert.equal(data.type, 'follow.created');
  assert.equal(data.memberId, fan.id);
  const logged = await call(server.url, 'GET', `/v1/events?after=${offset - 1}&limit=1`);
  assert.equal(Number(logged.events[0].seq), offset);
  assert.equal(logged.events[0].id, data.id);
  assert.equal(logged.events[0].type, data.type);
  client.disconnect();
});

test('the personal channel comes by itself', async () => {
  const [star, fan] = [await createMember(server.url), await createMember(server.url)];
  const { client, seen } = newClient(star.token);
  client.connect();
  await eventually(() => seen.personalSubscribed.length > 0, 'subscribed by the server');
  const [{ channel, recoverable }] = seen.personalSubscribed;
  assert.ok(channel.includes(star.id), channel);
  assert.equal(recoverable, true);
  await follow(server.url, fan, star);
  await eventually(() => followers(seen.personal).includes(fan.id), 'the follow arrives');
  assert.ok(seen.personal.every((publication) => publication.channel === channel));
  client.disconnect();
});

test('what was missed while the server was dead comes once, in order, no reload', async () => {
  const star = await createMember(server.url);
  const { client, seen } = newClient(star.token);
  const { heard } = listen(client, `member:${star.id}`);
  client.connect();
  await eventually(() => heard.subscribed.length === 1, 'subscribed');
  const expected = [];
  const followed = async () => {
    const fan = await createMember(server.url);
    await follow(server.url, fan, star);
    expected.push(fan.id);
  };
  for (let life = 1; life <= 3; life += 1) {
    await followed();
    await eventually(() => followers(heard.publications).length === expected.length, 'live');
    const { port } = server;
    gate.shut();
    // Durable, and not yet seen by anybody when the server dies.
    await followed();
    await server.kill();
    server = await startServer({ program, dataDir, port });
    for (let index = 0; index < 5; index += 1) await followed();
    gate.open();
    await eventually(() => heard.subscribed.length === life + 1, 'subscribed again');
    const { wasRecovering, recovered } = heard.subscribed.at(-1);
    assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: true });
    const all = () => followers(heard.publications).length >= expected.length;
    await eventually(all, 'what was missed arrives');
    assert.deepEqual(followers(heard.publications), expected);
  }
  assertAscending(heard.publications);
  const personal = () => followers(seen.personal).length >= expected.length;
  await eventually(personal, 'the personal channel recovers too');
  assert.deepEqual(followers(seen.personal), expected);
  assertAscending(seen.personal);
  const lost = seen.personalSubscribed.filter((one) => one.wasRecovering && !one.recovered);
  assert.deepEqual(lost, []);
  assert.deepEqual(heard.errors.filter(({ error }) => !error.temporary && error.code >= 100), []);
  client.disconnect();
});

test('a quiet channel recovers without a reload', async () => {
  const [star, other] = [await createMember(server.url), await createMember(server.url)];
  const { client } = newClient(star.token);
  const { heard } = listen(client, `member:${star.id}`);
  client.connect();
  await eventually(() => heard.subscribed.length === 1, 'subscribed');
  const { port } = server;
  gate.shut();
  await server.kill();
  server = await startServer({ program, dataDir, port });
  // Others go on; this channel has nothing to tell.
  for (let index = 0; index < 5; index += 1) {
    await follow(server.url, await createMember(server.url), other);
  }
  gate.open();
  await eventually(() => heard.subscribed.length === 2, 'subscribed again');
  assert.equal(heard.subscribed[1].recovered, true);
  assert.deepEqual(heard.publications, []);
  client.disconnect();
});

test('a wrong token is turned away for good', async () => {
  const { client } = newClient('no.such.token');
  const turnedAway = new Promise((resolve) => client.on('disconnected', resolve));
  client.connect();
  const { code } = await turnedAway;
  assert.ok((code >= 3500 && code < 4000) || code === 101, `closed with ${code}`);
});
