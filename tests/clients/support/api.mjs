// Plain calls to the server: what the suites set up and look up beside the client that they prove.

import assert from 'node:assert/strict';

export const url = process.env.GUILDHALL_URL;
export const ownerKey = process.env.GUILDHALL_OWNER_KEY;

/** Longer than anything may take: what hits it hangs. */
const ANSWER_DEADLINE_MS = 20_000;

let serial = 0;

/** A name that no other test uses. */
export function unique(prefix) {
  serial += 1;
  return `${prefix}-${process.pid}-${serial}`;
}

/** Calls a server and answers with its JSON; everything but 200 fails the test. */
export async function call(base, method, path, { token = ownerKey, body } = {}) {
  const response = await fetch(new URL(path, base), {
    method,
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    headers: {
      authorization: token,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** A public member with a token of its own. */
export async function createMember(base, name = unique('member')) {
  const member = {
    loginEmail: `${name}@example.com`,
    privacyStatus: 'PUBLIC',
    profile: { nickname: name },
  };
  const created = await call(base, 'POST', '/members/v1/members', { body: { member } });
  const { id } = created.member;
  const answer = await call(base, 'POST', '/v1/member-tokens', { body: { memberId: id } });
  assert.ok(answer.expiresIn > 0);
  return { id, name, token: answer.accessToken };
}

export async function follow(base, follower, followed) {
  await call(base, 'POST', `/members/v3/followers/${followed.id}`, {
    token: follower.token,
    body: { memberId: followed.id },
  });
}

/** Waits until `probe` answers something, in small steps, with a deadline. */
export async function eventually(probe, story, deadlineMs = 15_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < end, `${story}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
