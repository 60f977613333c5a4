//! Which rules of an API are more than JSON Schema can say?
//!
//! A document names such a rule with `x-gateway-rule: <name>` at the schema to whose values it
//! applies. Each is a small function; a value of another type is not its business.

use serde_json::Value;

/// What a rule finds wrong: the rest of a sentence that starts with the path of the value.
pub(super) type Verdict = Result<(), String>;

/// A rule.
pub(super) type Rule = fn(&Value) -> Verdict;

/// All rules, by the name that a document uses.
pub(super) const RULES: &[(&str, Rule)] =
    &[("weights_sum_to_100", weights_sum_to_100), ("weight_above_zero", weight_above_zero)];

/// Finds a rule by its name.
pub(super) fn by_name(name: &str) -> Option<Rule> {
    RULES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
}

/// How far a sum of decimal fractions may be from the whole number that it stands for: three
/// times 33.33 and 0.01 is not exactly 100 in binary.
const SUM_TOLERANCE: f64 = 1e-6;

/// How a criterion takes part in the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scoring {
    Weighted,
    Unweighted,
    /// The upstream knows, we do not.
    Unknown,
}

/// A criterion without a type is new and boolean, unless it carries the id of one that exists.
fn scoring(criterion: &Value) -> Scoring {
    match criterion.get("type") {
        Some(Value::String(kind)) if kind == "strict" => Scoring::Unweighted,
        Some(Value::String(kind)) if kind == "boolean" || kind == "scale" => Scoring::Weighted,
        Some(_) => Scoring::Unknown,
        None if criterion.get("id").is_some() => Scoring::Unknown,
        None => Scoring::Weighted,
    }
}

/// The weights of all criteria that are not strict sum to exactly 100. Where one of them is not in
/// the request, the sum is not known here, and the upstream decides.
fn weights_sum_to_100(criteria: &Value) -> Verdict {
    let Some(criteria) = criteria.as_array().filter(|criteria| !criteria.is_empty()) else {
        return Ok(());
    };
    let mut sum = 0.0;
    for criterion in criteria {
        if !criterion.is_object() {
            return Ok(());
        }
        match scoring(criterion) {
            Scoring::Unweighted => {}
            Scoring::Unknown => return Ok(()),
            Scoring::Weighted => match criterion.get("weight").and_then(Value::as_f64) {
                Some(weight) => sum += weight,
                None => return Ok(()),
            },
        }
    }
    if (sum - 100.0).abs() <= SUM_TOLERANCE {
        return Ok(());
    }
    Err(format!(
        ": the weights of all boolean and scale criteria must sum to exactly 100 (they sum to {}).",
        short(sum)
    ))
}

/// The weight of a boolean or scale criterion is above 0; that of a strict one does not matter.
fn weight_above_zero(criterion: &Value) -> Verdict {
    let weight = criterion.get("weight").and_then(Value::as_f64);
    match weight {
        Some(weight) if weight <= 0.0 && scoring(criterion) == Scoring::Weighted => {
            Err(".weight must be greater than 0 for a boolean or scale criterion.".into())
        }
        _ => Ok(()),
    }
}

/// Writes a sum with at most six decimals, and a huge one not digit by digit.
fn short(sum: f64) -> String {
    if sum.abs() >= 1e15 {
        return format!("{sum:e}");
    }
    let text = format!("{sum:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Spaces in the widest sense: what one language trims and another does not is not counted, so
/// that no tag is refused which the upstream would take.
fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{feff}' | '\u{1c}'..='\u{1f}')
}

/// A text has 1 to `most` characters once the spaces around it are gone
/// (`x-gateway-trimmed-length: <most>`).
pub(super) fn trimmed_length(text: &str, most: usize) -> Verdict {
    if text.chars().all(char::is_whitespace) {
        return Err(" must not be blank.".into());
    }
    // Counting is only needed when the bytes do not already settle it.
    if text.len() <= most {
        return Ok(());
    }
    let length = text.trim_matches(is_space).chars().count();
    if length <= most {
        return Ok(());
    }
    Err(format!(
        " must be at most {most} characters long without the spaces around it (it has {length})."
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sum_is_exact_up_to_binary_fractions() {
        let criteria = |weights: &[f64]| -> Value {
            weights.iter().map(|weight| json!({"weight": weight})).collect()
        };
        assert!(weights_sum_to_100(&criteria(&[33.33, 33.33, 33.34])).is_ok());
        assert!(weights_sum_to_100(&criteria(&[0.1; 1000])).is_ok());
        assert!(weights_sum_to_100(&criteria(&[99.9])).is_err());
        assert!(weights_sum_to_100(&criteria(&[99.9999])).is_err());
        assert!(weights_sum_to_100(&criteria(&[100.0, 0.0001])).is_err());
        let huge = weights_sum_to_100(&criteria(&[1e308, 1e308])).unwrap_err();
        assert!(huge.len() < 120, "{huge}");
    }

    #[test]
    fn a_sum_that_only_the_upstream_knows_is_not_judged() {
        for unknown in [
            json!([{"id": "x", "weight": 5}]),
            json!([{"weight": null}, {"weight": 5}]),
            json!([{"type": null, "weight": 5}]),
            json!([{"type": "later", "weight": 5}]),
            json!([{"type": "boolean"}]),
            json!([3]),
            json!({}),
        ] {
            assert_eq!(weights_sum_to_100(&unknown), Ok(()), "{unknown}");
        }
    }

    #[test]
    fn strict_criteria_do_not_count() {
        assert!(weights_sum_to_100(&json!([{"type": "strict", "weight": 100}])).is_err());
        let with_strict = json!([{"weight": 100}, {"type": "strict", "weight": 15}]);
        assert!(weights_sum_to_100(&with_strict).is_ok());
    }

    #[test]
    fn only_a_weight_that_counts_must_be_above_zero() {
        assert!(weight_above_zero(&json!({"weight": 0})).is_err());
        assert!(weight_above_zero(&json!({"weight": -1, "type": "scale"})).is_err());
        assert!(weight_above_zero(&json!({"weight": 0.5})).is_ok());
        assert!(weight_above_zero(&json!({"weight": 0, "type": "strict"})).is_ok());
        assert!(weight_above_zero(&json!({"weight": 0, "id": "x"})).is_ok());
        assert!(weight_above_zero(&json!({"weight": "0"})).is_ok());
    }

    #[test]
    fn a_sum_reads_like_a_number() {
        assert_eq!(short(90.0), "90");
        assert_eq!(short(99.9), "99.9");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(1e300), "1e300");
    }

    #[test]
    fn spaces_around_a_text_do_not_count() {
        let long = "é".repeat(100);
        assert!(trimmed_length(&long, 100).is_ok());
        assert!(trimmed_length(&format!("\u{feff}\u{1c} {long}\u{2003}"), 100).is_ok());
        assert!(trimmed_length(&format!("{long}é"), 100).unwrap_err().contains("(it has 101)"));
        assert!(trimmed_length(" \u{a0}\t", 100).is_err());
        assert!(trimmed_length("", 100).is_err());
        assert!(trimmed_length("\u{feff}", 100).is_ok(), "blank for some, not for all");
    }

    proptest! {
        #[test]
        fn a_text_within_the_limit_passes_whatever_surrounds_it(
            text in "[a-zé漢🎧]{1,100}", before in "[ \t\u{1c}\u{feff}]{0,50}",
            after in "[ \n\u{2003}]{0,50}",
        ) {
            let padded = format!("{}{}{}", before, text, after);
            prop_assert!(trimmed_length(&padded, 100).is_ok());
        }
    }
}
