//! The companion's store on MiniStack: the contract of its port, commands and erasures over the wire, and a second kind of
//! aggregate behind a pipeline of its own, step by step as `docs/event-source.md` says.

#[allow(dead_code, reason = "what MiniStack does not know is checked with the double alone")]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a contract reports by panicking")]
#[path = "../../../api/tests/api/store/contract.rs"]
mod contract;

#[expect(unreachable_pub, reason = "it is a module of a program of its own")]
#[path = "../../../docs/event-source/parcels.rs"]
mod parcels;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::ledger::PATIENCE;
use crate::support::{SdkClients as _, ground, printed, take};
use anyhow::{Context as _, anyhow, ensure};
use api::mark::{Address, AddressLine, Command as MarkCommand, Entitle, Mark, Name, OnMark, PostCode, Price};
use api::marks::{Marks, schema};
use api::store::value::Value;
use api::store::{AppendError, Erasure, Schema, SdkDynamoDb, Store, StoreError, Until};
use api::surroundings::Machine;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use futures_util::future::join_all;
use local::connection::Connection;
use local::ministack::{ACCOUNT, REGION};

#[tokio::test]
async fn dynamodb_keeps_the_contract_of_the_store() -> anyhow::Result<()> {
    let ground = ground("store-contract").await?;
    let schema = schema("Events", "States");
    make_tables(ground.connection(), &schema).await?;
    contract::check(&SdkDynamoDb::new(ground.connection().dynamodb()), &schema).await;
    Ok(())
}

#[tokio::test]
async fn commands_at_once_and_an_erasure_over_the_wire() -> anyhow::Result<()> {
    let ground = ground("store").await?;
    let schema = schema("Events", "States");
    make_tables(ground.connection(), &schema).await?;
    let db = SdkDynamoDb::new(ground.connection().dynamodb());
    let machine = Machine::try_new().map_err(anyhow::Error::msg)?;
    let marks = Marks::new(Store::new(db, machine, schema));
    let mark = Mark::try_new("AFC F5")?;
    for incarnation in 1..=2 {
        assert_eq!(marks.execute(&create(&mark)?, Some(0), None).await?.version, 1, "{incarnation}");
        // Eight writers change the same mark, each sixteen times.
        let writer = async |_| {
            let mut versions = Vec::new();
            while versions.len() < 16 {
                let certificate = MarkCommand::UpdateCertificate(OnMark { mark: mark.clone() });
                match marks.execute(&certificate, None, None).await {
                    Ok(receipt) => versions.push(receipt.version),
                    Err(AppendError::Store(StoreError::Conflict)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(versions)
        };
        let written = join_all((0..8).map(writer)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let written: Vec<u64> = written.into_iter().flatten().collect();
        assert_eq!(written.len(), 128);
        let unique: BTreeSet<u64> = written.into_iter().collect();
        assert_eq!(unique, (2..=129).collect());

        let events = marks.events(&mark, None, 500).await?.events;
        assert_eq!(
            events.iter().map(|event| event.version).collect::<Vec<_>>(),
            (1..=129).collect::<Vec<_>>()
        );
        assert!(events.windows(2).all(|pair| pair[0].time < pair[1].time));
        for event in &events {
            let rebuilt = marks.rebuild(&mark, Until::Version(event.version)).await?;
            let json = serde_json::to_string(&rebuilt)?;
            assert_eq!(Value::try_from_json(&json)?, event.body["RegistrationNumber"]);
        }
        assert_eq!(marks.erase(&mark, Some(129)).await?, Erasure::Done);
        assert_eq!(marks.events(&mark, None, 500).await?.events, []);
        assert_eq!(marks.state(&mark).await?, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_kind_of_aggregate_reaches_a_client_as_the_page_says() -> anyhow::Result<()> {
    const PAGE: &str = include_str!("../../../docs/event-source.md");
    const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/event-source/tables.py");
    let ground = ground("parcels").await?;
    let mut tables = Command::new(&ground.environment().python);
    let tables = tables.arg(TABLES).envs(ground.variables()).env("AWS_DEFAULT_REGION", REGION).output()?;
    ensure!(tables.status.success(), "{}", String::from_utf8_lossy(&tables.stderr));
    let stream = String::from_utf8(tables.stdout)?;
    let machine = Machine::try_new().map_err(anyhow::Error::msg)?;
    let db = SdkDynamoDb::new(ground.connection().dynamodb());
    let store = Store::new(db, machine, parcels::schema());

    let (_, source) = PAGE.split_once("```toml\n[source]").context("no source")?;
    let (source, _) = source.split_once("```").context("no end")?;
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("parcels.toml");
    fs::write(&config, format!("[source]{source}[[client]]\nname = \"Tracking\"\n"))?;
    let of_parcels = |command: &'static str, more: &[&'static str]| {
        let arguments = [&[command, "--stack", "parcels"], more].concat();
        printed(&ground, &config, &arguments)
    };
    let deploy = ["--prefix", "Parcels", "--stream-arn", stream.trim().to_owned().leak()];
    for (command, more) in [("plan", &deploy[..]), ("deploy", &[&deploy[..], &["--yes"]].concat())] {
        let output = of_parcels(command, more)?;
        ensure!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    let bring = async |place| parcels::bring(&store, "P 1", place).await;
    for (place, version) in [("depot", 1), ("van", 2), ("door", 3)] {
        let receipt = bring(place).await.map_err(|error| anyhow!("{place}: {error}"))?;
        assert_eq!(receipt.version, version);
    }
    assert!(matches!(bring("van").await, Err(AppendError::Refused(parcels::Delivered))));
    let url = ground.connection().queue_url(ACCOUNT, "ParcelsMarkFanOutClientTracking.fifo");
    let messages = take(ground.connection(), "Tracking", &url, 3, PATIENCE).await?;
    let places = messages.iter().map(|message| {
        let body: serde_json::Value = serde_json::from_str(message.body().unwrap_or_default())?;
        anyhow::Ok((body["version"].as_u64(), body["place"].as_str().map(str::to_owned)))
    });
    let expected = [(1, "depot"), (2, "van"), (3, "door")];
    let expected = expected.map(|(version, place)| (Some(version), Some(place.to_owned())));
    assert_eq!(places.collect::<Result<Vec<_>, _>>()?, expected);
    let check = of_parcels("check", &[])?;
    let said = String::from_utf8(check.stdout)?;
    assert!(said.contains("3 items, as new ones: 3 events, 0 passed over, 0 rejected"), "{said}");
    Ok(())
}

fn create(mark: &Mark) -> anyhow::Result<MarkCommand> {
    let address = Address {
        address_line1: AddressLine::try_new("1 “Old Mill” Lane")?,
        address_line2: None,
        post_code: PostCode::try_new("AA9 9AA")?,
    };
    let (price, nominee_name) = (Price::try_new("299.90")?, Name::try_new("Nominee 7 – Größe")?);
    Ok(MarkCommand::CreateEntitlement(Entitle { mark: mark.clone(), price, nominee_name, address }))
}

/// The tables of `api/template.yml`, as far as the store depends on them.
async fn make_tables(connection: &Connection, schema: &Schema) -> anyhow::Result<()> {
    let client = connection.dynamodb();
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    };
    let keys = |names: &[&str]| {
        let keys = names.iter().zip([KeyType::Hash, KeyType::Range]);
        let keys =
            keys.map(|(name, role)| KeySchemaElement::builder().attribute_name(*name).key_type(role).build());
        keys.collect::<Result<Vec<_>, _>>()
    };
    let index = |name: &str, names: &[&str]| -> anyhow::Result<GlobalSecondaryIndex> {
        let projection = Projection::builder().projection_type(ProjectionType::All).build();
        let index = GlobalSecondaryIndex::builder().index_name(name).projection(projection);
        Ok(index.set_key_schema(Some(keys(names)?)).build()?)
    };
    let events = client.create_table().table_name(&schema.events).billing_mode(BillingMode::PayPerRequest);
    let attributes = [schema.partition, schema.sort, schema.id, schema.name].map(attribute);
    let attributes = attributes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let events = events.set_attribute_definitions(Some(attributes));
    let events = events.set_key_schema(Some(keys(&[schema.partition, schema.sort])?));
    let events = events.global_secondary_indexes(index(schema.id_index, &[schema.id])?);
    let events = events.global_secondary_indexes(index(schema.name_index, &[schema.name, schema.sort])?);
    events.send().await?;
    let states = client.create_table().table_name(&schema.states).billing_mode(BillingMode::PayPerRequest);
    let states = states.attribute_definitions(attribute("key")?).set_key_schema(Some(keys(&["key"])?));
    states.send().await?;
    Ok(())
}
