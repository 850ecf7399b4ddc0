//! `fanoutctl validate`: checks the config file alone, and with a sample how it reads the table's items.

use std::path::Path;

use serde::Serialize;
use shared::config::{Client, ClientQueue, Config};
use shared::sample::{Sample, SampledPage, Severity, items_of_lines};
use shared::text::{counted, printable};

use crate::args::ValidateArguments;
use crate::context::{Context, read};
use crate::exit::{Exit, Failure};
use crate::finding::Finding;
use crate::output::Style;
use crate::page::PageReport;
use crate::target_report::TargetReport;

/// The clients of a valid file, and what is wrong with it, or with the sample.
#[derive(Debug, Serialize)]
struct Validity {
    valid: bool,
    clients: Vec<ConfiguredClient>,
    findings: Vec<Finding>,
    sample: Option<SampleReport>,
}

#[derive(Debug, Serialize)]
struct ConfiguredClient {
    name: String,
    /// None if the stack makes the queue.
    queue_arn: Option<String>,
    /// Where the stack itself delivers its events to; none if a consumer reads the queue.
    push: Option<TargetReport>,
}

/// What a file of items shows, apart from findings.
#[derive(Debug, Serialize)]
struct SampleReport {
    file: String,
    page: PageReport,
}

/// Validates the config, and looks at the sample if there is one.
///
/// # Errors
///
/// [`Exit::Config`], with every finding, or because a file can't be read. For programs, the findings are in the
/// result, with [`Exit::Config`].
pub fn execute(context: &Context, arguments: &ValidateArguments) -> Result<Exit, Failure> {
    let file = context.config_path.display().to_string();
    let validity = match Config::try_from_toml(&file, &context.config_text()?, None) {
        Ok(config) => Validity::new(&file, &config, arguments)?,
        Err(findings) if context.output.is_json => Validity {
            valid: false,
            clients: Vec::new(),
            findings: findings.all().map(|finding| Finding::of_config(&file, finding)).collect(),
            sample: None,
        },
        Err(findings) => return Err(Exit::Config.because(findings)),
    };
    context.output.print(&validity, |validity, style| validity.to_text(&file, style))?;
    let is_fault = |finding: &Finding| finding.severity == Severity::Fault;
    Ok(match &validity {
        Validity { valid: false, .. } => Exit::Config,
        Validity { findings, .. } if findings.iter().any(is_fault) => Exit::Findings,
        _ => Exit::Done,
    })
}

impl Validity {
    /// What a valid config and the sample show.
    fn new(file: &str, config: &Config, arguments: &ValidateArguments) -> Result<Self, Failure> {
        let warnings = config.warnings().into_iter();
        let mut findings: Vec<Finding> = warnings.map(|warning| Finding::of_warning(file, warning)).collect();
        let sample = match &arguments.sample {
            Some(path) => {
                let sample = sampled(config, path)?;
                let file = path.display().to_string();
                findings.extend(sample.findings.iter().map(|finding| Finding::of_sample(&file, finding)));
                let page = PageReport::new(&sample, &config.clients, arguments.show_body);
                Some(SampleReport { file, page })
            }
            None => None,
        };
        let clients = config.clients.iter().map(ConfiguredClient::new).collect();
        Ok(Self { valid: true, clients, findings, sample })
    }

    fn to_text(&self, file: &str, style: Style) -> String {
        let Self { clients, findings, sample, .. } = self;
        let line = |finding: &Finding| format!("{}: {}\n", printable(&finding.subject), finding.to_text());
        let (of_config, of_sample): (Vec<&Finding>, Vec<_>) =
            findings.iter().partition(|finding| finding.subject == file);
        let [of_config, of_sample] =
            [of_config, of_sample].map(|findings| findings.into_iter().map(line).collect::<String>());
        let existing = clients.iter().filter(|client| client.queue_arn.is_some()).count();
        let targets: Vec<&TargetReport> = clients.iter().filter_map(|client| client.push.as_ref()).collect();
        let (file, clients) = (printable(file), counted(clients.len(), "client"));
        let mut text = format!("{of_config}{file} is valid: {clients}, {existing} with an existing queue");
        if !targets.is_empty() {
            text += &format!(", {} pushed to a target", targets.len());
        }
        text += "\n";
        text.extend(targets.iter().map(|target| format!("  {}\n", target.to_text(None))));
        text += &of_sample;
        let page = sample.as_ref().map(|SampleReport { file, page }| page.to_text(file, style));
        page.map_or(text.clone(), |page| format!("{text}\n{page}"))
    }
}

impl ConfiguredClient {
    fn new(client: &Client) -> Self {
        let queue_arn = match &client.queue {
            ClientQueue::Own => None,
            ClientQueue::Existing(arn) => Some(arn.to_string()),
        };
        Self { name: client.name.to_string(), queue_arn, push: TargetReport::of(client, None) }
    }
}

/// How the config reads the items of a file.
fn sampled(config: &Config, path: &Path) -> Result<Sample, Failure> {
    let items = items_of_lines(&read(path)?);
    let items =
        items.map_err(|unreadable| Exit::Config.because(format!("`{}`, {unreadable}", path.display())))?;
    // What is behind the last line isn't known.
    Ok(Sample::new(config, &SampledPage { items, is_whole: false, expiry: None }))
}
