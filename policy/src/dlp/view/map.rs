//! The way back: which bytes of its source each part of a made text stands for.

/// A text made from another one, with the way back.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) text: String,
    pub(super) map: Map,
}

/// Parts of a made text in order, each with the bytes of the source that it stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    parts: Vec<Part>,
}

/// A part of a made text, up to the next part.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// First byte in the made text.
    at: usize,
    /// Bytes of the source; never empty.
    start: usize,
    end: usize,
    /// True where the part is these very bytes, so that each byte has its own way back.
    copied: bool,
}

impl Made {
    /// Appends the bytes `start..end` of `source` as they are.
    pub(super) fn copy(&mut self, source: &str, start: usize, end: usize) {
        let Some(text) = source.get(start..end).filter(|text| !text.is_empty()) else {
            return;
        };
        match self.map.parts.last_mut() {
            Some(last) if last.copied && last.end == start => last.end = end,
            _ => self.map.parts.push(Part {
                at: self.text.len(),
                start,
                end,
                copied: true,
            }),
        }
        self.text.push_str(text);
    }

    /// Appends a character that stands for the bytes `start..end` of the source.
    pub(super) fn put(&mut self, c: char, start: usize, end: usize) {
        let same = |last: &Part| !last.copied && (last.start, last.end) == (start, end);
        if !self.map.parts.last().is_some_and(same) {
            self.map.parts.push(Part {
                at: self.text.len(),
                start,
                end,
                copied: false,
            });
        }
        self.text.push(c);
    }

    /// The same text with the way back to what its source was made from.
    pub(super) fn onto(self, under: Option<&Map>) -> Made {
        match under {
            None => self,
            Some(under) => Made {
                map: self.map.onto(under, self.text.len()),
                text: self.text,
            },
        }
    }
}

impl Map {
    /// The bytes of the source for the bytes `start..end` of the made text, both on its character borders.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        self.original_near(start, end, &mut 0)
    }

    /// The same, where `near` is the number of the part at which the search before ended.
    fn original_near(&self, start: usize, end: usize, near: &mut usize) -> (usize, usize) {
        let first = self.part(start, near);
        let (Some(first), Some(last)) = (first, self.part(end.saturating_sub(1), near)) else {
            return (0, 0);
        };
        let from = first.from(start);
        let to = last.to(end);
        // Alternatives of one place stand behind each other, so a range may run backwards.
        if from < to {
            (from, to)
        } else {
            (first.start.min(last.start), first.end.max(last.end))
        }
    }

    /// The part in which a byte stands: mostly the one looked at last, or the next one.
    fn part(&self, at: usize, near: &mut usize) -> Option<&Part> {
        let begins = |number: usize| self.parts.get(number).is_some_and(|part| part.at <= at);
        if !begins(*near) || begins(*near + 2) {
            let after = self.parts.partition_point(|part| part.at <= at);
            *near = after.checked_sub(1)?;
        } else if begins(*near + 1) {
            *near += 1;
        }
        self.parts.get(*near)
    }

    fn onto(&self, under: &Map, length: usize) -> Map {
        let mut parts = Vec::with_capacity(self.parts.len());
        let mut near = 0;
        let ends = self.parts.iter().skip(1).map(|next| next.at);
        for (part, end) in self.parts.iter().zip(ends.chain([length])) {
            if part.copied {
                under.spread(
                    part.start,
                    part.start + (end - part.at),
                    part.at,
                    &mut parts,
                );
            } else {
                let (start, end) = under.original_near(part.start, part.end, &mut near);
                parts.push(Part {
                    start,
                    end,
                    ..*part
                });
            }
        }
        Map { parts }
    }

    /// The parts that the bytes `start..end` come from, as parts of a text in which they stand at `at`.
    fn spread(&self, start: usize, end: usize, at: usize, into: &mut Vec<Part>) {
        let first = self.parts.partition_point(|part| part.at <= start);
        let first = first.saturating_sub(1);
        for (index, part) in self.parts.iter().enumerate().skip(first) {
            if part.at >= end {
                return;
            }
            let next = self.parts.get(index + 1).map_or(end, |next| next.at);
            let (from, to) = (part.at.max(start), next.min(end));
            into.push(Part {
                at: at + (from - start),
                start: part.from(from),
                end: part.to(to),
                copied: part.copied,
            });
        }
    }
}

impl Part {
    fn from(&self, at: usize) -> usize {
        match self.copied {
            true => (self.start + (at - self.at)).min(self.end),
            false => self.start,
        }
    }

    fn to(&self, end: usize) -> usize {
        match self.copied {
            true => (self.start + (end - self.at)).min(self.end),
            false => self.end,
        }
    }
}
