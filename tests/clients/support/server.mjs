// The program under test as a process: started, waited for, killed by its own id.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export const OWNER_KEY = 'owner-key-of-the-client-suites-0123456789abcdef';
const LISTENING = 'guildhall listening on ';
const START_DEADLINE_MS = 30_000;

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
// Nothing may outlive the suites, also when they are ended from outside.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts the program and answers once it says where it listens. */
export async function startServer({ program, dataDir, port = 0 }) {
  const child = spawn(
    program,
    ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', dataDir,
      '--webhook-allow-networks', '127.0.0.0/8'],
    {
      env: { ...process.env, GUILDHALL_OWNER_KEY: OWNER_KEY, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  const log = keepTail(child.stderr);
  const ended = once(child, 'exit');
  ended.then(() => running.delete(child));
  const url = await listeningLine(child, ended, log);
  return {
    url,
    port: Number(new URL(url).port),
    log,
    /** No handler runs, nothing is flushed. */
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    /** Drains; answers with the exit code. */
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

function keepTail(stream) {
  const lines = [];
  createInterface({ input: stream }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 200) lines.shift();
  });
  return lines;
}

async function listeningLine(child, ended, log) {
  const deadline = AbortSignal.timeout(START_DEADLINE_MS);
  const lines = createInterface({ input: child.stdout });
  const found = new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.startsWith(LISTENING)) resolve(line.slice(LISTENING.length).trim());
    });
    ended.then(([code]) => reject(new Error(`ended with ${code}:\n${log.join('\n')}`)));
    deadline.addEventListener('abort', () => reject(new Error('never said where it listens')));
  });
  return found;
}
