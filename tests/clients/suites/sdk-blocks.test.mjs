// `@wix/sdk` and `@wix/members`, unmodified: whom members block for themselves.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, asMember, owner, refusal } from '../support/sdk.mjs';

async function people(count) {
  const created = [];
  for (let index = 0; index < count; index += 1) created.push(await createMember(url));
  return created.map((member) => ({ ...member, client: asMember(member.token) }));
}

test('two who are apart do not see each other until the block ends', async () => {
  const [ann, ben] = await people(2);
  await ben.client.memberFollowers.followMember(ann.id);
  await ann.client.memberToMemberBlock.blockMember(ben.id);
  await refusal(ann.client.members.getMember(ben.id), 404, /MEMBER_TO_MEMBER_BLOCKED/);
  await refusal(ben.client.members.getMember(ann.id), 404, /MEMBER_NOT_FOUND/);
  await refusal(ben.client.memberFollowers.followMember(ann.id), 404, /MEMBER_NOT_FOUND/);
  const followers = await owner.memberFollowers.listMemberFollowers(ann.id);
  assert.deepEqual(followers.memberIds, []);
  const again = ann.client.memberToMemberBlock.blockMember(ben.id);
  await refusal(again, 409, /MEMBER_ALREADY_BLOCKED/);
  await ann.client.memberToMemberBlock.unblockMember(ben.id);
  assert.equal((await ben.client.members.getMember(ann.id))._id, ann.id);
  await refusal(
    ann.client.memberToMemberBlock.unblockMember(ben.id), 404, /BLOCK_DOES_NOT_EXIST/,
  );
});

test('blocks are listed for who made them, page by page, and for the site', async () => {
  const [ann, ...others] = await people(4);
  for (const other of others) await ann.client.memberToMemberBlock.blockMember(other.id);
  const { listCurrentMemberBlocking } = ann.client.memberToMemberBlock;
  const seen = [];
  let cursor;
  do {
    const cursorPaging = cursor ? { limit: 2, cursor } : { limit: 2 };
    const page = await listCurrentMemberBlocking({ cursorPaging });
    seen.push(...page.blockedMemberIds);
    cursor = page.pagingMetadata.cursors?.next;
  } while (cursor);
  assert.deepEqual(new Set(seen), new Set(others.map(({ id }) => id)));
  await others[0].client.memberToMemberBlock.blockMember(others[1].id);
  const { memberBlocks } = await owner.memberToMemberBlock.listMemberBlocks(others[1].id);
  assert.deepEqual(
    new Set(memberBlocks.map(({ memberId, blockDirection }) => `${memberId} ${blockDirection}`)),
    new Set([`${ann.id} BLOCKED`, `${others[0].id} BLOCKED`]),
  );
});

test('nobody blocks itself, or who is not there', async () => {
  const [ann] = await people(1);
  const { blockMember, unblockMember } = ann.client.memberToMemberBlock;
  await refusal(blockMember(ann.id), 409, /SELF_BLOCKING_FORBIDDEN/);
  await refusal(unblockMember(ann.id), 409, /SELF_UNBLOCKING_FORBIDDEN/);
  await refusal(blockMember(UNKNOWN_ID), 404, /MEMBER_NOT_FOUND/);
  await refusal(owner.memberToMemberBlock.blockMember(ann.id), 403, /PERMISSION_DENIED/);
});
