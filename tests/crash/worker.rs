//! One caller and what it was told: every member, edge, like, counter and badge here belongs to
//! this caller alone, so that what the server must hold is known exactly. It lives in the test's
//! process, where no crash of the server reaches it.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Answer, Api, Counted, Fault, Increment};
use super::random::Random;

/// Members that act; those created later only have to be there.
pub const CAST: usize = 24;
pub const ITEMS: usize = 6;
const LINES_PER_BATCH: usize = 400;
pub const COUNTED_KEY: &str = "steps";
pub const BATCHED_KEY: &str = "points";
const LOOSE_KEY: &str = "visits";

/// A badge for everyone whose counter reaches a number.
#[derive(Clone)]
pub struct Rule {
    pub badge: String,
    pub key: &'static str,
    pub reaches: i64,
}

pub struct Member {
    pub id: String,
    token: String,
}

/// Yes or no, or what is not known until it is asked or repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Known(bool),
    Wished(bool),
}

/// What was promised and what may be: `acknowledged <= value <= sent`.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    acknowledged: i64,
    sent: i64,
}

/// A change that was sent and not answered; it is repeated before anything else.
#[derive(Clone, Debug)]
enum Pending {
    Follow { follower: usize, followed: usize, follows: bool },
    Like { liker: usize, item: usize, likes: bool },
    Assign { member: usize },
    Increment { line: Increment, op_id: String },
    Batch { n: u64, lines: Vec<Increment> },
}

#[derive(Default)]
pub struct Tally {
    pub acknowledged: u64,
    pub repeated: u64,
    pub found_counted: u64,
}

pub struct Worker {
    pub name: String,
    random: Random,
    pub cast: Vec<Member>,
    items: Vec<String>,
    badge: String,
    created: BTreeMap<String, String>,
    creates_sent: BTreeSet<String>,
    follows: BTreeMap<(usize, usize), Fact>,
    likes: BTreeMap<(usize, usize), Fact>,
    holders: BTreeMap<usize, Fact>,
    /// By member and key.
    counters: BTreeMap<(usize, &'static str), Interval>,
    batch_n: u64,
    pending: Option<Pending>,
    pub tally: Tally,
}

impl Worker {
    pub fn new(name: &str, random: Random) -> Worker {
        Worker {
            name: name.to_owned(),
            random,
            cast: Vec::new(),
            items: Vec::new(),
            badge: String::new(),
            created: BTreeMap::new(),
            creates_sent: BTreeSet::new(),
            follows: BTreeMap::new(),
            likes: BTreeMap::new(),
            holders: BTreeMap::new(),
            counters: BTreeMap::new(),
            batch_n: 0,
            pending: None,
            tally: Tally::default(),
        }
    }

    pub fn set_up(&mut self, api: &mut Api) -> Answer<()> {
        self.badge = api.create_badge(&format!("Badge of {}", self.name))?;
        for _ in 0..CAST {
            let id = self.create_member(api)?;
            let token = api.member_token(&id)?;
            self.cast.push(Member { id, token });
        }
        for index in 0..ITEMS {
            let item = format!("{}-item-{index}", self.name);
            api.put_item(&item, &self.cast[index % CAST].id)?;
            self.items.push(item);
        }
        Ok(())
    }

    /// One random change; what could not be answered before comes first.
    pub fn step(&mut self, api: &mut Api) -> Answer<()> {
        if self.pending.is_none() {
            self.pending = self.wish();
        }
        match self.pending.clone() {
            Some(pending) => self.carry_out(api, pending),
            None => self.step_without_memory(api),
        }
    }

    /// Repeats what was in doubt until it is answered.
    pub fn settle(&mut self, api: &mut Api) -> Answer<()> {
        let Some(pending) = self.pending.clone() else { return Ok(()) };
        self.tally.repeated += 1;
        self.carry_out(api, pending)
    }

    fn wish(&mut self) -> Option<Pending> {
        match self.random.below(16) {
            0..5 => {
                let (follower, followed) = self.two_members();
                let known = self.follows.get(&(follower, followed));
                let follows = known != Some(&Fact::Known(true)) || self.random.below(8) == 0;
                Some(Pending::Follow { follower, followed, follows })
            }
            5..8 => {
                let (liker, item) = (self.random.below(CAST), self.random.below(ITEMS));
                let known = self.likes.get(&(liker, item));
                let likes = known != Some(&Fact::Known(true)) || self.random.below(8) == 0;
                Some(Pending::Like { liker, item, likes })
            }
            8 => Some(Pending::Assign { member: self.random.below(CAST) }),
            9..12 => {
                let op_id = format!("{}-{:016x}", self.name, self.random.next());
                let line = self.line(COUNTED_KEY).1;
                Some(Pending::Increment { line, op_id })
            }
            12..14 => {
                let lines = (0..LINES_PER_BATCH).map(|_| self.line(BATCHED_KEY).1).collect();
                Some(Pending::Batch { n: self.batch_n + 1, lines })
            }
            _ => None,
        }
    }

    fn two_members(&mut self) -> (usize, usize) {
        let one = self.random.below(CAST);
        (one, (one + 1 + self.random.below(CAST - 1)) % CAST)
    }

    fn line(&mut self, key: &'static str) -> (usize, Increment) {
        let index = self.random.below(CAST);
        let delta = 1 + self.random.below(9) as i64;
        (index, Increment { member: self.cast[index].id.clone(), key, delta })
    }

    fn carry_out(&mut self, api: &mut Api, pending: Pending) -> Answer<()> {
        match pending {
            Pending::Follow { follower, followed, follows } => {
                self.follows.insert((follower, followed), Fact::Wished(follows));
                let (actor, other) = (&self.cast[follower], &self.cast[followed]);
                api.set_follow(&actor.token, &other.id, follows)?;
                self.follows.insert((follower, followed), Fact::Known(follows));
            }
            Pending::Like { liker, item, likes } => {
                self.likes.insert((liker, item), Fact::Wished(likes));
                api.set_like(&self.cast[liker].token, &self.items[item], likes)?;
                self.likes.insert((liker, item), Fact::Known(likes));
            }
            Pending::Assign { member } => {
                self.holders.insert(member, Fact::Wished(true));
                api.assign(&self.badge, &self.cast[member].id)?;
                self.holders.insert(member, Fact::Known(true));
            }
            Pending::Increment { line, op_id } => {
                self.promise_nothing_yet(std::slice::from_ref(&line));
                api.increment(&line, Some(&op_id))?;
                self.acknowledge(&[line]);
            }
            Pending::Batch { n, lines } => {
                self.promise_nothing_yet(&lines);
                if api.ingest(&self.name, n, &lines)? == Counted::Before {
                    self.tally.found_counted += 1;
                }
                self.acknowledge(&lines);
                self.batch_n = n;
            }
        }
        self.pending = None;
        self.tally.acknowledged += 1;
        Ok(())
    }

    /// Creations and loose increments carry nothing that makes a repetition harmless: they are
    /// never repeated, and may have happened or not.
    fn step_without_memory(&mut self, api: &mut Api) -> Answer<()> {
        if self.random.below(2) == 0 {
            self.create_member(api)?;
        } else {
            let (index, line) = self.line(LOOSE_KEY);
            let interval = self.counters.entry((index, LOOSE_KEY)).or_default();
            interval.sent += line.delta;
            api.increment(&line, None)?;
            self.counters.entry((index, LOOSE_KEY)).or_default().acknowledged += line.delta;
        }
        self.tally.acknowledged += 1;
        Ok(())
    }

    fn create_member(&mut self, api: &mut Api) -> Answer<String> {
        let nickname = format!("{}-{}", self.name, self.creates_sent.len());
        self.creates_sent.insert(nickname.clone());
        let id = api.create_member(&nickname)?;
        self.created.insert(id.clone(), nickname);
        Ok(id)
    }

    fn member_index(&self, id: &str) -> usize {
        self.cast.iter().position(|member| member.id == id).expect("a member of the cast")
    }

    /// A repetition promises no more than the first attempt did: `sent` is set, not added to.
    fn promise_nothing_yet(&mut self, lines: &[Increment]) {
        for (index, key, delta) in self.by_counter(lines) {
            let interval = self.counters.entry((index, key)).or_default();
            interval.sent = interval.acknowledged + delta;
        }
    }

    fn acknowledge(&mut self, lines: &[Increment]) {
        for (index, key, _) in self.by_counter(lines) {
            let interval = self.counters.entry((index, key)).or_default();
            interval.acknowledged = interval.sent;
        }
    }

    fn by_counter(&self, lines: &[Increment]) -> Vec<(usize, &'static str, i64)> {
        let mut sums: BTreeMap<(usize, &'static str), i64> = BTreeMap::new();
        for line in lines {
            *sums.entry((self.member_index(&line.member), line.key)).or_default() += line.delta;
        }
        sums.into_iter().map(|((index, key), delta)| (index, key, delta)).collect()
    }

    /// Whoever reached the number holds the badge and nobody else: it was one commit.
    pub fn check_rule(&self, api: &mut Api, rule: &Rule, holders: &BTreeSet<String>) -> Answer<()> {
        for member in &self.cast {
            let count = api.counters(&member.id)?.get(rule.key).copied().unwrap_or(0);
            let holds = holders.contains(&member.id);
            assert_eq!(holds, count >= rule.reaches, "{count} {} of {}", rule.key, member.id);
        }
        Ok(())
    }

    /// Compares everything that was acknowledged with what the server holds now.
    pub fn check(&self, api: &mut Api) -> Answer<()> {
        self.check_members(api)?;
        for index in 0..self.cast.len() {
            self.check_counters(api, index)?;
            let following = api.following(&self.cast[index].id)?;
            for other in (0..CAST).filter(|other| *other != index) {
                let holds = following.contains(&self.cast[other].id);
                let fact = self.follows.get(&(index, other));
                self.expect(fact, holds, &format!("follow {index} -> {other}"));
            }
        }
        for (index, item) in self.items.iter().enumerate() {
            let likers = api.likers(item)?;
            for (liker, member) in self.cast.iter().enumerate() {
                let fact = self.likes.get(&(liker, index));
                let story = format!("like {liker} -> item {index}");
                self.expect(fact, likers.contains(&member.id), &story);
            }
        }
        let holders = api.holders(&self.badge)?;
        for (index, member) in self.cast.iter().enumerate() {
            let fact = self.holders.get(&index);
            self.expect(fact, holders.contains(&member.id), &format!("badge of {index}"));
        }
        Ok(())
    }

    /// `holds` must be what was acknowledged last; nothing is demanded while a wish is open.
    fn expect(&self, fact: Option<&Fact>, holds: bool, story: &str) {
        let expected = match fact {
            None => false,
            Some(Fact::Known(known)) => *known,
            Some(Fact::Wished(_)) => return,
        };
        assert_eq!(holds, expected, "{}: {story} (acknowledged: {expected})", self.name);
    }

    fn check_members(&self, api: &mut Api) -> Answer<()> {
        let ids: Vec<String> = self.created.keys().cloned().collect();
        for some in ids.chunks(100) {
            let nicknames = api.nicknames(some)?;
            for id in some {
                let expected = self.created.get(id);
                assert_eq!(nicknames.get(id), expected, "{}: member {id}", self.name);
            }
        }
        Ok(())
    }

    fn check_counters(&self, api: &mut Api, index: usize) -> Answer<()> {
        let counters = api.counters(&self.cast[index].id)?;
        for key in [COUNTED_KEY, BATCHED_KEY, LOOSE_KEY] {
            let interval = self.counters.get(&(index, key)).copied().unwrap_or_default();
            let value = counters.get(key).copied().unwrap_or(0);
            assert!(
                (interval.acknowledged..=interval.sent).contains(&value),
                "{}: counter {key} of {index} is {value}, not in {interval:?}",
                self.name
            );
        }
        Ok(())
    }

    /// A batch that skips a number is refused and told where to go on.
    pub fn check_producer_gap(&self, api: &mut Api) -> Answer<()> {
        let line = Increment { member: self.cast[0].id.clone(), key: BATCHED_KEY, delta: 1 };
        let reply = api.ingest_with_gap(&self.name, self.batch_n + 2, &[line])?;
        let last = reply.json().pointer("/details/applicationError/data/last").cloned();
        let told = last.and_then(|last| last.as_u64());
        if reply.status != 409 || told != Some(self.batch_n) {
            let story = format!("gap after {}: {} {}", self.batch_n, reply.status, reply.text);
            return Err(Fault::Wrong(story));
        }
        Ok(())
    }

    /// What the log of events must add up to: edges, likes and badges that were acknowledged.
    pub fn acknowledged_facts(&self) -> Vec<(String, bool)> {
        let id = |index: &usize| self.cast[*index].id.as_str();
        let known = |fact: &Fact| match fact {
            Fact::Known(known) => Some(*known),
            Fact::Wished(_) => None,
        };
        let mut facts = Vec::new();
        for ((follower, followed), fact) in &self.follows {
            let name = format!("follow {} {}", id(follower), id(followed));
            facts.extend(known(fact).map(|known| (name, known)));
        }
        for ((liker, item), fact) in &self.likes {
            let name = format!("like {} {}", id(liker), self.items[*item]);
            facts.extend(known(fact).map(|known| (name, known)));
        }
        for (member, fact) in &self.holders {
            let name = format!("badge {} {}", id(member), self.badge);
            facts.extend(known(fact).map(|known| (name, known)));
        }
        facts.extend(self.created.keys().map(|id| (format!("member {id}"), true)));
        facts
    }

    /// Members that must exist and that may exist.
    pub fn members(&self) -> (usize, usize) {
        (self.created.len(), self.creates_sent.len())
    }
}
