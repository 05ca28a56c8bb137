//! What a site tells the dispatcher of one endpoint: the endpoint as it is now, and how far there
//! is something to read. The newest counts and nothing queues. Both ends live on one arbiter.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::receiver::Receiver;

/// The site's end. The dispatcher ends when it is dropped.
pub(super) struct Board {
    told: Rc<Told>,
}

/// The dispatcher's end.
pub(super) struct Reader {
    told: Rc<Told>,
}

struct Told {
    receiver: RefCell<Arc<Receiver>>,
    /// The receiver is another one than the dispatcher took last.
    renewed: Cell<bool>,
    /// There is something to read up to and with this seq.
    wanted: Cell<u64>,
    /// Something was told that the dispatcher has not heard.
    unheard: Cell<bool>,
    is_let_go: Cell<bool>,
    has_ended: Cell<bool>,
    dispatcher: Cell<Option<Waker>>,
    site: Cell<Option<Waker>>,
}

/// What the dispatcher hears.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    News,
    /// The site let go of it.
    End,
}

pub(super) fn board(receiver: Arc<Receiver>, wanted: u64) -> (Board, Reader) {
    let told = Rc::new(Told {
        receiver: RefCell::new(receiver),
        renewed: Cell::new(false),
        wanted: Cell::new(wanted),
        unheard: Cell::new(false),
        is_let_go: Cell::new(false),
        has_ended: Cell::new(false),
        dispatcher: Cell::new(None),
        site: Cell::new(None),
    });
    (Board { told: told.clone() }, Reader { told })
}

impl Board {
    /// The endpoint is another one now.
    pub(super) fn renew(&self, receiver: Arc<Receiver>) {
        self.told.receiver.replace(receiver);
        self.told.renewed.set(true);
        self.told.call();
    }

    /// There is something to read up to and with `seq`.
    pub(super) fn want(&self, seq: u64) {
        if self.told.wanted.get() < seq {
            self.told.wanted.set(seq);
            self.told.call();
        }
    }

    /// Ends the dispatcher, and returns when it is gone.
    pub(super) async fn let_go(&self) {
        self.told.is_let_go.set(true);
        self.told.call();
        self.ended().await;
    }

    /// Returns when the dispatcher is gone.
    pub(super) async fn ended(&self) {
        poll_fn(|task| {
            self.told.site.set(Some(task.waker().clone()));
            if self.told.has_ended.get() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.told.is_let_go.set(true);
        self.told.call();
    }
}

impl Reader {
    pub(super) fn receiver(&self) -> Arc<Receiver> {
        self.told.receiver.borrow().clone()
    }

    pub(super) fn is_renewed(&self) -> bool {
        self.told.renewed.get()
    }

    /// The receiver, if it is another one than was taken last.
    pub(super) fn take_renewed(&self) -> Option<Arc<Receiver>> {
        self.told.renewed.take().then(|| self.receiver())
    }

    pub(super) fn wanted(&self) -> u64 {
        self.told.wanted.get()
    }

    /// What was told since it was last asked; the task is woken when there is more.
    pub(super) fn hear(&self, task: &Context<'_>) -> Heard {
        let waker = self.told.dispatcher.take().filter(|waker| waker.will_wake(task.waker()));
        self.told.dispatcher.set(waker.or_else(|| Some(task.waker().clone())));
        match (self.told.is_let_go.get(), self.told.unheard.take()) {
            (true, _) => Heard::End,
            (false, true) => Heard::News,
            (false, false) => Heard::Nothing,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.told.has_ended.set(true);
        if let Some(site) = self.told.site.take() {
            site.wake();
        }
    }
}

impl Told {
    fn call(&self) {
        self.unheard.set(true);
        if let Some(dispatcher) = self.dispatcher.take() {
            dispatcher.wake();
        }
    }
}
