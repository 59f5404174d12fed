//! `sluice policy explain`: the decision about one event, step by step, by the code that decides it.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use serde_json::{Value, json};
use sluice_policy::{
    bundle::Bundle,
    decide::{Explanation, LINK_UNKNOWN, LinkContext, explain_unit},
    label::Label,
    verdict::Verdict,
};
use time::OffsetDateTime;

use super::{
    AskArgs, COULD_NOT, DONE, Failure, NO,
    decide::{self, Source},
    line::{self, LINE_BYTES, Line},
};

pub(super) fn run(arguments: &AskArgs) -> Result<u8, Failure> {
    let at = decide::instant(arguments.at.as_deref())?;
    let link = decide::link(arguments)?;
    let bundle = super::open_bundle(arguments, &decide::key_path(arguments))?;
    let Source(mut input) = decide::open(&arguments.input)?;
    let mut text = Vec::new();
    let limit = LINE_BYTES as u64 + 1;
    let read = (&mut input).take(limit).read_to_end(&mut text);
    read.map_err(|error| Failure::could_not(&arguments.input, &error))?;
    let (code, answer) = answer(&bundle, &link, at, &text)?;
    let mut out = io::stdout().lock();
    let written = if arguments.json {
        writeln!(out, "{answer}")
    } else {
        show(&mut out, &answer)
    };
    written.map_err(|error| Failure::could_not(Path::new("stdout"), &error))?;
    Ok(code)
}

/// Exit code and answer: that of `policy decide`, and `steps`.
pub(super) fn answer(
    bundle: &Bundle,
    link: &LinkContext<'_>,
    at: OffsetDateTime,
    text: &[u8],
) -> Result<(u8, Value), Failure> {
    let event = match line::read(text).map_err(Failure::usage)? {
        Line::Event(event) => event,
        Line::Refused { id, rule } => return Ok((NO, refused(&id, &rule))),
    };
    let explained = explain_unit(bundle, link, &event.unit(), at).map_err(|error| Failure {
        code: COULD_NOT,
        message: error.to_string(),
    })?;
    let Some(explained) = explained else {
        return Ok((NO, refused(&event.id, LINK_UNKNOWN)));
    };
    let released = explained.decision.decision.verdict == Verdict::Release;
    Ok((
        if released { DONE } else { NO },
        whole(&event.id, &explained),
    ))
}

fn refused(id: &Value, rule: &str) -> Value {
    json!({
        "id": id, "verdict": Verdict::Redact, "rule": rule, "label": null, "findings": [], "protocol": "unchecked",
        "steps": null,
    })
}

fn whole(id: &Value, explained: &Explanation) -> Value {
    let decided = &explained.decision;
    let label = |label: &Option<Label>| label.as_ref().map(Label::to_json);
    json!({
        "id": id,
        "verdict": decided.decision.verdict,
        "rule": decided.decision.rule,
        "reason": decided.reason,
        "label": label(&decided.label),
        "findings": decided.findings,
        "protocol": "unchecked",
        "steps": {
            "sources": explained.sources,
            "bearing": explained.bearing,
            "label": {
                "source": decided.label_source,
                "rule": decided.label_rule,
                "translated": label(&decided.translated),
                "policy": decided.policy,
                "clearance": decided.clearance,
                "notes": decided.notes,
                "encryption": decided.encryption,
            },
            "findings": decided.findings,
            "policy": explained.policy,
        },
    })
}

/// One line a step.
fn show(out: &mut dyn Write, answer: &Value) -> io::Result<()> {
    let steps = &answer["steps"];
    let list = |name: &str| steps[name].as_array().cloned().unwrap_or_default();
    for source in list("sources") {
        let level = &source["label"]["Classification"];
        let what = if level.is_null() {
            &source["problem"]
        } else {
            level
        };
        writeln!(out, "source   {}: {}", word(&source["source"]), word(what))?;
    }
    for bearing in list("bearing") {
        for clearance in bearing["clearances"].as_array().into_iter().flatten() {
            writeln!(
                out,
                "bearing  {} under the clearance of {}: {} ({})",
                word(&bearing["source"]),
                word(&clearance["of"]),
                word(&clearance["rule"]),
                word(&clearance["reason"]),
            )?;
        }
    }
    writeln!(out, "label    {}", word(&steps["label"]["rule"]))?;
    for finding in list("findings") {
        let (detector, field) = (word(&finding["detector"]), word(&finding["field"]));
        writeln!(out, "finding  {detector} in {field}")?;
    }
    writeln!(out, "policy   {}", word(&steps["policy"]["rule"]))?;
    writeln!(
        out,
        "verdict  {} {}",
        word(&answer["verdict"]),
        word(&answer["rule"])
    )
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}

#[cfg(test)]
mod tests;
