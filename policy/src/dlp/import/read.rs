//! A file in the gitleaks format, as it is written. Its keys have no case there, so they have none here.

use serde::Deserialize;
use toml::{Table, Value};

use super::{ImportError, shape};

/// Keys of the whole file that change no finding.
const IDLE_KEYS: &[&str] = &["title", "description", "minversion"];

/// The whole file.
#[derive(Default)]
pub(super) struct Source {
    pub(super) rules: Vec<Written>,
    /// Allow-lists of all rules, or why one is none.
    pub(super) allow: Vec<Result<AllowList, String>>,
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
                        source.allow.push(allow_list(value));
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
    shape::rule(&value)?;
    let mut rule: Rule = value.try_into().map_err(|error: toml::de::Error| {
        format!("{}; correct the rule", error.message().trim())
    })?;
    rule.allowlists.extend(rule.allowlist.take());
    Ok(rule)
}

fn allow_list(value: Value) -> Result<AllowList, String> {
    shape::allow_list(&value)?;
    value
        .try_into()
        .map_err(|error: toml::de::Error| format!("{}; correct it", error.message().trim()))
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

/// Line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte)
        .map_or(1, |before| before.matches('\n').count() + 1)
}
