//! The XML declaration: version 1.0, and UTF-8. A reader that goes by another one would see other characters.

use super::XmlError;

/// What a declaration begins with.
const OPENING: &str = "<?xml";
/// The only version that is read.
const VERSION: &str = "1.0";
/// The only encoding that is read, in any letter case.
const UTF_8: &str = "UTF-8";
/// The encoding that is UTF-8 too where the text has nothing else.
const US_ASCII: &str = "US-ASCII";

/// Refuses a document whose declaration states another version or encoding.
pub(super) fn check(xml: &str) -> Result<(), XmlError> {
    let Some(written) = written(xml) else {
        return Ok(());
    };
    let Some(stated) = stated(written) else {
        let message = "not well-formed XML: a broken XML declaration; correct it";
        return Err(refused("malformed", message));
    };
    let value = |name: &str| stated.iter().find(|(known, _)| *known == name);
    if value("version").is_none_or(|(_, version)| *version != VERSION) {
        let message = "the XML declaration states another version than 1.0; declare 1.0";
        return Err(refused("xml-version", message));
    }
    if value("encoding").is_some_and(|(_, encoding)| !is_read(encoding, xml)) {
        let message = "the XML declaration states another encoding than UTF-8; save it as UTF-8";
        return Err(refused("encoding", message));
    }
    Ok(())
}

fn is_read(encoding: &str, xml: &str) -> bool {
    let ascii = encoding.eq_ignore_ascii_case(US_ASCII) && without_mark(xml).is_ascii();
    ascii || encoding.eq_ignore_ascii_case(UTF_8)
}

/// What stands in the declaration, `None` where there is none. `<?xml-stylesheet` is another instruction.
fn written(xml: &str) -> Option<&str> {
    let rest = without_mark(xml).strip_prefix(OPENING)?;
    if !rest.starts_with(|next: char| next.is_ascii_whitespace() || next == '?') {
        return None;
    }
    // Without an end the parser says where the text ends.
    rest.split_once("?>").map(|(written, _)| written)
}

/// Names and values, `None` where something else stands there, or a name twice.
fn stated(mut written: &str) -> Option<Vec<(&str, &str)>> {
    let mut stated: Vec<(&str, &str)> = Vec::new();
    loop {
        let next = written.trim_ascii_start();
        if next.is_empty() {
            return Some(stated);
        }
        let (name, rest) = next.split_once('=')?;
        let (name, rest) = (name.trim_ascii_end(), rest.trim_ascii_start());
        let quote = rest
            .chars()
            .next()
            .filter(|quote| ['"', '\''].contains(quote))?;
        let (value, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
        if stated.iter().any(|(known, _)| *known == name) || next.len() == written.len() {
            return None;
        }
        stated.push((name, value));
        written = rest;
    }
}

fn without_mark(xml: &str) -> &str {
    xml.strip_prefix('\u{feff}').unwrap_or(xml)
}

/// A declaration begins on the first line.
fn refused(code: &'static str, message: &str) -> XmlError {
    XmlError {
        code,
        line: Some(1),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(xml: &str) -> Option<&'static str> {
        check(xml).err().map(|error| error.code)
    }

    #[test]
    fn sp_1_only_version_1_0_and_utf_8_are_read() {
        for fine in [
            "<a/>",
            "<?xml-stylesheet href='a'?><a/>",
            "<?xml version='1.0'?><a>ü</a>",
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>ü</a>",
            "<?xml\n version = '1.0'\tencoding = 'utf-8' standalone='yes' ?><a>ü</a>",
            "<?xml version='1.0' encoding='us-ascii'?><a/>",
        ] {
            assert_eq!(refusal(fine), None, "{fine}");
        }
        for version in ["1.1", "2.0", "1", "", " 1.0"] {
            let xml = format!("<?xml version='{version}' encoding='UTF-8'?><a/>");
            assert_eq!(refusal(&xml), Some("xml-version"), "{xml}");
        }
        assert_eq!(refusal("<?xml encoding='UTF-8'?><a/>"), Some("xml-version"));
        assert_eq!(refusal("<?xml?><a/>"), Some("xml-version"));
        for encoding in ["ISO-8859-1", "UTF-16", "UTF-7", "utf8", "x-utf-8", ""] {
            for space in [" ", "\t", "\r\n"] {
                let xml = format!("<?xml{space}version='1.0'{space}encoding='{encoding}'?><a/>");
                assert_eq!(refusal(&xml), Some("encoding"), "{xml:?}");
            }
        }
        let beyond = "<?xml version='1.0' encoding='US-ASCII'?><a>ü</a>";
        assert_eq!(refusal(beyond), Some("encoding"));
    }

    #[test]
    fn a_broken_declaration_is_not_passed_over() {
        for broken in [
            "version='1.0' encoding=UTF-16",
            "version='1.0' encoding='UTF-16",
            "version='1.0'encoding='UTF-8'",
            "version='1.0' version='1.1'",
            "version='1.0' encoding",
        ] {
            let xml = format!("<?xml {broken}?><a/>");
            assert_eq!(refusal(&xml), Some("malformed"), "{xml}");
        }
    }
}
