//! Ordinary chat, German and English: 500 templates from openings and sentences, and what fills their slots.

use super::random::Random;

/// Templates of a run; half of them German.
pub const TEMPLATES: usize = 500;

/// All templates: every opening with every sentence of its language, as many as asked for.
pub fn templates() -> Vec<String> {
    let half = TEMPLATES / 2;
    let german = combined(&GERMAN_OPENINGS, &GERMAN).into_iter().take(half);
    german
        .chain(combined(&ENGLISH_OPENINGS, &ENGLISH).into_iter().take(half))
        .collect()
}

fn combined(openings: &[&str], sentences: &[&str]) -> Vec<String> {
    openings
        .iter()
        .flat_map(|opening| {
            sentences
                .iter()
                .map(move |sentence| format!("{opening}{sentence}"))
        })
        .collect()
}

/// A template with its slots filled.
pub fn fill(template: &str, random: &mut Random) -> String {
    let mut line = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, behind) = after.split_once('}').unwrap_or((after, ""));
        line.push_str(before);
        line.push_str(&slot_value(slot, random));
        rest = behind;
    }
    line + rest
}

fn slot_value(slot: &str, random: &mut Random) -> String {
    match slot {
        "number" => number(random),
        "date" => date(random),
        "time" => format!("{:02}:{:02}", random.between(0, 23), random.between(0, 59)),
        "uuid" => uuid(random),
        "link" => link(random),
        "price" => format!("{},{:02} €", random.between(1, 4000), random.between(0, 99)),
        "version" => version(random),
        "small" => random.between(2, 999).to_string(),
        "order" => format!("{}-{}", random.one(&ORDERS), random.between(1000, 999_999)),
        "name" => random.one(&NAMES).to_owned(),
        "place" => random.one(&PLACES).to_owned(),
        other => other.to_owned(),
    }
}

/// 8 to 20 digits: in one piece, in groups, with a letter in front.
fn number(random: &mut Random) -> String {
    let count = random.between(8, 20);
    let digits = random.digits(count);
    let separator = *random.one(&[&" ", &"-", &".", &"/"]);
    match random.between(0, 19) {
        0 | 1 => grouped(&digits, 4, separator),
        2 | 3 => grouped(&digits, 3, separator),
        4 | 5 => grouped(&digits, 2, " "),
        6 => format!("{}{digits}", char::from(b'A' + random.between(0, 25) as u8)),
        7 | 8 => format!("{}-{digits}", random.one(&ORDERS)),
        _ => digits,
    }
}

fn grouped(digits: &str, size: usize, separator: &str) -> String {
    let groups: Vec<String> = digits
        .as_bytes()
        .chunks(size)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    groups.join(separator)
}

fn date(random: &mut Random) -> String {
    let (day, month, year) = (
        random.between(1, 28),
        random.between(1, 12),
        random.between(1995, 2031),
    );
    match random.between(0, 2) {
        0 => format!("{day:02}.{month:02}.{year}"),
        1 => format!("{year}-{month:02}-{day:02}"),
        _ => format!("{month}/{day}/{year}"),
    }
}

fn uuid(random: &mut Random) -> String {
    let text = format!("{:016x}{:016x}", random.next(), random.next());
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

fn link(random: &mut Random) -> String {
    let path = format!("{:x}", random.next());
    match random.between(0, 2) {
        0 => format!("https://example.org/t/{}/{path}", random.between(1, 99_999)),
        1 => format!(
            "https://shop.example.com/p?id={}&ref={path}",
            random.between(10_000, 99_999_999)
        ),
        _ => format!(
            "http://news.example.net/{}/{:02}/artikel-{path}.html",
            random.between(2010, 2030),
            random.between(1, 12)
        ),
    }
}

fn version(random: &mut Random) -> String {
    let part = |random: &mut Random| random.between(0, 40);
    match random.between(0, 2) {
        0 => format!("v{}.{}.{}", part(random), part(random), part(random)),
        1 => format!(
            "{}.{}.{}.{}",
            part(random),
            part(random),
            random.between(1000, 30_000),
            part(random)
        ),
        _ => format!("{}.{}-rc{}", part(random), part(random), part(random)),
    }
}

const ORDERS: [&str; 8] = ["PO", "AB", "RE", "TICKET", "SR", "B", "KD", "INC"];
const NAMES: [&str; 12] = [
    "Anna",
    "Jonas",
    "Bob",
    "Alice",
    "Frau Schneider",
    "Herr Özdemir",
    "Tom",
    "Mia",
    "Carol",
    "Dave",
    "Svenja",
    "Uwe",
];
const PLACES: [&str; 10] = [
    "Köln",
    "Hamburg",
    "Raum B12",
    "Halle 4",
    "Berlin",
    "Paris",
    "the kitchen",
    "London",
    "Gate C 17",
    "room 3.12",
];

const GERMAN_OPENINGS: [&str; 11] = [
    "",
    "Hallo {name}, ",
    "Moin! ",
    "Kurze Frage: ",
    "Guten Morgen zusammen, ",
    "@{name}: ",
    "Übrigens, ",
    "Nur zur Info: ",
    "PS: ",
    "{date} {time} ",
    "Nach dem Mittag: ",
];
const ENGLISH_OPENINGS: [&str; 11] = [
    "",
    "Hi {name}, ",
    "Hey all, ",
    "Quick question: ",
    "Morning! ",
    "@{name} ",
    "By the way, ",
    "FYI: ",
    "PS: ",
    "{date} {time} - ",
    "After lunch: ",
];

/// Every fourth has a number.
const GERMAN: [&str; 24] = [
    "die Bestellung {number} ist angekommen",
    "das ist kein geheimer Plan, sondern nur ein Witz",
    "wir treffen uns am {date} um {time} in {place}.",
    "das bleibt bitte geheim, ja? Bis {time} Uhr!",
    "Sendungsnummer {number}, kommt morgen",
    "die Rechnung über {price} ist bezahlt, der Rest ({price}) folgt am {date}",
    "siehe {link}",
    "Version {version} ist draußen, {small} Fehler weniger",
    "im Protokoll steht {number} und sonst nichts",
    "der Wagen ist nur für den Dienst gedacht, nicht privat",
    "vertraulich gesagt: {name} kommt nicht mehr",
    "Fehler {uuid} tritt wieder auf",
    "Zählerstand {number}, abgelesen am {date}",
    "das war streng, aber geheim war es nie",
    "{small} Leute, {small} Stühle, {price} Eintritt",
    "Ticket {order} hat {name} übernommen",
    "ruf bitte wegen {number} beim Lager an",
    "die amtliche Karte von {place} ist von {date}, Maßstab 1:{small}",
    "Nachricht {uuid} hat der Server {small} mal verschickt",
    "die Geheimnisse des Kochens, Teil {small}",
    "der Code {number} steht auf dem Karton",
    "Beschränkung aufgehoben, Zufahrt {place} wieder offen",
    "Bayern vs. Dortmund heute um {time}, wer schaut mit? {link}",
    "im Diagramm von {version} ist {small} % zu hoch",
];

const ENGLISH: [&str; 24] = [
    "order {number} has arrived",
    "this is no secret plan, just a joke",
    "see you on {date} at {time} in {place}.",
    "please keep it secret until {time}, will you?",
    "tracking number {number}, due tomorrow",
    "the invoice over {price} is paid, the rest ({price}) follows on {date}",
    "have a look at {link}",
    "version {version} is out, {small} bugs fewer",
    "the log says {number} and nothing else",
    "the restricted area behind {place} is closed today",
    "this was a confidential call, sorry {name}",
    "error {uuid} is back again",
    "meter reading {number} as of {date}",
    "secret santa is on {date}, budget {price}",
    "{small} people, {small} chairs, {price} each",
    "ticket {order} is with {name}",
    "ask the warehouse about {number}, please",
    "top of the list: unclassified waste in {place}, {small} bags",
    "message {uuid} was sent {small} times",
    "NATO meets on {date}, says the radio",
    "the code {number} is on the box",
    "access to the EU site is restricted since {date}",
    "who watches the match at {time}? {link}",
    "the chart of {version} is {small} % too high",
];
