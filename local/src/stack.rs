//! The stack of `template.yml`, deployed on a MiniStack of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws::operator::s3::{Bucket, make_bucket};
use aws::operator::{CallError, sqs};
use deploy::companion::{CompanionDeployment, deploy_companion};
use deploy::functions::{self, BuildError, Built, Profile};
use deploy::invoke::{MaintenanceError, run_maintenance};
use deploy::package::{Package, PackageError};
use deploy::settings::{FunctionTimeout, Settings, SettingsError, StreamArn};
use deploy::stack::{DeployError, Deployment, Progress};
use shared::config::{Client, ClientQueue, Config, Findings, Source};
use shared::event::Reader;
use shared::naming::{Naming, OwnQueue, QueueArn};
use tokio::task::{JoinError, spawn_blocking};
use tokio::try_join;

use crate::companion::Companion;
use crate::connection::Connection;
use crate::event::EXAMPLE;
use crate::ministack::{ACCOUNT, MiniStack, REGION, StartError, Variables};
use crate::parameter;
use crate::processes::Process;
use crate::python::{Environment, PythonError};
use crate::receiver::{Inbox, Receiver, SECRET};
use crate::redirect::{PARAMETER, redirected};
use crate::tables;
use crate::workspace;

/// Seconds that a function may take here: a killed function's messages are back after six times as long.
const FUNCTION_TIMEOUT: u32 = 2;
const STACK: &str = "mark-event-queue";
const API_STACK: &str = "mark-api";
const API_TEMPLATE: &str = "api/template.yml";
const BUCKET: &str = "mark-event-queue-packages";
const CLIENT_QUEUES: &str = "client-queues.toml";

/// Takes a line about what is being done.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What a stack is deployed on: a MiniStack of its own with an event table. Dropping it ends MiniStack and every
/// function that was deployed to it.
#[derive(Debug)]
pub struct Ground {
    services: Services,
    stream_arn: String,
}

/// A MiniStack of its own, with nothing on it.
#[derive(Debug)]
struct Services {
    ministack: MiniStack,
    environment: Environment,
    connection: Connection,
}

/// What a stack has besides the pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The companion, whose event table the pipeline reads.
    pub companion: bool,
    /// A receiver on this machine, which everything that goes to webhooks is pushed to.
    pub receiver: bool,
}

/// The deployed stack. Dropping it ends MiniStack and the functions.
#[derive(Debug)]
pub struct Stack {
    ground: Ground,
    naming: Naming,
    config: Config,
    clients: Vec<ClientAddress>,
    /// What writes its events; none: anybody may, into [`tables::EVENTS`].
    companion: Option<Companion>,
    /// What webhooks are delivered to; none if they are not.
    receiver: Option<Receiver>,
}

/// Where a client's events arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client's name.
    pub name: String,
    /// The account of its queue.
    pub account: String,
    /// Its queue's name.
    pub queue_name: String,
    /// Its queue's URL.
    pub queue_url: String,
}

/// Why there is no stack.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No Python environment.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// MiniStack does not run.
    #[error(transparent)]
    MiniStack(#[from] StartError),
    /// A file of the repository could not be read.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// `client-queues.toml` is not valid.
    #[error("{0}")]
    Config(Findings),
    /// `[source]` is that of another table.
    #[error(
        "client-queues.toml: `[source]` does not read the events that are written here ({0}). Take the shipped `[source]`; \
         docs/deploy.md, \"Try all of this on your machine\", says how to try a table of your own"
    )]
    Source(String),
    /// The receiver of webhooks does not run.
    #[error("the receiver of webhooks: {0}")]
    Receiver(#[source] std::io::Error),
    /// A webhook can't be turned to the receiver.
    #[error("client-queues.toml: {0}; `--push` changes no other way to write it")]
    Redirect(String),
    /// The functions could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A function could not be packaged.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A table, or the bucket of the packages, could not be made.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A client's own queue could not be made.
    #[error("client `{client}`: its queue could not be made: {source}")]
    Queue {
        /// The client.
        client: String,
        /// What SQS said.
        source: CallError,
    },
    /// The template could not be deployed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The ledger could not be begun.
    #[error("the ledger: {0}")]
    Maintenance(#[from] MaintenanceError),
    /// A constant of this program is wrong, or a thread of it died.
    #[error("a fault of this program: {0}")]
    Fault(String),
}

impl Ground {
    /// Starts MiniStack, whose files are in a directory called `name` and a number, and makes the tables.
    ///
    /// # Errors
    ///
    /// [`StackError`]. What was started is ended.
    pub async fn start(name: &str, say: &Say) -> Result<Self, StackError> {
        Self::start_with(name, say, Variables::new()).await
    }

    /// As [`Self::start`]; MiniStack and the functions have these `variables` besides.
    ///
    /// # Errors
    ///
    /// [`StackError`]. What was started is ended.
    pub async fn start_with(name: &str, say: &Say, variables: Variables) -> Result<Self, StackError> {
        Self::with_table(Services::start(name, say, variables).await?).await
    }

    async fn with_table(services: Services) -> Result<Self, StackError> {
        let stream_arn = tables::make(&services.connection.target(ACCOUNT)).await?;
        Ok(Self { services, stream_arn })
    }

    /// With the companion, whose event table it is.
    async fn with_companion(
        services: Services,
        package: &Package,
        say: &Say,
    ) -> Result<(Self, Companion), StackError> {
        let connection = &services.connection;
        let outputs = deploy_api(connection, package, say).await?;
        let output = |name: &str| {
            let value = outputs.get(name).cloned();
            value.ok_or_else(|| StackError::Fault(format!("`{API_TEMPLATE}` has no output `{name}`")))
        };
        // MiniStack answers there, too, and no name has to be looked up (its `app.py`, `_parse_execute_api_url`).
        let (url, stream_arn) = (output("Url")?, output("DynamoDBStreamArn")?);
        let id = url.split(['/', '.']).nth(2).unwrap_or_default();
        let url = format!("{}/_aws/execute-api/{id}", connection.endpoint());
        let companion = Companion::try_new(connection.target(ACCOUNT), url, output("EventTable")?).await?;
        Ok((Self { services, stream_arn }, companion))
    }

    /// Makes the queues that `config` names as existing: elsewhere they exist before a stack does.
    ///
    /// # Errors
    ///
    /// [`StackError::Queue`].
    pub async fn make_existing_queues(&self, config: &Config) -> Result<(), StackError> {
        let attributes = [("FifoQueue".to_owned(), "true".to_owned())].into();
        for client in &config.clients {
            let ClientQueue::Existing(arn) = &client.queue else { continue };
            let target = self.connection().target(&arn.account);
            let made = sqs::create(&target, &arn.name, &attributes, &BTreeMap::new()).await;
            made.map_err(|source| StackError::Queue { client: client.name.to_string(), source })?;
        }
        Ok(())
    }

    /// How its services are reached.
    pub fn connection(&self) -> &Connection {
        &self.services.connection
    }

    /// The variables from which every AWS tool learns how its services are reached.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", self.connection().endpoint()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
    }

    /// The stream of the event table.
    pub fn stream_arn(&self) -> &str {
        &self.stream_arn
    }

    /// The Python environment that it runs in.
    pub fn environment(&self) -> &Environment {
        &self.services.environment
    }

    /// The file of MiniStack's log, and the functions'.
    pub fn log(&self) -> PathBuf {
        self.services.ministack.log()
    }

    /// The functions' processes that run now.
    pub fn functions(&self) -> Vec<Process> {
        self.services.ministack.functions()
    }
}

impl Services {
    async fn start(name: &str, say: &Say, variables: Variables) -> Result<Self, StackError> {
        let (environment, ministack) = start_ministack(name.to_owned(), Arc::clone(say), variables).await?;
        say(&format!(
            "MiniStack listens on {}; its log is {}",
            ministack.endpoint(),
            ministack.log().display()
        ));
        let connection = Connection::new(ministack.endpoint());
        Ok(Self { ministack, environment, connection })
    }
}

impl Stack {
    /// Builds the functions and deploys the template with them and the repository's `client-queues.toml` on a new
    /// [`Ground`] called `name`. Nothing but the place of the functions' code is changed in the template. Without a receiver
    /// nothing is pushed: the queues of push clients are like others.
    ///
    /// # Errors
    ///
    /// [`StackError`]. What was started is ended.
    pub async fn start(name: &str, say: &Say, extras: Extras) -> Result<Self, StackError> {
        let (mut config_text, naming, mut config) = read_config()?;
        let mut receiver = None;
        if extras.receiver {
            let started = Receiver::start().await.map_err(StackError::Receiver)?;
            let redirected = redirected(&config_text, &config, |client| started.url(client));
            config_text = redirected.map_err(StackError::Redirect)?;
            let read = Config::try_from_toml(CLIENT_QUEUES, &config_text, Some(&naming));
            config = read.map_err(StackError::Config)?;
            receiver = Some(started);
        }
        for client in &mut config.clients {
            client.push = client.push.take().filter(|push| receiver.is_some() && push.target.is_web());
        }
        let variables = receiver.as_ref().map(local_variables).transpose()?.unwrap_or_default();

        // Each takes minutes the first time and uses only a part of the machine. A missing Python would stop both, so
        // it is looked for first.
        spawn_blocking(|| Environment::probe(&workspace::directory())).await.map_err(fault)??;
        let services = Services::start(name, say, variables);
        let build = build(Arc::clone(say), config_text, extras.companion);
        let (services, Packages { pipeline, companion }) = try_join!(services, build)?;
        if receiver.is_some() {
            let put = parameter::put(services.connection.endpoint(), PARAMETER, SECRET).await;
            put.map_err(StackError::Receiver)?;
        }
        make_bucket(&services.connection.target(ACCOUNT), Bucket { name: BUCKET, owner: ACCOUNT }).await?;
        let (ground, companion) = match &companion {
            Some(package) => {
                let (ground, companion) = Ground::with_companion(services, package, say).await?;
                (ground, Some(companion))
            }
            None => (Ground::with_table(services).await?, None),
        };
        ground.make_existing_queues(&config).await?;
        deploy_template(&ground, companion.is_some(), &config, &pipeline, say).await?;
        let clients = config.clients.iter().map(|client| address(client, &naming, ground.connection()));
        let clients = clients.collect();
        Ok(Self { ground, naming, config, clients, companion, receiver })
    }

    /// What writes its events; none if it has no companion.
    pub fn companion(&self) -> Option<&Companion> {
        self.companion.as_ref()
    }

    /// The name of its event table.
    pub fn event_table(&self) -> &str {
        self.companion.as_ref().map_or(tables::EVENTS, Companion::events)
    }

    /// What webhooks are delivered to; none if they are not.
    pub fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_ref()
    }

    /// What the receiver takes for a client from now on; none if the client's queue is like others.
    pub fn inbox(&self, client: &str) -> Option<Inbox> {
        let is_pushed = |config: &&Client| config.name.as_str() == client && config.push.is_some();
        self.config.clients.iter().find(is_pushed)?;
        self.receiver.as_ref().map(|receiver| receiver.inbox(client))
    }

    /// What it is deployed on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// How its services are reached.
    pub fn connection(&self) -> &Connection {
        self.ground.connection()
    }

    /// What it was deployed with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clients, in the order of `client-queues.toml`.
    pub fn clients(&self) -> &[ClientAddress] {
        &self.clients
    }

    /// The URL of one of the stack's own queues.
    pub fn own_queue_url(&self, queue: OwnQueue) -> String {
        self.connection().queue_url(ACCOUNT, &self.naming.own_queue_name(queue))
    }

    /// The Python environment that it runs in.
    pub fn environment(&self) -> &Environment {
        self.ground.environment()
    }

    /// The file of MiniStack's log, and the functions'.
    pub fn log(&self) -> PathBuf {
        self.ground.log()
    }

    /// The functions' processes that run now.
    pub fn functions(&self) -> Vec<Process> {
        self.ground.functions()
    }
}

/// The repository's `client-queues.toml`, with which a stack is deployed.
///
/// # Errors
///
/// [`StackError::File`], [`StackError::Config`], [`StackError::Source`].
pub fn config() -> Result<Config, StackError> {
    read_config().map(|(_, _, config)| config)
}

fn read_config() -> Result<(String, Naming, Config), StackError> {
    let text = read(CLIENT_QUEUES)?;
    let naming =
        Naming::try_new("aws", REGION, ACCOUNT, "").map_err(|error| StackError::Fault(error.to_string()))?;
    let config = Config::try_from_toml(CLIENT_QUEUES, &text, Some(&naming)).map_err(StackError::Config)?;
    reads_own_events(&config.source).map_err(StackError::Source)?;
    Ok((text, naming, config))
}

async fn start_ministack(
    name: String,
    say: Say,
    variables: Variables,
) -> Result<(Environment, MiniStack), StackError> {
    let start = move || -> Result<_, StackError> {
        let directory = workspace::directory();
        let environment = Environment::prepare(&directory, &*say)?;
        let ministack = MiniStack::start(&environment, &directory, &name, &variables)?;
        Ok((environment, ministack))
    };
    spawn_blocking(start).await.map_err(fault)?
}

/// What lets the function that delivers to webhooks believe the receiver.
///
/// # Errors
///
/// [`StackError::Receiver`]: the file of its authority's certificate can't be written.
pub fn local_variables(receiver: &Receiver) -> Result<Variables, StackError> {
    let directory = workspace::directory();
    let path = directory.join(format!("receiver-{}.pem", receiver.port()));
    let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&path, receiver.authority()));
    written.map_err(StackError::Receiver)?;
    let path = path.display().to_string();
    let variables = [("PUSH_LOCAL_CA", path.as_str()), ("PUSH_LOCAL_LOOPBACK", "true")];
    Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

/// The functions' packages.
struct Packages {
    pipeline: Vec<Package>,
    companion: Option<Package>,
}

async fn build(say: Say, config: String, has_companion: bool) -> Result<Packages, StackError> {
    let build = move || -> Result<Packages, StackError> {
        let mut is_building = false;
        let mut progress = |line: &str| {
            let is_work = line.trim_start().starts_with("Compiling");
            if is_work && !is_building {
                say("building the functions (dev builds; the first time takes minutes)");
                is_building = true;
            }
            // That everything is there already is no news.
            if is_building || !line.trim_start().starts_with("Finished") {
                say(line);
            }
        };
        let mut functions = functions::ALL.to_vec();
        functions.extend(has_companion.then_some(functions::API));
        let root = workspace::root();
        let built = functions::build_for_this_machine(&root, &functions, Profile::Dev, &mut progress)?;
        let (companion, pipeline): (Vec<_>, Vec<_>) =
            built.iter().partition(|built| built.function == functions::API);
        let pipeline = pipeline.into_iter().map(|built| package(built, Some(&config)));
        let companion = companion.into_iter().map(|built| package(built, None)).next();
        Ok(Packages { pipeline: pipeline.collect::<Result<_, _>>()?, companion: companion.transpose()? })
    };
    spawn_blocking(build).await.map_err(fault)?
}

fn package(built: &Built, config: Option<&str>) -> Result<Package, StackError> {
    let path = built.binary.display().to_string();
    let bootstrap = fs::read(&built.binary).map_err(|source| StackError::File { path, source })?;
    Ok(Package::of_built(built, &bootstrap, config)?)
}

fn address(client: &Client, naming: &Naming, connection: &Connection) -> ClientAddress {
    let name = client.name.as_str();
    let QueueArn { account, name: queue_name, .. } = client.queue_arn(naming);
    let queue_url = connection.queue_url(&account, &queue_name);
    ClientAddress { name: name.to_owned(), account, queue_name, queue_url }
}

/// The settings of the pipeline; without a stream, it imports the one that the companion exports.
fn settings(stream_arn: Option<&str>) -> Result<Settings, SettingsError> {
    Ok(Settings {
        event_stream_arn: stream_arn.map(StreamArn::try_new).transpose()?,
        function_timeout: Some(FunctionTimeout::try_new(FUNCTION_TIMEOUT)?),
        ..Settings::default()
    })
}

async fn deploy_api(
    connection: &Connection,
    package: &Package,
    say: &Say,
) -> Result<BTreeMap<String, String>, StackError> {
    let template = read(API_TEMPLATE)?;
    say(&format!("deploying {API_TEMPLATE}"));
    let deployment = CompanionDeployment { stack: API_STACK, template: &template, package, bucket: BUCKET };
    Ok(deploy_companion(&connection.target(ACCOUNT), &deployment, &mut failures(say)).await?)
}

/// Says which resources fail.
fn failures(say: &Say) -> impl FnMut(Progress) + Send + use<> {
    let say = Arc::clone(say);
    move |progress| {
        if let Progress::Resource { logical_id, status, reason: Some(reason), .. } = progress
            && status.ends_with("_FAILED")
        {
            say(&format!("{logical_id}: {status}: {reason}"));
        }
    }
}

async fn deploy_template(
    ground: &Ground,
    imports_stream: bool,
    config: &Config,
    packages: &[Package],
    say: &Say,
) -> Result<(), StackError> {
    let template = read("template.yml")?;
    let settings = settings((!imports_stream).then_some(&ground.stream_arn));
    let settings = settings.map_err(|error| StackError::Fault(error.to_string()))?;
    let target = ground.connection().target(ACCOUNT);
    say("deploying template.yml");
    let deployment = Deployment {
        stack: STACK,
        template: &template,
        settings: &settings,
        config,
        packages,
        bucket: BUCKET,
    };
    let deployed = deploy::stack::deploy(&target, &deployment, &mut failures(say)).await?;
    // Until the ledger knows the clients, every message would be returned.
    run_maintenance(&target, &deployed.outputs).await?;
    Ok(())
}

fn read(name: &str) -> Result<String, StackError> {
    let path = workspace::root().join(name);
    fs::read_to_string(&path).map_err(|source| StackError::File { path: path.display().to_string(), source })
}

/// Whether `source` reads the events that are written here; or why not.
fn reads_own_events(source: &Source) -> Result<(), String> {
    match Reader::new(source).read_admitted(EXAMPLE) {
        Err(why) => Err(why.to_string()),
        Ok(None) => Err("`[source.filter]` does not admit them".to_owned()),
        Ok(Some(_)) if source.version.first != 1 => Err("their versions count from 1".to_owned()),
        Ok(Some(_)) => Ok(()),
    }
}

fn fault(error: JoinError) -> StackError {
    StackError::Fault(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_another_table_is_refused_before_anything_starts() {
        let check = |change: &str, to: &str, expected: Result<(), &str>| {
            let shipped = read(CLIENT_QUEUES).unwrap();
            let text = shipped.replace(change, to);
            let config = Config::try_from_toml(CLIENT_QUEUES, &text, None).unwrap();
            assert_eq!(reads_own_events(&config.source), expected.map_err(str::to_owned));
        };
        check("", "", Ok(()));
        let lacks =
            "the event lacks `pk`, its partition key; `[source]` in `client-queues.toml` says where it is";
        check("partition_key = \"mark\"", "partition_key = \"pk\"", Err(lacks));
        check("[source]\n", "[source]\nfirst_version = 0\n", Err("their versions count from 1"));
        let filter = "[source.filter]\nmark = [{ prefix = \"EVENT#\" }]\n[[client]]\nname = \"Reporting\"\n";
        check("[[client]]\nname = \"Billing\"\n", filter, Err("`[source.filter]` does not admit them"));
    }
}
