//! How the demo looks: one line a scene, a summary, and the way in for any Matrix client.

use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenes::Outcome;
use super::world::{ALICE, ALICE_PASSWORD, BOB, BOB_PASSWORD, World};
use super::zone::Zone;

/// One scene, on one line.
pub fn line(outcome: &Outcome) {
    let mark = if outcome.ok {
        paint("ok  ", GREEN)
    } else {
        paint("FAIL", RED)
    };
    let time = outcome
        .milliseconds
        .map_or_else(String::new, |milliseconds| format!(" | {milliseconds} ms"));
    let added = outcome
        .added_milliseconds
        .map_or_else(String::new, |added| {
            format!(", of it {added:.1} in both gateways")
        });
    println!(
        "{mark} {:<33} {} | label {} | {} | rule {}{time}{added}",
        outcome.name, outcome.said, outcome.label, outcome.saw, outcome.rule
    );
}

/// How many scenes went as expected, and what was expected of the others.
pub fn close(outcomes: &[Outcome], took: Duration) {
    let good = outcomes.iter().filter(|outcome| outcome.ok).count();
    println!(
        "{good} of {} scenes as expected, {:.1} s",
        outcomes.len(),
        took.as_secs_f64()
    );
    for outcome in outcomes.iter().filter(|outcome| !outcome.ok) {
        println!(
            "  {}: expected {}; saw {}",
            outcome.name, outcome.expect, outcome.saw
        );
    }
}

/// The answer for machines.
pub fn summary(outcomes: &[Outcome], took: Duration) -> Value {
    let audit: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.name == "audit-verified")
        .collect();
    json!({
        "scenes": outcomes,
        "audit_ok": !audit.is_empty() && audit.iter().all(|outcome| outcome.ok),
        "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
    })
}

/// Addresses, users and passwords.
pub fn invitation(world: &World) {
    println!("\nJoin in with any Matrix client (homeserver address, user, password):");
    let user = |zone: &Zone, name: &str, password: &str| {
        println!(
            "  {}  @{name}:{}  {password}",
            zone.synapse.base(),
            zone.server_name()
        )
    };
    user(&world.high, ALICE, ALICE_PASSWORD);
    user(&world.low, BOB, BOB_PASSWORD);
    println!(
        "Configurations, logs and databases: {}",
        world.folder().display()
    );
}

fn paint(text: &str, colour: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

const GREEN: &str = "32";
const RED: &str = "31";
