//! Reading: a page of records from the dispatcher's own cursor, as much of it as there is room for.

use super::*;

/// What a page of records is to the endpoint as it was when the page was looked at.
struct Sight {
    receiver: Arc<Receiver>,
    seen: Vec<(WrittenRecord, Taking)>,
}

enum Taking {
    Nothing,
    /// It goes into a batch.
    Gathered,
    Alone(EventBody),
}

fn look(receiver: &Receiver, body_of: &BodyOf, record: &WrittenRecord) -> Taking {
    if receiver.gathers(record) {
        return if receiver.takes(record, body_of) { Taking::Gathered } else { Taking::Nothing };
    }
    receiver.taken(record, body_of).map_or(Taking::Nothing, Taking::Alone)
}

fn sight(receiver: Arc<Receiver>, body_of: &BodyOf, records: Vec<WrittenRecord>) -> Sight {
    let seen = records.into_iter().map(|record| {
        let taking = look(&receiver, body_of, &record);
        (record, taking)
    });
    Sight { seen: seen.collect(), receiver }
}

/// Long pages are put into words elsewhere: this thread has deliveries to send meanwhile.
async fn sight_elsewhere(
    receiver: Arc<Receiver>,
    body_of: BodyOf,
    records: Vec<WrittenRecord>,
) -> Sight {
    if records.len() < limits::WEBHOOK_PAGE_WORDED_HERE_MAX {
        return sight(receiver, &body_of, records);
    }
    let (again, words_again, records_again) = (receiver.clone(), body_of.clone(), records.clone());
    let there = tokio::task::spawn_blocking(move || sight(receiver, &body_of, records)).await;
    there.unwrap_or_else(|_| sight(again, &words_again, records_again))
}

impl Dispatcher {
    pub(super) fn read(&mut self, after: u64, ctx: &mut Context<Self>) {
        self.starved = after >= *self.wanted.borrow();
        if self.starved || self.reading == Busy::Yes {
            return;
        }
        self.reading = Busy::Yes;
        let (source, bounds) = (self.ports.records.clone(), self.bounds.clone());
        let (receiver, body_of) = (self.receiver.borrow().clone(), self.ports.body_of.clone());
        let page = async move {
            let room = bounds.body_room().await;
            let page = match source.records_after(after, limits::WEBHOOK_PAGE_RECORDS_MAX).await {
                Ok(records) => Ok(sight_elsewhere(receiver, body_of, records).await),
                Err(error) => Err(error),
            };
            (page, room)
        };
        let page = page.into_actor(self);
        ctx.spawn(page.map(|(page, room), dispatcher, ctx| dispatcher.have_read(page, room, ctx)));
    }

    fn have_read(&mut self, page: Result<Sight, PortError>, room: Taken, ctx: &mut Context<Self>) {
        let page = page.inspect_err(|error| {
            let endpoint = self.endpoint;
            tracing::warn!(%endpoint, "endpoint {endpoint} cannot read on: {error}");
        });
        match page {
            Ok(sight) if !sight.seen.is_empty() => {
                self.reading = Busy::No;
                let sight = self.up_to_date(sight);
                self.take(sight, room, ctx);
                self.turn(ctx);
            }
            // What is wanted is durable, so it will be there: ask again, but not at once.
            Ok(_) | Err(_) => {
                let pause = Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS);
                ctx.run_later(pause, |dispatcher, ctx| {
                    dispatcher.reading = Busy::No;
                    dispatcher.turn(ctx);
                });
            }
        }
    }

    /// The page as the endpoint is now, if it was changed meanwhile.
    fn up_to_date(&self, seen: Sight) -> Sight {
        let receiver = self.receiver.borrow().clone();
        if Arc::ptr_eq(&seen.receiver, &receiver) {
            return seen;
        }
        let records = seen.seen.into_iter().map(|(record, _)| record).collect();
        sight(receiver, &self.ports.body_of, records)
    }

    /// Takes a page, or as much of it as there is room for; the rest is read again later.
    fn take(&mut self, sight: Sight, mut room: Taken, ctx: &mut Context<Self>) {
        let now = self.now();
        let Sight { receiver, seen } = sight;
        if let Some((first, _)) = seen.first() {
            self.skip_to(first.seq, now, ctx);
        }
        let (mut wanted, mut through, mut bytes) = (Vec::new(), 0, 0);
        for (record, taking) in seen {
            match taking {
                Taking::Nothing => {}
                Taking::Gathered => wanted.push(receiver.wanted(&record)),
                Taking::Alone(body) => {
                    let more = bytes + body.bytes.len();
                    // One body is always taken, however large.
                    if bytes > 0 && !self.has_room(&mut room, more) {
                        break;
                    }
                    bytes = more;
                    wanted.push(receiver.wanted(&record));
                    self.bodies.insert(record.seq, body);
                }
            }
            through = record.seq;
        }
        room.give_back(room.count().saturating_sub(bytes));
        self.room.merge(room);
        self.delivery.take(through, &wanted, now);
        wanted.into_iter().for_each(|Wanted { seq, .. }| self.let_body_go(seq));
    }

    fn has_room(&self, room: &mut Taken, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(room.count());
        let small = bytes <= limits::WEBHOOK_PAGE_BYTES_MAX;
        small && (missing == 0 || self.bounds.grow_body_room(room, missing))
    }

    /// Unless the event may be sent again as it is.
    pub(super) fn let_body_go(&mut self, seq: u64) {
        if !self.delivery.keeps(seq)
            && let Some(body) = self.bodies.remove(&seq)
        {
            self.room.give_back(body.bytes.len());
        }
    }

    fn skip_to(&mut self, oldest_seq: u64, now: Timestamp, ctx: &mut Context<Self>) {
        if let Some(Skipped { first_seq, last_seq }) = self.delivery.skip_to(oldest_seq, now) {
            self.report(EndpointReport::Lagged { first_seq, last_seq }, ctx);
            metrics::counter!("webhook_skipped_events_total").increment(last_seq - first_seq + 1);
            tracing::warn!(
                endpoint = %self.endpoint,
                "endpoint {} lagged: events {first_seq} to {last_seq} are past retention",
                self.endpoint
            );
        }
    }
}
