#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::os::unix::fs::MetadataExt as _;

use super::super::{TOO_MANY_ANSWERS, intake::broken_spool};
use super::*;
use crate::refusal::Blame;

fn words(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("word {n};").into_bytes())
        .collect()
}

fn all(mut reader: Reader) -> Result<Vec<u8>, SpoolError> {
    let mut bytes = Vec::new();
    while let Some(more) = reader.read()? {
        assert!(!more.is_empty());
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

#[test]
fn what_was_written_is_read_again_in_memory_and_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned());
    for count in [0, 1, 1000, 100_000, 500_000] {
        let text = words(count);
        for step in [7, 999, FRAME_BYTES, text.len().max(1)] {
            let mut spool = spools.open();
            text.chunks(step)
                .for_each(|piece| spool.write(piece).unwrap());
            assert_eq!(spool.len(), text.len() as u64);
            assert_eq!(spool.is_large(), text.len() > MEMORY_BYTES);
            assert_eq!(all(spool.finish()).unwrap(), text);
        }
    }
    assert_eq!(spools.all.used.load(Ordering::Relaxed), 0);
}

#[test]
fn the_file_has_no_name_and_nobody_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned());
    let mut spool = spools.open();
    spool.write(&words(500_000)).unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 0, "a name stands in the folder");
    let sealed = spool.sealed.as_ref().unwrap();
    let facts = sealed.file.metadata().unwrap();
    assert_eq!((facts.nlink(), facts.mode() & 0o777), (0, 0o600));
    let mut raw = vec![0; facts.len() as usize];
    sealed.file.read_exact_at(&mut raw, 0).unwrap();
    assert!(!raw.windows(5).any(|window| window == b"word "));
}

#[test]
fn what_the_disk_changes_swaps_or_cuts_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned());
    let size = (FRAME_BYTES + TAG_BYTES) as u64;
    let spoil: [fn(&File, u64); 3] = [
        |file, size| file.write_all_at(b"x", 2 * size + 5).unwrap(),
        |file, size| {
            let mut second = vec![0; size as usize];
            file.read_exact_at(&mut second, size).unwrap();
            file.write_all_at(&second, 0).unwrap();
        },
        |file, size| file.set_len(size).unwrap(),
    ];
    for spoil in spoil {
        let mut spool = spools.open();
        spool.write(&words(500_000)).unwrap();
        spoil(&spool.sealed.as_ref().unwrap().file, size);
        assert!(all(spool.finish()).is_err());
    }
}

#[test]
fn a_full_budget_and_a_missing_folder_refuse_and_give_back() {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::with_most(folder.path().to_owned(), 3 * 1024 * 1024);
    let mut first = spools.open();
    first.write(&vec![1; 2 * 1024 * 1024]).unwrap();
    let mut second = spools.open();
    assert_eq!(
        second.write(&vec![1; 2 * 1024 * 1024]),
        Err(SpoolError::Full)
    );
    drop((first, second));
    let mut third = spools.open();
    third.write(&vec![1; 2 * 1024 * 1024]).unwrap();

    let gone = Spools::new(folder.path().join("gone"));
    let refused = gone.open().write(&vec![1; 2 * 1024 * 1024]).unwrap_err();
    assert!(refused.to_string().contains("gone: "), "{refused}");
    assert!(refused.to_string().contains("not full"), "{refused}");
}

#[test]
fn one_peer_fills_its_half_and_leaves_the_other_to_others() {
    const MIB: usize = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::with_most(folder.path().to_owned(), 8 * MIB as u64);
    let (lows, thirds) = (spools.of_a_peer(), spools.of_a_peer());
    let mut first = lows.open();
    first.write(&vec![1; 3 * MIB]).unwrap();
    let mut second = lows.open();
    assert_eq!(
        second.write(&vec![1; 2 * MIB]),
        Err(SpoolError::FullForPeer)
    );
    let mut theirs = thirds.open();
    theirs.write(&vec![1; 2 * MIB]).unwrap();
    drop(second);
    // What the one did not get, it has not used up.
    drop(first);
    lows.open().write(&vec![1; 3 * MIB]).unwrap();
    assert_eq!(all(theirs.finish()).unwrap().len(), 2 * MIB);
    assert_eq!(spools.all.used.load(Ordering::Relaxed), 0);
}

#[test]
fn a_spool_leaves_the_reserve_of_its_disk_free_and_that_is_load_and_no_fault() {
    const MIB: usize = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let on_a_disk = |free: Free| Spools {
        free,
        ..Spools::new(folder.path().to_owned())
    };
    // A disk that has three MiB beside its reserve.
    let nearly_full = on_a_disk(|file| {
        let used = file.metadata()?.len();
        Ok((RESERVE_BYTES + 3 * MIB as u64).saturating_sub(used))
    });
    let mut spool = nearly_full.open();
    spool.write(&vec![1; 2 * MIB]).unwrap();
    let error = spool.write(&vec![1; 2 * MIB]).unwrap_err();
    assert!(matches!(error, SpoolError::Reserve { .. }), "{error}");
    let used = spool
        .sealed
        .as_ref()
        .unwrap()
        .file
        .metadata()
        .unwrap()
        .len();
    assert!((2 * MIB as u64..=3 * MIB as u64).contains(&used), "{used}");
    let refusal = broken_spool(&error);
    assert_eq!(refusal.rule, TOO_MANY_ANSWERS);
    assert_eq!(refusal.blame, Blame::TooMany);
    drop(spool);
    assert_eq!(nearly_full.all.used.load(Ordering::Relaxed), 0);

    // What stays in memory needs no disk.
    let full = on_a_disk(|_| Ok(RESERVE_BYTES));
    full.open().write(&vec![1; MEMORY_BYTES]).unwrap();
    let error = full.open().write(&vec![1; 2 * MIB]).unwrap_err();
    assert!(matches!(error, SpoolError::Reserve { .. }), "{error}");

    // A disk that does not say how much is free is a fault, as one that takes nothing.
    let silent = on_a_disk(|_| Err(std::io::Error::other("no such device")));
    let error = silent.open().write(&vec![1; 2 * MIB]).unwrap_err();
    assert_eq!(broken_spool(&error).rule, "gateway.spool");
}

#[test]
fn the_system_says_how_much_is_free() {
    let file = tempfile::tempfile().unwrap();
    assert!(free(&file).unwrap() > 0);
}
