//! What can go wrong: with one unit (a denial), or with the policy itself (no verdict at all).
//!
//! Neither carries any text of the module: what `opa_abort` says may quote the event.

use thiserror::Error;

/// Why a policy gave no decision on one unit. Each denies that unit only.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum EventFailure {
    /// Its fuel ran out.
    #[error("the policy took too long")]
    Fuel,
    /// The instance asked for more memory than it may have.
    #[error("the policy asked for too much memory")]
    Memory,
    /// The module trapped; also where two rules gave two values.
    #[error("the policy broke off; two rules may have given different answers")]
    Trap,
    /// No rule gave an answer.
    #[error("no rule of the policy gave an answer")]
    Undefined,
    /// An answer that is not exactly `{"verdict", "rule"}` with a known verdict and a permitted rule name.
    #[error("the policy's answer has the wrong shape")]
    Shape,
    /// Answers that nobody asked for.
    #[error("the policy gave a wrong number of answers")]
    Count,
    /// An answer longer than [`super::ANSWER_BYTES`] a unit.
    #[error("the policy's answer is too long")]
    Output,
    /// Facts longer than [`super::EVENT_BYTES`].
    #[error("the facts are too long for the policy")]
    Input,
}

impl EventFailure {
    /// The rule id under which the denial is recorded.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Fuel => "protocol.policy.fuel",
            Self::Memory => "protocol.policy.memory",
            Self::Trap => "protocol.policy.trap",
            Self::Undefined => "protocol.policy.undefined",
            Self::Shape => "protocol.policy.shape",
            Self::Count => "protocol.policy.count",
            Self::Output => "protocol.policy.output",
            Self::Input => "protocol.policy.input",
        }
    }
}

/// Why a policy cannot be used. A failure of the gateway, never a verdict on an event.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum EngineError {
    /// Not a WASM module, or one with features that are switched off.
    #[error(
        "policy.wasm is not a module that this gateway runs; build it anew with `sluice policy build`"
    )]
    Compile,
    /// The module did not start, most often because it needs a builtin function of the host.
    #[error(
        "policy.wasm does not start; it may use a builtin that is not native, see rules/rego/capabilities.json"
    )]
    Instantiate,
    /// The module lacks the entry point.
    #[error(
        "policy.wasm has no entry point {}; build it anew with `sluice policy build`",
        super::ENTRYPOINT
    )]
    Entrypoint,
    /// The data cannot be loaded.
    #[error("data.json cannot be loaded into the policy; it may be too large")]
    Data,
    /// The trial decision failed.
    #[error("the policy fails on an ordinary message: {0}")]
    DryRun(EventFailure),
}
