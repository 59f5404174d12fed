//! What can only be seen when several policies are loaded together.

use super::{super::*, CLEAN, files};
use crate::label::spif::Spif;

const LOW_HIGH: [(&str, i64); 2] = [("OFFEN", 1), ("GEHEIM", 4)];

/// [`CLEAN`] as policy XVS, with equivalents in XNATO.
fn ours(levels: &str, value: &str) -> String {
    with(CLEAN, "XNATO", "2.25.999102", levels, value)
}

/// [`CLEAN`] as policy XNATO, with equivalents in XVS.
fn theirs(levels: &str, value: &str) -> String {
    let renamed = CLEAN
        .replace("XVS", "XNATO")
        .replace("2.25.999101", "2.25.999102");
    with(&renamed, "XVS", "2.25.999101", levels, value)
}

/// `levels`: pairs of own and other `lacv`, such as `1=1 4=4`; `value`: entries of DEU.
fn with(xml: &str, other: &str, oid: &str, levels: &str, value: &str) -> String {
    let mut xml = xml.replace(
        "</SPIF>",
        &format!("<equivalentPolicies><equivalentPolicy name=\"{other}\" id=\"{oid}\"/></equivalentPolicies></SPIF>"),
    );
    for (_, lacv) in LOW_HIGH {
        let pairs = levels
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        let entries: String = pairs
            .filter(|(own, _)| *own == lacv.to_string())
            .map(|(_, target)| {
                let (target, applied) = target.split_once(':').unwrap_or((target, "both"));
                format!("<equivalentClassification policyRef=\"{other}\" lacv=\"{target}\" applied=\"{applied}\"/>")
            })
            .collect();
        let open = format!("lacv=\"{lacv}\" hierarchy=\"{lacv}\" color=");
        let at = xml.find(&open).unwrap();
        let end = at + xml[at..].find("/>").unwrap();
        xml.replace_range(
            end..end + 2,
            &format!(">{entries}</securityClassification>"),
        );
    }
    xml.replace(
        r#"<tagCategory name="DEU" lacv="276"/>"#,
        &format!(r#"<tagCategory name="DEU" lacv="276">{value}</tagCategory>"#),
    )
}

fn deu_in(other: &str, oid: &str, lacv: &str) -> String {
    format!(
        r#"<equivalentSecCategoryTag policyRef="{other}" tagSetId="{oid}.2" tagType="enumerated" enumType="permissive"
        lacv="{lacv}" applied="both"/>"#
    )
}

/// Code and message of the warnings, those about what has no equivalent left out.
fn found(xmls: &[&str]) -> Vec<(&'static str, String)> {
    let names = ["a.xml", "b.xml"];
    let list: Vec<(&str, &str)> = names.into_iter().zip(xmls.iter().copied()).collect();
    let report = lint(&files(&list));
    assert_eq!(report.errors, []);
    let told = report
        .warnings
        .into_iter()
        .map(|found| (found.code, found.message));
    told.filter(|(code, _)| *code != "missing-equivalence")
        .collect()
}

#[test]
fn sp_9_an_equivalence_that_leads_nowhere_is_named() {
    let good = ours("1=1 4=4", &deu_in("XNATO", "2.25.999102", "276"));
    let target = theirs("1=1 4=4", &deu_in("XVS", "2.25.999101", "276"));
    assert_eq!(found(&[&good, &target]), []);
    let alone = found(&[&good]);
    assert_eq!(
        (alone.len(), alone[0].0),
        (1, "equivalent-policy-not-loaded")
    );
    assert!(alone[0].1.contains("XNATO"));
    for (changed, words) in [
        (ours("1=1 4=9", ""), ["GEHEIM", "lacv 9"]),
        (
            ours("", &deu_in("XNATO", "2.25.999102", "999")),
            ["DEU", "lacv 999"],
        ),
        (
            ours("", &deu_in("XNATO", "2.25.7", "276")),
            ["DEU", "tag set 2.25.7"],
        ),
        (
            ours(
                "",
                &deu_in("XNATO", "2.25.999102", "276").replace("permissive", "restrictive"),
            ),
            ["DEU", "type"],
        ),
    ] {
        let warnings = found(&[&changed, &target]);
        assert_eq!(
            (warnings.len(), warnings[0].0),
            (1, "equivalent-unknown"),
            "{warnings:?}"
        );
        assert!(
            words.iter().all(|word| warnings[0].1.contains(word)),
            "{warnings:?}"
        );
    }
}

#[test]
fn sp_9_what_an_equivalence_requires_must_exist_in_its_policy() {
    let required = |set: &str| {
        format!(
            "id=\"2.25.999102\"><requiredCategory operation=\"all\"><categoryGroup tagSetRef=\"{set}\" \
             tagType=\"restrictive\" lacv=\"2\"/></requiredCategory></equivalentPolicy>"
        )
    };
    let with = |set: &str| ours("1=1 4=4", "").replace("id=\"2.25.999102\"/>", &required(set));
    let target = theirs("", "");
    assert_eq!(found(&[&with("Sperrvermerk"), &target]), []);
    let warnings = found(&[&with("Elsewhere"), &target]);
    assert_eq!((warnings.len(), warnings[0].0), (1, "equivalent-unknown"));
    assert!(warnings[0].1.contains("Elsewhere"));
}

#[test]
fn sp_9_name_and_identifier_must_mean_one_policy() {
    let confused = ours("1=1 4=4", "").replace(
        "name=\"XNATO\" id=\"2.25.999102\"",
        "name=\"XNATO\" id=\"2.25.5\"",
    );
    let warnings = found(&[&confused, &theirs("", "")]);
    assert_eq!(
        (warnings.len(), warnings[0].0),
        (1, "equivalent-policy-mismatch")
    );
}

#[test]
fn sp_9_equivalences_to_two_places_are_named() {
    let two = ours("4=4:both 4=1:encrypt", "");
    assert_eq!(found(&[&two, &theirs("", "")])[0].0, "equivalent-ambiguous");
    let apart = ours("4=4:encrypt 4=1:decrypt", "");
    let codes: Vec<&str> = found(&[&apart, &theirs("", "")])
        .iter()
        .map(|found| found.0)
        .collect();
    assert!(!codes.contains(&"equivalent-ambiguous"), "{codes:?}");
    let merged = ours("1=4 4=4", "");
    let warnings = found(&[&merged, &theirs("", "")]);
    assert_eq!(warnings[0].0, "equivalent-ambiguous");
    assert!(warnings[0].1.contains("OFFEN") && warnings[0].1.contains("GEHEIM"));
}

#[test]
fn missing_equivalences_are_listed() {
    let report = lint(&files(&[
        ("a.xml", &ours("4=4", "")),
        ("b.xml", &theirs("1=1 4=4", "")),
    ]));
    let missing: Vec<&str> = report
        .warnings
        .iter()
        .filter(|found| found.code == "missing-equivalence" && found.file == "a.xml")
        .map(|found| found.message.as_str())
        .collect();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(
        missing
            .iter()
            .any(|message| message.contains("OFFEN") && !message.contains("GEHEIM"))
    );
    assert!(
        missing
            .iter()
            .any(|message| message.contains("KRYPTO, NUR DEUTSCHE"))
    );
    assert!(missing.iter().any(|message| message.contains("DEU, FRA")));
}

fn lossy(one: &str, other: &str) -> Vec<LossyRoundTrip> {
    let spifs = [one, other].map(|xml| Spif::parse(xml).unwrap());
    Spifs::new(spifs.into()).unwrap().lossy_round_trips()
}

#[test]
fn lb_9_a_level_that_comes_back_lower_is_a_lossy_round_trip() {
    let honest = theirs("1=1 4=4", "");
    assert_eq!(lossy(&ours("1=1 4=4", ""), &honest), []);
    // GEHEIM goes out as their GEHEIM, and their GEHEIM is our OFFEN.
    let sly = theirs("4=1", "");
    let trips = lossy(&ours("4=4:encrypt", ""), &sly);
    assert_eq!(trips.len(), 1, "{trips:?}");
    assert_eq!(
        (trips[0].from.as_str(), trips[0].to.as_str()),
        ("XVS", "XNATO")
    );
    assert_eq!(
        trips[0].example,
        "XVS GEHEIM becomes XNATO GEHEIM and then XVS OFFEN"
    );
    let warnings = found(&[&ours("4=4:encrypt", ""), &sly]);
    assert!(
        warnings
            .iter()
            .any(|(code, message)| *code == "lossy-round-trip" && message.contains("OFFEN"))
    );
}

#[test]
fn lb_9_a_category_that_comes_back_as_another_is_a_lossy_round_trip() {
    let levels = "1=1 4=4";
    let out = ours(levels, &deu_in("XNATO", "2.25.999102", "276"));
    assert_eq!(
        lossy(&out, &theirs(levels, &deu_in("XVS", "2.25.999101", "276"))),
        []
    );
    let trips = lossy(&out, &theirs(levels, &deu_in("XVS", "2.25.999101", "250")));
    let pairs: Vec<(&str, &str)> = trips
        .iter()
        .map(|trip| (trip.from.as_str(), trip.to.as_str()))
        .collect();
    assert!(pairs.contains(&("XVS", "XNATO")), "{trips:?}");
    assert!(
        trips[0].example.contains("Freigabe {DEU}") && trips[0].example.contains("Freigabe {FRA}"),
        "{trips:?}"
    );
}

#[test]
fn lb_9_policies_that_name_no_equivalents_have_no_round_trips() {
    let other = CLEAN
        .replace("XVS", "XNATO")
        .replace("2.25.999101", "2.25.999102");
    assert_eq!(lossy(CLEAN, &other), []);
}

/// The policy of NATO's size under another name, every level and value equal to that of `other`.
fn big(name: &str, oid: &str, other: &str, other_oid: &str) -> String {
    let mut tag = String::new();
    let mut set = String::new();
    let mut xml = String::new();
    let attribute = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    for line in crate::label::test_policy::nato_size().lines() {
        xml.push_str(line);
        if line.contains("<securityCategoryTagSet ") {
            set = attribute(line, "id").replace("2.25.999900", other_oid);
        } else if line.contains("<securityCategoryTag ") {
            let (_, kind) = line.split_once(" tagType=").unwrap();
            tag = format!("tagType={}", kind.trim_end_matches('>'));
        } else if line.contains("<tagCategory ") {
            let lacv = attribute(line, "lacv");
            xml.push_str(&format!(
                "<equivalentSecCategoryTag policyRef=\"{other}\" tagSetId=\"{set}\" {tag} lacv=\"{lacv}\" applied=\"both\"/>"
            ));
        } else if line.contains("<securityClassification ") {
            let lacv = attribute(line, "lacv");
            xml.push_str(&format!(
                "<equivalentClassification policyRef=\"{other}\" lacv=\"{lacv}\" applied=\"both\"/>"
            ));
        }
    }
    let policies = format!(
        "<equivalentPolicies><equivalentPolicy name=\"{other}\" id=\"{other_oid}\"/></equivalentPolicies></SPIF>"
    );
    let own = format!("name=\"{name}\"");
    xml.replace("</SPIF>", &policies)
        .replace("name=\"BIG\"", &own)
        .replace("2.25.999900", oid)
}

/// Where no equivalence requires anything, each level and each value is tried once, not each value with each level.
#[test]
fn lb_9_large_policies_are_compared_with_one_label_for_each_level_and_value() {
    let one = big("ONE", "2.25.999901", "TWO", "2.25.999902");
    let two = big("TWO", "2.25.999902", "ONE", "2.25.999901");
    let values = one.matches("<tagCategory ").count();
    let policies = [one, two].map(|xml| Spif::parse(&xml).unwrap());
    let spifs = Spifs::new(policies.into()).unwrap();
    let (from, to) = (spifs.by_name("ONE").unwrap(), spifs.by_name("TWO").unwrap());
    let (sent, found) = trips::comparison(&spifs, from, to);
    assert_eq!(found, None);
    let least = from.classifications.len() + values / 2;
    let most = from.classifications.len() + values;
    assert!(
        (least..=most).contains(&sent),
        "{sent} of {least} to {most}"
    );
}

/// A policy of 2,000 values in two sets, each equal to the one of `other` with its number.
fn huge(name: &str, oid: &str, other: &str, other_oid: &str) -> String {
    use crate::label::test_kit::{PERMISSIVE, RESTRICTIVE, level, policy, set, value};
    let levels = |number: u8| {
        let equal = format!(
            "<equivalentClassification policyRef=\"{other}\" lacv=\"{number}\" applied=\"both\"/>"
        );
        level(&format!("{name} {number}"), number, &equal)
    };
    let sets = [(1, RESTRICTIVE), (2, PERMISSIVE)].map(|(number, tag)| {
        let value = |lacv: u32| {
            let equal = format!("<equivalentSecCategoryTag policyRef=\"{other}\" tagSetId=\"{other_oid}.{number}\" {tag} lacv=\"{lacv}\" applied=\"both\"/>");
            value(&format!("V{number}-{lacv}"), &lacv.to_string(), &equal)
        };
        let values: String = (1..=1000).map(value).collect();
        set(&format!("S{number}"), &format!("{oid}.{number}"), tag, &values)
    });
    let levels: String = (1..=5).map(levels).collect();
    let equal = format!("<equivalentPolicy name=\"{other}\" id=\"{other_oid}\"/>");
    policy(name, oid, &levels, &sets.concat(), &equal)
}

#[test]
fn lb_9_two_policies_of_two_thousand_values_are_within_the_work_that_is_done() {
    let one = huge("ONE", "2.25.999901", "TWO", "2.25.999902");
    let two = huge("TWO", "2.25.999902", "ONE", "2.25.999901");
    assert_eq!(lossy(&one, &two), []);
}

#[test]
fn lb_9_a_pair_that_takes_too_much_work_counts_as_lossy_and_says_so() {
    let spifs = [ours("1=1 4=4", ""), theirs("1=1 4=4", "")].map(|xml| Spif::parse(&xml).unwrap());
    let spifs = Spifs::new(spifs.into()).unwrap();
    assert_eq!(spifs.lossy_round_trips(), []);
    let trips = spifs.lossy_within(10);
    assert_eq!(
        trips.len(),
        2,
        "once the work is spent, no further pair is shown to lose nothing: {trips:?}"
    );
    assert!(
        trips.iter().all(|trip| trip.example.contains("too large")),
        "{trips:?}"
    );
}
