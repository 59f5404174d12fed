//! The tables of a profile's `settings.json` that say what becomes of findings, checked before they are compiled: a row
//! that is misspelt would release nothing at all, and its author should hear which one it is.

use serde_json::{Map, Value};

/// What a row may say, as `rules/rego/findings.rego` reads it.
const KEYS: [&str; 8] = [
    "detector",
    "strength",
    "distinct",
    "distinct_in_hour",
    "mislabelled",
    "direction",
    "action",
    "checks",
];

/// Every mistake in the tables under `settings.dlp`; settings without such tables are other rules' own.
pub(super) fn mistakes(settings: &Value) -> Vec<String> {
    let Some(tables) = settings.pointer("/settings/dlp").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut mistakes = Vec::new();
    for (name, table) in tables {
        match table.as_array() {
            Some(rows) => mistakes.extend((1..).zip(rows).flat_map(|(number, row)| {
                let place = format!("settings.json: dlp.{name:?} row {number}");
                of_row(row)
                    .into_iter()
                    .map(move |wrong| format!("{place}: {wrong}"))
            })),
            None => mistakes.push(format!("settings.json: dlp.{name:?} is no list of rows")),
        }
    }
    mistakes.extend(unknown_tables(settings, tables));
    mistakes
}

fn of_row(row: &Value) -> Vec<String> {
    let Some(row) = row.as_object() else {
        return vec!["is no object; write {\"detector\": ..., \"action\": ...}".to_owned()];
    };
    let unknown = row.keys().filter(|key| !KEYS.contains(&key.as_str()));
    let mut wrong: Vec<String> = unknown
        .map(|key| format!("{key:?} is not known; write one of {}", KEYS.join(", ")))
        .collect();
    let number = |value: &Value| value.is_u64();
    let mut demand = |key: &str, is_right: &dyn Fn(&Value) -> bool, remedy: &str| {
        if row.get(key).is_some_and(|value| !is_right(value)) {
            wrong.push(format!("{key:?} is wrong; write {remedy}"));
        }
    };
    demand(
        "detector",
        &Value::is_string,
        "a name, or a family as \"de.*\"",
    );
    demand(
        "strength",
        &one_of(&["low", "medium", "high"]),
        "low, medium or high",
    );
    demand(
        "direction",
        &one_of(&["outbound", "inbound"]),
        "outbound or inbound",
    );
    demand(
        "action",
        &one_of(&["log", "wait", "hold", "redact", "drop"]),
        "log, wait, hold, redact or drop",
    );
    let waits = row.get("action").and_then(Value::as_str) == Some("wait");
    let names = |value: &Value| {
        let checks = value.as_array().map(Vec::as_slice).unwrap_or_default();
        waits && !checks.is_empty() && checks.iter().all(Value::is_string)
    };
    demand("checks", &names, "a list of checks beside the action wait");
    demand("distinct", &number, "a number");
    demand("distinct_in_hour", &number, "a number");
    demand("mislabelled", &Value::is_boolean, "true or false");
    if waits && !row.contains_key("checks") {
        wrong.push("\"checks\" is missing; write those that it waits for".to_owned());
    }
    if !row.contains_key("detector") {
        wrong.push("\"detector\" is missing".to_owned());
    }
    wrong
}

fn one_of<'a>(words: &'a [&str]) -> impl Fn(&Value) -> bool + 'a {
    move |value| value.as_str().is_some_and(|word| words.contains(&word))
}

/// Links that name a table which is not there.
fn unknown_tables(settings: &Value, tables: &Map<String, Value>) -> Vec<String> {
    let links = settings
        .pointer("/settings/links")
        .and_then(Value::as_object);
    let wrong = |(name, link): (&String, &Value)| {
        let table = link.get("dlp").and_then(Value::as_str);
        let known = table.is_some_and(|table| tables.contains_key(table));
        (!known).then(|| format!("settings.json: links.{name:?} names no table under dlp"))
    };
    links.into_iter().flatten().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shipped_tables_are_right() {
        let shipped = include_str!("../../../rules/profiles/demo/settings.json");
        let settings: Value = serde_json::from_str(shipped).unwrap_or_default();
        assert!(settings.pointer("/settings/dlp").is_some());
        assert_eq!(mistakes(&settings), [""; 0]);
        assert_eq!(mistakes(&json!({"settings": {"own": 1}})), [""; 0]);
    }

    #[test]
    fn each_mistake_is_told_with_its_table_and_row() {
        let settings = json!({"settings": {
            "dlp": {"own": [
                {"detector": "de.iban", "action": "log"},
                {"detector": "de.iban", "distinct": "3", "action": "hold"},
                {"detector": "de.iban", "strength": "meduim", "action": "hald"},
                {"distinkt": 3},
                {"detector": "de.iban", "action": "wait"},
                {"detector": "de.iban", "action": "hold", "checks": ["scanner"]},
                {"detector": "de.iban", "action": "hold", "direction": "out"},
            ], "other": 1},
            "links": {"*": {"dlp": "owm"}},
        }});
        let told = mistakes(&settings);
        for wanted in [
            "dlp.\"own\" row 2: \"distinct\" is wrong",
            "dlp.\"own\" row 3: \"strength\" is wrong",
            "dlp.\"own\" row 3: \"action\" is wrong",
            "dlp.\"own\" row 4: \"distinkt\" is not known",
            "dlp.\"own\" row 4: \"detector\" is missing",
            "dlp.\"own\" row 5: \"checks\" is missing",
            "dlp.\"own\" row 6: \"checks\" is wrong",
            "dlp.\"own\" row 7: \"direction\" is wrong",
            "dlp.\"other\" is no list",
            "links.\"*\" names no table",
        ] {
            assert!(
                told.iter().any(|told| told.contains(wanted)),
                "{wanted}: {told:?}"
            );
        }
        assert_eq!(told.len(), 10);
    }
}
