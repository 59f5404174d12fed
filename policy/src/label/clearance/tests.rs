//! Clearances in their three forms.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::json;

use super::*;

const XML: &str = r#"<?xml version="1.0"?>
<c:ConfidentialityClearance xmlns:c="urn:nato:stanag:4774:confidentialityclearance:1:0"
    xmlns:l="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0">
  <l:PolicyIdentifier URI="urn:oid:2.25.999001">XVS</l:PolicyIdentifier>
  <c:ClassificationList>
    <l:Classification>OFFEN</l:Classification>
    <l:Classification> GEHEIM </l:Classification>
  </c:ClassificationList>
  <!-- for the staff -->
  <l:Category TagName="Freigabe" Type="PERMISSIVE"><l:GenericValue>DEU</l:GenericValue></l:Category>
</c:ConfidentialityClearance>"#;

fn read(text: &str) -> Result<Clearance, ClearanceError> {
    Clearance::read(text.as_bytes())
}

fn sample() -> Clearance {
    let json = json!({
        "PolicyIdentifier": {"name": "XVS", "uri": "urn:oid:2.25.999001"},
        "ClassificationList": ["OFFEN", "GEHEIM"],
        "Category": [{"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": ["DEU"]}],
    });
    Clearance::parse(&json.to_string()).unwrap()
}

fn token(payload: &serde_json::Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part("{\"alg\":\"RS256\"}"),
        part(&payload.to_string()),
        part("signature")
    )
}

#[test]
fn xml_json_and_the_claim_are_one_clearance() {
    let bare = URL_SAFE_NO_PAD.encode(XML);
    let claims = json!({"sub": "bob", "iat": 1_772_366_400, "aciClr": bare, "amr": ["swk"]});
    for text in [
        XML.to_owned(),
        format!("\u{feff}{}", XML.replace('\n', "\r\n")),
        sample().to_json().to_string(),
        sample().to_xml(),
        bare.clone(),
        format!("{bare}\n"),
        URL_SAFE.encode(XML),
        json!({"aciClr": bare}).to_string(),
        json!({"aciClr": XML}).to_string(),
        token(&claims),
        format!(" {}\n", token(&claims)),
    ] {
        assert_eq!(read(&text), Ok(sample()), "{text}");
    }
    assert_eq!(
        read(&sample().to_xml()).unwrap().to_json(),
        sample().to_json()
    );
    assert_eq!(sample().sha256().len(), 64);
}

#[test]
fn a_token_without_a_clearance_is_refused() {
    let bare = URL_SAFE_NO_PAD.encode(XML);
    for text in [
        String::new(),
        "OFFEN".to_owned(),
        "a.b".to_owned(),
        format!("{bare}.{bare}"),
        format!("{bare}.{bare}.{bare}"),
        format!("{bare}.{bare}.{bare}.{bare}"),
        token(&json!({"sub": "bob"})),
        token(&json!({"aciClr": ["OFFEN"]})),
        token(&json!({"aciClr": URL_SAFE_NO_PAD.encode("OFFEN")})),
        // A claim holds XML; JSON in it has no meaning that anybody has written down.
        URL_SAFE_NO_PAD.encode(sample().to_json().to_string()),
        token(&json!({"aciClr": bare})).replace('.', ". "),
        "A".repeat(1024 * 1024),
    ] {
        assert!(read(&text).is_err(), "{text:.80}");
    }
    let twice = format!("{{\"aciClr\":\"{bare}\",\"aciClr\":\"{bare}\"}}");
    assert!(read(&twice).is_err(), "a repeated claim has two readings");
}

#[test]
fn lb_2_xml_clearances_are_read_strictly() {
    let changed = |from: &str, to: &str| {
        assert!(XML.contains(from), "{from}");
        XML.replacen(from, to, 1)
    };
    let list = "<c:ClassificationList>";
    for xml in [
        changed("<c:ConfidentialityClearance", "<c:Clearance")
            .replace("</c:ConfidentialityClearance", "</c:Clearance"),
        changed("clearance:1:0\"", "clearance:2:0\""),
        XML.replace("c:ClassificationList", "l:ClassificationList"),
        XML.replace("l:PolicyIdentifier", "c:PolicyIdentifier"),
        XML.replace("l:Classification>", "c:Classification>"),
        XML.replace("l:GenericValue", "l:IntegerValue"),
        changed("Type=\"PERMISSIVE\"", "Type=\"permissive\""),
        changed("Type=\"PERMISSIVE\"", ""),
        changed("URI=", "URL="),
        changed("urn:oid:2.25.999001", "2.25.999001"),
        changed("OFFEN", ""),
        changed("OFFEN", "OFF&#x200b;EN"),
        changed(list, &format!("<c:ClassificationList/>{list}")),
        changed(
            list,
            &format!("<l:PolicyIdentifier>XVS</l:PolicyIdentifier>{list}"),
        ),
        changed(
            list,
            &format!("<l:Category TagName=\"A\" Type=\"RESTRICTIVE\"/>{list}"),
        ),
        changed(list, &format!("<l:Unknown/>{list}")),
        changed(list, &format!("stray{list}")),
        changed(list, "<c:ClassificationList Max=\"GEHEIM\">"),
        format!("<!DOCTYPE x>{}", &XML[21..]),
        XML.replace("GEHEIM", &"G".repeat(MAX_CLEARANCE_BYTES)),
    ] {
        assert!(read(&xml).is_err(), "{xml:.900}");
    }
    let foreign = changed(list, &format!("<x xmlns=\"urn:x\">y</x>{list}"));
    assert_eq!(read(&foreign), Ok(sample()));
}

#[test]
fn json_clearances_are_read_strictly_from_files_too() {
    let text = sample().to_json().to_string();
    for wrong in [
        text.replacen("\"name\"", "\"name\":\"XVS\",\"name\"", 1),
        text.replacen("\"Category\"", "\"Maximum\":1,\"Category\"", 1),
        text.replacen("PERMISSIVE", "permissive", 1),
        text.replacen("\"OFFEN\"", "\"OFFEN\\n\"", 1),
        text.replacen("\"OFFEN\"", "\"\"", 1),
        format!("{text}{text}"),
        json!({"ClassificationList": []}).to_string(),
    ] {
        assert_ne!(wrong, text);
        assert!(read(&wrong).is_err(), "{wrong}");
    }
    let many = json!({"PolicyIdentifier": {"name": "X"}, "ClassificationList": vec!["A"; MAX_CLEARANCE_NAMES + 1]});
    assert!(read(&many.to_string()).is_err());
}
