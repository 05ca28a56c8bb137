// One live channel over the Centrifuge protocol (JSON, version 2): subscribes, follows along,
// reconnects, and recovers what it missed from the last offset it saw.

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 20_000;
const PING_GRACE_MS = 10_000;

export class Live {
  #socket;
  #position;
  #attempts = 0;
  #retry;
  #silence;
  #patience_ms = 40_000;
  #stopped = false;

  // handlers: state(name, detail), start(offset), event(data, offset), gap(offset)
  constructor(token, channel, handlers) {
    Object.assign(this, { token, channel, handlers });
    this.#open();
  }

  stop(detail) {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#socket?.close(1000);
    this.handlers.state('stopped', detail);
  }

  #open() {
    this.handlers.state('connecting');
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/connection/websocket`);
    this.#socket = socket;
    this.#listen();
    socket.onopen = () => {
      const recovery = this.#position ? { recover: true, ...this.#position } : {};
      const connect = { id: 1, connect: { token: this.token, name: 'page' } };
      const subscribe = { id: 2, subscribe: { channel: this.channel, ...recovery } };
      socket.send(`${JSON.stringify(connect)}\n${JSON.stringify(subscribe)}`);
    };
    socket.onmessage = ({ data }) => {
      this.#listen();
      for (const line of data.split('\n')) if (line) this.#take(JSON.parse(line), socket);
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(this.#silence);
      if (!this.#stopped && socket === this.#socket) this.#closed(code, reason);
    };
  }

  #take(reply, socket) {
    if (reply.error) return this.#refused(reply.error, socket);
    if (reply.connect) {
      if (reply.connect.ping) this.#patience_ms = reply.connect.ping * 1000 + PING_GRACE_MS;
    } else if (reply.subscribe) {
      this.#subscribed(reply.subscribe);
    } else if (reply.push?.pub && reply.push.channel === this.channel) {
      this.#publication(reply.push.pub);
    } else if (Object.keys(reply).length === 0) {
      socket.send('{}');
    }
  }

  #subscribed({ offset = 0, epoch, recovered, was_recovering, publications = [] }) {
    const first = !this.#position;
    const missed = was_recovering && !recovered;
    if (first || missed) this.#position = { offset, epoch };
    this.#attempts = 0;
    this.handlers.state('live', recovered ? publications.length : undefined);
    if (first) this.handlers.start(offset);
    if (missed) this.handlers.gap(offset);
    publications.forEach((publication) => this.#publication(publication));
  }

  #publication({ data, offset }) {
    if (offset) this.#position = { ...this.#position, offset };
    this.handlers.event(data, offset);
  }

  // Errors below 100, temporary ones and an expired token are worth another try; others are not.
  #refused({ code, message, temporary }, socket) {
    if (temporary || code < 100 || code === 109) return socket.close();
    this.stop(`live updates were refused: ${message}`);
  }

  #closed(code, reason) {
    const isFinal = (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000);
    if (isFinal) return this.stop(reason || `closed with code ${code}`);
    this.handlers.state('connecting');
    const ceiling_ms = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempts++);
    this.#retry = setTimeout(() => this.#open(), BACKOFF_MS_MIN + Math.random() * ceiling_ms);
  }

  // A server that says nothing for longer than its ping is gone, whatever the socket believes.
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket.close(), this.#patience_ms);
  }
}
