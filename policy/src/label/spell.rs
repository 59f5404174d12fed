//! From places in a policy back to a label, in the policy's spelling (LB-4).

use super::{
    index::Loaded,
    name::OID_PREFIX,
    resolve::Chosen,
    spif::{TagKind, TagSet},
    wire::{Category, Label, PolicyIdentifier},
};

/// A label of the level and values in `chosen`, without dates.
pub(super) fn label(policy: &Loaded, level: usize, chosen: &Chosen<'_>) -> Label {
    let classification = policy.classifications[level].name.clone();
    Label::new(
        identifier(policy),
        classification,
        categories(policy, chosen),
    )
}

/// Name and object identifier of the policy.
pub(super) fn identifier(policy: &Loaded) -> PolicyIdentifier {
    PolicyIdentifier {
        name: policy.name.clone(),
        uri: Some(format!("{OID_PREFIX}{}", policy.oid)),
    }
}

/// One category for each set and kind that has values, in the policy's order.
pub(super) fn categories(policy: &Loaded, chosen: &Chosen<'_>) -> Vec<Category> {
    let mut categories = Vec::new();
    for (number, set) in policy.tag_sets.iter().enumerate() {
        for kind in [
            TagKind::Restrictive,
            TagKind::Permissive,
            TagKind::Informative,
        ] {
            let nobody = kind == TagKind::Permissive && chosen.nobody.contains(&number);
            // Beside "nobody" no value may stand: a reader would merge the two into a wider category.
            let values = match nobody {
                true => Vec::new(),
                false => values(policy, chosen, number, kind),
            };
            if nobody || !values.is_empty() {
                categories.push(category(set, kind, values));
            }
        }
    }
    categories
}

fn category(set: &TagSet, kind: TagKind, values: Vec<String>) -> Category {
    Category {
        tag_name: set.name.clone(),
        kind,
        uri: None,
        values,
    }
}

/// Each name once, then the texts that the author wrote.
fn values(policy: &Loaded, chosen: &Chosen<'_>, set: usize, kind: TagKind) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    let add = |list: &mut Vec<String>, text: &str| {
        if !list.iter().any(|old| old == text) {
            list.push(text.to_owned());
        }
    };
    let tags = policy.tags().iter();
    for tag in tags.filter(|tag| tag.set == set && tag.kind == kind) {
        for value in chosen.named.and(&tag.all).iter() {
            add(&mut names, &policy.value(value).name);
        }
        for text in chosen.texts_of(tag) {
            add(&mut texts, text.text.trim());
        }
    }
    names.append(&mut texts);
    names
}
