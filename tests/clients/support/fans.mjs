// Members who follow and like, each one thing after the other, whatever happens to the server: what
// was not answered is asked again, which changes nothing where it had happened already.

import { call, createMember, unique } from './api.mjs';

const AGAIN_MS = 10;

export class Fans {
  #fans = [];
  #items = new Map();

  /** `base` says where the server is now. */
  constructor(base) {
    this.base = base;
    this.done = 0;
  }

  async gather(count) {
    for (let index = 0; index < count; index += 1) {
      const member = await createMember(this.base(), unique('fan'));
      this.#fans.push({ member, follows: new Set(), likes: new Set() });
    }
  }

  /** Gives a star something to be liked for. */
  async putItem(star) {
    const path = `/v1/items/blog/${unique('post')}`;
    const body = { author: star.id, type: 'post', title: `Post of ${star.name}` };
    await call(this.base(), 'PUT', path, { body });
    this.#items.set(star.id, path);
  }

  /** Works the stars off, one deed for each time that one is listed; every deed is an event. */
  async work(stars) {
    const shares = this.#fans.map(() => []);
    stars.forEach((star, index) => shares[index % shares.length].push(star));
    await Promise.all(this.#fans.map(async (fan, index) => {
      for (const star of shares[index]) {
        await this.#deed(fan, star);
        this.done += 1;
      }
    }));
  }

  /** Follows or likes, or takes back what this fan has done. */
  async #deed(fan, star) {
    const likes = fan.follows.has(star.id) === fan.likes.has(star.id);
    const [held, path] = likes
      ? [fan.likes, `${this.#items.get(star.id)}/likes`]
      : [fan.follows, `/members/v3/followers/${star.id}`];
    const method = held.has(star.id) ? 'DELETE' : 'POST';
    const body = method === 'POST' ? {} : undefined;
    await this.#untilAnswered(method, path, { token: fan.member.token, body });
    if (!held.delete(star.id)) held.add(star.id);
  }

  async #untilAnswered(method, path, options) {
    for (;;) {
      try {
        return await call(this.base(), method, path, options);
      } catch (error) {
        // A refusal is a finding; a server that is not there is what this is about.
        if (!isAway(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}

/** The connection broke, was refused, or the site is not ready yet. */
function isAway(error) {
  return ['TypeError', 'TimeoutError'].includes(error.name) || /: 503 /.test(error.message);
}
