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

/// Hears what the site tells, starts deliveries and takes what became of them, for as long as the
/// dispatcher lives.
pub(super) struct Landing;

impl ActorFuture<Dispatcher> for Landing {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        dispatcher: &mut Dispatcher,
        ctx: &mut Context<Dispatcher>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        // What is started by a turn in here needs no call.
        let waker = dispatcher.flights.waker.take();
        let mut news = match dispatcher.told.hear(task) {
            Heard::End => {
                ctx.stop();
                return Poll::Ready(());
            }
            // A change of the endpoint may begin a replay.
            Heard::News => dispatcher.starved || dispatcher.told.is_renewed(),
            Heard::Nothing => false,
        };
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
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        let waker = waker.filter(|waker| waker.will_wake(task.waker()));
        dispatcher.flights.waker = waker.or_else(|| Some(task.waker().clone()));
        Poll::Pending
    }
}
