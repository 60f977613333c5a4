//! What of the configuration may be shown?

use serde_json::{Value, json};

use crate::config::Settings;
use crate::quota::{Policy, Rounding};

/// The settings by the names of the file. What is secret is not there at all, not even hashed.
pub(super) fn settings(settings: &Settings) -> Value {
    json!({
        "server": server(settings),
        "status": { "listen": settings.status.to_string() },
        "admin": admin(settings),
        "upstream": upstream(settings),
        "body": {
            "body_limit": settings.validate.body_limit,
            "body_timeout_ms": millis(settings.validate.body_timeout),
            "bytes_in_flight": settings.validate.bytes_in_flight,
            "tenant_bytes_in_flight": settings.validate.tenant_bytes_in_flight,
        },
        "contract": { "file": settings.contract.as_ref().map(|document| &*document.name) },
        "records": settings.records.as_ref().map(|records| json!({
            "path": records.path.display().to_string(),
            "lock_wait_ms": millis(records.lock_wait),
        })),
        "isolation": settings.isolation.as_ref().map_or("off", |_| "strict"),
        "minutes": minutes(settings),
        "alerts": settings.alerts.iter().map(|one| &*one.name).collect::<Vec<_>>(),
        "log": { "level": settings.log.level.to_string() },
        "tenants": settings.authenticate.tenants.iter().map(|tenant| &*tenant.id).collect::<Vec<_>>(),
    })
}

fn server(settings: &Settings) -> Value {
    let server = &settings.server;
    json!({
        "listen": server.listen.to_string(),
        "tls": server.tls.as_ref().map(|tls| tls.cert_file.display().to_string()),
        "workers": server.workers,
        "max_connections": server.max_connections,
        "max_in_flight": server.max_in_flight,
        "first_byte_timeout_ms": millis(server.first_byte_timeout),
        "header_timeout_ms": millis(server.header_timeout),
        "idle_timeout_ms": millis(server.idle_timeout),
        "write_timeout_ms": millis(server.write_timeout),
        "drain_timeout_ms": millis(server.drain_timeout),
        "pre_stop_delay_ms": millis(server.pre_stop_delay),
        "max_header_bytes": server.max_header_bytes,
        "contact": settings.contact,
    })
}

fn admin(settings: &Settings) -> Value {
    let token = |token: &crate::config::AdminToken| json!({ "name": &*token.name, "role": token.role.as_str() });
    json!({
        "listen": settings.admin.listen.to_string(),
        "tls": settings.admin.tls.as_ref().map(|tls| tls.cert_file.display().to_string()),
        "tokens": settings.admin.tokens.iter().map(token).collect::<Vec<_>>(),
    })
}

fn upstream(settings: &Settings) -> Value {
    let upstream = &settings.upstream;
    json!({
        "url": upstream.url.to_string(),
        "api_key": "(set)",
        "connect_timeout_ms": millis(upstream.connect_timeout),
        "timeout_ms": millis(upstream.timeout),
        "body_idle_timeout_ms": millis(upstream.body_idle_timeout),
    })
}

fn minutes(settings: &Settings) -> Value {
    let minutes = &settings.quota.minutes;
    json!({
        "estimate_ms": minutes.estimate,
        "rounding": match minutes.rounding {
            Rounding::None => "none",
            Rounding::Second => "second",
            Rounding::Minute => "minute",
        },
        "settle_per_minute": settings.settle.per_minute,
        "deadline_ms": millis(settings.settle.deadline),
        "policy": match settings.settle.policy {
            Policy::Charge => "charge",
            Policy::Release => "release",
        },
    })
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
