//! The tool `opa`, which compiles Rego: on PATH in the right version, in our cache, or fetched once by `go install`.
//!
//! Only policy authors need it. The shipped profile lies compiled in the program.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use thiserror::Error;

/// The version that compiled the shipped policies; another one may compile them to other bytes.
pub const OPA_VERSION: &str = "1.22.2";

/// The module that `go install` fetches.
const MODULE: &str = "github.com/open-policy-agent/opa";

/// Why there is no `opa`.
#[derive(Debug, Error)]
pub enum OpaError {
    /// Neither `opa` nor `go` is there.
    #[error(
        "opa {OPA_VERSION} is not on PATH and Go is not there to fetch it; install opa {OPA_VERSION}, or Go 1.24 or newer"
    )]
    NoGo,
    /// `go install` failed; its own words went to stderr.
    #[error(
        "`go install {MODULE}@v{OPA_VERSION}` failed; see its message above, or install opa {OPA_VERSION} by hand"
    )]
    Fetch,
    /// The cache folder cannot be used.
    #[error("{path}: {error}; set SLUICE_CACHE to a folder that can be written")]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Neither SLUICE_CACHE nor HOME is set.
    #[error(
        "there is no home folder to keep opa in; set SLUICE_CACHE to a folder that can be written"
    )]
    NoHome,
    /// `opa` cannot be started.
    #[error("{path}: {error}")]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The tool, in the right version.
#[derive(Clone, Debug)]
pub struct Opa {
    path: PathBuf,
}

impl Opa {
    /// Finds `opa`, and fetches it where it is missing; progress goes to stderr. Takes some minutes the first time;
    /// processes that ask at the same time wait for one.
    ///
    /// # Errors
    /// [`OpaError`], which says the remedy.
    pub fn find() -> Result<Self, OpaError> {
        if is_right(Path::new("opa")) {
            return Ok(Self {
                path: PathBuf::from("opa"),
            });
        }
        Self::cached(&cache_dir()?)
    }

    /// Runs `opa` in a folder, so that messages and compiled policies carry paths relative to it.
    ///
    /// # Errors
    /// [`OpaError::Start`]. That `opa` said no is no error here: look at the output.
    pub fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Output, OpaError> {
        let output = Command::new(&self.path)
            .args(arguments)
            .current_dir(folder)
            .output();
        output.map_err(|error| OpaError::Start {
            path: self.path.clone(),
            error,
        })
    }

    fn cached(cache: &Path) -> Result<Self, OpaError> {
        let folder = cache.join(format!("opa-{OPA_VERSION}"));
        let path = folder.join("opa");
        fs::create_dir_all(&folder).map_err(|error| OpaError::Cache {
            path: folder.clone(),
            error,
        })?;
        let lock = folder.join("lock");
        let file = File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let _held = file.map_err(|error| OpaError::Cache { path: lock, error })?;
        if !is_right(&path) {
            fetch(&folder)?;
        }
        if is_right(&path) {
            Ok(Self { path })
        } else {
            Err(OpaError::Fetch)
        }
    }
}

fn fetch(folder: &Path) -> Result<(), OpaError> {
    eprintln!("sluice: fetching opa {OPA_VERSION} with `go install` (some minutes, once)");
    let module = format!("{MODULE}@v{OPA_VERSION}");
    match Command::new("go")
        .args(["install", "-v", &module])
        .env("GOBIN", folder)
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(OpaError::Fetch),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpaError::NoGo),
        Err(error) => Err(OpaError::Start {
            path: PathBuf::from("go"),
            error,
        }),
    }
}

/// Whether this program is `opa` in our version.
fn is_right(path: &Path) -> bool {
    let Ok(output) = Command::new(path).arg("version").output() else {
        return false;
    };
    let wanted = format!("Version: {OPA_VERSION}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .any(|line| line.trim() == wanted)
}

fn cache_dir() -> Result<PathBuf, OpaError> {
    let own = std::env::var_os("SLUICE_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/sluice"));
    own.or_else(home).ok_or(OpaError::NoHome)
}
