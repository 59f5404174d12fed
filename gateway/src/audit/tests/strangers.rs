//! Strangers cannot fill the disk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use time::OffsetDateTime;

use crate::audit::Strangers;
use crate::audit::entry::{Entry, StrangersEntry};
use crate::audit::strangers::{RULES, SOURCES};

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_770_000_000 + seconds).unwrap()
}

fn rows(entries: Vec<Entry>) -> Vec<StrangersEntry> {
    let row = |entry| match entry {
        Entry::Strangers(row) => row,
        other => panic!("not a row of strangers: {other:?}"),
    };
    entries.into_iter().map(row).collect()
}

#[test]
fn one_line_a_source_and_minute() {
    let strangers = Strangers::new();
    let mallory = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)));
    for second in 0..10 {
        strangers.count(mallory, "tls.no_certificate", at(second));
    }
    strangers.count(mallory, "tls.name", at(11));
    assert!(strangers.tick(at(19)).is_empty(), "the minute is not over");
    strangers.count(mallory, "tls.name", at(80));
    let rows = rows(strangers.tick(at(81)));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].source, "198.51.100.7");
    assert_eq!(rows[0].minute, "2026-02-02T02:40:00.000Z");
    assert_eq!(rows[0].counts[&"tls.no_certificate".into()], 10);
    assert_eq!(rows[0].counts[&"tls.name".into()], 1);
    assert_eq!(strangers.drain().len(), 1, "a graceful stop takes the rest");
}

#[test]
fn the_table_is_bounded_and_counts_on() {
    let strangers = Strangers::new();
    for number in 0..10_000_u32 {
        strangers.count(Some(IpAddr::V4(Ipv4Addr::from(number))), "tls.name", at(0));
    }
    for minute in 1..1000 {
        strangers.count(
            Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            "tls.name",
            at(60 * minute),
        );
    }
    let rows = rows(strangers.drain());
    assert!(
        rows.len() <= SOURCES + 1 + Strangers::MINUTES,
        "{} rows",
        rows.len()
    );
    let total: u64 = rows.iter().flat_map(|row| row.counts.values()).sum();
    assert_eq!(total, 10_000 + 999, "nobody is forgotten");
    let other = rows.iter().find(|row| row.source == "other").unwrap();
    assert_eq!(other.counts.values().sum::<u64>(), 10_000 - SOURCES as u64);
}

#[test]
fn rules_are_bounded_and_an_ipv6_network_is_one_stranger() {
    let strangers = Strangers::new();
    for number in 0..100_u16 {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, number);
        strangers.count(Some(IpAddr::V6(source)), &format!("rule.{number}"), at(0));
    }
    let rows = rows(strangers.drain());
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].source, "2001:db8:1:2::/64");
    assert_eq!(rows[0].counts.len(), RULES);
    assert_eq!(rows[0].counts.values().sum::<u64>(), 100);
}
