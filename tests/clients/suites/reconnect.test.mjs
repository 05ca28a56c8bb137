// npm `centrifuge`, many clients over many restarts: each event of a channel comes once and in
// order, and nobody is told to reload. RECONNECT_CLIENTS and RECONNECT_RESTARTS say how many,
// RECONNECT_SEED replays the amounts of a run.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

import { createMember, eventually } from '../support/api.mjs';
import { Fans } from '../support/fans.mjs';
import { openGate } from '../support/gate.mjs';
import { EventLog } from '../support/log.mjs';
import { seeded } from '../support/random.mjs';
import { startServer } from '../support/server.mjs';

const CLIENTS = Number(process.env.RECONNECT_CLIENTS ?? 10);
const RESTARTS = Number(process.env.RECONNECT_RESTARTS ?? 4);
const SEED = Number(process.env.RECONNECT_SEED ?? Date.now() % 1_000_000);
const FANS = 16;
/** What the server replays at most; the amounts below stay under it, and the test counts. */
const MISSED_MAX = 300;
const DEEDS_MAX = 120;
/** One channel in each life comes close to the limit; counter reports come on top of the deeds. */
const DEEDS_OF_THE_BUSIEST = 260;
const PATIENCE_MS = 60_000;

const program = process.env.GUILDHALL_PROGRAM;
const dataDir = path.join(process.env.GUILDHALL_DESK, 'reconnect-data');
const random = seeded(SEED);
const log = new EventLog();
const watchers = [];
let server;
let gate;

before(async () => {
  server = await startServer({ program, dataDir });
  gate = await openGate(server.port);
});

after(async () => {
  for (const { client } of watchers) client.disconnect();
  gate?.close();
  await server?.kill();
});

/** What one channel told one client. */
class Heard {
  publications = [];
  subscribed = [];
  position = 0;
  /** So many publications were found in the log already. */
  compared = 0;

  constructor(member, isOwn) {
    Object.assign(this, { member, isOwn });
  }

  publication({ data, offset }) {
    assert.equal(Number(data.seq), offset);
    this.publications.push(data);
    this.position = offset;
  }

  subscription(context) {
    this.subscribed.push(context);
    // A fresh subscription begins where the server says; a recovered one goes on.
    if (!context.wasRecovering) this.position = context.streamPosition.offset;
  }

  listenTo(source) {
    source.on('publication', (context) => this.publication(context));
    source.on('subscribed', (context) => this.subscription(context));
  }
}

/** One client: its own channels, its neighbour's as a stranger, and one where nothing happens. */
function watch(star, neighbour, quiet) {
  const client = new Centrifuge(`ws://127.0.0.1:${gate.port}/connection/websocket`, {
    token: star.token,
    websocket: WebSocket,
    minReconnectDelay: 20,
    maxReconnectDelay: 100,
  });
  const personal = new Heard(star.id, true);
  personal.listenTo(client);
  const heard = { personal };
  for (const [name, member] of Object.entries({ own: star, neighbour, quiet })) {
    heard[name] = new Heard(member.id, name === 'own');
    const subscription = client.newSubscription(`member:${member.id}`);
    heard[name].listenTo(subscription);
    subscription.subscribe();
  }
  const watcher = { client, heard: Object.values(heard), quiet: heard.quiet, connects: 0 };
  client.on('connected', () => { watcher.connects += 1; });
  client.connect();
  watchers.push(watcher);
  return watcher;
}

const channels = () => watchers.flatMap(({ heard }) => heard);

function isCaughtUp(life) {
  const told = channels().flatMap(({ subscribed }) => subscribed.slice(1));
  assert.ok(told.every(({ recovered }) => recovered), 'somebody was told to reload');
  return channels().every(({ subscribed, publications, member, since }) => {
    const wanted = log.after(since, member).length;
    return subscribed.length === life + 1 && publications.length >= wanted;
  });
}

/** Everything up to the log's newest event, as it was told: the same events, in the same order. */
function compare() {
  for (const channel of channels()) {
    const { publications, member, isOwn, since, compared } = channel;
    const shape = isOwn ? (event) => event : ({ id, type, timestamp }) => ({ id, type, timestamp });
    const told = publications.filter(({ seq }) => Number(seq) <= log.seq);
    const logged = log.after(since, member).map(({ event }) => event);
    assert.deepEqual(told.slice(compared).map(shape), logged.slice(compared).map(shape), member);
    channel.compared = told.length;
  }
}

/** How often each star is followed or liked in one life. */
function plan(stars) {
  const deeds = [];
  const busiest = random.below(stars.length);
  stars.forEach((star, index) => {
    const count = index === busiest ? DEEDS_OF_THE_BUSIEST : random.below(DEEDS_MAX);
    for (let deed = 0; deed < count; deed += 1) deeds.push({ star, at: random.below(1_000_000) });
  });
  return deeds.sort((left, right) => left.at - right.at).map(({ star }) => star);
}

/** Kills the server while fans are at work and clients listen, or just after these lost it. */
async function killInTheMiddle(fans, stars) {
  const deeds = plan(stars);
  const seenLive = random.below(stars.length * 2);
  const target = fans.done + seenLive;
  const working = fans.work(deeds);
  await eventually(() => fans.done >= target, 'the fans are at work', PATIENCE_MS);
  const { port } = server;
  if (random.below(2) === 0) {
    gate.shut();
    await eventually(() => fans.done >= target + stars.length, 'unseen deeds', PATIENCE_MS);
    await server.kill();
  } else {
    await server.kill();
    gate.shut();
  }
  const positions = channels().map(({ position }) => position);
  server = await startServer({ program, dataDir, port });
  await working;
  await log.readOn(server.url);
  const missed = channels().map(({ member }, at) => log.after(positions[at], member).length);
  gate.open();
  return missed;
}

test(`${CLIENTS} clients over ${RESTARTS} restarts`, { timeout: 1_800_000 }, async () => {
  const fans = new Fans(() => server.url);
  await fans.gather(FANS);
  const quiet = await createMember(server.url);
  const stars = [];
  for (let index = 0; index < CLIENTS; index += 1) {
    stars.push(await createMember(server.url));
    await fans.putItem(stars[index]);
  }
  stars.forEach((star, index) => watch(star, stars[(index + 1) % stars.length], quiet));
  await eventually(() => channels().every(({ subscribed }) => subscribed.length === 1), 'ready');
  for (const one of channels()) one.since = one.position;

  const missed = [];
  for (let life = 1; life <= RESTARTS; life += 1) {
    missed.push(...await killInTheMiddle(fans, stars));
    await eventually(() => isCaughtUp(life), `life ${life}: all is caught up`, PATIENCE_MS);
    await log.readOn(server.url);
    await eventually(() => isCaughtUp(life), `life ${life}: and goes on`, PATIENCE_MS);
    compare();
  }

  const again = channels().flatMap(({ subscribed }) => subscribed.slice(1));
  const reloads = again.filter(({ wasRecovering, recovered }) => !wasRecovering || !recovered);
  const reconnects = watchers.reduce((sum, { connects }) => sum + connects - 1, 0);
  const most = missed.reduce((left, right) => Math.max(left, right), 0);
  const total = missed.reduce((left, right) => left + right, 0);
  console.log(`seed ${SEED}: ${reconnects} reconnects over ${RESTARTS} restarts, ${again.length}`
    + ` channels recovered, ${total} events missed and caught up (${most} at most in a channel),`
    + ` ${reloads.length} reloads, log of ${log.seq} events`);
  assert.equal(reloads.length, 0, 'nobody is told to reload');
  assert.equal(reconnects, CLIENTS * RESTARTS);
  assert.ok(most > MISSED_MAX / 2 && most <= MISSED_MAX, `${most} events missed`);
  for (const { quiet: channel } of watchers) {
    assert.deepEqual(channel.publications, []);
    assert.equal(channel.subscribed.length, RESTARTS + 1);
  }
});
