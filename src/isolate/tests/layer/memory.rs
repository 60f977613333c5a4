//! Do lists stay within the memory that is meant for them?

use futures_util::future::join_all;
use http_body_util::combinators::UnsyncBoxBody;
use tower::service_fn;

use super::*;

const LIMIT: usize = 64 << 10;

/// A list of one item of a tenant with a text as long as is allowed.
fn largest(id: Uuid) -> String {
    let item = |text: &str| json!([{ "call_id": id, "note": text }]).to_string();
    let rest = LIMIT - item("").len();
    item(&"x".repeat(rest))
}

type Streamed = Body<UnsyncBoxBody<Bytes, BoxError>>;

/// A body whose first piece comes, and nothing after it.
struct Stuck(Option<Bytes>);

impl HttpBody for Stuck {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))))
    }
}

/// Asks for a list through the room, for the tenant with this index.
async fn ask(held: &Arc<Budget>, index: usize, list: String) -> Response<Streamed> {
    answered(held, index, move || UnsyncBoxBody::new(Full::from(list.clone()).map_err(Into::into)))
        .await
}

async fn answered(
    held: &Arc<Budget>,
    index: usize,
    list: impl Fn() -> UnsyncBoxBody<Bytes, BoxError> + Clone + Send + 'static,
) -> Response<Streamed> {
    let settings = Settings { list_limit: LIMIT, ..Settings::default() };
    let records = storing(owners("call"));
    let isolation = Isolation::new(settings, &CONTRACT, records, Arc::clone(held));
    let inner = service_fn(move |_: Request<Full<Bytes>>| {
        let body = Body::Stream(list());
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let mut request = request("/list", json!({}));
    request.extensions_mut().insert(Arc::new(Tenant { index, id: TEAM.into() }));
    IsolateLayer::new(Some(Arc::new(isolation))).layer(inner).oneshot(request).await.unwrap()
}

fn reason(response: &Response<Streamed>) -> &str {
    response.headers().get("x-gateway-reason").map_or("", |reason| reason.to_str().unwrap())
}

#[tokio::test]
async fn two_hundred_of_the_largest_lists_at_once_stay_within_the_budget() {
    let held = Arc::new(Budget::new(LIMIT * 8, LIMIT * 8, 1));
    let lists = (0..200).map(|_| ask(&held, 0, largest(own(1))));
    let mut all = std::pin::pin!(join_all(lists));
    let answers = std::future::poll_fn(|context| {
        let polled = all.as_mut().poll(context);
        assert!(held.used() <= LIMIT * 8, "{}", held.used());
        polled
    });
    let answers = answers.await;
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    // What waits to be sent is in memory as well.
    assert!((3..=8).contains(&passed), "{passed} passed");
    assert_eq!(held.used(), passed * largest(own(1)).len());
    let refused = answers.iter().filter(|answer| answer.status() != 200);
    for answer in refused {
        assert!(["overloaded", "tenant_bytes_exhausted"].contains(&reason(answer)), "{answer:?}");
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    for answer in answers {
        drop(answer.into_body().collect().await.unwrap());
    }
    assert_eq!(held.used(), 0);
}

#[tokio::test]
async fn one_tenant_leaves_room_for_the_lists_of_another() {
    let held = Arc::new(Budget::new(LIMIT * 8, LIMIT * 4, 2));
    let mut unread = Vec::new();
    for _ in 0..9 {
        unread.push(ask(&held, 0, largest(own(1))).await);
    }
    let last = unread.last().unwrap();
    assert_eq!((last.status().as_u16(), reason(last)), (429, "tenant_bytes_exhausted"));
    assert_eq!(ask(&held, 1, largest(own(1))).await.status(), 200);
    drop(unread);
    assert_eq!(ask(&held, 0, largest(own(1))).await.status(), 200);
    assert_eq!(held.used(), 0);
}

#[tokio::test]
async fn a_list_whose_filtering_never_fits_is_unreadable_and_not_overload() {
    let held = Arc::new(Budget::new(LIMIT * 4, LIMIT * 4, 1));
    // Two bytes for each value: its table is far larger than the text.
    let dense = format!("[{{\"call_id\":\"{}\",\"n\":[{}0]}}]", own(1), "0,".repeat(30_000));
    assert!(dense.len() <= LIMIT);
    let answer = ask(&held, 0, dense).await;
    assert_eq!((answer.status().as_u16(), reason(&answer)), (500, "unreadable_list"));
    assert_eq!(held.used(), 0);
}

#[tokio::test]
async fn a_list_that_is_given_up_half_way_gives_its_place_back() {
    let held = Arc::new(Budget::new(LIMIT * 4, LIMIT * 4, 1));
    let first = Bytes::from(largest(own(1))).slice(..LIMIT / 2);
    let list = move || UnsyncBoxBody::new(Stuck(Some(first.clone())));
    let mut asking = Box::pin(answered(&held, 0, list));
    // The records answer from another thread.
    while held.used() == 0 {
        let polled = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context)));
        assert!(polled.await.is_pending(), "the rest never comes");
        tokio::task::yield_now().await;
    }
    drop(asking);
    assert_eq!(held.used(), 0);
}
