//! `fanoutctl deploy`: the plan, then build, package and deploy.

mod build;
mod outcome;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::operator::s3::{Bucket, make_bucket};
use deploy::invoke::run_maintenance;
use deploy::settings::Architecture;
use deploy::stack::{self, Deployment};
use shared::text::printable;

use self::outcome::Outcome;
use super::ask::agree;
use super::prepare::{Preparation, prepare};
use crate::args::DeployArguments;
use crate::context::{Context, read};
use crate::exit::{Exit, Failure};
use crate::output::Style;
use crate::plan::{Plan, PlanResult, PlannedPage};
use crate::progress::{Progress, unless_quick};

const TEMPLATE: &str = "template.yml";

/// Deploys, if the operator agrees to the plan.
///
/// # Errors
///
/// [`Exit::Config`] and [`Exit::Usage`]: nothing was touched. [`Exit::Failed`]: CloudFormation undid what it had done.
pub async fn execute(context: &Context, arguments: &DeployArguments) -> Result<Exit, Failure> {
    let settings = arguments.stack.settings();
    // First, so that a broken config is reported also where there is no template.
    context.config(None)?;
    let workspace = workspace()?;
    let template = read(&workspace.join(TEMPLATE))?;
    let prepared = prepare(context, &settings).await?;
    if prepared.plan.result == PlanResult::Refused {
        context.output.print(&prepared.plan, Plan::to_text)?;
        return Ok(Exit::Findings);
    }
    // Standard output is for the result alone.
    eprintln!("{}", prepared.plan.to_text(Style::of_stderr()));
    let has_no_event = prepared.plan.page.as_ref().is_some_and(PlannedPage::has_no_event);
    let question = if has_no_event {
        "Deploy this, although none of the items that were read would be an event?"
    } else {
        "Deploy this?"
    };
    agree(question, arguments.yes, "Nothing was touched.").await?;

    let Preparation { target, naming, deployed, config, config_text, plan } = prepared;
    let progress = Arc::new(Progress::spinner());
    let architecture =
        settings.architecture.or(deployed.as_ref().map(Architecture::of_stack)).unwrap_or_default();
    let (binaries, shown) = (arguments.binaries.clone(), Arc::clone(&progress));
    let packages = build::packages(workspace, binaries, architecture, &target, config_text, shown).await?;
    let default_bucket = || stack::packages_bucket(&naming.account, &naming.region);
    let bucket = arguments.bucket.clone().unwrap_or_else(default_bucket);
    let deployment = Deployment {
        stack: &context.stack,
        template: &template,
        settings: &settings,
        config: &config,
        packages: &packages,
        bucket: &bucket,
    };
    if arguments.bucket.is_none() {
        let bucket = Bucket { name: &bucket, owner: &naming.account };
        make_bucket(&target, bucket).await.map_err(|error| Failure::Change(error.into()))?;
    }
    let deployed = stack::deploy(&target, &deployment, &mut |event| progress.follow(event)).await;
    progress.finish();
    let deployed = deployed.map_err(Failure::Change)?;
    let maintenance =
        unless_quick("updating the ledger's clients", run_maintenance(&target, &deployed.outputs)).await;
    if let Err(error) = maintenance {
        let error = printable(&error.to_string());
        eprintln!("The stack is deployed; new clients are served within a minute, and not at once: {error}");
    }
    let outcome = Outcome::new(plan, deployed, &config);
    context.output.print(&outcome, Outcome::to_text)?;
    Ok(Exit::Done)
}

/// The directory of the template: the current one, or the nearest above it.
fn workspace() -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(|error| Exit::Fault.because(error))?;
    let found = here.ancestors().find(|directory| directory.join(TEMPLATE).is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        Exit::Config.because(format!(
            "there is no `{TEMPLATE}` in `{}` or above it; run `fanoutctl deploy` in a clone of the repository",
            here.display()
        ))
    })
}
