//! Values that the author of a label writes himself: `userInput` of a category.

/// Form of a text that stands in a label in place of a category's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserInput {
    /// Any text.
    String,
    /// A whole number in decimal digits, with or without sign.
    Integer,
    /// A date.
    Date(DateFormat),
}

/// How a date is written: fields of fixed width and the characters between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Year(usize),
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Literal(char),
}

/// Length of a date format at most, in characters.
const MAX_FORMAT_CHARS: usize = 64;
/// Length of a written integer at most, in characters.
const MAX_INTEGER_CHARS: usize = 40;

impl UserInput {
    /// True where `text`, as it stands in a label, has this form.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        let text = text.trim();
        match self {
            UserInput::String => !text.is_empty(),
            UserInput::Integer => is_integer(text),
            UserInput::Date(format) => format.accepts(text),
        }
    }

    /// A text of this form.
    #[must_use]
    pub fn example(&self) -> String {
        match self {
            UserInput::String => "text".to_owned(),
            UserInput::Integer => "1".to_owned(),
            UserInput::Date(format) => format.example(),
        }
    }
}

impl DateFormat {
    /// The first day of the year 2000.
    fn example(&self) -> String {
        let part = |part: &Part| match part {
            Part::Year(4) => "2000".to_owned(),
            Part::Month | Part::Day => "01".to_owned(),
            Part::Literal(c) => c.to_string(),
            Part::Year(_) | Part::Hour | Part::Minute | Part::Second => "00".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// Reads a format of `yyyy` or `yy`, `MM`, `dd`, `HH`, `mm`, `ss` and characters between them, such as
    /// `yyyy-MM-dd`. `None` for any other letter and for a format without year, month and day.
    pub(super) fn parse(text: &str) -> Option<DateFormat> {
        if text.chars().count() > MAX_FORMAT_CHARS {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while let Some(first) = rest.chars().next() {
            let run = rest.find(|c| c != first).unwrap_or(rest.len());
            let (token, after) = rest.split_at(if first.is_ascii_alphabetic() {
                run
            } else {
                first.len_utf8()
            });
            parts.push(part(token, first)?);
            rest = after;
        }
        let has = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count() == 1;
        let whole = has(|part| matches!(part, Part::Year(_)))
            && has(|part| *part == Part::Month)
            && has(|part| *part == Part::Day);
        whole.then_some(DateFormat(parts))
    }

    fn accepts(&self, text: &str) -> bool {
        let mut rest = text;
        let (mut year, mut month, mut day) = (0, 0, 0);
        for part in &self.0 {
            let width = part.width();
            let Some((field, after)) = rest.split_at_checked(width) else {
                return false;
            };
            rest = after;
            let fits = match part {
                Part::Literal(c) => field.chars().eq([*c]),
                Part::Year(_) => number(field, 0, 9999).map(|n| year = n).is_some(),
                Part::Month => number(field, 1, 12).map(|n| month = n).is_some(),
                Part::Day => number(field, 1, 31).map(|n| day = n).is_some(),
                Part::Hour => number(field, 0, 23).is_some(),
                Part::Minute | Part::Second => number(field, 0, 59).is_some(),
            };
            if !fits {
                return false;
            }
        }
        rest.is_empty() && is_day(year, month, day)
    }
}

impl Default for DateFormat {
    /// `yyyy-MM-dd`, where a policy gives no format.
    fn default() -> Self {
        let dash = Part::Literal('-');
        DateFormat(vec![
            Part::Year(4),
            dash.clone(),
            Part::Month,
            dash,
            Part::Day,
        ])
    }
}

impl Part {
    fn width(&self) -> usize {
        match self {
            Part::Year(width) => *width,
            Part::Literal(c) => c.len_utf8(),
            _ => 2,
        }
    }
}

fn part(token: &str, first: char) -> Option<Part> {
    Some(match token {
        "yyyy" => Part::Year(4),
        "yy" => Part::Year(2),
        "MM" => Part::Month,
        "dd" => Part::Day,
        "HH" => Part::Hour,
        "mm" => Part::Minute,
        "ss" => Part::Second,
        _ if first.is_alphanumeric() => return None,
        _ => Part::Literal(first),
    })
}

fn number(field: &str, low: i32, high: i32) -> Option<i32> {
    let digits = field.bytes().all(|byte| byte.is_ascii_digit());
    let number = field.parse().ok().filter(|_| digits)?;
    (low..=high).contains(&number).then_some(number)
}

fn is_day(year: i32, month: i32, day: i32) -> bool {
    let month = u8::try_from(month).ok().and_then(|n| n.try_into().ok());
    let date = month.zip(u8::try_from(day).ok());
    date.is_some_and(|(month, day)| time::Date::from_calendar_date(year, month, day).is_ok())
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty()
        && digits.len() <= MAX_INTEGER_CHARS
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[test]
    fn integers_are_decimal_digits() {
        for text in ["0", "-12", "+7", " 42 "] {
            assert!(UserInput::Integer.accepts(text), "{text:?}");
        }
        for text in ["", "-", "1.5", "٣", "1 2", &"9".repeat(41)] {
            assert!(!UserInput::Integer.accepts(text), "{text:?}");
        }
    }

    #[test]
    fn dates_follow_their_format_and_the_calendar() {
        let iso = UserInput::Date(DateFormat::default());
        let german = UserInput::Date(DateFormat::parse("dd.MM.yyyy").unwrap());
        assert!(iso.accepts("2028-02-29") && german.accepts("29.02.2028"));
        for input in [&iso, &german, &UserInput::Integer, &UserInput::String] {
            assert!(input.accepts(&input.example()), "{input:?}");
        }
        for text in [
            "2027-02-29",
            "2028-2-9",
            "2028-02-29x",
            "28-02-2029",
            "",
            "２０28-02-2",
        ] {
            assert!(!iso.accepts(text), "{text:?}");
        }
        assert!(!german.accepts("29.02.2027") && !german.accepts("2028-02-29"));
        assert!(
            DateFormat::parse("yyyy-MM-dd HH:mm:ss")
                .unwrap()
                .accepts("2026-12-31 23:59:00")
        );
    }

    #[test]
    fn a_format_that_cannot_be_read_is_none() {
        for format in [
            "",
            "yyyy",
            "yyyy-MM",
            "DD/MM/YYYY",
            "d MMM yyyy",
            "yyyy-MM-dd yy",
        ] {
            assert_eq!(DateFormat::parse(format), None, "{format}");
        }
    }
}
