//! What `{:?}` shows of a window: counts and never a text, because an error or a log line may carry it.

use std::fmt::{Debug, Formatter, Result};

use super::{Around, Part, Seen, Window, Windows};

impl Debug for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Part")
            .field("event_id", &self.event_id)
            .field("sent_ms", &self.sent_ms)
            .field("texts", &self.texts.len())
            .field("html", &self.html.len())
            .finish()
    }
}

impl Debug for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Window")
            .field("parts", &self.parts.len())
            .finish()
    }
}

impl Debug for Windows {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Windows")
            .field("windows", &self.0.len())
            .finish()
    }
}

impl Debug for Around<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Around")
            .field("before", &self.before.len())
            .field("after", &self.after.len())
            .field("html_before", &self.html_before.len())
            .field("html_after", &self.html_after.len())
            .finish()
    }
}

impl Debug for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Seen")
            .field("bytes", &self.text.len())
            .field("pieces", &self.pieces.len())
            .finish()
    }
}
