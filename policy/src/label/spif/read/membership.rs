//! Groups and their members, as NATO's extension of the SPIF lists them. Read only where the operator switched it on,
//! because it lets a member pass where only the group is named.

use roxmltree::Node;

use super::element::Element;
use crate::label::{
    name::Key,
    spif::{Spif, SpifError, Tag, TagKind, structure::EXTENSIONS},
};

const NAMESPACE: &str = "urn:nato:stanag:4774:spif:extensions:1:0";

/// Puts the members of every listed group into the values of the group's name, as far as they stand in the same tag.
pub(super) fn expand(root: Element<'_, '_>, spif: &mut Spif, errors: &mut Vec<SpifError>) {
    let extensions = root.children(EXTENSIONS);
    let nodes = extensions.flat_map(|element| element.node().descendants());
    let memberships: Vec<Node<'_, '_>> = nodes.filter(|node| is(node, "membership")).collect();
    for membership in memberships {
        let members: Vec<&str> = membership
            .children()
            .filter(|node| is(node, "member"))
            .filter_map(name)
            .collect();
        let group = name(membership).unwrap_or("");
        if !put(spif, &Key::of(group), &members) {
            let message =
                format!("membership {group:?} is not a permissive category; correct the name");
            root.error("unknown-reference", message, errors);
        }
    }
}

/// True where the group is known.
fn put(spif: &mut Spif, group: &Key, members: &[&str]) -> bool {
    let mut known = false;
    let tags = spif.tag_sets.iter_mut().flat_map(|set| &mut set.tags);
    for tag in tags.filter(|tag| tag.kind == TagKind::Permissive) {
        let here = spelled(tag, members);
        for value in tag.values.iter_mut().filter(|value| value.key == *group) {
            known = true;
            value.members.clone_from(&here);
        }
    }
    known
}

/// Those of `members` that are values of the tag, in the policy's spelling.
fn spelled(tag: &Tag, members: &[&str]) -> Vec<String> {
    let keys: Vec<Key> = members.iter().map(|member| Key::of(member)).collect();
    let values = tag.values.iter().filter(|value| keys.contains(&value.key));
    values.map(|value| value.name.clone()).collect()
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((NAMESPACE, name))
}

/// `name`, which is found with and without the prefix of the extension.
fn name<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let qualified = node.attribute((NAMESPACE, "name"));
    qualified.or_else(|| node.attribute("name"))
}
