//! A profile of a test's own: the shipped one with changes, built and signed as an operator would, with the zone's own key.

#![allow(
    clippy::panic,
    reason = "a harness that cannot set up its world has to stop the test, loudly"
)]

use std::path::Path;

use serde_json::Value;
use sluice::demo::zone::Zone;

/// Builds the demo's profile with changes to its `bundle.toml` and `settings.json`, and has the running gateway take it.
///
/// # Panics
/// When a step fails; the text says which.
pub fn install(zone: &Zone, links: impl Fn(&str) -> String, settings: impl Fn(&mut Value)) {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let shipped = rules.join("profiles/demo");
    let text = links(&read(&shipped.join("bundle.toml")));
    let text = text.replace("\"../../", &format!("\"{}/", rules.display()));
    let mut given = serde_json::from_str(&read(&shipped.join("settings.json")))
        .unwrap_or_else(|error| panic!("settings.json: {error}"));
    settings(&mut given);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("a folder: {error}"));
    for (name, text) in [("bundle.toml", text), ("settings.json", given.to_string())] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let shown = |path: &Path| path.display().to_string();
    let own = |name: &str| shown(&zone.gateway_folder().join(name));
    let (key, bundle) = (own("keys/bundle.key"), own("bundle.tar.gz"));
    let profile = shown(folder.path());
    let build = [
        "policy",
        "build",
        "--profile",
        &profile,
        "--key",
        &key,
        "--out",
        &bundle,
    ];
    told(zone, &build);
    told(zone, &["reload", "-c", &shown(&zone.configuration())]);
}

fn told(zone: &Zone, arguments: &[&str]) {
    if let Err(error) = zone.sluice(arguments) {
        panic!("{error}");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
