//! Is every service served, whatever it answers and whenever it is ready?

use std::convert::Infallible;
use std::task::{Context, Poll};

use heify_gateway::peer::Peer;
use heify_gateway::server::{RequestBody, Server, Settings};
use http::{Request, Response};
use tower::Service;

use crate::support::{AnswerBody, App, CANNED, Client, Running, soon};

/// Ready only when it is asked for the second time.
struct Shy {
    app: App,
    asked: bool,
}

impl Clone for Shy {
    fn clone(&self) -> Self {
        Self { app: self.app.clone(), asked: false }
    }
}

impl Service<Request<RequestBody>> for Shy {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = <App as Service<Request<RequestBody>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if std::mem::replace(&mut self.asked, true) {
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        assert!(std::mem::take(&mut self.asked), "called before it was ready");
        self.app.call(request)
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_at_once_is_waited_for() {
    let (near, far) = tokio::io::duplex(1024);
    let server = Server::new(Shy { app: App::new("shy"), asked: false }, Settings::default());
    let serving = tokio::spawn(async move { server.serve_connection(far, Peer(None)).await });
    let mut client = Client::new(near);
    for _ in 0..3 {
        assert_eq!(client.get("/name").await.text(), "shy");
    }
    drop(client);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_looks_like_an_error_of_hyper_passes() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    for _ in 0..2 {
        assert_eq!(client.get("/canned").await.text(), CANNED);
    }
    client.send("garbage\r\n\r\n").await;
    client.answer().await.is_last_word("malformed_http");
}

#[tokio::test]
async fn an_answer_without_a_body_leaves_the_connection_usable() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    client.send("HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.send("GET /name HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("5")));
    assert_eq!(client.answer().await.text(), "app");
}
