//! The documents speak of what is there: tests that they name exist, scenes that they list are played.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The `path/to/file.rs::test_name` in a text.
fn named_tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`')
        .filter_map(|word| {
            word.split_once(".rs::")
                .map(|(file, test)| (word, file, test))
        })
        .filter(|(_, _, test)| test.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(word, file, test)| (&word[..file.len() + 3], test))
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut found = Vec::new();
    documents(&root().join("docs"), &mut found);
    let mut count = 0;
    for document in found {
        let text = std::fs::read_to_string(&document).unwrap();
        for (file, test) in named_tests(&text) {
            let source = std::fs::read_to_string(root().join(file))
                .unwrap_or_else(|_| panic!("{} names {file}", document.display()));
            let there = source.contains(&format!("fn {test}("));
            assert!(there, "{} names {file}::{test}", document.display());
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn the_readme_has_the_two_commands_and_the_documents_every_scene_and_endpoint() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "cargo test --workspace"] {
        assert!(readme.contains(command), "{command}");
    }
    let commands = read("docs/look-up/cli.md");
    for scene in sluice::demo::scenes::SCENES {
        let named = format!("`{}`", scene.name);
        assert!(commands.contains(&named), "{named}");
    }
    let endpoints = read("docs/look-up/endpoints.md");
    for line in sluice::route::ENDPOINTS {
        assert!(endpoints.contains(line.path), "{}", line.path);
    }
}
