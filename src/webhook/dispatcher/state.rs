//! What a dispatcher shows of itself, for tests and for the console.

use actix::prelude::*;

use super::Dispatcher;
use crate::core::delivery::Phase;
use crate::domain::EndpointId;

#[derive(Message)]
#[rtype(result = "DispatcherState")]
pub struct Observe;

#[derive(Clone, Debug, PartialEq, Eq, MessageResponse)]
pub struct DispatcherState {
    pub endpoint: EndpointId,
    pub cursor: u64,
    pub read_through: u64,
    pub in_flight: usize,
    pub parked: usize,
    pub phase: Phase,
    pub bodies_held: usize,
    pub connections_kept: usize,
}

impl Dispatcher {
    pub fn observable_state(&self) -> DispatcherState {
        DispatcherState {
            endpoint: self.endpoint,
            cursor: self.delivery.cursor(),
            read_through: self.delivery.read_through(),
            in_flight: self.delivery.in_flight(),
            parked: self.delivery.parked(),
            phase: self.delivery.phase(),
            bodies_held: self.bodies.len(),
            connections_kept: self.connections.len(),
        }
    }
}

impl Handler<Observe> for Dispatcher {
    type Result = DispatcherState;

    fn handle(&mut self, _: Observe, _: &mut Context<Self>) -> DispatcherState {
        self.observable_state()
    }
}
