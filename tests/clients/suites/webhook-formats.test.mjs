// Every payload format is read by its own client: `svix` and `standardwebhooks` the signature,
// `cloudevents` the envelope, `@wix/sdk` the token of each event that the wire has a name for,
// `ajv` the schemas of the catalogue.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  badgeAssignments, badges, badgesV2, memberFollowers, memberReport, members, membersAbout,
} from '@wix/members';
import { AppStrategy, createClient } from '@wix/sdk';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { HTTP } from 'cloudevents';
import { Webhook as Standard } from 'standardwebhooks';
import { Webhook as Svix } from 'svix';

import { call, createMember, eventually, follow, unique, url } from '../support/api.mjs';
import { startReceiver } from '../support/receiver.mjs';

const ENDPOINTS = '/v1/webhook-endpoints';

async function endpointFor(receiver, settings) {
  const body = { url: receiver.url, ...settings };
  const { endpoint } = await call(url, 'POST', ENDPOINTS, { body });
  return { ...endpoint, path: `${ENDPOINTS}/${endpoint.id}` };
}

/** Sends the example of a type and answers with what arrived. */
async function example(receiver, endpoint, eventType) {
  const before = receiver.deliveries.length;
  const { attempt } = await call(url, 'POST', `${endpoint.path}/test`, { body: { eventType } });
  assert.equal(attempt.delivered, true, `${eventType}: ${JSON.stringify(attempt)}`);
  assert.equal(receiver.deliveries.length, before + 1);
  return receiver.deliveries[before];
}

async function catalogue() {
  const { eventTypes } = await call(url, 'GET', '/v1/event-types');
  assert.ok(eventTypes.length > 20);
  return eventTypes;
}

function done(receiver, endpoint) {
  receiver.close();
  return call(url, 'DELETE', endpoint.path);
}

/** The schema with every object closed: what is not declared is a fault. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, closed(v)]));
  const isObject = schema.type === 'object' && schema.properties;
  return isObject ? { ...inside, additionalProperties: false } : inside;
}

async function validators() {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  const types = await catalogue();
  return new Map(types.map(({ type, schema }) => [type, ajv.compile(closed(schema))]));
}

test('svix and standardwebhooks verify every example, ajv its form', async () => {
  const receiver = await startReceiver();
  const endpoint = await endpointFor(receiver, { eventTypes: ['follow.created'] });
  const valid = await validators();
  for (const { type } of await catalogue()) {
    const { raw, headers } = await example(receiver, endpoint, type);
    const event = new Svix(endpoint.secret).verify(raw, headers);
    assert.deepEqual(new Standard(endpoint.secret).verify(raw, headers), event);
    assert.throws(() => new Svix(endpoint.secret).verify(`${raw} `, headers));
    assert.equal(event.type, type);
    const validate = valid.get(type);
    assert.ok(validate(event), `${type}: ${JSON.stringify(validate.errors)}`);
  }
  await done(receiver, endpoint);
});

test('live deliveries of the site have the form that the catalogue says', async () => {
  const receiver = await startReceiver();
  const endpoint = await endpointFor(receiver, { eventTypes: ['*', 'endpoint.*'] });
  const valid = await validators();
  const [fan, star] = [await createMember(url), await createMember(url)];
  await follow(url, fan, star);
  await call(url, 'PATCH', `/members/v1/members/${fan.id}`, {
    body: { member: { profile: { nickname: unique('renamed') } } },
  });
  const badge = await makeBadge();
  const badgeAssignment = { badgeId: badge.id, memberId: fan.id };
  const assigned = await call(url, 'POST', '/badges/v4/assignments', { body: { badgeAssignment } });
  await call(url, 'DELETE', `/badges/v4/assignments/${assigned.badgeAssignment.id}`);
  const item = `/v1/items/blog/${unique('post')}`;
  await call(url, 'PUT', item, { body: { author: star.id, type: 'post', title: 'Hello' } });
  await call(url, 'POST', `${item}/likes`, { token: fan.token, body: {} });
  await call(url, 'DELETE', `${item}/likes`, { token: fan.token });
  await call(url, 'DELETE', `/badges/v4/badges/${badge.id}`);
  const counter = { counter: { key: 'posts', delta: 3 } };
  const increment = `/members/v1/activity-counters/${star.id}/increment`;
  await call(url, 'POST', increment, { body: counter });
  const wanted = [
    'member.created', 'member.updated', 'follow.created', 'badge.created', 'badge.assigned',
    'badge.unassigned', 'badge.deleted', 'item.created', 'item.liked', 'item.unliked',
    'counter.updated',
  ];
  const types = () => receiver.deliveries.map(({ raw }) => JSON.parse(raw).type);
  await eventually(() => wanted.every((type) => types().includes(type)), 'all types arrive');
  for (const { raw, headers } of receiver.deliveries) {
    const event = new Svix(endpoint.secret).verify(raw, headers);
    const validate = valid.get(event.type);
    assert.ok(validate(event), `${raw}: ${JSON.stringify(validate.errors)}`);
  }
  await done(receiver, endpoint);
});

test('counters of many members arrive together, and none of their steps is missing', async () => {
  const receiver = await startReceiver();
  const counterBatch = { maxEvents: 100, everySeconds: 2 };
  const settings = { eventTypes: ['counter.updated'], counterBatch };
  const endpoint = await endpointFor(receiver, settings);
  assert.deepEqual(endpoint.counterBatch, counterBatch);
  const valid = await validators();
  const people = await Promise.all(Array.from({ length: 6 }, () => createMember(url)));
  const key = unique('steps');
  const increments = people.map((person) => ({ memberId: person.id, key, delta: 7 }));
  await call(url, 'POST', '/v1/activity-counters/ingest', { body: { increments } });
  const own = () => receiver.deliveries
    .flatMap(({ raw }) => JSON.parse(raw).data.counters)
    .filter((counter) => counter.key === key);
  const sum = () => own().reduce((steps, { old, new: now }) => steps + now - old, 0);
  await eventually(() => sum() === 42, 'all steps arrive');
  assert.ok(receiver.deliveries.length < people.length, `${receiver.deliveries.length} deliveries`);
  for (const { raw, headers } of receiver.deliveries) {
    const event = new Svix(endpoint.secret).verify(raw, headers);
    assert.deepEqual([event.type, event.id], ['counter.batch', headers['webhook-id']]);
    const validate = valid.get('counter.batch');
    assert.ok(validate(event), `${raw}: ${JSON.stringify(validate.errors)}`);
  }
  await done(receiver, endpoint);
});

async function makeBadge() {
  const badge = { title: unique('Badge'), backgroundColor: '#000000', textColor: '#FFFFFF' };
  return (await call(url, 'POST', '/badges/v4/badges', { body: { badge } })).badge;
}

test('cloudevents reads every example and a live delivery', async () => {
  const receiver = await startReceiver();
  const settings = { eventTypes: ['follow.created'], format: 'cloudevents' };
  const endpoint = await endpointFor(receiver, settings);
  for (const { type } of await catalogue()) {
    const { raw, headers } = await example(receiver, endpoint, type);
    const event = HTTP.toEvent({ headers, body: raw });
    assert.equal(event.validate(), true);
    assert.equal(event.specversion, '1.0');
    assert.equal(event.type, type);
    assert.equal(event.id, headers['webhook-id']);
    new Svix(endpoint.secret).verify(raw, headers);
  }
  const before = receiver.deliveries.length;
  const [fan, star] = [await createMember(url), await createMember(url)];
  await follow(url, fan, star);
  await eventually(() => receiver.deliveries.length > before, 'the follow arrives');
  const { raw, headers } = receiver.deliveries[before];
  const event = HTTP.toEvent({ headers, body: raw });
  assert.deepEqual([event.type, event.subject], ['follow.created', fan.id]);
  assert.equal(event.data.affectedMemberId, star.id);
  assert.match(event.sequence, /^\d+$/);
  await done(receiver, endpoint);
});

/** Every wire type that the catalogue names, with what registers its handler. */
function handlers(client, seen) {
  const note = (type) => (event) => { seen.push({ type, event }); };
  const { members: m, memberFollowers: f, memberReport: r, membersAbout: t } = client;
  const { badges: b3, badgesV2: b4, badgeAssignments: a } = client;
  return {
    'wix.members.v1.member_created': () => m.onMemberCreated(note('created')),
    'wix.members.v1.member_updated': () => m.onMemberUpdated(note('updated')),
    'wix.members.v1.member_deleted': () => m.onMemberDeleted(note('deleted')),
    'wix.members.v1.member_report_created': () => r.onMemberReportCreated(note('created')),
    'wix.members.v1.member_report_deleted': () => r.onMemberReportDeleted(note('deleted')),
    'wix.members.v1.member_report_reported_member_created': () =>
      r.onMemberReportReportedMemberCreated(note('action')),
    'wix.members.v1.member_report_reported_member_deleted': () =>
      r.onMemberReportReportedMemberDeleted(note('action')),
    'wix.members.about.v2.member_about_created': () => t.onMemberAboutCreated(note('created')),
    'wix.members.about.v2.member_about_updated': () => t.onMemberAboutUpdated(note('updated')),
    'wix.members.about.v2.member_about_deleted': () => t.onMemberAboutDeleted(note('deleted')),
    'wix.members.v3.follow_member_followed': () => f.onFollowMemberFollowed(note('action')),
    'wix.members.v3.follow_member_unfollowed': () => f.onFollowMemberUnfollowed(note('action')),
    'wix.badges.v4.badge_created': () => b4.onBadgeCreated(note('created')),
    'wix.badges.v4.badge_updated': () => b4.onBadgeUpdated(note('updated')),
    'wix.badges.v4.badge_deleted': () => b4.onBadgeDeleted(note('deleted')),
    'wix.badges.v4.badge_assignment_created': () =>
      a.onBadgeAssignmentCreated(note('created')),
    'wix.badges.v4.badge_assignment_deleted': () =>
      a.onBadgeAssignmentDeleted(note('deletedEntity')),
    'wix.badges.v3.badge_badge_assigned': () => b3.onBadgeAssigned(note('action')),
    'wix.badges.v3.badge_badge_unassigned': () => b3.onBadgeUnassigned(note('action')),
  };
}

test('the SDK processes the token of every event that the wire has a name for', async () => {
  const receiver = await startReceiver();
  const appId = unique('app');
  const settings = { eventTypes: ['follow.created'], format: 'jwt', appId };
  const endpoint = await endpointFor(receiver, settings);
  const keys = await call(url, 'GET', `/v1/apps/${appId}/webhook-keys`);
  const client = createClient({
    modules: {
      members, memberFollowers, memberReport, membersAbout, badges, badgesV2, badgeAssignments,
    },
    auth: AppStrategy({ appId, appSecret: 'unused', publicKey: keys.publicKeyPem }),
  });
  const seen = [];
  const register = handlers(client, seen);
  for (const one of Object.values(register)) one();
  const named = (await catalogue()).filter(({ wireTypes }) => wireTypes.length > 0);
  const all = [...new Set(named.flatMap(({ wireTypes }) => wireTypes))].sort();
  assert.deepEqual(all, Object.keys(register).sort(), 'a handler for each wire type');
  for (const badgeEvents of ['v4', 'v3']) {
    await call(url, 'PATCH', endpoint.path, { body: { format: 'jwt', appId, badgeEvents } });
    for (const { type, wireTypes } of named) {
      const { raw, headers } = await example(receiver, endpoint, type);
      const before = seen.length;
      const processed = await client.webhooks.process(raw);
      assert.ok(wireTypes.includes(processed.eventType), processed.eventType);
      assert.equal(seen.length, before + 1, `${processed.eventType} reached its handler`);
      const { type: kind, event } = seen[before];
      assert.equal(event.metadata._id, headers['webhook-id']);
      assert.ok(event.metadata.eventTime instanceof Date);
      if (['created', 'updated', 'deletedEntity'].includes(kind)) assert.ok(event.entity._id);
      if (kind === 'action') assert.ok(event.data);
    }
  }
  const [fan, star] = [await createMember(url), await createMember(url)];
  const before = receiver.deliveries.length;
  await follow(url, fan, star);
  await eventually(() => receiver.deliveries.length > before, 'the follow arrives');
  const { raw } = receiver.deliveries[before];
  const { payload } = await client.webhooks.process(raw);
  assert.equal(payload.actionEvent.body.memberConnection.affectedMemberId, star.id);
  const forged = raw.split('.');
  forged[1] = Buffer.from('{"data":"{}"}').toString('base64url');
  await assert.rejects(client.webhooks.process(forged.join('.')));
  await done(receiver, endpoint);
});
