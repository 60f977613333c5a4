//! How does a room either answer at once or pass the call on?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The future of a room that decides before it calls the inner service.
    #[derive(Debug)]
    pub struct Early<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, B> {
        // Boxed: a room's future is moved through all outer ones, and a call that passes should not
        // pay for the size of an answer.
        Answered { response: Option<Box<Response<B>>> },
        Passed { #[pin] future: F },
    }
}

impl<F, B> Early<F, B> {
    /// Answers at once.
    pub fn answered(response: Response<B>) -> Self {
        Self { state: State::Answered { response: Some(Box::new(response)) } }
    }

    /// Waits for the inner service.
    pub fn passed(future: F) -> Self {
        Self { state: State::Passed { future } }
    }
}

impl<F, B, E> Future for Early<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future } => future.poll(context),
            // Polled after its end, which no caller does: pending for good beats a panic.
            StateProjection::Answered { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)))
            }
        }
    }
}
