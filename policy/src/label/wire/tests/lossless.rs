//! Property: XML to JSON to XML, and JSON to XML to JSON, is identity.

use proptest::prelude::*;

use super::*;

/// Names with whatever XML or JSON might trip over, apart from what no name may have.
fn name() -> impl Strategy<Value = String> {
    let plain = "[A-Za-z0-9<>&][A-Za-z0-9<>&\"'äöüß\u{10348}\u{a0}\\]\\[/.:-]{0,11}";
    (plain, proptest::option::of(plain)).prop_map(|(first, second)| match second {
        Some(second) => format!("{first} {second}"),
        None => first,
    })
}

fn identifier() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("urn:oid:2\\.25\\.[0-9]{1,6}")
}

fn date() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(
        "20[0-9]{2}-0[1-9]-1[0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?(Z|\\+0[0-9]:00)?",
    )
}

fn category() -> impl Strategy<Value = Category> {
    let kind = prop_oneof![
        Just(TagKind::Restrictive),
        Just(TagKind::Permissive),
        Just(TagKind::Informative)
    ];
    (
        name(),
        kind,
        identifier(),
        proptest::collection::vec(name(), 0..4),
    )
        .prop_map(|(tag_name, kind, uri, values)| Category {
            tag_name,
            kind,
            uri,
            values,
        })
}

prop_compose! {
    fn plain()(
        name in name(),
        uri in identifier(),
        classification in name(),
        categories in proptest::collection::vec(category(), 0..5),
        privacy_mark in proptest::option::of(name()),
        id in proptest::option::of("[A-Za-z_][A-Za-z0-9_.-]{0,8}"),
        originator in proptest::option::of((0..8_usize, name())),
        created in date(),
        review in date(),
    ) -> Label {
        Label {
            id,
            privacy_mark,
            originator: originator.map(|(kind, value)| OriginatorId {
                id_type: OriginatorId::TYPES[kind].to_owned(),
                value,
            }),
            created,
            review,
            // What stands twice is merged when read, so it is when made.
            ..Label::new(PolicyIdentifier { name, uri }, classification, reading::merge(categories).unwrap_or_default())
        }
    }
}

fn label() -> impl Strategy<Value = Label> {
    let role = prop_oneof![
        Just(Role::Originator),
        Just(Role::Alternative),
        Just(Role::Metadata)
    ];
    let succession = proptest::option::of(("2030-01-01T00:00:00Z", plain()));
    (role, plain(), succession).prop_map(|(role, label, succession)| Label {
        role,
        succession: succession.map(|(date, label)| Succession {
            date,
            label: Box::new(label),
        }),
        ..label
    })
}

fn read(text: &str) -> Label {
    Label::read(text.as_bytes(), Mode::Lenient).unwrap()
}

proptest! {
    #[test]
    fn xml_to_json_to_xml_is_identity(label in label()) {
        let xml = label.to_xml();
        prop_assume!(xml.len() <= MAX_LABEL_BYTES);
        let from_xml = read(&xml);
        prop_assert_eq!(&from_xml, &label);
        let json = from_xml.to_exact_json().to_string();
        let from_json = read(&json);
        prop_assert_eq!(from_json.to_xml(), xml);
        prop_assert_eq!(from_json.sha256(), label.sha256());
    }

    #[test]
    fn json_to_xml_to_json_is_identity(label in label()) {
        let json = label.to_exact_json();
        prop_assume!(label.to_xml().len() <= MAX_LABEL_BYTES);
        let through = read(&read(&json.to_string()).to_xml());
        prop_assert_eq!(through.to_exact_json(), json);
    }

    #[test]
    fn alternatives_survive_in_the_wire_form(label in plain(), alternatives in proptest::collection::vec(plain(), 0..3)) {
        let alternatives = alternatives.into_iter().map(|label| Label { role: Role::Alternative, ..label });
        let label = Label { alternatives: alternatives.collect(), ..label };
        let wire = label.to_wire().to_string();
        prop_assume!(wire.len() <= MAX_LABEL_BYTES);
        prop_assert_eq!(read(&wire), label);
    }
}
