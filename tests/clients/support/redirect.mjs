// Loaded before anything else: calls to the platform's hosts go to the server under test.
// This is the only difference between these suites and an application in production.

const target = process.env.GUILDHALL_URL;
const original = globalThis.fetch;

if (target) {
  globalThis.fetch = (input, init) => {
    const url = new URL(typeof input === 'string' || input instanceof URL ? input : input.url);
    if (url.hostname !== 'wixapis.com' && !url.hostname.endsWith('.wixapis.com')) {
      return original(input, init);
    }
    const redirected = new URL(url.pathname + url.search, target);
    return original(input instanceof Request ? new Request(redirected, input) : redirected, init);
  };
}
