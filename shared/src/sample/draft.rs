//! A first `client-queues.toml` for a table, from its keys and a sample of its items.
//!
//! Where events have what, names and values tell ([`guess`](super::guess)). Then the sample is read with the draft, and
//! the draft takes each line that a finding advises, until none is left. What can't be told, the file says.

use super::item::{ItemReader, SampledItem};
use super::line::toml_line;
use super::version::{COUNT_FROM_NOW_ON, numbers};
use super::{ConfigLine, Sample, SampledPage, Severity, Survey, guess};
use crate::config::{ClientName, Config, Findings, Path, VersionPlace};
use crate::ids::Key;
use crate::text::{counted, printable, toml_literal};

/// The most lines that are taken from findings; each has a key of its own, as a rule.
const ROUNDS: usize = 12;

/// The longest line of a comment.
const LINE_LIMIT: usize = 118;

/// The most characters of a value that a comment shows.
const SHOWN_LIMIT: usize = 40;

/// A table, as a first config needs it.
#[derive(Clone, Copy, Debug)]
pub struct DraftTable<'t> {
    /// Its name.
    pub name: &'t str,
    /// Its partition key.
    pub partition_key: &'t str,
    /// Its sort key.
    pub sort_key: &'t str,
}

/// A first config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftConfig {
    /// The text of the file, with comments.
    pub text: String,
    /// What the text stands for.
    pub config: Config,
    /// How it reads the sample. Its findings are those that no line of the file could mend.
    pub sample: Sample,
    /// What the sample could not tell.
    pub unknown: Vec<String>,
}

/// The file, while it is written.
#[derive(Clone)]
struct Draft<'t> {
    table: DraftTable<'t>,
    client: &'t ClientName,
    items: usize,
    version: Setting,
    first_version: Setting,
    id: Setting,
    name: Setting,
    time: Setting,
    /// The lines of `[source.filter]`, each with its key.
    filter: Vec<String>,
    /// What the filter leaves out.
    left_out: String,
    /// What stands in front.
    findings: Vec<String>,
}

/// A line of `[source]`, if there is one, and the comment above it, which may stand alone.
#[derive(Clone, Default)]
struct Setting {
    comment: String,
    line: Option<String>,
}

impl DraftConfig {
    /// A first config for `table` with one `client`, by the items of `page`.
    ///
    /// # Errors
    ///
    /// [`Findings`]: the text is not valid, because the table has keys that no table can have.
    pub fn try_new(table: DraftTable<'_>, client: &ClientName, page: &SampledPage) -> Result<Self, Findings> {
        let mut draft = Draft::new(table, client, page.items.len());
        let mut unknown = Vec::new();
        let place = surveyed(&draft.config()?, page, guess::version);
        if let Some((place, true)) = &place {
            let filter = surveyed(&draft.config()?, page, |survey| guess::filter(survey, place));
            filter.iter().for_each(|line| draft.take(line));
        }
        draft.set_version(place, page, &mut unknown);
        draft.take_advice(page)?;
        draft.set_others(page, &mut unknown)?;
        draft.take_advice(page)?;

        let sample = Sample::new(&draft.config()?, page);
        let kinds = sample.kinds.iter().filter(|kind| kind.skipped > 0);
        let kinds = kinds.map(|kind| format!("`{}` ({})", printable(&kind.sort_key), kind.skipped));
        draft.left_out = kinds.collect::<Vec<_>>().join(", ");
        let findings =
            sample.findings.iter().map(|finding| format!("{}; {}", finding.problem, finding.remedy));
        draft.findings = findings.collect();
        Ok(Self { text: draft.text(), config: draft.config()?, sample, unknown })
    }
}

impl<'t> Draft<'t> {
    fn new(table: DraftTable<'t>, client: &'t ClientName, items: usize) -> Self {
        Self {
            table,
            client,
            items,
            version: Setting { comment: String::new(), line: Some(toml_line("version", "version")) },
            first_version: Setting::default(),
            id: Setting::default(),
            name: Setting::default(),
            time: Setting::default(),
            filter: Vec::new(),
            left_out: String::new(),
            findings: Vec::new(),
        }
    }

    fn config(&self) -> Result<Config, Findings> {
        Config::try_from_toml("client-queues.toml", &self.text(), None)
    }

    fn set_version(
        &mut self,
        place: Option<(VersionPlace, bool)>,
        page: &SampledPage,
        unknown: &mut Vec<String>,
    ) {
        let Some((place, is_counting)) = place else {
            let why = if page.items.is_empty() {
                "where an event's number is: the table has no items yet; `version` is a guess".to_owned()
            } else {
                format!("where an event's number is: `version` is a guess; {COUNT_FROM_NOW_ON}")
            };
            self.version.comment = format!("NOT KNOWN: {why}");
            return unknown.push(why);
        };
        self.version.line = Some(ConfigLine::of_version(&place).text);
        self.version.comment = "The event's number inside its aggregate.".to_owned();
        if is_counting {
            self.version.comment += &format!(" In the sample it counts {}.", numbers(place.first));
        } else {
            let why = format!(
                "whether `{place}` counts {}: no aggregate of the sample shows it",
                numbers(place.first)
            );
            self.version.comment += &format!(" NOT KNOWN: {why}.");
            unknown.push(why);
        }
        if place.first == 0 {
            self.take(&ConfigLine::of_first_version(0));
        }
    }

    /// Sets what the events tell.
    fn set_others(&mut self, page: &SampledPage, unknown: &mut Vec<String>) -> Result<(), Findings> {
        let config = self.config()?;
        let (id, name, time) = surveyed(&config, page, |survey| {
            let time = guess::time(survey).map(|path| {
                let example = survey.events().find_map(|event| written(event.at(&path)?));
                (path, example.unwrap_or_default())
            });
            (guess::id(survey), guess::name(survey), time)
        });
        let mut set =
            |setting: &mut Setting, key: &str, path: Option<Path>, comment: String, otherwise: &str| {
                setting.line = path.map(|path| toml_line(key, &path.to_string()));
                setting.comment =
                    if setting.line.is_some() { comment } else { format!("NOT KNOWN: {otherwise}") };
                if setting.line.is_none() {
                    unknown.push(otherwise.to_owned());
                }
            };
        set(
            &mut self.id,
            "id",
            id,
            "The event's own id, which tells it from another that had its sort key before.".to_owned(),
            "which attribute is the event's own id (`id = \"…\"`). Without it a sort key must be used once in an aggregate, also \
             after that was erased",
        );
        set(
            &mut self.name,
            "name",
            name,
            "The event's name.".to_owned(),
            "which attribute is the event's name (`name = \"…\"`). Without it messages carry none",
        );
        let (time, example) = time.unzip();
        set(
            &mut self.time,
            "time",
            time,
            format!("The event's time, {}.", example.unwrap_or_default()),
            "which attribute is the event's time (`time = \"…\"`). Without it an event's age isn't known \
             (docs/ordering.md, \"Events without times\")",
        );
        Ok(())
    }

    /// Takes each line that a finding advises, unless it costs events: whether they are some is then for a person to say.
    fn take_advice(&mut self, page: &SampledPage) -> Result<(), Findings> {
        let mut tried: Vec<ConfigLine> = Vec::new();
        for _ in 0..ROUNDS {
            let sample = Sample::new(&self.config()?, page);
            let faults = sample.findings.into_iter().filter(|finding| finding.severity == Severity::Fault);
            let Some(line) = faults.filter_map(|finding| finding.line).find(|line| !tried.contains(line))
            else {
                break;
            };
            let before = self.clone();
            self.take(&line);
            if Sample::new(&self.config()?, page).events < sample.events {
                *self = before;
            }
            tried.push(line);
        }
        Ok(())
    }

    /// Writes a line; it takes the place of that with the same key.
    fn take(&mut self, line: &ConfigLine) {
        let key = line.text.split(" = ").next().unwrap_or_default();
        let setting = match (line.section, key) {
            ("source", "version") => &mut self.version,
            ("source", "first_version") => {
                self.first_version.comment = "The version of an aggregate's first event.".to_owned();
                &mut self.first_version
            }
            ("source", "id") => &mut self.id,
            ("source", "name") => &mut self.name,
            ("source", "time") => &mut self.time,
            // The table's keys are what they are.
            ("source", _) => return,
            _ => {
                self.filter.retain(|other| other.split(" = ").next() != Some(key));
                return self.filter.push(line.text.clone());
            }
        };
        setting.line = Some(line.text.clone());
    }

    fn text(&self) -> String {
        let DraftTable { name: table, partition_key, sort_key } = self.table;
        let mut text = comment(&format!(
            "Where the events of the table `{}` come from, and who receives them. Written by `fanoutctl init` from {} of the \
             table: look at each line. docs/configuration.md explains every key, and `fanoutctl validate --sample FILE` shows \
             how items are read.",
            printable(table),
            counted(self.items, "item")
        ));
        if !self.findings.is_empty() {
            text += "#\n# What the sample shows, and no line here mends:\n";
            text.extend(self.findings.iter().map(|finding| comment(&format!("- {finding}"))));
        }
        text += "\n[source]\n# The table's keys. Events with the same value of the partition key stay in order.\n";
        text +=
            &format!("{}\n{}\n", toml_line("partition_key", partition_key), toml_line("sort_key", sort_key));
        for setting in [&self.id, &self.name, &self.time, &self.version, &self.first_version] {
            text += &comment(&setting.comment);
            text.extend(setting.line.iter().map(|line| format!("{line}\n")));
        }
        text += "# The accounts of existing queues (`queue_arn`) that may receive events; queues of the stack need no entry.\n\
                 allowed_accounts = []\n";
        if !self.filter.is_empty() {
            let left_out = match self.left_out.as_str() {
                "" => "It leaves out nothing of the sample.".to_owned(),
                kinds => format!(
                    "Left out, by the beginning of the sort key: {kinds}. If one of them is an event, change this."
                ),
            };
            text += &format!(
                "\n{}[source.filter]\n{}\n",
                comment(&format!("Which items are events. {left_out}")),
                self.filter.join("\n")
            );
        }
        text += "\n";
        text += &comment(
            "A client: a team that receives events. The stack makes a queue for it, or it brings one along. `fanoutctl client \
             add NAME` writes another, with `--history` for all that the table has, or `--filter` for some of it.",
        );
        text + &format!("\n[[client]]\n{}\n", toml_line("name", self.client.as_str()))
    }
}

/// What `look` sees of the page with this config.
fn surveyed<T>(config: &Config, page: &SampledPage, look: impl FnOnce(&Survey<'_>) -> T) -> T {
    let reader = ItemReader::new(&config.source);
    let items: Vec<SampledItem> = page.items.iter().map(|item| reader.item(item)).collect();
    look(&Survey::new(&config.source, page, &items))
}

/// How a time is written, in words with an example.
fn written(value: &Key) -> Option<String> {
    let (Key::S(text) | Key::N(text)) = value else { return None };
    let shown: String = printable(text).chars().take(SHOWN_LIMIT).collect();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let whole = text.split('.').next().unwrap_or_default().len();
    let (_, clock) = text.split_once(['T', ' ']).unwrap_or_default();
    let how = match whole {
        _ if !is_number && clock.contains(['Z', 'z', '+', '-']) => "with an offset",
        _ if !is_number => "without an offset: it counts as UTC, and would be wrong if it were local time",
        ..=11 => "a number of seconds since 1970",
        12..=14 => "a number of milliseconds since 1970",
        15..=17 => "a number of microseconds since 1970",
        _ => "a number of nanoseconds since 1970",
    };
    Some(format!("as in {}, {how}", toml_literal(&shown)))
}

/// `text` as lines of a comment; none if it is empty.
fn comment(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= LINE_LIMIT => *line += &format!(" {word}"),
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
