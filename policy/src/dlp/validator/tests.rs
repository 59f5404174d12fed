//! Published values of every kind, valid and not. Those of the countries' VAT numbers stand in `vat.rs`.

use super::*;

fn accepts(name: &str, text: &str) -> bool {
    Validator::from_name(name).is_some_and(|known| known.accept(text, None) == Some(text.len()))
}

fn all_accepted(name: &str, values: &[&str]) {
    for value in values {
        assert!(accepts(name, value), "{name} {value}");
    }
}

fn none_accepted(name: &str, values: &[&str]) {
    let known = Validator::from_name(name);
    assert!(known.is_some(), "{name}");
    for value in values {
        assert_eq!(
            known.and_then(|known| known.accept(value, None)),
            None,
            "{name} {value}"
        );
    }
}

#[test]
fn the_list_is_closed_sorted_and_has_every_name_once() {
    let names: Vec<&str> = ALL.iter().map(|known| known.name).collect();
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    assert_eq!(names.join(", "), Validator::NAMES);
    assert_eq!(Validator::from_name("mod97"), None);
}

#[test]
fn dl_1_steuer_id() {
    all_accepted(
        "steuer_id",
        &[
            "86095742719",
            "65929970489",
            "47036892816",
            "36574261809",
            "86 095 742 719",
        ],
    );
    // In the first two the checksum holds, but no digit is repeated; the fourth begins with zero.
    none_accepted(
        "steuer_id",
        &[
            "12345678903",
            "98765432106",
            "11112345678",
            "02476291358",
            "86095742718",
            "8609574271",
        ],
    );
}

#[test]
fn dl_1_personalausweis() {
    all_accepted(
        "personalausweis",
        &["L01X00T471", "L01X00T471D", "T220001293"],
    );
    // Without its check digit a number is not valid, and the ninth sign is not the check digit.
    none_accepted(
        "personalausweis",
        &["L01X00T472", "L01X00T47", "A01X00T471", "LO1X00T471"],
    );
}

#[test]
fn dl_1_reisepass() {
    all_accepted("passport", &["C01X00T478", "C01X0006H1"]);
    none_accepted("passport", &["C01X00T479", "L01X00T471", "C01X00T47"]);
    all_accepted(
        "mrz",
        &[
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "C01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4",
        ],
    );
    none_accepted(
        "mrz",
        &[
            "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<1",
        ],
    );
}

#[test]
fn dl_1_kvnr() {
    all_accepted(
        "kvnr",
        &[
            "A000500015",
            "M123456785",
            "a000500015",
            "A 000 500 015",
            "A000500015 108310400 2",
            "A000500015108310400M1234567852",
        ],
    );
    none_accepted(
        "kvnr",
        &[
            "A000500010",
            "M123456784",
            "0000500015",
            "AA00500015",
            "A0005000151083104004",
            "K4842750123823748381",
            "A000500015108310400M1234567843",
        ],
    );
}

#[test]
fn dl_1_rvnr() {
    all_accepted("rvnr", &["15070649C103", "15 070649 C 103"]);
    // The end of a UUID, with an area that is none; a wrong digit, a day of birth and a month that are none.
    none_accepted(
        "rvnr",
        &[
            "00091147B311",
            "15070649C100",
            "15320649C103",
            "15071349C103",
            "15070649C10",
        ],
    );
    // Fifty is added to the day where two people would have the same number.
    all_accepted("rvnr", &["15570649C104"]);
}

#[test]
fn dl_1_iban() {
    all_accepted(
        "iban",
        &[
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "de89 3704 0044 0532 0130 00",
            "GB82 WEST 1234 5698 7654 32",
            "FR1420041010050500013M02606",
        ],
    );
    none_accepted(
        "iban",
        &[
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
        ],
    );
    all_accepted("eu_iban", &["GB82 WEST 1234 5698 7654 32"]);
    none_accepted("eu_iban", &["DE89370400440532013000"]);
}

#[test]
fn dl_1_payment_card() {
    all_accepted("luhn", &["4111111111111111", "79927398713"]);
    none_accepted("luhn", &["4111111111111112", "0000000000000000"]);
    all_accepted(
        "card",
        &[
            "4111111111111111",
            "4111-1111-1111-1111",
            "378282246310005",
            "3782 822463 10005",
            "5555 5555 5555 4444",
            "2223003122003222",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
        ],
    );
    // In the second Luhn holds, but no issuer has this range; the third has a length that its issuer does not have.
    none_accepted(
        "card",
        &["4111111111111112", "1111111111111117", "37828224631000"],
    );
}

#[test]
fn values_that_other_numbers_often_look_like_are_weak() {
    for (name, strong, weak) in [
        ("card", "4111 1111 1111 1111", "2223003122003222"),
        ("card", "378282246310005", "30569309025904"),
        ("card", "5555 5555 5555 4444", "3530111333300000"),
        ("personalausweis", "L01X00T471", "T220001293"),
        ("passport", "C01X00T478", "C012345671"),
    ] {
        let known = Validator::from_name(name);
        assert_eq!(
            known.map(|known| known.is_weak(strong)),
            Some(false),
            "{strong}"
        );
        assert_eq!(known.map(|known| known.is_weak(weak)), Some(true), "{weak}");
    }
}

#[test]
fn dl_1_vin() {
    // The second is no North American car and has no check digit.
    all_accepted("vin", &["1M8GDM9AXKP042788", "WVWZZZ1JZXW000001"]);
    none_accepted(
        "vin",
        &[
            "1M8GDM9A1KP042788",
            "WVWZZZ1JZXO000001",
            "12345678901234567",
        ],
    );
}

#[test]
fn dl_1_ust_id_and_steuernummer() {
    all_accepted("ust_id", &["DE136695976", "DE 136 695 976"]);
    none_accepted("ust_id", &["DE136695978", "136695976", "ATU13585627"]);
    all_accepted(
        "stnr",
        &[
            "93815/08152",
            "181/815/08155",
            "21/815/08150",
            "133/8150/8159",
            "2893081508152",
        ],
    );
    none_accepted("stnr", &["1/2/3", "12/2024/1", "2893181508152", "12345678"]);
}

#[test]
fn dl_1_numbers_of_german_health_care() {
    all_accepted("lanr", &["123456601", "555555511"]);
    none_accepted("lanr", &["123456701", "123456600", "000000000"]);
    all_accepted("bsnr", &["381234500"]);
    none_accepted("bsnr", &["38123450", "380000000"]);
    all_accepted("pzn", &["27580899", "01126111"]);
    none_accepted("pzn", &["27580898", "00000000"]);
}

#[test]
fn dl_1_national_numbers_of_other_countries() {
    for (name, valid, broken) in [
        ("ahv", "756.9217.0769.85", "756.9217.0769.84"),
        ("bsn", "111222333", "111222334"),
        ("codice_fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        ("nhs", "943 476 5919", "943 476 5918"),
        ("nif", "12345678Z", "12345678A"),
        ("nif", "X1234567L", "X1234567M"),
        ("nir", "2 55 08 14 168 025 38", "2 55 08 14 168 025 39"),
        ("personnummer", "811228-9874", "811228-9873"),
        ("personnummer", "19811228-9874", "17811228-9874"),
        ("pesel", "44051401359", "44051401358"),
        ("rijksregister", "85.07.30-033 28", "85.07.30-033 29"),
        ("svnr", "1237 010180", "1238 010180"),
    ] {
        all_accepted(name, &[valid]);
        none_accepted(name, &[broken]);
    }
}

#[test]
fn dl_1_other_registered_numbers() {
    all_accepted("imei", &["490154203237518"]);
    none_accepted("imei", &["490154203237517"]);
    all_accepted("isin", &["US0378331005", "DE000BAY0017"]);
    none_accepted("isin", &["US0378331006", "QQ0378331005"]);
    all_accepted("bic", &["DEUTDEFF", "DEUTDEFF500", "COBADEFFXXX"]);
    none_accepted("bic", &["DEUTQQFF", "DEUTDEFF50"]);
}

#[test]
fn dl_1_places_and_times() {
    all_accepted(
        "mgrs",
        &[
            "33UXP0500444996",
            "33U XP 05004 44996",
            "4QFJ1267",
            "32UMV12345678",
        ],
    );
    none_accepted(
        "mgrs",
        &[
            "33UAP0500444996",
            "61UXP0500444996",
            "33UXP050044499",
            "33IXP0500444996",
        ],
    );
    all_accepted("utm", &["32U 691603 5334786", "32U 691603E 5334786N"]);
    none_accepted(
        "utm",
        &[
            "61U 691603 5334786",
            "32U 091603 5334786",
            "32U 691603 534786",
        ],
    );
    all_accepted(
        "lat_lon",
        &[
            "52.5200, 13.4050",
            "52° 31' 12.3\" N 13° 24' 17.8\" E",
            "-33.8688, 151.2093",
        ],
    );
    none_accepted(
        "lat_lon",
        &[
            "91.0000, 13.4050",
            "52.5200, 181.0000",
            "52° 61' N 13° 24' E",
            "52.5.1, 13",
        ],
    );
    all_accepted(
        "dtg",
        &["011200ZMAR26", "01 1200 Z MAR 26", "011200zmar2026"],
    );
    none_accepted(
        "dtg",
        &[
            "321200ZMAR26",
            "012500ZMAR26",
            "011200ZMAX26",
            "300000ZFEB26",
            "011200JMAR",
        ],
    );
}

#[test]
fn dl_1_networks_mail_and_telephone() {
    all_accepted(
        "ip_internal",
        &[
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.0/24",
            "169.254.0.1",
            "100.64.0.1",
            "fd12:3456::1",
            "fe80::1",
        ],
    );
    none_accepted(
        "ip_internal",
        &[
            "8.8.8.8",
            "172.32.0.1",
            "10.1.2.333",
            "2001:db8::1",
            "10.1.2",
        ],
    );
    all_accepted("mac", &["00:1A:2B:3C:4D:5E", "001a.2b3c.4d5e"]);
    none_accepted(
        "mac",
        &["00:00:00:00:00:00", "2631.2667.0559", "00:1A:2B:3C:4D:5G"],
    );
    all_accepted("email", &["alice@high.test", "a.b+c@mail.example.org"]);
    none_accepted(
        "email",
        &[
            "alice@high",
            "@high.test",
            "a..b@high.test",
            "alice@-high.test",
            "alice@high.7",
        ],
    );
    all_accepted(
        "phone",
        &[
            "+49 30 123456",
            "0049 30 123456",
            "030/1234567",
            "+49 (0)30 123456",
            "(030) 123456",
        ],
    );
    none_accepted(
        "phone",
        &[
            "+0 30 123456",
            "030 12",
            "123456789",
            "+49 30 1234567890123",
        ],
    );
}

#[test]
fn a_value_ends_where_its_kind_ends() {
    for (name, value, rest) in [
        ("iban", "DE89 3704 0044 0532 0130 00", " BITTE"),
        ("card", "4111 1111 1111 1111", " 12"),
        ("steuer_id", "86 095 742 719", " 4"),
        ("kvnr", "A000500015", " 1083104003 7"),
        ("iban", "DE89370400440532013000", "-1"),
        ("eu_iban", "AT611904300234573201", ".1"),
    ] {
        let text = format!("{value}{rest}");
        let accepted = Validator::from_name(name).and_then(|known| known.accept(&text, None));
        assert_eq!(accepted, Some(value.len()), "{text}");
    }
}

#[test]
fn a_value_inside_a_longer_number_is_none() {
    for (name, text, next) in [
        ("iban", "DE893704004405320130001", None),
        ("steuer_id", "86095742719", Some('3')),
        ("steuer_id", "86095742719", Some('ä')),
        ("card", "4111111111111111", Some('1')),
        ("card", "4111-1111-1111-1111-753", None),
        ("steuer_id", "86.095.742.719.4", None),
        (
            "mrz",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            Some('1'),
        ),
    ] {
        let accepted = Validator::from_name(name).and_then(|known| known.accept(text, next));
        assert_eq!(accepted, None, "{text}");
    }
}

#[test]
fn a_letter_of_another_alphabet_behind_a_secret_is_no_part_of_it() {
    let token = "ghp_8aZ2mQx7LwT4cV9kR1nB6yD3fH5jS0pG2eU4";
    let secrets = ["secret_body", "password"].map(Validator::from_name);
    for known in secrets.into_iter().flatten() {
        for next in ['ü', 'й', '語', '\u{3b1}'] {
            assert_eq!(known.accept(token, Some(next)), Some(token.len()), "{next}");
        }
        assert_eq!(
            known.accept(token, Some('x')),
            None,
            "cut out of a longer text"
        );
    }
}

#[test]
fn a_password_that_goes_on_behind_what_was_read_counts_unseen() {
    let filler = "x".repeat(CHOSEN_CHARS);
    let accepts = |next| {
        let password = Validator::from_name("password");
        password.and_then(|password| password.accept(&filler, next)) == Some(filler.len())
    };
    for next in ['x', 'K', '!', 'ü'] {
        assert!(accepts(Some(next)), "{next}");
    }
    for next in [None, Some(' '), Some('\n'), Some('"'), Some('<')] {
        assert!(!accepts(next), "{next:?}");
    }
}

#[test]
fn what_is_not_ascii_is_in_no_value() {
    // But in passwords, which people choose.
    let chosen = |known: &&Validator| ["password", "secret_body"].contains(&known.name);
    for known in ALL.iter().filter(|known| !chosen(known)) {
        for text in ["", "ä", "٨٦٠٩٥٧٤٢٧١٩", "8609574271９"] {
            assert_eq!(known.accept(text, None), None, "{} {text}", known.name);
        }
    }
}
