#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use super::*;

const LIMITS: Limits = Limits {
    bytes: 4096,
    depth: Limits::DEPTH,
    nodes: 200,
};

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn every_fault_is_found_and_named() {
    let deep = nested(Limits::DEPTH + 1);
    let deeper = nested(1000);
    let long = format!("\"{}\"", "a".repeat(LIMITS.bytes));
    let many = format!("[{}1]", "1,".repeat(LIMITS.nodes));
    let cases: &[(&[u8], Fault)] = &[
        (b"", Fault::Syntax),
        (b"{", Fault::Syntax),
        (b"{\"a\":1,}", Fault::Syntax),
        (b"{a:1}", Fault::Syntax),
        (b"{1:1}", Fault::Syntax),
        (b"'a'", Fault::Syntax),
        (b"NaN", Fault::Syntax),
        (b"Infinity", Fault::Syntax),
        (b"-Infinity", Fault::Syntax),
        (b"01", Fault::Syntax),
        (b"+1", Fault::Syntax),
        (b"/**/1", Fault::Syntax),
        (b"\"\n\"", Fault::Syntax),
        (b"\"\\x41\"", Fault::Syntax),
        (b"\"\\u12\"", Fault::Syntax),
        (b"\"\xff\"", Fault::Encoding),
        (b"\"\xed\xa0\x80\"", Fault::Encoding),
        (b"\xef\xbb\xbf{}", Fault::Bom),
        (br#"{"a":1,"a":1}"#, Fault::DuplicateKey),
        (br#"{"a":1,"\u0061":2}"#, Fault::DuplicateKey),
        (br#"[{"x":{"body":1,"b\u006fdy":2}}]"#, Fault::DuplicateKey),
        (b"1.5", Fault::Float),
        (b"1.0", Fault::Float),
        (b"[1e5]", Fault::Float),
        (b"1E-2", Fault::Float),
        (b"0.0", Fault::Float),
        (b"-0", Fault::NegativeZero),
        (b"-0.0", Fault::NegativeZero),
        (b"9007199254740992", Fault::IntegerRange),
        (b"-9007199254740992", Fault::IntegerRange),
        (b"18446744073709551615", Fault::IntegerRange),
        (b"123456789012345678901234567890", Fault::IntegerRange),
        (b"1e+300", Fault::IntegerRange),
        (b"1e400", Fault::IntegerRange),
        (br#""\ud800""#, Fault::Surrogate),
        (br#""\udc00""#, Fault::Surrogate),
        (br#""\ud800x""#, Fault::Surrogate),
        (br#""\ud800\u0041""#, Fault::Surrogate),
        (br#"{"\udc00":1}"#, Fault::Surrogate),
        (deep.as_bytes(), Fault::Depth),
        (deeper.as_bytes(), Fault::Depth),
        (many.as_bytes(), Fault::Nodes),
        (long.as_bytes(), Fault::Size),
        (b"{} {}", Fault::Trailing),
        (b"1,", Fault::Trailing),
        (
            br#"{"$serde_json::private::RawValue":"{\"body\":\"hidden\"}"}"#,
            Fault::ReservedKey,
        ),
        (
            br#"{"a":{"\u0024serde_json::private::Number":"1"}}"#,
            Fault::ReservedKey,
        ),
    ];
    for (text, fault) in cases {
        assert_eq!(
            parse(text, &LIMITS),
            Err(*fault),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn faults_never_repeat_the_input() {
    for text in [
        r#"{"canary":1,"canary":2}"#,
        r#"{"canary":1.5}"#,
        r#"{"canary":}"#,
        r#""canary\ud800""#,
    ] {
        let fault = parse(text.as_bytes(), &LIMITS).unwrap_err();
        assert!(!format!("{fault} {fault:?} {}", fault.rule()).contains("canary"));
        assert!(fault.rule().starts_with("protocol.json."));
    }
}

#[test]
fn limits_are_inclusive() {
    assert!(parse(nested(Limits::DEPTH).as_bytes(), &LIMITS).is_ok());
    assert!(
        parse(
            format!("[{}1]", "1,".repeat(LIMITS.nodes - 2)).as_bytes(),
            &LIMITS
        )
        .is_ok()
    );
    assert!(
        parse(
            format!("\"{}\"", "a".repeat(LIMITS.bytes - 2)).as_bytes(),
            &LIMITS
        )
        .is_ok()
    );
    assert!(parse(b"[9007199254740991,-9007199254740991]", &LIMITS).is_ok());
}

#[test]
fn only_an_object_is_an_object() {
    assert!(parse_object(b" {} ", &LIMITS).is_ok());
    for text in ["[]", "null", "1", "\"{}\""] {
        assert_eq!(
            parse_object(text.as_bytes(), &LIMITS),
            Err(Fault::NotAnObject)
        );
    }
}

#[test]
fn what_is_written_is_canonical() {
    let text = r#" { "b" : [ true , null , -5 ] , "a\u0061" : "\u00e9\/\u0000\n\u001f\u007f\"\\\ud83d\ude00" , "" : { } } "#;
    let tree = parse_object(text.as_bytes(), &LIMITS).unwrap();
    let canonical = "{\"\":{},\"aa\":\"é/\\u0000\\n\\u001f\u{7f}\\\"\\\\😀\",\"b\":[true,null,-5]}";
    assert_eq!(String::from_utf8(write(&tree)).unwrap(), canonical);
}

#[test]
fn keys_are_sorted_by_code_point_not_by_utf16_unit() {
    let tree = parse_object("{\"\u{10000}\":1,\"\u{ffff}\":2}".as_bytes(), &LIMITS).unwrap();
    assert_eq!(
        String::from_utf8(write(&tree)).unwrap(),
        "{\"\u{ffff}\":2,\"\u{10000}\":1}"
    );
}

/// A small generator of random numbers (xorshift), so that a failure can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn text(&mut self) -> String {
        const CHARS: [char; 16] = [
            'a', 'B', '"', '\\', '/', '\n', '\r', '\t', '\u{8}', '\u{c}', '\0', '\u{1f}', '\u{7f}',
            'é', '\u{2028}', '😀',
        ];
        (0..self.roll(6))
            .map(|_| CHARS[self.roll(16) as usize])
            .collect()
    }

    fn tree(&mut self, depth: u64) -> Tree {
        match self.roll(if depth == 0 { 4 } else { 6 }) {
            0 => Tree::Null,
            1 => Tree::Bool(self.roll(2) == 0),
            2 => integer(self.roll(1 << 54) as i64 - (1 << 53)).unwrap_or_default(),
            3 => Tree::String(self.text()),
            4 => Tree::Array((0..self.roll(4)).map(|_| self.tree(depth - 1)).collect()),
            _ => Tree::Object(
                (0..self.roll(4))
                    .map(|_| (self.text(), self.tree(depth - 1)))
                    .collect(),
            ),
        }
    }
}

#[test]
fn what_was_written_reads_as_the_same_tree() {
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::SEND
    };
    for seed in 1..600 {
        let tree = Dice(seed * 7919).tree(5);
        let text = write_tree(&tree);
        assert_eq!(parse(&text, &limits).as_ref(), Ok(&tree), "seed {seed}");
        // The same bytes as ruma makes, which computes the hashes.
        assert_eq!(
            String::from_utf8(text).unwrap(),
            tree.to_string(),
            "seed {seed}"
        );
    }
}

#[test]
fn no_cut_or_changed_byte_makes_the_parser_panic() {
    let text = br#"{"a":[1,-2,"\u00e9\ud83d\ude00"],"b":{"c":null,"d":true},"e":"x"}"#;
    for place in 0..text.len() {
        let _ = parse(&text[..place], &LIMITS);
        for byte in [0, b'"', b'\\', b'{', b']', b'0', b'e', 0xff] {
            let mut changed = text.to_vec();
            changed[place] = byte;
            if let Ok(tree) = parse(&changed, &LIMITS) {
                assert_eq!(parse(&write_tree(&tree), &LIMITS), Ok(tree));
            }
        }
    }
}

const SEND: [&str; 2] = ["/pdus/*", "/edus/*"];

fn cut(text: &str, patterns: &[&'static str]) -> Result<Envelope, Fault> {
    parse_envelope(
        text.as_bytes(),
        patterns,
        &LIMITS,
        &Limits {
            bytes: 2000,
            ..LIMITS
        },
        LIMITS.nodes,
    )
}

#[test]
fn the_values_of_all_units_together_are_bounded() {
    let body = br#"{"pdus":[{"a":[1,2]},{"b":[3,4]},{"c":1}]}"#;
    let limits = Limits {
        bytes: 1000,
        depth: 64,
        nodes: 100,
    };
    let envelope = parse_envelope(body, &["/pdus/*"], &limits, &limits, 6).unwrap();
    let values: Vec<_> = envelope
        .elements
        .into_iter()
        .map(|element| element.value.err())
        .collect();
    assert_eq!(
        values,
        [None, Some(Fault::Nodes), None],
        "a unit that would use up the rest is condemned, and a smaller one after it may still fit"
    );
}

#[test]
fn a_fault_in_one_pdu_leaves_its_neighbours_alone() {
    let deep = nested(500);
    let long = format!("\"{}\"", "a".repeat(2000));
    let faults = [
        (r#"{"x":1.5}"#, Fault::Float),
        (r#"{"x":"\ud800"}"#, Fault::Surrogate),
        (r#"{"x":1,"x":2}"#, Fault::DuplicateKey),
        (r#"{"x":1e400}"#, Fault::IntegerRange),
        (&deep, Fault::Depth),
        (&long, Fault::Size),
    ];
    for (bad, fault) in faults {
        let text =
            format!(r#"{{"origin":"high.test","pdus":[{{"n":1}}, {bad} ,{{"n":3}}],"edus":[]}}"#);
        let envelope = cut(&text, &SEND).unwrap();
        assert_eq!(
            write(&envelope.rest),
            br#"{"edus":[],"origin":"high.test","pdus":[]}"#
        );
        let places: Vec<_> = envelope
            .elements
            .iter()
            .map(|element| element.pointer.as_str())
            .collect();
        assert_eq!(places, ["/pdus/0", "/pdus/1", "/pdus/2"]);
        assert!(envelope.elements[0].value.is_ok() && envelope.elements[2].value.is_ok());
        assert_eq!(envelope.elements[1].value, Err(fault));
        assert_eq!(envelope.elements[1].bytes, bad.len());
        assert_eq!(envelope.elements[1].pattern, "/pdus/*");
    }
}

#[test]
fn a_fault_in_the_envelope_refuses_the_body() {
    let many = format!(r#"{{"pdus":[{}0]}}"#, "0,".repeat(LIMITS.nodes));
    let long = format!(r#"{{"pdus":["{}"]}}"#, "a".repeat(LIMITS.bytes));
    let deep = format!(r#"{{"origin":{}}}"#, nested(Limits::DEPTH));
    let cases = [
        (r#"{"pdus":[],"pdus":[]}"#, Fault::DuplicateKey),
        (r#"{"pdus":[],"\u0070dus":[]}"#, Fault::DuplicateKey),
        (
            r#"{"origin":"a","origin":"b","pdus":[]}"#,
            Fault::DuplicateKey,
        ),
        (r#"{"pdus":{}}"#, Fault::NotAnArray),
        (r#"{"pdus":null}"#, Fault::NotAnArray),
        (r#"{"pdus":"[]"}"#, Fault::NotAnArray),
        (r#"{"pdus":1.5}"#, Fault::NotAnArray),
        (r#"{"origin_server_ts":1.5,"pdus":[]}"#, Fault::Float),
        (r#"{"origin":"\ud800","pdus":[]}"#, Fault::Surrogate),
        (
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            Fault::ReservedKey,
        ),
        (r#"{"pdus":[{]}"#, Fault::Syntax),
        (r#"{"pdus":[{}]"#, Fault::Syntax),
        (r#"{"pdus":[]}{}"#, Fault::Trailing),
        ("[]", Fault::NotAnObject),
        ("7", Fault::NotAnObject),
        (&deep, Fault::Depth),
        (&many, Fault::Nodes),
        (&long, Fault::Size),
    ];
    for (text, fault) in cases {
        assert_eq!(cut(text, &SEND).map(|_| ()), Err(fault), "{text}");
    }
}

#[test]
fn single_units_are_cut_out_and_may_be_missing() {
    let patterns = ["/event", "/invite_room_state/*"];
    let envelope = cut(r#"{"event":{"a":1.5},"room_version":"12"}"#, &patterns).unwrap();
    assert_eq!(write(&envelope.rest), br#"{"room_version":"12"}"#);
    assert_eq!(envelope.elements.len(), 1);
    assert_eq!(envelope.elements[0].pointer, "/event");
    assert_eq!(envelope.elements[0].value, Err(Fault::Float));
    assert_eq!(
        cut(r#"{"event":{},"event":{}}"#, &patterns).map(|_| ()),
        Err(Fault::DuplicateKey)
    );
    assert!(cut("{}", &patterns).unwrap().elements.is_empty());
}

#[test]
fn a_whole_body_may_be_one_unit() {
    let envelope = cut(r#" {"a":"\udc00"} "#, &[""]).unwrap();
    assert!(envelope.rest.is_empty());
    assert_eq!(envelope.elements[0].pointer, "");
    assert_eq!(envelope.elements[0].value, Err(Fault::Surrogate));
    assert_eq!(cut("{", &[""]).map(|_| ()), Err(Fault::Syntax));
}

#[test]
fn units_may_lie_deeper() {
    let patterns = ["/rooms/*/state/*", "/room/children/*"];
    let text = r#"{"rooms":[{"id":1,"state":[{"x":1},2]},{"id":2}],"room":{"children":[3]}}"#;
    let envelope = cut(text, &patterns).unwrap();
    assert_eq!(
        write(&envelope.rest),
        br#"{"room":{"children":[]},"rooms":[{"id":1,"state":[]},{"id":2}]}"#
    );
    let places: Vec<_> = envelope
        .elements
        .iter()
        .map(|element| element.pointer.as_str())
        .collect();
    assert_eq!(
        places,
        ["/rooms/0/state/0", "/rooms/0/state/1", "/room/children/0"]
    );
    assert_eq!(
        cut(r#"{"room":7}"#, &patterns).map(|_| ()),
        Err(Fault::NotAnObject)
    );
    assert_eq!(
        cut(r#"{"rooms":[[]]}"#, &patterns).map(|_| ()),
        Err(Fault::NotAnObject)
    );
}

#[test]
fn every_fault_has_its_own_rule_and_text() {
    let faults = [
        Fault::Syntax,
        Fault::Encoding,
        Fault::Bom,
        Fault::DuplicateKey,
        Fault::Float,
        Fault::NegativeZero,
        Fault::IntegerRange,
        Fault::Surrogate,
        Fault::Depth,
        Fault::Nodes,
        Fault::Size,
        Fault::Trailing,
        Fault::ReservedKey,
        Fault::NotAnObject,
        Fault::NotAnArray,
        Fault::Shape("x"),
        Fault::EventSize("x"),
        Fault::Residue("x"),
        Fault::Hash,
        Fault::Signature,
        Fault::KeyUnknown,
        Fault::EduUnknownType,
        Fault::EduShape("x"),
        Fault::KeyDocument("x"),
        Fault::WeakKey,
        Fault::KeySignature,
        Fault::RequestSignature,
        Fault::SigningKey("x"),
    ];
    let rules: std::collections::BTreeSet<_> = faults.iter().map(Fault::rule).collect();
    let texts: std::collections::BTreeSet<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!((rules.len(), texts.len()), (faults.len(), faults.len()));
    assert!(rules.iter().all(|rule| rule.starts_with("protocol.")));
}
