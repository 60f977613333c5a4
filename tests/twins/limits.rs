//! Are a tenant's caps, months and minutes its own, and the account's everybody's?

use std::time::Duration;

use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::{AudioMillis, Payer};
use heify_gateway::stack::Settings;
use serde_json::Value;

use crate::support::gateway::Answer;
use crate::world::{KEYS, Shared};

const CREATE: (&str, &str) = ("/create-configuration", r#"{"tag":"x"}"#);

async fn create(shared: &Shared, tenant: usize) -> Answer {
    shared.call(tenant, CREATE.0, CREATE.1).await
}

/// Makes a configuration and gives the bodies of a report on it and of a job with it.
async fn prepared(shared: &Shared, tenant: usize) -> (String, String) {
    let id = create(shared, tenant).await.json()["data"]["configuration_id"].clone();
    let report = format!(r#"{{"configuration_id":{id}}}"#);
    let job = format!(r#"{{"configuration_id":{id},"url":"https://example.org/a.mp3"}}"#);
    (report, job)
}

async fn usage(shared: &Shared, tenant: usize) -> Value {
    let request = format!(
        "GET /_gateway/usage HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {}\r\n\r\n",
        KEYS[tenant]
    );
    let mut body = shared.gateway.raw(request.as_bytes()).await.json();
    body["data"]["as_of"] = Value::Null;
    body
}

/// The same limits for both tenants.
fn each(settings: &mut Settings, cap: u32, month: u32, minutes: u32) {
    for tenant in &mut settings.quota.tenants {
        tenant.budget.caps.insert("configuration".into(), cap);
        tenant.budget.monthly.insert("/analytics".into(), month);
        tenant.budget.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(minutes));
    }
}

#[tokio::test]
async fn one_tenant_at_its_end_changes_nothing_for_the_other() {
    let hour = Duration::from_secs(3600);
    let shared = Shared::start(hour, |settings| each(settings, 3, 2, 25)).await;
    let (report, job) = prepared(&shared, 0).await;
    let (others_report, others_job) = prepared(&shared, 1).await;
    let before = usage(&shared, 1).await;
    for _ in 0..2 {
        assert_eq!(create(&shared, 0).await.status, 201);
        assert_eq!(shared.call(0, "/analytics", &report).await.status, 200);
        assert_eq!(shared.call(0, "/submit", &job).await.status, 201);
    }
    for _ in 0..3 {
        create(&shared, 0).await.assert_refused(400, "cap_reached");
        shared.call(0, "/analytics", &report).await.assert_refused(429, "quota_exhausted");
        shared.call(0, "/submit", &job).await.assert_refused(402, "minutes_exhausted");
    }
    assert_eq!(usage(&shared, 1).await, before);
    for _ in 0..2 {
        assert_eq!(create(&shared, 1).await.status, 201);
        assert_eq!(shared.call(1, "/analytics", &others_report).await.status, 200);
        assert_eq!(shared.call(1, "/submit", &others_job).await.status, 201);
    }
    create(&shared, 1).await.assert_refused(400, "cap_reached");
    shared.assert_clean();
}

#[tokio::test]
async fn what_the_account_has_binds_both_and_is_called_the_accounts() {
    let hour = Duration::from_secs(3600);
    let shared = Shared::start(hour, |settings| {
        each(settings, 20, 30, 1000);
        let account = &mut settings.quota.account;
        account.caps.insert("configuration".into(), 5);
        account.monthly.insert("/analytics".into(), 3);
        account.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(35));
    })
    .await;
    let bodies = [prepared(&shared, 0).await, prepared(&shared, 1).await];
    for tenant in [0, 1, 0] {
        let (report, job) = &bodies[tenant];
        assert_eq!(create(&shared, tenant).await.status, 201);
        assert_eq!(shared.call(tenant, "/analytics", report).await.status, 200);
        assert_eq!(shared.call(tenant, "/submit", job).await.status, 201);
    }
    for tenant in [0, 1] {
        let before = usage(&shared, tenant).await;
        let (report, job) = &bodies[tenant];
        create(&shared, tenant).await.assert_refused(500, "account_cap_reached");
        let refused = shared.call(tenant, "/analytics", report).await;
        refused.assert_refused(429, "account_quota_exhausted");
        let refused = shared.call(tenant, "/submit", job).await;
        refused.assert_refused(402, "account_minutes_exhausted");
        assert_eq!(usage(&shared, tenant).await, before, "a refused call costs nothing");
    }
    shared.assert_clean();
}

/// How many of fifty creations at once by each of these tenants were done, and what the others heard.
async fn rush(shared: &Shared, tenants: &[usize]) -> (usize, Vec<String>) {
    let calls = (0..50).flat_map(|_| tenants.iter().map(|tenant| create(shared, *tenant)));
    let answers = futures_util::future::join_all(calls).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    let reason = |answer: &Answer| answer.header("x-gateway-reason").map(str::to_owned);
    let mut reasons: Vec<String> = answers.iter().filter_map(reason).collect();
    reasons.sort();
    reasons.dedup();
    (done, reasons)
}

async fn listed(shared: &Shared, tenant: usize) -> i64 {
    let list = shared.call(tenant, "/list-configurations", "{}").await.json();
    i64::try_from(list["data"]["configurations"].as_array().unwrap().len()).unwrap()
}

#[tokio::test]
async fn of_fifty_creations_at_once_exactly_twenty_are_done() {
    let shared = Shared::start(Duration::ZERO, |settings| {
        each(settings, 20, 30, 1000);
        settings.quota.account.caps.insert("configuration".into(), 20);
    })
    .await;
    assert_eq!(rush(&shared, &[0]).await, (20, vec!["cap_reached".to_owned()]));
    assert_eq!(listed(&shared, 0).await, 20);
    assert_eq!(shared.booked("configuration", Payer::Account).await, (20, 0));
    create(&shared, 1).await.assert_refused(500, "account_cap_reached");
    shared.assert_clean();
}

#[tokio::test]
async fn of_a_hundred_creations_by_two_tenants_exactly_twenty_are_done_in_all() {
    let shared = Shared::start(Duration::ZERO, |settings| {
        each(settings, 20, 30, 1000);
        settings.quota.account.caps.insert("configuration".into(), 20);
    })
    .await;
    assert_eq!(rush(&shared, &[0, 1]).await, (20, vec!["account_cap_reached".to_owned()]));
    let lists = [listed(&shared, 0).await, listed(&shared, 1).await];
    assert_eq!(lists.iter().sum::<i64>(), 20);
    for (id, list) in ["team-a", "team-b"].into_iter().zip(lists) {
        assert_eq!(shared.booked("configuration", Payer::Tenant(id.into())).await, (list, 0));
    }
    assert_eq!(shared.booked("configuration", Payer::Account).await, (20, 0));
    shared.assert_clean();
}
