//! Which lines does a newcomer paste?
//!
//! All of it is valid bash, and each line works when those above it have been pasted: tests run them
//! as they are printed.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the demo's transcriptions take: as long as a line of the quick start sleeps.
pub(super) const PROCESSING: Duration = Duration::from_secs(1);

/// What the lines tell.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) gateway: String,
    pub(super) status: String,
    pub(super) simulator: String,
    pub(super) key: &'a str,
    /// Signs in to the dashboard.
    pub(super) operator: &'a str,
    pub(super) token: &'a str,
    /// The usual addresses that were in use.
    pub(super) moved: Vec<SocketAddr>,
}

/// `$json` keeps the lines short: what is sent is the same but for the id.
const QUICK_START: &str = r#"
# 1. Heify's quick start: make a configuration, submit a recording, get its transcription.
configuration=$(curl -s $api/create-configuration -H "x-api-key: $key" \
  -d '{"tag":"Support calls"}' | grep -oE '[0-9a-f-]{36}'); echo $configuration
json='{"configuration_id":"'$configuration'","url":"https://example.com/call.mp3"}'
transcription=$(curl -s $api/submit -H "x-api-key: $key" \
  -d "$json" | grep -oE '[0-9a-f-]{36}'); echo $transcription
sleep 1; curl -s -w '\n' $api/get-transcription -H "x-api-key: $key" \
  -d '{"transcription_id":"'$transcription'"}'
"#;

/// The file is made on its way: one second of silence, as WAV.
const UPLOAD: &str = r#"
# 2. Heify's upload: ask for an address, and put the audio there (one second of silence).
upload=$(curl -s $api/request-upload-url -H "x-api-key: $key" \
  -d '{"configuration_id":"'$configuration'","name":"call.wav"}' | grep -oE 'http[^"]+'); \
  echo "$upload"
wav='RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x8\0data\x40\x1f\0\0'
{ printf "$wav"; head -c 8000 /dev/zero; } | curl -si -X PUT "$upload" --data-binary @- \
  -H 'content-type: audio/wav' -H "x-amz-meta-configuration_id: $configuration" \
  -H 'x-amz-meta-name: call.wav'
"#;

const REFUSALS: &str = r#"
# 3. A refusal of each documented status, with its x-gateway-reason, perhaps a hint, and its text.
# 400: a required field is missing.
curl -si -w '\n\n' $api/submit -H "x-api-key: $key" -d '{}'
# 402: Heify says that the account has no minutes (scripted); that holds for 30 seconds.
curl -s $faults -d '{"endpoint":"/submit","fault":{"kind":"status","status":402}}' -o /dev/null \
  -H "$token" && curl -si -w '\n\n' $api/submit -H "x-api-key: $key" -d "$json"
# 403: the key is in the wrong header.
curl -si -w '\n\n' $api/list-configurations -H "authorization: Bearer $key" -d '{}'
# 404: a typing error in the path.
curl -si -w '\n\n' $api/list-configuration -H "x-api-key: $key" -d '{}'
# 429: three at once where two are allowed.
for n in 1 2 3; do curl -si -w '\n\n' $api/create-participant -H "x-api-key: $key" \
  -d '{"tag":"Ada"}'; done
# 500: the connection to Heify breaks before the answer: nobody knows whether it was done.
curl -s $faults -d '{"endpoint":"/create-configuration","fault":{"kind":"close"}}' -o /dev/null \
  -H "$token" && curl -si -w '\n\n' $api/create-configuration -H "x-api-key: $key" \
  -d '{"tag":"Lost"}'
"#;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gateway, status, simulator, key, operator, token, moved } = self;
        f.write_str(
            "# heify-gateway demo: a gateway and a simulated Heify, both on this machine.\n",
        )?;
        for address in moved {
            writeln!(f, "# {address} is in use: a free port was taken in its place.")?;
        }
        writeln!(f, "#   gateway    {gateway}   tenant \"demo\", Heify's published rates")?;
        writeln!(f, "#   dashboard  {status}/   sign in with {operator}")?;
        writeln!(f, "#   status     {status}/readyz")?;
        writeln!(f, "#   simulator  {simulator}   plays Heify; only the gateway has its key")?;
        writeln!(f, "# Paste into another bash, command by command or all at once:\n")?;
        writeln!(f, "api={gateway} key={key}")?;
        writeln!(f, "faults={simulator}/_simulator/faults")?;
        writeln!(f, "token='x-simulator-token: {token}'")?;
        f.write_str(QUICK_START)?;
        f.write_str(UPLOAD)?;
        f.write_str(REFUSALS)?;
        write!(f, "\n# Ctrl-C ends the demo.")
    }
}
