// The unmodified SDK as an application sets it up: once for the owner, once for a member.

import assert from 'node:assert/strict';

import {
  authentication, authorization, badgeAssignments, badges, badgesV2, customFieldApplications,
  customFieldSuggestions, customFields, defaultPrivacy, memberFollowers, memberPrivacySettings,
  memberReport, memberRoleDefinition, memberToMemberBlock, members, membersAbout, userMember,
} from '@wix/members';
import { ApiKeyStrategy, createClient } from '@wix/sdk';

import { ownerKey } from './api.mjs';

const modules = {
  members, memberFollowers, memberReport, membersAbout, badges, badgesV2, badgeAssignments,
  authentication, authorization, customFieldApplications, customFieldSuggestions, customFields,
  defaultPrivacy, memberPrivacySettings, memberRoleDefinition, memberToMemberBlock, userMember,
};

export const owner = createClient({
  modules,
  auth: ApiKeyStrategy({ apiKey: ownerKey, siteId: '00000000-0000-4000-8000-000000000000' }),
});

export function asMember(token) {
  const getAuthHeaders = async () => ({ headers: { Authorization: token } });
  return createClient({ modules, auth: { getAuthHeaders } });
}

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const UNKNOWN_ID = 'ffffffff-0000-4000-8000-00000000ffff';

/** Follows a builder's result to its end. */
export async function allPages(first) {
  const items = [...first.items];
  let page = first;
  for (let pages = 1; page.hasNext(); pages += 1) {
    assert.ok(pages < 100, 'an iterator that never ends');
    page = await page.next();
    assert.ok(page.items.length > 0, 'a page without items');
    items.push(...page.items);
  }
  return items;
}

/** The error that a promise ends with, which must carry an application code. */
export async function refusal(promise, status, code) {
  const error = await promise.then(() => assert.fail('was not refused'), (reason) => reason);
  assert.equal(error.status ?? error.response?.status, status, String(error.message));
  assert.match(String(error.details?.applicationError?.code), code, String(error.message));
  return error;
}
