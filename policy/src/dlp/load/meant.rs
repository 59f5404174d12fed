//! What a written detector means: patterns compiled, names resolved, every mistake named with its remedy.

use std::{collections::BTreeSet, sync::Arc};

use super::written::{Written, WrittenAllow, WrittenContext};
use crate::{
    dlp::{
        Strength,
        allow::{Allow, Target},
        check::Check,
        context::Context,
        detector::{Detector, Example, Marking, Source, ViewSet},
        detectors::LoadOptions,
        hash,
        pattern::{Dialect, Group, Pattern},
        phrases::Phrases,
        validator::Validator,
        view::ViewName,
    },
    label::Spifs,
};

/// Patterns of one detector at most, `any_of` and `all_of` each.
pub const MAX_PATTERNS: usize = 256;
/// Phrases of one detector at most.
pub const MAX_PHRASES: usize = 50_000;
/// How far a context word may stand from a value at most, in characters.
pub const MAX_CONTEXT_CHARS: usize = 1000;
/// How far a pattern of `all_of` may stand from a value at most, in characters.
pub const MAX_WITHIN_CHARS: usize = 10_000;
/// How far a pattern of `all_of` may stand from a value where nothing is said, in characters.
pub const DEFAULT_WITHIN_CHARS: usize = 300;
/// Length of an id at most, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Examples of each kind that a detector must have, unless it was imported.
pub const MIN_EXAMPLES: usize = 2;

/// Turns what is written into what is meant.
pub(super) struct Meaning<'a> {
    pub(super) spifs: &'a Spifs,
    pub(super) options: &'a LoadOptions,
    /// Allow-lists of the whole file.
    pub(super) shared: &'a [Arc<Allow>],
    /// Views of the file's detectors that name none.
    pub(super) default_views: ViewSet,
    pub(super) mistakes: Vec<String>,
}

impl Meaning<'_> {
    /// The detector, unless there are mistakes.
    pub(super) fn detector(&mut self, written: Written, origin: &str) -> Option<Detector> {
        self.plain(&written);
        let dialect = self.note(dialect(written.dialect.as_deref()));
        let source = self.source(&written, dialect.unwrap_or(Dialect::Rust));
        let all_of = self.patterns("all_of", &written.all_of, dialect.unwrap_or(Dialect::Rust));
        let validator = self.note(written.validator.as_deref().map(validator).transpose());
        let strength = written.strength.unwrap_or(Strength::None);
        let context = written
            .context
            .map(|context| meant_context(context, strength));
        let context = self.note(context.transpose());
        let views = self.views(written.views.as_deref());
        let allow = self.allows(written.allow);
        let detector = Detector {
            id: written.id,
            origin: origin.to_owned(),
            description: written.description,
            keywords: written.keywords,
            source: source?,
            all_of: all_of?,
            within: written.within.unwrap_or(DEFAULT_WITHIN_CHARS),
            validator: validator?,
            entropy: written.entropy.unwrap_or(0.0),
            context: context?,
            strength,
            min_distinct: written.min_distinct.unwrap_or(1),
            allow,
            views: views?,
            links: written.links.unwrap_or_default(),
            rooms: written.rooms.unwrap_or_default(),
            marking: written.marking,
            imported: written.origin.is_some(),
            examples: written.examples,
            negative_examples: written.negative_examples,
        };
        self.mistakes.is_empty().then_some(detector)
    }

    /// Keeps a mistake, and gives what there is without one.
    fn note<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    fn must(&mut self, holds: bool, mistake: impl FnOnce() -> String) {
        if !holds {
            self.mistakes.push(mistake());
        }
    }

    /// The parts that need no compiling.
    fn plain(&mut self, written: &Written) {
        self.must(written.id.is_empty() || is_id(&written.id), || {
            "the id is not pack.name in a-z, 0-9, _ and -, of at most 128 bytes; rename it"
                .to_owned()
        });
        self.must(!has_empty(&written.keywords), || {
            "a keyword is empty; remove it".to_owned()
        });
        self.must(
            written.strength != Some(Strength::None) || written.context.is_some(),
            || "strength none counts only beside words; add a context".to_owned(),
        );
        self.must(
            written
                .entropy
                .is_none_or(|bits| bits.is_finite() && bits >= 0.0),
            || "entropy is not a number of bits from 0; correct it".to_owned(),
        );
        self.must(written.min_distinct != Some(0), || {
            "min_distinct is 0; write 1 or more".to_owned()
        });
        self.must(written.within.unwrap_or(0) <= MAX_WITHIN_CHARS, || {
            format!("within is greater than {MAX_WITHIN_CHARS}; lower it")
        });
        self.must(
            written.within.is_none() || !written.all_of.is_empty(),
            || "within belongs to all_of; add that or remove it".to_owned(),
        );
        for (key, list) in [("links", &written.links), ("rooms", &written.rooms)] {
            self.must(list.as_ref().is_none_or(|list| !list.is_empty() && !has_empty(list)), || {
                format!("{key} is empty or has an empty name, so nothing fits; name one or remove it")
            });
        }
        self.must(
            written
                .origin
                .as_deref()
                .is_none_or(|origin| origin == "import"),
            || "origin can only be \"import\"; correct or remove it".to_owned(),
        );
        self.examples("examples", written, &written.examples);
        self.examples("negative_examples", written, &written.negative_examples);
        self.must(
            written
                .negative_examples
                .iter()
                .all(|example| example.strength.is_none()),
            || "a negative example has a strength; it is a plain text".to_owned(),
        );
        self.marking(written.marking.as_ref());
    }

    fn examples(&mut self, key: &str, written: &Written, examples: &[Example]) {
        let count = examples.len();
        self.must(written.origin.is_some() || count >= MIN_EXAMPLES, || {
            format!("{count} {key}, but at least {MIN_EXAMPLES} are needed; add some")
        });
    }

    fn marking(&mut self, marking: Option<&Marking>) {
        let known = marking
            .is_none_or(|marking| self.spifs.marking(&marking.policy, &marking.classification));
        self.must(known, || {
            "marking names a classification that no loaded SPIF has; load it or correct the names"
                .to_owned()
        });
    }

    /// What finds values: exactly one kind of it.
    fn source(&mut self, written: &Written, dialect: Dialect) -> Option<Source> {
        let text = written.regex.is_some() || written.any_of.is_some() || written.phrases.is_some();
        let kinds = [
            text,
            written.check.is_some(),
            written.exact.is_some(),
            written.documents.is_some(),
        ];
        let count = kinds.iter().filter(|given| **given).count();
        if count != 1 || (written.regex.is_some() && written.any_of.is_some()) {
            self.mistakes.push(
                "exactly one of regex or any_of (with or without phrases), phrases, check, exact, documents says what \
                 is found; keep one"
                    .to_owned(),
            );
            return None;
        }
        self.must(text || !is_for_text(written), || {
            "keywords, all_of, group, validator, ignore_case and dialect belong to regex, any_of and phrases; remove them"
                .to_owned()
        });
        self.must(
            written.ignore_case.is_none() || written.phrases.is_some(),
            || {
                "ignore_case belongs to phrases; remove it, and write (?i) into the pattern"
                    .to_owned()
            },
        );
        if let Some(name) = &written.check {
            return self.note(check(name)).map(Source::Check);
        }
        if !text {
            return self.index(written);
        }
        self.text(written, dialect)
    }

    fn text(&mut self, written: &Written, dialect: Dialect) -> Option<Source> {
        let patterns = match (&written.regex, &written.any_of) {
            (Some(regex), _) => self.patterns("regex", std::slice::from_ref(regex), dialect),
            (None, Some(list)) if list.is_empty() => {
                self.mistakes
                    .push("any_of is empty; add a pattern".to_owned());
                None
            }
            (None, Some(list)) => self.patterns("any_of", list, dialect),
            (None, None) => Some(Vec::new()),
        };
        let patterns = patterns.map(|list| self.grouped(list, written));
        let phrases = written
            .phrases
            .as_ref()
            .map(|words| phrases(words, written.ignore_case.unwrap_or(false)));
        let phrases = self.note(phrases.transpose());
        Some(Source::Text {
            patterns: patterns?,
            phrases: phrases?,
        })
    }

    /// Each pattern with the group that is its value.
    fn grouped(&mut self, patterns: Vec<Pattern>, written: &Written) -> Vec<(Pattern, Group)> {
        let wanted = written.group.as_ref().map(|group| group.0);
        if let Some(Group::Number(number)) = wanted {
            let all_have =
                !patterns.is_empty() && patterns.iter().all(|one| one.groups() >= number);
            self.must(all_have, || {
                "group is a number that a pattern does not have; correct it".to_owned()
            });
        }
        let group = |pattern: &Pattern| Group::Number(pattern.groups().min(1));
        patterns
            .into_iter()
            .map(|pattern| {
                let group = wanted.unwrap_or_else(|| group(&pattern));
                (pattern, group)
            })
            .collect()
    }

    fn patterns(&mut self, key: &str, list: &[String], dialect: Dialect) -> Option<Vec<Pattern>> {
        if list.len() > MAX_PATTERNS {
            self.mistakes.push(format!(
                "{key} has more than {MAX_PATTERNS} patterns; make two detectors"
            ));
            return None;
        }
        let mut patterns = Vec::new();
        for (number, pattern) in (1..).zip(list) {
            let place = if list.len() > 1 {
                format!("{key} {number}")
            } else {
                key.to_owned()
            };
            let compiled = compiled(pattern, dialect, self.options);
            patterns.push(self.note(compiled.map_err(|mistake| format!("{place}: {mistake}"))));
        }
        patterns.into_iter().collect()
    }

    fn index(&mut self, written: &Written) -> Option<Source> {
        let name = match (&written.exact, &written.documents) {
            (Some(exact), _) => &exact.index,
            (None, Some(documents)) => &documents.index,
            (None, None) => return None,
        };
        let Some(index) = self.options.indexes.get(name) else {
            self.mistakes.push(format!(
                "index {name:?} is not loaded; build it with `sluice dlp index` and name its file, here by --index, in a profile under `indexes`"
            ));
            return None;
        };
        let finder = match (&written.exact, &written.documents) {
            (Some(exact), _) => index.exact(exact),
            (None, Some(documents)) => index.documents(documents),
            (None, None) => return None,
        };
        self.note(finder).map(Source::Index)
    }

    fn views(&mut self, names: Option<&[String]>) -> Option<ViewSet> {
        match names {
            None => Some(self.default_views),
            Some(names) => self.note(view_set(names)),
        }
    }

    fn allows(&mut self, written: Vec<WrittenAllow>) -> Vec<Arc<Allow>> {
        let mut all = self.shared.to_vec();
        for allow in written {
            let meant = meant_allow(allow, self.options, &mut self.mistakes);
            all.extend(meant.map(Arc::new));
        }
        all
    }
}

/// The allow-list that is meant; what is wrong with it goes to `mistakes`.
pub(super) fn meant_allow(
    written: WrittenAllow,
    options: &LoadOptions,
    mistakes: &mut Vec<String>,
) -> Option<Allow> {
    let mut note = |mistake: String| mistakes.push(format!("allow: {mistake}"));
    if !written.has_content || has_empty(&written.values) || has_empty(&written.words) {
        note("nothing in it, or an empty text; name values, words or regexes".to_owned());
    }
    let dialect = dialect(written.dialect.as_deref()).map_err(&mut note).ok();
    let target = match written.target.as_deref() {
        None | Some("value") => Target::Value,
        Some("match") => Target::Match,
        Some("line") => Target::Line,
        Some(_) => {
            note("target is not value, match or line; correct it".to_owned());
            Target::Value
        }
    };
    let compile = |pattern: &String| {
        compiled(pattern, dialect.unwrap_or(Dialect::Rust), options).map_err(&mut note)
    };
    let regexes = written.regexes.iter().map(compile);
    let regexes: Vec<_> = regexes.filter_map(Result::ok).collect();
    (regexes.len() == written.regexes.len()).then(|| Allow {
        values: written
            .values
            .iter()
            .map(|value| hash::normal(value))
            .collect(),
        words: written
            .words
            .iter()
            .map(|word| word.to_lowercase())
            .collect(),
        regexes,
        target,
        all: written.all,
    })
}

/// The pattern, which its author learns now if it does not compile.
fn compiled(text: &str, dialect: Dialect, options: &LoadOptions) -> Result<Pattern, String> {
    let new = if options.trusted {
        Pattern::late
    } else {
        Pattern::new
    };
    new(text, dialect, options.size_limit)
}

/// The views that are named.
pub(super) fn view_set(names: &[String]) -> Result<ViewSet, String> {
    let unknown = || {
        let known = ViewName::ALL.map(ViewName::as_str).join(", ");
        format!("views is empty or names one that is not known; use {known}")
    };
    let views = names.iter().map(|name| ViewName::from_name(name));
    let views: BTreeSet<ViewName> = views.collect::<Option<_>>().ok_or_else(unknown)?;
    if views.is_empty() {
        return Err(unknown());
    }
    Ok(views.into_iter().collect())
}

fn is_id(id: &str) -> bool {
    let valid = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    id.len() <= MAX_ID_BYTES && id.split('.').count() >= 2 && id.split('.').all(valid)
}

fn has_empty(list: &[String]) -> bool {
    list.iter().any(|text| text.trim().is_empty())
}

/// True where a key is given that only patterns and phrases have.
fn is_for_text(written: &Written) -> bool {
    !written.keywords.is_empty()
        || !written.all_of.is_empty()
        || written.group.is_some()
        || written.validator.is_some()
        || written.ignore_case.is_some()
        || written.dialect.is_some()
}

fn dialect(name: Option<&str>) -> Result<Dialect, String> {
    match name {
        None => Ok(Dialect::Rust),
        Some("re2") => Ok(Dialect::Re2),
        Some(_) => Err("dialect can only be \"re2\"; correct or remove it".to_owned()),
    }
}

fn validator(name: &str) -> Result<Validator, String> {
    Validator::from_name(name).ok_or(format!(
        "validator {name:?} is not known; use one of {}",
        Validator::NAMES
    ))
}

fn check(name: &str) -> Result<Check, String> {
    Check::from_name(name).ok_or(format!(
        "check {name:?} is not known; use one of {}",
        Check::NAMES
    ))
}

fn meant_context(written: WrittenContext, strength: Strength) -> Result<Context, String> {
    if written.words.is_empty() || has_empty(&written.words) {
        return Err("context: words is empty or has an empty word; name the words".to_owned());
    }
    if written.within > MAX_CONTEXT_CHARS {
        return Err(format!(
            "context: within is greater than {MAX_CONTEXT_CHARS}; lower it"
        ));
    }
    let beside = written.strength.unwrap_or_else(|| strength.raised());
    if beside <= strength {
        return Err(
            "context: its strength is not greater than the detector's; raise it".to_owned(),
        );
    }
    Context::new(&written.words, written.within, beside)
}

fn phrases(words: &[String], ignore_case: bool) -> Result<Phrases, String> {
    if words.is_empty() || has_empty(words) {
        return Err("phrases is empty or has an empty phrase; name them".to_owned());
    }
    if words.len() > MAX_PHRASES {
        return Err(format!(
            "phrases are more than {MAX_PHRASES}; make two detectors"
        ));
    }
    Phrases::new(words, ignore_case)
}
