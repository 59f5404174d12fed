//! Held content at rest: one sealed file an item, and its key in a file of its own.
//!
//! ```text
//! held/secret           32 bytes: keys the hashes of what was released
//! held/ITEM.sealed      nonce 12 | ciphertext | tag 16        AES-256-GCM, bound to the item
//! held/keys/ITEM        32 bytes
//! ```
//!
//! Destroying an item overwrites its key, syncs, and deletes both files: what a disk or a copy keeps of the sealed file is
//! unreadable from then on. The key is durable before anything is sealed with it. The folder belongs on a disk of the
//! gateway alone, and its `keys` in no backup.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use crate::audit::text_hex;

/// Largest sealed file that is read, in bytes: an event in both forms, and what stands around it.
const SEALED_BYTES: u64 = 512 * 1024;
const KEY_BYTES: usize = 32;
const SEALED: &str = "sealed";

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The folder.
#[derive(Debug)]
pub(super) struct Vault {
    folder: PathBuf,
    keys: PathBuf,
    secret: Key,
}

impl Vault {
    /// Opens the folder, and makes it with its secret where it is not there.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let keys = folder.join("keys");
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700).create(&keys)?;
        let path = folder.join("secret");
        if !path.exists() {
            let mut secret = Key::default();
            getrandom::fill(&mut secret[..]).map_err(io::Error::other)?;
            // A torn secret is too short, and refused below.
            write_new(&path, &secret[..])?;
            sync_folder(folder)?;
        }
        let secret = read_key(&path)?;
        Ok(Self {
            folder: folder.to_owned(),
            keys,
            secret,
        })
    }

    /// Seals content for an item, durable; nothing is left behind where that fails. What is there already under this name
    /// was never recorded, and is replaced.
    pub(super) fn keep(&self, item: &str, content: &[u8]) -> io::Result<()> {
        self.destroy(item)?;
        let kept = self.write(item, content);
        if kept.is_err() {
            // The disk may be full; what cannot be removed now is at the next start.
            let _later = self.destroy(item);
        }
        kept
    }

    fn write(&self, item: &str, content: &[u8]) -> io::Result<()> {
        let mut key = Key::default();
        getrandom::fill(&mut key[..]).map_err(io::Error::other)?;
        write_new(&self.key_file(item), &key[..])?;
        sync_folder(&self.keys)?;
        let mut bytes = Zeroizing::new(content.to_vec());
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(io::Error::other)?;
        let nonce = sealing
            .seal_in_place_append_tag(Aad::from(item.as_bytes()), &mut *bytes)
            .map_err(io::Error::other)?;
        let sealed = [nonce.as_ref().as_slice(), bytes.as_slice()].concat();
        write_new(&self.sealed_file(item), &sealed)?;
        sync_folder(&self.folder)
    }

    /// The content of an item; `None` where it, or its key, is not there or is not what was sealed.
    ///
    /// # Errors
    /// The disk's: nobody knows what is there.
    pub(super) fn read(&self, item: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let (Some(key), Some(sealed)) = (
            whole(found(read_key(&self.key_file(item))))?,
            found(read_bounded(&self.sealed_file(item)))?,
        ) else {
            return Ok(None);
        };
        let Some((nonce, rest)) = sealed.split_first_chunk::<NONCE_LEN>() else {
            return Ok(None);
        };
        let mut bytes = Zeroizing::new(rest.to_vec());
        let opening = RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(io::Error::other)?;
        let opened = opening.open_in_place(
            Nonce::from(nonce),
            Aad::from(item.as_bytes()),
            bytes.as_mut_slice(),
        );
        Ok(opened.ok().map(|content| Zeroizing::new(content.to_vec())))
    }

    /// Whether both files of an item are there.
    ///
    /// # Errors
    /// The disk's: nobody knows what is there.
    pub(super) fn has(&self, item: &str) -> io::Result<bool> {
        Ok(self.key_file(item).try_exists()? && self.sealed_file(item).try_exists()?)
    }

    /// Overwrites the key, then deletes both files. Does nothing where there are none.
    pub(super) fn destroy(&self, item: &str) -> io::Result<()> {
        let key = self.key_file(item);
        if let Some(mut file) = found(OpenOptions::new().write(true).open(&key))? {
            file.write_all(&[0; KEY_BYTES])?;
            file.sync_all()?;
            std::fs::remove_file(&key)?;
            sync_folder(&self.keys)?;
        }
        found(std::fs::remove_file(self.sealed_file(item))).map(drop)
    }

    /// Every item that has left a file of either kind.
    pub(super) fn items(&self) -> io::Result<Vec<String>> {
        let mut items = Vec::new();
        for (folder, sealed) in [(&self.folder, true), (&self.keys, false)] {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let extension = path.extension().and_then(|extension| extension.to_str());
                let name = path.file_stem().and_then(|name| name.to_str());
                if let Some(name) = name.filter(|name| super::is_item(name))
                    && (extension == Some(SEALED)) == sealed
                {
                    items.push(name.to_owned());
                }
            }
        }
        items.sort_unstable();
        items.dedup();
        Ok(items)
    }

    /// A hash that tells nobody without the secret what it is of.
    pub(super) fn blind(&self, hash: &[u8]) -> String {
        let key = hmac::Key::new(HMAC_SHA256, &self.secret[..]);
        text_hex(hmac::sign(&key, hash).as_ref())
    }

    fn key_file(&self, item: &str) -> PathBuf {
        self.keys.join(item)
    }

    fn sealed_file(&self, item: &str) -> PathBuf {
        self.folder.join(item).with_extension(SEALED)
    }
}

/// `None` for a file that is not there.
fn found<T>(tried: io::Result<T>) -> io::Result<Option<T>> {
    match tried {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None` for a file that is too short to be a key.
fn whole(key: io::Result<Option<Key>>) -> io::Result<Option<Key>> {
    match key {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        read => read,
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_key(path: &Path) -> io::Result<Key> {
    let mut key = Key::default();
    let read = File::open(path)?.read_exact(&mut key[..]);
    read.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let message = format!("{} is damaged ({error}); delete it", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        }
        _ => error,
    })?;
    Ok(key)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(SEALED_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    const ITEM: &str = "00112233445566ff";

    #[test]
    fn what_is_kept_is_read_again_after_a_restart_and_unreadable_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        vault.keep(ITEM, b"a secret of alice").unwrap();
        let again = Vault::open(folder.path()).unwrap();
        assert_eq!(
            &again.read(ITEM).unwrap().unwrap()[..],
            b"a secret of alice"
        );
        assert_eq!(again.items().unwrap(), [ITEM]);
        assert_eq!(vault.blind(b"x"), again.blind(b"x"));
        let sealed = std::fs::read(vault.sealed_file(ITEM)).unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
    }

    #[test]
    fn a_destroyed_item_cannot_be_read_from_a_copy_of_its_sealed_file() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        vault.keep(ITEM, b"a secret of alice").unwrap();
        let copy = std::fs::read(vault.sealed_file(ITEM)).unwrap();
        vault.destroy(ITEM).unwrap();
        vault.destroy(ITEM).unwrap();
        assert!(vault.items().unwrap().is_empty());
        std::fs::write(vault.sealed_file(ITEM), copy).unwrap();
        assert_eq!(vault.read(ITEM).unwrap(), None);
    }

    #[test]
    fn a_changed_file_and_one_under_another_name_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        vault.keep(ITEM, b"a secret of alice").unwrap();
        let other = "ff112233445566ff";
        std::fs::copy(vault.key_file(ITEM), vault.key_file(other)).unwrap();
        std::fs::copy(vault.sealed_file(ITEM), vault.sealed_file(other)).unwrap();
        assert_eq!(vault.read(other).unwrap(), None);
        let mut sealed = std::fs::read(vault.sealed_file(ITEM)).unwrap();
        sealed[20] ^= 1;
        std::fs::write(vault.sealed_file(ITEM), sealed).unwrap();
        assert_eq!(vault.read(ITEM).unwrap(), None);
    }

    #[test]
    fn a_damaged_item_is_told_from_a_disk_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        for damage in [&b""[..], b"short"] {
            vault.keep(ITEM, b"a secret of alice").unwrap();
            std::fs::write(vault.key_file(ITEM), damage).unwrap();
            assert_eq!(vault.read(ITEM).unwrap(), None);
            vault.keep(ITEM, b"a secret of alice").unwrap();
            std::fs::write(vault.sealed_file(ITEM), damage).unwrap();
            assert_eq!(vault.read(ITEM).unwrap(), None);
            assert!(vault.has(ITEM).unwrap());
        }
        vault.destroy(ITEM).unwrap();
        assert!(!vault.has(ITEM).unwrap());
        vault.keep(ITEM, b"a secret of alice").unwrap();
        std::fs::remove_file(vault.sealed_file(ITEM)).unwrap();
        std::fs::create_dir(vault.sealed_file(ITEM)).unwrap();
        assert!(vault.read(ITEM).is_err(), "a folder cannot be read");
        std::fs::remove_dir(vault.sealed_file(ITEM)).unwrap();
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::write(folder.path(), "a file where the folder should be").unwrap();
        assert!(vault.has(ITEM).is_err() && vault.read(ITEM).is_err());
        std::fs::remove_file(folder.path()).unwrap();
    }

    #[test]
    fn what_cannot_be_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        std::fs::create_dir(vault.sealed_file(ITEM)).unwrap();
        assert!(vault.keep(ITEM, b"a secret of alice").is_err());
        assert!(!vault.key_file(ITEM).exists());
    }
}
