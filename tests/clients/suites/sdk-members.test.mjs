// `@wix/sdk` and `@wix/members`, unmodified: members.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, unique, url } from '../support/api.mjs';
import { UNKNOWN_ID, UUID, allPages, asMember, owner, refusal } from '../support/sdk.mjs';

const FULL = { fieldsets: ['FULL'] };

test('a created member is read back as it was written', async () => {
  const nickname = unique('ann');
  const before = Date.now();
  const created = await owner.members.createMember({
    member: {
      loginEmail: `${nickname}@example.com`,
      privacyStatus: 'PUBLIC',
      profile: { nickname, title: 'Gardener' },
      contact: {
        firstName: 'Ann',
        lastName: 'Zoë 😀',
        company: 'Green & Sons',
        phones: ['+1 555 0100'],
        birthdate: '1990-02-28',
      },
    },
  });
  assert.match(created._id, UUID);
  assert.equal('id' in created, false, 'the SDK renames ids');
  const read = await owner.members.getMember(created._id, FULL);
  assert.equal(read._id, created._id);
  assert.equal(read.loginEmail, `${nickname}@example.com`);
  assert.equal(read.profile.nickname, nickname);
  assert.equal(read.profile.title, 'Gardener');
  assert.ok(read.profile.slug.length > 0);
  assert.equal(read.contact.firstName, 'Ann');
  assert.equal(read.contact.lastName, 'Zoë 😀');
  assert.equal(read.contact.company, 'Green & Sons');
  assert.deepEqual(read.contact.phones, ['+1 555 0100']);
  assert.equal(read.contact.birthdate, '1990-02-28');
  assert.equal(read.privacyStatus, 'PUBLIC');
  assert.equal(read.status, 'APPROVED');
  assert.equal(read.activityStatus, 'ACTIVE');
  assert.ok(read._createdDate instanceof Date && read._updatedDate instanceof Date);
  // Half a second of grace: a site's clock runs at its own pace.
  assert.ok(read._createdDate.getTime() >= before - 500);
  assert.ok(read._createdDate.getTime() <= Date.now() + 500);
});

test('the public fieldset keeps e-mail and statuses back', async () => {
  const member = await createMember(process.env.GUILDHALL_URL);
  const read = await owner.members.getMember(member.id);
  assert.equal(read.profile.nickname, member.name);
  assert.equal(read.loginEmail ?? undefined, undefined);
  assert.equal(read.status ?? 'UNKNOWN', 'UNKNOWN');
  assert.equal(read.privacyStatus ?? 'UNKNOWN', 'UNKNOWN');
});

test('an update changes what was sent and nothing else', async () => {
  const member = await createMember(process.env.GUILDHALL_URL);
  const first = await owner.members.updateMember(member.id, {
    profile: { title: 'Baker' },
    contact: { firstName: 'Bea' },
  });
  assert.equal(first.profile.title, 'Baker');
  const nickname = unique('bea');
  const second = await owner.members.updateMember(member.id, { profile: { nickname } });
  assert.equal(second._id, member.id);
  const read = await owner.members.getMember(member.id, FULL);
  assert.equal(read.profile.nickname, nickname);
  assert.equal(read.profile.title, 'Baker');
  assert.equal(read.contact.firstName, 'Bea');
  assert.equal(read.loginEmail, `${member.name}@example.com`);
  assert.ok(read._updatedDate >= read._createdDate);
});

test('a query pages by offset to the end', async () => {
  const prefix = unique('page');
  const ids = new Set();
  const count = 130;
  for (let index = 0; index < count; index += 1) {
    const nickname = `${prefix}-${String(index).padStart(3, '0')}`;
    const member = { loginEmail: `${nickname}@example.com`, privacyStatus: 'PUBLIC' };
    member.profile = { nickname };
    ids.add((await owner.members.createMember({ member }))._id);
  }
  assert.equal(ids.size, count);
  const first = await owner.members.queryMembers()
    .startsWith('profile.nickname', prefix).limit(50).find();
  assert.equal(first.items.length, 50);
  assert.equal(first.totalCount, count);
  assert.equal(first.totalPages, 3);
  assert.equal(first.hasPrev(), false);
  const found = await allPages(first);
  assert.equal(found.length, count);
  assert.deepEqual(new Set(found.map((member) => member._id)), ids);
  assert.ok(found.every((member) => member._createdDate instanceof Date));
  const second = await first.next();
  const back = await second.prev();
  assert.deepEqual(back.items.map((member) => member._id), first.items.map(({ _id }) => _id));
});

test('members are listed page by page, newest first', async () => {
  const created = [await createMember(url), await createMember(url)];
  const sorting = [{ fieldName: '_createdDate', order: 'DESC' }];
  const page = (offset) => owner.members.listMembers({ paging: { limit: 1, offset }, sorting });
  const [first, second] = [await page(0), await page(1)];
  const ids = [first, second].map(({ members }) => members.map(({ _id }) => _id));
  assert.deepEqual(ids, [[created[1].id], [created[0].id]]);
  assert.ok(first.metadata.total >= 2 && second.metadata.offset === 1);
});

test('a query finds by id, e-mail and nickname', async () => {
  const one = await createMember(process.env.GUILDHALL_URL);
  const two = await createMember(process.env.GUILDHALL_URL);
  const idsOf = async (query) => (await query.find()).items.map(({ _id }) => _id).sort();
  const query = () => owner.members.queryMembers();
  assert.deepEqual(await idsOf(query().eq('_id', one.id)), [one.id]);
  assert.deepEqual(await idsOf(query().in('_id', [two.id, one.id, UNKNOWN_ID])),
    [one.id, two.id].sort());
  assert.deepEqual(await idsOf(query().eq('loginEmail', `${two.name}@example.com`)), [two.id]);
  assert.deepEqual(await idsOf(query().eq('profile.nickname', one.name)), [one.id]);
  assert.deepEqual(await idsOf(query().eq('profile.nickname', 'nobody is called so')), []);
});

test('an unknown member is a 404 with its code', async () => {
  await refusal(owner.members.getMember(UNKNOWN_ID), 404, /NOT_FOUND$/);
  const patch = { profile: { title: 'Nobody' } };
  await refusal(owner.members.updateMember(UNKNOWN_ID, patch), 404, /NOT_FOUND$/);
});

test('a body that is wrong names field and rule', async () => {
  const member = { loginEmail: 'no-address', profile: { nickname: 'x'.repeat(5_000) } };
  const error = await owner.members.createMember({ member }).then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  const violations = error.details?.validationError?.fieldViolations;
  assert.ok(Array.isArray(violations) && violations.length > 0, String(error.message));
  const named = violations.find(({ field }) => field.endsWith('nickname'));
  assert.equal(named?.violatedRule, 'MAX_LENGTH', JSON.stringify(violations));
  assert.ok(named.description.length > 0);
});

test('without a right credential there is nothing', async () => {
  const stranger = asMember('not a token');
  await refusal(stranger.members.getMember(UNKNOWN_ID), 401, /UNAUTHENTICATED/);
});
