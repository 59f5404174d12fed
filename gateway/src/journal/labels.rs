//! The labels of events, for what relates to them later: how they are kept, and who gives way when there are too many.

use rusqlite::{Transaction, params};

use super::view;
use crate::audit::entry::LabelEntry;

/// The first word holds.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    entry: &LabelEntry,
    time: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO labels (event_id, link, room_id, label, time, seen)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.prepare_cached(sql)?.execute(params![
        entry.event_id.as_str(),
        entry.link.as_deref().unwrap_or_default(),
        entry.room_id.as_deref(),
        view::json(entry.label.as_ref()),
        time,
        entry.seen.as_str()
    ])?;
    Ok(())
}

/// Keeps at most `most`. Each link has an equal share of them, and what it does not need the others have: joins of large
/// rooms on one link push out what was learned on that link, and nothing of another.
pub(super) fn cap(transaction: &Transaction<'_>, most: u64) -> rusqlite::Result<()> {
    let links: Vec<(String, u64)> = transaction
        .prepare("SELECT seen, count(*) FROM labels GROUP BY seen")?
        .query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let Some(share) = share(links.iter().map(|(_, count)| *count).collect(), most) else {
        return Ok(());
    };
    let kept = i64::try_from(share).unwrap_or(i64::MAX);
    for (link, _) in links.iter().filter(|(_, count)| *count > share) {
        let sql = "DELETE FROM labels WHERE seen = ?1 AND time <= (
            SELECT time FROM labels WHERE seen = ?1 ORDER BY time DESC LIMIT 1 OFFSET ?2)";
        transaction.execute(sql, params![link, kept])?;
    }
    Ok(())
}

/// How many each may keep so that all together are `most` at most; `None` where nobody has too many.
fn share(mut counts: Vec<u64>, most: u64) -> Option<u64> {
    counts.sort_unstable();
    let (mut left, mut others) = (most, counts.len() as u64);
    for count in counts {
        let each = left / others;
        if count > each {
            return Some(each);
        }
        left -= count;
        others -= 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn who_needs_less_than_a_share_leaves_the_rest_to_the_others() {
        assert_eq!(share(vec![], 10), None);
        assert_eq!(share(vec![5, 5], 10), None);
        assert_eq!(share(vec![11], 10), Some(10));
        assert_eq!(share(vec![100, 2], 10), Some(8));
        assert_eq!(share(vec![100, 2, 100], 10), Some(4));
        assert_eq!(share(vec![1; 20], 10), Some(0));
    }
}
