//! The real `opa`, the shipped profile and the two policy commands. Where neither `opa` nor Go is there, the tests of
//! the compiler fail and say so.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Parser;
use sluice::{
    opa::Opa,
    policy_cli::{self, PolicyCommand},
    shipped,
};
use sluice_policy::bundle::{Bundle, BundleError, BundleSigningKey, BundleVerifyKey};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: PolicyCommand,
}

fn sluice_policy(arguments: &[&str]) -> u8 {
    policy_cli::run(&Cli::parse_from([&["policy"], arguments].concat()).command)
}

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder with a new key pair in it.
fn folder_with_keys() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = shipped::new_bundle_key().unwrap();
    fs::write(folder.path().join("bundle.key"), private).unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(folder.path().join("keys/bundle.pub"), public).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy of the demo profile and its rules that a test may spoil.
fn copy_of_rules() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&tree().join("rules"), &copy.path().join("rules"));
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn build(profile: &Path, folder: &Path, more: &[&str]) -> u8 {
    let (key, out) = (folder.join("bundle.key"), folder.join("bundle.tar.gz"));
    let arguments = [
        "build",
        "--profile",
        text(profile),
        "--key",
        text(&key),
        "--out",
        text(&out),
    ];
    sluice_policy(&[&arguments, more].concat())
}

#[test]
fn the_shipped_profile_is_what_the_real_opa_makes_of_its_sources() {
    let folder = folder_with_keys();
    let profile = tree().join("rules/profiles/demo");
    assert_eq!(
        build(
            &profile,
            folder.path(),
            &["--compiled", text(folder.path())]
        ),
        0
    );
    let stale = "stale; run `sluice policy build --profile rules/profiles/demo --compiled rules/profiles/demo/compiled ...`";
    for name in ["policy.wasm", "data.json"] {
        let (shipped, built) = (
            profile.join("compiled").join(name),
            folder.path().join(name),
        );
        assert!(
            fs::read(shipped).unwrap() == fs::read(built).unwrap(),
            "{name} is {stale}"
        );
    }
}

#[test]
fn the_test_policy_of_the_engine_is_what_the_real_opa_makes_of_its_source() {
    let fixtures = tree().join("policy/tests/fixtures");
    let work = tempfile::tempdir().unwrap();
    for name in ["poison.rego", "poison_batch.rego"] {
        fs::copy(fixtures.join(name), work.path().join(name)).unwrap();
    }
    let build = [
        "build",
        "-t",
        "wasm",
        "-e",
        "sluice/batch/decisions",
        "-o",
        "out.tar.gz",
        "poison.rego",
        "poison_batch.rego",
    ];
    let output = Opa::find().unwrap().run(work.path(), &build).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let archive = fs::File::open(work.path().join("out.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut module = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| &*entry.path_bytes() == b"/policy.wasm")
        .unwrap();
    let mut wasm = Vec::new();
    std::io::Read::read_to_end(&mut module, &mut wasm).unwrap();
    assert!(
        wasm == fs::read(fixtures.join("poison.wasm")).unwrap(),
        "poison.wasm is stale"
    );
}

/// What `batch.rego` asks once a call is of packages of its own.
#[test]
fn a_rule_of_an_author_is_asked_of_each_unit_whatever_its_name() {
    let work = tempfile::tempdir().unwrap();
    let batch = tree().join("rules/rego/batch.rego");
    fs::copy(batch, work.path().join("batch.rego")).unwrap();
    let own = "package sluice.release\n\nsound if input.event.content.msgtype == \"m.text\"\n\n\
               decision := {\"verdict\": \"release\", \"rule\": \"text\"} if sound\n";
    fs::write(work.path().join("own.rego"), own).unwrap();
    let of = |kind: &str| serde_json::json!({"event": {"content": {"msgtype": kind}}});
    let input = serde_json::json!({"events": [of("m.image"), of("m.text")]});
    fs::write(work.path().join("input.json"), input.to_string()).unwrap();
    let ask = [
        "eval",
        "-f",
        "raw",
        "-d",
        "batch.rego",
        "-d",
        "own.rego",
        "-i",
        "input.json",
        "data.sluice.batch.decisions",
    ];
    let output = Opa::find().unwrap().run(work.path(), &ask).unwrap();
    let decisions = String::from_utf8_lossy(&output.stdout);
    let released = r#"{"1":{"rule":"text","verdict":"release"}}"#;
    assert_eq!(decisions.trim(), released);
}

#[test]
fn a_bundle_is_built_without_opa_from_what_is_shipped() {
    let (private, public) = shipped::new_bundle_key().unwrap();
    let key = BundleSigningKey::from_pem(&private).unwrap();
    let archive = Bundle::build(&shipped::demo_parts().unwrap(), &key).unwrap();
    let bundle = Bundle::open(&archive, &BundleVerifyKey::from_pem(&public).unwrap()).unwrap();
    assert_eq!(bundle.profile.name, shipped::DEMO);
    let (_, other) = shipped::new_bundle_key().unwrap();
    let foreign = Bundle::open(&archive, &BundleVerifyKey::from_pem(&other).unwrap());
    assert_eq!(foreign.unwrap_err(), BundleError::WrongKey);
}

/// OPA's own reader takes the bundle with its key, and refuses it with another.
#[test]
fn the_real_opa_verifies_the_signature() {
    let folder = folder_with_keys();
    let other = folder_with_keys();
    assert_eq!(build(Path::new("demo"), folder.path(), &[]), 0);
    let opa = Opa::find().unwrap();
    let (right, wrong) = (
        folder.path().join("keys/bundle.pub"),
        other.path().join("keys/bundle.pub"),
    );
    for (key, accepted) in [(right, true), (wrong, false)] {
        let verify = [
            "build",
            "--bundle",
            "bundle.tar.gz",
            "--verification-key",
            text(&key),
            "--verification-key-id",
            "sluice",
            "--signing-alg",
            "ES256",
            "-o",
            "again.tar.gz",
        ];
        let output = opa.run(folder.path(), &verify).unwrap();
        assert_eq!(
            output.status.success(),
            accepted,
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn rules_that_reach_for_clock_randomness_or_network_are_refused_with_file_and_line() {
    let copy = copy_of_rules();
    let profile = copy.path().join("rules/profiles/demo");
    let opa = Opa::find().unwrap();
    for call in [
        "time.now_ns()",
        "rand.intn(\"x\", 2)",
        "http.send({\"method\": \"get\", \"url\": \"http://x\"})",
        "opa.runtime()",
    ] {
        let rule = format!("package sluice.release\n\nobjections contains \"x\" if {call} != 0\n");
        fs::write(copy.path().join("rules/rego/spy.rego"), rule).unwrap();
        let check = ["check", "--capabilities", "capabilities.json", "spy.rego"];
        let output = opa.run(&copy.path().join("rules/rego"), &check).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("spy.rego:3: rego_type_error: undefined function"),
            "{call}: {said}"
        );
        let folder = folder_with_keys();
        assert_eq!(build(&profile, folder.path(), &[]), 1, "{call}");
        assert!(!folder.path().join("bundle.tar.gz").exists());
    }
}

#[test]
fn a_profile_with_a_failing_test_a_wrong_key_or_an_unknown_word_is_not_built() {
    let folder = folder_with_keys();
    let failing = copy_of_rules();
    fs::write(
        failing.path().join("rules/rego/bad_test.rego"),
        "package x\n\ntest_no if 1 == 2\n",
    )
    .unwrap();
    assert_eq!(
        build(
            &failing.path().join("rules/profiles/demo"),
            folder.path(),
            &[]
        ),
        1
    );
    let unknown = copy_of_rules();
    let profile = unknown.path().join("rules/profiles/demo/bundle.toml");
    fs::write(
        &profile,
        fs::read_to_string(&profile)
            .unwrap()
            .replace("edus =", "edu ="),
    )
    .unwrap();
    assert_eq!(build(profile.parent().unwrap(), folder.path(), &[]), 2);
    assert_eq!(build(Path::new("no-such-profile"), folder.path(), &[]), 2);
    fs::remove_file(folder.path().join("bundle.key")).unwrap();
    assert_eq!(build(Path::new("demo"), folder.path(), &[]), 3);
}
