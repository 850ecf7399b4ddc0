//! `fanoutctl init`: writes a first config for an event table, from its keys and a sample of its items.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use aws::operator::CallFault;
use aws::operator::table::{self, Stream};
use serde::Serialize;
use shared::sample::{DraftConfig, DraftTable, Severity};
use shared::text::{printable, shell_quoted};

use crate::args::{InitArguments, options};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::finding::Finding;
use crate::output::Style;
use crate::page::{PageFacts, PageReport};
use crate::progress::unless_quick;

/// The most pages that are read of the table.
const PAGES: usize = 5;

/// The file that editors know the config's form by.
const SCHEMA: &str = "client-queues.schema.json";

/// What was written, and what is left to do.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    table: String,
    /// The table's stream of new images; none if it has none.
    stream_arn: Option<String>,
    /// How the file reads the sample.
    page: PageReport,
    /// What the sample could not tell.
    unknown: Vec<String>,
    /// What is wrong with the sample, and no line of the file mends.
    findings: Vec<Finding>,
}

/// Writes a config that isn't there yet.
///
/// # Errors
///
/// [`Exit::Usage`]: there is a file already. [`Exit::Config`]: it can't be written. [`Exit::Findings`]: the table has no
/// sort key. Else a call to AWS failed.
pub async fn execute(context: &Context, arguments: &InitArguments) -> Result<Exit, Failure> {
    let path = &context.config_path;
    let file = path.display().to_string();
    let exists = || {
        let remedy = "move it away, or name another file with `--config`";
        Exit::Usage.because(format!("`{file}` exists, and is not written over; {remedy}"))
    };
    // Asked before AWS is, for who forgot about it.
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let target = context.target().await?;
    let name = &arguments.table;
    let table = table::describe(&target, name).await.map_err(|error| match error.fault {
        CallFault::Missing => Exit::Unreachable.because(format!(
            "there is no table `{name}` in {} of this account; name another with `--table`, or another region with `AWS_REGION`",
            target.region()
        )),
        _ => error.into(),
    })?;
    let Some(sort_key) = table.sort_key else {
        return Err(Exit::Findings.because(format!(
            "table `{name}` has no sort key, and so one item for each partition key; name the table that holds each event of an \
             aggregate as an item"
        )));
    };
    let facts =
        unless_quick("reading the table's first items", PageFacts::read_pages(&target, name, PAGES)).await;
    facts.items.clone()?;
    let keys = DraftTable { name, partition_key: &table.partition_key, sort_key: &sort_key };
    let draft = DraftConfig::try_new(keys, &arguments.client, &facts.sampled())
        .map_err(|findings| Exit::Fault.because(findings))?;
    write(path, &draft.text).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => Exit::Config.because(format!("`{file}` can't be written: {error}")),
    })?;

    let DraftConfig { config, sample, unknown, .. } = draft;
    let page = PageReport::new(&sample, &config.clients, false);
    let stream_arn = table.stream.filter(Stream::has_new_images).map(|stream| stream.arn);
    let subject = format!("table `{name}`");
    let findings: Vec<Finding> =
        sample.findings.iter().map(|finding| Finding::of_sample(&subject, finding)).collect();
    let is_fault = |finding: &Finding| finding.severity == Severity::Fault;
    let is_done = page.events > 0 && !findings.iter().any(is_fault);
    let report = Report { file, table: name.clone(), stream_arn, page, unknown, findings };
    let options = options(&context.stack, Some(&context.config_path));
    context.output.print(&report, |report, style| report.to_text(&options, style))?;
    Ok(if is_done { Exit::Done } else { Exit::Findings })
}

/// Writes the text of a new file. Beside the schema, the file names it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let has_schema = path.with_file_name(SCHEMA).exists();
    let first = if has_schema { format!("#:schema ./{SCHEMA}\n") } else { String::new() };
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all((first + text).as_bytes())
}

impl Report {
    /// `options` are those of the command line for the next step.
    fn to_text(&self, options: &str, style: Style) -> String {
        let Self { file, table, stream_arn, page, unknown, findings } = self;
        let mut text = page.to_text(&format!("table `{table}`"), style);
        let unknown = unknown.iter().map(|why| format!("not known: {}\n", printable(why)));
        let findings = findings
            .iter()
            .map(|finding| format!("{}: {}\n", printable(&finding.subject), finding.to_text()));
        let left: String = unknown.chain(findings).collect();
        if !left.is_empty() {
            text += &format!("\n{left}");
        }
        text += &format!("\n{} is written. Look at each line of it, then\n", printable(file));
        text + &match stream_arn {
            Some(arn) => format!("  fanoutctl deploy --stream-arn {}{options}\n", shell_quoted(arn)),
            None => format!(
                "switch on the table's stream, with new images, and\n  fanoutctl deploy --stream-arn ARN{options}\n"
            ),
        } + "A stack serves one table. If there is one for another table, add --stack NAME --prefix PREFIX.\n"
    }
}
