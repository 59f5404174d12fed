//! What detectors saw, as the audit log tells it: which rule, which field, where, how often; never the value (DL-7).
//!
//! A value stands here by its keyed hash, so that two lines about the same value can be told to be that. Of the field
//! only the keys that Matrix itself gives are shown: any other key is a text that somebody wrote.

use std::collections::BTreeMap;

use sluice_policy::dlp::Finding;

use crate::audit::entry::FindingSummary;

/// Stands in a pointer for a key that is not shown.
const HIDDEN: &str = "*";

/// What the rule of a detector begins with.
const RULE: &str = "dlp.";

/// One summary a detector, strength and value: first those of the rule that decided, then the surest.
pub(super) fn summaries(findings: &[Finding], rule: &str) -> Vec<FindingSummary> {
    let mut summaries: Vec<FindingSummary> = Vec::new();
    let decided = |finding: &Finding| rule.strip_prefix(RULE) == Some(&finding.detector);
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| (!decided(finding), std::cmp::Reverse(finding.strength)));
    for finding in findings {
        for value in &finding.values {
            let value = value.to_string();
            match summaries
                .iter_mut()
                .find(|known| is_same(known, finding, &value))
            {
                Some(known) => known.count = known.count.saturating_add(1),
                None => summaries.push(summary(finding, &value)),
            }
        }
    }
    // The log cuts a long list: of each detector the first place comes before further ones of another.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, FindingSummary)> = Vec::new();
    for summary in summaries {
        let place = places.entry(summary.detector.to_string()).or_default();
        ranked.push((*place / PLACES_AT_ONCE, summary));
        *place += 1;
    }
    ranked.sort_by_key(|(round, _)| *round);
    ranked.into_iter().map(|(_, summary)| summary).collect()
}

/// Places of one detector in a row, before those of others.
const PLACES_AT_ONCE: usize = 8;

fn is_same(summary: &FindingSummary, finding: &Finding, value: &str) -> bool {
    *summary.detector == finding.detector
        && *summary.strength == *finding.strength.as_str()
        && *summary.value == *value
}

fn summary(finding: &Finding, value: &str) -> FindingSummary {
    FindingSummary {
        detector: finding.detector.as_str().into(),
        strength: finding.strength.as_str().into(),
        count: 1,
        field: field(&finding.field).into(),
        start: number(finding.start),
        end: number(finding.end),
        key: finding.key,
        view: finding.view.into(),
        value: value.into(),
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The pointer with every key hidden that is none of Matrix's own.
fn field(pointer: &str) -> String {
    let shown = |segment: &str| {
        let place = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let short = segment.len() <= PLACE_DIGITS;
        (place && short) || KEYS.contains(&segment)
    };
    let segments = pointer.split('/').skip(1);
    segments
        .map(|segment| if shown(segment) { segment } else { HIDDEN })
        .fold(String::new(), |pointer, segment| pointer + "/" + segment)
}

/// Digits of a place in a list; a longer number is a key that somebody wrote.
const PLACE_DIGITS: usize = 5;

/// Keys of events, ephemeral events and profiles in the specification, as they stand in a pointer.
const KEYS: &[&str] = &[
    "algorithm",
    "alias",
    "aliases",
    "allow",
    "alt_aliases",
    "answers",
    "avatar_url",
    "body",
    "caption",
    "content",
    "deny",
    "description",
    "device_display_name",
    "device_id",
    "devices",
    "display_name",
    "displayname",
    "event",
    "event_id",
    "file",
    "filename",
    "format",
    "formatted_body",
    "geo_uri",
    "info",
    "join_rule",
    "key",
    "kind",
    "m.asset",
    "m.caption",
    "m.file",
    "m.image",
    "m.in_reply_to",
    "m.location",
    "m.mentions",
    "m.message",
    "m.new_content",
    "m.poll",
    "m.poll.answer",
    "m.poll.answers",
    "m.poll.end",
    "m.poll.question",
    "m.poll.response",
    "m.poll.start",
    "m.relates_to",
    "m.text",
    "m.topic",
    "m.tz",
    "membership",
    "method",
    "mimetype",
    "msgtype",
    "name",
    "org.matrix.msc1767.file",
    "org.matrix.msc1767.text",
    "org.matrix.msc3381.poll.start",
    "org.matrix.msc3488.location",
    "org.sluice.confidentiality",
    "presence",
    "prev_content",
    "question",
    "reason",
    "room_id",
    "self",
    "sender",
    "state_key",
    "status_msg",
    "third_party_invite",
    "thumbnail_file",
    "thumbnail_info",
    "thumbnail_url",
    "topic",
    "type",
    "unsigned",
    "uri",
    "url",
    "user_id",
    "user_ids",
    "users",
    "via",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dl_7_a_pointer_shows_no_key_that_somebody_wrote() {
        assert_eq!(field("/event/content/body"), "/event/content/body");
        assert_eq!(
            field("/event/content/answers/3/m.text"),
            "/event/content/answers/3/m.text"
        );
        assert_eq!(
            field("/event/content/Operation Herbst/body"),
            "/event/content/*/body"
        );
        assert_eq!(field("/event/content/4111111111111111"), "/event/content/*");
        assert_eq!(field(""), "");
    }

    #[test]
    fn dl_7_the_list_of_keys_is_sorted_and_has_none_twice() {
        assert!(KEYS.is_sorted_by(|one, next| one < next));
    }
}
