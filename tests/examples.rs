//! Do the examples end well, and not only compile?

#[allow(dead_code, reason = "`main` is for people")]
#[path = "../examples/axum_rooms.rs"]
mod axum_rooms;
#[allow(dead_code, reason = "`main` is for people")]
#[path = "../examples/embedded_gateway.rs"]
mod embedded_gateway;
#[allow(dead_code, reason = "`main` is for people")]
#[path = "../examples/own_contract.rs"]
mod own_contract;

#[tokio::test]
async fn rooms_protect_an_axum_router() {
    axum_rooms::run().await.unwrap();
}

#[tokio::test]
async fn the_whole_gateway_runs_inside_another_program() {
    embedded_gateway::run().await.unwrap();
}

#[tokio::test]
async fn another_api_is_fronted() {
    own_contract::run().await.unwrap();
}
