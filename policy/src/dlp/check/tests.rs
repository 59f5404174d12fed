use super::*;
use crate::dlp::budget::{Budget, ScanError};

fn finds(check: Check, text: &str) -> bool {
    let spans = run(check, text);
    assert!(
        spans
            .iter()
            .all(|(start, end)| text.get(*start..*end).is_some_and(|t| !t.is_empty())),
        "{text:?}"
    );
    !spans.is_empty()
}

#[test]
fn dl_3_evasion_itself_is_found() {
    for (check, text) in [
        (Check::Bidi, "das ist \u{202e}MIEHEG\u{202c}"),
        (Check::Bidi, "\u{2067}offen"),
        (Check::Bidi, "\u{202b}abc\u{202c}"),
        (Check::Bidi, "zu\u{2069}"),
        (Check::Tags, "Hallo\u{e0047}\u{e0045}"),
        (Check::Tags, "\u{1f3f4}\u{e0067}\u{e007f}\u{e0047}"),
        (Check::MixedScript, "G\u{415}HEIM"),
        (Check::MixedScript, "das ist Gehe\u{456}m"),
        (Check::MixedScript, "G\u{395}HEIM"),
        (Check::MixedScript, "P\u{3b1}ssword"),
        (Check::MixedScript, "\u{13c0}EHEIM"),
        (
            Check::Invisible,
            "G\u{200b}E\u{200b}H\u{200b}E\u{200b}I\u{200b}M",
        ),
        (
            Check::Invisible,
            "G\u{ad}E\u{ad}H\u{2060}E\u{34f}I\u{feff}M",
        ),
        (
            Check::Invisible,
            "ok \u{1f600}\u{e0137}\u{e0135}\u{e0138}\u{e0135}\u{e0139}\u{e013d}",
        ),
        (
            Check::Invisible,
            "a\u{200e}\u{200e}\u{200f}\u{200e}\u{200f}\u{200e}b",
        ),
        (
            Check::Combining,
            "G\u{301}\u{302}\u{303}\u{304}\u{305}EHEIM",
        ),
        (
            Check::Combining,
            "G\u{336}E\u{336}H\u{336}E\u{336}I\u{336}M\u{336}",
        ),
        (Check::Combining, "G\u{20dd}E\u{20dd}H\u{20dd}"),
    ] {
        assert!(finds(check, text), "{check:?} {text:?}");
    }
}

#[test]
fn ordinary_writing_is_no_evasion() {
    for text in [
        "Grüße aus Köln – bis später…",
        "Ελληνικά και English, Москва и London",
        "5 μm, 10 kΩ, 3 µs, ΔT, αs, β-Carotin, Σx",
        "東京タワーへ行くTシャツ、かわいい",
        "한국어 텍스트와 PC방",
        "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🇩🇪 \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "می\u{200c}خواهم کتاب\u{200c}ها می\u{200c}روم نمی\u{200c}دانم می\u{200c}شود می\u{200c}کند",
        "क्\u{200d}ष र्\u{200d}य श्\u{200d}र क्\u{200d}र त्\u{200d}र न्\u{200d}न",
        "\u{2068}alice\u{2069} ist beigetreten, שלום \u{202b}עולם\u{202c}",
        "tiếng Việt, e\u{301}te\u{301}, עִבְרִית, ภาษาไทย",
        "plain ASCII",
    ] {
        for check in [
            Check::Bidi,
            Check::Tags,
            Check::MixedScript,
            Check::Invisible,
            Check::Combining,
            Check::Html,
        ] {
            assert!(
                !finds(check, text),
                "{check:?} {text:?} {:?}",
                run(check, text)
            );
        }
    }
}

#[test]
fn every_name_is_a_check() {
    for name in Check::NAMES.split(", ") {
        assert!(Check::from_name(name).is_some(), "{name}");
    }
    assert_eq!(Check::from_name("other"), None);
}

#[test]
fn html_that_says_the_same_is_no_difference() {
    for (body, html) in [
        ("Hallo **alice**", "Hallo <strong>alice</strong>"),
        ("GE**HEIM**", "GE<strong>HEIM</strong>"),
        ("1. eins\n2. zwei", "<ol><li>eins</li><li>zwei</li></ol>"),
        ("* a\n* b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        (
            "[hier](https://high.test/x?y=z)",
            "<a href=\"https://high.test/x?y=z\">hier</a>",
        ),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        (
            "> <@alice:high.test> frage\n\nantwort",
            "<mx-reply><blockquote><a href=\"x\">In reply to</a> alice<br>frage</blockquote></mx-reply>antwort",
        ),
        (
            "alice: hallo",
            "<a href=\"https://matrix.to/#/@alice:high.test\">alice</a>: hallo",
        ),
        (
            "`let x = 1;`\n\n```\ncode\n```",
            "<p><code>let x = 1;</code></p><pre><code>code\n</code></pre>",
        ),
        ("foo_bar/baz 3,5 %", "foo_bar/baz 3,5 %"),
        ("Fünf \u{2014} Stück", "F&uuml;nf &mdash; Stück"),
    ] {
        assert!(!differs(body, html), "{body:?} {html:?}");
    }
}

/// Whether they differ, where nothing else was spent.
fn differs(body: &str, html: &str) -> bool {
    html_differs(body, html, &mut Budget::default()) == Ok(true)
}

#[test]
fn html_that_says_something_else_is_a_difference() {
    for (body, html) in [
        ("Hallo", "Hallo, das ist GEHEIM"),
        ("Hallo, das ist GEHEIM", "Hallo"),
        (
            "Treffen um 10 Uhr",
            "<p>Treffen um 10 Uhr, Nummer 86095742719</p>",
        ),
        ("Hallo", "<b>GEHEIM</b>"),
        ("geheimnis", "geheim"),
    ] {
        assert!(differs(body, html), "{body:?} {html:?}");
    }
}

#[test]
fn comparing_many_words_costs_little() {
    let start = std::time::Instant::now();
    let html = format!("{}b", "a".repeat(30_000));
    assert!(differs(&"a ".repeat(16_000), &html));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn comparing_many_words_is_paid_for() {
    let mut budget = Budget::default();
    let body = "a ".repeat(16_000);
    let html: String = (10..42)
        .map(|n| format!("{}{n} ", "a".repeat(900)))
        .collect();
    // A message has as many objects with two texts as it likes; all are compared out of one budget.
    let error = (0..100).find_map(|_| html_differs(&body, &html, &mut budget).err());
    let over = matches!(
        error,
        Some(ScanError::Budget {
            what: "bytes searched",
            ..
        })
    );
    assert!(over, "{error:?}");
}

#[test]
fn every_word_that_others_may_spell_is_paid_for() {
    let cost = |spelled: usize| {
        let mut budget = Budget::default();
        let body = format!("{}{}", "b ".repeat(15_000), "xy zw ".repeat(spelled));
        let html = format!("{}{}", "b ".repeat(15_000), "xyzw ".repeat(spelled));
        (1..1000).find(|_| html_differs(&body, &html, &mut budget).is_err())
    };
    let (few, many) = (cost(1), cost(30));
    assert!(many < few, "{many:?} against {few:?} messages");
}
