//! XML labels: the rows of labels.md 3.3, what is refused and what is passed over.

use super::*;

/// The sample of labels.md 3.2.
const SAMPLE: &str = r#"<originatorConfidentialityLabel xmlns="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
  Id="L1" ReviewDateTime="2031-03-01T00:00:00Z">
 <ConfidentialityInformation>
  <PolicyIdentifier URI="urn:oid:2.25.999001">XVS</PolicyIdentifier>
  <Classification>GEHEIM</Classification>
  <Category Type="RESTRICTIVE" TagName="Sperrvermerk" URI="urn:oid:2.25.999001.1"><GenericValue>KRYPTO</GenericValue></Category>
  <Category Type="PERMISSIVE" TagName="Freigabe" URI="urn:oid:2.25.999001.2"><GenericValue>DEU</GenericValue><GenericValue>FRA</GenericValue></Category>
  <Category Type="INFORMATIVE" TagName="Hinweis"><GenericValue>PERSONAL</GenericValue></Category>
 </ConfidentialityInformation>
 <OriginatorID IDType="uniformResourceIdentifier">matrix:u/alice:blau.example</OriginatorID>
 <CreationDateTime>2026-03-01T12:00:00Z</CreationDateTime>
</originatorConfidentialityLabel>
"#;

/// The sample with one piece replaced; the piece must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from}");
    SAMPLE.replacen(from, to, 1)
}

fn sample() -> Label {
    Label::from_xml(SAMPLE, Mode::Strict).unwrap()
}

fn strict(xml: &str) -> Result<Label, LabelError> {
    Label::read(xml.as_bytes(), Mode::Strict)
}

/// The code of a refusal that both modes give.
fn refused(xml: &str) -> &'static str {
    let lenient = Label::read(xml.as_bytes(), Mode::Lenient).unwrap_err();
    let strict = strict(xml).unwrap_err();
    assert_eq!(strict.code(), lenient.code(), "{xml}");
    strict.code()
}

/// The codes that only the lenient mode forgives.
fn forgiven(xml: &str) -> Vec<&'static str> {
    assert!(strict(xml).is_err(), "{xml}");
    let reading = Label::read_noting(xml.as_bytes(), Mode::Lenient).unwrap();
    reading.forgiven.iter().map(LabelError::code).collect()
}

#[test]
fn the_sample_is_read_whole() {
    let label = sample();
    assert_eq!(label.role(), Role::Originator);
    assert_eq!(label.policy().uri.as_deref(), Some("urn:oid:2.25.999001"));
    assert_eq!(label.classification(), "GEHEIM");
    assert_eq!(label.categories()[1].values, ["DEU", "FRA"]);
    assert_eq!(
        label.categories()[1].uri.as_deref(),
        Some("urn:oid:2.25.999001.2")
    );
    assert_eq!(
        label.to_exact_json(),
        json!({
            "Id": "L1",
            "PolicyIdentifier": {"name": "XVS", "uri": "urn:oid:2.25.999001"},
            "Classification": "GEHEIM",
            "Category": [
                {"TagName": "Sperrvermerk", "Type": "RESTRICTIVE", "URI": "urn:oid:2.25.999001.1", "GenericValue": ["KRYPTO"]},
                {"TagName": "Freigabe", "Type": "PERMISSIVE", "URI": "urn:oid:2.25.999001.2", "GenericValue": ["DEU", "FRA"]},
                {"TagName": "Hinweis", "Type": "INFORMATIVE", "GenericValue": ["PERSONAL"]},
            ],
            "OriginatorID": {"IDType": "uniformResourceIdentifier", "value": "matrix:u/alice:blau.example"},
            "CreationDateTime": "2026-03-01T12:00:00Z",
            "ReviewDateTime": "2031-03-01T00:00:00Z",
        })
    );
}

#[test]
fn lb_1_type_in_lower_case_is_rejected() {
    assert_eq!(
        refused(&changed("Type=\"PERMISSIVE\"", "Type=\"permissive\"")),
        "value"
    );
}

#[test]
fn lb_1_no_creation_date_is_rejected_and_forgiven_only_if_asked() {
    let without = changed(
        "<CreationDateTime>2026-03-01T12:00:00Z</CreationDateTime>",
        "",
    );
    assert_eq!(forgiven(&without), ["missing"]);
    assert!(Label::read(without.as_bytes(), Mode::Carried).is_err());
}

#[test]
fn lb_1_a_root_of_another_name_is_rejected() {
    for root in [
        "OriginatorConfidentialityLabel",
        "Label",
        "SuccessorConfidentialityLabel",
    ] {
        let other = SAMPLE.replace("originatorConfidentialityLabel", root);
        assert_eq!(refused(&other), "root", "{root}");
    }
    let other = changed(
        LABEL_SCHEMA,
        "urn:nato:stanag:4774:confidentialitymetadatalabel:2:0",
    );
    assert_eq!(refused(&other), "root");
    let none = changed(&format!("xmlns=\"{LABEL_SCHEMA}\""), "");
    assert_eq!(refused(&none), "root");
}

#[test]
fn lb_1_no_review_date_is_rejected_strictly_and_noted_leniently() {
    let without = changed(" ReviewDateTime=\"2031-03-01T00:00:00Z\"", "");
    let missing = LabelError::Missing {
        key: "ReviewDateTime",
    };
    assert_eq!(forgiven(&without), ["missing"]);
    assert_eq!(strict(&without), Err(missing.at(1)));
    // The gateway: no decision of access needs it.
    assert!(Label::read(without.as_bytes(), Mode::Carried).is_ok());
}

#[test]
fn lb_1_integer_and_bit_string_values_are_rejected() {
    for value in ["IntegerValue", "BitStringValue"] {
        let other = SAMPLE.replace("GenericValue", value);
        assert_eq!(refused(&other), "unknown-key", "{value}");
    }
}

#[test]
fn lb_1_url_for_uri_is_rejected_and_where_forgiven_still_the_identifier() {
    let url = changed("URI=\"urn:oid:2.25.999001\"", "URL=\"urn:oid:2.25.999002\"");
    assert_eq!(forgiven(&url), ["unknown-key"]);
    assert!(Label::read(url.as_bytes(), Mode::Carried).is_err());
    // Else whoever writes URL would avoid the check of the identifier.
    let label = Label::read(url.as_bytes(), Mode::Lenient).unwrap();
    assert_eq!(label.policy().uri.as_deref(), Some("urn:oid:2.25.999002"));
    let both = changed(
        "URI=\"urn:oid:2.25.999001\"",
        "URI=\"urn:oid:2.25.999001\" URL=\"urn:oid:2.25.999002\"",
    );
    assert!(Label::read(both.as_bytes(), Mode::Lenient).is_err());
}

#[test]
fn a_successor_stands_for_the_review_date_and_is_kept_without_being_acted_upon() {
    let inner = |name: &str| {
        let begin = SAMPLE.find("<ConfidentialityInformation>").unwrap();
        let end = SAMPLE.find("</originator").unwrap();
        format!(
            "<{name}>{}</{name}>",
            SAMPLE[begin..end].replace("GEHEIM", "OFFEN")
        )
    };
    let succession = format!(
        "<SuccessionHandling><SuccessionDateTime>2030-01-01T00:00:00Z</SuccessionDateTime>{}</SuccessionHandling>",
        inner("SuccessorConfidentialityLabel")
    );
    let xml = changed(" ReviewDateTime=\"2031-03-01T00:00:00Z\"", "").replace(
        "</CreationDateTime>\n",
        &format!("</CreationDateTime>{succession}"),
    );
    let label = strict(&xml).unwrap();
    assert_eq!(label.classification(), "GEHEIM");
    let json = label.to_exact_json();
    let successor =
        json.pointer("/SuccessionHandling/SuccessorConfidentialityLabel/Classification");
    assert_eq!(successor, Some(&json!("OFFEN")));
    assert_eq!(strict(&label.to_xml()), Ok(label.clone()));
    assert_eq!(
        Label::read(json.to_string().as_bytes(), Mode::Strict),
        Ok(label)
    );
    let twice = xml.replacen(
        "</SuccessionHandling>",
        "</SuccessionHandling><SuccessionHandling/>",
        1,
    );
    assert_eq!(refused(&twice), "repeated");
    let nested = xml.replacen(
        "</CreationDateTime>\n</Successor",
        &format!("</CreationDateTime>{succession}</Successor"),
        1,
    );
    assert_ne!(nested, xml);
    assert_eq!(refused(&nested), "unknown-key");
}

#[test]
fn lb_2_two_classifications_are_rejected() {
    let two = changed(
        "</Classification>",
        "</Classification><Classification>OFFEN</Classification>",
    );
    assert_eq!(refused(&two), "repeated");
    for element in [
        "<PolicyIdentifier>XVS</PolicyIdentifier>",
        "<PrivacyMark>a</PrivacyMark><PrivacyMark>b</PrivacyMark>",
    ] {
        let two = changed("<Classification>", &format!("{element}<Classification>"));
        assert!(
            Label::read(two.as_bytes(), Mode::Lenient).is_err(),
            "{element}"
        );
    }
}

#[test]
fn lb_2_what_the_standard_does_not_know_is_rejected_and_what_is_foreign_is_passed_over() {
    let inside = |extra: &str| changed("<Classification>", &format!("{extra}<Classification>"));
    for unknown in ["<Caveat>x</Caveat>", "<Category/>", "stray"] {
        assert!(strict(&inside(unknown)).is_err(), "{unknown}");
    }
    // In no namespace, or in a near miss of ours, a Category would be passed over and its restriction with it.
    for near in [
        "<Category xmlns=\"\" Type=\"RESTRICTIVE\" TagName=\"Sperrvermerk\"/>",
        "<Category xmlns=\"urn:nato:stanag:4774:confidentialitymetadatalabel:1:1\"/>",
        "<Category xmlns=\"URN:NATO:STANAG:4774:confidentialitymetadatalabel:1:0\"/>",
        "<Category xmlns=\"urn:nato:stanag:4774:confidentialityclearance:1:0\"/>",
    ] {
        assert_eq!(refused(&inside(near)), "unknown-key", "{near}");
    }
    for attribute in [
        "Role=\"x\"",
        "id=\"x\"",
        "xmlns:l=\"urn:nato:stanag:4774:confidentialitymetadatalabel:1:0\" l:Id=\"x\"",
    ] {
        let xml = changed("Id=\"L1\"", &format!("Id=\"L1\" {attribute}"));
        assert_eq!(refused(&xml), "unknown-key", "{attribute}");
    }
    assert!(
        strict(&changed(
            "<Classification>",
            "<Classification URI=\"urn:oid:1.2\">"
        ))
        .is_err()
    );
    let foreign = inside(
        "<m:Marking xmlns:m=\"urn:nato:stanag:4774:confidentialitymetadatalabel:1:0:ext\">VS</m:Marking><x xmlns=\"urn:x\"><y/></x>",
    );
    let foreign = foreign.replacen(
        "Id=\"L1\"",
        "Id=\"L1\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\" xml:lang=\"de\"",
        1,
    );
    assert_eq!(strict(&foreign), Ok(sample()));
}

#[test]
fn lb_2_categories_of_one_name_and_type_are_merged() {
    let split = changed(
        "<GenericValue>DEU</GenericValue><GenericValue>FRA</GenericValue></Category>",
        "<GenericValue>DEU</GenericValue></Category><Category Type=\"PERMISSIVE\" TagName=\" freigabe \"><GenericValue>DEU</GenericValue><GenericValue>FRA</GenericValue></Category>",
    );
    assert_eq!(strict(&split), Ok(sample()));
    let contrary = split.replace(
        "\" freigabe \"",
        "\"freigabe\" URI=\"urn:oid:2.25.999001.9\"",
    );
    assert_eq!(refused(&contrary), "value");
}

#[test]
fn lb_10_merging_never_permits_somebody_where_one_part_permits_nobody() {
    let nobody = "<Category Type=\"PERMISSIVE\" TagName=\"Freigabe\"/>";
    let last = changed(
        "</ConfidentialityInformation>",
        &format!("{nobody}</ConfidentialityInformation>"),
    );
    let first = changed("<Category", &format!("{nobody}<Category"));
    for xml in [last, first] {
        let label = strict(&xml).unwrap();
        let freigabe: Vec<_> = label
            .categories()
            .iter()
            .filter(|c| c.tag_name == "Freigabe")
            .collect();
        assert_eq!(freigabe.len(), 1);
        assert!(freigabe[0].values.is_empty(), "{xml}");
    }
}

#[test]
fn lb_2_xml_labels_are_small_too() {
    let long = SAMPLE.replace("KRYPTO", &"K".repeat(MAX_LABEL_BYTES));
    assert_eq!(refused(&long), "too-large");
    let padded = format!("{SAMPLE}{}", " ".repeat(MAX_LABEL_BYTES));
    assert_eq!(refused(&padded), "too-large");
    // Enough values to be over the limit fit into the size only without anything else.
    let many = "<a:GenericValue>A</a:GenericValue>";
    assert!(many.len() * (MAX_LABEL_VALUES + 1) > MAX_LABEL_BYTES);
}

#[test]
fn sp_1_a_label_has_no_dtd() {
    let dtd = format!("<!DOCTYPE originatorConfidentialityLabel [<!ENTITY a \"OFFEN\">]>{SAMPLE}");
    assert_eq!(refused(&dtd), "dtd-forbidden");
    assert_eq!(refused(&changed("GEHEIM", "&a;")), "malformed");
}

#[test]
fn a_comment_or_an_element_inside_a_name_does_not_cut_it() {
    let comment = changed("GEHEIM", "GE<!-- half of it -->HEIM<?pi here?>");
    assert_eq!(strict(&comment), Ok(sample()));
    let data = changed("GEHEIM", "<![CDATA[GEHEIM]]>");
    assert_eq!(strict(&data), Ok(sample()));
    for inside in ["GE<x xmlns=\"urn:x\"/>HEIM", "GEHEIM<Classification/>"] {
        assert_eq!(
            refused(&changed("GEHEIM", inside)),
            "unknown-key",
            "{inside}"
        );
    }
}

#[test]
fn labels_are_written_in_many_ways() {
    let prefixed = SAMPLE
        .replace("<", "<s:")
        .replace("<s:/", "</s:")
        .replace("xmlns=", "xmlns:s=");
    let spaced = SAMPLE
        .replace("GEHEIM", "\n   GEHEIM\t ")
        .replace("\"Freigabe\"", "\"\n Freigabe \"");
    let windows = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- label -->\n<?pi?>\n{SAMPLE}"
    )
    .replace('\n', "\r\n");
    let single = SAMPLE.replace('"', "'");
    let numbered = changed("GEHEIM", "&#71;&#x45;HEIM");
    for xml in [prefixed, spaced, windows, single, numbered] {
        assert_eq!(strict(&xml), Ok(sample()), "{xml}");
    }
    for (root, role) in [
        ("ConfidentialityLabel", Role::Originator),
        ("alternativeConfidentialityLabel", Role::Alternative),
        ("metadataConfidentialityLabel", Role::Metadata),
    ] {
        let xml = SAMPLE.replace("originatorConfidentialityLabel", root);
        assert_eq!(strict(&xml).unwrap().role(), role);
    }
}

#[test]
fn another_encoding_or_order_is_refused() {
    let declared = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{}",
        changed("GEHEIM", "Ü")
    );
    assert_eq!(refused(&declared), "encoding");
    for (declared, code) in [
        ("version=\"1.0\" encoding=\"ISO-8859-1\"", "encoding"),
        ("version=\"1.1\" encoding=\"UTF-8\"", "xml-version"),
    ] {
        assert_eq!(refused(&format!("<?xml {declared}?>{SAMPLE}")), code);
    }
    assert!(Label::read(b"<a>\xff</a>", Mode::Lenient).is_err());
    let late = changed("<Classification>GEHEIM</Classification>", "").replacen(
        "</ConfidentialityInformation>",
        "<Classification>GEHEIM</Classification></ConfidentialityInformation>",
        1,
    );
    assert_eq!(forgiven(&late), ["order"]);
    assert_eq!(Label::read(late.as_bytes(), Mode::Lenient), Ok(sample()));
}

#[test]
fn names_identifiers_and_dates_have_one_format_in_xml_too() {
    for (from, to) in [
        ("GEHEIM", "  "),
        ("GEHEIM", "GE&#x200B;HEIM"),
        ("KRYPTO", ""),
        ("\"Freigabe\"", "\"\""),
        ("\"urn:oid:2.25.999001\"", "\"2.25.999001\""),
        ("\"urn:oid:2.25.999001.2\"", "\"urn:x\""),
        ("Id=\"L1\"", "Id=\"1\""),
        ("Id=\"L1\"", "Id=\"\""),
        ("2026-03-01T12:00:00Z", "2026-03-01"),
        ("2031-03-01T00:00:00Z", "later"),
        ("uniformResourceIdentifier", "matrix"),
        ("matrix:u/alice:blau.example", ""),
        (" IDType=\"uniformResourceIdentifier\"", ""),
        (" TagName=\"Hinweis\"", ""),
        ("<Classification>GEHEIM</Classification>", ""),
        (
            "<PolicyIdentifier URI=\"urn:oid:2.25.999001\">XVS</PolicyIdentifier>",
            "",
        ),
    ] {
        refused(&changed(from, to));
    }
}

#[test]
fn no_error_quotes_an_xml_label_and_each_names_its_line() {
    let canary = "canaryOfBob";
    for (from, to) in [
        ("<Classification>", "<canaryOfBob/><Classification>"),
        ("Type=\"PERMISSIVE\"", "Type=\"canaryOfBob\""),
        ("</Classification>", "</canaryOfBob>"),
        ("2026-03-01T12:00:00Z", "canaryOfBob"),
        ("Id=\"L1\"", "canaryOfBob=\"L1\""),
    ] {
        let text = strict(&changed(from, to)).unwrap_err().to_string();
        assert!(!text.contains(canary), "{text}");
        assert!(text.starts_with("line "), "{text}");
    }
    let stray = changed("<Classification>", "\n\n canaryOfBob<Classification>");
    let (before, _) = stray.split_once(canary).unwrap();
    let line = before.lines().count();
    let text = strict(&stray).unwrap_err().to_string();
    assert!(text.starts_with(&format!("line {line}: ")), "{text}");
    assert!(!text.contains(canary), "{text}");
    let cut = strict(&SAMPLE[..SAMPLE.len() - 3]).unwrap_err().to_string();
    let line = SAMPLE.trim_end().lines().count();
    assert!(cut.starts_with(&format!("line {line}: ")), "{cut}");
}

#[test]
fn the_free_text_of_a_label_is_not_recorded() {
    let xml = changed(
        "<Category",
        "<PrivacyMark>for Bob only</PrivacyMark><Category",
    );
    let label = strict(&xml).unwrap();
    let recorded = label.to_json().to_string();
    for text in ["Bob", "alice", "L1"] {
        assert!(!recorded.contains(text), "{recorded}");
    }
    assert!(label.to_exact_json().to_string().contains("for Bob only"));
    assert_ne!(label.sha256(), sample().sha256());
    let again: Label = serde_json::from_value(label.to_json()).unwrap();
    assert_eq!(again.categories(), label.categories());
}
