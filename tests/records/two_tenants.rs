//! Can a tenant see or touch what is another's?

use super::support::upstream::Act;
use super::world::{World, fresh, naming};

#[tokio::test]
async fn what_one_tenant_made_does_not_exist_for_the_other() {
    let world = World::start(|_| {}).await;
    let id = world.configuration().await;
    let body = naming("configuration_id", id);
    assert_eq!(world.gateway.call("/get-configuration", &body).await.status, 200);
    let asked = world.upstream.requests().len();
    for path in
        ["/get-configuration", "/update-configuration", "/delete-configuration", "/analytics"]
    {
        let foreign = world.other(path, &body).await;
        foreign.assert_refused(404, "unknown_id");
        let unknown = world.other(path, &naming("configuration_id", fresh())).await;
        assert_eq!(foreign.body, unknown.body, "{path} tells a foreign id from an unknown one");
    }
    assert_eq!(world.upstream.requests().len(), asked, "nothing foreign was forwarded");
}

#[tokio::test]
async fn a_list_shows_each_tenant_its_own() {
    let world = World::start(|_| {}).await;
    let (own, other) = (world.configuration().await, fresh());
    let list = format!(
        r#"{{"data":{{"configurations":[{{"configuration_id":"{own}","tag":"a"}},{{"configuration_id":"{other}","tag":"b"}}],"count":2}}}}"#
    );
    for (mine, expected) in [(true, 1), (false, 0)] {
        world.upstream.then(Act::json(200, &list));
        let answer = match mine {
            true => world.gateway.call("/list-configurations", "{}").await,
            false => world.other("/list-configurations", "{}").await,
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        let data = &answer.json()["data"];
        assert_eq!(data["configurations"].as_array().unwrap().len(), expected);
        assert_eq!(data["count"], expected);
    }
}

#[tokio::test]
async fn a_deleted_object_frees_its_place_and_its_id_is_unknown_after() {
    let world = World::start(|settings| {
        settings.quota.tenants[0].budget.caps.insert("configuration".into(), 1);
    })
    .await;
    let id = world.configuration().await;
    let full = world.gateway.call(super::world::CREATE, super::world::TAG).await;
    full.assert_refused(400, "cap_reached");
    let message = full.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "Maximum of 1 configurations per client exceeded");
    let body = naming("configuration_id", id);
    assert_eq!(world.gateway.call("/delete-configuration", &body).await.status, 200);
    world.gateway.call("/get-configuration", &body).await.assert_refused(404, "unknown_id");
    world.configuration().await;
}
