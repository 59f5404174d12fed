//! Who has how many connections: so that one neighbour, from however many addresses, leaves places to the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections by the neighbour's key. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<HashMap<String, usize>>>);

/// One connection among them, until it is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    crowd: Crowd,
    key: String,
}

impl Crowd {
    /// Lets one more in; `None` where `most` are there.
    pub(super) fn enter(&self, key: &str, most: usize) -> Option<Entered> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Entered {
            crowd: self.clone(),
            key: key.to_owned(),
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests state what must hold")]

    use super::*;

    #[test]
    fn a_neighbour_with_all_its_places_waits_until_one_is_free_and_others_do_not() {
        let crowd = Crowd::default();
        let low: Vec<_> = (0..2).map(|_| crowd.enter("low", 2).unwrap()).collect();
        assert!(crowd.enter("low", 2).is_none());
        let mid = crowd.enter("mid", 2);
        assert!(mid.is_some());
        drop(low);
        assert!(crowd.enter("low", 2).is_some());
        drop(mid);
        assert!(crowd.0.lock().unwrap().is_empty(), "nobody is left behind");
    }
}
