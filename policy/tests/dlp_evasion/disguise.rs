//! How it is hidden: one function a class, from a value to the text of a message.

use std::io::Write;

use base64::prelude::*;
use flate2::{Compression, write::GzEncoder};

use super::{random::Random, values::Value};

/// A class of evasion.
pub struct Class {
    pub name: &'static str,
    /// The message, `None` where the class has nothing to change in the value.
    pub hide: fn(&Value, &mut Random) -> Option<String>,
}

const fn class(name: &'static str, hide: fn(&Value, &mut Random) -> Option<String>) -> Class {
    Class { name, hide }
}

pub const CLASSES: [Class; 27] = [
    class("Cyrillic letters", |value, random| {
        letters(value, CYRILLIC, random)
    }),
    class("Greek letters", |value, random| {
        letters(value, GREEK, random)
    }),
    class("fullwidth", |value, _| {
        shifted(value, 0xff21, 0xff41, 0xff10)
    }),
    class("mathematical bold", |value, _| {
        shifted(value, 0x1d400, 0x1d41a, 0x1d7ce)
    }),
    class("mathematical sans-serif", |value, _| {
        shifted(value, 0x1d5a0, 0x1d5ba, 0x1d7e2)
    }),
    class("invisible characters", |value, random| {
        let with = [
            '\u{200b}', '\u{ad}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{34f}', '\u{180e}',
        ];
        between(value, &with, random)
    }),
    class("combining marks", |value, random| {
        between(
            value,
            &['\u{336}', '\u{337}', '\u{20dd}', '\u{489}'],
            random,
        )
    }),
    class("tag characters", |value, _| {
        let ascii = value
            .text
            .is_ascii()
            .then(|| map(&value.text, |c| char::from_u32(0xe0000 + u32::from(c))));
        Some(format!("Hallo{} bob", ascii?))
    }),
    class("odd spaces and dashes", odd_spaces),
    class("bidi override", |value, _| {
        let reversed: String = value.text.chars().rev().collect();
        Some(value.sentence(&format!("\u{202e}{reversed}\u{202c}")))
    }),
    class("bidi controls", |value, random| {
        between(
            value,
            &[
                '\u{200e}', '\u{200f}', '\u{202d}', '\u{202c}', '\u{2066}', '\u{2069}',
            ],
            random,
        )
    }),
    class("foreign digits", |value, random| {
        let zero = random.pick(&[0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0x1d7f6]);
        changed(
            value,
            map(&value.text, |c| {
                c.to_digit(10).and_then(|d| char::from_u32(zero + d))
            }),
        )
    }),
    class("base64", |value, random| {
        some(value, random, |bytes| BASE64_STANDARD.encode(bytes))
    }),
    class("base64, wrapped", |value, random| {
        let width = 4 + random.below(73);
        let with = random.pick(&["\n", "\r\n", " ", "\n  "]);
        some(value, random, |bytes| {
            wrap(&BASE64_STANDARD.encode(bytes), width, with)
        })
    }),
    class("base64url", |value, random| {
        some(value, random, |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }),
    class("hex", |value, random| {
        let with = random.pick(&["", " ", ":", "-", " 0x", "\\x"]);
        some(value, random, |bytes| {
            let hex = wrap(&hex(bytes), 2, with);
            if with.len() > 1 {
                format!("{}{hex}", with.trim())
            } else {
                hex
            }
        })
    }),
    class("percent", |value, _| {
        Some(value.sentence(&octets(&value.text, "%")))
    }),
    class("entities, decimal", |value, random| {
        let end = random.pick(&[";", ""]);
        let end = if value.text.contains(|c: char| c.is_ascii_digit()) {
            ";"
        } else {
            end
        };
        Some(value.sentence(&each(&value.text, |c| format!("&#{}{end}", u32::from(c)))))
    }),
    class("entities, hex", |value, _| {
        Some(value.sentence(&each(&value.text, |c| format!("&#x{:04X};", u32::from(c)))))
    }),
    class("quoted-printable", |value, random| {
        let all = octets(&value.text, "=");
        Some(value.sentence(&if random.below(2) == 0 {
            all
        } else {
            wrap(&all, 12, "=\r\n")
        }))
    }),
    class("backslash escapes", |value, random| {
        let escaped = match random.below(3) {
            0 => each(&value.text, |c| format!("\\u{:04x}", u32::from(c))),
            1 => each(&value.text, |c| format!("\\u{{{:x}}}", u32::from(c))),
            _ => octets(&value.text, "\\x"),
        };
        Some(value.sentence(&escaped))
    }),
    class("gzip", |value, random| {
        some(value, random, |bytes| BASE64_STANDARD.encode(gzip(bytes)))
    }),
    class("UTF-16", utf16),
    class("two layers", two_layers),
    class("tags of HTML", |value, random| {
        let with = ["<b></b>", "<!-- x -->", "<i>", "</span>"];
        let pieces = each(&value.text, |c| {
            format!("{c}{}", with[u32::from(c) as usize % 4])
        });
        let _ = random;
        Some(value.sentence(&pieces))
    }),
    class("separators and line breaks in numbers", |value, random| {
        value
            .number
            .then(|| value.sentence(&separated(&value.text, random)))
    }),
    class("letters on lines of their own", |value, random| {
        let with = random.pick(&["\n", " ", "\r\n", "-", "."]);
        let with = if value.text.contains('-') && with == "-" {
            " "
        } else {
            with
        };
        let letters: Vec<String> = value.text.chars().map(String::from).collect();
        (!value.number).then(|| value.sentence(&format!("\n{}\n", letters.join(with))))
    }),
];

const CYRILLIC: &str = "AАBВEЕKКMМHНOОPРCСTТXХIІSЅJЈQԚWԜYҮaаeеoоpрcсyуxхiіsѕjјhһ";
const GREEK: &str = "AΑBΒEΕZΖHΗIΙKΚMΜNΝOΟPΡTΤYΥXΧaαoοvνpρiιkκuυ";

fn map(text: &str, with: impl Fn(char) -> Option<char>) -> String {
    text.chars().map(|c| with(c).unwrap_or(c)).collect()
}

fn each(text: &str, with: impl Fn(char) -> String) -> String {
    text.chars().map(with).collect()
}

fn changed(value: &Value, text: String) -> Option<String> {
    (text != value.text).then(|| value.sentence(&text))
}

/// Some letters, or all, replaced with those that follow them in `pairs`.
fn letters(value: &Value, pairs: &str, random: &mut Random) -> Option<String> {
    let pairs: Vec<char> = pairs.chars().collect();
    let all = random.below(2) == 0;
    let mut text = String::new();
    for c in value.text.chars() {
        let like = pairs
            .chunks(2)
            .find(|pair| pair[0] == c)
            .map(|pair| pair[1]);
        text.push(like.filter(|_| all || random.below(3) > 0).unwrap_or(c));
    }
    changed(value, text)
}

fn shifted(value: &Value, upper: u32, lower: u32, zero: u32) -> Option<String> {
    let shift = |c: char| match c {
        'A'..='Z' => char::from_u32(upper + u32::from(c) - u32::from('A')),
        'a'..='z' => char::from_u32(lower + u32::from(c) - u32::from('a')),
        '0'..='9' => char::from_u32(zero + u32::from(c) - u32::from('0')),
        _ => None,
    };
    changed(value, map(&value.text, shift))
}

/// One of some characters behind about half of the letters and digits.
fn between(value: &Value, with: &[char], random: &mut Random) -> Option<String> {
    let mut text = String::new();
    for c in value.text.chars() {
        text.push(c);
        if random.below(2) == 0 {
            text.push(random.pick(with));
        }
    }
    changed(value, text)
}

fn odd_spaces(value: &Value, random: &mut Random) -> Option<String> {
    let spaces = [
        '\u{a0}', '\u{2009}', '\u{202f}', '\u{3000}', '\u{2003}', '\t',
    ];
    let dashes = [
        '\u{2010}', '\u{2011}', '\u{2013}', '\u{2212}', '\u{fe63}', '\u{2014}',
    ];
    let mut text = String::new();
    for (at, c) in value.text.chars().enumerate() {
        let gap = value.number && at > 0 && at % 4 == 0;
        if gap {
            text.push(if random.below(2) == 0 {
                random.pick(&spaces)
            } else {
                random.pick(&dashes)
            });
        }
        text.push(match c {
            ' ' => random.pick(&spaces),
            '-' => random.pick(&dashes),
            c => c,
        });
    }
    changed(value, text)
}

/// The value, or where that is short the sentence, in an encoding of bytes.
fn some(value: &Value, random: &mut Random, encode: impl Fn(&[u8]) -> String) -> Option<String> {
    if value.text.len() > 12 && random.below(2) == 0 {
        Some(value.sentence(&encode(value.text.as_bytes())))
    } else {
        let text = encode(value.to_encode().as_bytes());
        Some(format!("Bitte lesen: {text}\nalice"))
    }
}

fn wrap(text: &str, width: usize, with: &str) -> String {
    let chunks = text.as_bytes().chunks(width);
    let chunks: Vec<&str> = chunks
        .map(|chunk| std::str::from_utf8(chunk).unwrap())
        .collect();
    chunks.join(with)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn octets(text: &str, mark: &str) -> String {
    text.bytes()
        .map(|byte| format!("{mark}{byte:02X}"))
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(value: &Value, random: &mut Random) -> Option<String> {
    let unit = [u16::to_le_bytes, u16::to_be_bytes][random.below(2)];
    let mark = random.pick(&["", "\u{feff}"]);
    let bytes = |text: &str| -> Vec<u8> {
        format!("{mark}{text}")
            .encode_utf16()
            .flat_map(unit)
            .collect()
    };
    Some(match random.below(3) {
        0 => value.sentence(&each(&value.text, |c| format!("{c}\0"))),
        1 => format!("Bitte lesen: {}", hex(&bytes(&value.to_encode()))),
        _ => format!(
            "Bitte lesen: {}",
            BASE64_STANDARD.encode(bytes(&value.to_encode()))
        ),
    })
}

fn two_layers(value: &Value, random: &mut Random) -> Option<String> {
    let layers: [fn(&str) -> String; 6] = [
        |text| BASE64_STANDARD.encode(text),
        |text| hex(text.as_bytes()),
        |text| octets(text, "%"),
        |text| octets(text, "="),
        |text| each(text, |c| format!("&#{};", u32::from(c))),
        |text| BASE64_STANDARD.encode(gzip(text.as_bytes())),
    ];
    let (inner, outer) = (random.pick(&layers), random.pick(&layers));
    Some(format!(
        "Bitte lesen: {}",
        outer(&inner(&value.to_encode()))
    ))
}

fn separated(number: &str, random: &mut Random) -> String {
    let signs = [
        " ", "-", ".", "/", ",", "_", "\n", "\r\n", "|", ":", "*", " - ", ")(",
    ];
    let sign = random.pick(&signs);
    let (mixed, width) = (random.below(3) == 0, 1 + random.below(5));
    let mut text = String::new();
    for (at, c) in number.chars().enumerate() {
        if at > 0 && at % width == 0 {
            text.push_str(if mixed { random.pick(&signs) } else { sign });
        }
        text.push(c);
    }
    text
}
