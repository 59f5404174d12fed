#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use proptest::prelude::*;

use super::super::parse_envelope;
use super::*;

const PATTERNS: [&str; 3] = ["/event", "/state/*", "/auth_chain/*"];
const UNIT: Limits = Limits {
    bytes: 120,
    depth: 8,
    nodes: 30,
};
const ENVELOPE: Limits = Limits {
    bytes: 100_000,
    depth: 8,
    nodes: 1000,
};

/// The envelope, and the units with their patterns.
type Read = Result<(Object, Vec<(&'static str, Result<Tree, Fault>)>), Fault>;

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut scanner = Scanner::new(PATTERNS.to_vec(), UNIT.bytes, ENVELOPE);
    let mut units = Vec::new();
    for piece in pieces {
        scanner.push(piece, &mut |cut: Cut<'_>| {
            let unit = match cut.text {
                Ok(text) => parse_cut(text, &UNIT)?,
                Err(fault) => Err(fault),
            };
            units.push((cut.pattern, unit));
            Ok::<_, Fault>(())
        })?;
    }
    Ok((scanner.finish()?, units))
}

fn whole(bytes: &[u8]) -> Read {
    let envelope = parse_envelope(bytes, &PATTERNS, &ENVELOPE, &UNIT, usize::MAX)?;
    let units = envelope.elements.into_iter();
    let units = units.map(|element| (element.pattern, element.value));
    Ok((envelope.rest, units.collect()))
}

fn both(text: &str) -> Read {
    let (pieces, bytes) = (text.as_bytes(), text.as_bytes());
    let read = in_pieces(pieces.chunks(1));
    assert_eq!(read.is_ok(), whole(bytes).is_ok(), "{text}");
    if let (Ok(read), Ok(whole)) = (&read, whole(bytes)) {
        assert_eq!(read, &whole, "{text}");
    }
    read
}

#[test]
fn units_are_cut_out_and_the_envelope_is_left() {
    let (rest, units) = both(
        r#" { "origin" : "a.test" , "state" : [ {"a":"}]\"{"} , 7 , "x,]" ], "event":{"b":[[]]},"auth_chain":[]} "#,
    )
    .unwrap();
    assert_eq!(
        super::super::write(&rest),
        br#"{"auth_chain":[],"origin":"a.test","state":[]}"#
    );
    let patterns: Vec<&str> = units.iter().map(|(pattern, _)| *pattern).collect();
    assert_eq!(patterns, ["/state/*", "/state/*", "/state/*", "/event"]);
}

#[test]
fn a_fault_in_one_unit_leaves_its_neighbours_alone() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(UNIT.bytes));
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    for (bad, fault) in [
        (r#"{"a":1.5}"#, Fault::Float),
        (r#"{"a":1,"\u0061":2}"#, Fault::DuplicateKey),
        (r#"{"a":"\udc00"}"#, Fault::Surrogate),
        (&long, Fault::Size),
        (&deep, Fault::Depth),
    ] {
        let (_, units) = both(&format!(r#"{{"state":[{{"b":1}},{bad},{{"c":2}}]}}"#)).unwrap();
        assert!(units[0].1.is_ok() && units[2].1.is_ok(), "{bad}");
        assert_eq!(units[1].1, Err(fault));
    }
}

#[test]
fn a_broken_envelope_refuses_the_body() {
    for body in [
        "",
        "   ",
        "[]",
        "1",
        "{",
        r#"{"state":[]"#,
        r#"{"state":[],}"#,
        r#"{"state":[{},]}"#,
        r#"{"state":[,{}]}"#,
        r#"{"state":[{}{}]}"#,
        r#"{"state":[{"a" 1}]}"#,
        r#"{"state":[{"a":[1}]}]}"#,
        r#"{"state":{}}"#,
        r#"{"state":null}"#,
        r#"{"state":[],"state":[]}"#,
        r#"{"state":[],"\u0073tate":[]}"#,
        r#"{"event":{},"event":{}}"#,
        r#"{"x":1,"x":2}"#,
        r#"{"x":1.5}"#,
        r#"{"x":[1}}"#,
        r#"{"x":-0}"#,
        r#"{"\udc00":1}"#,
        r#"{"$serde_json::private::RawValue":1}"#,
        r#"{"x":tru}"#,
        r#"{"state":[tru]}"#,
        r#"{"state":[{}]} x"#,
        r#"{"state":[{}]}{}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a"1}"#,
        r#"{a:1}"#,
        r#"{,}"#,
        r#"{"event":}"#,
        "\u{feff}{}",
    ] {
        assert!(both(body).is_err(), "{body}");
    }
    let cut_short = br#"{"state":[{"a":"b"}],"origin":"a.test"}"#;
    for end in 0..cut_short.len() {
        assert!(in_pieces([&cut_short[..end]]).is_err(), "{end}");
    }
    assert_eq!(
        in_pieces([b"{\"state\":[\"\xff\"]}".as_slice()]),
        Err(Fault::Encoding)
    );
}

#[test]
fn what_stands_beside_the_units_is_bounded_and_a_long_unit_is_not_kept() {
    let mut scanner = Scanner::new(PATTERNS.to_vec(), UNIT.bytes, ENVELOPE);
    let mut cuts = 0;
    let mut take = |cut: Cut<'_>| {
        assert_eq!(cut.text, Err(Fault::Size));
        cuts += 1;
        Ok::<_, Fault>(())
    };
    scanner.push(b"{\"state\":[[", &mut take).unwrap();
    for _ in 0..10_000 {
        scanner.push(&[b'['; 1000], &mut take).unwrap();
        assert!(scanner.unit.capacity() <= 1000 + UNIT.bytes);
    }
    // Blanks between values count nowhere but in the body's own limit.
    for _ in 0..10_000 {
        scanner.push(&[b']'; 1000], &mut take).unwrap();
    }
    scanner.push(b"]", &mut take).unwrap();
    for _ in 0..1000 {
        scanner.push(&[b' '; 1000], &mut take).unwrap();
    }
    scanner.push(b"],\"x\":\"", &mut take).unwrap();
    let piece = [b'y'; 1000];
    let refused = (0..1000).find_map(|_| scanner.push(&piece, &mut take).err());
    assert_eq!(refused, Some(Fault::Size));
    assert_eq!(cuts, 1);
}

fn units() -> impl Strategy<Value = String> {
    let unit = prop_oneof![
        4 => Just(r#"{"type":"m.room.member","content":{"membership":"join"}}"#.to_owned()),
        1 => Just(r#"{"a":"\"}],[{\\"}"#.to_owned()),
        1 => Just(r#"{"a":[1,{"b":[]}],"\u00e9":"é😀"}"#.to_owned()),
        1 => Just(r#"{"a":1.5}"#.to_owned()),
        1 => Just(r#"{"a":1,"a":1}"#.to_owned()),
        1 => Just("7".to_owned()),
        1 => Just(r#""text""#.to_owned()),
        1 => Just("null".to_owned()),
        1 => Just("[[[[[[[[[[]]]]]]]]]]".to_owned()),
        1 => Just(format!(r#"{{"a":"{}"}}"#, "long ".repeat(40))),
    ];
    (proptest::collection::vec(unit, 0..6), "[ \t\r\n]{0,2}")
        .prop_map(|(units, blank)| format!("[{blank}{}{blank}]", units.join(&format!("{blank},"))))
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let field = prop_oneof![
        3 => units().prop_map(|units| ("state".to_owned(), units)),
        3 => units().prop_map(|units| ("auth_chain".to_owned(), units)),
        2 => Just(("event".to_owned(), r#"{"b":{"c":"d"}}"#.to_owned())),
        1 => Just(("origin".to_owned(), r#""a.test""#.to_owned())),
        1 => Just((r"st\u0061te".to_owned(), r#"[{"e":"f"}]"#.to_owned())),
        1 => Just(("unknown".to_owned(), r#"{"x":[1,{"y":"]"}]}"#.to_owned())),
        1 => Just(("unknown2".to_owned(), "1.5".to_owned())),
    ];
    proptest::collection::vec(field, 0..5)
}

proptest! {
    #[test]
    fn in_pieces_reads_what_the_whole_reads(
        fields in fields(),
        blank in "[ \t\r\n]{0,2}",
        flip in proptest::option::weighted(0.4, (any::<proptest::sample::Index>(), any::<u8>())),
        sizes in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{blank}\"{key}\"{blank}:{blank}{value}{blank}")).collect();
        let mut body = format!("{blank}{{{}}}{blank}", fields.join(",")).into_bytes();
        if let Some((at, byte)) = flip {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let mut pieces = Vec::new();
        let mut left = body.as_slice();
        for size in sizes.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (piece, later) = left.split_at((*size).min(left.len()));
            pieces.push(piece);
            left = later;
        }
        match (in_pieces(pieces), whole(&body)) {
            (Ok(read), Ok(whole)) => prop_assert_eq!(read, whole),
            (Err(_), Err(_)) => {}
            // Nobody looks into a unit that is too long; it is condemned for its length.
            (Ok((_, units)), Err(_)) => prop_assert!(units.iter().any(|(_, unit)| *unit == Err(Fault::Size))),
            (Err(fault), Ok(_)) => prop_assert!(false, "only in pieces: {fault:?}"),
        }
    }
}
