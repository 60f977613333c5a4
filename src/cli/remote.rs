//! How does a command work on a running gateway elsewhere, by its admin API?
//!
//! With `--url` and `--token-file` nothing of this machine's configuration or records is looked at: the
//! gateway says what it has, and its audit log names the token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use heify_gateway::admin::table::{Cell, Table};
use heify_gateway::records::AudioMillis;
use heify_gateway::secret::Secret;
use heify_gateway::upstream::{Breaker, Failure, Settings, Upstream};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;

use super::Surroundings;
use super::beside::Trouble;

/// As long as the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A year of jobs of a large account.
const LONGEST: usize = 256 << 20;

/// The admin API of a running gateway.
pub(crate) struct Remote {
    /// Its address, without a slash at its end.
    base: String,
    client: Upstream,
    bearer: HeaderValue,
    runtime: tokio::runtime::Runtime,
}

impl Remote {
    /// The gateway that the command line names; `None`: it names none.
    pub(crate) fn named(surroundings: &Surroundings<'_>) -> Result<Option<Self>, Trouble> {
        let global = &surroundings.global;
        let (Some(url), Some(file)) = (&global.url, &global.token_file) else { return Ok(None) };
        let refused = |text: String| Trouble::Refused(text);
        let text = std::fs::read_to_string(file)
            .map_err(|error| refused(format!("{}: {error}", file.display())))?;
        let bearer = format!("Bearer {}", Secret::new(&text).expose());
        let mut bearer = HeaderValue::try_from(bearer)
            .map_err(|_| refused(format!("{}: is no text on one line", file.display())))?;
        bearer.set_sensitive(true);
        let settings = Settings::new(url.clone(), Secret::new(""));
        let client = Upstream::new(&settings, Arc::new(Breaker::new(Instant::now())))
            .map_err(|error| refused(format!("{url}: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let base = url.to_string().trim_end_matches('/').to_owned();
        Ok(Some(Self { base, client, bearer, runtime }))
    }

    /// What the API shows under a path.
    pub(crate) fn see(&self, path: &str) -> Result<Value, Trouble> {
        self.ask(Method::GET, path, None)
    }

    /// What the API says to a change.
    pub(crate) fn change(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Trouble> {
        self.ask(method, path, Some(body))
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        let base = &self.base;
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::new(Full::new(Bytes::from(text)));
        *request.method_mut() = method;
        let uri = PathAndQuery::try_from(format!("/admin/v1{path}")).ok();
        let uri = uri.and_then(|path| self.client.uri(&path));
        *request.uri_mut() = uri.ok_or_else(|| Trouble::Refused(format!("{base}: no path")))?;
        let headers = request.headers_mut();
        headers.extend(self.client.fields().get(HOST).map(|host| (HOST, host.clone())));
        headers.insert(AUTHORIZATION, self.bearer.clone());
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let asked = async {
            let late = |_| Trouble::Unreachable(format!("{base} does not answer in time"));
            tokio::time::timeout(PATIENCE, self.answer(request)).await.map_err(late)?
        };
        self.runtime.block_on(asked)
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Value, Trouble> {
        let base = &self.base;
        let unreachable = |why: &str| Trouble::Unreachable(format!("{base} {why}"));
        let answer = self.client.send(&mut Some(request)).await.map_err(|error| {
            unreachable(match self.client.failed(&error) {
                Failure::Unreachable => "cannot be reached",
                Failure::ConnectTimeout => "cannot be reached in time",
                Failure::Closed | Failure::Garbled => "breaks off, or does not speak HTTP",
            })
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|_| unreachable("breaks off its answer"))?.to_bytes();
        let told = serde_json::from_slice::<Value>(&body);
        match told {
            Ok(told) if status.is_success() => Ok(told),
            Ok(told) if told["error"]["message"].is_string() => {
                let message = told["error"]["message"].as_str().unwrap_or_default();
                Err(Trouble::Refused(match status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        format!("{base} refuses the token: {message}")
                    }
                    _ => message.to_owned(),
                }))
            }
            _ => Err(unreachable("is not the admin port of a gateway")),
        }
    }
}

/// A text as one segment of a path, or as a value of a query (RFC 3986, section 2.1).
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut written = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

/// Rows of the API under the columns of a table, numbers as they are.
pub(crate) fn table(columns: &'static [&'static str], rows: &Value) -> Table {
    let row = |row: &Value| columns.iter().map(|name| cell("", &row[*name])).collect();
    Table::new(columns, rows.as_array().into_iter().flatten().map(row).collect())
}

/// One value, as a table shows it; what has a name that ends with `_ms` is audio.
pub(crate) fn cell(name: &str, value: &Value) -> Cell {
    match (value, value.as_i64()) {
        (Value::Null, _) => Cell::Nothing,
        (Value::String(text), _) => Cell::text(text),
        (_, Some(number)) if name.ends_with("_ms") => Cell::Audio(AudioMillis(number)),
        (_, Some(number)) => Cell::Number(number),
        (other, None) => Cell::text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_id_has_in_it_stays_one_segment() {
        assert_eq!(segment("rate:/submit"), "rate%3A%2Fsubmit");
        assert_eq!(segment("zoë ?x=1&y#z"), "zo%C3%AB%20%3Fx%3D1%26y%23z");
        assert_eq!(segment("acme-k1_2.3~4"), "acme-k1_2.3~4");
    }
}
