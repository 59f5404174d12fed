use super::*;

#[test]
fn ordinary_text_has_no_signs() {
    for text in [
        "Hallo alice, 12:30\n",
        "Grüße aus Köln, bis später! Die Straße ist lang; wir kommen um 10.",
        "kein geheimer Plan, nur 3 Leute (und 2 Hunde) am 22.11.",
        "this that with Bundesverfassungsgericht, geheimer Dokument\nDonaudampfschifffahrt\nNotebooks",
        "we'll meet at 7 pm, ok? \u{201e}ja\u{201c} \u{1f600}",
        "R2D2, 5 % off, if a < b = c & more",
    ] {
        assert_eq!(Signs::of(text, Borders::Odd), Signs::default(), "{text:?}");
    }
}

#[test]
fn each_oddity_has_its_sign() {
    let sign = |text: &str| {
        let signs = Signs::of(text, Borders::Odd);
        (signs.odd, signs.join, signs.look, signs.encoded())
    };
    for text in ["a\u{a0}b", "a\tb", "G\u{200b}E", "٤", "a\u{336}", "a\0"] {
        assert!(sign(text).0, "{text:?}");
    }
    for text in [
        "G E H E I M",
        "86 095 742 719",
        "G\nE\nH\nE\nI\nM",
        "A 000 500 015",
    ] {
        assert!(sign(text).1, "{text:?}");
    }
    for text in ["G\u{415}HEIM", "GEHElM", "GEHE|M", "É"] {
        assert!(sign(text).2, "{text:?}");
    }
    for text in [
        "&#71;",
        "%47",
        "=47",
        "a=\n",
        "\\u0047",
        "<b>",
        "R0VIRUlNR0VIRUlN",
        "47 45 48 45 49 4d 47 45",
        "R0VI RUlN R0VI RUlN",
        "R0VIR\nUlNR0\nVIRUl\nN",
    ] {
        assert!(sign(text).3, "{text:?}");
    }
}
