//! `sluice dlp index`: from a table or a folder of texts to an index, where the data is. The gateway gets the index and its
//! key, and nothing that could be read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sluice_policy::dlp::{Built, DocumentsBuilder, Index, IndexKey, TableBuilder, TableSpec};

use crate::cli::Exit;
use crate::config::secret::read_private;

/// An INDEX.toml at most, in bytes.
const MAX_SPEC_BYTES: u64 = 64 * 1024;
/// One document at most, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a table in which its separator is looked for.
const SEPARATOR_BYTES: usize = 64 * 1024;
/// Stands in a first line of its own, which some programs write: `sep=;`.
const SEPARATOR_LINE: &[u8] = b"sep=";
/// Bytes that tell an index from another file.
const INDEX_START: u64 = 8;
/// Folders inside folders at most.
const MAX_FOLDERS: usize = 32;

/// Arguments of `sluice dlp index`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct IndexArgs {
    /// Make a key in this new file, and nothing else.
    #[arg(
        long,
        value_name = "KEY",
        conflicts_with_all = ["config", "key", "out", "documents", "name", "table"]
    )]
    pub new_key: Option<PathBuf>,
    /// Which columns of the table are taken, and how they are read.
    #[arg(
        long,
        value_name = "INDEX.toml",
        requires = "table",
        conflicts_with = "documents"
    )]
    pub config: Option<PathBuf>,
    /// The key file; the gateway needs the same.
    #[arg(long, value_name = "KEY", required_unless_present = "new_key")]
    pub key: Option<PathBuf>,
    /// Where the index goes; an index that is there is replaced.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub out: Option<PathBuf>,
    /// A folder of texts in UTF-8, with all folders in it, instead of a table.
    #[arg(long, value_name = "DIR", requires = "name", conflicts_with = "table")]
    pub documents: Option<PathBuf>,
    /// By this name detectors call the index of documents.
    #[arg(long, value_name = "NAME", requires = "documents")]
    pub name: Option<String>,
    /// Answer as JSON: {"ok","items","left_out","entries","bytes","unread":{COLUMN:CELLS}}.
    #[arg(long)]
    pub json: bool,
    /// The table, CSV (comma or semicolon) or TSV, in UTF-8, with headings; - is stdin.
    #[arg(value_name = "TABLE.csv", requires = "config")]
    pub table: Option<PathBuf>,
}

const EXAMPLE: &str = "Example:
  sluice dlp index --new-key index.key
  sluice dlp index --config INDEX.toml --key index.key --out patients.idx patients.csv
  sluice dlp index --documents plans/ --name plans --key index.key --out plans.idx
INDEX.toml:
  name = \"patients\"
  [[column]]
  name = \"name\"
  from = [\"Vorname\", \"Nachname\"]
  kind = \"name\"          # name, text, number or date";

/// Why there is no index. Never repeats what stands in the table.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

/// Runs the command; `input` is what `-` reads.
pub fn run(
    args: &IndexArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let done = match &args.new_key {
        Some(path) => new_key(path).map(|()| None),
        None => index(args, input).map(Some),
    };
    let (answer, sentence, exit) = match done {
        Ok(None) => (json!({"ok": true}), String::new(), Exit::Done),
        Ok(Some(built)) => (told(&built), sentence(&built), Exit::Done),
        Err(Failure { exit, message }) => {
            // Should nobody read this, the exit code says it too.
            let _ = writeln!(err, "sluice: {message}");
            (json!({"ok": false, "error": message}), String::new(), exit)
        }
    };
    let written = if args.json {
        writeln!(out, "{answer}")
    } else {
        out.write_all(sentence.as_bytes())
    };
    written.map_or(Exit::CouldNot, |()| exit)
}

fn told(built: &Built) -> serde_json::Value {
    let unread: BTreeMap<&str, usize> = built
        .unread
        .iter()
        .map(|(column, cells)| (column.as_str(), *cells))
        .collect();
    json!({
        "ok": true, "items": built.items, "left_out": built.left_out, "entries": built.entries,
        "bytes": built.bytes.len(), "unread": unread,
    })
}

fn sentence(built: &Built) -> String {
    let unread = built.unread.iter().map(|(column, cells)| {
        format!("column {column}: {cells} cells could not be read; look at its kind and order\n")
    });
    format!(
        "{} items with {} hashes, {} bytes; {} items had nothing that could be taken\n{}",
        built.items,
        built.entries,
        built.bytes.len(),
        built.left_out,
        unread.collect::<String>()
    )
}

fn index(args: &IndexArgs, input: &mut dyn Read) -> Result<Built, Failure> {
    let (Some(key), Some(out)) = (&args.key, &args.out) else {
        return Err(usage("give --key and --out; see --help"));
    };
    let inputs = [Some(key), args.config.as_ref(), args.table.as_ref()];
    keeps(out, inputs.into_iter().flatten())?;
    let key = read_key(key)?;
    let built = match (&args.documents, &args.name, &args.config, &args.table) {
        (Some(folder), Some(name), _, _) => documents(folder, name, &key)?,
        (None, None, Some(config), Some(path)) => table(config, path, &key, input)?,
        _ => {
            return Err(usage(
                "give --config and a table, or --documents and --name; see --help",
            ));
        }
    };
    replace(out, &built.bytes)?;
    Ok(built)
}

/// Refuses to write over what the index is made from, and over anything that is no index.
fn keeps<'p>(out: &Path, mut inputs: impl Iterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    let Ok(there) = fs::canonicalize(out) else {
        return Ok(());
    };
    let same = inputs.any(|input| fs::canonicalize(input).is_ok_and(|input| input == there));
    let mut start = Vec::new();
    let read = File::open(out).and_then(|file| file.take(INDEX_START).read_to_end(&mut start));
    let is_index = read.is_ok() && (start.is_empty() || Index::begins(&start));
    if same || !is_index {
        let place = out.display();
        return Err(usage(format!(
            "{place}: this file is no index and would be lost; give another --out"
        )));
    }
    Ok(())
}

fn read_key(path: &Path) -> Result<IndexKey, Failure> {
    let text = read_private(path).map_err(|mistake| usage(mistake.to_string()))?;
    IndexKey::from_text(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

fn new_key(path: &Path) -> Result<(), Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| could_not(format!("no randomness: {error}")))?;
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(|error| cannot(path, "written", &error))?;
    file.write_all(IndexKey::new(bytes).to_text().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| cannot(path, "written", &error))
}

fn table(
    config: &Path,
    path: &Path,
    key: &IndexKey,
    input: &mut dyn Read,
) -> Result<Built, Failure> {
    let spec = TableSpec::parse(&text(config, MAX_SPEC_BYTES)?)
        .map_err(|error| usage(format!("{}: {error}", config.display())))?;
    let name = path.display();
    if path == Path::new("-") {
        return rows(&spec, input, &name, key);
    }
    let mut file = File::open(path).map_err(|error| cannot(path, "read", &error))?;
    rows(&spec, &mut file, &name, key)
}

/// The first line says what separates: `sep=;` does, else whatever of tab, semicolon and comma stands in it most.
fn rows(
    spec: &TableSpec,
    input: &mut dyn Read,
    name: &dyn std::fmt::Display,
    key: &IndexKey,
) -> Result<Built, Failure> {
    let mut start = Vec::new();
    let mut input = BufReader::new(input);
    input
        .by_ref()
        .take(SEPARATOR_BYTES as u64)
        .read_until(b'\n', &mut start)
        .map_err(|error| could_not(format!("{name}: cannot be read: {error}")))?;
    let (separator, skipped) = match named_separator(&start) {
        Some(separator) => {
            start.clear();
            (separator, 1)
        }
        None => (separator(&start), 0),
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(start.as_slice().chain(input));
    let wrong = |error: csv::Error| wrong_table(name, &error, skipped);
    let headings = reader.headers().map_err(wrong)?.clone();
    let headings: Vec<&str> = headings
        .iter()
        .map(|heading| heading.trim_start_matches('\u{feff}').trim())
        .collect();
    let mut builder = TableBuilder::new(spec, &headings, key)
        .map_err(|error| usage(format!("{name}: {error}")))?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(wrong)? {
        let cells: Vec<&str> = record.iter().collect();
        builder
            .row(&cells)
            .map_err(|error| usage(format!("{name}: {error}")))?;
    }
    builder
        .finish()
        .map_err(|error| usage(format!("{name}: {error}")))
}

/// The separator of a line that says nothing else.
fn named_separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_end();
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let (word, rest) = line.split_at_checked(SEPARATOR_LINE.len())?;
    match rest {
        [separator] if word.eq_ignore_ascii_case(SEPARATOR_LINE) => Some(*separator),
        // The tab was taken for the end of the line.
        [] if word.eq_ignore_ascii_case(SEPARATOR_LINE) => Some(b'\t'),
        _ => None,
    }
}

fn separator(line: &[u8]) -> u8 {
    let count = |sign: u8| line.iter().filter(|byte| **byte == sign).count();
    let mut best = b',';
    for sign in [b';', b'\t'] {
        if count(sign) > count(best) {
            best = sign;
        }
    }
    best
}

/// Without the library's own text, which may show a part of the table.
fn wrong_table(name: &dyn std::fmt::Display, error: &csv::Error, skipped: u64) -> Failure {
    let line = error.position().map_or(1, csv::Position::line) + skipped;
    match error.kind() {
        csv::ErrorKind::Io(error) => could_not(format!("{name}: cannot be read: {error}")),
        csv::ErrorKind::Utf8 { .. } => {
            usage(format!("{name}:{line}: not UTF-8; save the table as UTF-8"))
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => usage(format!(
            "{name}:{line}: {len} cells and not {expected_len} as the headings; mend the row that begins there, or a quote \
             in it that nobody closes"
        )),
        _ => usage(format!("{name}:{line}: not a table; save it as CSV or TSV")),
    }
}

fn documents(folder: &Path, name: &str, key: &IndexKey) -> Result<Built, Failure> {
    let mut files = Vec::new();
    list(folder, 0, &mut files)?;
    files.sort();
    let mut builder =
        DocumentsBuilder::new(name, key).map_err(|error| usage(format!("--name: {error}")))?;
    for file in &files {
        builder
            .document(&text(file, MAX_DOCUMENT_BYTES)?)
            .map_err(|error| usage(format!("{}: {error}", folder.display())))?;
    }
    builder
        .finish()
        .map_err(|error| usage(format!("{}: {error}", folder.display())))
}

/// The files of a folder and of those in it. Links are not followed: they could lead out of it.
fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > MAX_FOLDERS {
        let place = folder.display();
        return Err(usage(format!(
            "{place}: more than {MAX_FOLDERS} folders deep; move it up"
        )));
    }
    let failed = |error: &std::io::Error| cannot(folder, "read", error);
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        if kind.is_dir() {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn text(path: &Path, limit: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| cannot(path, "read", &error))?;
    let place = path.display();
    if bytes.len() as u64 > limit {
        return Err(usage(format!(
            "{place}: larger than {limit} bytes; split it"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        usage(format!(
            "{place}: not text in UTF-8; save it as text, or move it out of the folder"
        ))
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// A gateway that reads the file meanwhile sees the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    });
    written.map_err(|error| cannot(path, "written", &error))
}

fn usage(message: impl Into<String>) -> Failure {
    Failure {
        exit: Exit::Usage,
        message: message.into(),
    }
}

fn could_not(message: String) -> Failure {
    Failure {
        exit: Exit::CouldNot,
        message,
    }
}

fn cannot(path: &Path, done: &str, error: &std::io::Error) -> Failure {
    could_not(format!("{}: cannot be {done}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
