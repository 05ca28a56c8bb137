//! Deliveries on their way. Only those are looked at that have news; the actor's own list of
//! futures would look at all of them each time.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, Waker};

use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;

use super::*;

#[derive(Default)]
pub(super) struct Flights {
    going: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
    /// Of [`Landing`], which starts what is new.
    waker: Option<Waker>,
}

impl Flights {
    pub(super) fn start(&mut self, attempt: impl Future<Output = Ended> + 'static) {
        self.going.push(attempt.boxed_local());
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// Starts deliveries and takes what became of them, for as long as the dispatcher lives.
pub(super) struct Landing;

impl ActorFuture<Dispatcher> for Landing {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        dispatcher: &mut Dispatcher,
        ctx: &mut Context<Dispatcher>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        dispatcher.flights.waker = Some(task.waker().clone());
        let mut news = false;
        loop {
            match dispatcher.flights.going.poll_next_unpin(task) {
                Poll::Ready(Some(ended)) => {
                    dispatcher.landed(ended);
                    news = true;
                }
                // One turn for all that landed; what it sends is started here.
                Poll::Ready(None) | Poll::Pending if news => {
                    dispatcher.turn(ctx);
                    news = false;
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}
