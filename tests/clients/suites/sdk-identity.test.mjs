// `@wix/sdk` with `OAuthStrategy` and `@wix/identity`, unmodified: from a visitor to a member and
// back, without a browser window.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  authentication, oauth, recovery, signOnPolicy, verification,
} from '@wix/identity';
import { members } from '@wix/members';
import { ApiKeyStrategy, OAuthStrategy, createClient } from '@wix/sdk';

import { call, createMember, eventually, ownerKey, unique, url } from '../support/api.mjs';
import { UUID, refusal } from '../support/sdk.mjs';

const back = 'https://app.example/back';
const password = 'correct horse';

async function visitor() {
  const body = { name: unique('app'), redirectUris: [back] };
  const { client } = await call(url, 'POST', '/v1/oauth-clients', { body });
  return createClient({
    modules: { members, authentication, oauth, recovery, verification },
    auth: OAuthStrategy({ clientId: client.id }),
  });
}

function owner() {
  return createClient({
    modules: { signOnPolicy, authentication, oauth, recovery },
    auth: ApiKeyStrategy({ apiKey: ownerKey, siteId: '00000000-0000-4000-8000-000000000000' }),
  });
}

/** What a browser does that is sent to log in: it comes back with a code. */
async function logIn(app, sessionToken) {
  const data = app.auth.generateOAuthData(back, 'https://app.example/start');
  const options = { prompt: 'none', responseMode: 'query', sessionToken };
  const { authUrl } = await app.auth.getAuthUrl(data, options);
  const answer = await fetch(authUrl, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  const parsed = app.auth.parseFromUrl(answer.headers.get('location'), 'query');
  assert.equal(parsed.error, undefined);
  const tokens = await app.auth.getMemberTokens(parsed.code, parsed.state, data);
  app.auth.setTokens(tokens);
  return tokens;
}

test('a visitor registers, logs in with a code, renews the token and logs out', async () => {
  const app = await visitor();
  const open = await createMember(url);
  assert.equal((await app.members.getMember(open.id))._id, open.id);
  assert.equal(app.auth.loggedIn(), false);
  const email = `${unique('ann')}@example.com`;
  const profile = { nickname: 'Ann', firstName: 'Ann' };
  const registered = await app.auth.register({ email, password, profile });
  assert.equal(registered.loginState, 'SUCCESS');
  const session = await app.auth.login({ email, password });
  assert.equal(session.loginState, 'SUCCESS');
  const tokens = await logIn(app, session.data.sessionToken);
  assert.equal(app.auth.loggedIn(), true);
  const { member } = await app.members.getCurrentMember({ fieldsets: ['FULL'] });
  assert.equal(member.loginEmail, email);
  assert.equal(member.contact.firstName, 'Ann');
  const renewed = await app.auth.renewToken(tokens.refreshToken);
  assert.notEqual(renewed.accessToken.value, '');
  assert.equal(renewed.refreshToken.role, 'member');
  const user = await app.oauth.userInfo();
  assert.deepEqual([user.sub, user.email], [member._id, email]);
  const { logoutUrl } = await app.auth.logout(back);
  const answer = await fetch(logoutUrl, { redirect: 'manual' });
  assert.equal(answer.headers.get('location'), back);
  assert.equal(app.auth.loggedIn(), false);
  const refreshToken = tokens.refreshToken.value;
  const body = JSON.stringify({ grantType: 'refresh_token', refreshToken });
  const headers = { 'content-type': 'application/json' };
  const ended = await fetch(new URL('/oauth2/token', url), { method: 'POST', headers, body });
  assert.equal(ended.status, 400);
});

test('what goes wrong arrives as the strategy names it', async () => {
  const app = await visitor();
  const email = `${unique('ben')}@example.com`;
  await app.auth.register({ email, password });
  const taken = await app.auth.register({ email, password });
  assert.deepEqual([taken.loginState, taken.errorCode], ['FAILURE', 'emailAlreadyExists']);
  const wrong = await app.auth.login({ email, password: 'a wrong guess' });
  assert.deepEqual([wrong.loginState, wrong.errorCode], ['FAILURE', 'invalidPassword']);
});

test('an owner wants to see who registers first', async () => {
  const { signOnPolicy: policies } = owner();
  const before = await policies.getSignOnPolicy();
  assert.equal(before.signOnPolicy.requireOwnerApproval, false);
  const set = await policies.updateSignOnPolicy({ requireOwnerApproval: true });
  assert.equal(set.requireOwnerApproval, true);
  try {
    const app = await visitor();
    const email = `${unique('cleo')}@example.com`;
    const registered = await app.auth.register({ email, password });
    assert.equal(registered.loginState, 'OWNER_APPROVAL_REQUIRED');
  } finally {
    await policies.updateSignOnPolicy({ requireOwnerApproval: false });
  }
});

test('the identity modules themselves: authentication and oauth', async () => {
  const app = await visitor();
  const email = `${unique('dan')}@example.com`;
  const options = { password, profile: { nickname: 'Dan' } };
  const registered = await app.authentication.registerV2({ email }, options);
  assert.equal(registered.state, 'SUCCESS');
  assert.match(registered.identity._id, UUID);
  const logged = await app.authentication.loginV2({ email }, { password });
  assert.equal(logged.state, 'SUCCESS');
  await refusal(app.authentication.loginV2({ email }, { password: 'another' }), 401, /^-19976$/);
  assert.deepEqual(
    [(await app.authentication.validateEmail(email)).valid,
      (await app.authentication.validateEmail('no address')).valid],
    [true, false],
  );
  const vouched = await owner().authentication.signOn({ email });
  assert.equal(vouched.identity._id, registered.identity._id);
  await logIn(app, vouched.sessionToken);
  await app.authentication.changePassword('battery staple');
  // The login of the token has ended with the password: whoever goes on is a visitor again.
  await refusal(app.members.getCurrentMember(), 401, /^UNAUTHENTICATED$/);
  app.auth.setTokens(await app.auth.generateVisitorTokens());
  const again = await app.authentication.loginV2({ email }, { password: 'battery staple' });
  assert.equal(again.identity._id, registered.identity._id);
});

/** The newest mail to an address, once it is there: some go out behind the answer. */
function mailTo(address) {
  return eventually(async () => {
    const { mails } = await call(url, 'GET', '/v1/outbox');
    return mails.find((mail) => mail.to === address)?.text;
  }, `a mail to ${address}`);
}

test('who registers verifies the address with the code of a mail', async () => {
  const { signOnPolicy: policies } = owner();
  await policies.updateSignOnPolicy({ requireEmailVerification: true });
  try {
    const app = await visitor();
    const email = `${unique('eve')}@example.com`;
    const registered = await app.auth.register({ email, password });
    assert.equal(registered.loginState, 'EMAIL_VERIFICATION_REQUIRED');
    const [code] = (await mailTo(email)).match(/\d{6}/);
    const state = registered;
    const verified = await app.auth.processVerification({ verificationCode: code }, state);
    assert.equal(verified.loginState, 'SUCCESS');
    await logIn(app, verified.data.sessionToken);
    assert.equal((await app.oauth.userInfo()).emailVerified, true);
  } finally {
    await policies.updateSignOnPolicy({ requireEmailVerification: false });
  }
});

test('a forgotten password is set anew with the token of a mail', async () => {
  const app = await visitor();
  const email = `${unique('finn')}@example.com`;
  const registered = await app.authentication.registerV2({ email }, { password });
  await app.auth.sendPasswordResetEmail(email, back);
  const token = (await mailTo(email)).match(/recoveryToken=(\S+)/)[1];
  const recovered = await app.recovery.recover(token, { password: 'battery staple' });
  assert.equal(recovered.state, 'SUCCESS');
  await refusal(app.recovery.recover(token, { password }), 400, /^RECOVERY_FAILED$/);
  await call(url, 'DELETE', '/v1/outbox');
  await owner().recovery.sendActivationEmail(registered.identity._id);
  assert.match(await mailTo(email), /with this token: \S+$/);
});

test('a member verifies its address later; keys and tokens say what they are', async () => {
  const app = await visitor();
  const email = `${unique('gwen')}@example.com`;
  const registered = await app.authentication.registerV2({ email }, { password });
  await logIn(app, registered.sessionToken);
  const { verificationId } = await app.verification.start({ target: 'EMAIL' });
  const [code] = (await mailTo(email)).match(/\d{6}/);
  const options = { stateToken: verificationId };
  const verified = await app.verification.verifyDuringAuthentication(code, options);
  assert.equal(verified.identity.email.isVerified, true);
  const tokens = app.auth.getTokens();
  const asked = JSON.stringify({ token: tokens.accessToken.value });
  const info = await app.oauth.tokenInfo({ body: new TextEncoder().encode(asked) });
  assert.deepEqual([info.active, info.subjectType], [true, 'MEMBER']);
  assert.equal(info.subjectId, registered.identity._id);
  // Tokens are signed with keys that stay here: there is none to show.
  assert.deepEqual((await app.oauth.jwks()).keys, []);
  await app.authentication.logout();
  await refusal(app.members.getCurrentMember(), 401, /^UNAUTHENTICATED$/);
  await assert.rejects(app.auth.renewToken(tokens.refreshToken));
});
