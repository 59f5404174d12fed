//! The marking of a label for readers, in their language. Display only: nothing here takes part in a decision.

use super::{
    Classification, Marking, MarkingCode, Qualifier, QualifierKind, Resolved, Spif, Spifs, Tag,
    TagValue,
};
use crate::label::{
    name::Key,
    wire::{Category, Label},
};

impl Spifs {
    /// The marking of `label` as it stands at `place` (such as [`MarkingCode::PageTop`] or
    /// [`MarkingCode::PortionMarking`]) for a reader of the language `lang` (`de`, `fr-CA`), with the policy's own names
    /// where it has no phrase. `None` where policy or level are not known; values that are not known are left out.
    #[must_use]
    pub fn marking_text(&self, label: &Label, place: MarkingCode, lang: &str) -> Option<String> {
        let Resolved::One(spif) = self.resolve(label.policy()) else {
            return None;
        };
        let level = spif.classification(label.classification())?;
        let reader = Reader { place, lang };
        let mut parts = vec![reader.policy(spif, level), reader.level(spif, level)];
        for set in &spif.tag_sets {
            let here = |category: &&Category| Key::of(&category.tag_name) == set.key;
            let categories: Vec<&Category> = label.categories().iter().filter(here).collect();
            let tags = set.tags.iter();
            parts.extend(tags.map(|tag| reader.tag(tag, &chosen(tag, &categories))));
        }
        parts.retain(|part| !part.is_empty());
        let separator = reader.qualifier(&spif.markings.qualifiers, QualifierKind::Separator);
        Some(parts.join(separator.unwrap_or(" ")))
    }
}

/// The values of a tag that the categories name.
fn chosen<'a>(tag: &'a Tag, categories: &[&Category]) -> Vec<&'a TagValue> {
    let same = categories
        .iter()
        .filter(|category| category.kind == tag.kind);
    let keys: Vec<Key> = same
        .flat_map(|category| &category.values)
        .map(|value| Key::of(value))
        .collect();
    let values = tag.values.iter();
    values.filter(|value| keys.contains(&value.key)).collect()
}

/// For whom and where a marking is made.
struct Reader<'a> {
    place: MarkingCode,
    lang: &'a str,
}

impl Reader<'_> {
    /// The policy's phrase or name, unless the level replaces it or the policy hides it.
    fn policy(&self, spif: &Spif, level: &Classification) -> String {
        let replaces = |marking: &&Marking| marking.codes.contains(&MarkingCode::ReplacePolicy);
        if let Some(marking) = self.best(level.markings.iter().filter(replaces)) {
            return marking.phrase.clone();
        }
        self.text(&spif.markings.policy, &spif.name)
    }

    fn level(&self, spif: &Spif, level: &Classification) -> String {
        let suppressed = |markings: &[Marking]| has(markings, MarkingCode::SuppressClassName);
        let hidden = suppressed(&level.markings) || suppressed(&spif.markings.classifications);
        self.text(&level.markings, if hidden { "" } else { &level.name })
    }

    /// The phrases of the values between prefix and suffix of their tag.
    fn tag(&self, tag: &Tag, values: &[&TagValue]) -> String {
        let phrases = values
            .iter()
            .map(|value| self.text(&value.markings, &value.name));
        let phrases: Vec<String> = phrases.filter(|phrase| !phrase.is_empty()).collect();
        if phrases.is_empty() {
            return String::new();
        }
        let part = |kind, otherwise| self.qualifier(&tag.qualifiers, kind).unwrap_or(otherwise);
        format!(
            "{}{}{}",
            part(QualifierKind::Prefix, ""),
            phrases.join(part(QualifierKind::Separator, " ")),
            part(QualifierKind::Suffix, "")
        )
    }

    /// The best phrase, else the name unless it is hidden.
    fn text(&self, markings: &[Marking], name: &str) -> String {
        let no_phrase = [MarkingCode::ReplacePolicy, MarkingCode::InputTitle];
        let shown = |marking: &&Marking| !marking.codes.iter().any(|code| no_phrase.contains(code));
        if has(markings, MarkingCode::NoMarkingDisplay) {
            return String::new();
        }
        match self.best(markings.iter().filter(shown)) {
            Some(marking) => marking.phrase.clone(),
            None if has(markings, MarkingCode::NoNameDisplay) => String::new(),
            None => name.to_owned(),
        }
    }

    /// The phrase that fits place and language best; the first of equals.
    fn best<'m>(&self, markings: impl Iterator<Item = &'m Marking>) -> Option<&'m Marking> {
        let phrases = markings.filter(|marking| !marking.phrase.is_empty());
        phrases.min_by_key(|marking| {
            (
                self.distance_in_place(&marking.codes),
                self.distance_in_language(marking.lang.as_deref()),
            )
        })
    }

    fn qualifier<'q>(&self, qualifiers: &'q [Qualifier], kind: QualifierKind) -> Option<&'q str> {
        let of_kind = qualifiers.iter().filter(|qualifier| qualifier.kind == kind);
        let best = of_kind.min_by_key(|qualifier| {
            (
                self.distance_in_place(&[qualifier.code]),
                self.distance_in_language(qualifier.lang.as_deref()),
            )
        });
        best.map(|qualifier| qualifier.text.as_str())
    }

    fn distance_in_place(&self, codes: &[MarkingCode]) -> u8 {
        let page = [MarkingCode::PageTop, MarkingCode::PageBottom];
        let both = page.contains(&self.place) && codes.contains(&MarkingCode::PageTopBottom);
        match codes {
            codes if codes.contains(&self.place) || both => 0,
            [] => 1,
            _ => 2,
        }
    }

    /// The language itself, another of its regions, no language, any other.
    fn distance_in_language(&self, lang: Option<&str>) -> u8 {
        let primary = |lang: &str| lang.split('-').next().unwrap_or("").to_ascii_lowercase();
        match lang {
            Some(lang) if lang.eq_ignore_ascii_case(self.lang) => 0,
            Some(lang) if primary(lang) == primary(self.lang) => 1,
            None => 2,
            Some(_) => 3,
        }
    }
}

fn has(markings: &[Marking], code: MarkingCode) -> bool {
    markings.iter().any(|marking| marking.codes.contains(&code))
}
