//! heify-gateway: a reverse-proxy gateway in front of the Heify speech-to-text API.

pub mod authenticate;
pub mod body;
pub mod key;
pub mod rate;
pub mod rate_limit;
pub mod refusal;
pub mod secret;
pub mod tenant;
pub mod upstream;
pub mod validate;
