//! Opening handshakes of asynchronous clients: futures that wait for their response.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::Opening;
use crate::io::Pipe;

/// Futures that a library hands over to be run beside it.
#[derive(Default)]
pub struct Tasks(RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>);

impl Tasks {
    pub fn add(&self, task: Pin<Box<dyn Future<Output = ()>>>) {
        self.0.borrow_mut().push(task);
    }

    fn run(&self) {
        let mut tasks = self.0.take();
        tasks.retain_mut(|task| poll(task).is_pending());
        self.0.borrow_mut().append(&mut tasks);
    }
}

pub struct Pending<F, O> {
    start: F,
    waiting: Vec<Pin<Box<O>>>,
    tasks: Rc<Tasks>,
}

impl<F, O> Pending<F, O>
where
    F: FnMut(Pipe) -> O + 'static,
    O: Future<Output = bool> + 'static,
{
    /// `start` makes a future that is `true` when the connection is open.
    pub fn boxed(start: F) -> Box<dyn Opening> {
        Self::with_tasks(Rc::default(), start)
    }

    /// As `new`, for a library that has `tasks` run beside it.
    pub fn with_tasks(tasks: Rc<Tasks>, start: F) -> Box<dyn Opening> {
        Box::new(Self { start, waiting: Vec::new(), tasks })
    }
}

impl<F, O> Opening for Pending<F, O>
where
    F: FnMut(Pipe) -> O,
    O: Future<Output = bool>,
{
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let mut future = Box::pin((self.start)(pipe.clone()));
            assert!(poll(&mut future).is_pending(), "no response yet");
            self.waiting.push(future);
        }
        self.tasks.run();
    }

    fn response(&mut self) -> usize {
        let mut open = 0;
        // With a task beside it, a future needs a second turn after the task's.
        for _ in 0..4 {
            self.tasks.run();
            self.waiting.retain_mut(|future| match poll(future) {
                Poll::Ready(done) => {
                    open += usize::from(done);
                    false
                }
                Poll::Pending => true,
            });
            if self.waiting.is_empty() {
                break;
            }
        }
        open
    }
}

fn poll<O: Future + ?Sized>(future: &mut Pin<Box<O>>) -> Poll<O::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
