// `@wix/sdk` and `@wix/members`, unmodified: who is let in, blocked, muted and put out.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, asMember, owner, refusal } from '../support/sdk.mjs';

const full = { fieldsets: ['FULL'] };

test('a member is blocked and let in again', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  await asMember(ben.token).memberFollowers.followMember(ann.id);
  const { member: blocked } = await owner.members.blockMember(ann.id);
  assert.equal(blocked.status, 'BLOCKED');
  assert.equal(blocked._id, ann.id);
  assert.ok(blocked._updatedDate instanceof Date);
  const mine = asMember(ann.token);
  await refusal(mine.members.getCurrentMember(), 403, /MEMBER_BLOCKED/);
  await refusal(mine.memberFollowers.followMember(ben.id), 403, /MEMBER_BLOCKED/);
  await refusal(asMember(ben.token).members.getMember(ann.id), 404, /MEMBER_NOT_FOUND/);
  const following = await owner.memberFollowers.listMemberFollowing(ben.id);
  assert.deepEqual(following.memberIds, []);
  const { member: approved } = await owner.members.approveMember(ann.id);
  assert.equal(approved.status, 'APPROVED');
  assert.equal((await mine.members.getCurrentMember()).member._id, ann.id);
  const again = await owner.memberFollowers.listMemberFollowing(ben.id);
  assert.deepEqual(again.memberIds, [ann.id]);
});

test('a muted member stays and is not heard', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const { member: muted } = await owner.members.muteMember(ann.id);
  assert.equal(muted.activityStatus, 'MUTED');
  const mine = asMember(ann.token);
  await refusal(mine.memberFollowers.followMember(ben.id), 403, /MEMBER_MUTED/);
  assert.equal((await mine.members.getMember(ann.id, full)).activityStatus, 'MUTED');
  const seen = await asMember(ben.token).members.getMember(ann.id, full);
  assert.equal(seen.activityStatus, 'UNKNOWN');
  const { member: heard } = await owner.members.unmuteMember(ann.id);
  assert.equal(heard.activityStatus, 'ACTIVE');
  await mine.memberFollowers.followMember(ben.id);
});

test('a disconnected member does not come back', async () => {
  const ann = await createMember(url);
  const { member } = await owner.members.disconnectMember(ann.id);
  assert.equal(member.status, 'OFFLINE');
  await refusal(owner.members.approveMember(ann.id), 409, /MEMBER_OFFLINE/);
  await refusal(asMember(ann.token).members.getCurrentMember(), 403, /MEMBER_OFFLINE/);
});

test('members moderate nobody, and nobody is moderated who is not there', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  await refusal(asMember(ann.token).members.blockMember(ben.id), 403, /PERMISSION_DENIED/);
  await refusal(owner.members.muteMember(UNKNOWN_ID), 404, /MEMBER_NOT_FOUND/);
});
