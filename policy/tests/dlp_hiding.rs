//! Ways past the detectors that somebody tried: each text here was once released. What the shipped policy says of it on a
//! link cleared for nothing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

#[path = "shipped/policy.rs"]
mod policy;

use policy::{CLEARED_FOR_NOTHING, ORDINARY};
use sluice_policy::{dlp::Strength, verdict::Verdict};

/// Every text whose own detector does not find it, surely enough, or which is released.
fn missed(texts: &[(&'static str, &str)]) -> Vec<String> {
    let bodies: Vec<String> = texts.iter().map(|(_, text)| (*text).to_owned()).collect();
    let judged = policy::judge(&policy::bundle(), CLEARED_FOR_NOTHING, &bodies);
    let all = texts.iter().zip(judged);
    all.filter(|((detector, _), judged)| {
        let found = judged
            .findings
            .iter()
            .any(|finding| finding.strength >= Strength::Medium && finding.detector == *detector);
        !found || judged.by.is_none()
    })
    .map(|((detector, text), judged)| {
        let found: Vec<_> = judged
            .findings
            .iter()
            .map(|f| (&f.detector, f.strength))
            .collect();
        format!("{detector}: {text:?} {found:?}")
    })
    .collect()
}

fn assert_found(texts: &[(&'static str, &str)]) {
    let missed = missed(texts);
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

#[test]
fn lv_3_a_marking_in_the_name_of_a_file_is_one() {
    assert_found(&[
        ("marking.geheim", "Lage_GEHEIM_v2.pdf"),
        ("marking.geheim", "GEHEIM_2026.docx"),
        ("marking.geheim", "GEHEIM2026.docx"),
        ("marking.vs_nfd", "VS-NfD_Lage.pdf"),
        ("marking.vs_nfd", "Lage_VS-NfD.pdf"),
        ("marking.streng_geheim", "Lage_STRENG_GEHEIM_2.pdf"),
        ("marking.nato_secret", "Plan_NATO_SECRET_v1.pdf"),
        ("marking.eu_secret", "Plan_EU_SECRET_v1.pdf"),
        (
            "marking.fr_diffusion_restreinte",
            "Note_DIFFUSION_RESTREINTE_3.pdf",
        ),
        ("marking.nato_cosmic", "3_COSMIC_TOP_SECRET_1.pdf"),
    ]);
}

#[test]
fn lv_3_a_word_beside_a_marking_does_not_hide_it() {
    assert_found(&[
        ("marking.streng_geheim", "Lage streng GEHEIM um 12"),
        ("marking.streng_geheim", "Streng GEHEIM"),
        ("marking.geheim", "streng, GEHEIM"),
        ("marking.geheim", "amtlich GEHEIM gehalten"),
        ("marking.geheim", "zeer GEHEIM"),
        ("marking.fr_tres_secret", "COSMIC Plan: TRÈS SECRET"),
        ("marking.fr_secret", "très SECRET DÉFENSE"),
        ("marking.eu_secret", "TRÈS: SECRET UE"),
        (
            "marking.fr_diffusion_restreinte",
            "OTAN. DIFFUSION RESTREINTE",
        ),
    ]);
}

/// Whatever stands around it: a text with the word in capitals has a finding, if not of this level then of a higher one.
#[test]
fn lv_3_geheim_in_capitals_is_always_a_marking() {
    let words = [
        "streng", "Streng", "STRENG", "XSTRENG", "zeer", "ZEER", "amtlich", "AMTLICH", "kein",
        "Lage", "7",
    ];
    let gaps = [" ", "  ", "_", "-", ": ", ", ", "\n", " - ", ""];
    let behind = ["", " gehalten", " GEHALTEN", ".", "_v2", "\nLage", "2"];
    let mut bodies = Vec::new();
    for word in words {
        for gap in gaps {
            if gap.is_empty() && word != "7" {
                continue;
            }
            bodies.extend(behind.map(|behind| format!("{word}{gap}GEHEIM{behind}")));
        }
    }
    let judged = policy::judge(&policy::bundle(), CLEARED_FOR_NOTHING, &bodies);
    for (body, judged) in bodies.iter().zip(judged) {
        let marked = |by: String| by.starts_with("marking.");
        assert!(judged.by.is_some_and(marked), "{body:?}");
    }
}

#[test]
fn lv_3_an_adjective_is_no_marking() {
    let bodies = [
        "das ist kein geheimer Plan",
        "das war streng geheim, sagte sie",
        "Geheim ist hier nichts",
        "GEHEIMNIS der Woche",
        "TOPGEHEIM",
        "NATO restricted the flights",
        "NATO Secretary General",
        "the NATO summit was unclassified",
        "Bayern vs. Dortmund",
        "Die VS-Vertretung kommt morgen",
    ]
    .map(str::to_owned);
    let bundle = policy::bundle();
    for link in [ORDINARY, CLEARED_FOR_NOTHING] {
        let judged = policy::judge(&bundle, link, &bodies);
        for (body, judged) in bodies.iter().zip(judged) {
            assert_eq!(judged.verdict, Verdict::Release, "{link} {body:?}");
        }
    }
}

#[test]
fn lv_3_a_marking_in_small_letters_is_one_where_nothing_else_is_meant() {
    assert_found(&[
        ("marking.streng_geheim", "Streng geheim: Lage um 12"),
        ("marking.geheim", "Geheim: Lage um 12"),
        ("marking.nato_secret", "nato secret"),
        ("marking.nato_secret", "das ist Nato Secret, oder?"),
        ("marking.nato_restricted", "(nato restricted) minutes"),
        ("marking.nato_cosmic", "cosmic top secret"),
    ]);
}

#[test]
fn lv_3_a_marking_in_pieces_is_one() {
    assert_found(&[
        ("marking.geheim", "GE-HEIM"),
        ("marking.geheim", "GEHEI-M"),
        ("marking.geheim", "G E H E I M"),
        ("marking.streng_geheim", "STRENG GE-HEIM"),
    ]);
}

#[test]
fn dl_3_what_stands_beside_a_number_does_not_hide_it() {
    assert_found(&[
        ("de.iban", "12/DE89/3704/0044/0532/0130/00"),
        ("de.iban", "DE89/3704/0044/0532/0130/00/77"),
        ("de.steuer_id", "86\n095\n742\n719\n2026"),
        ("de.steuer_id", "8 6 0 9 5 7 4 2 7 1 9 1"),
        ("payment.card", "+4111/1111/1111/1111"),
        ("de.iban", "+DE89/3704/0044/0532/0130/00"),
        ("payment.card", "4111111111111111 1226"),
        ("payment.card", "4111 1111 1111 1111 2026"),
        ("payment.card", "4111111111111111.1226"),
        ("payment.card", "4111111111111111 12/26 123"),
        ("payment.card", "3782 822463 10005 0127"),
        ("eu.iban", "AT611904300234573201-1"),
        ("eu.iban", "AT611904300234573201.1"),
        ("de.iban", "DE89370400440532013000-1"),
        ("de.iban", "DE89370400440532013000/1"),
        ("de.iban", "IBANDE89370400440532013000"),
        ("de.iban", "xDE89370400440532013000"),
        ("eu.iban", "IBANAT611904300234573201"),
    ]);
}

#[test]
fn dl_3_a_number_is_found_at_the_end_of_what_is_encoded() {
    assert_found(&[
        ("de.rvnr", "Bitte lesen: MTUwNzA2NDlDMTAz\nalice"),
        ("de.steuer_id", "Bitte lesen: ODYwOTU3NDI3MTk=\nalice"),
        (
            "de.iban",
            "Bitte lesen: H4sIAAAAAAAC/3NxtTAwNrA0NzQzN7IwNTQzsTQzNDQHAN33AG8WAAAA\nalice",
        ),
    ]);
}
