// The event log as `GET /v1/events` tells it: what every other output is measured by.

import assert from 'node:assert/strict';

import { call } from './api.mjs';

const PAGE = 1_000;

/** Follows the log from its start; keeps each event for the members whose channels carry it. */
export class EventLog {
  #channels = new Map();
  seq = 0;

  /** Reads on to the newest durable event and answers with its seq. */
  async readOn(base) {
    for (;;) {
      const path = `/v1/events?after=${this.seq}&limit=${PAGE}`;
      const page = await call(base, 'GET', path);
      for (const event of page.events) {
        const seq = Number(event.seq);
        assert.equal(seq, this.seq + 1, 'the log is dense');
        this.seq = seq;
        for (const member of membersOf(event)) this.#channel(member).push({ event, seq });
      }
      if (!page.hasMore) return this.seq;
    }
  }

  /** The events of a member's channel after a seq, oldest first. */
  after(seq, member) {
    return this.#channel(member).filter((one) => one.seq > seq);
  }

  #channel(member) {
    if (!this.#channels.has(member)) this.#channels.set(member, []);
    return this.#channels.get(member);
  }
}

/** The acting member, and the other one concerned: who was followed, whose item was liked. */
function membersOf({ memberId, data }) {
  const other = data.affectedMemberId ?? data.item?.authorId;
  return [memberId, other].filter(Boolean);
}
