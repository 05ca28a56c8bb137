// `@wix/sdk` and `@wix/members`, unmodified: what members tell about themselves.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, UUID, allPages, asMember, owner, refusal } from '../support/sdk.mjs';

function document(text) {
  const words = { type: 'TEXT', id: '', nodes: [], textData: { text, decorations: [] } };
  return { nodes: [{ type: 'PARAGRAPH', id: 'p1', nodes: [words] }] };
}

test('a member writes, reads, changes and deletes what it tells', async () => {
  const ann = await createMember(url);
  const mine = asMember(ann.token).membersAbout;
  const created = await mine.createMemberAbout({ content: document('Hello') });
  assert.match(created._id, UUID);
  assert.equal(created.memberId, ann.id);
  assert.equal(created.revision, '1');
  const read = (await mine.getMyMemberAbout()).memberAbout;
  assert.equal(read.content.nodes[0].nodes[0].textData.text, 'Hello');
  assert.equal(read.content.nodes[0].id, 'p1', 'ids inside the document keep their name');
  const change = { revision: read.revision, content: document('Hi') };
  const changed = await mine.updateMemberAbout(created._id, change);
  assert.equal(changed.revision, '2');
  await refusal(mine.updateMemberAbout(created._id, change), 409, /INVALID_REVISION/);
  const seen = await owner.membersAbout.getMemberAbout(created._id);
  assert.equal(seen.content.nodes[0].nodes[0].textData.text, 'Hi');
  await mine.deleteMemberAbout(created._id);
  await refusal(owner.membersAbout.getMemberAbout(created._id), 404, /MEMBER_ABOUT_NOT_FOUND/);
});

test('a query pages through all of them', async () => {
  const people = [await createMember(url), await createMember(url), await createMember(url)];
  for (const { id } of people) {
    await owner.membersAbout.createMemberAbout({ memberId: id, content: document('x') });
  }
  const ids = people.map(({ id }) => id);
  const first = await owner.membersAbout.queryMemberAbouts().in('memberId', ids).limit(2).find();
  assert.equal(first.items.length, 2);
  const all = await allPages(first);
  assert.deepEqual(all.map((about) => about.memberId), ids);
});

test('nobody writes what another tells', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const about = await owner.membersAbout.createMemberAbout({
    memberId: ann.id, content: document('mine'),
  });
  const other = asMember(ben.token).membersAbout;
  const change = { revision: '1', content: document('yours') };
  await refusal(other.updateMemberAbout(about._id, change), 404, /MEMBER_ABOUT_NOT_FOUND/);
  await refusal(other.deleteMemberAbout(about._id), 404, /MEMBER_ABOUT_NOT_FOUND/);
  await refusal(other.getMemberAbout(UNKNOWN_ID), 404, /MEMBER_ABOUT_NOT_FOUND/);
});
