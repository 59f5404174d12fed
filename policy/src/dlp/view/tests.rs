#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use proptest::prelude::*;

use super::*;

fn all(text: &str) -> Vec<View<'_>> {
    views(text, &mut Budget::default()).unwrap()
}

fn seen(text: &str, name: ViewName) -> Vec<String> {
    let views = all(text).into_iter().filter(|view| view.name == name);
    views.map(|view| view.text.into_owned()).collect()
}

#[test]
fn plain_text_has_one_view() {
    assert_eq!(all("Hallo alice, 12:30\n").len(), 1);
    assert_eq!(all("Grüße").len(), 1);
    assert_eq!(all("").len(), 1);
}

#[test]
fn views_come_in_the_order_of_their_names_and_each_text_once() {
    let text = "G\u{415}HEIM \u{200b}8 6 0 9 5 7 4 2 7 1 9 R0VIRUlNR0VIRUlN";
    let views = all(text);
    assert!(views.is_sorted_by_key(|view| view.name));
    let texts: std::collections::BTreeSet<&str> = views.iter().map(|view| &*view.text).collect();
    assert_eq!(texts.len(), views.len());
    for name in ViewName::ALL {
        assert!(views.iter().any(|view| view.name == name), "{name:?}");
        assert_eq!(ViewName::from_name(name.as_str()), Some(name));
    }
}

#[test]
fn offsets_lead_back_to_whole_characters_of_the_original() {
    let text = "x\u{200b}VS\u{2011}N\u{ad}fD y";
    let views = all(text);
    let view = &views[1];
    let start = view.text.find("VS-NfD").unwrap();
    let (from, to) = view.original(start, start + "VS-NfD".len());
    assert_eq!(&text[from..to], "VS\u{2011}N\u{ad}fD");
}

#[test]
fn overridden_text_is_seen_as_displayed() {
    let text = "das ist \u{202e}MIEHEG\u{202c} und";
    let texts = seen(text, ViewName::Normalised);
    assert!(
        texts.iter().any(|text| text == "das ist GEHEIM und"),
        "{texts:?}"
    );
}

#[test]
fn look_alikes_in_spelled_words_are_seen() {
    let texts = seen("das G \u{415} H \u{415} I M da", ViewName::Skeleton);
    assert!(
        texts.iter().any(|text| text == "das GEHEIM da"),
        "{texts:?}"
    );
    let texts = seen("das G E H E l M da", ViewName::Skeleton);
    assert!(
        texts.iter().any(|text| text == "das GEHEIM da"),
        "{texts:?}"
    );
}

/// Text with much that views change.
fn strange() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[A-Z0-9]{1,6}",
        "[ ./:\n,-]{1,2}",
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\u{202e}",
            "\u{202c}",
            "\u{200b}",
            "\u{e0047}",
            "\u{336}",
            "\u{fb03}",
            "&#71;",
            "%47",
            "=45",
            "=\n",
            "\\u0048",
            "<b>",
            "<br>",
            "R0VIRUlNR0VIRUlN",
            "4745484549",
            "ü",
            "Е",
            "&amp;",
            "&#x26;",
            "\u{ff27}",
            "8 6 0 9 5 7 4 2 7 1 9",
            "G E H E I M",
            "H4sIAAAAAAAA",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_range_of_every_view_is_inside_of_the_original(text in strange()) {
        let mut budget = Budget::default();
        budget.unit(text.len()).unwrap();
        let Ok(views) = views(&text, &mut budget) else { return Ok(()) };
        for view in views.iter().filter(|view| !view.text.is_empty()) {
            let borders: Vec<usize> = (0..=view.text.len()).collect();
            for pair in borders.windows(2).chain(borders.windows(borders.len().min(8))) {
                let (start, end) = view.original(pair[0], pair[pair.len() - 1]);
                prop_assert!(start < end && end <= text.len(), "{}..{} of {:?}", start, end, view.name);
                prop_assert!(text.is_char_boundary(start) && text.is_char_boundary(end));
            }
        }
    }
}
