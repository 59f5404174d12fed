//! What was decided on one unit: an event or an EDU, and what the decision stood on.

use serde::{Deserialize, Serialize};

use super::{Entry, Text, Verdict, is_false, is_zero};

/// `kind: event`: the decision on one PDU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Reference of the request that carried it (same as in its `request` line and in the structured log).
    pub request: Text,
    /// Link it was judged under, `high->low`.
    pub link: Text,
    /// Event id; absent where none can be computed, then `index` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Text>,
    /// Place in the list that carried it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Room id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// Event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Text>,
    /// User id of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Text>,
    /// What was decided.
    pub verdict: Verdict,
    /// The rule that decided (`protocol.*`, `label.*`, `dlp.*`, `rego.*`).
    pub rule: Text,
    /// Why the verdict differs from what the rule said: `held`, or `hold_*` for why nothing waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The label that was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelSummary>,
    /// Where that label came from.
    #[serde(default)]
    pub label_source: LabelSource,
    /// That label in the words of the clearance's policy, where it had to be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<LabelSummary>,
    /// The security policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spif: Option<SpifSummary>,
    /// Id of the clearance that the label was held against (SHA-256 of its JSON, hex).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Text>,
    /// Whose clearance that is: `zone`, `peer` or `bundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance_of: Option<Text>,
    /// Rules that record and deny nothing (`label.marking_lower`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Text>,
    /// What the detectors saw, the surest first; never the text. At most [`Entry::FINDINGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingSummary>,
    /// How many entries of `findings` were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
    /// What the link says about ciphertext.
    #[serde(default)]
    pub encryption: EncryptionMode,
    /// The event arrived in its redacted form already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub redacted_before: bool,
    /// An earlier denial decided.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sticky: bool,
    /// The journal keeps this denial: the judged copy's content hash verified.
    #[serde(default, skip_serializing_if = "is_false")]
    pub remember: bool,
    /// Id of the bundle that decided (SHA-256 of the archive, hex).
    #[serde(default)]
    pub bundle: Text,
}

impl Default for EventEntry {
    /// A decision that nobody made denies.
    fn default() -> Self {
        Self {
            request: Text::default(),
            link: Text::default(),
            event_id: None,
            index: None,
            room_id: None,
            event_type: None,
            sender: None,
            verdict: Verdict::Drop,
            rule: Text::default(),
            reason: None,
            label: None,
            label_source: LabelSource::default(),
            translated: None,
            spif: None,
            clearance: None,
            clearance_of: None,
            notes: Vec::new(),
            findings: Vec::new(),
            findings_omitted: 0,
            encryption: EncryptionMode::default(),
            redacted_before: false,
            sticky: false,
            remember: false,
            bundle: Text::default(),
        }
    }
}

/// `kind: edu`: one EDU that was not relayed, or in which detectors saw something. Others are counted in the request's
/// line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EduEntry {
    /// Reference of the request that carried it.
    pub request: Text,
    /// Link it was judged under.
    pub link: Text,
    /// EDU type; absent where it has none that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edu_type: Option<Text>,
    /// Place in the transaction's list, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Room that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<Text>,
    /// The rule that decided.
    pub rule: Text,
    /// It was relayed, and stands here for its findings.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
    /// What the detectors saw, as in [`EventEntry::findings`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingSummary>,
    /// How many entries of `findings` were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
}

/// Where an effective label came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelSource {
    /// The event itself.
    Event,
    /// The event that starts its thread.
    Thread,
    /// The event that it relates to otherwise.
    Target,
    /// The room.
    Room,
    /// The link's default.
    Link,
    /// A marking at the start of its text.
    Marking,
    /// There is none.
    #[default]
    None,
}

/// What a link does with ciphertext: the mode that decided (invariant 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// The event is not encrypted.
    #[default]
    Clear,
    /// Ciphertext is refused.
    Refuse,
    /// Judged by its label only.
    LabelOnly,
    /// Judged by a decrypted copy.
    Inspect,
}

/// The label that a decision was made on, named without its free text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelSummary {
    /// SHA-256 of the label's canonical JSON, hex.
    pub sha256: Text,
    /// Object id of the policy, where it names a loaded SPIF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Text>,
    /// Classification, where that SPIF knows the name (an unknown name could be content).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Text>,
}

/// A security policy, as it decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpifSummary {
    /// Its object identifier, dotted.
    pub oid: Text,
    /// Its version.
    pub version: Text,
    /// SHA-256 of its file, hex.
    pub sha256: Text,
}

/// One value that one detector saw in one unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingSummary {
    /// Detector's name.
    pub detector: Text,
    /// `low`, `medium` or `high`.
    pub strength: Text,
    /// How often.
    pub count: u32,
    /// JSON pointer to the first place. A key that Matrix does not know stands in it as `*`: it could be content.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub field: Text,
    /// First byte of the value there, in UTF-8.
    #[serde(default)]
    pub start: u32,
    /// Byte after the value.
    #[serde(default)]
    pub end: u32,
    /// The value stands in the last key of `field`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub key: bool,
    /// The view that showed it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub view: Text,
    /// HMAC of the value by the gateway's findings key, hex: equal values have equal ones.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub value: Text,
}

pub(super) fn cut(findings: &mut Vec<FindingSummary>, omitted: &mut u32) {
    let more = findings.len().saturating_sub(Entry::FINDINGS);
    if more > 0 {
        findings.truncate(Entry::FINDINGS);
        *omitted = u32::try_from(more).unwrap_or(u32::MAX);
    }
}
