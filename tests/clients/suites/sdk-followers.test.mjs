// `@wix/sdk` and `@wix/members`, unmodified: followers, with a member's own token.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, asMember, owner, refusal } from '../support/sdk.mjs';

async function people(count) {
  const created = [];
  for (let index = 0; index < count; index += 1) created.push(await createMember(url));
  return created.map((member) => ({ ...member, client: asMember(member.token) }));
}

/** Every page of a followers list, two at a time. */
async function allIds(list) {
  const ids = [];
  let cursor;
  for (let pages = 0; pages < 50; pages += 1) {
    const paging = cursor ? { limit: 2, cursor } : { limit: 2 };
    const { memberIds, metadata } = await list({ paging });
    assert.ok(memberIds.length <= 2);
    ids.push(...memberIds);
    cursor = metadata?.cursors?.next;
    if (!cursor) return ids;
  }
  return assert.fail('a list that never ends');
}

test('a follow is seen from both sides until it is taken back', async () => {
  const [ann, ben] = await people(2);
  assert.equal(await ann.client.memberFollowers.followMember(ben.id), undefined);
  // Repeating it is no error and no second edge.
  await ann.client.memberFollowers.followMember(ben.id);
  const { listMemberFollowers, listMemberFollowing } = owner.memberFollowers;
  assert.deepEqual(await allIds((options) => listMemberFollowers(ben.id, options)), [ann.id]);
  assert.deepEqual(await allIds((options) => listMemberFollowing(ann.id, options)), [ben.id]);
  assert.deepEqual(await allIds((options) => listMemberFollowers(ann.id, options)), []);
  await ann.client.memberFollowers.unfollowMember(ben.id);
  await ann.client.memberFollowers.unfollowMember(ben.id);
  assert.deepEqual(await allIds((options) => listMemberFollowers(ben.id, options)), []);
  assert.deepEqual(await allIds((options) => listMemberFollowing(ann.id, options)), []);
});

test('long lists are read by cursor to the end', async () => {
  const [star, ...fans] = await people(8);
  for (const fan of fans) await fan.client.memberFollowers.followMember(star.id);
  const { listMemberFollowers } = owner.memberFollowers;
  const followers = await allIds((options) => listMemberFollowers(star.id, options));
  assert.equal(followers.length, fans.length);
  assert.deepEqual(new Set(followers), new Set(fans.map(({ id }) => id)));
  for (const fan of fans) await star.client.memberFollowers.followMember(fan.id);
  const own = star.client.memberFollowers;
  const mine = await allIds((options) => own.listCurrentMemberFollowing(options));
  assert.deepEqual(new Set(mine), new Set(fans.map(({ id }) => id)));
  const back = await allIds((options) => own.listCurrentMemberFollowers(options));
  assert.deepEqual(new Set(back), new Set(followers));
});

test('connections tell both directions', async () => {
  const [ann, ben, cleo, dan] = await people(4);
  await ann.client.memberFollowers.followMember(ben.id);
  await cleo.client.memberFollowers.followMember(ann.id);
  const others = [ben.id, cleo.id, dan.id];
  const asked = await owner.memberFollowers.queryMemberConnections(ann.id, others);
  const mine = await ann.client.memberFollowers.queryCurrentMemberConnections(others);
  for (const { connectedMembers } of [asked, mine]) {
    const byId = new Map(connectedMembers.map((one) => [one.connectedMemberId, one]));
    assert.equal(byId.size, 3);
    assert.equal(byId.get(ben.id).followedByMember, true);
    assert.equal(byId.get(ben.id).followingMember, false);
    assert.equal(byId.get(cleo.id).followedByMember, false);
    assert.equal(byId.get(cleo.id).followingMember, true);
    assert.equal(byId.get(dan.id).followedByMember, false);
    assert.equal(byId.get(dan.id).followingMember, false);
  }
});

test('nobody follows themselves or somebody unknown', async () => {
  const [ann] = await people(1);
  const { followMember } = ann.client.memberFollowers;
  const error = await followMember(ann.id).then(() => assert.fail('followed'), (reason) => reason);
  assert.ok(error.status >= 400 && error.status < 500, String(error.message));
  await refusal(followMember(UNKNOWN_ID), 404, /NOT_FOUND$/);
});

test('a key alone names no acting member', async () => {
  const [ann] = await people(1);
  const { followMember } = owner.memberFollowers;
  const error = await followMember(ann.id).then(() => assert.fail('followed'), (reason) => reason);
  assert.ok(error.status === 400 || error.status === 403, String(error.message));
});
