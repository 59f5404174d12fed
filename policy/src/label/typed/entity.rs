//! Entities of HTML as browsers decode them: numbers and the old names also without `;`, which the standard of HTML calls a
//! mistake and then shows all the same.

/// Stands for an entity that is not known here: no phrase of a policy has it.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// The character at the start of `html`, which begins with `&`, and what stands behind it.
pub(super) fn read(html: &str) -> (char, &str) {
    let body = html.strip_prefix('&').unwrap_or(html);
    let found = match body.strip_prefix('#') {
        Some(number) => numbered(number),
        None => named(body),
    };
    found.unwrap_or(('&', body))
}

/// `65;` or `x41;`; `None` where there is no digit.
fn numbered(text: &str) -> Option<(char, &str)> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (number, behind) = digits.split_at(end);
    if number.is_empty() {
        return None;
    }
    // A number of more digits than fit is no character.
    let code = u32::from_str_radix(number, radix).unwrap_or(u32::MAX);
    Some((character(code), behind.strip_prefix(';').unwrap_or(behind)))
}

/// The character that browsers show for a number.
fn character(code: u32) -> char {
    let old = code
        .checked_sub(0x80)
        .and_then(|at| WINDOWS_1252.get(usize::try_from(at).ok()?));
    char::from_u32(*old.unwrap_or(&code))
        .filter(|c| *c != '\0')
        .unwrap_or(UNKNOWN)
}

/// A name with its `;`, or the longest old name that the text begins with; `None` where the `&` is text.
fn named(text: &str) -> Option<(char, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    if let Some(behind) = behind.strip_prefix(';').filter(|_| !name.is_empty()) {
        let mut known = NAMES.iter().chain(&OLD_NAMES);
        let c = known.find(|(known, _)| *known == name);
        return Some((c.map_or(UNKNOWN, |(_, c)| *c), behind));
    }
    let old = OLD_NAMES.iter().filter(|(old, _)| name.starts_with(old));
    let (old, c) = old.max_by_key(|(old, _)| old.len())?;
    Some((*c, text.get(old.len()..)?))
}

/// What the numbers from 0x80 on mean to browsers: the characters of Windows-1252.
const WINDOWS_1252: [u32; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
    0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];

/// Names with `;` alone that can stand in a marking, or hide one.
const NAMES: [(&str, char); 32] = [
    ("apos", '\''),
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("NoBreak", '\u{2060}'),
    ("ApplyFunction", '\u{2061}'),
    ("InvisibleTimes", '\u{2062}'),
    ("InvisibleComma", '\u{2063}'),
    ("hyphen", '\u{2010}'),
    ("dash", '\u{2010}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("horbar", '\u{2015}'),
    ("minus", '\u{2212}'),
    ("lbrack", '['),
    ("lsqb", '['),
    ("rbrack", ']'),
    ("rsqb", ']'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("colon", ':'),
    ("period", '.'),
    ("sol", '/'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
];

/// The names that browsers decode without `;` too: all of them, because each could be the longest.
const OLD_NAMES: [(&str, char); 106] = [
    ("AElig", 'Æ'),
    ("AMP", '&'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Agrave", 'À'),
    ("Aring", 'Å'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("COPY", '©'),
    ("Ccedil", 'Ç'),
    ("ETH", 'Ð'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Egrave", 'È'),
    ("Euml", 'Ë'),
    ("GT", '>'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Igrave", 'Ì'),
    ("Iuml", 'Ï'),
    ("LT", '<'),
    ("Ntilde", 'Ñ'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Ograve", 'Ò'),
    ("Oslash", 'Ø'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("QUOT", '"'),
    ("REG", '®'),
    ("THORN", 'Þ'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Ugrave", 'Ù'),
    ("Uuml", 'Ü'),
    ("Yacute", 'Ý'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("acute", '´'),
    ("aelig", 'æ'),
    ("agrave", 'à'),
    ("amp", '&'),
    ("aring", 'å'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("brvbar", '¦'),
    ("ccedil", 'ç'),
    ("cedil", '¸'),
    ("cent", '¢'),
    ("copy", '©'),
    ("curren", '¤'),
    ("deg", '°'),
    ("divide", '÷'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("egrave", 'è'),
    ("eth", 'ð'),
    ("euml", 'ë'),
    ("frac12", '½'),
    ("frac14", '¼'),
    ("frac34", '¾'),
    ("gt", '>'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iexcl", '¡'),
    ("igrave", 'ì'),
    ("iquest", '¿'),
    ("iuml", 'ï'),
    ("laquo", '«'),
    ("lt", '<'),
    ("macr", '¯'),
    ("micro", 'µ'),
    ("middot", '·'),
    ("nbsp", '\u{a0}'),
    ("not", '¬'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("ograve", 'ò'),
    ("ordf", 'ª'),
    ("ordm", 'º'),
    ("oslash", 'ø'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("para", '¶'),
    ("plusmn", '±'),
    ("pound", '£'),
    ("quot", '"'),
    ("raquo", '»'),
    ("reg", '®'),
    ("sect", '§'),
    ("shy", '\u{ad}'),
    ("sup1", '¹'),
    ("sup2", '²'),
    ("sup3", '³'),
    ("szlig", 'ß'),
    ("thorn", 'þ'),
    ("times", '×'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("ugrave", 'ù'),
    ("uml", '¨'),
    ("uuml", 'ü'),
    ("yacute", 'ý'),
    ("yen", '¥'),
    ("yuml", 'ÿ'),
];
