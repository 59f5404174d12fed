//! Positions in numbers: latitude with longitude, and UTM.

use super::mgrs;

/// Two, four or six numbers: degrees; degrees and minutes; degrees, minutes and seconds. Latitude first.
pub(super) fn lat_lon(text: &str) -> bool {
    let Some(numbers) = numbers(text) else {
        return false;
    };
    let (latitude, longitude) = numbers.split_at(numbers.len() / 2);
    matches!(numbers.len(), 2 | 4 | 6)
        && angle(latitude).is_some_and(|angle| angle <= 90.0)
        && angle(longitude).is_some_and(|angle| angle <= 180.0)
}

/// `32U 691603 5334786`: zone and band, metres east, metres north.
pub(super) fn utm(text: &str) -> bool {
    let signs: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let Some(band) = signs.iter().position(u8::is_ascii_alphabetic) else {
        return false;
    };
    let place: String = signs[band + 1..]
        .iter()
        .filter(|sign| sign.is_ascii_digit())
        .map(|sign| char::from(*sign))
        .collect();
    let Some((east, north)) = place.split_at_checked(6).filter(|_| place.len() == 13) else {
        return false;
    };
    let within = |text: &str, low: u32, high: u32| {
        text.parse()
            .is_ok_and(|metres: u32| (low..=high).contains(&metres))
    };
    mgrs::zone(&signs[..band]).is_some()
        && mgrs::is_band(signs[band].to_ascii_uppercase())
        && within(east, 100_000, 900_000)
        && within(north, 0, 9_999_999)
}

fn angle(parts: &[f64]) -> Option<f64> {
    let (degrees, small) = parts.split_first()?;
    let small_ones = small.iter().all(|part| *part < 60.0);
    let unit = [60.0, 3600.0];
    small_ones.then(|| {
        degrees
            + small
                .iter()
                .zip(unit)
                .map(|(part, unit)| part / unit)
                .sum::<f64>()
    })
}

/// The numbers of a text, which have no sign.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let written = |c: char| c.is_ascii_digit() || c == '.';
    text.split(|c| !written(c))
        .map(|part| part.trim_matches('.'))
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect()
}
