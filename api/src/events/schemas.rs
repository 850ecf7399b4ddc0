//! What bodies of events are held against: a JSON Schema for each name that has one.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use super::values::{EventName, Invalid};
use crate::store::value::Value;

/// The folder of schemas in a function's package.
const FOLDER: &str = "events";

/// How many violations of one body are told.
const VIOLATIONS: usize = 20;

/// The most bytes of a path, and of what is wrong there: names of members can be as long as the body.
const TEXT_LIMIT: usize = 256;

/// The schemas, compiled. A body of a name that has none is any JSON object.
#[derive(Debug, Default)]
pub struct Schemas {
    by_name: BTreeMap<EventName, Validator>,
}

/// Where a body is not what its schema allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SchemaViolation {
    /// The place in the request, as a JSON pointer.
    #[schema(example = "/body/price")]
    pub path: String,
    /// What is wrong there. It does not repeat the value.
    #[schema(example = "value is not of type \"number\"")]
    pub problem: String,
}

/// Why the schemas can't be used.
///
/// `Debug` shows what `Display` does, because that is how a `main` prints the error that it returns.
#[derive(thiserror::Error)]
pub enum InvalidSchema {
    /// It is not known where they are.
    #[error(
        "environment variable `LAMBDA_TASK_ROOT` is not set; it must hold the directory of the function's package"
    )]
    NoPackage,
    /// It can't be read.
    #[error("`{}` can't be read: {source}", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file whose schema no event would be held against.
    #[error(
        "`{file}` in the folder of schemas is not `<eventName>.json`; an event's name {must}; rename or remove it"
    )]
    Name {
        /// The file.
        file: String,
        /// What a name must be.
        must: Invalid,
    },
    /// It is not JSON.
    #[error("`{file}` is not JSON: {source}")]
    Json {
        /// The file.
        file: String,
        /// Where it is not.
        source: serde_json::Error,
    },
    /// It is no JSON Schema, or refers to what is not in it.
    #[error("`{file}` is no JSON Schema that can be used{}: {reason}", place(path))]
    Schema {
        /// The file.
        file: String,
        /// Where in it, as a JSON pointer; empty if it is about the whole.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Fetches nothing: what a schema refers to is in its own file.
struct OwnFileOnly;

impl Schemas {
    /// Those in the folder `events` of the function's package.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_packaged() -> Result<Self, InvalidSchema> {
        let package = std::env::var_os("LAMBDA_TASK_ROOT").filter(|package| !package.is_empty());
        let schemas = Self::try_read(&Path::new(&package.ok_or(InvalidSchema::NoPackage)?).join(FOLDER))?;
        info!(schemas = schemas.by_name.len(), "events of other aggregates are taken");
        Ok(schemas)
    }

    /// Compiles the schemas in `directory`, each in a file that is called `<eventName>.json`. Files whose names begin
    /// with a dot are left out; no directory is no schema.
    ///
    /// # Errors
    ///
    /// [`InvalidSchema`] names the file, and what is wrong with it.
    pub fn try_read(directory: &Path) -> Result<Self, InvalidSchema> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |source| InvalidSchema::Unreadable { path, source }
        };
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(unreadable(directory))?,
        };
        let mut files = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(unreadable(directory))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            if !file.starts_with('.') {
                let path = entry.path();
                files.insert(file, std::fs::read_to_string(&path).map_err(unreadable(&path))?);
            }
        }
        Self::try_new(files)
    }

    /// Compiles `files`: their names and texts.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, InvalidSchema> {
        let schemas = files.into_iter().map(|(file, text)| {
            let name = EventName::try_new(file.strip_suffix(".json").unwrap_or_default());
            let name = name.map_err(|must| InvalidSchema::Name { file: file.clone(), must })?;
            Ok((name, compiled(file, &text)?))
        });
        Ok(Self { by_name: schemas.collect::<Result<_, _>>()? })
    }

    /// Where `body` is not what the schema of `name` allows: the first places. A schema sees numbers as `f64`, as JSON
    /// Schema's tools do.
    pub(super) fn violations(&self, name: &EventName, body: &Value) -> Vec<SchemaViolation> {
        let Some(schema) = self.by_name.get(name) else { return Vec::new() };
        // What a `Value` writes is JSON, and its numbers are within those of `f64`.
        let Ok(body) = serde_json::from_str::<serde_json::Value>(&body.to_json()) else {
            let problem = "value can't be checked".to_owned();
            return vec![SchemaViolation { path: "/body".to_owned(), problem }];
        };
        let violations = schema.iter_errors(&body).take(VIOLATIONS).map(|error| SchemaViolation {
            path: cut(format!("/body{}", error.instance_path())),
            problem: cut(error.masked().to_string()),
        });
        violations.collect()
    }
}

fn compiled(file: String, text: &str) -> Result<Validator, InvalidSchema> {
    let schema: serde_json::Value = match serde_json::from_str(text) {
        Ok(schema) => schema,
        Err(source) => return Err(InvalidSchema::Json { file, source }),
    };
    // Patterns in linear time: a producer must not be able to keep the function busy with one string.
    let options =
        jsonschema::options().with_retriever(OwnFileOnly).with_pattern_options(PatternOptions::regex());
    options.build(&schema).map_err(|error| InvalidSchema::Schema {
        file,
        path: error.instance_path().to_string(),
        reason: error.to_string(),
    })
}

impl Retrieve for OwnFileOnly {
    fn retrieve(&self, _: &Uri<String>) -> Result<serde_json::Value, Box<dyn Error + Send + Sync>> {
        Err("a schema refers to nothing outside of its own file; put it below `$defs`".into())
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(", at `{path}`") }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT - '…'.len_utf8()));
        text.push('…');
    }
    text
}

impl fmt::Debug for InvalidSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
