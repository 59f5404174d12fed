//! SP-4: every reference leads somewhere, and only to one place; the mistake names attribute or value, and its line.

use super::{super::*, FULL, refused};

/// Code and whole message of the only mistake.
fn mistake(from: &str, to: &str) -> (&'static str, String) {
    let errors = refused(from, to);
    assert_eq!(errors.len(), 1, "{to}: {errors:?}");
    assert!(errors[0].line.is_some(), "{to}");
    (errors[0].code, errors[0].message.clone())
}

#[test]
fn sp_4_sp_11_an_unknown_reference_names_element_attribute_and_value() {
    let deu = r#"<tagCategory name="DEU" lacv="276"/>"#;
    let with = |inner: &str| format!(r#"<tagCategory name="DEU" lacv="276">{inner}</tagCategory>"#);
    let tag =
        r#"policyRef="NOWHERE" tagSetId="2.25.1" tagType="restrictive" lacv="1" applied="both""#;
    for (to, words) in [
        (
            with("<excludedClass>NOWHERE</excludedClass>"),
            ["excludedClass", "NOWHERE"],
        ),
        (
            deu.replace("/>", r#" requiredClass="NOWHERE"/>"#),
            ["requiredClass", "NOWHERE"],
        ),
        (
            with(&format!("<equivalentSecCategoryTag {tag}/>")),
            ["policyRef", "NOWHERE"],
        ),
        (
            with(r#"<excludedCategory tagSetRef="NOWHERE" tagType="restrictive" all="true"/>"#),
            ["tagSetRef", "NOWHERE"],
        ),
        (
            with(r#"<excludedCategory tagSetRef="Sperrvermerk" tagType="restrictive" lacv="99"/>"#),
            ["lacv", "99"],
        ),
        (
            with(r#"<excludedCategory tagSetRef="Sperrvermerk" tagType="permissive" all="true"/>"#),
            ["tagType", "permissive"],
        ),
    ] {
        let (code, message) = mistake(deu, &to);
        assert_eq!(code, "unknown-reference", "{to}");
        assert!(
            words.iter().all(|word| message.contains(word)),
            "{to}: {message}"
        );
    }
    let set = "</securityCategoryTag>\n  </securityCategoryTagSet>\n </securityCategoryTagSets>";
    let unknown = set.replacen(
        "</securityCategoryTag>",
        r#"</securityCategoryTag><equivalentSecurityCategoryTagSet policyRef="NOWHERE"/>"#,
        1,
    );
    assert_eq!(mistake(set, &unknown).0, "unknown-reference");
    let level = mistake(
        r#"tagSetRef="Freigabe" tagType="enumerated" enumType="permissive" all"#,
        r#"tagSetRef="Freigobe" tagType="enumerated" enumType="permissive" all"#,
    );
    assert!(
        level.0 == "unknown-reference" && level.1.contains("Freigobe"),
        "{level:?}"
    );
}

#[test]
fn sp_4_words_of_closed_lists_are_spelled_right() {
    let equivalent = r#"policyRef="XNATO" lacv="4" applied="encrypt""#;
    for (from, to) in [
        (
            equivalent,
            r#"policyRef="XNATO" lacv="4" applied="Encrypt""#,
        ),
        (
            equivalent,
            r#"policyRef="XNATO" lacv="four" applied="encrypt""#,
        ),
        (r#"operation="all""#, r#"operation="ALL""#),
        (r#"maxSelection="3""#, r#"maxSelection="three""#),
        (r#"maxSelection="3""#, r#"maxSelection="-1""#),
        (
            r#"maxSelection="3""#,
            r#"maxSelection="3" singleSelection="yes""#,
        ),
        (
            r#"maxSelection="3""#,
            r#"maxSelection="3" minSelection="4""#,
        ),
        (
            r#"maxSelection="3""#,
            r#"singleSelection="true" minSelection="2""#,
        ),
        ("schemaVersion=", r#"version="one" schemaVersion="#),
    ] {
        assert_eq!(mistake(from, to).0, "attribute-value", "{to}");
    }
    for missing in ["policyRef=\"XNATO\" ", " applied=\"encrypt\""] {
        assert_eq!(mistake(missing, "").0, "missing-attribute", "{missing}");
    }
}

#[test]
fn sp_4_neither_value_nor_all_is_the_whole_set_only_in_its_mode() {
    let neither = FULL.replace(r#" all="true""#, "");
    assert_eq!(
        Spif::parse(&neither).unwrap_err()[0].code,
        "attribute-value"
    );
    let options = SpifOptions::named(&["whole-set"]).unwrap();
    let spif = Spif::parse_with(&neither, options).unwrap();
    assert_eq!(spif.classifications[1].required[0].groups[0].lacv, None);
    let both = FULL.replace(r#"all="true""#, r#"all="true" lacv="276""#);
    assert!(
        Spif::parse_with(&both, options).is_err(),
        "both is never allowed"
    );
    let denied = FULL.replace(r#"all="true""#, r#"all="false""#);
    assert!(
        Spif::parse_with(&denied, options).is_err(),
        "all=\"false\" alone selects nothing"
    );
}

#[test]
fn sp_4_the_informative_tags_of_a_set_are_encoded_alike() {
    let two = |first: &str, second: &str| {
        let tag = |encoding: &str, n: u32| {
            format!(
                "<securityCategoryTag tagType=\"tagType7\" {encoding}><tagCategory name=\"T{n}\" lacv=\"{n}\"/></securityCategoryTag>"
            )
        };
        let end =
            "</securityCategoryTag>\n  </securityCategoryTagSet>\n </securityCategoryTagSets>";
        let more = format!("</securityCategoryTag>{}{}", tag(first, 1), tag(second, 2));
        Spif::parse(&FULL.replace(end, &end.replacen("</securityCategoryTag>", &more, 1)))
    };
    let (bits, list) = (
        r#"tag7Encoding="bitSetAttributes""#,
        r#"tag7Encoding="securityAttributes""#,
    );
    assert!(two(bits, bits).is_ok() && two(list, list).is_ok());
    assert_eq!(two(bits, list).unwrap_err()[0].code, "tag7-encoding");
    assert_eq!(
        two(r#"tag7Encoding="bits""#, r#"tag7Encoding="bits""#).unwrap_err()[0].code,
        "attribute-value"
    );
}

#[test]
fn sp_2_what_stands_once_does_not_stand_twice() {
    for (from, element) in [
        ("<equivalentPolicies>", "<equivalentPolicies/>"),
        ("<securityCategoryTagSets>", "<securityCategoryTagSets/>"),
        (
            " <securityPolicyId",
            "<securityPolicyId name=\"A\" id=\"2.25.1\"/>",
        ),
    ] {
        let errors = refused(from, &format!("{element}{from}"));
        assert_eq!(errors[0].code, "duplicate-element", "{element}");
    }
}

#[test]
fn sp_2_a_set_has_a_tag_and_a_policy_has_a_level() {
    let tag = FULL
        .split_once("<securityCategoryTag name=\"Sperrvermerk\"")
        .unwrap()
        .1;
    let tag = tag.split_once("</securityCategoryTag>").unwrap().0;
    let tag = format!("<securityCategoryTag name=\"Sperrvermerk\"{tag}</securityCategoryTag>");
    assert_eq!(mistake(&tag, "").0, "missing-element");
    let errors = Spif::parse(
        r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1">
        <securityPolicyId name="A" id="2.25.1"/><securityClassifications/></SPIF>"#,
    );
    assert_eq!(errors.unwrap_err()[0].code, "missing-element");
}

#[test]
fn the_number_of_mistakes_that_are_told_is_bounded() {
    let many = "<tagCategory name=\"\"/>".repeat(10_000);
    let errors = refused("<tagCategory name=\"DEU\" lacv=\"276\"/>", &many);
    assert_eq!(errors.len(), structure::MAX_ERRORS);
}
