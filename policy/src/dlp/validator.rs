//! Validators: the arithmetic that tells a number of a kind from any other number. A closed list, named in rules.
//!
//! ```text
//!  a pattern's match ─→ letters and digits, upper case ─→ each length the kind may have, longest first ─→ check
//! ```
//!
//! A pattern is greedy and may run into what follows the value, so a validator says how much of its text it accepts.
//! A value never ends between two letters or digits. Only published rules are checked: where a kind has no check digit
//! the validator looks at the form, and its detector is weak without context.

mod area;
mod austria;
mod belgium;
mod bic;
mod card;
mod check;
mod date;
mod france;
mod health;
mod iban;
mod icao;
mod isin;
mod italy;
mod kvnr;
mod mgrs;
mod netherlands;
mod network;
mod nhs;
mod phone;
mod poland;
mod position;
mod rvnr;
mod secret;
mod sign;
mod spain;
mod steuer_id;
mod stnr;
mod sweden;
mod switzerland;
mod vat;
mod vin;

use sign::Signs;

/// A validator by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validator {
    name: &'static str,
    check: Check,
}

/// How a validator looks at its text.
#[derive(Clone, Copy, Debug)]
enum Check {
    /// At the letters and digits, upper case: one of these counts of them, tried in this order, for which this holds.
    Signs(&'static [usize], fn(&[u8]) -> bool),
    /// The same, where length and check leave no doubt about the end.
    SureEnd(&'static [usize], fn(&[u8]) -> bool),
    /// At all of the text as it is written.
    Text(fn(&str) -> bool),
    /// The same, of ASCII alone: a letter of another alphabet behind it is no part of it.
    Secret(fn(&str) -> bool),
    /// The same of what people choose, of which patterns read [`CHOSEN_CHARS`] at least. A longer one is not seen to its
    /// end, so it counts whatever was seen: filler must not hide what stands behind it.
    Chosen(fn(&str) -> bool),
}

/// Characters that patterns read of a chosen secret before they cut it off.
const CHOSEN_CHARS: usize = 128;

/// Makes the closed list and, from the same lines, the names in the order of the list.
macro_rules! closed_list {
    ($first:literal: $one:expr, $($name:literal: $check:expr,)*) => {
        const ALL: &[Validator] = &[
            Validator { name: $first, check: $one },
            $(Validator { name: $name, check: $check },)*
        ];

        impl Validator {
            /// Names as rule files write them.
            pub(super) const NAMES: &'static str = concat!($first $(, ", ", $name)*);
        }
    };
}

closed_list! {
    "ahv": Check::Signs(&[13], switzerland::ahv),
    "bic": Check::Signs(&[11, 8], bic::bic),
    "bsn": Check::Signs(&[9], netherlands::bsn),
    "bsnr": Check::Signs(&[9], health::bsnr),
    "card": Check::Signs(&[19, 18, 17, 16, 15, 14, 13], card::card),
    "codice_fiscale": Check::Signs(&[16], italy::codice_fiscale),
    "dtg": Check::Signs(&[14, 12], date::dtg),
    "email": Check::Text(network::email),
    "eu_iban": Check::SureEnd(iban::LENGTHS, iban::of_another_country),
    "eu_vat": Check::Signs(vat::LENGTHS, vat::of_another_country),
    "iban": Check::SureEnd(iban::LENGTHS, iban::iban),
    "imei": Check::Signs(&[15], card::imei),
    "ip_internal": Check::Text(network::internal),
    "isin": Check::Signs(&[12], isin::isin),
    "jwt": Check::Secret(secret::jwt),
    "kvnr": Check::Signs(&[30, 20, 10], kvnr::kvnr),
    "lanr": Check::Signs(&[9], health::lanr),
    "lat_lon": Check::Text(position::lat_lon),
    "luhn": Check::Signs(card::LUHN_LENGTHS, card::luhn),
    "mac": Check::Signs(&[12], network::mac),
    "mgrs": Check::Signs(mgrs::LENGTHS, mgrs::mgrs),
    "mrz": Check::Text(icao::second_line),
    "nhs": Check::Signs(&[10], nhs::nhs),
    "nif": Check::Signs(&[9], spain::nif),
    "nir": Check::Signs(&[15], france::nir),
    "passport": Check::Signs(&[10], icao::passport),
    "password": Check::Chosen(secret::password),
    "personalausweis": Check::Signs(&[11, 10], icao::personalausweis),
    "personnummer": Check::Signs(&[12, 10], sweden::personnummer),
    "pesel": Check::Signs(&[11], poland::pesel),
    "phone": Check::Text(phone::phone),
    "private_key_base64": Check::Secret(secret::private_key_base64),
    "pzn": Check::Signs(&[8], health::pzn),
    "rijksregister": Check::Signs(&[11], belgium::rijksregister),
    "rvnr": Check::Signs(&[12], rvnr::rvnr),
    "secret_body": Check::Secret(secret::body),
    "steuer_id": Check::Signs(&[11], steuer_id::steuer_id),
    "stnr": Check::Text(stnr::stnr),
    "svnr": Check::Signs(&[10], austria::svnr),
    "ust_id": Check::Signs(&[11], vat::german),
    "utm": Check::Text(position::utm),
    "vin": Check::Signs(&[17], vin::vin),
}

impl PartialEq for Validator {
    fn eq(&self, other: &Validator) -> bool {
        self.name == other.name
    }
}

impl Eq for Validator {}

impl Validator {
    pub(super) fn from_name(name: &str) -> Option<Validator> {
        ALL.iter().find(|known| known.name == name).copied()
    }

    /// True for a valid value of a form that numbers of other kinds often have too.
    pub(super) fn is_weak(self, value: &str) -> bool {
        let weak: fn(&[u8]) -> bool = match self.name {
            "card" => card::is_weak,
            "passport" | "personalausweis" => icao::is_weak,
            _ => return false,
        };
        weak(Signs::of(value, None).all())
    }

    /// Length in bytes of the valid value at the start of `text`, which `next` follows; `None` where there is none.
    pub(super) fn accept(self, text: &str, next: Option<char>) -> Option<usize> {
        match self.check {
            Check::Signs(lengths, valid) => longest(&Signs::of(text, next), lengths, valid),
            Check::SureEnd(lengths, valid) => {
                longest(&Signs::of_sure_end(text, next), lengths, valid)
            }
            Check::Text(valid) => whole(text, next, valid),
            Check::Secret(valid) => whole(text, next.filter(char::is_ascii), valid),
            Check::Chosen(_) if is_cut_off(text, next) => Some(text.len()),
            Check::Chosen(valid) => whole(text, next.filter(char::is_ascii), valid),
        }
    }
}

/// Where the first of these lengths ends that is valid.
fn longest(signs: &Signs<'_>, lengths: &[usize], valid: fn(&[u8]) -> bool) -> Option<usize> {
    lengths.iter().find_map(|length| {
        let (value, end) = signs.first(*length)?;
        valid(value).then_some(end)
    })
}

/// True where a chosen secret goes on behind what its pattern reads: up to a blank or the end of what is quoted.
fn is_cut_off(text: &str, next: Option<char>) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\');
    next.is_some_and(|c| !ends(c)) && text.chars().nth(CHOSEN_CHARS - 1).is_some()
}

/// Length of all of `text` where it is valid, and does not go on in `next`.
fn whole(text: &str, next: Option<char>, valid: fn(&str) -> bool) -> Option<usize> {
    let goes_on = next.is_some_and(char::is_alphanumeric)
        && text.chars().next_back().is_some_and(char::is_alphanumeric);
    (!goes_on && valid(text)).then_some(text.len())
}

#[cfg(test)]
mod tests;
