//! The results that a process waits for.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A place that the world fills, and for which a process waits.
pub(crate) struct Slot<R>(Rc<RefCell<Filling<R>>>);

struct Filling<R> {
    value: Option<R>,
    waiting: Option<Waker>,
}

impl<R> Slot<R> {
    pub(crate) fn fill(&self, value: R) {
        let waiting = {
            let mut filling = self.0.borrow_mut();
            filling.value = Some(value);
            filling.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<R> Clone for Slot<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Filling { value: None, waiting: None })))
    }
}

impl<R> Future for Slot<R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let mut filling = self.0.borrow_mut();
        match filling.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                filling.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
