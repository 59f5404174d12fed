//! What mallory can make a scan cost: each of these texts ends quickly, or over the budget, and so held.

use std::time::{Duration, Instant};

use super::*;

/// Far more than any of these takes, and far less than each took when it was not bounded.
const QUICK: Duration = Duration::from_secs(10);

fn within_budget(detectors: &Detectors, tree: Value) -> Result<usize, ScanError> {
    let start = Instant::now();
    let found = detectors.scan(&tree.try_into().unwrap(), "");
    assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
    found.map(|findings| findings.len())
}

fn what(over: &Result<usize, ScanError>) -> &str {
    match over {
        Err(ScanError::Budget { what, .. }) => what,
        Err(ScanError::Pattern) => "a pattern",
        Ok(_) => "nothing",
    }
}

#[test]
fn words_around_a_place_that_comes_to_nothing_are_paid_for() {
    let with = |within: usize| {
        let lines = format!(
            "strength = 'none'\nregex = '[0-9]'\nviews = ['raw']\n\
             context = {{ words = ['zimmer'], within = {within}, strength = 'low' }}"
        );
        one(&bare(&lines)).unwrap_or_else(|errors| panic_with(&errors))
    };
    // The word is there, so that the detector is called, and near none of them.
    let far = ".".repeat(2 * MAX_CONTEXT_CHARS);
    let text = json!(format!("Zimmer{far}{}", "1 ".repeat(4000)));
    assert_eq!(within_budget(&with(10), text.clone()), Ok(0));
    let over = within_budget(&with(MAX_CONTEXT_CHARS), text);
    assert_eq!(what(&over), "bytes searched", "{over:?}");
}

#[test]
fn patterns_around_a_place_that_comes_to_nothing_are_paid_for() {
    let with = |within: usize| {
        let lines = format!(
            "strength = 'low'\nregex = '[0-9]'\nviews = ['raw']\nall_of = ['zimmer']\nwithin = {within}"
        );
        one(&bare(&lines)).unwrap_or_else(|errors| panic_with(&errors))
    };
    let text = json!("1 ".repeat(4000));
    assert_eq!(within_budget(&with(10), text.clone()), Ok(0));
    let over = within_budget(&with(MAX_WITHIN_CHARS), text);
    assert_eq!(what(&over), "bytes searched", "{over:?}");
}

#[test]
fn an_event_of_nothing_but_numbers_ends_quickly() {
    let shipped = shipped();
    for number in [1_i64, 4711, 860_957_427] {
        // As many as an event of 65,536 bytes holds.
        let count = 65_536 / (number.to_string().len() + 1);
        let ended = within_budget(&shipped, json!({ "numbers": vec![number; count] }));
        assert_eq!(ended, Ok(0), "{number}");
        let texts = vec![number.to_string(); count / 2];
        assert_eq!(within_budget(&shipped, json!(texts)), Ok(0), "{number}");
    }
}

#[test]
fn comments_that_do_not_end_are_looked_through_once() {
    for (comment, end) in [("<!--", ""), ("<!--", "&amp;-->"), ("<!--&#71;", "-->")] {
        let count = MAX_UNIT_BYTES / comment.len() - end.len();
        let text = format!("{}{end}", comment.repeat(count));
        let start = Instant::now();
        let _ = see(&text);
        assert!(start.elapsed() < QUICK, "{comment}: {:?}", start.elapsed());
    }
}
