//! A file in the gitleaks format, as it is written. Its keys have no case there, so they have none here.

use serde::Deserialize;
use toml::{Table, Value};

use super::ImportError;

/// Keys of the whole file that change no finding.
const IDLE_KEYS: &[&str] = &["title", "description", "minversion"];
/// Keys of a rule.
const RULE_KEYS: &[&str] = &[
    "id",
    "description",
    "path",
    "regex",
    "secretgroup",
    "entropy",
    "keywords",
    "tags",
    "allowlist",
    "allowlists",
    "required",
    "skipreport",
];

/// The whole file.
#[derive(Default)]
pub(super) struct Source {
    pub(super) rules: Vec<Written>,
    pub(super) allow: Vec<AllowList>,
    /// Keys of the file that are not known, or that need other files.
    pub(super) foreign: Vec<String>,
}

/// One rule: its id and what is written, or why that is none.
pub(super) struct Written {
    pub(super) id: String,
    pub(super) rule: Result<Rule, String>,
}

/// A rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    pub(super) description: String,
    pub(super) path: Option<String>,
    pub(super) regex: Option<String>,
    #[serde(rename = "secretgroup")]
    pub(super) secret_group: usize,
    pub(super) entropy: Number,
    pub(super) keywords: Vec<String>,
    allowlist: Option<AllowList>,
    pub(super) allowlists: Vec<AllowList>,
    pub(super) required: Vec<Required>,
    #[serde(rename = "skipreport")]
    pub(super) skip_report: bool,
}

/// What is no secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AllowList {
    pub(super) condition: String,
    pub(super) commits: Vec<String>,
    pub(super) paths: Vec<String>,
    #[serde(rename = "regextarget")]
    pub(super) regex_target: String,
    pub(super) regexes: Vec<String>,
    #[serde(rename = "stopwords")]
    pub(super) stop_words: Vec<String>,
    #[serde(rename = "targetrules")]
    pub(super) target_rules: Vec<String>,
}

/// Another rule that must be found nearby.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Required {
    pub(super) id: String,
    #[serde(rename = "withinlines")]
    pub(super) within_lines: Option<usize>,
    #[serde(rename = "withincolumns")]
    pub(super) within_columns: Option<usize>,
}

/// `3` and `3.5` alike.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(from = "Written64")]
pub(super) struct Number(pub(super) f64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written64 {
    Whole(i32),
    Real(f64),
}

impl From<Written64> for Number {
    fn from(number: Written64) -> Self {
        match number {
            Written64::Whole(number) => Number(f64::from(number)),
            Written64::Real(number) => Number(number),
        }
    }
}

impl Source {
    pub(super) fn read(text: &str) -> Result<Source, ImportError> {
        let table: Table = toml::from_str(text).map_err(|error| ImportError::Unreadable {
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            reason: error.message().to_owned(),
        })?;
        let mut source = Source::default();
        for (key, value) in lower(table) {
            match key.as_str() {
                "rules" => source.rules = list(value, &key)?.into_iter().map(rule).collect(),
                "allowlist" | "allowlists" => {
                    for value in list(value, &key)? {
                        source
                            .allow
                            .push(value.try_into().map_err(|error| shape(&key, &error))?);
                    }
                }
                idle if IDLE_KEYS.contains(&idle) => {}
                _ => source.foreign.push(key),
            }
        }
        Ok(source)
    }
}

fn rule(value: Value) -> Written {
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
    Written {
        id: id.to_owned(),
        rule: meant(value),
    }
}

fn meant(value: Value) -> Result<Rule, String> {
    if let Some(key) = value
        .as_table()
        .and_then(|table| table.keys().find(|key| !RULE_KEYS.contains(&key.as_str())))
    {
        return Err(foreign(key));
    }
    let mut rule: Rule = value.try_into().map_err(|error: toml::de::Error| {
        format!("{}; correct the rule", error.message().trim())
    })?;
    rule.allowlists.extend(rule.allowlist.take());
    Ok(rule)
}

/// Why a key that is not of this format refuses its rule: it may say what the rule finds.
fn foreign(key: &str) -> String {
    let why = match key {
        "filter" | "filters" | "prefilter" | "expr" => {
            "filters by an expression, which is not run here"
        }
        "validate" | "validation" | "verify" => "checks over the network, which is not done here",
        _ => {
            return format!(
                "has the key {key:?}, which is none of this format; write the detector by hand"
            );
        }
    };
    format!("{why}; write the detector by hand, without {key:?}")
}

/// All keys in lower case, at every depth.
fn lower(table: Table) -> Table {
    table
        .into_iter()
        .map(|(key, value)| (key.to_lowercase(), lower_value(value)))
        .collect()
}

fn lower_value(value: Value) -> Value {
    match value {
        Value::Table(table) => Value::Table(lower(table)),
        Value::Array(list) => Value::Array(list.into_iter().map(lower_value).collect()),
        plain => plain,
    }
}

/// One table, or a list of them.
fn list(value: Value, key: &str) -> Result<Vec<Value>, ImportError> {
    match value {
        Value::Array(list) => Ok(list),
        table @ Value::Table(_) => Ok(vec![table]),
        _ => Err(ImportError::Unreadable {
            line: 1,
            reason: format!("{key} is neither a table nor a list of tables; correct it"),
        }),
    }
}

fn shape(key: &str, error: &toml::de::Error) -> ImportError {
    ImportError::Unreadable {
        line: 1,
        reason: format!("{key}: {}; correct it", error.message().trim()),
    }
}

/// Line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
