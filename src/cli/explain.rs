//! `explain`: what became of one request?
//!
//! Refusals are known to the running gateway alone, so this asks its admin API where an address is
//! given; without one it looks into the records, which know what a call reserved and cost.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use heify_gateway::admin::operate::explain::charges;
use heify_gateway::secret::Secret;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::beside::{Beside, Trouble, conclude};
use super::{Exit, Surroundings};

/// As long as the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// No explanation is longer.
const LONGEST: usize = 4 << 20;

/// What `explain` understands.
#[derive(Debug, Args)]
#[command(after_help = "The id is in the answer's x-request-id. Refusals are kept by the running \
    gateway for a day; charges are in the records.\n\n\
    Examples:\n  heify-gateway explain -c gateway.toml 0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42\n  \
    heify-gateway explain --url http://127.0.0.1:8081 --token-file admin-token \
    0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42")]
pub(crate) struct Arguments {
    /// The request's id
    #[arg(value_name = "REQUEST")]
    request: String,
    /// The admin port of the running gateway; http only
    #[arg(long, value_name = "URL", requires = "token_file")]
    url: Option<Uri>,
    /// The file with a token of [[admin.tokens]]
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// Write all of it as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = explain(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn explain(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let request = &arguments.request;
    let told = match (&arguments.url, &arguments.token_file) {
        (Some(url), Some(file)) => {
            let token = Secret::new(
                &std::fs::read_to_string(file)
                    .map_err(|error| Trouble::Refused(format!("{}: {error}", file.display())))?,
            );
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask(url, &token, request))?
        }
        _ => {
            let beside = Beside::find(surroundings)?;
            let charges = beside.read_or_empty(|store| charges(store, request))?;
            json!({ "request": request, "known": !charges.is_empty(), "charges": charges })
        }
    };
    if arguments.json {
        writeln!(surroundings.out, "{told:#}")?;
    } else {
        write(&told, surroundings.out)?;
    }
    if told["known"] == true {
        return Ok(Exit::Done);
    }
    let where_else = if arguments.url.is_none() {
        "the records know no such call; refusals are known to the running gateway: --url"
    } else {
        "it was not refused of late, and cost nothing"
    };
    writeln!(surroundings.talk, "{where_else}")?;
    Ok(Exit::Failed)
}

/// A few lines for people.
fn write(told: &Value, out: &mut dyn Write) -> io::Result<()> {
    let text = |value: &Value| match value {
        Value::String(text) => text.replace(char::is_control, "?"),
        other => other.to_string(),
    };
    for one in told["refusals"].as_array().into_iter().flatten() {
        let [at, status, reason, message] =
            ["at", "status", "reason", "message"].map(|name| text(&one[name]));
        let what = match one["shadow"] == true {
            true => "passed a limit that is not enforced, else refused",
            false => "refused",
        };
        writeln!(out, "{at}  {what} with {status} ({reason}): {message}")?;
        for name in ["tenant", "key", "endpoint", "hint", "config_version"] {
            if !one[name].is_null() {
                writeln!(out, "  {name}: {}", text(&one[name]))?;
            }
        }
        if !one["limit"].is_null() {
            writeln!(out, "  limit: {}", one["limit"])?;
        }
    }
    for one in told["charges"].as_array().into_iter().flatten() {
        let [at, what] = ["opened", "text"].map(|name| text(&one[name]));
        writeln!(out, "{at}  {what}")?;
        for name in ["tenant", "key", "endpoint", "reservation", "object", "state"] {
            if !one[name].is_null() {
                writeln!(out, "  {name}: {}", text(&one[name]))?;
            }
        }
    }
    Ok(())
}

async fn ask(url: &Uri, token: &Secret, request: &str) -> Result<Value, Trouble> {
    let unreachable = |why: &str| Trouble::Unreachable(format!("{url}: {why}"));
    if url.scheme_str() != Some("http") {
        return Err(Trouble::Refused(format!("{url}: must be an URL with http")));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if request.is_empty() || !request.bytes().all(is_plain) {
        return Err(Trouble::Refused(format!("{request:?} is no id of a request")));
    }
    let base = url.to_string();
    let uri = format!("{}/admin/v1/explain/{request}", base.trim_end_matches('/'));
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let bearer = bearer.map_err(|_| Trouble::Refused("the token is no text on one line".into()))?;
    let built = Request::get(uri).header(AUTHORIZATION, bearer).body(Empty::<Bytes>::new());
    let built = built.map_err(|error| Trouble::Refused(error.to_string()))?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let asked = async {
        let answer = client.request(built).await.map_err(|_| unreachable("cannot be reached"))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|_| unreachable("the answer breaks off"))?.to_bytes();
        let told: Value = serde_json::from_slice(&body)
            .map_err(|_| unreachable("this is not the admin port of a gateway"))?;
        if status.is_success() {
            return Ok(told);
        }
        let message = told["error"]["message"].as_str().unwrap_or_default();
        Err(Trouble::Refused(format!("{url} says {status}: {message}")))
    };
    let told = tokio::time::timeout(PATIENCE, asked).await;
    told.map_err(|_| unreachable("does not answer in time"))?
}
