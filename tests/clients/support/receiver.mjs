// A webhook receiver that keeps every raw delivery and answers as it is told.

import { createServer } from 'node:http';
import { once } from 'node:events';

export async function startReceiver() {
  const deliveries = [];
  const answers = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const status = answers.shift() ?? 200;
    const raw = Buffer.concat(chunks).toString('utf8');
    deliveries.push({ headers: request.headers, raw, status, at: Date.now() });
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    deliveries,
    /** The next deliveries are answered with these; then all is well. */
    answerNext: (...statuses) => answers.push(...statuses),
    close: () => server.close(),
  };
}
