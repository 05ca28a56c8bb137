// `@wix/sdk` and `@wix/members`, unmodified: badges v4 and their assignments.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, unique, url } from '../support/api.mjs';
import { UNKNOWN_ID, UUID, allPages, owner, refusal } from '../support/sdk.mjs';

const COLOURS = { backgroundColor: '#204060', textColor: '#FFFFFF' };

function createBadge(title = unique('Badge')) {
  return owner.badgesV2.createBadge({ title, ...COLOURS });
}

async function assignmentsOf(badgeId, limit = 2) {
  const query = owner.badgeAssignments.queryBadgeAssignments().eq('badgeId', badgeId);
  return allPages(await query.limit(limit).find());
}

test('a badge is read back as it was written', async () => {
  const title = unique('Early bird');
  const description = 'Was here before the others; "quoted" & <marked>';
  const badge = { title, description, permissionsEnabled: true, ...COLOURS };
  const created = await owner.badgesV2.createBadge(badge);
  assert.match(created._id, UUID);
  const read = await owner.badgesV2.getBadge(created._id);
  assert.equal(read._id, created._id);
  assert.equal(read.title, title);
  assert.equal(read.description, description);
  assert.equal(read.backgroundColor, COLOURS.backgroundColor);
  assert.equal(read.textColor, COLOURS.textColor);
  assert.equal(read.permissionsEnabled, true);
  assert.equal(typeof read.revision, 'string');
  assert.ok(read.slug.length > 0);
  assert.ok(read._createdDate instanceof Date && read._updatedDate instanceof Date);
});

test('a query of badges pages to the end', async () => {
  const ids = [];
  for (let index = 0; index < 5; index += 1) ids.push((await createBadge())._id);
  const first = await owner.badgesV2.queryBadges().limit(2).find();
  assert.equal(first.items.length, 2);
  const found = (await allPages(first)).map(({ _id }) => _id);
  assert.equal(found.length, first.totalCount);
  assert.equal(new Set(found).size, found.length);
  for (const id of ids) assert.ok(found.includes(id));
});

test('a deleted badge is gone with its assignments', async () => {
  const [badge, member] = [await createBadge(), await createMember(url)];
  const wish = { badgeId: badge._id, memberId: member.id };
  await owner.badgeAssignments.createBadgeAssignment(wish);
  assert.equal((await assignmentsOf(badge._id)).length, 1);
  assert.equal(await owner.badgesV2.deleteBadge(badge._id), undefined);
  await refusal(owner.badgesV2.getBadge(badge._id), 404, /NOT_FOUND$/);
  assert.deepEqual(await assignmentsOf(badge._id), []);
});

test('a badge is held once, however often it is assigned', async () => {
  const [badge, member] = [await createBadge(), await createMember(url)];
  const wish = { badgeId: badge._id, memberId: member.id };
  const first = await owner.badgeAssignments.createBadgeAssignment(wish);
  const again = await owner.badgeAssignments.createBadgeAssignment(wish);
  assert.match(first._id, UUID);
  assert.equal(again._id, first._id);
  assert.equal(first.badgeId, badge._id);
  assert.equal(first.memberId, member.id);
  assert.ok(first._createdDate instanceof Date);
  assert.equal((await assignmentsOf(badge._id)).length, 1);
});

test('assignments are queried by cursor to the end, and deleted', async () => {
  const badge = await createBadge();
  const held = new Map();
  for (let index = 0; index < 5; index += 1) {
    const member = await createMember(url);
    const wish = { badgeId: badge._id, memberId: member.id };
    held.set(member.id, (await owner.badgeAssignments.createBadgeAssignment(wish))._id);
  }
  const found = await assignmentsOf(badge._id);
  assert.equal(found.length, held.size);
  for (const { _id, memberId, badgeId } of found) {
    assert.equal(badgeId, badge._id);
    assert.equal(held.get(memberId), _id);
  }
  const [[memberId, assignmentId]] = held;
  const ofMember = await owner.badgeAssignments.queryBadgeAssignments()
    .eq('memberId', memberId).find();
  assert.deepEqual(ofMember.items.map(({ _id }) => _id), [assignmentId]);
  assert.equal(await owner.badgeAssignments.deleteBadgeAssignment(assignmentId), undefined);
  const left = await assignmentsOf(badge._id);
  assert.equal(left.length, held.size - 1);
  assert.equal(left.some(({ _id }) => _id === assignmentId), false);
});

test('what is not there is a 404 with its code', async () => {
  const [badge, member] = [await createBadge(), await createMember(url)];
  const { createBadgeAssignment, deleteBadgeAssignment } = owner.badgeAssignments;
  await refusal(owner.badgesV2.getBadge(UNKNOWN_ID), 404, /NOT_FOUND$/);
  await refusal(deleteBadgeAssignment(UNKNOWN_ID), 404, /NOT_FOUND$/);
  const nobody = { badgeId: badge._id, memberId: UNKNOWN_ID };
  await refusal(createBadgeAssignment(nobody), 404, /NOT_FOUND$/);
  const nothing = { badgeId: UNKNOWN_ID, memberId: member.id };
  await refusal(createBadgeAssignment(nothing), 404, /NOT_FOUND$/);
});

test('a badge without a title names field and rule', async () => {
  const error = await owner.badgesV2.createBadge({ title: '', ...COLOURS }).then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  const violations = error.details?.validationError?.fieldViolations ?? [];
  assert.ok(violations.some(({ field }) => field.endsWith('title')), String(error.message));
});

test('an edit changes what is sent, at the revision that was seen', async () => {
  const badge = await createBadge();
  const edit = { title: unique('Renamed'), description: 'x', revision: badge.revision };
  const changed = await owner.badgesV2.updateBadge(badge._id, edit);
  assert.equal(changed.title, edit.title);
  assert.equal(changed.description, 'x');
  assert.equal(changed.backgroundColor, COLOURS.backgroundColor);
  assert.equal(Number(changed.revision), Number(badge.revision) + 1);
  const read = await owner.badgesV2.getBadge(badge._id);
  assert.equal(read.title, edit.title);
  assert.equal(read.slug, badge.slug);
  await refusal(owner.badgesV2.updateBadge(badge._id, edit), 409, /INVALID_REVISION/);
  await refusal(owner.badgesV2.updateBadge(UNKNOWN_ID, { title: 'x' }), 404, /BADGE_NOT_FOUND/);
});

test('an icon is read back as the image it was written as', async () => {
  const icon = 'wix:image://v1/shield/shield.png#originWidth=64&originHeight=48';
  const badge = await owner.badgesV2.createBadge({ title: unique('Icon'), icon, ...COLOURS });
  const read = await owner.badgesV2.getBadge(badge._id);
  assert.match(read.icon, /^wix:image:\/\/v1\/shield\//);
  const plain = 'https://example.com/star.png';
  await owner.badgesV2.updateBadge(badge._id, { icon: plain });
  assert.equal((await owner.badgesV2.getBadge(badge._id)).icon, plain);
});

test('badges stand where they are moved to', async () => {
  const made = [await createBadge(), await createBadge(), await createBadge()];
  const [one, two, three] = made.map(({ _id }) => _id);
  const { moveBadge, queryBadges, updateBadgesDisplayOrder } = owner.badgesV2;
  const shown = async () => (await allPages(await queryBadges().limit(50).find()))
    .map(({ _id }) => _id).filter((id) => [one, two, three].includes(id));
  assert.deepEqual(await shown(), [one, two, three]);
  assert.equal(await moveBadge(three, { position: 'FIRST' }), undefined);
  assert.deepEqual(await shown(), [three, one, two]);
  await moveBadge(three, { position: 'AFTER', moveAfterBadgeId: one });
  assert.deepEqual(await shown(), [one, three, two]);
  await moveBadge(one, { position: 'LAST' });
  assert.deepEqual(await shown(), [three, two, one]);
  const { badges } = await updateBadgesDisplayOrder([two, one]);
  assert.deepEqual(badges.slice(0, 2).map(({ _id }) => _id), [two, one]);
  assert.deepEqual(await shown(), [two, one, three]);
  await refusal(moveBadge(UNKNOWN_ID, { position: 'FIRST' }), 404, /BADGE_NOT_FOUND/);
  await refusal(updateBadgesDisplayOrder([UNKNOWN_ID]), 404, /BADGE_NOT_FOUND/);
});

test('badges are found by what they are', async () => {
  const word = unique('Found');
  const [gold, silver] = [await createBadge(`${word} gold`), await createBadge(`${word} silver`)];
  const { queryBadges } = owner.badgesV2;
  const ids = async (query) => (await query.find()).items.map(({ _id }) => _id);
  assert.deepEqual(await ids(queryBadges().eq('title', gold.title)), [gold._id]);
  assert.deepEqual(await ids(queryBadges().startsWith('title', word)), [gold._id, silver._id]);
  assert.deepEqual(await ids(queryBadges().in('_id', [silver._id])), [silver._id]);
  assert.deepEqual(await ids(queryBadges().eq('slug', silver.slug)), [silver._id]);
  const sorted = queryBadges().startsWith('title', word).descending('title');
  assert.deepEqual(await ids(sorted), [silver._id, gold._id]);
  const both = queryBadges().startsWith('title', word).ne('_id', gold._id);
  assert.deepEqual(await ids(both), [silver._id]);
});

test('assignments are made and taken by the dozen, each for itself', async () => {
  const [badge, one, two] = [await createBadge(), await createMember(url), await createMember(url)];
  const wishes = [one.id, UNKNOWN_ID, two.id].map((memberId) => ({ badgeId: badge._id, memberId }));
  const { bulkCreateBadgeAssignments, bulkDeleteBadgeAssignments } = owner.badgeAssignments;
  const made = await bulkCreateBadgeAssignments(wishes, { returnEntity: true });
  assert.equal(made.bulkActionMetadata.totalSuccesses, 2);
  assert.equal(made.bulkActionMetadata.totalFailures, 1);
  assert.deepEqual(made.results.map(({ itemMetadata }) => itemMetadata.originalIndex), [0, 1, 2]);
  assert.equal(made.results[1].itemMetadata.error.code, 'MEMBER_NOT_FOUND');
  assert.equal(made.results[2].item.memberId, two.id);
  assert.equal((await assignmentsOf(badge._id)).length, 2);
  const ids = [made.results[0].itemMetadata._id, UNKNOWN_ID];
  const taken = await bulkDeleteBadgeAssignments(ids);
  assert.deepEqual(taken.results.map(({ itemMetadata }) => itemMetadata.success), [true, false]);
  assert.deepEqual((await assignmentsOf(badge._id)).map(({ memberId }) => memberId), [two.id]);
});
