// The live page in headless Chromium: a newcomer's first minute. Without Chromium it is skipped.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { ownerKey, url } from '../support/api.mjs';

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
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
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

/** Every button is pressed in reading order of a newcomer: create, follow, like. */
async function press(name) {
  await page.getByRole('button', { name }).first().click();
}

async function shown(text) {
  await page.getByText(text).first().waitFor({ state: 'visible', timeout: 15_000 });
}

test('the page asks for a key and shows what happens', options, async () => {
  const response = await page.goto(url);
  const policy = response.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src|script-src/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
  await page.locator('input').first().fill(ownerKey);
  await page.locator('input').first().press('Enter');
  await press(/create/i);
  await shown('member.created');
  await press(/create/i);
  await press(/^follow/i);
  await shown('follow.created');
  await press(/^like/i);
  await shown('item.liked');
  await page.screenshot({ path: screenshot, fullPage: true });
  console.log(`screenshot: ${screenshot}`);
  assert.deepEqual(faults, []);
});

test('the key is kept in memory only', options, async () => {
  const kept = await page.evaluate(() => JSON.stringify([
    { ...window.localStorage }, { ...window.sessionStorage }, document.cookie, location.href,
  ]));
  assert.equal(kept.includes(ownerKey), false, kept);
});
