//! Which keys a file in the gitleaks format has, and what stands under each, in words that name key and remedy.

use toml::Value;

/// What stands under a key.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Texts,
    /// A whole number from 0.
    Count,
    Number,
    Flag,
    /// A table with these keys, or a list of them.
    Tables(Keys),
}

type Keys = &'static [(&'static str, Shape)];

/// Keys of a rule.
const RULE: Keys = &[
    ("id", Shape::Text),
    ("description", Shape::Text),
    ("path", Shape::Text),
    ("regex", Shape::Text),
    ("secretgroup", Shape::Count),
    ("entropy", Shape::Number),
    ("keywords", Shape::Texts),
    ("tags", Shape::Texts),
    ("allowlist", Shape::Tables(ALLOW_LIST)),
    ("allowlists", Shape::Tables(ALLOW_LIST)),
    ("required", Shape::Tables(REQUIRED)),
    ("skipreport", Shape::Flag),
];
/// Keys of an allow-list.
const ALLOW_LIST: Keys = &[
    ("description", Shape::Text),
    ("condition", Shape::Text),
    ("commits", Shape::Texts),
    ("paths", Shape::Texts),
    ("regextarget", Shape::Text),
    ("regexes", Shape::Texts),
    ("stopwords", Shape::Texts),
    ("targetrules", Shape::Texts),
];
/// Keys of a rule that must be found nearby.
const REQUIRED: Keys = &[
    ("id", Shape::Text),
    ("withinlines", Shape::Count),
    ("withincolumns", Shape::Count),
];
/// Words of an allow-list, in small letters.
const CONDITIONS: [&str; 5] = ["", "or", "||", "and", "&&"];
const TARGETS: [&str; 4] = ["", "secret", "match", "line"];

/// # Errors
/// The first key of a rule that is unknown, or that has something else than it should.
pub(super) fn rule(rule: &Value) -> Result<(), String> {
    fits("the rule", rule, RULE)
}

/// # Errors
/// The same of an allow-list of the whole file.
pub(super) fn allow_list(list: &Value) -> Result<(), String> {
    fits("the list", list, ALLOW_LIST)
}

fn fits(place: &str, value: &Value, keys: Keys) -> Result<(), String> {
    let Some(table) = value.as_table() else {
        return Err(format!("{place} is no table; correct it"));
    };
    for (key, value) in table {
        let known = keys.iter().find(|(known, _)| known == key);
        let (_, shape) = known.ok_or_else(|| foreign(key))?;
        one(key, value, *shape)?;
    }
    Ok(())
}

fn one(key: &str, value: &Value, shape: Shape) -> Result<(), String> {
    let (fits, wanted) = match shape {
        Shape::Text => (value.is_str(), "a text"),
        Shape::Texts => (is_texts(value), "a list of texts"),
        Shape::Count => (is_count(value), "a whole number from 0"),
        Shape::Number => (value.is_float() || is_small(value), "a number"),
        Shape::Flag => (value.is_bool(), "true or false"),
        Shape::Tables(keys) => return tables(key, value, keys),
    };
    if !fits {
        return Err(format!("{key} is not {wanted}; correct it"));
    }
    let words: &[&str] = match key {
        "condition" => &CONDITIONS,
        "regextarget" => &TARGETS,
        _ => return Ok(()),
    };
    let written = value.as_str().unwrap_or_default().to_lowercase();
    if words.contains(&written.as_str()) {
        return Ok(());
    }
    let known: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    Err(format!("{key} is none of {}; correct it", known.join(", ")))
}

fn tables(key: &str, value: &Value, keys: Keys) -> Result<(), String> {
    match value.as_array() {
        None => fits(key, value, keys),
        Some(list) => list.iter().try_for_each(|value| fits(key, value, keys)),
    }
    .map_err(|mistake| match mistake.starts_with(key) {
        true => mistake,
        false => format!("{key}: {mistake}"),
    })
}

fn is_texts(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_str))
}

fn is_small(value: &Value) -> bool {
    value
        .as_integer()
        .is_some_and(|number| i32::try_from(number).is_ok())
}

fn is_count(value: &Value) -> bool {
    value.as_integer().is_some_and(|number| number >= 0)
}

/// Why a key that is not of this format refuses its rule: it may say what the rule finds.
fn foreign(key: &str) -> String {
    let why = match key {
        "filter" | "filters" | "prefilter" | "expr" => {
            "filters by an expression, which is not run here"
        }
        "validate" | "validation" | "verify" => "checks over the network, which is not done here",
        _ => "is no key of this format",
    };
    format!("{key:?} {why}; write the detector by hand, without it")
}
