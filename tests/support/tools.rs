//! What if a program that a test needs is not there?

/// Whether a test can do its work with a tool. It says that it does not; where the variable is
/// `required`, as in the gate, that fails it.
pub(crate) fn usable(is_usable: bool, variable: &str, tool: &str) -> bool {
    let required = std::env::var_os(variable).is_some_and(|value| value == "required");
    assert!(is_usable || !required, "{tool} is required, and not installed or not usable");
    if !is_usable {
        eprintln!("not tested: {tool} is not installed, or not usable");
    }
    is_usable
}
