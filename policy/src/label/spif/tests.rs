#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

mod references;
mod wild;

const DE: &str = include_str!("../../../../rules/spif/de-sample.xml");
const NATO: &str = include_str!("../../../../rules/spif/nato-sample.xml");

/// A policy with everything that constrains, to be changed one place at a time.
const FULL: &str = r##"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260301120000Z"
 notBefore="2026-03-01T00:00:00Z" notAfter="2027-03-01T00:00:00Z">
 <securityPolicyId name="XVS" id="2.25.999001"/>
 <securityClassifications>
  <securityClassification name="OFFEN" lacv="1" hierarchy="1" color="green"/>
  <securityClassification name="GEHEIM" lacv="4" hierarchy="4" color="#FF0000">
   <equivalentClassification policyRef="XNATO" lacv="4" applied="encrypt"/>
   <markingData phrase="Geh."><code>portionMarking</code></markingData>
   <requiredCategory operation="oneOrMore">
    <categoryGroup tagSetRef="Freigabe" tagType="enumerated" enumType="permissive" all="true"/>
   </requiredCategory>
  </securityClassification>
 </securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Sperrvermerk" id="2.25.999001.1">
   <securityCategoryTag name="Sperrvermerk" tagType="restrictive">
    <tagCategory name="KRYPTO" lacv="1"><excludedClass>OFFEN</excludedClass></tagCategory>
   </securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Freigabe" id="2.25.999001.2">
   <securityCategoryTag name="Freigabe" tagType="enumerated" enumType="permissive" maxSelection="3">
    <tagCategory name="DEU" lacv="276"/>
    <tagCategory name="FRA" lacv="250">
     <requiredCategory operation="all">
      <categoryGroup tagSetRef="Freigabe" tagType="enumerated" enumType="permissive" lacv="276"/>
     </requiredCategory>
    </tagCategory>
   </securityCategoryTag>
  </securityCategoryTagSet>
 </securityCategoryTagSets>
 <equivalentPolicies><equivalentPolicy name="XNATO" id="2.25.999002"/></equivalentPolicies>
</SPIF>"##;

/// The errors of `FULL` with one place changed.
fn refused(from: &str, to: &str) -> Vec<SpifError> {
    assert_eq!(
        FULL.matches(from).count(),
        1,
        "the mutation must change one place: {from}"
    );
    Spif::parse(&FULL.replace(from, to))
        .err()
        .unwrap_or_default()
}

#[test]
fn the_samples_load() {
    let de = Spif::parse(DE).unwrap();
    let names: Vec<&str> = de
        .classifications
        .iter()
        .map(|level| level.name.as_str())
        .collect();
    let levels = [
        "OFFEN",
        "VS-NUR FÜR DEN DIENSTGEBRAUCH",
        "VS-VERTRAULICH",
        "GEHEIM",
        "STRENG GEHEIM",
    ];
    assert_eq!(names, levels);
    assert!(de.classifications.is_sorted_by_key(|level| level.hierarchy));
    assert!(
        de.classifications[1]
            .phrases()
            .any(|phrase| phrase == "VS-NfD")
    );
    assert_eq!(
        de.tag_set("freigabe").unwrap().1.tags[0].kind,
        TagKind::Permissive
    );
    assert_eq!(
        de.tag_set("Sperrvermerk").unwrap().1.tags[0].kind,
        TagKind::Restrictive
    );

    let both = Spifs::new(vec![de, Spif::parse(NATO).unwrap()]).unwrap();
    assert!(both.marking("NATO", "secret") && both.marking("2.25.999001", "GEHEIM"));
    assert!(!both.marking("NATO", "GEHEIM") && !both.marking("EU", "SECRET"));
}

#[test]
fn the_samples_say_that_they_are_samples() {
    assert!(DE.contains("Sample, not authoritative") && NATO.contains("Sample, not authoritative"));
}

#[test]
fn a_policy_is_read_with_its_constraints_and_period() {
    let spif = Spif::parse(FULL).unwrap();
    assert_eq!(
        (spif.name.as_str(), spif.oid.as_str()),
        ("XVS", "2.25.999001")
    );
    assert_eq!(spif.created.unwrap().unix_timestamp(), 1_772_366_400);
    assert_eq!(
        spif.classifications[1].required[0].operation,
        Operation::OneOrMore
    );
    let freigabe = &spif.tag_sets[1].tags[0];
    assert_eq!((freigabe.enumerated, freigabe.max), (true, Some(3)));
    assert_eq!(
        freigabe.values[1].required[0].groups[0].lacv.as_deref(),
        Some("276")
    );
    assert!(spif.is_valid_at(spif.not_after.unwrap()));
    assert!(!spif.is_valid_at(spif.not_after.unwrap() + time::Duration::SECOND));
    assert!(!spif.is_valid_at(spif.not_before.unwrap() - time::Duration::SECOND));
}

#[test]
fn sp_1_only_one_namespace_and_version_and_no_dtd() {
    let root = r#"xmlns="http://www.xmlspif.org/spif""#;
    assert_eq!(
        refused(root, r#"xmlns="http://www.xmslpif.org/spif""#)[0].code,
        "namespace"
    );
    assert_eq!(refused(root, "")[0].code, "namespace");
    assert_eq!(
        refused(r#"schemaVersion="2.1""#, r#"schemaVersion="3.0""#)[0].code,
        "schema-version"
    );
    assert!(Spif::parse(&FULL.replace(r#"schemaVersion="2.1""#, r#"schemaVersion="2.0""#)).is_ok());
    for dtd in ["<!DOCTYPE SPIF>", r#"<!DOCTYPE SPIF [<!ENTITY a "x">]>"#] {
        let errors = Spif::parse(&format!("{dtd}\n{FULL}")).unwrap_err();
        assert!(errors[0].message.to_lowercase().contains("dtd"), "{dtd}");
        assert_eq!(
            (errors[0].code, errors[0].line),
            ("dtd-forbidden", Some(1)),
            "{dtd}"
        );
    }
}

#[test]
fn sp_2_malformed_misplaced_and_stray_is_refused_with_its_line() {
    let wrong_end = refused("</securityClassifications>", "</securityClassification>");
    assert_eq!(wrong_end[0].code, "malformed");
    assert!(wrong_end[0].line.is_some());
    let misspelt = refused(
        "<excludedClass>OFFEN</excludedClass>",
        "<excludeClass>OFFEN</excludeClass>",
    );
    assert_eq!(
        (misspelt[0].code, misspelt[0].line),
        ("unknown-element", Some(17))
    );
    let stray = refused(
        "<tagCategory name=\"DEU\" lacv=\"276\"/>",
        "x<tagCategory name=\"DEU\" lacv=\"276\"/>",
    );
    assert_eq!(stray[0].code, "stray-text");
    let foreign = refused(
        "<tagCategory name=\"DEU\"",
        "<tagCategory xmlns=\"\" name=\"DEU\"",
    );
    assert_eq!(foreign[0].code, "namespace");
    let policies = "<equivalentPolicies><equivalentPolicy name=\"XNATO\" id=\"2.25.999002\"/></equivalentPolicies>";
    let moved = FULL.replace(policies, "").replace(
        "<securityClassifications>",
        &format!("{policies}<securityClassifications>"),
    );
    assert_eq!(Spif::parse(&moved).unwrap_err()[0].code, "element-order");
    assert_eq!(
        Spif::parse(&FULL[..FULL.len() / 2]).unwrap_err()[0].code,
        "malformed"
    );
}

#[test]
fn sp_4_references_and_selectors_must_hold() {
    let all = r#"all="true""#;
    for (from, to, code) in [
        (
            r#"tagSetRef="Freigabe" tagType="enumerated" enumType="permissive" lacv"#,
            r#"tagSetRef="Freigab" tagType="enumerated" enumType="permissive" lacv"#,
            "unknown-reference",
        ),
        (
            r#"enumType="permissive" lacv="276""#,
            r#"enumType="permissive" lacv="277""#,
            "unknown-reference",
        ),
        (
            r#"enumType="permissive" lacv="276""#,
            r#"enumType="restrictive" lacv="276""#,
            "unknown-reference",
        ),
        (
            r#"name="FRA" lacv="250""#,
            r#"name="FRA" lacv="276""#,
            "ambiguous-reference",
        ),
        (
            "<excludedClass>OFFEN<",
            "<excludedClass>OFEN<",
            "unknown-reference",
        ),
        (
            r#"policyRef="XNATO""#,
            r#"policyRef="NATO""#,
            "unknown-reference",
        ),
        (all, r#"all="true" lacv="276""#, "attribute-value"),
        (all, "", "attribute-value"),
        (
            r#"operation="oneOrMore""#,
            r#"operation="oneormore""#,
            "attribute-value",
        ),
        (
            r#"<requiredCategory operation="all">"#,
            "<requiredCategory>",
            "missing-attribute",
        ),
        (r#"hierarchy="4""#, r#"hierarchy="1""#, "duplicate-value"),
        (
            r##"color="#FF0000""##,
            r#"color="green""#,
            "duplicate-value",
        ),
        (
            r#"name="GEHEIM" lacv="4""#,
            r#"name="offen" lacv="4""#,
            "duplicate-value",
        ),
        (
            r#"id="2.25.999001.2""#,
            r#"id="2.25.999001.1""#,
            "duplicate-value",
        ),
        (
            "<code>portionMarking<",
            "<code>portionMark<",
            "marking-code",
        ),
        (
            r#"notAfter="2027-03-01T00:00:00Z""#,
            r#"notAfter="soon""#,
            "attribute-value",
        ),
    ] {
        let errors = refused(from, to);
        assert_eq!(
            errors.first().map(|error| error.code),
            Some(code),
            "{to}: {errors:?}"
        );
        assert!(errors[0].line.is_some(), "{to}");
    }
}

#[test]
fn sp_5_an_excluded_class_stands_once() {
    let once = "<excludedClass>OFFEN</excludedClass>";
    let errors = refused(once, &once.repeat(2));
    assert_eq!(errors[0].code, "duplicate-value");
    assert_eq!(
        errors[0].message,
        "excludedClass: excludedClass \"OFFEN\" stands twice; make it unique"
    );
}

#[test]
fn sp_8_two_policies_of_one_name_or_identifier_are_refused() {
    let one = Spif::parse(FULL).unwrap();
    let same_name = Spif::parse(&FULL.replace("2.25.999001\"", "2.25.999009\"")).unwrap();
    let same_oid = Spif::parse(&FULL.replace("name=\"XVS\"", "name=\"OTHER\"")).unwrap();
    for twin in [same_name, same_oid] {
        assert_eq!(
            Spifs::new(vec![one.clone(), twin]).unwrap_err()[0].code,
            "duplicate-policy"
        );
    }
}

#[test]
fn sp_8_the_name_of_the_label_for_nobody_is_reserved_in_every_spelling() {
    for name in ["sluice:invalid", " SLUICE:Invalid ", "Sluice:other"] {
        let errors = refused("name=\"XVS\"", &format!("name=\"{name}\""));
        assert_eq!(
            (errors[0].code, errors[0].line),
            ("reserved-name", Some(3)),
            "{name}"
        );
        let mut renamed = Spif::parse(FULL).unwrap();
        renamed.name = name.into();
        assert_eq!(
            Spifs::new(vec![renamed]).unwrap_err()[0].code,
            "reserved-name"
        );
    }
}

#[test]
fn sp_11_a_creation_date_never_refuses() {
    for date in ["201511061430200Z", "2015-09-24 09:23:00", "", "ÄÄÄÄÄÄÄZ"] {
        let spif = Spif::parse(&FULL.replace("20260301120000Z", date)).unwrap();
        assert_eq!(spif.created, None, "{date}");
    }
}

#[test]
fn anti_pattern_3_an_unknown_tag_type_is_never_informative() {
    for wrong in ["restricitve", "informative", "notApplicable", "Restrictive"] {
        let errors = refused("tagType=\"restrictive\"", &format!("tagType=\"{wrong}\""));
        assert_eq!(errors[0].code, "tag-type", "{wrong}");
    }
}

#[test]
fn a_needless_type_of_enumeration_must_not_contradict() {
    let both = |kind: &str| format!("tagType=\"restrictive\" enumType=\"{kind}\"");
    assert_eq!(refused("tagType=\"restrictive\"", &both("restrictive")), []);
    assert_eq!(
        refused("tagType=\"restrictive\"", &both("permissive"))[0].code,
        "tag-type"
    );
    let tag7 = "tagType=\"tagType7\" enumType=\"restrictive\"";
    assert_eq!(refused("tagType=\"restrictive\"", tag7)[0].code, "tag-type");
}

#[test]
fn user_input_is_read_with_its_form_and_a_form_that_cannot_be_checked_is_refused() {
    let deu = "name=\"DEU\" lacv=\"276\"";
    let input = |attributes: &str| Spif::parse(&FULL.replace(deu, &format!("{deu} {attributes}")));
    let form = |attributes: &str| {
        let spif = input(attributes).unwrap();
        spif.tag_sets[1].tags[0].values[0]
            .user_input
            .clone()
            .unwrap()
    };
    assert!(form("userInput=\"string\"").accepts("anything"));
    assert!(!form("userInput=\"integer\"").accepts("seven"));
    assert!(form("userInput=\"date\"").accepts("2026-03-01"));
    let german = form("userInput=\"date\" dateFormat=\"dd.MM.yyyy\"");
    assert!(german.accepts("01.03.2026") && !german.accepts("2026-03-01"));
    for wrong in [
        "userInput=\"text\"",
        "userInput=\"date\" dateFormat=\"day\"",
    ] {
        let errors = input(wrong).unwrap_err();
        assert_eq!(
            (errors[0].code, errors[0].line),
            ("attribute-value", Some(22)),
            "{wrong}"
        );
    }
}

#[test]
fn sp_10_unknown_attributes_and_extensions_are_no_errors() {
    let foreign = "</equivalentPolicies><extensions><x:any xmlns:x=\"urn:x\"><x:deep>text</x:deep></x:any></extensions>";
    assert_eq!(refused("</equivalentPolicies>", foreign), []);
    assert_eq!(refused("name=\"XVS\"", "name=\"XVS\" comment=\"x\""), []);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let twice = FULL
        .replace("policyRef=\"XNATO\"", "policyRef=\"A\"")
        .replace("<excludedClass>OFFEN<", "<excludedClass>B<");
    assert_eq!(Spif::parse(&twice).unwrap_err().len(), 2);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = format!(
        "<extensions>{}{}</extensions></SPIF>",
        "<x xmlns='u'>".repeat(40),
        "</x>".repeat(40)
    );
    assert_eq!(
        Spif::parse(&FULL.replace("</SPIF>", &deep)).unwrap_err()[0].code,
        "too-large"
    );
    let wide = format!("<extensions>{}</extensions></SPIF>", "<x/>".repeat(200_001));
    assert_eq!(
        Spif::parse(&FULL.replace("</SPIF>", &wide)).unwrap_err()[0].code,
        "too-large"
    );
    assert_eq!(
        Spif::parse(&" ".repeat(5 * 1024 * 1024)).unwrap_err()[0].code,
        "too-large"
    );
}
