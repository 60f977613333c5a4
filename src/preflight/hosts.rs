//! Which hosts do the operators allow?

use super::target::Host;

/// Hosts by name: `files.example.com`, or `*.example.com` for all below it. An address stands for
/// itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Only these; `None`: all.
    pub allow: Option<Vec<Pattern>>,
    /// None of these, also where they are among the allowed ones.
    pub deny: Vec<Pattern>,
}

impl Hosts {
    pub(super) fn allow(&self, host: &Host) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(host));
        self.allow.as_deref().is_none_or(any) && !any(&self.deny)
    }
}

/// One host, or all below a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    host: Host,
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Itself,
    Below,
}

impl Pattern {
    /// Reads `files.example.com`, `*.example.com`, `10.1.2.3` or `[fd12::1]`.
    ///
    /// # Errors
    /// Says what a host looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, scope) = match text.strip_prefix("*.") {
            Some(name) => (name, Scope::Below),
            None => (text, Scope::Itself),
        };
        match (Host::parse(name), scope) {
            (Ok(host @ Host::Name(_)), scope) => Ok(Self { host, scope }),
            (Ok(host @ Host::Address(_)), Scope::Itself) => Ok(Self { host, scope }),
            _ => Err(r#"must be a host such as "files.example.com" or "*.example.com""#.to_owned()),
        }
    }

    fn fits(&self, host: &Host) -> bool {
        match (self.scope, &self.host, host) {
            (Scope::Itself, own, host) => own == host,
            (Scope::Below, Host::Name(own), Host::Name(name)) => {
                name.strip_suffix(&**own).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Scope::Below, _, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(allow: Option<&[&str]>, deny: &[&str]) -> Hosts {
        let patterns = |texts: &[&str]| {
            texts.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>()
        };
        Hosts { allow: allow.map(patterns), deny: patterns(deny) }
    }

    #[test]
    fn a_list_names_hosts_and_all_below_a_name() {
        let host = |text: &str| Host::parse(text).unwrap();
        let listed = hosts(Some(&["files.example.com", "*.cdn.example.com", "1.2.3.4"]), &[]);
        for allowed in ["files.example.com", "FILES.example.com.", "a.b.cdn.example.com", "1.2.3.4"]
        {
            assert!(listed.allow(&host(allowed)), "{allowed}");
        }
        for other in [
            "example.com",
            "cdn.example.com",
            "xcdn.example.com",
            "1.2.3.5",
            "files.example.com.evil.org",
        ] {
            assert!(!listed.allow(&host(other)), "{other}");
        }
        let but = hosts(Some(&["*.example.com"]), &["secret.example.com", "[::1]"]);
        assert!(but.allow(&host("a.example.com")) && !but.allow(&host("Secret.Example.com.")));
        assert!(Hosts::default().allow(&host("anything.example")));
        assert!(!hosts(Some(&[]), &[]).allow(&host("anything.example")));
        assert!(!hosts(None, &["[::1]"]).allow(&host("[0:0:0:0:0:0:0:1]")));
    }

    #[test]
    fn what_is_no_host_is_no_pattern() {
        for wrong in
            ["", "*", "*.", "*.1.2.3.4", "*.[::1]", "a b", "http://a", "a/b", "a:80", "1.2", "**.a"]
        {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
