#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use serde_json::{Value, json};

use super::*;
use crate::{label::Spif, test_world::fields};

/// A German-like policy with a bare restrictive category, and releases behind a prefix, separated by commas.
const XVS: &str = r##"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="1"
  creationDate="20260301120000Z" originatorDN="CN=Example" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1"
  rbacId="1.3.26.0.4774.5.24.1">
 <securityPolicyId name="XVS" id="2.25.999001">
  <markingQualifier markingCode="pageTop"><qualifier markingQualifier=" - " qualifierCode="separator"/></markingQualifier>
 </securityPolicyId>
 <securityClassifications>
  <securityClassification name="OFFEN" lacv="1" hierarchy="1" color="green"/>
  <securityClassification name="VS-NUR FÜR DEN DIENSTGEBRAUCH" lacv="2" hierarchy="2" color="#0000C0">
   <markingData phrase="VS-NfD"><code>portionMarking</code></markingData>
  </securityClassification>
  <securityClassification name="GEHEIM" lacv="4" hierarchy="4" color="#FF0000">
   <markingData phrase="Geh." xml:lang="de"><code>portionMarking</code></markingData>
  </securityClassification>
 </securityClassifications>
 <securityCategoryTagSets>
  <securityCategoryTagSet name="Sperrvermerk" id="2.25.999001.1">
   <securityCategoryTag name="Sperrvermerk" tagType="restrictive">
    <tagCategory name="KRYPTO" lacv="1"/>
    <tagCategory name="NUR DEUTSCHE" lacv="2"/>
   </securityCategoryTag>
  </securityCategoryTagSet>
  <securityCategoryTagSet name="Freigabe" id="2.25.999001.2">
   <securityCategoryTag name="Freigabe" tagType="permissive">
    <tagCategory name="DEU" lacv="276"/>
    <tagCategory name="FRA" lacv="250"/>
    <tagCategory name="POLEN" lacv="616"><markingData phrase="POL"/></tagCategory>
    <markingQualifier markingCode="portionMarking">
     <qualifier markingQualifier="REL TO " qualifierCode="prefix"/>
     <qualifier markingQualifier=", " qualifierCode="separator"/>
    </markingQualifier>
   </securityCategoryTag>
  </securityCategoryTagSet>
 </securityCategoryTagSets>
</SPIF>"##;

/// A NATO-like policy; GEHEIM is a phrase of it too, by an odd translation.
const XNATO: &str = r##"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="1"
  creationDate="20260301120000Z" originatorDN="CN=Example" keyIdentifier="00" privilegeId="1.3.26.0.4774.5.24.1"
  rbacId="1.3.26.0.4774.5.24.1">
 <securityPolicyId name="NATO" id="2.25.999002"/>
 <securityClassifications>
  <securityClassification name="RESTRICTED" lacv="2" hierarchy="2" color="blue"/>
  <securityClassification name="SECRET" lacv="4" hierarchy="4" color="red">
   <markingData phrase="GEHEIM" xml:lang="de"><code>pageTop</code></markingData>
  </securityClassification>
  <securityClassification name="TOP SECRET" lacv="5" hierarchy="5" color="yellow">
   <markingData phrase="COSMIC"><code>replacePolicy</code></markingData>
  </securityClassification>
 </securityClassifications>
</SPIF>"##;

fn spifs() -> Spifs {
    Spifs::new([XVS, XNATO].map(|xml| Spif::parse(xml).unwrap()).into()).unwrap()
}

/// What is typed in a content, where the link believes the markings of these policies.
fn typed_under(content: Value, accepted: &[&str]) -> Typed {
    let accepted: Vec<String> = accepted.iter().map(|name| (*name).to_owned()).collect();
    typed_marking(&fields(content), &spifs(), &accepted)
}

fn typed(body: &str) -> Typed {
    typed_under(json!({"msgtype": "m.text", "body": body}), &["XVS"])
}

/// Level and values of a marking, joined; the kind of anything else.
fn means(typed: &Typed) -> String {
    match typed {
        Typed::None => "none".to_owned(),
        Typed::Invalid(_) => "invalid".to_owned(),
        Typed::Marking { label } => {
            let values = label
                .categories()
                .iter()
                .flat_map(|category| category.values.clone());
            let level = label.classification().to_owned();
            std::iter::once(level)
                .chain(values)
                .collect::<Vec<_>>()
                .join("|")
        }
    }
}

const NFD: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH";

#[test]
fn a_marking_is_a_phrase_or_name_of_the_policy_in_brackets_or_before_a_colon() {
    for (text, meaning) in [
        ("[VS-NfD] Lage um 12", NFD),
        ("(VS-NfD) Lage um 12", NFD),
        ("VS-NfD: Lage um 12", NFD),
        ("[VS-NfD]Lage", NFD),
        ("  [VS-NfD] Lage", NFD),
        ("[VS-NfD]", NFD),
        ("[VS-NUR FÜR DEN DIENSTGEBRAUCH] Lage", NFD),
        ("[VS-NUR FU\u{308}R DEN DIENSTGEBRAUCH] Lage", NFD),
        ("[vs-nfd] Lage", NFD),
        ("[Geh.] Lage", "GEHEIM"),
        ("[XVS GEHEIM] Lage", "GEHEIM"),
        ("[OFFEN] Lage", "OFFEN"),
    ] {
        assert_eq!(means(&typed(text)), meaning, "{text}");
    }
}

#[test]
fn a_text_that_only_talks_of_levels_has_no_marking() {
    for text in [
        "",
        "hello bob",
        "[ok] hello",
        "(siehe oben) Lage",
        "Lage [VS-NfD]",
        "Lage: GEHEIM",
        "12:30 Treffen",
        "das ist kein geheimer Plan",
        "geheim: das sagt man so",
        "GEHEIM ist das nicht",
        "[GEHEIMNIS] Roman",
        "GEHEIMNIS: Roman",
        "[",
        "()",
        ":",
        "[Geheimnisvoll] Lage",
    ] {
        assert_eq!(means(&typed(text)), "none", "{text}");
    }
}

#[test]
fn the_label_of_a_marking_has_the_policys_spelling_and_no_dates() {
    let Typed::Marking { label } = typed("[vs-nfd] Lage") else {
        panic!("no marking");
    };
    assert_eq!(
        label.to_json(),
        json!({"PolicyIdentifier": {"name": "XVS", "uri": "urn:oid:2.25.999001"},
            "Classification": NFD, "Category": []})
    );
}

#[test]
fn categories_stand_behind_the_level_as_the_policy_shapes_them() {
    for (text, meaning) in [
        ("[GEHEIM KRYPTO] Lage", "GEHEIM|KRYPTO"),
        (
            "[GEHEIM KRYPTO NUR DEUTSCHE] Lage",
            "GEHEIM|KRYPTO|NUR DEUTSCHE",
        ),
        (
            "[GEHEIM NUR DEUTSCHE KRYPTO] Lage",
            "GEHEIM|KRYPTO|NUR DEUTSCHE",
        ),
        ("[GEHEIM - KRYPTO - REL TO DEU] Lage", "GEHEIM|KRYPTO|DEU"),
        ("[GEHEIM REL TO DEU] Lage", "GEHEIM|DEU"),
        ("[GEHEIM REL TO DEU, FRA] Lage", "GEHEIM|DEU|FRA"),
        ("[GEHEIM REL TO FRA,DEU] Lage", "GEHEIM|DEU|FRA"),
        ("[GEHEIM REL TO POL] Lage", "GEHEIM|POLEN"),
        ("[GEHEIM KRYPTO REL TO DEU] Lage", "GEHEIM|KRYPTO|DEU"),
        ("GEHEIM REL TO DEU, FRA: Lage", "GEHEIM|DEU|FRA"),
        ("(XVS GEHEIM KRYPTO) Lage", "GEHEIM|KRYPTO"),
    ] {
        assert_eq!(means(&typed(text)), meaning, "{text}");
    }
}

#[test]
fn a_bracket_that_is_not_one_whole_marking_is_invalid() {
    for text in [
        "[GEHEIM DEU] Lage",
        "[GEHEIM REL TO DEU FRA] Lage",
        "[GEHEIM REL TO] Lage",
        "[GEHEIM REL TO DEU,] Lage",
        "[GEHEIM REL TO DEU, DEU] Lage",
        "[GEHEIM KRYPTO KRYPTO] Lage",
        "[GEHEIM KRIPTO] Lage",
        "[GEHEIM bis morgen] Lage",
        "[VS-NfD, glaube ich] Lage",
        "GEHEIM KRIPTO: Lage",
        "[GEHEIM -] Lage",
        "[VS-NfD Lage",
        "[VS-NfD) Lage",
        "[VS-NfD][GEHEIM] Lage",
        "[VS-NfD] GEHEIM: Lage",
        "VS-NfD: [GEHEIM] Lage",
        "[GEHEIM\nKRYPTO] Lage",
    ] {
        assert_eq!(means(&typed(text)), "invalid", "{text}");
    }
    let long = format!("[GEHEIM{}] Lage", " ".repeat(MAX_MARKING_CHARS));
    assert_eq!(means(&typed(&long)), "invalid");
}

#[test]
fn every_spelling_trap_makes_a_marking_invalid() {
    for (trap, text) in [
        ("Cyrillic", "[G\u{415}HEIM] Lage"),
        ("Cyrillic before a colon", "G\u{415}HEIM: Lage"),
        ("Cyrillic, small", "[g\u{435}heim] Lage"),
        ("Greek", "[\u{39f}FFEN] Lage"),
        ("zero-width space", "[G\u{200b}EHEIM] Lage"),
        ("zero-width space before it", "\u{200b}[GEHEIM] Lage"),
        ("zero-width space behind it", "[GEHEIM\u{200b}KRYPTO] Lage"),
        ("soft hyphen", "[GE\u{ad}HEIM] Lage"),
        ("byte order mark", "\u{feff}GEHEIM: Lage"),
        (
            "fullwidth",
            "[\u{ff27}\u{ff25}\u{ff28}\u{ff25}\u{ff29}\u{ff2d}] Lage",
        ),
        (
            "math bold",
            "[\u{1d406}\u{1d404}\u{1d407}\u{1d404}\u{1d408}\u{1d40c}] Lage",
        ),
        ("non-breaking hyphen", "[VS\u{2011}NfD] Lage"),
        ("minus", "VS\u{2212}NfD: Lage"),
        ("thin space", "[GEHEIM\u{2009}KRYPTO] Lage"),
        (
            "no-break space",
            "[VS-NUR\u{a0}FÜR DEN DIENSTGEBRAUCH] Lage",
        ),
        ("no-break space before it", "\u{a0}[GEHEIM] Lage"),
        ("two spaces", "[VS-NUR  FÜR DEN DIENSTGEBRAUCH] Lage"),
        ("right-to-left override", "[\u{202e}GEHEIM] Lage"),
        ("tag characters", "[GEHEIM\u{e0041}] Lage"),
        ("fullwidth brackets", "\u{ff3b}GEHEIM\u{ff3d} Lage"),
        ("one fullwidth bracket", "[GEHEIM\u{ff3d} Lage"),
        ("fullwidth colon", "VS-NfD\u{ff1a} Lage"),
        ("ratio for a colon", "VS-NfD\u{2236} Lage"),
        ("long s", "[V\u{17f}-NfD] Lage"),
    ] {
        assert_eq!(means(&typed(text)), "invalid", "{trap}");
    }
}

#[test]
fn only_policies_that_the_link_names_are_believed() {
    let body = |text: &str| json!({"body": text});
    assert_eq!(means(&typed_under(body("[VS-NfD] x"), &[])), "none");
    assert_eq!(means(&typed_under(body("[VS-NfD] x"), &["NATO"])), "none");
    assert_eq!(
        means(&typed_under(body("[VS-NfD] x"), &["2.25.999001"])),
        NFD
    );
    let nato = |text: &str| means(&typed_under(body(text), &["NATO"]));
    assert_eq!(nato("(NATO RESTRICTED) x"), "RESTRICTED");
    assert_eq!(nato("COSMIC TOP SECRET: x"), "TOP SECRET");
    assert_eq!(nato("[COSMIC] x"), "none");
}

#[test]
fn a_phrase_that_two_policies_read_differently_is_invalid() {
    let both = |text: &str| means(&typed_under(json!({"body": text}), &["XVS", "NATO"]));
    assert_eq!(both("[GEHEIM] x"), "invalid");
    assert_eq!(both("[XVS GEHEIM] x"), "GEHEIM");
    assert_eq!(both("[NATO GEHEIM] x"), "SECRET");
}

#[test]
fn plain_text_and_html_must_agree() {
    let both = |body: &str, html: &str| {
        means(&typed_under(
            json!({"body": body, "format": "org.matrix.custom.html", "formatted_body": html}),
            &["XVS"],
        ))
    };
    for html in [
        "[VS-NfD] <b>Lage</b>",
        "<p>[VS-NfD] Lage</p>\n<p>um 12</p>",
        "<strong>[VS-NfD]</strong> Lage",
        "<b>[VS</b>-<i>NfD]</i> Lage",
        "&#91;VS&#x2d;NfD&rbrack; Lage",
        "<span title=\">\">[VS-NfD]</span> Lage",
        "<p>\n  [VS-NfD] Lage",
        "<div><div>[VS-NfD]</div>Lage</div>",
    ] {
        assert_eq!(both("[VS-NfD] Lage", html), NFD, "{html}");
    }
    for html in [
        "Lage",
        "",
        "[OFFEN] Lage",
        "[GE&shy;HEIM] Lage",
        "[VS-N<br>fD] Lage",
        "&ZeroWidthSpace;[VS-NfD] Lage",
        "&nbsp;[VS-NfD] Lage",
    ] {
        assert_eq!(both("[VS-NfD] Lage", html), "invalid", "{html}");
    }
    assert_eq!(both("Lage", "[VS-NfD] Lage"), "invalid");
    assert_eq!(both("Lage", "<b>Lage</b>"), "none");
    assert_eq!(both("1 < 2 & so", "1 &lt; 2 &amp; so"), "none");
    let alone = json!({"formatted_body": "[VS-NfD] Lage"});
    assert_eq!(means(&typed_under(alone, &["XVS"])), "invalid");
}

#[test]
fn an_entity_is_what_browsers_show_also_without_its_semicolon() {
    let both = |body: &str, html: &str| {
        means(&typed_under(
            json!({"body": body, "formatted_body": html}),
            &["XVS"],
        ))
    };
    for html in [
        "&#91VS-NfD&#93 Lage",
        "&#x5bVS&#x2dNfD&#x5D Lage",
        "&#0000000000000000000000000000000000000091;VS-NfD] Lage",
        "&lsqb;VS-NfD&rsqb; Lage",
        "[VS-NfD&#93;&nbspLage",
    ] {
        assert_eq!(both("[VS-NfD] Lage", html), NFD, "{html}");
        // What readers of the HTML see is a marking, and the gateway may not overlook it for another text's sake.
        assert_eq!(both("Lage", html), "invalid", "{html}");
    }
    let spelled = "[VS-NUR F&UumlR DEN DIENSTGEBRAUCH] Lage";
    assert_eq!(
        both("[VS-NUR FÜR DEN DIENSTGEBRAUCH] Lage", spelled),
        NFD,
        "an old name before a letter"
    );
    for html in [
        "[VS&#150;NfD] Lage",
        "[VS&#150NfD] Lage",
        "&shy[VS-NfD] Lage",
        "&ZeroWidthSpace;[VS-NfD] Lage",
        "[GE&NoBreak;HEIM] Lage",
    ] {
        assert_eq!(both("Lage", html), "invalid", "{html}: it looks like one");
    }
    for (body, html) in [
        ("1 < 2 & so", "1 &lt 2 &amp so"),
        ("a&b; c", "a&ampb; c"),
        ("AT&T: 3", "AT&T: 3"),
        ("R&#D", "R&#D"),
        ("& x", "&#0; x"),
        ("?", "&#99999999999;"),
    ] {
        assert_eq!(both(body, html), "none", "{html}");
    }
}

#[test]
fn markup_that_clients_take_apart_differently_makes_a_marking_behind_it_invalid() {
    let html = |html: &str, body: &str| {
        means(&typed_under(
            json!({"body": body, "formatted_body": html}),
            &["XVS"],
        ))
    };
    for hidden in [
        "<!-->[GEHEIM]<!-- -->[VS-NfD] Lage",
        "<!--->[GEHEIM]<!-- -->[VS-NfD] Lage",
        "<!-- x --!>[GEHEIM]<!-- -->[VS-NfD] Lage",
        "<!-- x -->[VS-NfD] Lage",
        "<!-- [GEHEIM] -->[VS-NfD] Lage",
        "[VS-<!-- x -->NfD] Lage",
        "VS-<!-- x -->NfD: Lage",
        "VS-NfD<!-- x -->: Lage",
        "[VS-NfD]<!-->[GEHEIM]<!-- --> Lage",
        "<p><!doctype html>[VS-NfD] Lage</p>",
        "<?x ?>[VS-NfD] Lage",
        "</ x>[VS-NfD] Lage",
        "</>[VS-NfD] Lage",
        "<![CDATA[>[GEHEIM]]]>[VS-NfD] Lage",
        "<i x'>[GEHEIM] <i y'>[VS-NfD] Lage",
        "<i x=y'>[GEHEIM] <i z='>[VS-NfD] Lage",
        "<i <b>[VS-NfD] Lage",
        "<mx-reply><!--</mx-reply>[VS-NfD] --></mx-reply>[GEHEIM] Lage",
        "<mx-reply><i title='</mx-reply>[VS-NfD]'></mx-reply>[GEHEIM] Lage",
    ] {
        assert_eq!(html(hidden, "[VS-NfD] Lage"), "invalid", "{hidden}");
    }
    for plain in [
        "[VS-NfD] Lage <!-- x --> um 12",
        "<p class=a id=\"b>\" data-x = 'c' hidden/>[VS-NfD] Lage</p>",
        "<br/><a href=https://example.org/x>[VS-NfD]</a> Lage </3 um 12",
    ] {
        assert_eq!(html(plain, "[VS-NfD] Lage"), NFD, "{plain}");
    }
    for unmarked in [
        "hello <!-- x --> bob",
        "[ok <!-- x -->] hello",
        "I &lt;3 </3 you: bob",
    ] {
        assert_eq!(html(unmarked, "hello bob"), "none", "{unmarked}");
    }
}

#[test]
fn the_phrases_of_a_policy_are_folded_once_and_no_event_makes_much_work() {
    let spifs = spifs();
    let read = |content| {
        let typed = typed_marking(
            &fields(content),
            &spifs,
            &["XVS".to_owned(), "NATO".to_owned()],
        );
        (means(&typed), fold::work::done())
    };
    let part = |text: &str| json!({"body": text});
    let texts = |text: &str, count: usize| json!({"m.text": vec![part(text); count]});
    let (_, (first, _)) = read(json!({"body": "[VS-NfD] Lage"}));
    assert!(first > 10, "each spelling of each level once: {first}");

    let (meaning, (readings, _)) = read(texts("[VS-NfD] [x] Lage", text::MAX_TEXTS));
    assert_eq!((meaning.as_str(), readings), (NFD, 2 * text::MAX_TEXTS));
    for count in [text::MAX_TEXTS + 1, 5000] {
        let (meaning, (readings, _)) = read(texts("[VS-NfD] Lage", count));
        assert_eq!((meaning.as_str(), readings), ("invalid", 0), "{count}");
    }
    let edit = json!({"body": "* [VS-NfD] Lage", "m.new_content": texts("[VS-NfD] Lage", text::MAX_TEXTS)});
    assert_eq!(
        read(edit).0,
        "invalid",
        "outer and new texts count together"
    );

    for long in ["[", "[\u{212b}", "\u{212b}:", "<b>"] {
        let body = long.repeat(60_000 / long.len());
        let (_, (readings, chars)) = read(json!({"body": body, "formatted_body": body}));
        assert!(
            readings <= 4 && chars <= 4 * MAX_MARKING_CHARS,
            "{long}: {readings}, {chars}"
        );
    }
}

#[test]
fn a_marking_that_could_be_read_in_too_many_ways_is_invalid() {
    let values: String = (0..300)
        .map(|lacv| format!(r#"<tagCategory name="{lacv}" lacv="{lacv}"><markingData phrase="A"/></tagCategory>"#))
        .collect();
    let many = XVS.replace(
        "    <tagCategory name=\"KRYPTO\" lacv=\"1\"/>",
        &values.replace("lacv=\"2\"", "lacv=\"9999\""),
    );
    let spifs = Spifs::new(vec![Spif::parse(&many).unwrap()]).unwrap();
    for text in [
        "[GEHEIM A]",
        "[GEHEIM A A]",
        "[GEHEIM A A A A A A A A A A A A B]",
    ] {
        let typed = typed_marking(&fields(json!({"body": text})), &spifs, &["XVS".to_owned()]);
        assert_eq!(means(&typed), "invalid", "{text}");
    }
}

#[test]
fn an_edit_is_marked_by_its_new_content() {
    let edit = |body: &str, new: Value| {
        means(&typed_under(
            json!({"body": body, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}),
            &["XVS"],
        ))
    };
    assert_eq!(
        edit("* [VS-NfD] Lage", json!({"body": "[VS-NfD] Lage"})),
        NFD
    );
    assert_eq!(edit("* edited", json!({"body": "[VS-NfD] Lage"})), NFD);
    assert_eq!(edit("* Lage", json!({"body": "Lage"})), "none");
    assert_eq!(
        edit("* [GEHEIM] Lage", json!({"body": "[VS-NfD] Lage"})),
        "invalid"
    );
    assert_eq!(edit("* [GEHEIM] Lage", json!({"body": "Lage"})), "invalid");
    assert_eq!(
        edit("* Lage", json!({"body": "[G\u{415}HEIM] Lage"})),
        "invalid"
    );
    let html = json!({"body": "[VS-NfD] Lage", "formatted_body": "<b>Lage</b>"});
    assert_eq!(edit("* Lage", html), "invalid");
    let bare = json!({"body": "* [VS-NfD] Lage", "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}});
    assert_eq!(means(&typed_under(bare, &["XVS"])), NFD);
    assert_eq!(means(&typed("* [VS-NfD] Punkt einer Liste")), "none");
}

#[test]
fn what_a_reply_quotes_is_not_its_marking() {
    let reply = |body: &str, html: &str| {
        means(&typed_under(
            json!({"body": body, "formatted_body": html}),
            &["XVS"],
        ))
    };
    let quote = "> <@bob:low.test> [GEHEIM] Lage?\n> GEHEIM: mehr\n\n";
    let mx = "<mx-reply><blockquote>[GEHEIM] Lage?</blockquote></mx-reply>";
    assert_eq!(reply(&format!("{quote}ja"), &format!("{mx}ja")), "none");
    let marked = reply(&format!("{quote}[VS-NfD] ja"), &format!("{mx}[VS-NfD] ja"));
    assert_eq!(marked, NFD);
    let emote = typed("> * <@bob:low.test> winkt\n\n[VS-NfD] ja");
    assert_eq!(means(&emote), NFD);
    assert_eq!(means(&typed("> <@bob:low.test> [GEHEIM]")), "none");
}

#[test]
fn captions_and_poll_questions_are_texts_too() {
    for content in [
        json!({"msgtype": "m.image", "body": "[VS-NfD] Karte", "filename": "karte.png"}),
        json!({"msgtype": "m.notice", "body": "VS-NfD: Karte"}),
        json!({"msgtype": "m.emote", "body": "(VS-NfD) zeigt die Karte"}),
        json!({"m.poll": {"question": {"m.text": [{"body": "[VS-NfD] Wann?"}]}}, "m.text": [{"body": "[VS-NfD] Wann?\n1. heute"}]}),
        json!({"org.matrix.msc3381.poll.start": {"question": {"org.matrix.msc1767.text": "[VS-NfD] Wann?", "body": "[VS-NfD] Wann?"}}}),
        json!({"m.text": [{"body": "<b>[VS-NfD]</b> Karte", "mimetype": "text/html"}, {"body": "[VS-NfD] Karte"}]}),
    ] {
        assert_eq!(
            means(&typed_under(content.clone(), &["XVS"])),
            NFD,
            "{content}"
        );
    }
    let split = json!({"m.poll": {"question": {"m.text": [{"body": "Wann?"}]}}, "m.text": [{"body": "[VS-NfD] Wann?"}]});
    assert_eq!(means(&typed_under(split, &["XVS"])), "invalid");
    let odd = json!({"body": 7, "formatted_body": null, "m.new_content": "x", "m.text": {"body": "[VS-NfD]"}, "m.poll": []});
    assert_eq!(means(&typed_under(odd, &["XVS"])), "none");
}

#[test]
fn ugly_texts_are_read_to_their_end() {
    for text in [
        "[\u{fdfa}\u{fdfa}\u{fdfa}",
        "&#x110000;&#xd800;&#;&;&#x;&nosuch;",
        "<<<<a<b<!--<!--",
        "<a href='",
        "</",
        "<mx-reply>",
        ">\n>\n>",
        "[GEHEIM KRYPTO KRYPTO KRYPTO KRYPTO KRYPTO KRYPTO KRYPTO KRYPTO",
        "\u{1f469}\u{200d}\u{1f469}: x",
        "[\u{0}]",
        "\u{202e}\u{2066}:",
    ] {
        let content = json!({"body": text, "formatted_body": text, "m.text": text, "m.new_content": {"body": text}});
        let _ = typed_under(content, &["XVS", "NATO"]);
    }
    assert_eq!(means(&typed(&"[".repeat(100_000))), "none");
    assert_eq!(
        means(&typed(&format!("{}GEHEIM: x", "> <@a:b>\n".repeat(10_000)))),
        "GEHEIM"
    );
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn char(&mut self) -> char {
        let limit = [0x80, 0x600, 0x1_0000, 0x11_0000][self.below(4)];
        char::from_u32(u32::try_from(self.below(limit)).unwrap()).unwrap_or('x')
    }

    fn text(&mut self) -> String {
        let parts = [
            "[", "]", "(", ")", ":", "GEHEIM", "VS-NfD", " ", "\u{200b}", "<b>", "&#", ";", "* ",
            "> <@", "\n",
        ];
        let mut text = String::new();
        for _ in 0..self.below(12) {
            if self.below(2) == 0 {
                text.push_str(parts[self.below(parts.len())]);
            } else {
                text.push(self.char());
            }
        }
        text
    }
}

#[test]
fn any_text_gets_an_answer() {
    let mut dice = Dice(4);
    let spifs = spifs();
    let accepted = ["XVS", "NATO"].map(str::to_owned);
    for _ in 0..4000 {
        let content = json!({"body": dice.text(), "formatted_body": dice.text(), "m.new_content": {"body": dice.text()}});
        let _ = typed_marking(&fields(content), &spifs, &accepted);
    }
}

#[test]
fn one_foreign_character_never_gives_a_marking() {
    let mut dice = Dice(7);
    let spifs = spifs();
    let accepted = ["XVS".to_owned()];
    for _ in 0..4000 {
        let mut chars: Vec<char> = "GEHEIM".chars().collect();
        let place = dice.below(chars.len());
        chars[place] = dice.char();
        let ascii = chars[place].is_ascii();
        let text = format!("[{}] Lage", chars.into_iter().collect::<String>());
        let typed = typed_marking(&fields(json!({"body": text})), &spifs, &accepted);
        assert!(ascii || !matches!(typed, Typed::Marking { .. }), "{text:?}");
    }
}
