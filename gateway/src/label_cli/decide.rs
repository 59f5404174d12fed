//! `sluice label decide`: the access decision on files, with what it was made on (statement LB-7).

use serde_json::{Value, json};
use sluice_policy::label::{self, Clearance, Label, LabelDecision, OID_PREFIX, Spif, Spifs};

use super::{DecideArgs, Failure, Streams, carried, files};
use crate::cli::Exit;

pub(super) fn run(args: &DecideArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let policies = &args.policies;
    files::once_stdin(policies.spif.iter().chain([&args.label, &args.clearance]))?;
    let at = files::instant(policies.at.as_deref())?;
    let spifs = files::policies(&policies.spif, &policies.compat, streams)?;
    let label = files::label(&args.label, carried(policies.lenient), streams)?;
    let clearance = files::clearance(&args.clearance, streams)?;
    let label = label.map(|reading| reading.label);
    let decision = match (&label, &clearance) {
        (Err(error), _) => denied("label-invalid", error.to_string()),
        (_, Err(error)) => denied("clearance-invalid", error.clone()),
        (Ok(label), Ok(clearance)) => label::decide(label, clearance, &spifs, at),
    };
    let made_on = MadeOn {
        label: label.as_ref().ok(),
        clearance: clearance.as_ref().ok(),
        spifs: &spifs,
    };
    streams.answer(
        policies.json,
        &answer(&decision, &made_on),
        &sentences(&decision, &made_on),
    )?;
    Ok(if decision.grant { Exit::Done } else { Exit::No })
}

fn denied(rule: &'static str, reason: String) -> LabelDecision {
    LabelDecision {
        grant: false,
        rule,
        reason: reason.into(),
        translated: None,
    }
}

/// What a decision was made on, as far as it could be read.
struct MadeOn<'a> {
    label: Option<&'a Label>,
    clearance: Option<&'a Clearance>,
    spifs: &'a Spifs,
}

impl MadeOn<'_> {
    /// The policy that the label names, if it is loaded.
    fn policy(&self) -> Option<&Spif> {
        let named = self.label?.policy();
        match named
            .uri
            .as_deref()
            .and_then(|uri| uri.strip_prefix(OID_PREFIX))
        {
            Some(oid) => self.spifs.by_oid(oid),
            None => self.spifs.by_name(&named.name),
        }
    }
}

fn word(decision: &LabelDecision) -> &'static str {
    if decision.grant { "grant" } else { "deny" }
}

fn answer(decision: &LabelDecision, made_on: &MadeOn<'_>) -> Value {
    json!({
        "decision": word(decision),
        "rule": decision.rule,
        "reason": decision.reason,
        "label": made_on.label.map(Label::sha256),
        "clearance": made_on.clearance.map(Clearance::sha256),
        "policy": made_on.policy().map(policy),
    })
}

fn policy(spif: &Spif) -> Value {
    json!({
        "name": spif.name,
        "oid": spif.oid,
        "version": spif.version,
        "sha256": spif.sha256,
    })
}

fn sentences(decision: &LabelDecision, made_on: &MadeOn<'_>) -> String {
    let mut text = format!(
        "{}: {}\nrule: {}\n",
        word(decision),
        decision.reason,
        decision.rule
    );
    if let Some(label) = made_on.label {
        text.push_str(&format!("label: sha256 {}\n", label.sha256()));
    }
    if let Some(clearance) = made_on.clearance {
        text.push_str(&format!("clearance: sha256 {}\n", clearance.sha256()));
    }
    if let Some(spif) = made_on.policy() {
        text.push_str(&format!(
            "policy: {} ({}) version {}, sha256 {}\n",
            spif.name, spif.oid, spif.version, spif.sha256
        ));
    }
    text
}
