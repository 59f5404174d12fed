//! What was decided about one unit, and by which rule.
//!
//! Verdicts are ordered: of several answers about the same unit the greatest one, which is the most restrictive, wins.

use serde::{Deserialize, Serialize};

/// What becomes of a unit; the most restrictive comes last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It crosses as it is.
    Release,
    /// It waits for another check.
    Hold,
    /// Only its redacted form crosses.
    Redact,
    /// Nothing of it crosses. On a PDU this acts as [`Verdict::Redact`].
    Drop,
}

/// A verdict with the id of the rule that gave it (`protocol.*`, `label.*`, `dlp.<detector>`, `rego.<package>.<rule>`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What becomes of the unit.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: String,
    /// The checks that must all let it pass, by the names of the gateway's configuration; only with [`Verdict::Hold`].
    /// Empty: a person decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
}

impl Decision {
    /// A decision by a named rule.
    #[must_use]
    pub fn new(verdict: Verdict, rule: impl Into<String>) -> Self {
        Self {
            verdict,
            rule: rule.into(),
            checks: Vec::new(),
        }
    }

    /// The more restrictive of two decisions; on equal verdicts the first one keeps its rule.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        if other.verdict > self.verdict {
            other
        } else {
            self
        }
    }
}

impl Verdict {
    /// The word used in rules, logs and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Hold => "hold",
            Self::Redact => "redact",
            Self::Drop => "drop",
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_most_restrictive_verdict_wins() {
        let order = [
            Verdict::Release,
            Verdict::Hold,
            Verdict::Redact,
            Verdict::Drop,
        ];
        for (place, lax) in order.iter().enumerate() {
            for strict in &order[place..] {
                let lax = Decision::new(*lax, "label.granted");
                let strict = Decision::new(*strict, "dlp.iban");
                assert_eq!(lax.clone().stricter(strict.clone()).verdict, strict.verdict);
                assert_eq!(strict.clone().stricter(lax).rule, "dlp.iban");
            }
        }
    }

    #[test]
    fn verdicts_are_written_in_lower_case() {
        for verdict in [
            Verdict::Release,
            Verdict::Hold,
            Verdict::Redact,
            Verdict::Drop,
        ] {
            assert_eq!(
                serde_json::to_string(&verdict).unwrap(),
                format!("\"{}\"", verdict.as_str())
            );
        }
        assert!(
            serde_json::from_str::<Decision>(r#"{"verdict":"release","rule":"r","x":1}"#).is_err()
        );
    }
}
