// Which methods of the SDK's modules were answered, of how many there are: the packages name them
// all, and `record.mjs` noted those that were called.

import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

const PREFIXES = ['auto_sdk_members_', 'auto_sdk_identity_'];

/** A line for each module, and one for all. */
export async function methodLines(root, desk) {
  const answered = new Set((await text(path.join(desk, 'methods.txt'))).split('\n'));
  const modules = await readdir(path.join(root, 'node_modules', '@wix'));
  const lines = [];
  const sum = { answered: 0, all: 0 };
  for (const name of modules.sort()) {
    const prefix = PREFIXES.find((one) => name.startsWith(one));
    if (!prefix) continue;
    const all = await methodsOf(path.join(root, 'node_modules', '@wix', name));
    const missing = [...all].filter((method) => !answered.has(method));
    sum.answered += all.size - missing.length;
    sum.all += all.size;
    const rest = missing.length > 0 ? `, not: ${missing.map(short).join(', ')}` : '';
    const count = `${all.size - missing.length}/${all.size}`;
    lines.push(`methods of ${name.slice('auto_sdk_'.length)}: ${count}${rest}`);
  }
  lines.push(`methods answered: ${sum.answered}/${sum.all}`);
  return lines;
}

async function methodsOf(folder) {
  const built = await text(path.join(folder, 'build', 'cjs', 'index.js'));
  return new Set([...built.matchAll(/methodFqn: ?["']([^"']+)["']/g)].map((match) => match[1]));
}

function short(method) {
  return method.split('.').at(-1);
}

function text(file) {
  return readFile(file, 'utf8').catch(() => '');
}
