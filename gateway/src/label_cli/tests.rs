//! The commands as they are typed, on files written in many styles. Alice's policy BLAU and Bob's policy ROT are made up.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::{fs, path::Path};

use clap::{CommandFactory as _, Parser};
use sluice_policy::{
    json::Object,
    label::{Clearance, Label},
};

use super::*;

const BLAU: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="7" creationDate="20260101000000Z"
  originatorDN="CN=Blau" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1" rbacId="1.3.26.0.4774.5.24.1"
  notBefore="2026-01-01T00:00:00Z" notAfter="2027-01-01T00:00:00Z">
 <securityPolicyId name="BLAU" id="2.25.111"/>
 <securityClassifications>
  <securityClassification name="OFFEN" lacv="1" hierarchy="1" color="green">
   <equivalentClassification policyRef="ROT" lacv="1" applied="both"/>
  </securityClassification>
  <securityClassification name="INTERN" lacv="2" hierarchy="2" color="blue"/>
  <securityClassification name="GEHEIM" lacv="3" hierarchy="3" color="red"/>
 </securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Sperre" id="2.25.111.1">
   <securityCategoryTag name="Sperre" tagType="restrictive">
    <tagCategory name="KRYPTO" lacv="1"/>
    <tagCategory name="ATOM" lacv="2"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Freigabe" id="2.25.111.2">
   <securityCategoryTag name="Freigabe" tagType="permissive">
    <tagCategory name="NORD" lacv="1"/>
    <tagCategory name="SÜD" lacv="2"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
 </securityCategoryTagSets>
 <equivalentPolicies><equivalentPolicy name="ROT" id="2.25.222"/></equivalentPolicies>
</SPIF>"#;

const ROT: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.0" version="1" creationDate="20260101000000Z"
  originatorDN="CN=Rot" keyIdentifier="00" privilegeId="1.2.3" rbacId="1.2.3">
 <securityPolicyId name="ROT" id="2.25.222"/>
 <securityClassifications>
  <securityClassification name="OUVERT" lacv="1" hierarchy="1"/>
 </securityClassifications>
</SPIF>"#;

/// Alice's label: prefixes, comments, other quotes, Windows line ends and a byte order mark.
const LABEL_XML: &str = "\u{feff}<?xml version='1.0' encoding='utf-8'?>\r\n<!-- by Alice -->\r\n<s:originatorConfidentialityLabel ReviewDateTime='2031-03-01T00:00:00Z'\r\n    xmlns:s='urn:nato:stanag:4774:confidentialitymetadatalabel:1:0'>\r\n  <s:ConfidentialityInformation>\r\n    <s:PolicyIdentifier URI='urn:oid:2.25.111'>blau</s:PolicyIdentifier>\r\n    <s:Classification>\r\n      geheim\r\n    </s:Classification>\r\n    <s:Category TagName='Sperre' Type='RESTRICTIVE'><s:GenericValue>krypto</s:GenericValue></s:Category>\r\n    <s:Category TagName='Freigabe' URI='urn:oid:2.25.111.2' Type='PERMISSIVE'><s:GenericValue>Nord</s:GenericValue></s:Category>\r\n  </s:ConfidentialityInformation>\r\n  <s:CreationDateTime>2026-03-01T12:00:00Z</s:CreationDateTime>\r\n</s:originatorConfidentialityLabel>\r\n";

const CLEARANCE_XML: &str = r#"<ConfidentialityClearance xmlns="urn:nato:stanag:4774:confidentialityclearance:1:0" xmlns:l="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0">
<l:PolicyIdentifier>BLAU</l:PolicyIdentifier>
<ClassificationList><l:Classification>OFFEN</l:Classification><l:Classification>GEHEIM</l:Classification></ClassificationList>
<l:Category TagName="Sperre" Type="RESTRICTIVE"><l:GenericValue>KRYPTO</l:GenericValue></l:Category>
<l:Category TagName="Freigabe" Type="PERMISSIVE"><l:GenericValue>NORD</l:GenericValue><l:GenericValue>SÜD</l:GenericValue></l:Category>
</ConfidentialityClearance>"#;

const AT: &str = "2026-06-01T00:00:00Z";

use crate::operator_cli::RoomCommand;

#[derive(Debug, Parser)]
#[command(name = "sluice")]
enum Cli {
    #[command(subcommand)]
    Label(LabelCommand),
    #[command(subcommand)]
    Room(RoomCommand),
}

/// A folder with files, and what a command on them said.
struct World(tempfile::TempDir);

/// What a command said.
struct Said {
    exit: Exit,
    out: String,
    err: String,
}

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        world.put("blau.xml", BLAU);
        world.put("rot.xml", ROT);
        world.put("label.xml", LABEL_XML);
        world.put("label.json", &label(json!({})).to_string());
        world.put("clearance.xml", CLEARANCE_XML);
        world
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Runs a command; words that name a file in the folder become its path.
    fn run_with(&self, line: &str, stdin: &str) -> Said {
        let word = |word: &str| {
            let path = self.0.path().join(word);
            match path.is_file() || word.starts_with("none.") {
                true => path.to_str().unwrap().to_owned(),
                false => word.to_owned(),
            }
        };
        let words = std::iter::once("sluice".to_owned()).chain(line.split_whitespace().map(word));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut input = stdin.as_bytes();
        let mut streams = Streams {
            input: &mut input,
            out: &mut out,
            err: &mut err,
        };
        let exit = match Cli::try_parse_from(words).unwrap() {
            Cli::Label(command) => run(&command, &mut streams),
            Cli::Room(RoomCommand::Label(args)) => room_label(&args, &mut streams),
            Cli::Room(other) => panic!("{other:?} is no command about labels"),
        };
        Said {
            exit,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    fn run(&self, line: &str) -> Said {
        self.run_with(line, "")
    }

    /// Runs a command that answers in JSON.
    fn json(&self, line: &str) -> (Exit, Value) {
        let said = self.run(&format!("{line} --json"));
        let json = serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("{error}: {line}: {:?} {:?}", said.out, said.err));
        (said.exit, json)
    }

    /// Decision and rule for a label and a clearance.
    fn decide(&self, label: &str, clearance: &str) -> (Exit, String, String) {
        self.put("l", label);
        self.put("c", clearance);
        let (exit, json) = self.json(&format!(
            "label decide --spif blau.xml --at {AT} --label l --clearance c"
        ));
        let text = |key: &str| json[key].as_str().unwrap().to_owned();
        assert!(!text("reason").is_empty());
        (exit, text("decision"), text("rule"))
    }
}

/// Alice's label as JSON, with members changed (`null` takes one away).
fn label(changes: Value) -> Value {
    let mut label = json!({
        "PolicyIdentifier": {"name": "BLAU", "uri": "urn:oid:2.25.111"},
        "Classification": "GEHEIM",
        "Category": [
            {"TagName": "Sperre", "Type": "RESTRICTIVE", "GenericValue": ["KRYPTO"]},
            {"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": ["NORD"]},
        ],
        "CreationDateTime": "2026-03-01T12:00:00Z",
        "ReviewDateTime": "2031-03-01T00:00:00Z",
    });
    change(&mut label, changes);
    label
}

/// Bob's clearance as JSON, with members changed.
fn clearance(changes: Value) -> Value {
    let mut clearance = json!({
        "PolicyIdentifier": {"name": "BLAU", "uri": "urn:oid:2.25.111"},
        "ClassificationList": ["OFFEN", "GEHEIM"],
        "Category": [
            {"TagName": "Sperre", "Type": "RESTRICTIVE", "GenericValue": ["KRYPTO"]},
            {"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": ["NORD", "SÜD"]},
        ],
    });
    change(&mut clearance, changes);
    clearance
}

fn change(value: &mut Value, changes: Value) {
    for (key, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => value.as_object_mut().unwrap().remove(key),
            change => value
                .as_object_mut()
                .unwrap()
                .insert(key.clone(), change.clone()),
        };
    }
}

#[test]
fn a_decision_names_its_rule_and_what_it_was_made_on() {
    let world = World::new();
    let (exit, answer) = world.json(&format!(
        "label decide --label label.xml --clearance clearance.xml --spif rot.xml --spif blau.xml --at {AT}"
    ));
    assert_eq!(exit, Exit::Done);
    assert_eq!(answer["decision"], "grant");
    assert_eq!(answer["rule"], "granted");
    assert_eq!(answer["policy"]["oid"], "2.25.111");
    assert_eq!(answer["policy"]["version"], "7");
    for hash in ["/label", "/clearance", "/policy/sha256"] {
        assert_eq!(answer.pointer(hash).unwrap().as_str().unwrap().len(), 64);
    }
    let said = world.run(&format!(
        "label decide --spif blau.xml --label label.xml --clearance clearance.xml --at {AT}"
    ));
    assert!(said.out.starts_with("grant: "), "{}", said.out);
    assert!(said.out.contains("\nrule: granted\n"), "{}", said.out);
}

#[test]
fn every_no_of_a_decision_has_its_rule_and_exit_code_1() {
    let world = World::new();
    let (l, c) = (label, clearance);
    let none = || json!({});
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.";
    for (rule, label, clearance) in [
        ("policy-unknown", l(json!({"PolicyIdentifier": {"name": "GRÜN"}})).to_string(), c(none()).to_string()),
        ("policy-mismatch", l(json!({"PolicyIdentifier": {"name": "BLAU", "uri": "urn:oid:2.25.222"}})).to_string(), c(none()).to_string()),
        ("label-invalid", l(json!({"Classification": "STRENG GEHEIM"})).to_string(), c(none()).to_string()),
        ("label-invalid", l(json!({"PolicyIdentifier": null})).to_string(), c(none()).to_string()),
        ("label-invalid", l(json!({"Downgrade": true})).to_string(), c(none()).to_string()),
        ("label-invalid", "<a/>".to_owned(), c(none()).to_string()),
        ("label-invalid", LABEL_XML.replace("GenericValue", "IntegerValue"), c(none()).to_string()),
        ("label-invalid", LABEL_XML.replace("URI='urn:oid:2.25.111'", "URL='urn:oid:2.25.222'"), c(none()).to_string()),
        ("label-invalid", format!("{}{}", l(none()), " ".repeat(1 << 20)), c(none()).to_string()),
        ("clearance-invalid", l(none()).to_string(), format!("{}{}x", c(none()), " ".repeat(1 << 20))),
        ("label-invalid", String::new(), c(none()).to_string()),
        ("clearance-invalid", l(none()).to_string(), c(json!({"ClassificationList": ["GEHEIM", "OBERGEHEIM"]})).to_string()),
        ("clearance-invalid", l(none()).to_string(), c(json!({"Maximum": "GEHEIM"})).to_string()),
        ("clearance-invalid", l(none()).to_string(), "GEHEIM".to_owned()),
        ("clearance-invalid", l(none()).to_string(), token.to_owned()),
        ("classification", l(json!({"Classification": "INTERN"})).to_string(), c(none()).to_string()),
        ("restrictive", l(none()).to_string(), c(json!({"Category": []})).to_string()),
        ("permissive", l(json!({"Category": [{"TagName": "Freigabe", "Type": "PERMISSIVE", "GenericValue": []}]})).to_string(), c(none()).to_string()),
    ] {
        let said = world.decide(&label, &clearance);
        assert_eq!(said, (Exit::No, "deny".to_owned(), rule.to_owned()), "{label} {clearance}");
    }
    // The same as the gateway: what JSON of events may lack decides nothing.
    let undated = l(json!({"CreationDateTime": null, "ReviewDateTime": null}));
    assert_eq!(
        world.decide(&undated.to_string(), CLEARANCE_XML).0,
        Exit::Done
    );
}

#[test]
fn sp_6_an_expired_policy_says_so() {
    let world = World::new();
    let (exit, answer) = world.json(
        "label decide --spif blau.xml --at 2027-06-01T00:00:00Z --label label.json --clearance clearance.xml",
    );
    assert_eq!(exit, Exit::No);
    assert_eq!(answer["rule"], "policy-expired");
    assert!(answer["reason"].as_str().unwrap().contains("expir"));
    let (exit, answer) =
        world.json("label validate --spif blau.xml --at 2027-06-01T00:00:00Z label.json");
    assert_eq!(exit, Exit::No);
    assert_eq!(answer["errors"][0]["code"], "policy-expired");
}

#[test]
fn a_label_is_valid_strictly_or_leniently() {
    let world = World::new();
    let line = format!("label validate label.xml --spif blau.xml --at {AT}");
    let (exit, answer) = world.json(&line);
    assert_eq!(
        (exit, answer),
        (
            Exit::Done,
            json!({"valid": true, "errors": [], "warnings": []})
        )
    );
    world.put(
        "label.xml",
        &LABEL_XML.replace(" ReviewDateTime='2031-03-01T00:00:00Z'", ""),
    );
    let (exit, answer) = world.json(&line);
    assert_eq!(exit, Exit::No);
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["errors"][0]["code"], "missing");
    assert!(
        answer["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("ReviewDateTime")
    );
    let (exit, answer) = world.json(&format!("{line} --lenient"));
    assert_eq!(exit, Exit::Done);
    assert_eq!(answer["valid"], true);
    assert_eq!(answer["errors"], json!([]));
    assert_eq!(answer["warnings"][0]["code"], "missing");
    world.put("label.xml", &LABEL_XML.replace("geheim", "SECRET SQUIRREL"));
    let (exit, answer) = world.json(&line);
    assert_eq!(exit, Exit::No);
    assert_eq!(answer["errors"][0]["code"], "label-invalid");
    assert!(
        !answer.to_string().contains("SQUIRREL"),
        "the sender's words"
    );
    let said = world.run(&line);
    assert!(said.out.contains("not valid\n"), "{}", said.out);
    assert!(said.out.contains("error [label-invalid] "), "{}", said.out);
}

#[test]
fn sp_1_a_policy_that_needs_a_switch_is_read_where_the_command_has_it() {
    let world = World::new();
    world.put(
        "three.xml",
        &ROT.replace("schemaVersion=\"2.0\"", "schemaVersion=\"3.0\""),
    );
    world.put(
        "l",
        &json!({"PolicyIdentifier": {"name": "ROT"}, "Classification": "X"}).to_string(),
    );
    let (exit, answer) = world.json("label lint three.xml");
    assert_eq!(
        (exit, answer["errors"][0]["code"].as_str()),
        (Exit::No, Some("schema-version"))
    );
    assert_eq!(
        world.json("label lint three.xml --compat version-3").0,
        Exit::Done
    );
    let refused = world.run("label validate --spif three.xml l");
    assert!(refused.err.contains("schema-version"), "{}", refused.err);
    let read =
        world.run("label validate --spif three.xml --compat memberships --compat version-3 l");
    assert!(
        !read.err.contains("schema-version") && read.out.contains("not valid"),
        "{} {}",
        read.out,
        read.err
    );
}

#[test]
fn lint_answers_with_codes_and_lines() {
    let world = World::new();
    let (exit, answer) = world.json("label lint blau.xml rot.xml");
    assert_eq!(exit, Exit::Done, "{answer}");
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["errors"], json!([]));
    assert!(answer["warnings"].is_array());
    world.put(
        "bad.xml",
        &BLAU.replace("tagType=\"permissive\"", "tagType=\"informative\""),
    );
    let (exit, answer) = world.json("label lint bad.xml");
    assert_eq!(exit, Exit::No);
    assert_eq!(answer["ok"], false);
    let first = &answer["errors"][0];
    assert!(first["code"].is_string() && first["line"].is_u64() && first["message"].is_string());
    let said = world.run("label lint bad.xml");
    let line = format!("bad.xml:{}: error [", first["line"]);
    assert!(said.out.contains(&line), "{}", said.out);
    world.put("twin.xml", BLAU);
    assert_eq!(world.json("label lint blau.xml twin.xml").0, Exit::No);
    let (exit, answer) = world.json("label lint -");
    assert_eq!(exit, Exit::No, "{answer}");
}

#[test]
fn labels_are_combined_in_the_policys_spelling() {
    let world = World::new();
    world.put(
        "other.json",
        &label(json!({"Classification": "offen", "Category": [
            {"TagName": "sperre", "Type": "RESTRICTIVE", "GenericValue": ["atom"]},
            {"TagName": "freigabe", "Type": "PERMISSIVE", "GenericValue": ["Süd", "nord"]},
        ]}))
        .to_string(),
    );
    let (exit, answer) = world.json(&format!(
        "label combine label.xml other.json --spif blau.xml --at {AT}"
    ));
    assert_eq!(exit, Exit::Done, "{answer}");
    assert!(answer["wider_than_parts"].is_boolean());
    let label = &answer["label"];
    assert_eq!(
        label["PolicyIdentifier"],
        json!({"name": "BLAU", "uri": "urn:oid:2.25.111"})
    );
    assert_eq!(label["Classification"], "GEHEIM");
    let values = |set: &str| {
        let list = label["Category"].as_array().unwrap();
        let category = list
            .iter()
            .find(|category| category["TagName"] == set)
            .unwrap();
        assert!(category["Type"].is_string());
        category["GenericValue"].clone()
    };
    assert_eq!(values("Freigabe"), json!(["NORD"]));
    let mut blocked: Vec<_> = values("Sperre").as_array().unwrap().clone();
    blocked.sort_by_key(ToString::to_string);
    assert_eq!(blocked, [json!("ATOM"), json!("KRYPTO")]);
    world.put("bad.json", "{}");
    let (exit, answer) = world.json(&format!(
        "label combine --spif blau.xml --at {AT} label.json bad.json"
    ));
    assert_eq!(exit, Exit::No);
    assert!(answer["undecided"].is_string(), "{answer}");
}

#[test]
fn a_label_is_translated_or_the_reason_named() {
    let world = World::new();
    world.put(
        "open.json",
        &label(json!({"Classification": "OFFEN", "Category": []})).to_string(),
    );
    for to in ["ROT", "2.25.222"] {
        let (exit, answer) = world.json(&format!(
            "label translate open.json --spif blau.xml --spif rot.xml --to {to} --use encrypt --at {AT}"
        ));
        assert_eq!(exit, Exit::Done, "{answer}");
        assert_eq!(answer["label"]["PolicyIdentifier"]["name"], "ROT");
        assert_eq!(answer["label"]["Classification"], "OUVERT");
        assert!(answer["label"]["Category"].is_array());
    }
    for (file, usage) in [("label.json", "encrypt"), ("open.json", "decrypt")] {
        let (exit, answer) = world.json(&format!(
            "label translate --spif blau.xml --spif rot.xml --to ROT --use {usage} {file} --at {AT}"
        ));
        assert_eq!(exit, Exit::No);
        assert!(answer["error"]["code"].is_string(), "{answer}");
        assert!(answer["error"]["message"].is_string());
    }
    world.put("bad.json", "{}");
    let (exit, answer) =
        world.json("label translate --spif blau.xml --to BLAU --use encrypt bad.json");
    assert_eq!(
        (exit, &answer["error"]["code"]),
        (Exit::No, &json!("label-invalid"))
    );
}

#[test]
fn labels_and_clearances_are_converted_there_and_back() {
    let world = World::new();
    for file in ["label.xml", "label.json", "clearance.xml"] {
        let xml = world.run(&format!("label convert --to xml {file}"));
        assert_eq!(xml.exit, Exit::Done, "{}", xml.err);
        world.put("there.xml", &xml.out);
        let json = world.run("label convert there.xml --to json");
        world.put("back.json", &json.out);
        assert_eq!(world.run("label convert --to xml back.json").out, xml.out);
        assert_eq!(world.run("label convert --to json back.json").out, json.out);
    }
    let json = world.run("label convert --to json clearance.xml").out;
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["ClassificationList"],
        json!(["OFFEN", "GEHEIM"])
    );
    let claim = json!({"aciClr": CLEARANCE_XML}).to_string();
    let said = world.run_with("label convert --to json -", &claim);
    assert_eq!(said.out, json);
    let wire = json!({
        "schema": sluice_policy::label::LABEL_SCHEMA,
        "originator": label(json!({})),
        "alternative": [label(json!({"PolicyIdentifier": {"name": "ROT"}, "Category": []}))],
    });
    world.put("wire.json", &wire.to_string());
    let (exit, kept) = world.json("label convert --to json wire.json");
    assert_eq!((exit, kept), (Exit::Done, wire));
    let (exit, answer) = world.json("label convert --to xml wire.json");
    assert_eq!(
        (exit, &answer["error"]["code"]),
        (Exit::No, &json!("alternatives"))
    );
    for nonsense in ["", "{}", "<a/>", "GEHEIM", "[]"] {
        let said = world.run_with("label convert --to json -", nonsense);
        assert_eq!((said.exit, said.out.as_str()), (Exit::No, ""), "{nonsense}");
        assert!(said.err.starts_with("sluice: -: "), "{}", said.err);
    }
}

#[test]
fn a_room_is_labelled_by_an_event_that_the_gateway_reads() {
    let world = World::new();
    let line = format!(
        "room label --room !r:blau.example --label label.xml --clearance clearance.xml --may-lower @alice:blau.example --spif blau.xml --at {AT}"
    );
    let (exit, answer) = world.json(&line);
    assert_eq!(exit, Exit::Done, "{answer}");
    assert_eq!(answer["type"], ROOM_TYPE);
    assert_eq!(answer["state_key"], "");
    assert_eq!(answer["request"]["method"], "PUT");
    assert_eq!(
        answer["request"]["path"],
        "/_matrix/client/v3/rooms/%21r%3Ablau.example/state/org.sluice.room_confidentiality"
    );
    assert_eq!(answer["request"]["body"], answer["content"]);
    let content: Object = serde_json::from_value(answer["content"].clone()).unwrap();
    let label = Label::from_room_state(&content).unwrap().unwrap();
    assert_eq!(label.classification(), "geheim");
    let clearance = Clearance::parse(&answer["content"]["clearance"].to_string()).unwrap();
    assert_eq!(clearance.classifications, ["OFFEN", "GEHEIM"]);
    assert_eq!(
        answer["content"]["may_lower"],
        json!(["@alice:blau.example"])
    );
    assert_eq!(content.len(), 3, "no other key");
    let said = world.run(&format!("{line} --homeserver https://m.blau.example/"));
    assert!(said.out.contains("curl -X PUT"), "{}", said.out);
    assert!(
        said.out
            .contains("'https://m.blau.example/_matrix/client/v3/rooms/"),
        "{}",
        said.out
    );
    assert!(said.out.contains("Bearer ACCESS_TOKEN"), "{}", said.out);
}

#[test]
fn a_room_gets_no_label_that_its_policy_does_not_know() {
    let world = World::new();
    world.put(
        "bad.json",
        &label(json!({"Classification": "GEHEIMER"})).to_string(),
    );
    world.put(
        "wide.json",
        &clearance(json!({"ClassificationList": ["OBERGEHEIM"]})).to_string(),
    );
    world.put("meta.xml", &LABEL_XML.replace(":originatorC", ":metadataC"));
    let room = "room label --room !r:blau.example --spif blau.xml";
    for (files, code) in [
        ("--label bad.json", "label-invalid"),
        (
            "--label label.json --clearance wide.json",
            "clearance-invalid",
        ),
        (
            "--label label.json --clearance label.json",
            "clearance-invalid",
        ),
        ("--label clearance.xml", "label-invalid"),
        ("--label meta.xml", "label-invalid"),
    ] {
        let (exit, answer) = world.json(&format!("{room} {files} --at {AT}"));
        assert_eq!(
            (exit, &answer["error"]["code"]),
            (Exit::No, &json!(code)),
            "{files}"
        );
    }
    for wrong in [
        "--room r",
        "--room !r:blau.example --may-lower alice",
        "--room !r:blau.example --homeserver m.example",
        "--room !r:blau.example --homeserver https://m.example/';rm",
    ] {
        let said = world.run(&format!("room label --label label.json {wrong}"));
        assert_eq!(said.exit, Exit::Usage, "{wrong}");
    }
}

#[test]
fn a_policy_that_does_not_load_is_a_mistake_of_the_configuration() {
    let world = World::new();
    world.put("bad.xml", &BLAU.replace("</SPIF>", ""));
    world.put("twin.xml", BLAU);
    for (spif, exit) in [
        ("--spif bad.xml", Exit::Usage),
        ("--spif blau.xml --spif bad.xml", Exit::Usage),
        ("--spif blau.xml --spif twin.xml", Exit::Usage),
        ("--spif none.xml", Exit::CouldNot),
    ] {
        for command in [
            "validate label.json",
            "decide --label label.json --clearance clearance.xml",
            "combine label.json",
            "translate --to BLAU --use encrypt label.json",
        ] {
            let said = world.run(&format!("label {command} {spif}"));
            assert_eq!(said.exit, exit, "{command} {spif}");
            assert!(
                said.out.is_empty() && said.err.starts_with("sluice: "),
                "{}",
                said.err
            );
        }
    }
    let said = world.run("label validate --spif bad.xml label.json");
    assert!(said.err.contains("bad.xml: line "), "{}", said.err);
}

#[test]
fn wrong_usage_is_told_apart_from_a_no() {
    let world = World::new();
    for line in [
        "label validate --spif blau.xml --at yesterday label.json",
        "label decide --spif blau.xml --label - --clearance -",
        "label combine --spif blau.xml - -",
    ] {
        assert_eq!(world.run(line).exit, Exit::Usage, "{line}");
    }
    assert_eq!(
        world.run("label validate --spif blau.xml none.json").exit,
        Exit::CouldNot
    );
    let long = " ".repeat(1 << 20);
    for command in ["validate --spif blau.xml", "convert --to xml"] {
        let said = world.run_with(&format!("label {command} - --json"), &long);
        assert_eq!(said.exit, Exit::No);
        assert!(said.out.contains("too-large"), "{}", said.out);
    }
    let said = world.run_with(
        &format!("label validate --spif blau.xml --at {AT} -"),
        LABEL_XML,
    );
    assert_eq!(said.exit, Exit::Done, "{}", said.out);
    let (_, answer) = world.json("label validate --spif blau.xml --at yesterday label.json");
    assert_eq!(answer["ok"], false);
    assert!(
        Cli::try_parse_from(["sluice", "label", "validate", "label.json"]).is_err(),
        "no policy"
    );
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut cli = Cli::command();
    cli.build();
    for group in cli
        .get_subcommands()
        .filter(|group| group.get_name() != "help")
    {
        for command in group
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
        {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example: sluice "), "{}", command.get_name());
            assert!(help.contains("--json"), "{}", command.get_name());
        }
    }
}

#[test]
fn the_folder_of_samples_is_accepted_together() {
    let spifs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/spif");
    let files = fs::read_dir(spifs)
        .unwrap()
        .map(|file| file.unwrap().path());
    let samples: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "xml"))
        .filter(|path| fs::read_to_string(path).unwrap().contains("<SPIF"))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    assert!(samples.len() > 1);
    let (exit, answer) = World::new().json(&format!("label lint {}", samples.join(" ")));
    assert_eq!(exit, Exit::Done, "{answer}");
}

const ROOM_TYPE: &str = sluice_policy::label::ROOM_LABEL_TYPE;
