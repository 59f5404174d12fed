//! Refusals: why a request goes no further, sorted by who is to blame, and the one place that makes wire answers of them.
//!
//! The far side learns a fixed Matrix error code, a fixed text and the request's reference; the detail goes to the log
//! and the audit record. Policy never answers 401, 429 or 5xx, because a homeserver then silences the destination
//! (facts: a refused `/send` is answered 200 with per-PDU errors, by `rebuild`).

use hyper::{Response, StatusCode};

use crate::audit::AuditError;
use crate::http::{self, AnswerBody};
use crate::operations::metrics::Outcome;

/// The rule where the audit log does not take a line.
pub(crate) const AUDIT_FAILED: &str = "gateway.audit";

/// Why a request or an answer was not relayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Refusal {
    /// The rule id for the audit record and metrics; one of a closed set of names in the code and in policies.
    pub rule: String,
    /// Whom it is to blame on, which fixes the answer.
    pub blame: Blame,
    /// What happened, for the log of our own operator; never content, never a secret.
    pub detail: String,
}

/// Who is to blame for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The caller did not prove who he is: 401.
    Unauthenticated,
    /// The caller is known and may not do this: 403.
    Forbidden,
    /// The room is encrypted, and the link refuses that: 403, with that reason.
    EncryptedRoom,
    /// What was asked for does not exist for this caller: 404.
    NotFound,
    /// The endpoint does not exist: 404 M_UNRECOGNIZED.
    UnknownEndpoint,
    /// The endpoint does not have this method: 405 M_UNRECOGNIZED.
    UnknownMethod,
    /// The request is malformed: 400.
    Malformed,
    /// The body is larger than the table allows: 413.
    TooLarge,
    /// More of this than a limit lets through: 403, because 429 would silence the destination.
    TooMany,
    /// Load is shed, and who asks keeps it or does without: 429.
    Overloaded,
    /// The far side could not be reached or answered nonsense: 502.
    FarSide,
    /// The gateway itself cannot judge or record now; nothing is remembered: 503.
    Ourselves,
}

impl Refusal {
    /// A refusal by a named rule.
    pub fn new(rule: impl Into<String>, blame: Blame, detail: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            blame,
            detail: detail.into(),
        }
    }

    /// The caller may not.
    pub fn forbidden(rule: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(rule, Blame::Forbidden, detail)
    }

    /// The gateway cannot.
    pub fn ourselves(rule: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(rule, Blame::Ourselves, detail)
    }

    /// How metrics count it.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.blame {
            Blame::FarSide | Blame::Ourselves => Outcome::Failed,
            _ => Outcome::Refused,
        }
    }

    /// The answer on the wire; `reference` lets the two operators find the audit line.
    #[must_use]
    pub fn answer(&self, reference: &str) -> Response<AnswerBody> {
        let (status, errcode, text) = self.blame.wire();
        let error = match self.blame {
            // What a peer may not know of answers byte for byte as what is not there (MX-9).
            Blame::NotFound => text.to_owned(),
            _ => format!("{text} (reference {reference})"),
        };
        json_answer(
            status,
            &serde_json::json!({"errcode": errcode, "error": error}),
        )
    }
}

impl From<&AuditError> for Refusal {
    fn from(error: &AuditError) -> Self {
        let detail = format!("the audit log cannot be written: {error}");
        Self::ourselves(AUDIT_FAILED, detail)
    }
}

impl Blame {
    const fn wire(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "M_UNAUTHORIZED",
                "The border gateway could not authenticate this request",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "M_FORBIDDEN",
                "Refused by the policy of the border gateway",
            ),
            Self::EncryptedRoom => (
                StatusCode::FORBIDDEN,
                "M_FORBIDDEN",
                "Encrypted rooms are not allowed across this border: nobody can be invited to or join this one over it",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "M_NOT_FOUND", "Not found"),
            Self::UnknownEndpoint => (
                StatusCode::NOT_FOUND,
                "M_UNRECOGNIZED",
                "Unrecognized request",
            ),
            Self::UnknownMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "M_UNRECOGNIZED",
                "Unrecognized request",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "M_BAD_JSON",
                "The request is malformed",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "M_TOO_LARGE",
                "The request is too large",
            ),
            Self::TooMany => (
                StatusCode::FORBIDDEN,
                "M_LIMIT_EXCEEDED",
                "The border gateway lets no more of these requests through at the moment",
            ),
            Self::Overloaded => (
                StatusCode::TOO_MANY_REQUESTS,
                "M_LIMIT_EXCEEDED",
                "The border gateway is overloaded",
            ),
            Self::FarSide => (
                StatusCode::BAD_GATEWAY,
                "M_UNKNOWN",
                "The other side could not be reached",
            ),
            Self::Ourselves => (
                StatusCode::SERVICE_UNAVAILABLE,
                "M_UNKNOWN",
                "The border gateway cannot relay at the moment",
            ),
        }
    }
}

/// A JSON answer with headers made from nothing.
#[must_use]
pub fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response<AnswerBody> {
    http::json_answer(status, body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_refusal_never_answers_with_a_status_that_silences_the_destination() {
        for blame in ALL {
            let status = Refusal::new("x", blame, "").answer("r").status().as_u16();
            let silences = status >= 500 || status == 401 || status == 429;
            assert_eq!(silences, !is_policy(blame), "{blame:?}");
        }
    }

    const ALL: [Blame; 12] = [
        Blame::Unauthenticated,
        Blame::Forbidden,
        Blame::EncryptedRoom,
        Blame::NotFound,
        Blame::UnknownEndpoint,
        Blame::UnknownMethod,
        Blame::Malformed,
        Blame::TooLarge,
        Blame::TooMany,
        Blame::Overloaded,
        Blame::FarSide,
        Blame::Ourselves,
    ];

    /// Whether it says what may be, and not that something fails or is overloaded. A new kind has to say it here.
    const fn is_policy(blame: Blame) -> bool {
        match blame {
            Blame::Forbidden
            | Blame::EncryptedRoom
            | Blame::NotFound
            | Blame::UnknownEndpoint
            | Blame::UnknownMethod
            | Blame::Malformed
            | Blame::TooLarge
            | Blame::TooMany => true,
            Blame::Unauthenticated | Blame::Overloaded | Blame::FarSide | Blame::Ourselves => false,
        }
    }

    #[test]
    fn only_failed_authentication_overload_and_failures_silence_and_each_kind_is_asked() {
        for (at, blame) in ALL.into_iter().enumerate() {
            assert!(!ALL[..at].contains(&blame), "{blame:?} twice");
        }
        let status = |blame| Refusal::new("x", blame, "").answer("r").status().as_u16();
        assert_eq!(status(Blame::Unauthenticated), 401);
        assert_eq!(status(Blame::Overloaded), 429);
        assert_eq!(
            (status(Blame::FarSide), status(Blame::Ourselves)),
            (502, 503)
        );
    }

    #[test]
    fn an_answer_tells_the_far_side_a_reference_and_neither_rule_nor_detail() {
        let refusal = Refusal::forbidden("dlp.de.iban", "alice wrote an IBAN");
        let body = format!("{:?}", refusal.answer("7f-1").into_body());
        assert!(
            body.contains("7f-1") && !body.contains("iban") && !body.contains("alice"),
            "{body}"
        );
    }
}
