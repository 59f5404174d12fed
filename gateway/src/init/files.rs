//! Writes the folder of a new gateway, and removes what it wrote unless it is told that all went well.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::InitError;

/// Folders belong to the gateway's user alone.
const FOLDER_MODE: u32 = 0o700;
/// Files with secrets belong to the gateway's user alone.
const SECRET_MODE: u32 = 0o600;
/// Files without secrets; the folder still keeps others out.
const PUBLIC_MODE: u32 = 0o644;

/// The folder under construction.
pub struct Files {
    root: PathBuf,
    written: Vec<PathBuf>,
    committed: bool,
}

impl Files {
    /// Makes the folder, or takes it if it is empty.
    pub fn start(root: &Path) -> Result<Self, InitError> {
        let mut files = Self {
            root: root.to_owned(),
            written: Vec::new(),
            committed: false,
        };
        match fs::read_dir(root) {
            Ok(mut entries) => match entries.next() {
                None => set_mode(root, FOLDER_MODE).map_err(|error| cannot(root, error))?,
                Some(_) => return Err(InitError::NotEmpty(root.to_owned())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => files.make(root)?,
            Err(error) => return Err(cannot(root, error)),
        }
        Ok(files)
    }

    /// Makes a folder of mode 0700.
    pub fn folder(&mut self, name: &str) -> Result<(), InitError> {
        let path = self.root.join(name);
        self.make(&path)
    }

    /// Writes a file of mode 0600.
    pub fn secret(&mut self, name: &str, text: &str) -> Result<PathBuf, InitError> {
        self.write(name, text.as_bytes(), SECRET_MODE)
    }

    /// Writes a file that holds no secret.
    pub fn public(&mut self, name: &str, text: &str) -> Result<PathBuf, InitError> {
        self.write(name, text.as_bytes(), PUBLIC_MODE)
    }

    /// Writes bytes that hold no secret.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, InitError> {
        self.write(name, bytes, PUBLIC_MODE)
    }

    /// Keeps everything, and says what it is.
    pub fn commit(mut self) -> Vec<PathBuf> {
        self.committed = true;
        std::mem::take(&mut self.written)
    }

    fn make(&mut self, path: &Path) -> Result<(), InitError> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(|error| cannot(path, error))?;
        self.written.push(path.to_owned());
        Ok(())
    }

    fn write(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<PathBuf, InitError> {
        let path = self.root.join(name);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        let mut file = opened.map_err(|error| cannot(&path, error))?;
        self.written.push(path.clone());
        // The mode given at opening is cut by the umask; a secret's must be exact either way.
        set_mode(&path, mode).map_err(|error| cannot(&path, error))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| cannot(&path, error))?;
        Ok(path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        for path in self.written.iter().rev() {
            // Best effort: the error that brought us here is the one to report.
            let _removed = if path.is_dir() {
                fs::remove_dir(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn cannot(path: &Path, error: io::Error) -> InitError {
    InitError::Write {
        path: path.to_owned(),
        error,
    }
}
