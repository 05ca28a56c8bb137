//! Reading: a page of records from the dispatcher's own cursor, as much of it as there is room for.

use super::*;

impl Dispatcher {
    pub(super) fn read(&mut self, after: u64, ctx: &mut Context<Self>) {
        self.starved = after >= self.told.wanted();
        if self.starved || self.reading == Busy::Yes {
            return;
        }
        self.reading = Busy::Yes;
        let (source, bounds) = (self.ports.records.clone(), self.bounds.clone());
        let page = async move {
            let room = bounds.body_room().await;
            (source.records_after(after, limits::WEBHOOK_PAGE_RECORDS_MAX).await, room)
        };
        let page = page.into_actor(self);
        ctx.spawn(page.map(|(page, room), dispatcher, ctx| dispatcher.have_read(page, room, ctx)));
    }

    fn have_read(
        &mut self,
        page: Result<Vec<WrittenRecord>, PortError>,
        room: Taken,
        ctx: &mut Context<Self>,
    ) {
        let page = page.inspect_err(|error| {
            let endpoint = self.endpoint;
            tracing::warn!(%endpoint, "endpoint {endpoint} cannot read on: {error}");
        });
        match page {
            Ok(records) if !records.is_empty() => {
                self.reading = Busy::No;
                self.take(&records, room, ctx);
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

    /// Takes a page, or as much of it as there is room for; the rest is read again later.
    fn take(&mut self, records: &[WrittenRecord], mut room: Taken, ctx: &mut Context<Self>) {
        let now = self.now();
        if let Some(first) = records.first() {
            self.skip_to(first.seq, now, ctx);
        }
        let receiver = self.told.receiver();
        let (mut wanted, mut through, mut bytes) = (Vec::new(), 0, 0);
        for record in records {
            if receiver.gathers(record) {
                let taken = receiver.takes(record, &self.ports.body_of);
                wanted.extend(taken.then(|| receiver.wanted(record)));
            } else if let Some(body) = receiver.taken(record, &self.ports.body_of) {
                let more = bytes + body.bytes.len();
                // One body is always taken, however large.
                if !wanted.is_empty() && !self.has_room(&mut room, more) {
                    break;
                }
                bytes = more;
                wanted.push(receiver.wanted(record));
                self.bodies.insert(record.seq, body);
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
