// Loaded beside the redirect: notes which methods of the SDK were answered, by the name that the
// SDK itself puts into its requests. It changes neither requests nor answers.

import { appendFileSync } from 'node:fs';
import path from 'node:path';

const desk = process.env.GUILDHALL_DESK;
const noted = new Set();
const original = globalThis.fetch;

if (desk) {
  globalThis.fetch = async (input, init) => {
    const response = await original(input, init);
    const headers = new Headers(input instanceof Request ? input.headers : init?.headers);
    const named = /method-fqn=([^,]+)/.exec(headers.get('x-wix-bi-gateway') ?? '');
    if (named && response.ok && !noted.has(named[1])) {
      noted.add(named[1]);
      appendFileSync(path.join(desk, 'methods.txt'), `${named[1]}\n`);
    }
    return response;
  };
}
