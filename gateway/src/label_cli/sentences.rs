//! Labels in sentences, for people at a terminal.

use sluice_policy::label::{Category, Label, TagKind};

/// A label, one fact a line.
pub(super) fn label(label: &Label) -> String {
    let mut text = match &label.policy().uri {
        Some(uri) => format!("policy: {} ({uri})\n", label.policy()),
        None => format!("policy: {}\n", label.policy()),
    };
    text.push_str(&format!("classification: {}\n", label.classification()));
    for category in label.categories() {
        text.push_str(&self::category(category));
    }
    text
}

fn category(category: &Category) -> String {
    let name = &category.tag_name;
    let values = category.values.join(", ");
    match category.kind {
        TagKind::Permissive if category.values.is_empty() => {
            format!("{name}: nobody is permitted\n")
        }
        TagKind::Permissive => format!("{name}: one of {values}\n"),
        TagKind::Restrictive => format!("{name}: all of {values}\n"),
        TagKind::Informative => format!("{name}: {values}, for information\n"),
    }
}
