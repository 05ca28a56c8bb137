// The live page: asks for a key, shows the log as it happens, and has a few things to try.

import { Api } from '/ui/api.js';
import { Live } from '/ui/live.js';
import { Log, element } from '/ui/log.js';

const SITE_APP = '151e476a-715e-ec33-db9a-a7ff4d51f70a';
const POST = `/v1/items/${SITE_APP}/hello-world`;
const COUNTER = 'cheers';
const HISTORY = 50;
const CHIPS = 12;
const NICKNAMES = ['Ann', 'Ben', 'Chloe', 'Dev', 'Elif', 'Femi', 'Gita', 'Hugo', 'Ines', 'Jun'];

const $ = (id) => document.getElementById(id);
const members = new Map();
const titles = new Map();
const counted = new Set();
const state = { api: undefined, live: undefined, post: undefined, cheers: 0 };
const log = new Log({
  list: $('events'), empty: $('events-empty'), head: $('seq'), name: nameOf, title: titleOf,
});

function nameOf(id) {
  return members.get(id) ?? (id ? id.slice(0, 8) : 'somebody');
}

function titleOf(item) {
  return titles.get(`${item?.appId}/${item?.itemId}`) ?? item?.itemId ?? 'an item';
}

// ── in and out ──────────────────────────────────────────────────────────────

async function enter(key) {
  const api = new Api(key);
  const { members: found } = await api.call('POST', '/members/v1/members/query', {
    query: { paging: { limit: 100 }, sort: [{ fieldName: 'createdDate', order: 'DESC' }] },
  });
  // Only the owner's key may read the log; say so now and not in the middle of things.
  await api.call('GET', '/v1/events?limit=1');
  state.api = api;
  found.reverse().forEach(remember);
  $('welcome').hidden = true;
  $('hall').hidden = $('leave').hidden = false;
  log.clear();
  state.live = new Live(key, 'site', {
    state: showState,
    start: (offset) => loadHistory(offset).catch(show),
    event: (event) => take(event, { fresh: true }),
    gap: (offset) => {
      log.note('too much happened while the connection was away: reading it again');
      loadHistory(offset).catch(show);
    },
  });
  showMembers();
  await Promise.all([refresh(), showLikes()]);
}

function leave() {
  state.live?.stop('not connected');
  Object.assign(state, { api: undefined, live: undefined, post: undefined, cheers: 0 });
  members.clear();
  titles.clear();
  counted.clear();
  log.clear();
  $('hall').hidden = $('leave').hidden = true;
  $('welcome').hidden = false;
  $('state').dataset.state = 'idle';
  $('key').focus();
}

function showState(name, detail) {
  const words = { connecting: 'connecting …', live: 'live', stopped: detail ?? 'stopped' };
  $('state').dataset.state = name;
  $('state').textContent = words[name];
  if (name === 'live' && detail !== undefined) {
    const recovered = { 0: 'nothing was missed', 1: 'one missed event recovered' }[detail];
    log.note(`reconnected: ${recovered ?? `${detail} missed events recovered`}`);
  }
}

async function loadHistory(offset) {
  const after = Math.max(0, offset - HISTORY);
  const { events } = await state.api.call('GET', `/v1/events?after=${after}&limit=${HISTORY}`);
  events.forEach((event) => take(event, { fresh: false }));
}

// ── what arrives ────────────────────────────────────────────────────────────

function take(event, how) {
  const { type, data = {} } = event;
  if (data.member) remember(data.member);
  if (data.item?.title) titles.set(`${data.item.appId}/${data.item.itemId}`, data.item.title);
  log.add(event, how);
  if (!how.fresh) return;
  if (data.member) showMembers();
  if (type === 'counter.updated' && data.key === COUNTER && data.memberId === actor()) {
    showCount(data.new);
  }
  if (type === 'item.liked' || type === 'item.unliked') showLikes().catch(show);
  if (type.startsWith('follow.')) showRelation().catch(show);
}

function remember(member) {
  members.set(member.id, member.profile?.nickname || member.id.slice(0, 8));
}

// ── what is shown ───────────────────────────────────────────────────────────

const actor = () => $('actor').value;
const other = () => $('other').value;

function showMembers() {
  const all = [...members];
  const chips = all.slice(-CHIPS).reverse().map(([, name]) => element('li', '', name));
  if (all.length > CHIPS) chips.push(element('li', 'hint', `and ${all.length - CHIPS} more`));
  $('members').replaceChildren(...chips);
  $('members-empty').hidden = all.length > 1;
  $('members-empty').textContent = all.length === 1
    ? 'One more, and they can follow each other.'
    : 'Nobody is here yet. Two members make the rest fun.';
  fill($('actor'), all, 0);
  fill($('other'), all, 1);
  // Nobody follows themselves: as soon as there is somebody else, choose them.
  if (actor() === other()) $('other').value = all.find(([id]) => id !== actor())?.[0] ?? actor();
  const used = new Set(members.values());
  if (!$('nickname').value) $('nickname').value = NICKNAMES.find((name) => !used.has(name)) ?? '';
  enable();
}

function fill(select, all, preferred) {
  const chosen = select.value;
  select.replaceChildren(...all.map(([id, name]) => {
    const option = element('option', '', name);
    option.value = id;
    return option;
  }));
  const fallback = all[Math.min(preferred, all.length - 1)]?.[0];
  select.value = members.has(chosen) ? chosen : fallback ?? '';
}

function enable() {
  const one = members.size >= 1;
  const two = members.size >= 2 && actor() !== other();
  for (const id of ['like', 'unlike', 'plus-one', 'plus-ten']) $(id).disabled = !one;
  for (const id of ['follow', 'unfollow']) $(id).disabled = !two;
  $('step-member').classList.toggle('next', members.size < 2);
  $('counter-of').textContent = one ? nameOf(actor()) : 'nobody yet';
}

async function refresh() {
  enable();
  await Promise.all([showRelation(), readCount()]);
}

async function showRelation() {
  const [from, to] = [actor(), other()];
  if (!from || !to || from === to) {
    $('relation').textContent = members.size > 1 ? 'Choose two different members.' : '';
    return;
  }
  const { connectedMembers: [found] } = await state.api.call(
    'POST', `/members/v3/followers/${from}/connections`, { connectedMemberIds: [to] });
  if (from !== actor() || to !== other()) return;
  const follows = found?.followedByMember;
  const back = found?.followingMember;
  const words = follows && back ? 'They follow each other.'
    : follows ? `${nameOf(from)} follows ${nameOf(to)}.`
    : back ? `${nameOf(to)} follows ${nameOf(from)}, not the other way round.`
    : 'Neither follows the other yet.';
  $('relation').textContent = words;
}

async function showLikes() {
  try {
    const { item } = await state.api.call('GET', POST);
    state.post = item;
    titles.set(`${item.appId}/${item.itemId}`, item.title);
    showTotal(item.likes);
    $('post-by').textContent = item.authorId ? `by ${nameOf(item.authorId)}` : '';
  } catch (error) {
    if (error.status !== 404) throw error;
    showTotal(0);
  }
}

function showTotal(likes) {
  $('likes').textContent = String(likes);
  $('likes-word').textContent = likes === 1 ? 'like' : 'likes';
}

async function readCount() {
  const id = actor();
  if (!id) return;
  const { activityCounters } = await state.api.call('GET', `/members/v1/activity-counters/${id}`);
  const found = ours(activityCounters.find((counters) => counters.appId === SITE_APP));
  if (id === actor()) showCount(found ?? 0);
}

function ours(activityCounter) {
  return activityCounter?.counters.find((counter) => counter.key === COUNTER)?.count;
}

function showCount(count) {
  if (Number(count) === state.cheers && $('count').textContent) return;
  state.cheers = Number(count);
  $('count').textContent = state.cheers.toLocaleString();
  $('count').classList.remove('moved');
  requestAnimationFrame(() => $('count').classList.add('moved'));
}

function show(error) {
  $('notice').hidden = false;
  $('notice').textContent = error.requestId
    ? `${error.message} (${error.code ?? error.status}, request ${error.requestId})`
    : error.message;
}

// ── what can be done ────────────────────────────────────────────────────────

async function create() {
  const nickname = $('nickname').value.trim();
  const { member } = await state.api.call('POST', '/members/v1/members', {
    member: { profile: { nickname }, privacyStatus: 'PUBLIC' },
  });
  remember(member);
  $('nickname').value = '';
  showMembers();
  await refresh();
}

async function follow(method) {
  await state.api.callAs(actor(), method, `/members/v3/followers/${other()}`);
  await showRelation();
}

async function like(method) {
  if (!state.post) {
    const author = members.size > 1 ? other() : actor();
    const post = { author, type: 'post', title: 'Hello, world' };
    ({ item: state.post } = await state.api.call('PUT', POST, post));
  }
  const { total } = await state.api.callAs(actor(), method, `${POST}/likes`);
  showTotal(total);
  await showLikes();
}

async function increment(delta) {
  const id = actor();
  const path = `/members/v1/activity-counters/${id}`;
  // A counter that its first increment made would be private: nobody else would see it move.
  if (!counted.has(id)) {
    const { activityCounters } = await state.api.call('GET', path);
    const known = ours(activityCounters.find((counters) => counters.appId === SITE_APP));
    const counter = { key: COUNTER, public: true, count: 0 };
    if (known === undefined) await state.api.call('PUT', path, { counter });
    counted.add(id);
  }
  const { activityCounter } = await state.api.call(
    'POST', `${path}/increment`, { counter: { key: COUNTER, delta } });
  if (id === actor()) showCount(ours(activityCounter));
}

// Runs one wish at a time per button, and shows what went wrong.
function wire(id, event, wish) {
  $(id).addEventListener(event, async (happening) => {
    happening.preventDefault();
    const button = $(id).tagName === 'FORM' ? $(id).querySelector('button') : $(id);
    $('notice').hidden = true;
    button.disabled = true;
    try {
      await wish();
    } catch (error) {
      show(error);
    } finally {
      button.disabled = false;
      if (state.api) enable();
    }
  });
}

wire('door', 'submit', async () => {
  const key = $('key').value.trim();
  $('key').value = '';
  await enter(key);
});
wire('create', 'submit', create);
wire('follow', 'click', () => follow('POST'));
wire('unfollow', 'click', () => follow('DELETE'));
wire('like', 'click', () => like('POST'));
wire('unlike', 'click', () => like('DELETE'));
wire('plus-one', 'click', () => increment(1));
wire('plus-ten', 'click', () => increment(10));
$('leave').addEventListener('click', leave);
for (const id of ['actor', 'other']) {
  $(id).addEventListener('change', () => refresh().catch(show));
}
$('key').focus();
