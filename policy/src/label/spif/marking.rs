//! Phrases that mark text, for display and for markings that users type. No part of access control.

use super::model::Classification;

/// A phrase, where it stands and in which language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marking {
    /// The phrase; empty where only codes are given.
    pub phrase: String,
    /// Language (`xml:lang`), where one is given here or further out.
    pub lang: Option<String>,
    /// Where the phrase stands; empty for everywhere.
    pub codes: Vec<MarkingCode>,
}

/// What stands before, after or between phrases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualifier {
    /// The text, spaces included.
    pub text: String,
    /// Before, after or between.
    pub kind: QualifierKind,
    /// Where it applies.
    pub code: MarkingCode,
    /// Language, where one is given here or further out.
    pub lang: Option<String>,
}

/// Place of a [`Qualifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualifierKind {
    /// Before the first phrase.
    Prefix,
    /// After the last phrase.
    Suffix,
    /// Between two phrases.
    Separator,
}

/// Markings and qualifiers that belong to the policy as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markings {
    /// Of `securityPolicyId`: phrases for the policy's name.
    pub policy: Vec<Marking>,
    /// Of `securityClassifications`.
    pub classifications: Vec<Marking>,
    /// Of the SPIF itself.
    pub spif: Vec<Marking>,
    /// Of all three, in document order.
    pub qualifiers: Vec<Qualifier>,
}

/// Where and how a phrase is shown: the sixteen codes of Open XML SPIF 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkingCode {
    /// `pageTop`
    PageTop,
    /// `pageBottom`
    PageBottom,
    /// `pageTopBottom`
    PageTopBottom,
    /// `documentStart`
    DocumentStart,
    /// `documentEnd`
    DocumentEnd,
    /// `noNameDisplay`: the element's name is not shown.
    NoNameDisplay,
    /// `noMarkingDisplay`: the phrase is not shown.
    NoMarkingDisplay,
    /// `suppressClassName`: the name of the level is not shown.
    SuppressClassName,
    /// `firstLineOfText`
    FirstLineOfText,
    /// `lastLineOfText`
    LastLineOfText,
    /// `subject`
    Subject,
    /// `xHeader`
    XHeader,
    /// `portionMarking`: the short form before a paragraph.
    PortionMarking,
    /// `inputTitle`: title of a field in which a user types a value.
    InputTitle,
    /// `waterMark`
    WaterMark,
    /// `replacePolicy`: the phrase stands in place of the policy's name.
    ReplacePolicy,
}

impl MarkingCode {
    /// Every code by the name in the schema.
    const NAMES: [(&'static str, MarkingCode); 16] = [
        ("pageTop", MarkingCode::PageTop),
        ("pageBottom", MarkingCode::PageBottom),
        ("pageTopBottom", MarkingCode::PageTopBottom),
        ("documentStart", MarkingCode::DocumentStart),
        ("documentEnd", MarkingCode::DocumentEnd),
        ("noNameDisplay", MarkingCode::NoNameDisplay),
        ("noMarkingDisplay", MarkingCode::NoMarkingDisplay),
        ("suppressClassName", MarkingCode::SuppressClassName),
        ("firstLineOfText", MarkingCode::FirstLineOfText),
        ("lastLineOfText", MarkingCode::LastLineOfText),
        ("subject", MarkingCode::Subject),
        ("xHeader", MarkingCode::XHeader),
        ("portionMarking", MarkingCode::PortionMarking),
        ("inputTitle", MarkingCode::InputTitle),
        ("waterMark", MarkingCode::WaterMark),
        ("replacePolicy", MarkingCode::ReplacePolicy),
    ];

    pub(in crate::label) fn from_name(name: &str) -> Option<MarkingCode> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, code)| *code)
    }
}

impl Classification {
    /// All phrases that mark this level, in every language.
    pub fn phrases(&self) -> impl Iterator<Item = &str> {
        let phrases = self.markings.iter().map(|marking| marking.phrase.as_str());
        phrases.filter(|phrase| !phrase.is_empty())
    }
}
