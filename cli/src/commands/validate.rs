//! `fanoutctl validate`: checks the config file alone, and with a sample how it reads the table's items.

use serde::Serialize;
use shared::config::{Client, ClientQueue, Config, ConfigWarning};
use shared::sample::{Sample, SampleFinding, SampledPage, Severity, items_of_lines};
use shared::text::{counted, printable};

use crate::args::ValidateArguments;
use crate::context::{Context, read};
use crate::exit::{Exit, Failure};
use crate::output::Style;
use crate::page::PageReport;

/// The clients of a valid file, or the findings about a broken one.
#[derive(Debug, Serialize)]
struct Validity {
    valid: bool,
    clients: Vec<ConfiguredClient>,
    /// One for each fault: file, line, key, problem and remedy.
    findings: Vec<String>,
    /// What holds and can be missed.
    warnings: Vec<ConfigWarning>,
    sample: Option<SampleReport>,
}

#[derive(Debug, Serialize)]
struct ConfiguredClient {
    name: String,
    /// None if the stack makes the queue.
    queue_arn: Option<String>,
}

/// What a file of items shows.
#[derive(Debug, Serialize)]
struct SampleReport {
    file: String,
    page: PageReport,
    findings: Vec<SampleFinding>,
}

/// Validates the config, and looks at the sample if there is one.
///
/// # Errors
///
/// [`Exit::Config`], with every finding, or because the sample can't be read. For programs, the findings are in the
/// result, with [`Exit::Config`].
pub fn execute(context: &Context, arguments: &ValidateArguments) -> Result<Exit, Failure> {
    let file = context.config_path.display().to_string();
    let validity = match context.config(None) {
        Ok(config) => Validity {
            valid: true,
            clients: config.clients.iter().map(ConfiguredClient::new).collect(),
            findings: Vec::new(),
            warnings: config.source.warnings(),
            sample: SampleReport::try_new(&config, arguments)?,
        },
        Err(failure) if context.output.is_json => Validity {
            valid: false,
            clients: Vec::new(),
            findings: failure.to_string().lines().map(str::to_owned).collect(),
            warnings: Vec::new(),
            sample: None,
        },
        Err(failure) => return Err(failure),
    };
    context.output.print(&validity, |validity, style| text(&file, validity, style))?;
    let is_warning = |finding: &SampleFinding| finding.severity == Severity::Warning;
    let is_as_expected = |sample: &SampleReport| sample.findings.iter().all(is_warning);
    Ok(match &validity {
        Validity { valid: false, .. } => Exit::Config,
        Validity { sample, .. } if sample.as_ref().is_none_or(is_as_expected) => Exit::Done,
        _ => Exit::Findings,
    })
}

impl ConfiguredClient {
    fn new(client: &Client) -> Self {
        let queue_arn = match &client.queue {
            ClientQueue::Own => None,
            ClientQueue::Existing(arn) => Some(arn.to_string()),
        };
        Self { name: client.name.to_string(), queue_arn }
    }
}

impl SampleReport {
    /// None if no sample is asked for.
    fn try_new(config: &Config, arguments: &ValidateArguments) -> Result<Option<Self>, Failure> {
        let Some(path) = &arguments.sample else { return Ok(None) };
        let file = path.display().to_string();
        let items = items_of_lines(&read(path)?);
        let items = items.map_err(|unreadable| Exit::Config.because(format!("`{file}`, {unreadable}")))?;
        // What is behind the last line isn't known.
        let page = SampledPage { items, is_whole: false, expiry: None };
        let sample = Sample::new(config, &page);
        let page = PageReport::new(&sample, &config.clients, arguments.show_body);
        Ok(Some(Self { file, page, findings: sample.findings }))
    }

    fn to_text(&self, style: Style) -> String {
        let finding = |SampleFinding { problem, remedy, severity, .. }: &SampleFinding| {
            let mark = if *severity == Severity::Warning { "warning: " } else { "" };
            format!("{}: {mark}{}; {}\n", printable(&self.file), printable(problem), printable(remedy))
        };
        let findings: String = self.findings.iter().map(finding).collect();
        format!("{findings}\n{}", self.page.to_text(&self.file, style))
    }
}

fn text(file: &str, validity: &Validity, style: Style) -> String {
    let file = printable(file);
    let clients = counted(validity.clients.len(), "client");
    let existing = validity.clients.iter().filter(|client| client.queue_arn.is_some()).count();
    let warnings = validity.warnings.iter().map(|warning| format!("{file}: warning: {warning}\n"));
    let warnings: String = warnings.collect();
    let sample = validity.sample.as_ref().map_or_else(String::new, |sample| sample.to_text(style));
    format!("{warnings}{file} is valid: {clients}, {existing} with an existing queue\n{sample}")
}
