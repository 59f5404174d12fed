//! Large answers, cut into units as they come: in whichever pieces, the units and the envelope are those that the parser of
//! whole bodies sees, and what it refuses is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::json::{Cut, Fault, Limits, Object, Scanner, Tree, parse_cut, parse_envelope};

const PATTERNS: [&str; 3] = ["/event", "/state/*", "/auth_chain/*"];
const ENVELOPE: Limits = Limits {
    bytes: 1024 * 1024,
    depth: 16,
    nodes: 10_000,
};
const UNIT: Limits = Limits {
    bytes: 65_536,
    depth: 16,
    nodes: 1000,
};
/// A unit may be longer than is kept of one; then nobody looks into it.
const SHORT: usize = 48;

type Read = Result<(Object, Vec<(&'static str, Result<Tree, Fault>)>), Fault>;

fuzz_target!(|input: &[u8]| {
    let Some((size, body)) = input.split_first() else {
        return;
    };
    let size = usize::from(*size).max(1);
    let whole = whole(body);
    let read = in_pieces(body, size, UNIT.bytes);
    assert_eq!(read.is_ok(), whole.is_ok());
    if let (Ok(read), Ok(whole)) = (&read, &whole) {
        assert_eq!(read, whole);
    }
    assert_eq!(in_pieces(body, size, SHORT), in_pieces(body, 1, SHORT));
});

fn in_pieces(body: &[u8], size: usize, largest: usize) -> Read {
    let mut scanner = Scanner::new(PATTERNS.to_vec(), largest, ENVELOPE);
    let mut units = Vec::new();
    for piece in body.chunks(size) {
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

fn whole(body: &[u8]) -> Read {
    let envelope = parse_envelope(body, &PATTERNS, &ENVELOPE, &UNIT, usize::MAX)?;
    let units = envelope.elements.into_iter();
    let units = units.map(|element| (element.pattern, element.value));
    Ok((envelope.rest, units.collect()))
}
