//! `sluice policy build`: check, test and compile with the real `opa`, load everything once, sign.
//!
//! `opa` works on a copy of the sources under fixed relative names, because it writes file names into the module: so
//! the same sources give the same bytes wherever they lie.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use sluice_policy::{
    bundle::{Bundle, BundleError, BundleParts, BundleSigningKey, UNPACKED_BYTES},
    engine::ENTRYPOINT,
};

use super::{BuildArgs, COULD_NOT, DONE, Failure, NO, USAGE, profile, tables};
use crate::{
    opa::{Opa, OpaError},
    shipped,
};

/// What `opa build` gives.
struct Compiled {
    wasm: Vec<u8>,
    data: Vec<u8>,
}

pub(super) fn run(arguments: &BuildArgs) -> Result<u8, Failure> {
    let built = build(arguments);
    if arguments.json {
        let errors: Vec<&str> = built
            .as_ref()
            .err()
            .map(|failure| failure.message.as_str())
            .into_iter()
            .collect();
        let answer = serde_json::json!({
            "ok": built.is_ok(), "bundle": built.as_ref().ok(), "out": arguments.out, "errors": errors,
        });
        println!("{answer}");
        return Ok(built.map_or_else(|failure| failure.code, |_| DONE));
    }
    let id = built?;
    println!("{} signed, sha256 {id}", arguments.out.display());
    Ok(DONE)
}

/// Builds the bundle and writes it; gives its id.
fn build(arguments: &BuildArgs) -> Result<String, Failure> {
    let key = signing_key(&arguments.key)?;
    let index_key = arguments.index_key.as_deref().map(super::index_key);
    let parts = BundleParts {
        index_key: index_key.transpose()?,
        ..parts(&arguments.profile)?
    };
    if let Some(folder) = &arguments.compiled {
        write(&folder.join("policy.wasm"), &parts.wasm)?;
        write(&folder.join("data.json"), &parts.data)?;
    }
    let archive = Bundle::build(&parts, &key).map_err(refused)?;
    write(&arguments.out, &archive)?;
    Ok(Sha256::digest(&archive)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A mistake in the profile is a no; a key that does not sign is wrong usage.
fn refused(error: BundleError) -> Failure {
    let code = if error == BundleError::Signing {
        USAGE
    } else {
        NO
    };
    Failure {
        code,
        message: error.to_string(),
    }
}

fn signing_key(path: &Path) -> Result<BundleSigningKey, Failure> {
    let pem = fs::read_to_string(path).map_err(|error| Failure {
        code: COULD_NOT,
        message: format!(
            "{}: {error}; make a key with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE`",
            path.display()
        ),
    })?;
    BundleSigningKey::from_pem(&pem)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The profile's parts: compiled from the folder, or as built in.
fn parts(name: &str) -> Result<BundleParts, Failure> {
    let Some(folder) = folder(name) else {
        if name == shipped::DEMO {
            return shipped::demo_parts().map_err(Failure::usage);
        }
        return Err(Failure::usage(format!(
            "{name}: no folder with a bundle.toml, also not under rules/profiles"
        )));
    };
    let path = folder.join("bundle.toml");
    let text = fs::read_to_string(&path).map_err(|error| Failure::could_not(&path, &error))?;
    let written = profile::parse(&path.display().to_string(), &text).map_err(Failure::usage)?;
    check_tables(&folder.join(&written.settings))?;
    let compiled = compile(&folder, &written)?;
    let read = |path: &str| fs::read(folder.join(path)).map_err(|error| error.to_string());
    written
        .parts(compiled.wasm, compiled.data, read)
        .map_err(Failure::usage)
}

/// Says what is wrong with the tables of findings before anything is compiled.
fn check_tables(path: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::could_not(path, &error))?;
    let settings = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    match tables::mistakes(&settings) {
        none if none.is_empty() => Ok(()),
        mistakes => Err(Failure {
            code: NO,
            message: mistakes.join("\n"),
        }),
    }
}

fn folder(name: &str) -> Option<PathBuf> {
    let candidates = [PathBuf::from(name), Path::new("rules/profiles").join(name)];
    candidates
        .into_iter()
        .find(|folder| folder.join("bundle.toml").is_file())
}

/// Checks, tests and compiles the rules of a profile.
fn compile(folder: &Path, written: &profile::Written) -> Result<Compiled, Failure> {
    let opa = Opa::find().map_err(opa_failed)?;
    let work =
        tempfile::tempdir().map_err(|error| Failure::could_not(&std::env::temp_dir(), &error))?;
    let rules = copy_sources(folder, written, work.path())?;
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let own = rules
        .iter()
        .copied()
        .filter(|name| !name.ends_with("_test.rego"));
    let capabilities = ["--capabilities", "rego/capabilities.json"];
    let sources: Vec<&str> = own.chain(["settings.json"]).collect();
    ask(
        &opa,
        work.path(),
        &["check", "--strict"],
        &[&capabilities[..], &rules].concat(),
    )?;
    ask(&opa, work.path(), &["test"], &rules)?;
    let target = ["-t", "wasm", "-e", ENTRYPOINT, "-o", "opa.tar.gz"];
    ask(
        &opa,
        work.path(),
        &["build"],
        &[&capabilities[..], &target[..], &sources].concat(),
    )?;
    unpack(&work.path().join("opa.tar.gz"))
}

/// Copies rules and settings to the names under which they are compiled; gives the sorted names of the rules.
fn copy_sources(
    folder: &Path,
    written: &profile::Written,
    work: &Path,
) -> Result<Vec<String>, Failure> {
    let rego = folder.join(&written.rego);
    copy(&folder.join(&written.settings), &work.join("settings.json"))?;
    fs::create_dir(work.join("rego")).map_err(|error| Failure::could_not(work, &error))?;
    copy(
        &rego.join("capabilities.json"),
        &work.join("rego/capabilities.json"),
    )?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&rego).map_err(|error| Failure::could_not(&rego, &error))? {
        let entry = entry.map_err(|error| Failure::could_not(&rego, &error))?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .map(|name| format!("rego/{name}"))
        else {
            continue;
        };
        if name.ends_with(".rego") {
            copy(&entry.path(), &work.join(&name))?;
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Runs `opa`; what it refuses is a no, in its own words with file and line.
fn ask(opa: &Opa, work: &Path, command: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    let output = opa
        .run(work, &[command, arguments].concat())
        .map_err(opa_failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Failure {
        code: NO,
        message: format!("opa {} refuses the rules:\n{said}", command[0]),
    })
}

/// Takes the module and its data out of what `opa build` wrote; its paths have a leading slash.
fn unpack(path: &Path) -> Result<Compiled, Failure> {
    let broken = |error: std::io::Error| Failure::could_not(path, &error);
    let file = fs::File::open(path).map_err(broken)?;
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(UNPACKED_BYTES as u64));
    let (mut wasm, mut data) = (Vec::new(), Vec::new());
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let into = match &*entry.path_bytes() {
            b"/policy.wasm" => &mut wasm,
            b"/data.json" => &mut data,
            _ => continue,
        };
        entry.read_to_end(into).map_err(broken)?;
    }
    Ok(Compiled { wasm, data })
}

fn opa_failed(error: OpaError) -> Failure {
    Failure {
        code: COULD_NOT,
        message: error.to_string(),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| Failure::could_not(from, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Failure::could_not(path, &error))
}
