#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

mod samples;
mod together;

/// A policy without anything to complain about, to be changed one place at a time.
pub(super) const CLEAN: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="1"
 creationDate="20260301120000Z" originatorDN="CN=A" keyIdentifier="00" privilegeId="2.25.1" rbacId="2.25.1">
 <securityPolicyId name="XVS" id="2.25.999101"/>
 <securityClassifications>
  <securityClassification name="OFFEN" lacv="1" hierarchy="1" color="green"/>
  <securityClassification name="GEHEIM" lacv="4" hierarchy="4" color="red"/>
 </securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Sperrvermerk" id="2.25.999101.1">
   <securityCategoryTag name="Sperrvermerk" tagType="restrictive">
    <tagCategory name="KRYPTO" lacv="1"><excludedClass>OFFEN</excludedClass></tagCategory>
    <tagCategory name="NUR DEUTSCHE" lacv="2"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Freigabe" id="2.25.999101.2">
   <securityCategoryTag name="Freigabe" tagType="enumerated" enumType="permissive">
    <tagCategory name="DEU" lacv="276"/>
    <tagCategory name="FRA" lacv="250"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
 </securityCategoryTagSets>
</SPIF>"#;

const FREIGABE: &str = r#"tagSetRef="Freigabe" tagType="enumerated" enumType="permissive""#;
const SPERRVERMERK: &str = r#"tagSetRef="Sperrvermerk" tagType="restrictive""#;
const GEHEIM: &str =
    r#"<securityClassification name="GEHEIM" lacv="4" hierarchy="4" color="red"/>"#;
const NUR_DEUTSCHE: &str = r#"<tagCategory name="NUR DEUTSCHE" lacv="2"/>"#;
const DEU: &str = r#"<tagCategory name="DEU" lacv="276"/>"#;

fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    list.iter().map(owned).collect()
}

/// The warnings over one policy that loads: code, line and message.
fn warnings(xml: &str) -> Vec<(&'static str, u32, String)> {
    let report = lint(&files(&[("a.xml", xml)]));
    assert_eq!(report.errors, []);
    assert!(report.ok(), "findings of SP-9 leave ok true");
    let shape = |found: LintFinding| (found.code, found.line.unwrap(), found.message);
    report.warnings.into_iter().map(shape).collect()
}

/// The one warning over [`CLEAN`] with places changed.
fn warning(changes: &[(&str, &str)]) -> (&'static str, u32, String) {
    let mut xml = CLEAN.to_owned();
    for (from, to) in changes {
        assert_eq!(xml.matches(from).count(), 1, "{from}");
        xml = xml.replace(from, to);
    }
    let mut found = warnings(&xml);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn element(open: &str, inner: &str, name: &str) -> String {
    format!("{}>{inner}</{name}>", open.trim_end_matches("/>"))
}

fn level_that_requires_freigabe() -> String {
    let required = format!(
        "<requiredCategory operation=\"oneOrMore\"><categoryGroup {FREIGABE} all=\"true\"/></requiredCategory>"
    );
    element(GEHEIM, &required, "securityClassification")
}

fn nur_deutsche_without_freigabe() -> String {
    let excluded = format!("<excludedCategory {FREIGABE} all=\"true\"/>");
    element(NUR_DEUTSCHE, &excluded, "tagCategory")
}

#[test]
fn a_policy_without_doubts_has_no_findings() {
    assert_eq!(warnings(CLEAN), []);
}

#[test]
fn errors_are_those_of_the_loader_with_file_and_line() {
    let broken = CLEAN.replace("<excludedClass>OFFEN<", "<excludedClass>OFEN<");
    let report = lint(&files(&[("a.xml", &broken), ("b.xml", "<SPIF>")]));
    assert!(!report.ok());
    let errors: Vec<(&str, &str, Option<u32>)> = report
        .errors
        .iter()
        .map(|error| (error.file.as_str(), error.code, error.line))
        .collect();
    assert_eq!(errors[0], ("a.xml", "unknown-reference", Some(11)));
    assert_eq!((errors[1].0, errors[1].1), ("b.xml", "malformed"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["errors"][0]["code"], "unknown-reference");
    assert_eq!(json["errors"][0]["line"], 11);
    assert!(
        json["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("OFEN")
    );
    assert_eq!(json["warnings"], serde_json::json!([]));
}

#[test]
fn sp_8_two_files_with_one_policy_are_an_error() {
    let other_name = CLEAN.replace("name=\"XVS\"", "name=\"OTHER\"");
    let other_oid = CLEAN.replace("id=\"2.25.999101\"", "id=\"2.25.999102\"");
    for twin in [other_name, other_oid] {
        let report = lint(&files(&[("a.xml", CLEAN), ("b.xml", &twin)]));
        assert_eq!(report.errors.len(), 1);
        let error = &report.errors[0];
        assert_eq!(
            (error.file.as_str(), error.code),
            ("b.xml", "duplicate-policy")
        );
        assert!(error.message.contains("a.xml") && !report.ok());
    }
}

#[test]
fn sp_9_a_level_and_a_value_that_no_label_can_have_together() {
    let changes = [
        (GEHEIM, &*level_that_requires_freigabe()),
        (NUR_DEUTSCHE, &*nur_deutsche_without_freigabe()),
    ];
    let (code, line, message) = warning(&changes);
    assert_eq!((code, line), ("unsatisfiable", 12));
    assert!(
        message.contains("GEHEIM") && message.contains("NUR DEUTSCHE"),
        "{message}"
    );
    assert!(!message.contains("OFFEN"), "{message}");
}

#[test]
fn sp_9_what_a_policy_excludes_in_so_many_words_is_no_finding() {
    let excluded = element(
        NUR_DEUTSCHE,
        "<excludedClass>GEHEIM</excludedClass>",
        "tagCategory",
    );
    let xml = CLEAN
        .replace(GEHEIM, &level_that_requires_freigabe())
        .replace(NUR_DEUTSCHE, &excluded);
    assert_eq!(warnings(&xml), []);
    let single = CLEAN.replace(
        "enumType=\"permissive\">",
        "enumType=\"permissive\" singleSelection=\"true\">",
    );
    assert_eq!(warnings(&single), []);
}

#[test]
fn sp_9_a_value_that_no_label_can_have() {
    let asks = format!(
        "<requiredCategory operation=\"all\"><categoryGroup {SPERRVERMERK} lacv=\"1\"/></requiredCategory>\
         <excludedCategory {SPERRVERMERK} all=\"true\"/>"
    );
    let (code, line, message) = warning(&[(DEU, &element(DEU, &asks, "tagCategory"))]);
    assert_eq!((code, line), ("unusable-category", 17));
    assert!(message.contains("DEU"), "{message}");
    let both = format!(
        "<requiredCategory operation=\"all\"><categoryGroup {FREIGABE} lacv=\"250\"/></requiredCategory>"
    );
    let single = (
        "enumType=\"permissive\">",
        "enumType=\"permissive\" maxSelection=\"1\">",
    );
    let (code, _, _) = warning(&[(DEU, &element(DEU, &both, "tagCategory")), single]);
    assert_eq!(
        code, "unusable-category",
        "cardinality leaves no room for what is required"
    );
    let classes = "<excludedClass>OFFEN</excludedClass><excludedClass>GEHEIM</excludedClass>";
    assert_eq!(
        warning(&[(DEU, &element(DEU, classes, "tagCategory"))]).0,
        "unusable-category"
    );
    let tag = "<securityCategoryTag tagType=\"restrictive\"/>\n  </securityCategoryTagSet>\n </securityCategoryTagSets>";
    let empty = CLEAN.replace(
        "</securityCategoryTagSet>\n </securityCategoryTagSets>",
        tag,
    );
    let codes: Vec<&str> = warnings(&empty).iter().map(|found| found.0).collect();
    assert_eq!(codes, ["several-tags", "unusable-category"]);
}

#[test]
fn sp_9_a_level_that_no_label_can_have() {
    let required = |lacv: &str| {
        format!(
            "<requiredCategory operation=\"all\"><categoryGroup {SPERRVERMERK} lacv=\"{lacv}\"/></requiredCategory>"
        )
    };
    let level = element(GEHEIM, &required("2"), "securityClassification");
    let value = element(
        NUR_DEUTSCHE,
        "<excludedClass>GEHEIM</excludedClass>",
        "tagCategory",
    );
    let found = warnings(&CLEAN.replace(GEHEIM, &level).replace(NUR_DEUTSCHE, &value));
    assert_eq!((found[0].0, found[0].1), ("unsatisfiable", 6));
    assert!(found[0].2.contains("GEHEIM"), "{found:?}");
    assert_eq!(
        (found.len(), found[1].0),
        (2, "unusable-category"),
        "KRYPTO needs that level: {found:?}"
    );
    let demanded = (
        "enumType=\"permissive\">",
        "enumType=\"permissive\" minSelection=\"3\">",
    );
    let xml = CLEAN.replace(demanded.0, demanded.1);
    let codes: Vec<&str> = warnings(&xml).iter().map(|found| found.0).collect();
    assert_eq!(
        codes,
        ["unsatisfiable", "unsatisfiable"],
        "three of two values"
    );
}

#[test]
fn sp_9_two_values_that_contradict_without_excluding_each_other() {
    let krypto = r#"<excludedClass>OFFEN</excludedClass></tagCategory>"#;
    let asks = format!(
        "<excludedClass>OFFEN</excludedClass><requiredCategory operation=\"oneOrMore\">\
         <categoryGroup {FREIGABE} all=\"true\"/></requiredCategory></tagCategory>"
    );
    let (code, _, message) = warning(&[
        (krypto, &asks),
        (NUR_DEUTSCHE, &nur_deutsche_without_freigabe()),
    ]);
    assert_eq!(code, "unsatisfiable");
    assert!(
        message.contains("KRYPTO") && message.contains("NUR DEUTSCHE"),
        "{message}"
    );
}

#[test]
fn sp_9_only_one_of_two_can_be_kept() {
    let one = format!(
        "<requiredCategory operation=\"onlyOne\"><categoryGroup {FREIGABE} lacv=\"276\"/>\
         <categoryGroup {FREIGABE} lacv=\"250\"/></requiredCategory>"
    );
    let xml = CLEAN.replace(GEHEIM, &element(GEHEIM, &one, "securityClassification"));
    assert_eq!(warnings(&xml), [], "either of the two makes a valid label");
    let deu = format!(
        "<requiredCategory operation=\"all\"><categoryGroup {FREIGABE} lacv=\"250\"/></requiredCategory>"
    );
    let xml = xml.replace(DEU, &element(DEU, &deu, "tagCategory"));
    let found = warnings(&xml);
    assert_eq!(
        (found.len(), found[0].0, found[0].1),
        (1, "unsatisfiable", 17),
        "{found:?}"
    );
}

#[test]
fn sp_9_ranks_against_the_usual_order_of_names() {
    let three = |confidential: u32, internal: u32| {
        format!(
            r#"<securityClassification name="INTERNAL" lacv="5" hierarchy="{internal}"/>
            <securityClassification name="XVS CONFIDENTIAL" lacv="6" hierarchy="{confidential}"/>"#
        )
    };
    let (code, _, message) = warning(&[(GEHEIM, &three(2, 3))]);
    assert_eq!(code, "hierarchy-convention");
    assert!(
        message.contains("CONFIDENTIAL (hierarchy 2)")
            && message.contains("INTERNAL (hierarchy 3)"),
        "{message}"
    );
    assert_eq!(warnings(&CLEAN.replace(GEHEIM, &three(3, 2))), []);
    // Words of two traditions are never compared: a Spanish RESERVADO is above an Italian RISERVATO.
    let two = r#"<securityClassification name="RESERVADO" lacv="5" hierarchy="2"/>
        <securityClassification name="RISERVATO" lacv="6" hierarchy="3"/>"#;
    assert_eq!(warnings(&CLEAN.replace(GEHEIM, two)), []);
}

#[test]
fn sp_9_several_tags_and_repeated_values_are_named() {
    let tag = "<securityCategoryTag name=\"b\" tagType=\"restrictive\"><tagCategory name=\"X\" lacv=\"1\"/></securityCategoryTag>";
    let end = "</securityCategoryTag>\n  </securityCategoryTagSet>\n  <securityCategoryTagSet";
    let more = end.replacen(
        "</securityCategoryTag>",
        &format!("</securityCategoryTag>{tag}"),
        1,
    );
    let (code, line, message) = warning(&[(end, &more)]);
    assert_eq!((code, line), ("several-tags", 9));
    assert!(message.contains("Sperrvermerk"), "{message}");
    assert_eq!(
        warning(&[(
            NUR_DEUTSCHE,
            r#"<tagCategory name="NUR DEUTSCHE" lacv="1"/>"#
        )])
        .0,
        "repeated-lacv"
    );
    assert_eq!(
        warning(&[(NUR_DEUTSCHE, r#"<tagCategory name="krypto" lacv="1"/>"#)]).0,
        "repeated-category"
    );
}

#[test]
fn periods_that_are_over_or_empty_are_named() {
    let policy = |from: &str, to: &str| {
        let period = format!("notBefore=\"{from}\" notAfter=\"{to}\" schemaVersion");
        CLEAN.replace("schemaVersion", &period)
    };
    let codes = |xml: &str, at: Option<&str>| -> Vec<&'static str> {
        let format = &time::format_description::well_known::Rfc3339;
        let at = at.map(|at| OffsetDateTime::parse(at, format).unwrap());
        let report = lint_at(&files(&[("a.xml", xml)]), SpifOptions::default(), at);
        report.warnings.iter().map(|found| found.code).collect()
    };
    let year = policy("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    assert!(codes(&year, None).is_empty() && codes(&year, Some("2026-06-01T00:00:00Z")).is_empty());
    assert_eq!(codes(&year, Some("2027-01-01T00:00:00Z")), ["expired"]);
    assert_eq!(
        codes(&year, Some("2025-01-01T00:00:00Z")),
        ["not-yet-valid"]
    );
    let never = policy("2026-12-31T00:00:00Z", "2026-01-01T00:00:00Z");
    assert_eq!(codes(&never, None), ["empty-period"]);
    let value = CLEAN.replace(
        DEU,
        &DEU.replace("/>", " notAfter=\"2026-01-01T00:00:00Z\"/>"),
    );
    assert_eq!(codes(&value, Some("2026-06-01T00:00:00Z")), ["expired"]);
}

#[test]
fn sp_10_an_attribute_that_does_nothing_is_named() {
    let (code, line, message) = warning(&[(
        "name=\"Freigabe\" tagType",
        "singleSelecton=\"true\" name=\"Freigabe\" tagType",
    )]);
    assert_eq!((code, line), ("unknown-attribute", 16));
    assert!(message.contains("singleSelecton"), "{message}");
    assert_eq!(
        warning(&[(" keyIdentifier=\"00\"", "")]).0,
        "missing-attribute"
    );
    let color = warning(&[("color=\"red\"", "color=\"crimson\"")]);
    assert_eq!((color.0, color.1), ("color", 6));
    for fine in ["fuschia", "#A0b1C2"] {
        assert_eq!(
            warnings(&CLEAN.replace("color=\"red\"", &format!("color=\"{fine}\""))),
            []
        );
    }
    let foreign = "<extensions><x:a xmlns:x=\"urn:x\" any=\"1\"/></extensions></SPIF>";
    assert_eq!(warnings(&CLEAN.replace("</SPIF>", foreign)), []);
}

#[test]
fn a_policy_of_natos_size_is_linted_without_findings() {
    assert_eq!(warnings(&crate::label::test_policy::nato_size()), []);
}

#[test]
fn a_policy_too_large_to_search_says_so() {
    let many: String = (0..11_000)
        .map(|index| format!("<tagCategory name=\"V{index}\" lacv=\"{index}\"/>"))
        .collect();
    let found = warnings(&CLEAN.replace(NUR_DEUTSCHE, "").replace(DEU, &many));
    let codes: Vec<&str> = found.iter().map(|found| found.0).collect();
    assert_eq!(
        codes,
        ["repeated-lacv", "not-searched"],
        "and no attribute, twin or rank takes long"
    );
}

#[test]
fn a_search_without_end_is_given_up_and_reports_nothing() {
    // Thirty values, each demanding one of two that exclude each other crosswise: a search by brute force takes years.
    let value = |index: u32| {
        format!(
            "<tagCategory name=\"V{index}\" lacv=\"{index}\"><requiredCategory operation=\"onlyOne\">\
             <categoryGroup {FREIGABE} lacv=\"{}\"/><categoryGroup {FREIGABE} lacv=\"{}\"/></requiredCategory></tagCategory>",
            (index * 7) % 30,
            (index * 11 + 1) % 30
        )
    };
    let values: String = (0..30).map(value).collect();
    let xml = CLEAN
        .replace(
            &format!("{DEU}\n    <tagCategory name=\"FRA\" lacv=\"250\"/>"),
            &values,
        )
        .replace(
            "enumType=\"permissive\">",
            "enumType=\"permissive\" minSelection=\"15\">",
        );
    assert_ne!(xml, CLEAN);
    let report = lint(&files(&[("a.xml", &xml)]));
    assert!(report.ok());
    let spif = Spif::parse(&xml).unwrap();
    let search = satisfy::Search::new(&spif);
    let mut given_up = 0;
    for level in &spif.classifications {
        for choice in 0..search.choices.len() {
            let before = search.steps();
            let answer = search.label(level, &[choice]);
            given_up += usize::from(matches!(answer, satisfy::Answer::Unknown));
            assert!(search.steps() - before <= 2 * satisfy::MAX_STEPS);
        }
    }
    assert!(given_up > 0);
}
