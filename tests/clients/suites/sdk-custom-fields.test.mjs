// `@wix/sdk` and `@wix/members`, unmodified: fields of profiles, and to whom they apply.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, url } from '../support/api.mjs';
import { UNKNOWN_ID, allPages, owner, refusal } from '../support/sdk.mjs';

const { customFieldApplications, customFieldSuggestions, customFields } = owner;
const named = (what) => `${what} ${Date.now()} ${Math.random().toString(36).slice(2)}`;

async function create(name, more = {}) {
  return customFields.createCustomField({ name: named(name), ...more });
}

test('a field is made, read, edited, ordered, hidden and deleted', async () => {
  const made = await create('Colour', { fieldType: 'TEXT', defaultPrivacy: 'PRIVATE' });
  assert.equal(made.defaultPrivacy, 'PRIVATE');
  assert.ok(made._createdDate instanceof Date && made.key.startsWith('colour'));
  const { field: read } = await customFields.getCustomField(made._id);
  assert.deepEqual(read, made);
  const name = named('Shade');
  const edited = await customFields.updateCustomField(made._id, { name, revision: made.revision });
  assert.equal(edited.name, name);
  assert.equal(edited.key, made.key);
  const stale = customFields.updateCustomField(made._id, { name: 'x', revision: made.revision });
  await refusal(stale, 409, /INVALID_REVISION/);
  const other = await create('Tube', { fieldType: 'SOCIAL', socialType: 'YOUTUBE' });
  assert.equal(other.section, 'SOCIAL');
  const { fields } = await customFields.updateCustomFieldsOrder([other._id, made._id]);
  assert.deepEqual(fields.slice(0, 2).map(({ _id }) => _id), [other._id, made._id]);
  await customFields.hideCustomField(other._id, other.revision);
  const listed = await customFields.listCustomFields({ paging: { limit: 100 } });
  const ids = listed.fields.map(({ _id }) => _id);
  assert.ok(ids.includes(made._id) && !ids.includes(other._id));
  await customFields.deleteCustomField(made._id, edited.revision);
  await refusal(customFields.getCustomField(made._id), 404, /CUSTOM_FIELD_NOT_FOUND/);
  const wrong = create('Wrong', { fieldType: 'SOCIAL' });
  await refusal(wrong, 409, /INVALID_FIELD_SOCIAL_TYPE/);
});

test('a field applies to members and roles, until its application ends', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const field = await create('Desk');
  const key = `staff-${Date.now()}`;
  const { role } = await owner.memberRoleDefinition.createMemberRoleDefinition(key, {
    roleTitle: 'Staff', blockable: true,
  });
  await owner.authorization.assignRole(ann.id, key);
  const applications = { items: [{ applicationType: 'ROLE', entityId: role._id }] };
  const made = await customFieldApplications.createCustomFieldApplication({
    customFieldId: field._id, applications,
  });
  assert.deepEqual(made.applications, applications);
  const applies = async () => {
    const ids = [ann.id, ben.id];
    const { results } = await customFieldApplications.getMembersCustomFieldApplications(ids);
    const of = (memberId) => results.find((one) => one.memberId === memberId).applications
      .find(({ customFieldKey }) => customFieldKey === field.key).applies;
    return ids.map(of);
  };
  assert.deepEqual(await applies(), [true, false]);
  const roles = await customFieldApplications.getRolesCustomFieldApplications([role._id]);
  const ofRole = roles.results[0].applications.find((one) => one.customFieldKey === field.key);
  assert.equal(ofRole.applies, true);
  const { application } = await customFieldApplications.getCustomFieldApplication(field._id);
  assert.deepEqual(application, made);
  const many = await customFieldApplications.getCustomFieldApplications([field._id, UNKNOWN_ID]);
  assert.deepEqual(many.applications, [made]);
  const changed = await customFieldApplications.updateCustomFieldApplication(field._id, {
    applications: { items: [{ applicationType: 'MEMBER', entityId: ben.id }] },
    revision: made.revision,
  });
  assert.equal(Number(changed.revision), Number(made.revision) + 1);
  assert.deepEqual(await applies(), [false, true]);
  await customFieldApplications.deleteCustomFieldApplication(field._id);
  assert.deepEqual(await applies(), [true, true]);
  const gone = customFieldApplications.getCustomFieldApplication(field._id);
  await refusal(gone, 404, /CUSTOM_FIELD_APPLICATION_NOT_FOUND/);
});

test('suggestions are listed and queried to the end', async () => {
  const { suggestions, metadata } = await customFieldSuggestions.listCustomFieldSuggestions({
    paging: { limit: 5 },
  });
  assert.equal(suggestions.length, 5);
  const first = await customFieldSuggestions.queryCustomFieldSuggestions().limit(4).find();
  const all = await allPages(first);
  assert.equal(all.length, metadata.total);
  const social = await customFieldSuggestions.queryCustomFieldSuggestions()
    .eq('fieldType', 'SOCIAL').descending('name').find();
  const names = social.items.map(({ name }) => name);
  assert.deepEqual(names, [...names].sort().reverse());
});
