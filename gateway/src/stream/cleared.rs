//! What was cleared of a large answer: filled from [`Cleared`] alone, so that nothing gets here that was not judged and
//! durably recorded.

use std::collections::BTreeMap;

use ruma_common::CanonicalJsonObject;
use sluice_policy::json;

use super::spool::{Spool, SpoolError, Spools};
use crate::record::Cleared;
use crate::route::Shape;

/// The cleared units of one answer.
#[derive(Debug)]
pub(crate) struct ClearedSpool {
    fields: CanonicalJsonObject,
    /// Single units, by the name of their field.
    singles: BTreeMap<String, CanonicalJsonObject>,
    /// The items of each list as JSON, with commas between them.
    lists: BTreeMap<String, Spool>,
}

impl ClearedSpool {
    /// An empty one, with the lists of this shape.
    pub(crate) fn new(spools: &Spools, shape: &'static Shape) -> Self {
        let lists = shape.lists().map(|name| (name.to_owned(), spools.open()));
        Self {
            fields: CanonicalJsonObject::new(),
            singles: BTreeMap::new(),
            lists: lists.collect(),
        }
    }

    /// Takes over a part of the answer. The fields come with the last one.
    pub(super) fn add(&mut self, part: Cleared) -> Result<(), SpoolError> {
        let (fields, outcomes) = part.into_parts();
        self.fields.extend(fields);
        for outcome in outcomes {
            let Some(tree) = outcome.tree else { continue };
            let name = outcome.pattern.trim_start_matches('/');
            match self.lists.get_mut(name.trim_end_matches("/*")) {
                Some(list) => {
                    if !list.is_empty() {
                        list.write(b",")?;
                    }
                    list.write(&json::write(&tree))?;
                }
                None => drop(self.singles.insert(name.to_owned(), tree)),
            }
        }
        Ok(())
    }

    /// Gives the parts to `rebuild`.
    pub(crate) fn into_parts(
        self,
    ) -> (
        CanonicalJsonObject,
        BTreeMap<String, CanonicalJsonObject>,
        BTreeMap<String, Spool>,
    ) {
        (self.fields, self.singles, self.lists)
    }
}
