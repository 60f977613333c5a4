//! Which build is this?

/// The version, as in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, as the environment of the build named it in
/// `HEIFY_GATEWAY_COMMIT`; `unknown` where it named none: a source archive has no commits.
pub const COMMIT: &str = match option_env!("HEIFY_GATEWAY_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
