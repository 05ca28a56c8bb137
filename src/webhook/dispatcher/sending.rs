//! Sending: what is ready goes out as far as there are places; what comes back is told to the
//! machine.

use super::*;

impl Dispatcher {
    /// Nothing may be sent: what waits for a place lets others go before, bodies are let go.
    pub(super) fn rest_if_held(&mut self) {
        if self.delivery.is_held() {
            self.ready.drain(..).for_each(|due| self.delivery.recall(due.seq));
            self.bodies.clear();
            self.room = Taken::default();
        }
    }

    /// Sends what is ready as far as there are places, and stands in line for one more.
    pub(super) fn send_ready(&mut self, ctx: &mut Context<Self>) {
        while self.asking == Busy::No && !self.ready.is_empty() {
            let standing = self.delivery.standing();
            let Some(place) = self.bounds.try_place(standing) else {
                self.asking = Busy::Yes;
                let place = self.bounds.clone().place(standing).into_actor(self);
                ctx.spawn(place.map(|place, dispatcher, ctx| dispatcher.placed(place, ctx)));
                return;
            };
            self.send_next(place);
        }
    }

    fn placed(&mut self, place: Place, ctx: &mut Context<Self>) {
        self.asking = Busy::No;
        self.send_next(place);
        self.send_ready(ctx);
    }

    fn send_next(&mut self, place: Place) {
        let Some(due) = self.ready.pop_front() else { return };
        let kept = self.kept_connection();
        let attempting = Attempting {
            ports: self.ports.clone(),
            meters: self.meters.clone(),
            place,
            receiver: self.told.receiver(),
            seq: due.seq,
            batch_from: self.delivery.batch_from(due.seq),
            body: self.bodies.get(&due.seq).cloned(),
            kept,
        };
        self.flights.start(attempt(attempting));
    }

    /// One that carries several at a time stays for the others too.
    fn kept_connection(&mut self) -> Option<Connection> {
        let shared = self.connections.last().and_then(|(connection, _)| connection.share());
        shared.or_else(|| self.connections.pop().map(|(connection, _)| connection))
    }

    fn keep_connection(&mut self, connection: Connection) {
        self.connections.retain(|(kept, _)| kept.is_fresh());
        let one_for_all = connection.share().is_some() && !self.connections.is_empty();
        if connection.is_fresh() && !one_for_all {
            let leave = self.bounds.try_connection();
            self.connections.extend(leave.map(|leave| (connection, leave)));
        }
    }

    /// Takes in what became of one; the turn that follows is for all of them.
    pub(super) fn landed(&mut self, ended: Ended) {
        let now = self.now();
        let seq = ended.seq;
        let phase_before = self.delivery.phase();
        if let Some(connection) = ended.connection {
            self.keep_connection(connection);
        }
        match ended.fate {
            Fate::Tried(told) => {
                let (jitter, result) = (Jitter::from_draw(rand::random()), told.result);
                self.delivery.attempted(Attempt { seq, result, jitter }, now);
                self.note_attempt(seq, told, now);
            }
            Fate::Lost => {
                let endpoint = self.endpoint;
                tracing::warn!(%endpoint, seq, "retention took event {seq} before {endpoint} did");
                self.delivery.lost(seq, now);
            }
        }
        self.let_body_go(seq);
        self.tell_hold(phase_before);
    }

    fn tell_hold(&self, before: Phase) {
        let endpoint = self.endpoint;
        match (before, self.delivery.phase()) {
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, Phase::Open { next_try_at }) => {
                let wait_ms = next_try_at.unix_ms - self.now().unix_ms;
                tracing::info!(%endpoint, wait_ms, "endpoint {endpoint} is held back {wait_ms} ms");
            }
            (Phase::HalfOpen { .. }, Phase::Closed { .. }) => {
                tracing::info!(%endpoint, "endpoint {endpoint} is well again");
            }
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, _)
            | (Phase::Open { .. } | Phase::Stopped { .. }, _) => {}
        }
    }

    pub(super) fn disable(&mut self, reason: DisableReason, ctx: &mut Context<Self>) {
        let (endpoint, ports) = (self.endpoint, self.ports.clone());
        tracing::warn!(%endpoint, "endpoint {endpoint} is disabled: {}", reason.text());
        let told = async move {
            while let Err(error) = ports.endpoints.disable(endpoint, reason.text()).await {
                tracing::warn!(%endpoint, "endpoint {endpoint} cannot be disabled yet: {error}");
                tokio::time::sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
            }
        };
        ctx.spawn(told.into_actor(self));
    }
}
