//! What clients ask of a site, made up as the run goes: mostly sensible, sometimes wrong, often
//! repeated.

use std::sync::Arc;

use guildhall::core::query::{
    Cursor, MemberFilter, MemberOrder, Outcome, Page, PageStart, PrivateCounters, Query, Viewer,
};
use guildhall::domain::command::{
    EndpointPatch, IncrementBatch, IncrementLine, ItemDetails, NewEndpoint, NewMember,
    ProducerPosition, ProfilePatch,
};
use guildhall::domain::endpoint::EndpointSettings;
use guildhall::domain::event::MemberOrigin;
use guildhall::domain::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use guildhall::domain::{
    AboutId, AppId, AssignmentId, BadgeId, Command, EndpointId, ItemKey, MemberId, OpId, Timestamp,
};

use crate::random::Random;

#[derive(Clone, Debug)]
pub enum Request {
    Command(Command),
    Ingest(IncrementBatch),
    ImportMembers(Vec<(u32, NewMember)>),
    ImportFollows(Vec<(u32, MemberId, MemberId)>),
    Query(Query),
    /// The site's own: counters are reported, deleted badges revoked.
    Report,
    WorkOff,
}

/// What a crowd of clients of one site knows of it.
pub struct Crowd {
    pub members: Vec<MemberId>,
    pub items: Vec<ItemKey>,
    pub badges: Vec<BadgeId>,
    pub assignments: Vec<AssignmentId>,
    pub endpoints: Vec<EndpointId>,
    /// With the revision that was seen last.
    pub abouts: Vec<(AboutId, u64)>,
    /// Increments that were sent under an operation id, to be sent again.
    op_ids: Vec<Command>,
    /// The newest number of each producer.
    pub producers: [u64; 3],
    emails: u32,
    members_max: usize,
}

pub const KEYS: [&str; 5] = ["visits", "points", "karma", "posts", "level"];

pub fn app(number: usize) -> AppId {
    match number {
        0 => AppId::site_code(),
        _ => AppId::parse("shop").expect("a short name is an app id"),
    }
}

impl Crowd {
    pub fn new(random: &mut Random) -> Crowd {
        Crowd {
            members: Vec::new(),
            items: Vec::new(),
            badges: Vec::new(),
            assignments: Vec::new(),
            endpoints: Vec::new(),
            abouts: Vec::new(),
            op_ids: Vec::new(),
            producers: [0; 3],
            emails: 0,
            members_max: random.between(20, 110) as usize,
        }
    }

    /// What an answer tells of new things to refer to.
    pub fn learn(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Assignment(one) => self.assignments.push(one.id),
            Outcome::Assignments(all) => {
                self.assignments.extend(all.iter().flatten().map(|one| one.id));
            }
            Outcome::About(about) => {
                self.abouts.retain(|(known, _)| *known != about.id);
                self.abouts.push((about.id, about.revision));
            }
            _ => {}
        }
    }

    pub fn member(&self, random: &mut Random) -> MemberId {
        if random.chance(15) {
            return MemberId::from_u128(random.uuid());
        }
        // A few are far more popular than the others.
        let crowded = random.chance(500);
        let among = if crowded { self.members.len().min(6) } else { self.members.len() };
        let known = self.members.get(random.below(among)).copied();
        known.unwrap_or(MemberId::from_u128(random.uuid()))
    }

    fn item(&self, random: &mut Random) -> ItemKey {
        let crowded = random.chance(400);
        let among = if crowded { self.items.len().min(4) } else { self.items.len() };
        let known = self.items.get(random.below(among)).filter(|_| !random.chance(20));
        known.cloned().unwrap_or_else(|| new_item(random))
    }

    pub fn request(&mut self, random: &mut Random, now: Timestamp) -> Request {
        let is_young = self.members.len() < self.members_max;
        let weights = [
            if is_young { 120 } else { 2 },
            if is_young { 20 } else { 1 },
            50,
            150,
            60,
            15,
            if self.items.len() < 70 { 60 } else { 12 },
            150,
            60,
            40,
            90,
            90,
            14,
            6,
            25,
            20,
            10,
            8,
            16,
            40,
            40,
            40,
            14,
            12,
            130,
        ];
        match random.weighted(&weights) {
            0 => Request::Command(Command::CreateMember(Box::new(self.new_member(random)))),
            1 => self.import_members(random),
            2 => Request::Command(self.update_profile(random)),
            3 => {
                let (follower, followed) = (self.member(random), self.member(random));
                Request::Command(Command::Follow { follower, followed })
            }
            4 => {
                let (follower, followed) = (self.member(random), self.member(random));
                Request::Command(Command::Unfollow { follower, followed })
            }
            5 => self.import_follows(random),
            6 => Request::Command(self.put_item(random)),
            7 => {
                let (liker, item) = (self.member(random), self.item(random));
                Request::Command(Command::Like { liker, item })
            }
            8 => {
                let (liker, item) = (self.member(random), self.item(random));
                Request::Command(Command::Unlike { liker, item })
            }
            9 => Request::Command(self.set_counter(random)),
            10 => Request::Command(self.increment(random, now)),
            11 => Request::Ingest(self.batch(random, now)),
            12 => Request::Command(self.create_badge(random)),
            13 => Request::Command(Command::DeleteBadge { badge: self.badge(random) }),
            14 => Request::Command(self.assign(random)),
            15 => Request::Command(self.unassign(random)),
            16 => Request::Command(self.endpoint_command(random)),
            17 => Request::Command(self.delete_member(random)),
            18 => self.report_request(random),
            19 => self.about_request(random),
            20 => self.badge_request(random),
            21 => self.moderation_request(random, now),
            22 => self.setting_request(random),
            23 => self.field_request(random),
            _ => Request::Query(self.query(random)),
        }
    }

    fn new_member(&mut self, random: &mut Random) -> NewMember {
        let id = match random.chance(20) {
            true => self.member(random),
            false => MemberId::from_u128(random.uuid()),
        };
        self.emails += 1;
        let email = if random.chance(30) { random.below(20) as u32 } else { self.emails };
        let nickname = random.chance(800).then(|| nickname(random));
        if !self.members.contains(&id) {
            self.members.push(id);
        }
        let status = match random.below(40) {
            0 => Some(Status::Pending),
            1 => Some(Status::Blocked),
            2 => Some(Status::Offline),
            3 => Some(Status::Approved),
            _ => None,
        };
        NewMember {
            id,
            login_email: random.chance(700).then(|| format!("M{email}@Example.org")),
            profile: Profile { nickname, ..Profile::default() },
            privacy: random.chance(700).then_some(PrivacyStatus::Public),
            status,
            activity: random.chance(20).then_some(ActivityStatus::Muted),
            origin: MemberOrigin::Creation,
            created_at: None,
        }
    }

    fn import_members(&mut self, random: &mut Random) -> Request {
        let lines = 0..random.between(1, 12) as u32;
        let line =
            |index| (index, NewMember { origin: MemberOrigin::Import, ..self.new_member(random) });
        Request::ImportMembers(lines.map(line).collect())
    }

    fn import_follows(&mut self, random: &mut Random) -> Request {
        let lines = 0..random.between(1, 20) as u32;
        let line = |index| (index, self.member(random), self.member(random));
        Request::ImportFollows(lines.map(line).collect())
    }

    fn update_profile(&self, random: &mut Random) -> Command {
        let mut patch = ProfilePatch::default();
        match random.below(7) {
            6 => patch.login_email = Some(format!("M{}@Example.org", random.below(30))),
            5 => patch.slug = Some(format!("nick-{}", random.below(40))),
            0 => patch.nickname = Some(random.chance(800).then(|| nickname(random))),
            1 => patch.title = Some(Some(format!("title {}", random.below(3)))),
            2 => patch.privacy = Some(PrivacyStatus::Private),
            _ => patch.privacy = Some(PrivacyStatus::Public),
        }
        Command::UpdateProfile { member: self.member(random), patch: Box::new(patch) }
    }

    fn put_item(&mut self, random: &mut Random) -> Command {
        let known = random.chance(300).then(|| self.item(random));
        let item = known.unwrap_or_else(|| new_item(random));
        if !self.items.contains(&item) {
            self.items.push(item.clone());
        }
        let details = ItemDetails {
            author: random.chance(850).then(|| self.member(random)),
            title: Some(format!("item {}", random.below(2))),
            ..ItemDetails::default()
        };
        Command::PutItem { item, details }
    }

    fn set_counter(&self, random: &mut Random) -> Command {
        Command::SetCounter {
            app: app(random.below(2)),
            member: self.member(random),
            key: KEYS[1 + random.below(4)].to_owned(),
            public: random.chance(800),
            count: random.between(-5, 40),
        }
    }

    fn increment(&mut self, random: &mut Random, now: Timestamp) -> Command {
        if random.chance(250)
            && let Some(again) = random.pick(&self.op_ids)
        {
            return again.clone();
        }
        let op_id = random.chance(750).then(|| op_id(random, now));
        let key = KEYS[random.below(KEYS.len())];
        let delta = match (key, random.below(60)) {
            ("visits", _) => random.between(1, 4),
            (_, 0) => i64::MAX,
            (_, 1) => 0,
            _ => random.between(-3, 9),
        };
        let command = Command::IncrementCounter {
            app: app(random.below(2)),
            member: self.member(random),
            key: key.to_owned(),
            delta,
            op_id,
        };
        if op_id.is_some() {
            self.op_ids.push(command.clone());
        }
        command
    }

    fn batch(&mut self, random: &mut Random, now: Timestamp) -> IncrementBatch {
        let keys: Vec<String> =
            KEYS[..random.between(1, 3) as usize].iter().map(|key| (*key).to_owned()).collect();
        let lines = 0..random.between(1, 30) as u32;
        let mut lines: Vec<IncrementLine> = lines
            .map(|index| {
                let key = random.below(keys.len()) as u16;
                let least = if key == 0 { 1 } else { -2 };
                let delta = random.between(least, 7);
                IncrementLine { member: self.member(random), delta, index, key }
            })
            .collect();
        let mut op_ids = Vec::new();
        let producer = random.chance(500).then(|| self.producer(random));
        if producer.is_none() && random.chance(700) {
            op_ids = lines.iter().map(|_| Some(op_id(random, now))).collect::<Vec<_>>();
            let (one, other) = (random.below(op_ids.len()), random.below(op_ids.len()));
            if random.chance(300) && one != other {
                lines[other] = IncrementLine { index: lines[other].index, ..lines[one] };
                op_ids[other] = op_ids[one];
            }
        }
        let app = Some(app(random.below(2)));
        IncrementBatch { app, producer, keys, lines, op_ids, faults: Vec::new() }
    }

    fn producer(&mut self, random: &mut Random) -> ProducerPosition {
        let number = random.below(self.producers.len());
        let next = self.producers[number] + 1;
        let n = match random.below(12) {
            0 => next + 1 + random.below(3) as u64,
            1 => random.below(next as usize) as u64,
            _ => {
                self.producers[number] = next;
                next
            }
        };
        ProducerPosition { producer: format!("producer {number}"), n }
    }

    fn endpoint_command(&mut self, random: &mut Random) -> Command {
        let known = random.pick(&self.endpoints).copied();
        match (random.below(8), known) {
            (0, Some(endpoint)) => Command::DeleteEndpoint { endpoint },
            (1, Some(endpoint)) => {
                let (sealed_secret, overlap_ms) = (vec![1, 2, 3], Some(random.below(3) as u32));
                Command::RotateEndpointSecret { endpoint, sealed_secret, overlap_ms }
            }
            (2, Some(endpoint)) => Command::EnableEndpoint { endpoint },
            (3, Some(endpoint)) => {
                let description = Some(Some(format!("edit {}", random.below(3))));
                let patch = EndpointPatch { description, ..EndpointPatch::default() };
                Command::UpdateEndpoint { endpoint, patch: Box::new(patch) }
            }
            (2, None) => Command::DeleteEndpoint { endpoint: EndpointId::from_u128(random.uuid()) },
            _ => self.create_endpoint(random),
        }
    }

    fn create_endpoint(&mut self, random: &mut Random) -> Command {
        let id = EndpointId::from_u128(random.uuid());
        self.endpoints.push(id);
        let patterns: &[&str] = match random.below(6) {
            0 => &["follow.*"],
            1 => &["item.liked", "badge.*", "endpoint.*"],
            2 => &["member.*", "counter.updated"],
            3 => &["*"],
            _ => &[],
        };
        Command::CreateEndpoint(Box::new(NewEndpoint {
            id,
            url: "https://example.org/hook".to_owned(),
            event_types: patterns.iter().map(|text| (*text).to_owned()).collect(),
            sealed_secret: vec![7; 8],
            settings: EndpointSettings::default(),
        }))
    }

    fn query(&self, random: &mut Random) -> Query {
        let member = self.member(random);
        let page = page(random);
        match random.below(9) {
            0 => Query::Member { id: member, viewer: self.viewer(random) },
            1 => Query::Followers { member, page, viewer: self.viewer(random) },
            2 => Query::Following { member, page, viewer: self.viewer(random) },
            3 => {
                let others = (0..random.below(6)).map(|_| self.member(random)).collect();
                Query::Connections { member, others, viewer: self.viewer(random) }
            }
            4 => {
                let (private_of, viewer) = (PrivateCounters::All, self.viewer(random));
                Query::Counters { member, private_of, viewer }
            }
            5 => self.assignments(random, page),
            6 => Query::Item { item: self.item(random) },
            7 => Query::Likers { item: self.item(random), page, viewer: self.viewer(random) },
            _ => {
                let (filter, order) = (MemberFilter::Everyone, MemberOrder::CreatedAscending);
                Query::Members { filter, order, page, viewer: self.viewer(random) }
            }
        }
    }

    pub fn viewer(&self, random: &mut Random) -> Viewer {
        match random.below(10) {
            0..=3 => Viewer::Owner,
            4 => Viewer::Visitor,
            _ => Viewer::Member(self.member(random)),
        }
    }
}

pub fn page(random: &mut Random) -> Page {
    let start = match random.below(4) {
        0 => PageStart::After(Cursor::Ordinal(random.below(60) as u32)),
        1 => PageStart::Offset(random.below(10)),
        _ => PageStart::Offset(0),
    };
    Page { limit: random.between(1, 30) as usize, start }
}

fn nickname(random: &mut Random) -> String {
    format!("Nick {}", random.below(40))
}

fn new_item(random: &mut Random) -> ItemKey {
    ItemKey { app: app(random.below(2)), item: format!("p{}", random.below(1_000)) }
}

fn op_id(random: &mut Random, now: Timestamp) -> OpId {
    let bits = random.uuid();
    if random.chance(500) {
        return OpId(bits.to_be_bytes());
    }
    let v7 = bits & (u128::MAX >> 48) & !(0xf << 76) | 7 << 76 | (now.unix_ms as u128) << 80;
    OpId(v7.to_be_bytes())
}

impl Request {
    /// Whether repeating it after a lost answer can only be counted once.
    pub fn is_safe_to_repeat(&self) -> bool {
        match self {
            Request::Command(Command::IncrementCounter { op_id, .. }) => op_id.is_some(),
            // The shell draws a new id for each of them, a repeated one too.
            Request::Command(Command::CreateBadge(_) | Command::CreateEndpoint(_)) => false,
            Request::Command(_) | Request::ImportMembers(_) | Request::ImportFollows(_) => true,
            Request::Ingest(batch) => batch.producer.is_some() || !batch.op_ids.is_empty(),
            Request::Query(_) | Request::Report | Request::WorkOff => false,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Request::Command(command) => command.kind(),
            Request::Ingest(_) => "ingest",
            Request::ImportMembers(_) => "import_members",
            Request::ImportFollows(_) => "import_follows",
            Request::Query(_) => "query",
            Request::Report => "report",
            Request::WorkOff => "work_off",
        }
    }
}

pub type SharedRequest = Arc<Request>;
