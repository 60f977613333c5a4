//! What does a webhook get, and how does it know who sent it?

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::quota::Level;
use crate::records::{AlertOf, AudioMillis, Meter, Moment, Payer};
use crate::secret::Secret;

/// `x-gateway-alert-id`: the same in every attempt to send one alert, and in no other.
pub const ALERT_ID: HeaderName = HeaderName::from_static("x-gateway-alert-id");
/// `x-gateway-timestamp`: when the attempt was made, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("x-gateway-timestamp");
/// `x-gateway-signature`: what [`signature`] gives.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-gateway-signature");

/// Signs a message: HMAC-SHA256 over the timestamp, a full stop and the body, in hexadecimal. With the
/// timestamp in it, a message that was overheard cannot be sent again later as a new one.
pub fn signature(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        // HMAC takes keys of any length (RFC 2104, section 2).
        return String::new();
    };
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// The id of an alert: of what makes it one and the same.
pub(super) fn id(of: &AlertOf) -> String {
    let AlertOf { webhook, payer, meter, period, threshold } = of;
    let parts = json!([webhook, payer.as_str(), meter.to_string(), period.0, threshold]);
    hex(&Sha256::digest(parts.to_string().as_bytes())[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is told.
pub(super) fn body(of: &AlertOf, level: &Level, now: Moment) -> String {
    let (scope, tenant) = match &of.payer {
        Payer::Account => ("account", None),
        Payer::Tenant(id) => ("tenant", Some(&**id)),
    };
    let unit = match level.meter {
        Meter::Calls(_) => "calls",
        Meter::Objects(_) => "objects",
        Meter::Minutes | Meter::Granted => "milliseconds of audio",
    };
    let month = level
        .month
        .map(|month| json!({ "start": month.start.to_string(), "end": month.end.to_string() }));
    json!({
        "id": id(of),
        "webhook": &*of.webhook,
        "at": now.to_string(),
        "of": scope,
        "tenant": tenant,
        "limit": level.meter.to_string(),
        "threshold_percent": of.threshold,
        "used_percent": level.percent(),
        "taken": level.taken,
        "most": level.most,
        "unit": unit,
        "month": month,
        "text": text(&of.payer, level),
    })
    .to_string()
}

/// One sentence, for those who only pass it on.
fn text(payer: &Payer, level: &Level) -> String {
    let who = match payer {
        Payer::Account => "The account".to_owned(),
        Payer::Tenant(id) => format!("Tenant {id}"),
    };
    let amount = |amount: i64| match level.meter {
        Meter::Calls(_) | Meter::Objects(_) => amount.to_string(),
        Meter::Minutes | Meter::Granted => AudioMillis(amount).to_string(),
    };
    let what = match &level.meter {
        Meter::Calls(path) => format!("calls of {path} in this month"),
        Meter::Objects(kind) => format!("objects of the kind {kind}"),
        Meter::Minutes => "minutes of this month".to_owned(),
        Meter::Granted => "minutes that were granted".to_owned(),
    };
    let (percent, taken, most) = (level.percent(), amount(level.taken), amount(level.most));
    format!("{who} has used or reserved {percent} % of its {what} ({taken} of {most}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2, with the timestamp's part in front of it.
        let signed = signature(&Secret::new("Jefe"), 0, b"what do ya want for nothing?");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"0.what do ya want for nothing?");
        assert_eq!(signed, format!("sha256={}", hex(&mac.finalize().into_bytes())));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac.finalize().into_bytes()), known);
    }

    #[test]
    fn an_alert_says_who_used_how_much_of_what() {
        let of = AlertOf {
            webhook: "ops".into(),
            payer: Payer::Tenant("acme".into()),
            meter: Meter::Minutes,
            period: Moment(0),
            threshold: 80,
        };
        let level = Level { meter: Meter::Minutes, most: 600_000, taken: 498_000, month: None };
        let told: serde_json::Value =
            serde_json::from_str(&body(&of, &level, Moment(1_790_000_000_000))).unwrap();
        let text = "Tenant acme has used or reserved 83 % of its minutes of this month (8.3 min of 10 min).";
        assert_eq!(told["text"], text);
        assert_eq!((&told["threshold_percent"], &told["used_percent"]), (&80.into(), &83.into()));
        assert_eq!((&told["of"], &told["tenant"]), (&"tenant".into(), &"acme".into()));
        let other = AlertOf { threshold: 100, ..of.clone() };
        assert_ne!(id(&of), id(&other));
        assert_eq!(id(&of).len(), 32);
    }
}
