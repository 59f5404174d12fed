use super::*;

fn joined(text: &str) -> String {
    let views: Vec<String> = join(text)
        .into_iter()
        .map(|made| made.text.replace(BORDER, "¦"))
        .collect();
    if views.is_empty() {
        "nothing".to_owned()
    } else {
        views.join(" / ")
    }
}

#[test]
fn numbers_are_joined_across_whatever_separates_their_groups() {
    for (written, number) in [
        ("Nummer 86 095 742 719 bitte", "¦86095742719¦"),
        ("8-6-0-9-5-7-4-2-7-1-9", "¦86095742719¦"),
        ("8 6 0 9 5 7 4 2 7 1 9", "¦86095742719¦"),
        ("(4111)/(1111)|1111:1111", "¦4111111111111111¦"),
        ("4111 1111\r\n1111 1111", "¦4111111111111111¦"),
        ("DE89 3704 0044 0532 0130 00", "¦DE89370400440532013000¦"),
        (
            "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
            "¦DE89370400440532013000¦",
        ),
        ("GB82 WEST 1234 5698 7654 32", "¦GB82WEST12345698765432¦"),
        ("43.53.55.11.32.45.00.39", "¦4353551132450039¦"),
        ("41:11:11:11:11:11:11:11", "¦4111111111111111¦"),
        ("58613)(47904)(0", "¦58613479040¦"),
        ("72918 - 34505 - 9", "¦72918345059¦"),
        ("Ausweis LRK87|W9HW3", "¦LRK87W9HW3¦"),
        ("+4111/1111/1111/1111", "¦4111111111111111¦"),
        ("12/DE89/3704/0044/0532/0130/00", "¦DE89370400440532013000¦"),
        ("7_86_095_742_719_77", "¦86095742719¦"),
        ("1 8 6 0 9 5 7 4 2 7 1 9", "¦86095742719¦"),
        ("KVNR A 000 500 015", "¦A000500015¦"),
        ("15 070649 C 103", "¦15070649C103¦"),
        ("de89 3704_0044.0532,0130 00", "¦de89370400440532013000¦"),
        ("8-6-0-9-5-7-4-2-7-1-9 12 Uhr", "¦86095742719¦"),
        ("NR 8 6 0 9 5 7 4 2 7 1 9 EUR", "¦86095742719¦"),
        (
            "8 6 0 9 5 7 4 2 7 1 9\n6 5 9 2 9 9 7 0 4 8 9",
            "¦65929970489¦",
        ),
    ] {
        assert!(
            joined(written).contains(number),
            "{written:?}: {}",
            joined(written)
        );
    }
}

#[test]
fn spelled_words_are_joined_and_keep_their_borders() {
    for (written, seen) in [
        ("Das ist G E H E I M und", "Das ist GEHEIM und"),
        ("G-E-H-E-I-M", "GEHEIM"),
        ("G.E.H.E.I.M", "GEHEIM"),
        ("G\nE\nH\nE\nI\nM", "GEHEIM"),
        ("S T R E N G   G E H E I M", "STRENG GEHEIM / STRENGGEHEIM"),
        ("STRENG G E H E I M", "STRENG GEHEIM"),
        ("V S - N f D", "VS-NfD / VSNfD"),
        ("GE.HE.IM", "GE.HE.IM / GEHEIM"),
        ("NATO S-E.C R-E_T", "NATO S-E.C R-E_T / NATO SECRET"),
        ("SECRET UE/EU SECRET", "nothing"),
        ("GE-HEIM", "GE-HEIM / GEHEIM"),
        ("STRENG GEHEI-M", "STRENG GEHEI-M / STRENG GEHEIM"),
    ] {
        let got = joined(written);
        let (first, second) = (got.split(" / ").next(), got.split(" / ").nth(1));
        let same = got == seen || (second.is_some() && second == seen.split(" / ").nth(1));
        assert!(same && first.is_some(), "{written:?}: {got}");
    }
}

#[test]
fn ordinary_text_is_not_joined() {
    for text in [
        "am 22.11.2026 um 10:30 Uhr",
        "2026-11-22 10:30:00",
        "2026-11-22T10:30:00Z",
        "192.168.100.200",
        "12.05.2024 12:30 4711",
        "Auftrag 12345678, 87654321",
        "550e8400-e29b-41d4-a716-446655440000",
        "z. B. am 3. und 4. Mai",
        "wir sind 3, ihr 4 und 12 kommen",
        "Auftrag B-448891824",
    ] {
        assert_eq!(joined(text), "nothing", "{text:?}");
    }
}

#[test]
fn offsets_of_a_joined_number_are_those_of_its_groups() {
    let text = "ab 86 095 742 719 cd";
    let made = join(text).remove(0);
    let at = made.text.find("86095742719").unwrap_or_default();
    let (from, to) = made.map.original(at, at + 11);
    assert_eq!(&text[from..to], "86 095 742 719");
}

#[test]
fn a_long_table_of_numbers_grows_little() {
    let text = "8 6 0 9 5 7 4 2 7 1 9\n".repeat(1000);
    let made = join(&text).remove(0);
    assert!(made.text.len() < 3 * text.len());
    let text = "A B 1 2 3 4 5 6 7 C D, ".repeat(1000);
    let made = join(&text).remove(0);
    assert!(made.text.len() < 4 * text.len(), "{}", made.text.len());
}
