//! What an author reads when a file does not load: every mistake at once, wherever it stands.

use super::*;

/// What is said of a file that begins with these lines and has a detector with a mistake behind them.
fn said(lines: &str) -> Vec<String> {
    let broken = bare("strength = 'low'\nregex = 'x(?=y)'");
    one(&format!("{lines}\n{broken}")).unwrap_err()
}

fn must_begin(errors: &[String], expected: &[&str]) {
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for beginning in expected {
        let is_said = errors.iter().any(|error| error.starts_with(beginning));
        assert!(is_said, "{beginning:?} is not in {errors:#?}");
    }
}

fn refused(from: &str, to: &str) -> String {
    assert_eq!(
        WORD.matches(from).count(),
        1,
        "the mutation must change one place: {from}"
    );
    one(&WORD.replace(from, to))
        .err()
        .unwrap_or_default()
        .join("\n")
}

#[test]
fn ru_1_a_mistake_of_shape_in_defaults_or_an_allow_list_hides_no_other() {
    let lines = "[defaults]\nviews = 'raw'\ncolour = 'red'\n\
                 [[allow]]\nwrds = ['a']\n\
                 [[allow]]\nwords = 3\ntarget = 'all'\nregexes = ['(?=x)', '[']\ndialect = 'pcre'";
    must_begin(
        &said(lines),
        &[
            "rules.toml:2: views: invalid type",
            "rules.toml:3: unknown key \"colour\"",
            "rules.toml:4: allow: unknown key \"wrds\"",
            "rules.toml:4: allow: nothing in it",
            "rules.toml:6: allow: words: invalid type",
            "rules.toml:6: allow: target is not",
            "rules.toml:6: allow: dialect can only be",
            "rules.toml:6: allow: look-around",
            "rules.toml:6: allow: unclosed",
            "rules.toml:11: test.word: regex: look-around",
        ],
    );
}

#[test]
fn ru_1_a_part_of_a_file_that_is_no_table_hides_no_other() {
    for (lines, mistake) in [
        ("defaults = 7", "rules.toml:1: defaults is no table"),
        ("[[defaults]]", "rules.toml:1: defaults is no table"),
        ("allow = 3", "rules.toml:1: allow is no list of tables"),
        (
            "[allow]\nwords = ['a']",
            "rules.toml:1: allow is no list of tables",
        ),
        (
            "\nallow = [{ words = ['a'] }, 'b']",
            "rules.toml:2: allow is no list of tables",
        ),
    ] {
        let errors = said(lines);
        assert_eq!(errors.len(), 2, "{lines}: {errors:#?}");
        assert!(errors[0].starts_with(mistake), "{lines}: {errors:#?}");
        assert!(
            errors[1].contains(": test.word: regex: look-around"),
            "{lines}: {errors:#?}"
        );
    }
    let single = bare("strength = 'low'\nregex = 'x'").replace("[[detector]]", "[detector]");
    must_begin(
        &one(&format!("[[allow]]\nwords = []\n{single}")).unwrap_err(),
        &[
            "rules.toml:1: allow: nothing in it",
            "rules.toml:3: detector is no list of tables; write [[detector]]",
        ],
    );
}

#[test]
fn ru_1_every_mistake_in_a_detectors_own_lists_and_context_is_named() {
    let lines = "strength = 'low'\nregex = 'x'\nallow = [{ wrds = ['a'] }, { words = 3, target = 'all' }]\n\
                 context = { word = ['a'], within = 'near', strength = 'sure' }";
    must_begin(
        &one(&bare(lines)).unwrap_err(),
        &[
            "rules.toml:1: test.word: allow: unknown key \"wrds\"",
            "rules.toml:1: test.word: allow: nothing in it",
            "rules.toml:1: test.word: allow: words: invalid type",
            "rules.toml:1: test.word: allow: target is not",
            "rules.toml:1: test.word: context: unknown key \"word\"",
            "rules.toml:1: test.word: context: words is missing",
            "rules.toml:1: test.word: context: within: invalid type",
            "rules.toml:1: test.word: context: strength: unknown variant",
        ],
    );
}

#[test]
fn mistakes_in_rules_name_file_line_and_id() {
    for (from, to, part) in [
        (
            "strength = \"low\"",
            "strength = \"low\"\ncolour = \"red\"",
            "unknown key",
        ),
        (
            "'Geheimwort [0-9]+'",
            "'(?<!x)Geheimwort [0-9]+'",
            "look-around",
        ),
        (
            "'Geheimwort [0-9]+'",
            r"'(Geheimwort) [0-9]+\1'",
            "back-references",
        ),
        (
            "'Geheimwort [0-9]+'",
            r"'(?:\w{1000}){1000}'",
            "larger than",
        ),
        ("'Geheimwort [0-9]+'", "'[0-9]*'", "empty text"),
        (
            "strength = \"low\"",
            "strength = \"low\"\nvalidator = \"mod97\"",
            "is not known; use one of ",
        ),
        ("strength = \"low\"", "strength = \"none\"", "add a context"),
        (
            "strength = \"low\"",
            "strength = \"low\"\ncontext = { words = [], within = 3 }",
            "name the words",
        ),
        (
            "strength = \"low\"",
            "strength = \"low\"\ncontext = { words = [\"a\"], within = 3000 }",
            "lower it",
        ),
        ("\"test.word\"", "\"word\"", "pack.name"),
        ("[\"geheimwort\"]", "[\"\"]", "keyword is empty"),
        (", \"ein Geheimwort 22\"", "", "at least 2"),
        (", \"Wort 1\"", "", "at least 2"),
        ("\"Wort 1\"", "\"Geheimwort 1\"", "negative example 2"),
        (
            "strength = \"low\"",
            "strength = \"low\"\nmarking = { policy = \"NATO\", classification = \"GEHEIM\" }",
            "no loaded SPIF",
        ),
    ] {
        let errors = refused(from, to);
        assert!(
            errors.contains(part) && errors.contains("rules.toml:2"),
            "{to}: {errors}"
        );
        assert!(errors.contains("word"), "{to}: {errors}");
    }
}

#[test]
fn mistakes_of_a_file_itself_have_its_line() {
    assert!(one("[[detector]\n").unwrap_err()[0].starts_with("rules.toml:1: "));
    assert!(one("\n\npolicy = 1\n").unwrap_err()[0].starts_with("rules.toml:3: unknown key"));
}

#[test]
fn ru_1_an_unknown_key_of_a_file_hides_no_mistake_of_its_detectors() {
    let broken = WORD.replace("[0-9]+'", "(?=x)'");
    let errors = one(&format!("policy = 1\n{broken}\n[link]\nname = 'x'\n")).unwrap_err();
    let said = |part: &str| errors.iter().any(|error| error.contains(part));
    assert!(said("rules.toml:1: unknown key \"policy\""), "{errors:?}");
    assert!(said("rules.toml:12: unknown key \"link\""), "{errors:?}");
    assert!(said("test.word: regex: look-around"), "{errors:?}");
}

#[test]
fn one_id_stands_once() {
    let errors = one(&WORD.repeat(2)).unwrap_err();
    assert_eq!(
        errors,
        ["rules.toml:11: test.word: the id stands at rules.toml:2 too; rename one"]
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let second = WORD
        .replace("test.word", "test.other")
        .replace("\"low\"", "\"loud\"");
    let toml = WORD
        .replace("[0-9]+'", "(?=x)'")
        .replace(", \"Wort 1\"", "")
        + &second;
    assert_eq!(one(&toml).unwrap_err().len(), 3);
}

#[test]
fn ru_1_every_mistake_of_shape_or_meaning_has_its_own_words() {
    let low = |lines: &str| bare(&format!("strength = \"low\"\n{lines}"));
    for (toml, part) in [
        (WORD.replace("id = \"test.word\"", ""), "id is missing"),
        (bare("regex = 'x'"), "strength is missing"),
        (bare("regex = 'x'\nstrength = 1"), "strength: "),
        (low("regex = 7"), "regex: invalid type"),
        (low("any_of = 'x'"), "any_of: invalid type"),
        (low("any_of = []"), "any_of is empty"),
        (low("regex = 'x'\nany_of = ['y']"), "exactly one of"),
        (low("regex = 'x'\ncheck = 'html'"), "exactly one of"),
        (low(""), "exactly one of"),
        (
            low("check = 'bidy'"),
            "check \"bidy\" is not known; use one of",
        ),
        (low("check = 'html'\nkeywords = ['x']"), "belong to regex"),
        (
            low("exact = { index = 'p', columns = ['a'], at_least = 1, within = 9 }"),
            "index \"p\" is not loaded",
        ),
        (
            low("exact = { index = 'p', colums = ['a'], at_least = 1, within = 9 }"),
            "exact: unknown field",
        ),
        (
            low("documents = { index = 'p', overlap = 0.3 }"),
            "is not loaded",
        ),
        (low("phrases = []"), "phrases is empty"),
        (low("phrases = [' ']"), "empty phrase"),
        (
            low("regex = 'x'\nignore_case = true"),
            "ignore_case belongs to phrases",
        ),
        (low("any_of = ['x', '(?=y)z']"), "any_of 2: look-around"),
        (
            low("any_of = ['x', '[']"),
            "any_of 2: unclosed character class",
        ),
        (
            low("regex = 'x'\nall_of = ['(?<!y)z']"),
            "all_of: look-around",
        ),
        (low("regex = 'x'\nwithin = 20"), "within belongs to all_of"),
        (
            low("regex = 'x'\nall_of = ['y']\nwithin = 10001"),
            "within is greater than",
        ),
        (low("regex = '(x)'\ngroup = 2"), "group is a number"),
        (
            low("regex = '(x)'\ngroup = 'last'"),
            "neither a group's number",
        ),
        (low("regex = '(x)'\ngroup = -1"), "neither a group's number"),
        (low("regex = 'x'\nentropy = -1.0"), "entropy is not"),
        (low("regex = 'x'\nentropy = nan"), "entropy is not"),
        (low("regex = 'x'\nmin_distinct = 0"), "min_distinct is 0"),
        (
            low("regex = 'x'\nviews = ['raw', 'v1']"),
            "use raw, normalised",
        ),
        (low("regex = 'x'\nviews = []"), "views is empty"),
        (low("regex = 'x'\nlinks = []"), "links is empty"),
        (low("regex = 'x'\nrooms = ['']"), "rooms is empty or has"),
        (low("regex = 'x'\ndialect = 'pcre'"), "dialect can only be"),
        (
            bare("regex = 'x'\nstrength = 'low'").replace("\"import\"", "\"web\""),
            "origin can only",
        ),
        (low("regex = 'x'\nallow = {}"), "allow: nothing in it"),
        (
            low("regex = 'x'\nallow = { words = [''] }"),
            "or an empty text",
        ),
        (
            low("regex = 'x'\nallow = { regexes = ['(?=x)'] }"),
            "allow: look-around",
        ),
        (
            low("regex = 'x'\nallow = { words = ['a'], target = 'all' }"),
            "target is not",
        ),
        (
            low("regex = 'x'\nallow = { wrds = ['a'] }"),
            "allow: unknown key",
        ),
        (low("regex = 'x'\nallow = 3"), "allow: "),
        (
            low("regex = 'x'\ncontext = { words = ['a'], within = 5, strength = 'low' }"),
            "its strength is not greater",
        ),
        (
            low("regex = 'x'\nexamples = [{ text = 'x' }]"),
            "examples: missing field",
        ),
        (low("regex = 'x'\nexamples = [3]"), "examples: "),
        (
            low("regex = 'x'\nnegative_examples = [{ text = 'y', strength = 'low' }]"),
            "it is a plain text",
        ),
        (
            WORD.replace("[\"Geheimwort 1\", \"ein Geheimwort 22\"]", "[]"),
            "0 examples",
        ),
        (low("regex = '(?:a.*b|.)'"), "bound its repetitions"),
        (low("regex = '\\b'"), "matches the empty text"),
        (
            low("regex = 'x'").replace("test.word", "Test.word"),
            "pack.name",
        ),
        (
            low("regex = 'x'").replace("test.word", &format!("t.{}", "x".repeat(127))),
            "pack.name",
        ),
        (
            format!("[defaults]\nviews = ['v0']\n{}", low("regex = 'x'")),
            "rules.toml:2: views is",
        ),
        (
            format!("[[allow]]\nwords = []\n{}", low("regex = 'x'")),
            "rules.toml:1: allow: nothing",
        ),
    ] {
        let errors = one(&toml).err().unwrap_or_default().join("\n");
        assert!(
            errors.contains(part),
            "{toml}\nsaid {errors:?} without {part:?}"
        );
        assert!(errors.starts_with("rules.toml:"), "{errors}");
    }
}

#[test]
fn ru_1_all_mistakes_of_one_detector_are_named_together() {
    let toml = bare("strength = 'sure'\nregex = '('\ncolour = 'red'\nviews = []\nentropy = -1.0");
    let errors = one(&toml).unwrap_err();
    assert_eq!(errors.len(), 5, "{errors:#?}");
    assert!(
        errors
            .iter()
            .all(|error| error.starts_with("rules.toml:1: test.word: "))
    );
}
