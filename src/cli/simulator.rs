//! `simulator`: how does one play with Heify's API without Heify?

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use heify_gateway::config::parse_duration;
use heify_gateway::key::generate;
use heify_gateway::secret::Secret;
use heify_gateway::simulator::{MILLIS_PER_MINUTE, Rates, Settings, StartError, start};

use super::signals::Endings;
use super::{Exit, Surroundings};

/// Beside the gateway's 8080 and 8081.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// What `simulator` understands.
#[derive(Debug, Args)]
#[command(after_help = "Its keys are made up: they open nothing but this simulator. It forgets \
    everything when it ends.\n\n\
    Examples:\n  heify-gateway simulator\n  \
    heify-gateway simulator --listen 127.0.0.1:0 --minutes 1 --processing 500ms --rates off")]
pub(crate) struct Arguments {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN)]
    listen: SocketAddr,
    /// The key to accept; without it: a random one
    #[arg(long, value_name = "KEY", value_parser = parse_secret)]
    key: Option<Secret>,
    /// The token that scripts faults; without it: a random one
    #[arg(long, value_name = "TOKEN", value_parser = parse_secret)]
    token: Option<Secret>,
    /// The minutes that the account has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    minutes: u32,
    /// How long a transcription stays in progress
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = parse_duration)]
    processing: Duration,
    /// Whether Heify's rates and monthly quotas hold: published or off
    #[arg(long, value_name = "RATES", default_value = "published", value_parser = parse_rates)]
    rates: Rates,
}

/// Simulates until a signal ends it.
pub(crate) fn run(arguments: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Surroundings { out, talk, .. } = surroundings;
    let key = given_or_random(arguments.key.as_ref())?;
    let token = given_or_random(arguments.token.as_ref())?;
    let mut settings = Settings::with_key(key.clone());
    settings.listen = arguments.listen;
    settings.token = Some(token.clone());
    settings.processing = arguments.processing;
    for account in &mut settings.accounts {
        account.balance_millis = i64::from(arguments.minutes) * MILLIS_PER_MINUTE;
        account.rates = arguments.rates;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut endings = Endings::new()?;
        let simulator = match start(settings).await {
            Ok(simulator) => simulator,
            Err(error) => {
                explain(&error, talk)?;
                return Ok(Exit::Failed);
            }
        };
        introduce(&simulator.url(), &key, &token, out)?;
        endings.next().await;
        simulator.stop().await;
        Ok(Exit::Done)
    })
}

/// A secret of the simulation: the one that was given, or a new one.
pub(crate) fn given_or_random(given: Option<&Secret>) -> io::Result<Secret> {
    match given {
        Some(secret) => Ok(secret.clone()),
        None => Ok(Secret::new(&generate().map_err(io::Error::other)?)),
    }
}

/// Says why a simulator did not start, and what the system said to it.
pub(crate) fn explain(error: &StartError, talk: &mut dyn Write) -> io::Result<()> {
    match error.source() {
        Some(source) => writeln!(talk, "heify-gateway: simulator: {error}: {source}"),
        None => writeln!(talk, "heify-gateway: simulator: {error}"),
    }
}

/// Shows the keys, for they are made up, and what can be done with them.
fn introduce(url: &str, key: &Secret, token: &Secret, out: &mut dyn Write) -> io::Result<()> {
    let (key, token) = (key.expose(), token.expose());
    writeln!(
        out,
        r#"# A simulated Heify listens on {url}, on this machine only.
# Its keys are made up and open nothing else. Paste into another bash:

url={url}
key={key}
token={token}

# A call:
curl -s -w '\n' $url/list-configurations -H "x-api-key: $key" -d '{{}}'

# A fault: the next call, whatever it is, is answered with 503.
curl -s -w '\n' $url/_simulator/faults -H "x-simulator-token: $token" \
  -d '{{"endpoint":"*","fault":{{"kind":"status","status":503}}}}'

# Ctrl-C ends the simulator; it forgets everything."#
    )?;
    out.flush()
}

/// What a header can carry and a shell takes as it is.
fn parse_secret(text: &str) -> Result<Secret, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+/=:@%".contains(c);
    match text {
        "" => Err("must not be empty".to_owned()),
        text if text.chars().all(plain) => Ok(Secret::new(text)),
        _ => Err("must consist of letters, digits and -_.+/=:@%".to_owned()),
    }
}

fn parse_rates(text: &str) -> Result<Rates, String> {
    match text {
        "published" => Ok(Rates::Published),
        "off" => Ok(Rates::Off),
        _ => Err("must be published or off".to_owned()),
    }
}
