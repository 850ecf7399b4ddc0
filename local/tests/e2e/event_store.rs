//! The companion's store on MiniStack: the contract of its port, and commands and erasures over the wire.

#[allow(dead_code, reason = "what MiniStack does not know is checked with the double alone")]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a contract reports by panicking")]
#[path = "../../../api/tests/api/store/contract.rs"]
mod contract;

use std::collections::BTreeSet;

use crate::support::{SdkClients as _, ground};
use api::mark::{Address, AddressLine, Command, Entitle, Mark, Name, OnMark, PostCode, Price};
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
                let certificate = Command::UpdateCertificate(OnMark { mark: mark.clone() });
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

fn create(mark: &Mark) -> anyhow::Result<Command> {
    let address = Address {
        address_line1: AddressLine::try_new("1 “Old Mill” Lane")?,
        address_line2: None,
        post_code: PostCode::try_new("AA9 9AA")?,
    };
    let (price, nominee_name) = (Price::try_new("299.90")?, Name::try_new("Nominee 7 – Größe")?);
    Ok(Command::CreateEntitlement(Entitle { mark: mark.clone(), price, nominee_name, address }))
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
