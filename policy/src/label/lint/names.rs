//! Levels whose rank contradicts what their names mean to readers. A warning only: `hierarchy` alone decides, and this
//! list ranks names within one tradition, never across two.

use super::Found;
use crate::label::{
    name::Key,
    spif::{Classification, Spif},
};

/// Names in rising order, a tradition a line. One word may stand in several with another meaning, so two levels are
/// compared only where one line has both.
const TRADITIONS: [&[&str]; 12] = [
    &["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET", "TOP SECRET"],
    &[
        "UNMARKED",
        "UNCLASSIFIED",
        "RESTRICTED",
        "CONFIDENTIAL",
        "SECRET",
        "TOP SECRET",
    ],
    &["OFFICIAL", "OFFICIAL-SENSITIVE", "SECRET", "TOP SECRET"],
    &[
        "OFFEN",
        "VS-NUR FÜR DEN DIENSTGEBRAUCH",
        "VS-VERTRAULICH",
        "GEHEIM",
        "STRENG GEHEIM",
    ],
    &["ÖFFENTLICH", "INTERN", "VERTRAULICH", "STRENG VERTRAULICH"],
    &[
        "NON PROTÉGÉ",
        "DIFFUSION RESTREINTE",
        "SECRET",
        "TRÈS SECRET",
    ],
    &[
        "NON CLASSIFIÉ",
        "CONFIDENTIEL DÉFENSE",
        "SECRET DÉFENSE",
        "TRÈS SECRET DÉFENSE",
    ],
    &[
        "RESTREINT UE/EU RESTRICTED",
        "CONFIDENTIEL UE/EU CONFIDENTIAL",
        "SECRET UE/EU SECRET",
        "TRÈS SECRET UE/EU TOP SECRET",
    ],
    &[
        "BEPERKTE VERSPREIDING",
        "VERTROUWELIJK",
        "GEHEIM",
        "ZEER GEHEIM",
    ],
    &["DIFUSIÓN LIMITADA", "CONFIDENCIAL", "RESERVADO", "SECRETO"],
    &["RISERVATO", "RISERVATISSIMO", "SEGRETO", "SEGRETISSIMO"],
    &["VYHRAZENÉ", "DŮVĚRNÉ", "TAJNÉ", "PŘÍSNĚ TAJNÉ"],
];

pub(super) fn check(spif: &Spif) -> Vec<Found> {
    let ranked = |level| Some((level, ranks(spif, level)?));
    let levels: Vec<Ranked<'_>> = spif.classifications.iter().filter_map(ranked).collect();
    let mut found = Vec::new();
    for (index, one) in levels.iter().enumerate() {
        let others = levels[..index].iter();
        if let Some(other) = { others }.find(|other| contradict(one, other)) {
            let (low, high) = match one.0.hierarchy < other.0.hierarchy {
                true => (one.0, other.0),
                false => (other.0, one.0),
            };
            let message = format!(
                "{} (hierarchy {}) ranks below {} (hierarchy {}), against the usual order of these names; check both",
                low.name, low.hierarchy, high.name, high.hierarchy
            );
            found.push(Found::new(
                "hierarchy-convention",
                Some(one.0.line),
                message,
            ));
        }
    }
    found
}

/// A level, and its place in each tradition that has it.
type Ranked<'a> = (&'a Classification, [Option<usize>; TRADITIONS.len()]);

fn contradict((one, first): &Ranked<'_>, (other, second): &Ranked<'_>) -> bool {
    first.iter().zip(second).any(|places| match places {
        (Some(first), Some(second)) => first.cmp(second) != one.hierarchy.cmp(&other.hierarchy),
        _ => false,
    })
}

/// `None` where no tradition has the name. A name may begin with that of the policy, as in `NATO SECRET`.
fn ranks(spif: &Spif, level: &Classification) -> Option<[Option<usize>; TRADITIONS.len()]> {
    let is = |name: &&str| {
        level.key == Key::of(name) || level.key == Key::of(&format!("{} {name}", spif.name))
    };
    let places = TRADITIONS.map(|names| names.iter().position(is));
    places.iter().any(Option::is_some).then_some(places)
}
