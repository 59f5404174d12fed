//! Military grid references: zone, band, the letters of the square, easting and northing of the same length.
//!
//! The letters of a square depend on the zone, so that one in three random ones can be.

use super::check::digits;

/// Counts of signs: from `4QFJ1267` to `33UXP0500444996`.
pub(super) const LENGTHS: &[usize] = &[15, 14, 13, 12, 11, 10, 9, 8];
const BANDS: &[u8] = b"CDEFGHJKLMNPQRSTUVWX";
/// First letters of squares, by zone modulo three.
const COLUMNS: [&[u8]; 3] = [b"STUVWXYZ", b"ABCDEFGH", b"JKLMNPQR"];
const ROWS: &[u8] = b"ABCDEFGHJKLMNPQRSTUV";

pub(super) fn mgrs(value: &[u8]) -> bool {
    let zone_digits = value
        .iter()
        .take_while(|sign| sign.is_ascii_digit())
        .count();
    let Some((zone, rest)) = value.split_at_checked(zone_digits) else {
        return false;
    };
    let (Some(zone), [band, column, row, place @ ..]) = (self::zone(zone), rest) else {
        return false;
    };
    BANDS.contains(band)
        && COLUMNS[zone % 3].contains(column)
        && ROWS.contains(row)
        && matches!(place.len(), 4 | 6 | 8 | 10)
        && digits(place).is_some()
}

/// A zone of the grid, 1 to 60.
pub(super) fn zone(text: &[u8]) -> Option<usize> {
    let zone =
        super::check::number(text).filter(|zone| (1..=60).contains(zone) && text.len() <= 2)?;
    usize::try_from(zone).ok()
}

/// True for the letter of a latitude band.
pub(super) fn is_band(sign: u8) -> bool {
    BANDS.contains(&sign)
}
