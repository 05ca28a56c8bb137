// `@wix/sdk` and `@wix/members`, unmodified: the older authentication module, and user members.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { allPages, owner, refusal } from '../support/sdk.mjs';

const { authentication, userMember } = owner;
const PASSWORD = 'correct horse battery';
const address = () => `legacy-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;

test('a member registers, logs in, is blocked and let in again', async () => {
  const email = address();
  const made = await authentication.register(email, PASSWORD, {
    contactInfo: { firstName: 'Ann' }, profilePrivacyStatus: 'PUBLIC',
  });
  assert.equal(made.member.status, 'ACTIVE');
  assert.ok(made.session.token);
  const inside = await authentication.login(email, PASSWORD);
  assert.equal(inside.member._id ?? inside.member.id, made.member._id ?? made.member.id);
  await refusal(authentication.login(email, 'another password'), 401, /./);
  await authentication.block({ email });
  await refusal(authentication.login(email, PASSWORD), 403, /MEMBER_BLOCKED/);
  const { session } = await authentication.approve({ email });
  assert.ok(session.token);
  assert.ok((await authentication.login(email, PASSWORD)).session.token);
  const { accepted } = await authentication.sendSetPasswordEmail(email);
  assert.equal(accepted, true);
});

test('a login e-mail is another from now on', async () => {
  const [old, fresh] = [address(), address()];
  const { member } = await authentication.register(old, PASSWORD);
  const { member: moved } = await authentication.changeLoginEmail(member._id ?? member.id, fresh);
  assert.equal(moved.loginEmail, fresh);
  assert.ok((await authentication.login(fresh, PASSWORD)).session.token);
  await refusal(authentication.login(old, PASSWORD), 401, /./);
});

test('user members are queried by cursor to the end', async () => {
  const created = [await createMember(url), await createMember(url), await createMember(url)];
  const ids = created.map(({ id }) => id);
  const first = await userMember.queryUserMembers().in('memberId', ids).limit(2).find();
  const all = await allPages(first);
  assert.deepEqual(new Set(all.map(({ memberId }) => memberId)), new Set(ids));
  assert.ok(all.every(({ status }) => status === 'APPROVED'));
  assert.ok(all.every(({ userId, memberId }) => userId === memberId));
});
