//! A policy of the size of NATO's for tests: about 1,800 lines, five levels, five tag sets, some 200 countries and
//! groups in two of them. `policy/tests/fixtures/nato-size.xml` is its text, for the benchmarks.

/// Name of the policy.
pub(super) const NAME: &str = "BIG";
/// Countries and groups in each of the two lists.
pub(super) const COUNTRIES: usize = 200;
/// The levels, in rising order.
pub(super) const LEVELS: [&str; 5] = [
    "UNCLASSIFIED",
    "RESTRICTED",
    "CONFIDENTIAL",
    "SECRET",
    "TOP SECRET",
];

/// Three letters for each country, from `CAA` on.
pub(super) fn country(index: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    format!("C{}{}", letter(index / 26), letter(index))
}

/// The text of the policy.
pub(super) fn nato_size() -> String {
    let mut xml = HEAD.to_owned();
    for (index, name) in LEVELS.iter().enumerate() {
        let rank = index + 1;
        xml.push_str(&format!(
            "    <securityClassification name=\"{name}\" lacv=\"{rank}\" hierarchy=\"{rank}\" color=\"#0000{rank:02}\">\n{}\
             \x20   </securityClassification>\n",
            phrases(&format!("BIG {name}"))
        ));
    }
    xml.push_str("  </securityClassifications>\n  <securityCategoryTagSets>\n");
    let lists = [
        ("Additional Sensitivity", "restrictive", "SENSITIVITY", 8),
        ("Releasable To", PERMISSIVE, "", COUNTRIES),
        ("Administrative", "tagType7", "MATTER", 12),
        ("Context", "permissive", "CONTEXT", 10),
        ("Only", PERMISSIVE, "", COUNTRIES),
    ];
    for (index, (name, kind, prefix, count)) in lists.into_iter().enumerate() {
        xml.push_str(&set(index + 1, name, kind, prefix, count));
    }
    xml.push_str("  </securityCategoryTagSets>\n</SPIF>\n");
    xml
}

const PERMISSIVE: &str = "enumerated\" enumType=\"permissive";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- Fictitious: a policy of the size of a large one, for tests and measurements. -->
<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" version="1"
      creationDate="20260101000000Z" originatorDN="CN=Test" keyIdentifier="00"
      privilegeId="1.3.26.0.4774.5.24.1" rbacId="1.3.26.0.4774.5.24.1">
  <securityPolicyId name="BIG" id="2.25.999900"/>
  <securityClassifications>
"#;

fn set(number: usize, name: &str, kind: &str, prefix: &str, count: usize) -> String {
    let mut xml = format!(
        "    <securityCategoryTagSet name=\"{name}\" id=\"2.25.999900.{number}\">\n\
         \x20     <securityCategoryTag name=\"{name}\" tagType=\"{kind}\">\n"
    );
    for index in 0..count {
        let value = match prefix {
            "" => country(index),
            prefix => format!("{prefix} {}", index + 1),
        };
        xml.push_str(&format!(
            "        <tagCategory name=\"{value}\" lacv=\"{}\">\n{}        </tagCategory>\n",
            index + 1,
            phrases(&value)
        ));
    }
    xml.push_str(
        r#"        <markingQualifier markingCode="pageTopBottom">
          <qualifier markingQualifier=", " qualifierCode="separator"/>
        </markingQualifier>
      </securityCategoryTag>
    </securityCategoryTagSet>
"#,
    );
    xml
}

fn phrases(text: &str) -> String {
    let phrase = |lang: &str| {
        format!(
            "          <markingData phrase=\"{text}\" xml:lang=\"{lang}\"><code>pageTopBottom</code></markingData>\n"
        )
    };
    phrase("en") + &phrase("fr")
}
