//! What published policies contain, and what must load all the same.

use super::{super::*, DE, FULL, NATO};
use crate::label::{Label, test_policy};

fn label(text: &str) -> Label {
    serde_json::from_str(text).unwrap()
}

#[test]
fn sp_1_version_3_is_read_only_where_it_is_switched_on() {
    let three = FULL.replace(r#"schemaVersion="2.1""#, r#"schemaVersion="3.0""#);
    let errors = Spif::parse(&three).unwrap_err();
    assert_eq!((errors.len(), errors[0].code), (1, "schema-version"));
    assert!(errors[0].message.contains("3.0") && errors[0].message.contains("2.1"));
    let options = SpifOptions::named(&["version-3"]).unwrap();
    assert_eq!(Spif::parse_with(&three, options).unwrap().name, "XVS");
    for other in ["1.0", "4", ""] {
        let text = FULL.replace(
            r#"schemaVersion="2.1""#,
            &format!("schemaVersion=\"{other}\""),
        );
        assert_eq!(
            Spif::parse_with(&text, options).unwrap_err()[0].code,
            "schema-version",
            "{other}"
        );
    }
    let none = FULL.replace(r#"schemaVersion="2.1""#, "");
    assert_eq!(Spif::parse(&none).unwrap_err()[0].code, "schema-version");
}

#[test]
fn sp_3_a_policy_of_natos_size_loads_with_everything_listed() {
    let text = test_policy::nato_size();
    assert!(
        (1_750..1_900).contains(&text.lines().count()),
        "{}",
        text.lines().count()
    );
    let spif = Spif::parse(&text).unwrap();
    let levels: Vec<&str> = spif
        .classifications
        .iter()
        .map(|level| level.name.as_str())
        .collect();
    assert_eq!(levels, test_policy::LEVELS);
    assert_eq!(spif.name, test_policy::NAME);
    assert_eq!(spif.tag_sets.len(), 5);
    for name in ["Releasable To", "Only"] {
        let tag = &spif.tag_set(name).unwrap().1.tags[0];
        let names: Vec<&str> = tag.values.iter().map(|value| value.name.as_str()).collect();
        let countries: Vec<String> = (0..test_policy::COUNTRIES)
            .map(test_policy::country)
            .collect();
        assert_eq!(names, countries, "{name}");
    }
}

/// How long it takes is a figure of the benchmark, which reads the same text.
#[test]
fn sp_3_a_policy_of_natos_size_loads() {
    let text = test_policy::nato_size();
    assert!(text.lines().count() > 1_700);
    let spif = Spif::parse(&text).unwrap();
    let tags = spif.tag_sets.iter().flat_map(|set| &set.tags);
    let values: usize = tags.map(|tag| tag.values.len()).sum();
    assert_eq!(values, text.matches("<tagCategory ").count());
}

#[test]
fn the_fixture_of_the_benchmarks_is_the_policy_of_natos_size() {
    let fixture = include_str!("../../../../tests/fixtures/nato-size.xml");
    assert!(
        fixture == test_policy::nato_size(),
        "write the text of test_policy::nato_size() to tests/fixtures/nato-size.xml"
    );
}

#[test]
fn sp_10_prefixes_comments_instructions_and_foreign_attributes_are_no_errors() {
    let prefixed = FULL
        .replace("</", "</s:")
        .replace('<', "<s:")
        .replace("<s:/s:", "</s:")
        .replace("xmlns=", "xmlns:s=");
    assert_eq!(Spif::parse(&prefixed).unwrap().tag_sets.len(), 2);
    let root = r#"<SPIF xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xml:lang="de"
        xsi:schemaLocation="http://www.xmlspif.org/spif spif.xsd" unknown="x""#;
    let dressed = format!(
        "\u{feff}<?xml version=\"1.0\"?>\r\n<?xml-stylesheet href=\"spif.xsl\"?>\n<!-- <!DOCTYPE SPIF> -->\n{}",
        FULL.replacen("<SPIF", root, 1)
            .replace(
                "OFFEN</excludedClass>",
                "OFF<!-- here -->EN</excludedClass>"
            )
            .replace("<code>portionMarking", "<?x y?><code>\n portionMarking ")
    );
    let spif = Spif::parse(&dressed).unwrap();
    let geheim = spif.classification("GEHEIM").unwrap();
    assert_eq!(
        geheim.markings[0].lang.as_deref(),
        Some("de"),
        "the language is that of the whole file"
    );
    assert_eq!(
        spif.tag_sets[0].tags[0].values[0].excluded_classes,
        [Key::of("OFFEN")]
    );
}

#[test]
fn sp_10_groups_stand_for_their_members_only_where_that_is_switched_on() {
    let members = r#"<extensions><n:memberships xmlns:n="urn:nato:stanag:4774:spif:extensions:1:0">
        <n:membership n:name="DEU"><n:member n:name="FRA" n:lacv="250"/><n:member name="POL"/></n:membership>
        </n:memberships></extensions></SPIF>"#;
    let text = FULL.replace("</SPIF>", members);
    let deu = |spif: &Spif| spif.tag_sets[1].tags[0].values[0].members.clone();
    assert_eq!(deu(&Spif::parse(&text).unwrap()), Vec::<String>::new());
    let options = SpifOptions::named(&["memberships"]).unwrap();
    assert_eq!(SpifOptions::named(&["memberships", "all"]), Err("all"));
    assert_eq!(deu(&Spif::parse_with(&text, options).unwrap()), ["FRA"]);
    let unknown = text.replace(r#"n:name="DEU""#, r#"n:name="EAPC""#);
    let errors = Spif::parse_with(&unknown, options).unwrap_err();
    assert_eq!(errors[0].code, "unknown-reference");
    assert!(errors[0].message.contains("EAPC"));
}

#[test]
fn two_tags_in_a_set_and_names_with_the_policys_own_load() {
    let two = FULL.replace(
        "</securityCategoryTag>\n  </securityCategoryTagSet>\n  <securityCategoryTagSet name=\"Freigabe\"",
        "</securityCategoryTag><securityCategoryTag name=\"other\" tagType=\"restrictive\"><tagCategory name=\"X\" \
         lacv=\"7\"/></securityCategoryTag>\n  </securityCategoryTagSet>\n  <securityCategoryTagSet name=\"Freigabe\"",
    );
    let two = two.replace("OFFEN", "XVS OFFEN");
    let spif = Spif::parse(&two).unwrap();
    assert_eq!(spif.tag_sets[0].tags[1].name.as_deref(), Some("other"));
    assert!(spif.classification("xvs offen").is_some());
}

#[test]
fn defaults_of_the_schema_hold() {
    let spif = Spif::parse(FULL).unwrap();
    assert_eq!((spif.version.as_str(), spif.default_policy), ("1", None));
    assert_eq!(spif.privacy_marks_min, 0);
    let tag = &spif.tag_sets[0].tags[0];
    assert_eq!((tag.min, tag.max, tag.values[0].obsolete), (0, None, false));
    assert_eq!(spif.sha256.len(), 64);
    assert_ne!(
        spif.sha256,
        Spif::parse(&format!("{FULL}\n")).unwrap().sha256
    );
    let seven = FULL.replace("schemaVersion", r#"version="7" schemaVersion"#);
    assert_eq!(Spif::parse(&seven).unwrap().version, "7");
    let fuschia = FULL.replace("#FF0000", "fuschia");
    assert!(
        Spif::parse(&fuschia).is_ok(),
        "the schema misspells one colour"
    );
}

#[test]
fn a_default_policy_and_privacy_marks_are_read() {
    let text = FULL
        .replace(
            " <securityPolicyId",
            "<defaultSecurityPolicyId name=\"PUBLIC\" id=\"2.25.999008\"/><securityPolicyId",
        )
        .replace(
            "<equivalentPolicies>",
            "<privacyMarks minSelection=\"1\"><privacyMark name=\"CLEAR\"/><privacyMark name=\"OLD\" obsolete=\"true\"/>\
             </privacyMarks><equivalentPolicies>",
        );
    let spif = Spif::parse(&text).unwrap();
    let default = spif.default_policy.unwrap();
    assert_eq!(
        (default.name.as_str(), default.uri.as_deref()),
        ("PUBLIC", Some("urn:oid:2.25.999008"))
    );
    let marks: Vec<(&str, bool)> = spif
        .privacy_marks
        .iter()
        .map(|mark| (mark.name.as_str(), mark.obsolete))
        .collect();
    assert_eq!(marks, [("CLEAR", false), ("OLD", true)]);
    assert_eq!(spif.privacy_marks_min, 1);
}

#[test]
fn equivalences_are_read_with_direction_additions_and_discards() {
    let text = FULL
        .replace(
            r#"applied="encrypt"/>"#,
            r#"applied="encrypt"><requiredCategory operation="onlyOne">
            <categoryGroup tagSetRef="Theirs" tagType="restrictive" lacv="9"/></requiredCategory></equivalentClassification>"#,
        )
        .replace(
            r#"<tagCategory name="DEU" lacv="276"/>"#,
            r#"<tagCategory name="DEU" lacv="276"><equivalentSecCategoryTag policyRef="XNATO" tagSetId="2.25.999002.2"
            tagType="tagType7" lacv="1" applied="decrypt" action="discard"/></tagCategory>"#,
        )
        .replace(
            "</securityCategoryTag>\n  </securityCategoryTagSet>\n </securityCategoryTagSets>",
            "</securityCategoryTag><equivalentSecurityCategoryTagSet policyRef=\"XNATO\" name=\"Rel\" \
             id=\"2.25.999002.2\"/></securityCategoryTagSet>\n </securityCategoryTagSets>",
        );
    let spif = Spif::parse(&text).unwrap();
    assert_eq!(
        (
            spif.equivalents[0].name.as_str(),
            spif.equivalents[0].oid.as_str()
        ),
        ("XNATO", "2.25.999002")
    );
    let level = &spif.classifications[1].equivalents[0];
    assert_eq!(
        (level.policy, level.lacv, level.applied),
        (0, 4, Applied::Encrypt)
    );
    assert_eq!(level.required[0].operation, Operation::OnlyOne);
    let group = &level.required[0].groups[0];
    assert_eq!(
        (group.tag_set.as_str(), group.kind, group.lacv.as_deref()),
        ("Theirs", TagKind::Restrictive, Some("9"))
    );
    let value = &spif.tag_sets[1].tags[0].values[0].equivalents[0];
    assert_eq!(
        (value.applied, value.discard, value.kind),
        (Applied::Decrypt, true, TagKind::Informative)
    );
    assert_eq!(
        spif.tag_sets[1].equivalents[0].oid.as_deref(),
        Some("2.25.999002.2")
    );
}

#[test]
fn sp_12_a_tag_that_must_be_used_is_also_missed_when_it_is_absent() {
    let at = time::OffsetDateTime::from_unix_timestamp(1_775_000_000).unwrap();
    let valid = |text: &str| {
        let spifs = Spifs::new(vec![Spif::parse(text).unwrap()]).unwrap();
        spifs.is_valid(
            &label(r#"{"PolicyIdentifier":{"name":"XVS"},"Classification":"OFFEN"}"#),
            at,
        )
    };
    assert!(valid(FULL));
    assert!(!valid(
        &FULL.replace(r#"maxSelection="3""#, r#"minSelection="1""#)
    ));
}

#[test]
fn twins_load_and_get_the_constraints_of_both() {
    let at = time::OffsetDateTime::from_unix_timestamp(1_775_000_000).unwrap();
    let krypto =
        r#"<tagCategory name="KRYPTO" lacv="1"><excludedClass>OFFEN</excludedClass></tagCategory>"#;
    let twin = format!("{krypto}<tagCategory name=\"KRYPTO\" lacv=\"1\" requiredClass=\"OFFEN\"/>");
    let spifs = Spifs::new(vec![Spif::parse(&FULL.replace(krypto, &twin)).unwrap()]).unwrap();
    for level in ["OFFEN", "GEHEIM"] {
        let text = format!(
            r#"{{"PolicyIdentifier":{{"name":"XVS"}},"Classification":"{level}","Category":[
            {{"TagName":"Sperrvermerk","Type":"RESTRICTIVE","GenericValue":["KRYPTO"]}},
            {{"TagName":"Freigabe","Type":"PERMISSIVE","GenericValue":["DEU"]}}]}}"#
        );
        assert!(
            !spifs.is_valid(&label(&text), at),
            "one twin excludes OFFEN, the other all but OFFEN: {level}"
        );
    }
}

#[test]
fn markings_are_shown_in_the_readers_language() {
    let spifs = Spifs::new([DE, NATO].map(|xml| Spif::parse(xml).unwrap()).into()).unwrap();
    let text = |json: &str, place, lang| spifs.marking_text(&label(json), place, lang);
    let secret = r#"{"PolicyIdentifier":{"name":"NATO"},"Classification":"secret","Category":[
        {"TagName":"Releasable To","Type":"PERMISSIVE","GenericValue":["deu","FRA"]}]}"#;
    let top = |lang| text(secret, MarkingCode::PageTop, lang).unwrap();
    assert_eq!(top("en"), "NATO SECRET RELEASABLE TO DEU, FRA");
    assert_eq!(top("fr-CA"), "OTAN SECRET RELEASABLE TO DEU, FRA");
    assert_eq!(
        top("de"),
        top("en"),
        "the first phrase where the language has none"
    );
    let short = text(secret, MarkingCode::PortionMarking, "en").unwrap();
    assert!(short.starts_with("NS "), "{short}");
    let nfd = r#"{"PolicyIdentifier":{"name":"DE-SAMPLE"},"Classification":"VS-NUR FÜR DEN DIENSTGEBRAUCH"}"#;
    assert_eq!(
        text(nfd, MarkingCode::PortionMarking, "de").unwrap(),
        "VS-NfD"
    );
    let unknown = r#"{"PolicyIdentifier":{"name":"DE-SAMPLE"},"Classification":"X"}"#;
    assert_eq!(text(unknown, MarkingCode::PageTop, "de"), None);
}

#[test]
fn a_phrase_may_replace_the_policys_name_and_the_levels() {
    let text = FULL.replace(
        r#"<markingData phrase="Geh."><code>portionMarking</code></markingData>"#,
        r#"<markingData phrase="COSMIC"><code>replacePolicy</code></markingData>"#,
    );
    let geheim = r#"{"PolicyIdentifier":{"name":"XVS"},"Classification":"GEHEIM"}"#;
    let shown = |text: &str| {
        let spifs = Spifs::new(vec![Spif::parse(text).unwrap()]).unwrap();
        spifs
            .marking_text(&label(geheim), MarkingCode::PageTop, "de")
            .unwrap()
    };
    assert_eq!(shown(&text), "COSMIC GEHEIM");
    assert_eq!(shown(FULL), "XVS Geh.");
    for (code, expected) in [
        ("suppressClassName", "XVS"),
        ("noMarkingDisplay", "XVS"),
        ("noNameDisplay", "XVS"),
    ] {
        let hidden = format!("<markingData><code>{code}</code></markingData>");
        let text = FULL.replace(
            r#"<markingData phrase="Geh."><code>portionMarking</code></markingData>"#,
            &hidden,
        );
        assert_eq!(shown(&text), expected, "{code}");
    }
}

#[test]
fn every_code_of_the_schema_is_read() {
    for code in [
        "pageTop",
        "pageBottom",
        "pageTopBottom",
        "documentStart",
        "documentEnd",
        "noNameDisplay",
        "noMarkingDisplay",
        "suppressClassName",
        "firstLineOfText",
        "lastLineOfText",
        "subject",
        "xHeader",
        "portionMarking",
        "inputTitle",
        "waterMark",
        "replacePolicy",
    ] {
        let spif = Spif::parse(&FULL.replace("portionMarking", code)).unwrap();
        assert_eq!(spif.classifications[1].markings[0].codes.len(), 1, "{code}");
    }
}
