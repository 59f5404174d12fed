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
