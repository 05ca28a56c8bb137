// The live page in headless Chromium: a newcomer's first minute. Without Chromium it is skipped.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { createMember, follow, ownerKey, unique, url } from '../support/api.mjs';

const executablePath = findChromium();
const options = { skip: executablePath ? false : 'no Chromium on the PATH' };
const screenshot = path.join(process.env.GUILDHALL_DESK, 'live-page.png');
const faults = [];
let browser;
let page;

function findChromium() {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  }
  return undefined;
}

before(async () => {
  if (!executablePath) return;
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // That nobody has made the post yet is a 404, which the browser notes as an error.
    const isPost = message.location().url.includes('/v1/items/');
    const isAbsence = isPost && message.text().includes('404');
    if (message.type() === 'error' && !isAbsence) faults.push(`console: ${message.text()}`);
  });
  page.on('requestfailed', (request) => faults.push(`not loaded: ${request.url()}`));
  await page.addInitScript(() => {
    window.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
});

after(async () => {
  await browser?.close();
});

/** A member made with the page's own form. */
async function createWithForm(nickname) {
  await page.locator('#nickname').fill(nickname);
  await page.locator('#create button').click();
  await page.locator('#members').getByText(nickname, { exact: true }).waitFor();
  return nickname;
}

/** Waits until the event log shows a line of this type that says this. */
async function logged(type, said) {
  const line = page.locator('#events li').filter({ hasText: type }).filter({ hasText: said });
  await line.first().waitFor({ state: 'visible', timeout: 15_000 });
}

test('the page asks for a key and shows what happens', options, async () => {
  const response = await page.goto(url);
  const policy = response.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
  await page.locator('#key').fill(ownerKey);
  await page.locator('#door button').click();
  await page.locator('#hall').waitFor({ state: 'visible' });
  const ann = await createWithForm(unique('Ann'));
  await logged('member.created', `${ann} joined`);
  const ben = await createWithForm(unique('Ben'));
  await page.locator('#actor').selectOption({ label: ben });
  await page.locator('#other').selectOption({ label: ann });
  await page.locator('#follow').click();
  await logged('follow.created', `${ben} follows ${ann}`);
  await page.locator('#like').click();
  await logged('item.liked', `${ben} likes`);
  await page.locator('#plus-ten').click();
  const count = page.locator('#count').getByText('10', { exact: true });
  await count.waitFor({ state: 'visible' });
  await page.locator('#unfollow').click();
  await logged('follow.deleted', `${ben} no longer follows ${ann}`);
  await page.screenshot({ path: screenshot, fullPage: true });
  console.log(`screenshot: ${screenshot}`);
  assert.equal(await page.locator('#notice').isVisible(), false);
  assert.deepEqual(faults, []);
});

test('the page shows what others do, as it happens', options, async () => {
  const [fan, star] = [await createMember(url), await createMember(url)];
  await follow(url, fan, star);
  await logged('follow.created', `${fan.name} follows ${star.name}`);
  assert.deepEqual(faults, []);
});

test('the key is kept in memory only', options, async () => {
  const kept = await page.evaluate(() => JSON.stringify([
    { ...window.localStorage }, { ...window.sessionStorage }, document.cookie, location.href,
  ]));
  assert.equal(kept.includes(ownerKey), false, kept);
  assert.equal(await page.locator('#key').inputValue(), '');
});
