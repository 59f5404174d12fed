//! Refusals before authentication: counted in a bounded table, one line a source and minute.
//!
//! Whoever cannot authenticate must not be able to fill the disk. So a stranger's refusal is a number in a table of
//! [`SOURCES`] rows; every further source of the same minute is counted under `other`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::chain::rfc3339;
use super::entry::{Entry, StrangersEntry, Text};

/// Rows a minute beside `other`: at most about 40 KiB of log a minute.
pub const SOURCES: usize = 128;
/// Rules that are told apart in a row; further ones count as `other`.
pub const RULES: usize = Entry::RULES;

const OTHER: &str = "other";
const MINUTE: i64 = 60;

/// The table. Shared by all listeners.
#[derive(Debug, Default)]
pub struct Strangers {
    rows: Mutex<BTreeMap<i64, Minute>>,
}

type Minute = BTreeMap<String, BTreeMap<Text, u64>>;

impl Strangers {
    /// Minutes that are kept while nobody calls [`Strangers::tick`]; older refusals join the youngest of them.
    pub const MINUTES: usize = 4;

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one refusal by `rule` of a connection from `source` (`None`: a unix socket).
    pub fn count(&self, source: Option<IpAddr>, rule: &str, now: OffsetDateTime) {
        let mut rows = self.lock();
        let minute = now.unix_timestamp().div_euclid(MINUTE);
        let minute = match rows.last_key_value() {
            Some((last, _)) if rows.len() >= Self::MINUTES && !rows.contains_key(&minute) => *last,
            _ => minute,
        };
        let rows = rows.entry(minute).or_default();
        let name = row_name(source);
        let known =
            rows.contains_key(&name) || rows.keys().filter(|name| *name != OTHER).count() < SOURCES;
        let row = rows
            .entry(if known { name } else { OTHER.to_owned() })
            .or_default();
        let rule = Text::from(rule);
        let told_apart = row.contains_key(&rule) || row.len() + 1 < RULES;
        let count = row
            .entry(if told_apart { rule } else { OTHER.into() })
            .or_default();
        *count = count.saturating_add(1);
    }

    /// Takes the rows of all minutes that are over at `now`, to be recorded.
    #[must_use]
    pub fn tick(&self, now: OffsetDateTime) -> Vec<Entry> {
        self.take_before(now.unix_timestamp().div_euclid(MINUTE))
    }

    /// Takes all rows: for a graceful stop.
    #[must_use]
    pub fn drain(&self) -> Vec<Entry> {
        self.take_before(i64::MAX)
    }

    fn take_before(&self, minute: i64) -> Vec<Entry> {
        let mut rows = self.lock();
        let young = rows.split_off(&minute);
        let over = std::mem::replace(&mut *rows, young);
        over.into_iter()
            .flat_map(|(minute, rows)| rows.into_iter().map(move |row| entry(minute, row)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Minute>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(minute: i64, (source, counts): (String, BTreeMap<Text, u64>)) -> Entry {
    let start =
        OffsetDateTime::from_unix_timestamp(minute * MINUTE).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Entry::Strangers(StrangersEntry {
        source: source.into(),
        minute: rfc3339(start).into(),
        counts,
    })
}

/// An IPv6 stranger owns a /64 at least, so that counting single addresses would count one stranger often.
fn row_name(source: Option<IpAddr>) -> String {
    match source.map(|ip| ip.to_canonical()) {
        None => "unix".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
