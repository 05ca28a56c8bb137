// Sockets that keep to no protocol, against the real program: each ends with its code, while npm
// `centrifuge` beside them is told of everything, once and in order.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

import { createMember, eventually, follow, ownerKey, url } from '../support/api.mjs';
import { closeCode, frame, text } from '../support/rawsocket.mjs';

const LIVE = '/connection/websocket';
const STREAM = '/v1/activity-counters/stream';
const MIB = 1_024 * 1_024;
const { port, host } = new URL(url);

const told = [];
const followed = [];
const closes = [];
let star;
let client;

before(async () => {
  star = await createMember(url);
  client = new Centrifuge(`ws://${host}${LIVE}`, { token: star.token, websocket: WebSocket });
  client.on('disconnected', (context) => closes.push(context));
  client.on('connecting', (context) => { if (context.code !== 0) closes.push(context); });
  const subscription = client.newSubscription(`member:${star.id}`);
  subscription.on('publication', ({ data }) => {
    if (data.type === 'follow.created') told.push(data.memberId);
  });
  let isSubscribed = false;
  subscription.on('subscribed', () => { isSubscribed = true; });
  subscription.subscribe();
  client.connect();
  await eventually(() => isSubscribed, 'subscribed');
});

after(() => client.disconnect());

/** The code of each, and then an event that the bystander must see. */
async function check(path, cases) {
  for (const [story, bytes, code] of cases) {
    assert.equal(await closeCode(port, path, Buffer.concat([bytes].flat())), code, story);
  }
  const fan = await createMember(url);
  await follow(url, fan, star);
  followed.push(fan.id);
  await eventually(() => told.length >= followed.length, 'the bystander is told');
  assert.deepEqual(told, followed);
  assert.deepEqual(closes, [], 'the bystander was not disturbed');
}

const connect = (id = 1) => text({ id, connect: { token: ownerKey } });
const wish = (id, body) => text({ id, ...body });
const deep = (levels) => `{"id":1,"connect":${'['.repeat(levels)}${']'.repeat(levels)}}`;

test('bytes that are no WebSocket frames', async () => {
  await check(LIVE, [
    ['unmasked', Buffer.from([0x81, 2, 0x7b, 0x7d]), 1002],
    ['a reserved bit', frame(0xc1, '{}'), 1002],
    ['an unknown kind', frame(0x83, '{}'), 1002],
    ['a ping in parts', frame(0x09, 'x'), 1002],
    ['a long ping', frame(0x89, 'x'.repeat(126)), 1002],
    ['a message within a message', [frame(0x01, '{'), frame(0x81, '{}')], 1002],
    ['a part of nothing', frame(0x80, '}'), 1002],
    ['a closing frame of one byte', frame(0x88, 'x'), 1002],
    ['a closing code that is never sent', frame(0x88, Buffer.from([0x03, 0xed])), 1002],
    ['text that is not UTF-8', frame(0x81, Buffer.from([0x22, 0xc3, 0x28, 0x22])), 1007],
    ['garbage', Buffer.from('f3'.repeat(4_096), 'hex'), 1002],
  ]);
});

test('frames that are not the protocol', async () => {
  await check(LIVE, [
    ['no JSON', text('{"id":'), 3501],
    ['no object', text('[]'), 3501],
    ['nothing', text(''), 3501],
    ['too deep', text(deep(40)), 3501],
    ['far too deep', text(deep(30_000)), 3501],
    ['an id that is no number', text('{"id":"1","ping":{}}'), 3501],
    ['an id that is too large', text('{"id":4294967296,"ping":{}}'), 3501],
    ['two methods at once', text({ id: 1, connect: {}, ping: {} }), 3501],
    ['one field twice', text('{"id":1,"id":2,"ping":{}}'), 3501],
    ['binary', frame(0x82, Buffer.from([1, 2, 3])), 3506],
  ]);
});

test('frames and messages that are too large', async () => {
  const half = 'x'.repeat(40 * 1_024);
  await check(LIVE, [
    ['one byte over', text('x'.repeat(64 * 1_024 + 1)), 1009],
    ['in parts', [frame(0x01, half), frame(0x80, half)], 1009],
    ['a terabyte announced', Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0]), 1009],
    ['a length that nothing has', Buffer.from([0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ]);
  await check(STREAM, [
    ['too large a batch', text('x'.repeat(2 * MIB + 1)), 1009],
    ['a terabyte announced', Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0]), 1009],
  ]);
});

test('commands out of their order', async () => {
  const flood = Array.from({ length: 600 }, (_, at) => JSON.stringify({ id: at + 2, ping: {} }));
  const first = JSON.stringify({ id: 1, connect: { token: ownerKey } });
  await check(LIVE, [
    ['subscribe before connect', wish(1, { subscribe: { channel: 'site' } }), 3501],
    ['ping before connect', wish(1, { ping: {} }), 3501],
    ['connect twice', [connect(1), connect(2)], 3501],
    ['no id', text({ connect: { token: ownerKey } }), 3501],
    ['an unknown token', text({ id: 1, connect: { token: 'nobody' } }), 3500],
    ['a message for nobody', [connect(), text({ send: {} })], 3508],
    ['too many commands at once', text([first, ...flood].join('\n')), 3013],
  ]);
  await check(STREAM, [
    ['a batch before the greeting', text([{ memberId: star.id, key: 'views', delta: 1 }]), 3501],
    ['a member greets', text({ token: star.token }), 3507],
    ['nobody greets', text({ token: 'nobody' }), 3500],
    ['binary greets', frame(0x82, Buffer.from([1])), 3501],
  ]);
});
