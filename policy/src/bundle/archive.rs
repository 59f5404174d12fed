//! The archive: a tar in gzip, written reproducibly and read distrustfully.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use flate2::{Compression, GzBuilder, read::GzDecoder};

use super::{ARCHIVE_BYTES, BundleError, FILES, UNPACKED_BYTES};

/// Files by path, without a leading slash.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Bytes of a path at most: what fits a plain tar header.
const PATH_BYTES: usize = 100;

/// Writes the files in the order of their paths, with no time and no owner, so that equal files give equal bytes.
pub(super) fn write(files: &Files) -> Result<Vec<u8>, BundleError> {
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (path, bytes) in files {
        if !is_path(path) {
            return Err(BundleError::Parts(vec![format!(
                "{path:?}: use letters, digits, '.', '-' and '_' in file names"
            )]));
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, path, bytes.as_slice())
            .map_err(broken)?;
    }
    let mut archive = tar
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .map_err(broken)?;
    archive.flush().map_err(broken)?;
    Ok(archive)
}

/// Reads regular files with plain paths, each once, within the limits.
pub(super) fn read(archive: &[u8]) -> Result<Files, BundleError> {
    if archive.len() > ARCHIVE_BYTES {
        return Err(too_large());
    }
    // One byte more than permitted tells a full archive from a longer one.
    let limit = UNPACKED_BYTES as u64 + 1;
    let mut tar = Vec::new();
    GzDecoder::new(archive)
        .take(limit)
        .read_to_end(&mut tar)
        .map_err(broken)?;
    if tar.len() > UNPACKED_BYTES {
        return Err(too_large());
    }
    let mut files = Files::new();
    for entry in tar::Archive::new(tar.as_slice())
        .entries()
        .map_err(broken)?
    {
        let (path, bytes) = read_entry(entry.map_err(broken)?)?;
        if files.len() == FILES {
            return Err(too_large());
        }
        if files.insert(path.clone(), bytes).is_some() {
            return Err(BundleError::Broken(format!("{path} is there twice")));
        }
    }
    Ok(files)
}

fn read_entry(mut entry: tar::Entry<'_, &[u8]>) -> Result<(String, Vec<u8>), BundleError> {
    let path = String::from_utf8(entry.path_bytes().into_owned())
        .ok()
        .filter(|path| is_path(path));
    let path =
        path.ok_or_else(|| BundleError::Broken("a path that a bundle does not have".to_owned()))?;
    if entry.header().entry_type() != tar::EntryType::Regular {
        return Err(BundleError::Broken(format!("{path} is not a regular file")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(broken)?;
    Ok((path, bytes))
}

/// Plain relative paths: no empty part, none that leads upwards, nothing that a shell or a log could misread.
fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with("..") && part != "." && part.bytes().all(plain)
    };
    path.len() <= PATH_BYTES && path.split('/').all(part)
}

fn too_large() -> BundleError {
    BundleError::Broken("it is larger than a bundle may be".to_owned())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn broken(error: std::io::Error) -> BundleError {
    BundleError::Broken(error.to_string())
}
