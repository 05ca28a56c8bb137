// The event log: newest first, one line a record, the whole JSON behind it. Text only, never
// markup.

const LINES_MAX = 200;

export class Log {
  #list;
  #empty;
  #head;
  #seen = new Set();

  // name(memberId) and title(item) give what to call a member and an item.
  constructor({ list, empty, head, name, title }) {
    Object.assign(this, { name, title });
    [this.#list, this.#empty, this.#head] = [list, empty, head];
  }

  clear() {
    this.#seen.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#head.textContent = '';
  }

  // Adds a record in its place; one that is shown already stays as it is.
  add(event, { fresh }) {
    if (this.#seen.has(event.seq)) return;
    this.#seen.add(event.seq);
    const line = this.#line(event);
    if (fresh) line.classList.add('fresh');
    const later = [...this.#list.children].find((other) => Number(other.dataset.seq) < event.seq);
    this.#list.insertBefore(line, later ?? null);
    this.#trim();
    this.#empty.hidden = true;
    this.#head.textContent = `seq ${Math.max(...this.#seen)}`;
  }

  // Says something about the log itself, at the top.
  note(text) {
    const line = element('li', 'mark-line', text);
    line.dataset.seq = String(Math.max(0, ...this.#seen));
    this.#list.prepend(line);
  }

  #trim() {
    while (this.#list.children.length > LINES_MAX) this.#list.lastElementChild.remove();
  }

  #line(event) {
    const line = element('li', 'event');
    line.dataset.seq = String(event.seq);
    const [family] = event.type.split('.');
    const time = new Date(event.timestamp);
    const summary = element('summary');
    summary.append(
      element('span', 'seq', `#${event.seq}`),
      element('span', `type ${family}`, event.type),
      element('span', 'said', this.#sentence(event)),
      element('time', 'at', time.toLocaleTimeString()),
    );
    const details = element('details');
    details.append(summary, element('pre', '', JSON.stringify(event, undefined, 2)));
    line.append(details);
    return line;
  }

  #sentence({ type, memberId, data = {} }) {
    const who = this.name(data.memberId ?? memberId);
    const whom = this.name(data.affectedMemberId);
    const item = this.title(data.item);
    const changed = (data.changes ?? []).map((change) => change.field).join(', ');
    const sentences = {
      'member.created': () => `${this.name(data.member?.id)} joined`,
      'member.updated': () => `${this.name(data.member?.id)} changed ${changed || 'the profile'}`,
      'follow.created': () => `${who} follows ${whom}`,
      'follow.deleted': () => `${who} no longer follows ${whom}`,
      'item.created': () => `“${item}” appeared`,
      'item.updated': () => `“${item}” changed`,
      'item.liked': () => `${who} likes “${item}”`,
      'item.unliked': () => `${who} no longer likes “${item}”`,
      'counter.updated': () => `${data.key} of ${who}: ${data.old} → ${data.new}`,
      'badge.created': () => `the badge “${data.badge?.title}” exists`,
      'badge.assigned': () => `${who} earned a badge`,
      'badge.unassigned': () => `${who} lost a badge`,
    };
    return sentences[type]?.() ?? '';
  }
}

export function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
