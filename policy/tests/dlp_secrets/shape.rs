//! From a format's description to values of it, and to what is nearly one.

/// A form of a kind, read from the table.
pub struct Form {
    parts: Vec<Part>,
}

enum Part {
    Fixed(String),
    Field(Field),
}

/// Signs that the service chooses.
#[derive(Clone, Copy)]
struct Field {
    alphabet: Alphabet,
    least: usize,
    /// `None` where there is no bound.
    most: Option<usize>,
    /// True where other lengths are valid too, so that no length is a near miss.
    free: bool,
}

#[derive(Clone, Copy)]
struct Alphabet {
    signs: &'static [u8],
    /// True where passwords are made of it: then there is always a digit.
    password: bool,
}

/// What a near miss gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The longest field is one sign too short.
    Short,
    /// The longest field is one sign too long.
    Long,
    /// A sign that is not of the alphabet stands in the longest field.
    Alien,
    /// The first letter of what is fixed is another one.
    Prefix,
    /// All fields are one repeated sign.
    Repeated,
}

pub const MISSES: [Miss; 5] = [
    Miss::Short,
    Miss::Long,
    Miss::Alien,
    Miss::Prefix,
    Miss::Repeated,
];

/// Stands in no alphabet but that of passwords.
const ALIEN: char = '!';
/// How much longer than the least a value without bound may be, in signs.
const SPREAD: usize = 8;

/// The same sequence for the same seed, on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: &str) -> Random {
        let fold = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Random(seed.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

impl Form {
    pub fn parse(text: &str) -> Form {
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(sign) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                fixed.push(sign);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (field, after) = after.split_once('}').unwrap();
                parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                parts.extend(fields(field));
                rest = after;
            } else {
                fixed.push(sign);
                rest = &rest[sign.len_utf8()..];
            }
        }
        parts.push(Part::Fixed(fixed));
        Form { parts }
    }

    /// A value of the form.
    pub fn value(&self, random: &mut Random) -> String {
        self.written(|_, field| {
            let most = field.most.unwrap_or(field.least + SPREAD);
            let length = field.least + random.below(most - field.least + 1);
            field.alphabet.text(length, random)
        })
    }

    /// True where the form has something that can be wrong so.
    pub fn can_miss(&self, miss: Miss) -> bool {
        let longest = self.longest().map(|(_, field)| field);
        match miss {
            Miss::Short => longest.is_some(),
            Miss::Long => longest.is_some_and(|field| field.most.is_some()),
            Miss::Alien => longest.is_some_and(|field| !field.alphabet.password),
            Miss::Prefix => self.first_letter().is_some(),
            Miss::Repeated => true,
        }
    }

    /// Nearly a value.
    pub fn near_miss(&self, miss: Miss, random: &mut Random) -> String {
        let longest = self.longest().map(|(at, _)| at);
        let text = self.written(|at, field| {
            let alphabet = field.alphabet;
            match miss {
                Miss::Repeated => alphabet.repeated().repeat(field.least),
                Miss::Short if Some(at) == longest => alphabet.text(field.least - 1, random),
                Miss::Long if Some(at) == longest => {
                    alphabet.text(field.most.unwrap_or(field.least) + 1, random)
                }
                Miss::Alien if Some(at) == longest => alphabet.text_with_alien(field.least, random),
                _ => alphabet.text(field.least, random),
            }
        });
        match (miss, self.first_letter()) {
            (Miss::Prefix, Some(part)) => self.with_other_letter(part, random),
            _ => text,
        }
    }

    /// All parts in order, the fields as `field` says.
    fn written(&self, mut field: impl FnMut(usize, &Field) -> String) -> String {
        let parts = self.parts.iter().enumerate();
        parts
            .map(|(at, part)| match part {
                Part::Fixed(text) => text.clone(),
                Part::Field(found) => field(at, found),
            })
            .collect()
    }

    fn longest(&self) -> Option<(usize, &Field)> {
        let fields = self
            .parts
            .iter()
            .enumerate()
            .filter_map(|(at, part)| match part {
                Part::Field(field) if !field.free => Some((at, field)),
                _ => None,
            });
        // The first of several of the same length.
        fields.rev().max_by_key(|(_, field)| field.least)
    }

    fn first_letter(&self) -> Option<usize> {
        let has_letter = |part: &Part| matches!(part, Part::Fixed(text) if text.contains(|c: char| c.is_ascii_alphabetic()));
        self.parts.iter().position(has_letter)
    }

    fn with_other_letter(&self, changed: usize, random: &mut Random) -> String {
        let parts = self.parts.iter().enumerate();
        parts
            .map(|(at, part)| match part {
                Part::Fixed(text) if at == changed => other_letter(text),
                Part::Fixed(text) => text.clone(),
                Part::Field(field) => field.alphabet.text(field.least, random),
            })
            .collect()
    }
}

/// The text with its first letter changed.
fn other_letter(text: &str) -> String {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let other = if text[at..].starts_with(['q', 'Q']) {
        'j'
    } else {
        'q'
    };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// `u`, or alphabet and length.
fn fields(text: &str) -> Vec<Part> {
    if let Some(rest) = text.strip_prefix('u') {
        return uuid(!rest.is_empty());
    }
    let (alphabet, length) = text.split_once(':').unwrap();
    let number = |digits: &str| digits.parse::<usize>().unwrap();
    let (least, most, free) = if let Some(least) = length.strip_suffix('+') {
        (number(least), None, false)
    } else if let Some(length) = length.strip_suffix('~') {
        (number(length), Some(number(length)), true)
    } else if let Some((least, most)) = length.split_once('-') {
        (number(least), Some(number(most)), false)
    } else {
        (number(length), Some(number(length)), false)
    };
    let alphabet = Alphabet::named(alphabet);
    vec![Part::Field(Field {
        alphabet,
        least,
        most,
        free,
    })]
}

fn uuid(free: bool) -> Vec<Part> {
    let alphabet = Alphabet::named("h");
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = Vec::new();
    for (at, least) in lengths.into_iter().enumerate() {
        if at > 0 {
            parts.push(Part::Fixed("-".to_owned()));
        }
        parts.push(Part::Field(Field {
            alphabet,
            least,
            most: Some(least),
            free,
        }));
    }
    parts
}

impl Alphabet {
    #[allow(clippy::panic, reason = "the table is wrong then")]
    fn named(name: &str) -> Alphabet {
        let signs: &'static [u8] = match name {
            "A" => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "a" => b"0123456789abcdefghijklmnopqrstuvwxyz",
            "U" => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "L" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "l" => b"abcdefghijklmnopqrstuvwxyz",
            "d" => b"0123456789",
            "h" => b"0123456789abcdef",
            "H" => b"0123456789ABCDEF",
            // base64, its form for addresses, base32 of both cases, bech32 of both cases, base58.
            "b" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "w" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            "B" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "c" => b"abcdefghijklmnopqrstuvwxyz234567",
            "e" => b"023456789acdefghjklmnpqrstuvwxyz",
            "E" => b"023456789ACDEFGHJKLMNPQRSTUVWXYZ",
            "k" => b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
            // Passwords.
            "p" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+.-_~",
            _ => panic!("no alphabet {name:?}"),
        };
        Alphabet {
            signs,
            password: name == "p",
        }
    }

    fn text(self, length: usize, random: &mut Random) -> String {
        let sign = |at: usize, random: &mut Random| {
            if self.password && at == 2 {
                char::from(b'0' + u8::try_from(random.below(10)).unwrap())
            } else {
                char::from(self.signs[random.below(self.signs.len())])
            }
        };
        (0..length).map(|at| sign(at, random)).collect()
    }

    fn text_with_alien(self, length: usize, random: &mut Random) -> String {
        let text = self.text(length, random);
        let middle = length / 2;
        format!("{}{ALIEN}{}", &text[..middle], &text[middle + 1..])
    }

    fn repeated(self) -> &'static str {
        let candidates = ["a", "0", "A", "2"];
        let known = |sign: &&str| self.signs.contains(&sign.as_bytes()[0]);
        candidates.into_iter().find(known).unwrap()
    }
}
