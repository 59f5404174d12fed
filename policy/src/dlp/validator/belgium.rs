//! Belgian national register number: birth date `yymmdd`, serial, 97 less the remainder of all that modulo 97.

use super::{check::number, date::two};

/// Put before the nine digits of those born since 2000.
const SINCE_2000: u64 = 2_000_000_000;

pub(super) fn rijksregister(value: &[u8]) -> bool {
    let (Some(body), Some(check)) = (
        value.get(..9).and_then(number),
        value.get(9..).and_then(number),
    ) else {
        return false;
    };
    // Numbers for those not in the register have the month raised by 20 or 40; an unknown birth date is zeros.
    let dated = two(value, 2).is_some_and(|month| month % 20 <= 12 && month < 60)
        && two(value, 4).is_some_and(|day| day <= 31);
    dated
        && [body, SINCE_2000 + body]
            .iter()
            .any(|all| 97 - all % 97 == check)
}
