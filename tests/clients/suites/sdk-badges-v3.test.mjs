// `@wix/sdk` and `@wix/members`, unmodified: the module `badges`, which is v3.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, unique, url } from '../support/api.mjs';
import { UNKNOWN_ID, UUID, owner, refusal } from '../support/sdk.mjs';

const COLOURS = { backgroundColor: '#204060', textColor: '#FFFFFF' };
const { badges } = owner;

function createBadge(title = unique('Old badge')) {
  return badges.createBadge({ title, ...COLOURS });
}

test('a badge is read back as it was written, changed and deleted', async () => {
  const icon = 'https://example.com/old.png';
  const title = unique('Veteran');
  const created = await badges.createBadge({
    title, icon, description: 'x', permissionsEnabled: true, ...COLOURS,
  });
  assert.match(created._id, UUID);
  const read = await badges.getBadge(created._id);
  assert.deepEqual(read, created);
  assert.equal(read.icon, icon);
  assert.equal(read.permissionsEnabled, true);
  assert.ok(read._createdDate instanceof Date && read._updatedDate instanceof Date);
  const changed = await badges.updateBadge(created._id, { title: `${title}!`, icon: 'b.png' });
  assert.equal(changed.title, `${title}!`);
  assert.equal(changed.icon, 'b.png');
  assert.equal(changed.description, 'x', 'what is not sent stays');
  assert.equal((await owner.badgesV2.getBadge(created._id)).title, `${title}!`);
  assert.equal(await badges.deleteBadge(created._id), undefined);
  await refusal(badges.getBadge(created._id), 404, /BADGE_NOT_FOUND/);
});

test('a list of badges is paged to its end, in display order', async () => {
  const [one, two] = [await createBadge(), await createBadge()];
  const { badges: ordered } = await badges.updateBadgesDisplayOrder([two._id, one._id]);
  assert.deepEqual(ordered.slice(0, 2).map(({ _id }) => _id), [two._id, one._id]);
  const found = [];
  for (let total = 1; found.length < total;) {
    const page = await badges.listBadges({ paging: { limit: 2, offset: found.length } });
    assert.ok(page.badges.length > 0 && page.badges.length <= 2);
    assert.equal(page.metadata.offset, found.length);
    found.push(...page.badges.map(({ _id }) => _id));
    total = page.metadata.total;
  }
  assert.deepEqual(found, ordered.map(({ _id }) => _id));
  assert.deepEqual((await badges.listBadges()).badges.length, Math.min(found.length, 50));
});

test('members are given a badge and lose it', async () => {
  const badge = await createBadge();
  const people = [await createMember(url), await createMember(url), await createMember(url)];
  const ids = people.map(({ id }) => id);
  const assigned = await badges.assignBadge(badge._id, [...ids, UNKNOWN_ID]);
  assert.deepEqual(assigned.memberIds, ids);
  const first = await badges.listMembersByBadge(badge._id, { paging: { limit: 2, offset: 0 } });
  assert.deepEqual(first.memberIds, ids.slice(0, 2));
  assert.equal(first.metadata.total, 3);
  const rest = await badges.listMembersByBadge(badge._id, { paging: { limit: 2, offset: 2 } });
  assert.deepEqual(rest.memberIds, ids.slice(2));
  const { badgeMemberCounts } = await badges.getMemberCountsPerBadge();
  const count = badgeMemberCounts.find(({ badgeId }) => badgeId === badge._id);
  assert.equal(count.memberCount, 3);
  const second = await createBadge();
  await badges.assignBadge(second._id, [ids[0]]);
  const { memberBadgeIds } = await badges.listBadgesPerMember(ids);
  assert.deepEqual(memberBadgeIds.map(({ memberId }) => memberId), ids);
  assert.deepEqual(memberBadgeIds[0].badgeIds, [badge._id, second._id]);
  assert.deepEqual(memberBadgeIds[2].badgeIds, [badge._id]);
  assert.equal(await badges.unassignBadge(badge._id, [ids[0], ids[1]]), undefined);
  const left = await badges.listMembersByBadge(badge._id);
  assert.deepEqual(left.memberIds, [ids[2]]);
  const v4 = await owner.badgeAssignments.queryBadgeAssignments().eq('badgeId', badge._id).find();
  assert.deepEqual(v4.items.map(({ memberId }) => memberId), [ids[2]]);
});

test('what is not there is a 404 with its code', async () => {
  const member = await createMember(url);
  const refused = [
    () => badges.updateBadge(UNKNOWN_ID, { title: 'x' }),
    () => badges.deleteBadge(UNKNOWN_ID),
    () => badges.assignBadge(UNKNOWN_ID, [member.id]),
    () => badges.unassignBadge(UNKNOWN_ID, [member.id]),
    () => badges.listMembersByBadge(UNKNOWN_ID),
    () => badges.updateBadgesDisplayOrder([UNKNOWN_ID]),
  ];
  for (const ask of refused) await refusal(ask(), 404, /BADGE_NOT_FOUND/);
});

test('a body with faults names each of them', async () => {
  const error = await badges.createBadge({ title: '', ...COLOURS, textColor: 'red' }).then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  const violations = error.details?.validationError?.fieldViolations ?? [];
  assert.deepEqual(violations.map(({ ruleName }) => ruleName).sort(), ['FORMAT', 'REQUIRED']);
});
