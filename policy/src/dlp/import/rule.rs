//! One rule after the other, from what is written there to what is written here.

use std::collections::BTreeSet;

use super::{
    Remark,
    pattern::translated,
    read::{AllowList, Required, Rule, Source, Written},
    write::{Allow, Detector, File, Group},
};
use crate::dlp::{
    load::{MAX_ID_BYTES, MAX_WITHIN_CHARS},
    pattern::{Dialect, Pattern},
};

/// How the patterns are read.
const DIALECT: &str = "re2";
/// How sure an imported detector is: its pattern was made to find secrets, but nothing here has tested it.
const STRENGTH: &str = "medium";
/// Where it looks: joining across separators makes values there that the rule would not see.
const VIEWS: &[&str] = &["raw", "normalised", "decoded"];
/// There a value needs more than this entropy, here at least.
const ENTROPY_STEP: f64 = 1e-9;
/// What a line is taken for where a distance is given in lines, in characters.
const LINE_CHARS: usize = 200;

/// A conversion under way.
pub(super) struct Converter<'s> {
    source: &'s Source,
    size_limit: usize,
    pub(super) refused: Vec<Remark>,
    pub(super) notes: Vec<Remark>,
}

impl<'s> Converter<'s> {
    pub(super) fn new(source: &'s Source, size_limit: usize) -> Self {
        Converter {
            source,
            size_limit,
            refused: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Everything that can be converted.
    pub(super) fn file(&mut self) -> File {
        for key in &self.source.foreign {
            let reason = match key.as_str() {
                "extend" => "rules of other files are not fetched; import those files too",
                _ => "the key is none of this format and has no effect here; see what it is for",
            };
            self.refuse(&format!("[{key}]"), reason);
        }
        for reason in self
            .source
            .allow
            .iter()
            .filter_map(|list| list.as_ref().err())
        {
            self.refuse("[allowlist]", reason);
        }
        let lists = self
            .source
            .allow
            .iter()
            .filter_map(|list| list.as_ref().ok());
        let (targeted, global): (Vec<_>, Vec<_>) =
            lists.partition(|allow| !allow.target_rules.is_empty());
        let allow = self.allow_lists("[allowlist]", global);
        let mut taken = BTreeSet::new();
        let rules = self.source.rules.iter();
        let detector = rules
            .filter_map(|written| self.rule(written, &targeted, &mut taken))
            .collect();
        File { allow, detector }
    }

    fn rule(
        &mut self,
        written: &Written,
        targeted: &[&AllowList],
        taken: &mut BTreeSet<String>,
    ) -> Option<Detector> {
        let result = self.detector(written, targeted).and_then(|detector| {
            if taken.insert(detector.id.clone()) {
                Ok(detector)
            } else {
                Err("another rule has this id; rename one".to_owned())
            }
        });
        result
            .map_err(|reason| self.refuse(&written.id, &reason))
            .ok()
    }

    fn detector(&mut self, written: &Written, targeted: &[&AllowList]) -> Result<Detector, String> {
        let id = new_id(&written.id)?;
        let rule = written.rule.as_ref().map_err(Clone::clone)?;
        if rule.skip_report {
            return Err(
                "is not reported by itself; the rules that require it have its pattern".to_owned(),
            );
        }
        let (regex, groups) = self.pattern(rule)?;
        let (all_of, within) = self.required(rule)?;
        if rule.path.is_some() {
            self.note(
                &written.id,
                "holds for all text here, not only for files of its path",
            );
        }
        if !all_of.is_empty() {
            self.note(
                &written.id,
                "the distance to what it requires is counted in characters here",
            );
        }
        let targeted = targeted
            .iter()
            .copied()
            .filter(|allow| allow.target_rules.contains(&written.id));
        let allow = self.allow_lists(&written.id, rule.allowlists.iter().chain(targeted));
        Ok(Detector {
            id,
            description: description(rule, &written.id),
            keywords: keywords(rule),
            regex,
            group: group(rule, groups)?,
            all_of,
            within,
            entropy: (rule.entropy.0 > 0.0).then_some(rule.entropy.0 + ENTROPY_STEP),
            dialect: DIALECT,
            strength: STRENGTH,
            views: VIEWS,
            origin: "import",
            allow,
        })
    }

    /// The rule's pattern and how many groups it has.
    fn pattern(&self, rule: &Rule) -> Result<(String, usize), String> {
        let Some(regex) = rule.regex.as_deref().filter(|regex| !regex.is_empty()) else {
            return Err(
                "has no pattern but only a path, and text has none; leave it out".to_owned(),
            );
        };
        let regex = translated(regex);
        let pattern = self
            .compiled(&regex)
            .map_err(|reason| format!("regex: {reason}"))?;
        Ok((regex, pattern.groups()))
    }

    fn compiled(&self, regex: &str) -> Result<Pattern, String> {
        Pattern::new(regex, Dialect::Re2, self.size_limit)
    }

    /// Patterns of the rules that must be found nearby, and how near.
    fn required(&self, rule: &Rule) -> Result<(Vec<String>, Option<usize>), String> {
        let patterns: Vec<String> = rule
            .required
            .iter()
            .map(|required| self.required_pattern(required))
            .collect::<Result<_, _>>()?;
        let within = rule.required.iter().map(distance).max();
        Ok((patterns, within))
    }

    fn required_pattern(&self, required: &Required) -> Result<String, String> {
        let other = self
            .source
            .rules
            .iter()
            .find(|other| other.id == required.id);
        let Some(Written { rule: Ok(rule), .. }) = other else {
            return Err(format!(
                "requires the rule {:?}, which is not there or refused itself; add it",
                required.id
            ));
        };
        let pattern = self.pattern(rule);
        let (regex, _) =
            pattern.map_err(|reason| format!("requires {:?}, which {reason}", required.id))?;
        Ok(regex)
    }

    fn allow_lists<'a>(
        &mut self,
        id: &str,
        lists: impl IntoIterator<Item = &'a AllowList>,
    ) -> Vec<Allow> {
        lists
            .into_iter()
            .filter_map(|list| self.allow(id, list))
            .collect()
    }

    /// The list as it holds for text without path and commit; `None` where nothing is left of it.
    fn allow(&mut self, id: &str, list: &AllowList) -> Option<Allow> {
        let all = matches!(list.condition.to_uppercase().as_str(), "AND" | "&&");
        let elsewhere = !list.paths.is_empty() || !list.commits.is_empty();
        if elsewhere && all {
            self.note(
                id,
                "an allow-list that demands a path or a commit never fits here and is left out",
            );
            return None;
        }
        if elsewhere {
            self.note(
                id,
                "paths and commits of an allow-list are left out; text has none",
            );
        }
        let regexes = self.allow_regexes(id, &list.regexes);
        if all && regexes.is_empty() && !list.regexes.is_empty() {
            self.note(
                id,
                "an allow-list is left out, because all its patterns are",
            );
            return None;
        }
        let words = list.stop_words.iter().filter(|word| !word.is_empty());
        let words: BTreeSet<String> = words.map(|word| word.to_lowercase()).collect();
        let target = match list.regex_target.to_lowercase().as_str() {
            "match" => "match",
            "line" => "line",
            _ => "value",
        };
        (!regexes.is_empty() || !words.is_empty()).then(|| Allow {
            regexes,
            words: words.into_iter().collect(),
            target,
            all,
            dialect: DIALECT,
        })
    }

    /// The patterns that can be compiled. Without the others more is found, not less.
    fn allow_regexes(&mut self, id: &str, written: &[String]) -> Vec<String> {
        let mut regexes = Vec::new();
        for regex in written {
            let regex = translated(regex);
            match self.compiled(&regex) {
                Ok(_) => regexes.push(regex),
                Err(reason) => self.note(
                    id,
                    &format!("a pattern of an allow-list is left out: {reason}"),
                ),
            }
        }
        regexes
    }

    fn refuse(&mut self, id: &str, reason: &str) {
        self.refused.push(remark(id, reason));
    }

    fn note(&mut self, id: &str, reason: &str) {
        self.notes.push(remark(id, reason));
    }
}

fn remark(id: &str, reason: &str) -> Remark {
    Remark {
        id: id.to_owned(),
        reason: reason.to_owned(),
    }
}

/// `import.` and the rule's id, in the letters that an id may have.
fn new_id(id: &str) -> Result<String, String> {
    if id.trim().is_empty() {
        return Err("has no id; give it one".to_owned());
    }
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '_' | '-') => c,
        _ => '_',
    };
    let id = format!("import.{}", id.chars().map(plain).collect::<String>());
    if id.len() > MAX_ID_BYTES {
        return Err(format!(
            "the new id is longer than {MAX_ID_BYTES} bytes; shorten it"
        ));
    }
    Ok(id)
}

/// One line.
fn description(rule: &Rule, id: &str) -> String {
    let words: Vec<&str> = rule.description.split_whitespace().collect();
    if words.is_empty() {
        format!("Rule {id}")
    } else {
        words.join(" ")
    }
}

fn keywords(rule: &Rule) -> Vec<String> {
    let words = rule.keywords.iter().filter(|word| !word.trim().is_empty());
    words.map(|word| word.to_lowercase()).collect()
}

/// There the value is the group that the rule names, else the first one that is not empty, else the whole match.
fn group(rule: &Rule, groups: usize) -> Result<Option<Group>, String> {
    match (rule.secret_group, groups) {
        (0, 0) => Ok(None),
        (0, _) => Ok(Some(Group::Word("first"))),
        (number, groups) if number <= groups => Ok(Some(Group::Number(number))),
        _ => Err("secretGroup names a group that the pattern does not have; correct it".to_owned()),
    }
}

/// How far a required rule may be found, in characters.
fn distance(required: &Required) -> usize {
    let lines = required
        .within_lines
        .map(|lines| lines.saturating_add(1).saturating_mul(LINE_CHARS));
    // Columns are compared whatever the line, so without lines they bound no distance.
    let columns = required.within_columns.unwrap_or_default();
    lines
        .map_or(MAX_WITHIN_CHARS, |lines| lines.saturating_add(columns))
        .clamp(1, MAX_WITHIN_CHARS)
}
