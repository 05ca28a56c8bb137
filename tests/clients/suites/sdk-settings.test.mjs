// `@wix/sdk` and `@wix/members`, unmodified: privacy of the site, roles, community and slugs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, asMember, owner, refusal } from '../support/sdk.mjs';

test('the default privacy is read, set and set back', async () => {
  const { getDefaultPrivacyStatus, setDefaultPrivacyStatus } = owner.defaultPrivacy;
  const { defaultPrivacy: before } = await getDefaultPrivacyStatus();
  const set = (defaultPrivacy, revision) => setDefaultPrivacyStatus({ defaultPrivacy, revision });
  const { defaultPrivacy: open } = await set('PUBLIC', before.revision);
  assert.equal(open.defaultPrivacy, 'PUBLIC');
  assert.equal(Number(open.revision), Number(before.revision) + 1);
  await refusal(set('PRIVATE', before.revision), 409, /INVALID_REVISION/);
  const born = await owner.members.createMember({ member: { profile: { nickname: 'Default' } } });
  assert.equal(born.privacyStatus, 'PUBLIC');
  const { defaultPrivacy: back } = await set(before.defaultPrivacy, open.revision);
  assert.equal(back.defaultPrivacy, before.defaultPrivacy);
});

test('privacy settings are read, set and set back', async () => {
  const { getMemberPrivacySettings, setMemberPrivacySettings } = owner.memberPrivacySettings;
  const { memberPrivacySettings: before } = await getMemberPrivacySettings();
  assert.equal(before.publicMemberCandidates, 'ANYONE');
  const set = async (publicMemberVisibility, revision) => {
    const publicMemberCandidates = 'ANYONE';
    const wish = { publicMemberVisibility, publicMemberCandidates, revision };
    return (await setMemberPrivacySettings(wish)).memberPrivacySettings;
  };
  const closed = await set('VISIBLE_TO_MEMBERS_ONLY', before.revision);
  assert.equal(closed.publicMemberVisibility, 'VISIBLE_TO_MEMBERS_ONLY');
  assert.ok(closed._updatedDate instanceof Date);
  await refusal(set('VISIBLE_TO_ALL', before.revision), 409, /INVALID_REVISION/);
  const back = await set(before.publicMemberVisibility, closed.revision);
  assert.equal(back.publicMemberVisibility, before.publicMemberVisibility);
});

test('roles are defined, given and taken', async () => {
  const key = `editor-${Date.now()}`;
  const definitions = owner.memberRoleDefinition;
  const { role } = await definitions.createMemberRoleDefinition(key, {
    roleTitle: 'Editor', blockable: true,
  });
  assert.equal(role.roleKey, key);
  assert.equal(role.title, 'Editor');
  const { role: read } = await definitions.getMemberRoleDefinition(key);
  assert.deepEqual(read, role);
  const { roles } = await definitions.listMemberRoleDefinitions();
  assert.ok(roles.some(({ roleKey }) => roleKey === key));
  const { role: edited } = await definitions.updateMemberRoleDefinition(key, {
    blockable: false, revision: role.revision,
  });
  assert.equal(edited.blockable, false);
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const { assignRole, getRoles, queryRoles, unassignRole } = owner.authorization;
  assert.equal((await assignRole(ann.id, key)).roleKey, key);
  assert.deepEqual((await getRoles(ann.id)).roles, [{ roleKey: key, title: 'Editor' }]);
  const query = { filter: { memberId: { $in: [ann.id, ben.id] } } };
  const { rolesByMemberId } = await queryRoles({ query });
  assert.deepEqual(rolesByMemberId[ann.id].roles, [{ roleKey: key, title: 'Editor' }]);
  assert.deepEqual(rolesByMemberId[ben.id].roles, []);
  await refusal(owner.members.blockMember(ann.id), 409, /OWNER_MEMBER_BLOCK_FORBIDDEN/);
  assert.equal((await unassignRole(ann.id, key)).roleKey, key);
  assert.deepEqual((await getRoles(ann.id)).roles, []);
  await refusal(assignRole(ann.id, `${key}-none`), 404, /ROLE_DOES_NOT_EXIST/);
  await refusal(assignRole(UNKNOWN_ID, key), 404, /MEMBER_NOT_FOUND/);
  assert.deepEqual(await definitions.deleteMemberRoleDefinition(key), {});
  await refusal(definitions.getMemberRoleDefinition(key), 404, /ROLE_DOES_NOT_EXIST/);
});

test('a member leaves the community and joins it again', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const mine = asMember(ann.token).members;
  const { member: left } = await mine.leaveCommunity();
  assert.equal(left.privacyStatus, 'PRIVATE');
  await refusal(asMember(ben.token).members.getMember(ann.id), 404, /MEMBER_NOT_FOUND/);
  const { member: joined } = await mine.joinCommunity();
  assert.equal(joined.privacyStatus, 'PUBLIC');
  assert.equal((await asMember(ben.token).members.getMember(ann.id))._id, ann.id);
});

test('a slug is changed by the member and by the site', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const slug = `Slug-${Date.now()}`;
  const mine = asMember(ann.token).members;
  assert.equal((await mine.updateCurrentMemberSlug(slug)).member.profile.slug, slug);
  const taken = asMember(ben.token).members.updateCurrentMemberSlug(slug);
  await refusal(taken, 409, /SLUG_ALREADY_EXISTS/);
  const found = await owner.members.queryMembers().eq('profile.slug', slug).find();
  assert.deepEqual(found.items.map(({ _id }) => _id), [ann.id]);
  const { member } = await owner.members.updateMemberSlug(ann.id, `${slug}-b`);
  assert.equal(member.profile.slug, `${slug}-b`);
  await refusal(owner.members.updateMemberSlug(ben.id, slug), 409, /SLUG_ALREADY_EXISTS/);
});
