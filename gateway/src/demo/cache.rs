//! The cache folder, and what is in it: Python environments with pinned packages, above all Synapse.
//!
//! The folder's name holds a hash of the requirements and the Python version, so that a new pin never meets an old
//! environment. A lock lets parallel processes fetch once; the marker is written last, so that an environment cut short
//! by a kill or a full disk is made afresh.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::error::{DemoError, io};

/// The cache folder: `$SLUICE_CACHE`, else `$XDG_CACHE_HOME/sluice`, else `~/.cache/sluice`.
///
/// # Errors
/// When none of the variables is set.
pub fn folder() -> Result<PathBuf, DemoError> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("SLUICE_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| base.join("sluice")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("sluice")))
        .ok_or_else(|| {
            DemoError::Setup(
                "there is no place for the cache: set SLUICE_CACHE to a folder".to_owned(),
            )
        })
}

/// Packages that are installed together, pinned by hash.
#[derive(Debug, Clone, Copy)]
pub struct Pins {
    /// What a reader knows them by; in lower case it names the environment's folder.
    pub title: &'static str,
    /// A requirements file with hashes.
    pub requirements: &'static str,
}

/// The reference homeserver.
pub const SYNAPSE: Pins = Pins {
    title: "Synapse",
    requirements: include_str!("requirements.txt"),
};

/// The Python interpreter of an environment that holds the pinned Synapse; fetched on first use.
/// `progress` gets one short line at a time.
///
/// # Errors
/// One sentence with the remedy: Python missing or too old, no `venv`, disk full, download failed.
pub fn synapse_python(progress: &dyn Fn(&str)) -> Result<PathBuf, DemoError> {
    environment(&SYNAPSE, progress)
}

/// As [`synapse_python`], for any pinned packages.
///
/// # Errors
/// As [`synapse_python`].
pub fn environment(pins: &Pins, progress: &dyn Fn(&str)) -> Result<PathBuf, DemoError> {
    let system = SystemPython::find()?;
    let cache = folder()?;
    std::fs::create_dir_all(&cache).map_err(io("create the cache folder", &cache))?;
    let lock_path = cache.join("lock");
    let lock = File::create(&lock_path).map_err(io("create", &lock_path))?;
    lock.lock().map_err(io("lock", &lock_path))?;
    let name = pins.title.to_lowercase();
    let environment = cache.join(format!("{name}-{}", key(&system.version, pins)));
    let python = environment.join("bin").join("python");
    if environment.join(MARKER).exists() && python.exists() {
        return Ok(python);
    }
    build(&system, &environment, pins, progress)?;
    Ok(python)
}

fn build(
    system: &SystemPython,
    environment: &Path,
    pins: &Pins,
    progress: &dyn Fn(&str),
) -> Result<(), DemoError> {
    if environment.exists() {
        std::fs::remove_dir_all(environment).map_err(io("remove the unfinished", environment))?;
    }
    progress(&format!(
        "fetching {} into {} (once, at most 250 MB)",
        pins.title,
        environment.display()
    ));
    let mut venv = Command::new(&system.program);
    venv.args(["-m", "venv"]).arg(environment);
    run(&mut venv, progress).map_err(|output| venv_failed(&output))?;
    let list = environment.join("requirements.txt");
    std::fs::write(&list, pins.requirements).map_err(io("write", &list))?;
    let mut pip = Command::new(environment.join("bin").join("python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ])
    .args(["--require-hashes", "--only-binary=:all:", "-r"])
    .arg(&list);
    run(&mut pip, progress).map_err(|output| pip_failed(pins, &output))?;
    let marker = environment.join(MARKER);
    std::fs::write(&marker, b"").map_err(io("write", &marker))
}

/// Runs a command, hands its lines on in short form; on failure returns the end of what it printed.
fn run(command: &mut Command, progress: &dyn Fn(&str)) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let errors = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = pipe.read_to_string(&mut text);
            text
        })
    });
    let mut kept = String::new();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines())
        .map_while(Result::ok)
    {
        if let Some(short) = condense(&line) {
            progress(&short);
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    kept.push_str(
        &errors
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default(),
    );
    if status.success() { Ok(()) } else { Err(kept) }
}

/// One short line for what pip says at length; `None` for what nobody needs to see.
fn condense(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("Collecting ") {
        return Some(format!("  {}", rest.split_whitespace().next()?));
    }
    if line.starts_with("Installing collected packages") {
        return Some("  installing".to_owned());
    }
    None
}

fn venv_failed(output: &str) -> DemoError {
    if disk_full(output) {
        return full();
    }
    DemoError::Setup(format!(
        "Python's venv module does not work here; install it (Debian: `apt install python3-venv`) and try again: {}",
        last_line(output)
    ))
}

fn pip_failed(pins: &Pins, output: &str) -> DemoError {
    if disk_full(output) {
        return full();
    }
    if output.contains("DO NOT MATCH THE HASHES") {
        return DemoError::Setup(
            "a downloaded package is not the one that was pinned; something between you and the package index changes \
             files, so nothing was installed"
                .to_owned(),
        );
    }
    DemoError::Setup(format!(
        "{} could not be downloaded; check the network (or pip's index and proxy settings) and start again, what is \
         there is kept: {}",
        pins.title,
        last_line(output)
    ))
}

fn disk_full(output: &str) -> bool {
    output.contains("No space left on device") || output.contains("Disk quota exceeded")
}

fn full() -> DemoError {
    DemoError::Setup(
        "the disk is full: free about 500 MB, or set SLUICE_CACHE to a folder on another disk"
            .to_owned(),
    )
}

fn last_line(output: &str) -> &str {
    output
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no message")
}

/// The Python that makes the environment.
struct SystemPython {
    program: String,
    version: String,
}

impl SystemPython {
    fn find() -> Result<Self, DemoError> {
        let mut too_old = None;
        for program in PYTHONS {
            match version_of(program) {
                Some((version, minor)) if minor >= OLDEST_MINOR => {
                    return Ok(Self {
                        program: (*program).to_owned(),
                        version,
                    });
                }
                Some((version, _)) => too_old = Some(version),
                None => {}
            }
        }
        let found = too_old.map_or_else(String::new, |version| format!(" (found {version})"));
        Err(DemoError::Setup(format!(
            "Python 3.{OLDEST_MINOR} or newer is needed to run the reference homeserver{found}; install it (Debian: `apt install \
             python3 python3-venv`) and start again"
        )))
    }
}

fn version_of(program: &str) -> Option<(String, u32)> {
    let output = Command::new(program)
        .args([
            "-c",
            "import sys; print('%d.%d %s' % (*sys.version_info[:2], sys.implementation.cache_tag))",
        ])
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    let minor = version
        .strip_prefix("3.")?
        .split(' ')
        .next()?
        .parse()
        .ok()?;
    Some((version, minor))
}

/// First half of the hash over the pins and the Python that installs them.
fn key(version: &str, pins: &Pins) -> String {
    let digest = Sha256::digest(format!("{version}\n{}", pins.requirements).as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Tried in this order; 3.11 first, since the pins were resolved with it.
const PYTHONS: &[&str] = &["python3.11", "python3", "python3.12", "python3.13"];
/// The pins have no packages that only older versions need.
const OLDEST_MINOR: u32 = 11;
const MARKER: &str = "complete";

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "tests may stop at the first surprise"
    )]
    use super::*;

    #[test]
    fn every_pin_has_a_hash_and_no_line_names_a_host() {
        let pins = SYNAPSE
            .requirements
            .lines()
            .filter(|line| line.contains("==") && !line.starts_with('#'))
            .count();
        assert!(pins > 50, "only {pins} pins");
        for block in SYNAPSE.requirements.split("==").skip(2) {
            assert!(
                block.contains("--hash=sha256:"),
                "a pin without a hash: {block}"
            );
        }
        assert!(!SYNAPSE.requirements.contains("://"));
    }

    #[test]
    fn another_python_gets_another_folder() {
        assert_ne!(
            key("3.11 cpython-311", &SYNAPSE),
            key("3.12 cpython-312", &SYNAPSE)
        );
    }

    #[test]
    fn a_failed_download_says_what_to_do() {
        let text = pip_failed(
            &SYNAPSE,
            "Looking...\nERROR: Could not find a version that satisfies attrs==26.1.0\n\n",
        )
        .to_string();
        assert!(
            text.contains("check the network") && text.ends_with("attrs==26.1.0"),
            "{text}"
        );
    }

    #[test]
    fn a_full_disk_is_called_by_its_name() {
        let text =
            pip_failed(&SYNAPSE, "OSError: [Errno 28] No space left on device: 'x'").to_string();
        assert!(
            text.starts_with("the disk is full") && text.contains("SLUICE_CACHE"),
            "{text}"
        );
    }

    #[test]
    fn a_changed_package_is_refused_with_its_reason() {
        let text = pip_failed(
            &SYNAPSE,
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE SYNAPSE.requirements FILE.",
        )
        .to_string();
        assert!(text.contains("not the one that was pinned"), "{text}");
    }

    #[test]
    fn pip_is_condensed_to_package_names() {
        assert_eq!(
            condense("Collecting attrs==26.1.0 (from -r requirements.txt)").unwrap(),
            "  attrs==26.1.0"
        );
        assert_eq!(
            condense("  Downloading attrs-26.1.0-py3-none-any.whl (67 kB)"),
            None
        );
    }
}
