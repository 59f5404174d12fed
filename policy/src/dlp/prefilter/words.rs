//! Which of very many words stand in a text, at a price that hardly depends on how many there are.
//!
//! Of every word four bytes are chosen that are rare in ordinary text, and marked in a bit map. The search slides over
//! the text with one look into the map at each byte, and one into another for words of two or three bytes; only where all
//! bits of a mark are set is a word compared. (An automaton over all words does the same with one step a byte, but its steps
//! wait for each other and leave the cache as it grows.)
//! Case is ignored, in all of Unicode, unless the word is exact.

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a word that are marked, at most.
const LONG: usize = 4;
/// Words of 64 bits of a map: 32 KiB, which stay in the nearest cache, and in which one in 200 places seems marked where
/// 20,000 grams are.
const LONG_MAP: usize = 1 << 12;
/// The same for grams of three bytes; a word of two bytes marks all that begin with it.
const SHORT_MAP: usize = 1 << 10;
/// Bytes of a text that are folded at once.
const BLOCK: usize = 256;
/// Bytes that are looked at before any is compared.
const STRIDE: usize = 8;
/// Letters outside ASCII of which every case is spelled out, at most.
const MAX_ODD_LETTERS: usize = 5;

/// A word to be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dlp) struct Word {
    /// In lower case unless exact.
    pub(in crate::dlp) text: String,
    pub(in crate::dlp) exact: bool,
}

/// All words.
#[derive(Clone, Debug, Default)]
pub(in crate::dlp) struct Words {
    list: Vec<Word>,
    ids: BTreeMap<Word, u32>,
    long: Grams,
    long_map: Map<LONG_MAP>,
    /// Of words of three bytes, and of two.
    three: Grams,
    two: Grams,
    short_map: Map<SHORT_MAP>,
    single: Vec<(u8, u32)>,
}

/// Where words of one gram length are marked.
#[derive(Clone, Debug, Default)]
struct Grams {
    /// Open addressing over `entries`; a slot without entries is free.
    slots: Vec<Slot>,
    entries: Vec<Entry>,
}

/// A mark in one word for each of many grams; a bit may belong to several.
#[derive(Clone, Debug)]
struct Map<const WORDS: usize>(Box<[u64; WORDS]>);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    gram: u32,
    from: u32,
    to: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    word: u32,
    /// Where in the word its gram begins, in bytes.
    offset: u32,
}

impl Word {
    pub(in crate::dlp) fn ignoring_case(text: &str) -> Word {
        Word {
            text: text.to_lowercase(),
            exact: false,
        }
    }

    /// The byte after the word, where `text` has it with its `offset` at `at`.
    fn stands_at(&self, text: &str, at: usize, offset: usize) -> bool {
        let Some(from) = at.checked_sub(offset) else {
            return !self.text.is_ascii() && self.spelled_around(text, at, offset);
        };
        let bytes = text.as_bytes().get(from..from + self.text.len());
        let same = bytes.is_some_and(|bytes| bytes.eq_ignore_ascii_case(self.text.as_bytes()));
        if self.exact {
            return same && bytes == Some(self.text.as_bytes());
        }
        same || (!self.text.is_ascii() && self.spelled_around(text, at, offset))
    }

    /// The same in all of Unicode, where upper and lower case need not be of one length.
    fn spelled_around(&self, text: &str, at: usize, offset: usize) -> bool {
        let (Some((before, after)), Some((head, tail))) = (
            text.split_at_checked(at),
            self.text.split_at_checked(offset),
        ) else {
            return false;
        };
        let mut forth = after.chars().flat_map(char::to_lowercase);
        let mut back = before.chars().rev().flat_map(|c| c.to_lowercase().rev());
        tail.chars().all(|c| forth.next() == Some(c))
            && head.chars().rev().all(|c| back.next() == Some(c))
    }
}

impl Words {
    /// The number of a word; each stands once.
    pub(super) fn add(&mut self, word: Word) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(word.clone()).or_insert(next);
        if id == next {
            self.list.push(word);
        }
        id
    }

    /// Builds the maps; words that are added later are not found.
    pub(super) fn build(&mut self) {
        let mut chosen: [BTreeMap<u32, Vec<Entry>>; 3] = Default::default();
        for (id, word) in (0..).zip(&self.list) {
            if let [byte] = word.text.as_bytes() {
                self.single.push((byte.to_ascii_lowercase(), id));
                continue;
            }
            let Some((offset, grams)) = rarest(&word.text, &chosen[2]) else {
                continue;
            };
            for gram in grams {
                let lists = &mut chosen[gram.len().clamp(2, LONG) - 2];
                let entry = Entry { word: id, offset };
                lists.entry(number(&gram)).or_default().push(entry);
            }
        }
        let [two, three, long] = chosen;
        long.keys().for_each(|gram| self.long_map.set(*gram));
        three.keys().for_each(|gram| self.short_map.set(*gram));
        for pair in two.keys() {
            (0..=0xff).for_each(|next| self.short_map.set(pair | next << 16));
        }
        self.long = Grams::new(long);
        self.three = Grams::new(three);
        self.two = Grams::new(two);
    }

    /// Calls `hit` with the number of each word in `text`, as often as it stands there; returns how many words were
    /// compared.
    pub(super) fn find(&self, text: &str, hit: &mut impl FnMut(u32)) -> usize {
        let bytes = text.as_bytes();
        for (byte, word) in &self.single {
            let upper = byte.to_ascii_uppercase();
            if has_byte(bytes, *byte) || (upper != *byte && has_byte(bytes, upper)) {
                hit(*word);
            }
        }
        if self.two.entries.is_empty() && self.three.entries.is_empty() {
            self.slide::<false>(text, hit)
        } else {
            self.slide::<true>(text, hit)
        }
    }

    fn slide<const WITH_SHORT: bool>(&self, text: &str, hit: &mut impl FnMut(u32)) -> usize {
        let mut compared = 0;
        let bytes = text.as_bytes();
        // The bytes behind a block begin the next one; behind the last there are none.
        let mut block = [0_u8; BLOCK + LONG];
        for from in (0..bytes.len()).step_by(BLOCK) {
            let part = &bytes[from..bytes.len().min(from + block.len())];
            block[part.len()..].fill(0);
            block
                .iter_mut()
                .zip(part)
                .for_each(|(folded, byte)| *folded = byte.to_ascii_lowercase());
            for start in (0..part.len().min(BLOCK)).step_by(STRIDE) {
                let mut marks = self.marks::<WITH_SHORT>(&block[start..][..STRIDE + LONG]);
                while marks != 0 {
                    let at = start + marks.trailing_zeros() as usize;
                    compared +=
                        self.compare_all::<WITH_SHORT>(gram(&block[at..]), text, from + at, hit);
                    marks &= marks - 1;
                }
            }
        }
        compared
    }

    /// The places of these that seem marked, a bit each.
    #[inline]
    fn marks<const WITH_SHORT: bool>(&self, bytes: &[u8]) -> u32 {
        let mut marks = 0;
        for (at, four) in bytes.windows(LONG).take(STRIDE).enumerate() {
            let gram = gram(four);
            let short = WITH_SHORT && self.short_map.has(gram & 0xff_ffff);
            marks |= u32::from(self.long_map.has(gram) || short) << at;
        }
        marks
    }

    #[inline(never)]
    fn compare_all<const WITH_SHORT: bool>(
        &self,
        gram: u32,
        text: &str,
        at: usize,
        hit: &mut impl FnMut(u32),
    ) -> usize {
        let mut compared = self.compare(&self.long, gram, text, at, hit);
        if WITH_SHORT {
            compared += self.compare(&self.three, gram & 0xff_ffff, text, at, hit);
            compared += self.compare(&self.two, gram & 0xffff, text, at, hit);
        }
        compared
    }

    fn compare(
        &self,
        grams: &Grams,
        gram: u32,
        text: &str,
        at: usize,
        hit: &mut impl FnMut(u32),
    ) -> usize {
        let entries = grams.get(gram);
        for entry in entries {
            let word = self.list.get(entry.word as usize);
            if word.is_some_and(|word| word.stands_at(text, at, entry.offset as usize)) {
                hit(entry.word);
            }
        }
        1 + entries.len()
    }
}

impl Grams {
    fn new(lists: BTreeMap<u32, Vec<Entry>>) -> Grams {
        let mut grams = Grams {
            slots: vec![Slot::default(); (lists.len() * 2 + 1).next_power_of_two()],
            entries: Vec::new(),
        };
        for (gram, list) in lists {
            grams.put(gram, &list);
        }
        grams
    }

    fn put(&mut self, gram: u32, list: &[Entry]) {
        let from = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.extend(list);
        let to = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let mut at = self.first(gram);
        while self.slots[at].to > 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { gram, from, to };
    }

    fn first(&self, gram: u32) -> usize {
        // The upper bits of the hash, which depend on all bytes.
        let scaled = u64::from(hash(gram)) * self.slots.len() as u64;
        (scaled >> u32::BITS) as usize
    }

    fn get(&self, gram: u32) -> &[Entry] {
        let mut at = self.first(gram);
        loop {
            match self.slots.get(at) {
                Some(slot) if slot.to > 0 && slot.gram == gram => {
                    return &self.entries[slot.from as usize..slot.to as usize];
                }
                Some(slot) if slot.to > 0 => at = (at + 1) & (self.slots.len() - 1),
                _ => return &[],
            }
        }
    }
}

impl<const WORDS: usize> Default for Map<WORDS> {
    fn default() -> Self {
        Map(Box::new([0; WORDS]))
    }
}

impl<const WORDS: usize> Map<WORDS> {
    /// The word of a gram, and its mark in it.
    #[inline]
    fn place(gram: u32) -> (usize, u64) {
        let hash = hash(gram);
        let word = hash >> (u32::BITS - WORDS.ilog2());
        (word as usize, MARKS[(hash >> 12 & 0xff) as usize])
    }

    fn set(&mut self, gram: u32) {
        let (word, mark) = Self::place(gram);
        self.0[word] |= mark;
    }

    #[inline]
    fn has(&self, gram: u32) -> bool {
        let (word, mark) = Self::place(gram);
        self.0[word] & mark == mark
    }
}

/// Marks of four bits or a few less, which follow from nothing.
static MARKS: [u64; 256] = {
    let mut marks = [0; 256];
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut at = 0;
    while at < marks.len() * 4 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        marks[at / 4] |= 1 << (state >> 40 & 63);
        at += 1;
    }
    marks
};

fn has_byte(bytes: &[u8], byte: u8) -> bool {
    let in_part = |part: &[u8]| part.iter().fold(false, |any, other| any | (*other == byte));
    bytes.chunks(BLOCK).any(in_part)
}

/// The first four bytes as a number.
#[inline]
fn gram(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |four| u32::from_le_bytes(*four))
}

/// Spreads a gram over 32 bits, the upper ones best.
#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

/// The number of a gram of up to four bytes, as [`gram`] reads it.
fn number(gram: &[u8]) -> u32 {
    let fold = |number, byte: &u8| (number << 8) | u32::from(byte.to_ascii_lowercase());
    gram.iter().rev().fold(0, fold)
}

/// The place in a word whose bytes are rarest and least taken, and its bytes in every case.
fn rarest(word: &str, taken: &BTreeMap<u32, Vec<Entry>>) -> Option<(u32, BTreeSet<Vec<u8>>)> {
    let places = word
        .char_indices()
        .map(|(offset, _)| (offset, grams(&word[offset..])));
    let weight = |grams: &BTreeSet<Vec<u8>>| -> usize {
        let one = |gram: &Vec<u8>| {
            let common: usize = gram.iter().map(|byte| commonness(*byte)).sum();
            common + 4 * taken.get(&number(gram)).map_or(0, Vec::len)
        };
        grams.iter().map(one).sum()
    };
    let places: Vec<_> = places.collect();
    let length = |grams: &BTreeSet<Vec<u8>>| grams.first().map_or(0, Vec::len);
    // A shorter one is left at the end of the word only.
    let longest = places.iter().map(|(_, grams)| length(grams)).max()?;
    let full = places
        .into_iter()
        .filter(|(_, grams)| length(grams) == longest);
    let (offset, grams) = full.min_by_key(|(_, grams)| weight(grams))?;
    Some((u32::try_from(offset).ok()?, grams))
}

/// The first bytes of `text`, in lower and upper case where that is not only a matter of ASCII.
fn grams(text: &str) -> BTreeSet<Vec<u8>> {
    let mut all: BTreeSet<Vec<u8>> = BTreeSet::from([Vec::new()]);
    for c in text.chars().take(LONG) {
        let longer = |start: &Vec<u8>| -> Vec<Vec<u8>> {
            cases(c)
                .into_iter()
                .map(|case| [start.as_slice(), case.as_bytes()].concat())
                .collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    let least = all.iter().map(Vec::len).min().unwrap_or(0);
    let length = least.min(LONG);
    all.into_iter()
        .map(|gram| gram[..length].to_vec())
        .collect()
}

/// A word in every spelling that differs in letters outside ASCII, whose case a search in ASCII does not ignore; only
/// the two pure ones where there would be too many.
pub(in crate::dlp) fn spellings(word: &str) -> Vec<String> {
    let odd = word.chars().filter(|c| !c.is_ascii()).count();
    if odd > MAX_ODD_LETTERS {
        return vec![word.to_lowercase(), word.to_uppercase()];
    }
    let mut all = vec![String::new()];
    for c in word.chars() {
        let cases = cases(c);
        let longer = |start: &String| {
            cases
                .iter()
                .map(move |case| format!("{start}{case}"))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Every spelling of a letter that lower-cases to the same; ASCII has one, as the search folds it.
fn cases(c: char) -> BTreeSet<String> {
    if c.is_ascii() {
        return BTreeSet::from([c.to_ascii_lowercase().to_string()]);
    }
    let mut upper = c.to_uppercase();
    let single = upper.len() == 1;
    let upper = upper.next().filter(|_| single);
    [Some(c), upper]
        .into_iter()
        .flatten()
        .map(String::from)
        .collect()
}

/// How often a byte stands in ordinary German and English, from 0.
fn commonness(byte: u8) -> usize {
    match byte.to_ascii_lowercase() {
        b'e' | b' ' | b'n' => 12,
        b'i' | b's' | b'r' | b'a' | b't' => 9,
        b'd' | b'h' | b'u' | b'l' | b'o' => 7,
        b'c' | b'g' | b'm' => 5,
        b'b' | b'f' | b'w' | b'k' | b'z' | b'p' | b'v' | b'y' => 3,
        b'.' | b',' | b'0'..=b'9' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[Word], text: &str) -> Vec<usize> {
        let mut all = Words::default();
        words.iter().for_each(|word| {
            all.add(word.clone());
        });
        all.build();
        let mut hits = BTreeSet::new();
        all.find(text, &mut |word| {
            hits.insert(word as usize);
        });
        hits.into_iter().collect()
    }

    fn is_found(word: &str, text: &str) -> bool {
        !found(&[Word::ignoring_case(word)], text).is_empty()
    }

    #[test]
    fn words_are_found_in_any_case_and_any_length() {
        for (word, text) in [
            ("@", "a@b"),
            ("x", "aXb"),
            ("vs", "VS"),
            ("pin", "die PIN ist"),
            ("geheim", "STRENGGEHEIMES"),
            ("überweis", "Bitte ÜBERWEISEN"),
            ("größe", "GRÖßE"),
            ("секрет", "СЕКРЕТНО"),
            ("ü", "Ü"),
            ("straße", "Straße"),
            ("äöüß", "ÄÖÜß"),
            ("ab", "aab"),
            ("aaaa", "aaaa"),
        ] {
            assert!(is_found(word, text), "{word} in {text}");
        }
        for (word, text) in [
            ("vs", "v s"),
            ("geheim", "gehei"),
            ("überweis", "uberweis"),
            ("секрет", "секре"),
            ("abcdefgh", "xbcdefgh"),
            ("abcdefgh", "bcdefgh"),
        ] {
            assert!(!is_found(word, text), "{word} in {text}");
        }
    }

    #[test]
    fn an_exact_word_is_found_in_its_own_case_only() {
        let exact = |text: &str| Word {
            text: text.to_owned(),
            exact: true,
        };
        assert!(found(&[exact("GEHEIM")], "geheim").is_empty());
        assert_eq!(found(&[exact("GEHEIM")], "das ist GEHEIM"), [0]);
        assert_eq!(found(&[exact("GRÖSSE"), exact("Größe")], "GRÖSSE"), [0]);
    }

    #[test]
    fn every_word_of_many_is_found_among_all_others() {
        let words: Vec<Word> = (0..3000)
            .map(|n| Word::ignoring_case(&format!("k{n:x}y")))
            .collect();
        for (number, word) in words.iter().enumerate().step_by(7) {
            let hits = found(&words[number..number + 1], &format!("..{}..", word.text));
            assert_eq!(hits, [0], "{}", word.text);
        }
        let text: String = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(found(&words, &text).len(), words.len());
    }
}
