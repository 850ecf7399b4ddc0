//! What `fanoutctl --json` prints has the shape that `docs/json` promises. The end-to-end tests share this file.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

/// The schemas by the names of their files.
pub(crate) fn schemas() -> BTreeMap<String, Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json");
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let schemas = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".schema.json")?.to_owned();
        Some((name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap()))
    });
    schemas.collect()
}

/// The name of the schema of what the command line `arguments` prints.
pub(crate) fn name(arguments: &[&str]) -> String {
    // Options with a value are left out where they stand before the words.
    let words: Vec<&str> = arguments.iter().copied().take_while(|word| !word.starts_with("--")).collect();
    let has = |option: &str| arguments.contains(&option);
    match words.as_slice() {
        ["release" | "skip", ..] => "hold".to_owned(),
        ["resume", ..] => "pause".to_owned(),
        ["backfill", ..] => "replay".to_owned(),
        ["status", _client, ..] => "status-client".to_owned(),
        ["catch-up", ..] if has("--all") => "catch-up-all".to_owned(),
        ["erasures", ..] if has("--find") => "erasures-find".to_owned(),
        [group @ ("rejected" | "client" | "push" | "queue"), command, ..] => format!("{group}-{command}"),
        [command, ..] => (*command).to_owned(),
        [] => String::new(),
    }
}

/// Asserts the shape of `printed`, if `arguments` ask for JSON. Nothing is printed where the command failed.
pub(crate) fn assert_shape(arguments: &[&str], printed: &[u8]) {
    if !arguments.contains(&"--json") {
        return;
    }
    let name = name(arguments);
    let schema = schemas().remove(&name);
    assert!(schema.is_some(), "docs/json has no `{name}`");
    let validator: Validator = jsonschema::validator_for(&schema.unwrap()).unwrap();
    for line in String::from_utf8_lossy(printed).lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{arguments:?} prints another shape than docs/json/{name}: {errors:#?}\n{line}"
        );
    }
}
