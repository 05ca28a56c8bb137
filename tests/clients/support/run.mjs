// Starts the program, runs every suite, or those that are named, with Node's own runner, ends the
// program, counts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { methodLines } from './methods.mjs';
import { OWNER_KEY, startServer } from './server.mjs';

const [program, ...wanted] = process.argv.slice(2);
/** A test that takes longer hangs; one that is run by hand may have been given more to do. */
const TEST_DEADLINE_MS = wanted.length > 0 ? 1_800_000 : 120_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const desk = await mkdtemp(path.join(tmpdir(), 'guildhall-clients-'));
const server = await startServer({ program, dataDir: path.join(desk, 'data') });
console.log(`clients: ${program} at ${server.url}`);

const tally = path.join(desk, 'tally.tap');
const code = await runSuites();
const stopped = await server.stop();
const counted = await count();
const methods = wanted.length > 0 ? [] : await methodLines(root, desk);
if (stopped !== 0) console.log(`not ok: SIGTERM ended the program with ${stopped}`);
if (code !== 0) console.log(`the program's log ends:\n${server.log.slice(-30).join('\n')}`);
await rm(path.join(desk, 'data'), { recursive: true, force: true });
methods.forEach((line) => console.log(line));
console.log(`${counted.passed} passed, ${counted.failed} failed`);
process.exit(code === 0 && stopped === 0 && counted.passed > 0 ? 0 : 1);

async function runSuites() {
  const folder = path.join(root, 'suites');
  const all = (await readdir(folder)).filter((name) => name.endsWith('.test.mjs')).sort();
  const names = wanted.length > 0 ? wanted.map((name) => `${name}.test.mjs`) : all;
  const preload = (name) => `--import=${pathToFileURL(path.join(root, 'support', name)).href}`;
  const child = spawn(
    process.execPath,
    ['--test', '--test-concurrency=1', `--test-timeout=${TEST_DEADLINE_MS}`,
      '--test-reporter=spec', '--test-reporter-destination=stdout',
      '--test-reporter=tap', `--test-reporter-destination=${tally}`,
      ...names.map((name) => path.join(folder, name))],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        NODE_OPTIONS: `${preload('redirect.mjs')} ${preload('record.mjs')}`,
        GUILDHALL_URL: server.url,
        GUILDHALL_OWNER_KEY: OWNER_KEY,
        GUILDHALL_PROGRAM: program,
        GUILDHALL_DESK: desk,
      },
    },
  );
  const [exitCode] = await once(child, 'exit');
  return exitCode;
}

/** The tally that Node's runner writes at the end: `# pass 12`, `# fail 0`. */
async function count() {
  const text = await readFile(tally, 'utf8').catch(() => '');
  const number = (name) => Number(text.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0);
  return { passed: number('pass'), failed: number('fail') + number('cancelled') };
}
