//! DynamoDB: the ledger's table, and the event table.
//!
//! The two calls that every batch makes, reading and writing the ledger, are [lean](crate::lean); all others are made
//! by the AWS SDK.
//!
//! An item read from the event table is converted as one from its stream is, to the same text.

mod again;
mod attributes;
mod events;
mod fault;
mod json;
mod ledger;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use shared::ids::Key;
use shared::image::{Fault, Image, ImageError, Text, WantedPaths, Writer};
use shared::send::Cause;

use crate::access::{Access, NoEndpoint};
use crate::connections;
use crate::lean::{Caller, Service};

#[cfg(feature = "operator")]
pub(crate) use self::attributes::{found, item, keys_of, of_key};
pub use self::events::EventsTable;
pub use self::fault::{Hindrance, hindrance};
pub use self::ledger::LedgerTable;

/// DynamoDB on the wire.
const SERVICE: Service =
    Service { name: "dynamodb", headers: &[("content-type", "application/x-amz-json-1.0")] };

/// The SDK's client of DynamoDB as `access` says, for [`LedgerTable`] and [`EventsTable`]. Connects at the first call.
///
/// It does not retry: a write whose result is unknown must not be repeated, and reads are repeated where they are made.
pub fn client(access: &Access) -> Client {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(access.region.clone()))
        .credentials_provider(access.credentials.clone())
        .use_fips(access.endpoint.use_fips())
        .use_dual_stack(access.endpoint.use_dual_stack())
        .http_client(access.connections.http_client())
        .retry_config(RetryConfig::disabled())
        // It watches long streams; a call here is bounded as a whole.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(connections::timeouts());
    config.set_endpoint_url(access.endpoint.url());
    Client::from_conf(config.build())
}

/// DynamoDB as `access` says, called lean.
fn caller(access: &Access) -> Result<Caller, NoEndpoint> {
    let caller = endpoint(access).and_then(|endpoint| Caller::try_new(access, &SERVICE, &endpoint));
    caller.map_err(|why| NoEndpoint::of("DynamoDB", access, why))
}

/// Where the SDK's own rules have the service.
fn endpoint(access: &Access) -> Result<String, Cause> {
    let params = Params::builder()
        .region(&access.region)
        .use_fips(access.endpoint.use_fips())
        .use_dual_stack(access.endpoint.use_dual_stack())
        .set_endpoint(access.endpoint.url())
        .build()?;
    let found = ResolveEndpoint::resolve_endpoint(&DefaultResolver::new(), &params).now_or_never();
    Ok(found.ok_or("the rules wait for something")??.url().to_owned())
}

/// Converts an item read from the table to JSON, byte for byte what [`image::convert`](shared::image::convert) makes of
/// the same item in a stream record.
///
/// # Errors
///
/// [`ImageError`] if the item holds what JSON cannot show, or a type that did not exist when this was written.
pub fn convert<'v>(
    item: &'v HashMap<String, AttributeValue>,
    wanted: &WantedPaths,
) -> Result<Image<'v>, ImageError> {
    let mut writer = Writer::new(wanted, 1_024);
    let written = write_map(&mut writer, item);
    writer.finish(written)
}

/// The value of a key attribute.
///
/// # Errors
///
/// [`Fault`] if it is not a string, a number or bytes, the only types of keys.
pub fn key(value: &AttributeValue) -> Result<Key, Fault> {
    match value {
        AttributeValue::S(text) => Ok(Key::S(text.clone())),
        AttributeValue::N(number) => Ok(Key::N(number.clone())),
        AttributeValue::B(bytes) => Ok(Key::B(bytes.as_ref().to_vec())),
        _ => Err(Fault::NotAKey),
    }
}

fn write_map<'v>(
    writer: &mut Writer<'_, 'v>,
    item: &'v HashMap<String, AttributeValue>,
) -> Result<(), Fault> {
    let mut map = writer.begin_map()?;
    for (name, value) in item {
        writer.entry(&mut map, name.as_str().into(), |writer| write(writer, value))?;
    }
    writer.end_map(map)
}

fn write<'v>(writer: &mut Writer<'_, 'v>, value: &'v AttributeValue) -> Result<(), Fault> {
    match value {
        AttributeValue::S(text) => writer.string(&text.as_str().into())?,
        AttributeValue::N(number) => writer.number(&number.as_str().into())?,
        AttributeValue::B(bytes) => writer.binary(STANDARD.encode(bytes).as_bytes())?,
        AttributeValue::Bool(value) => writer.boolean(*value)?,
        AttributeValue::Null(value) => writer.null(*value)?,
        AttributeValue::M(entries) => write_map(writer, entries)?,
        AttributeValue::L(items) => {
            let mut list = writer.begin_list()?;
            for item in items {
                writer.item(&mut list, |writer| write(writer, item))?;
            }
            writer.end_list();
        }
        AttributeValue::Ss(members) => writer.string_set(borrowed(members))?,
        AttributeValue::Ns(members) => writer.number_set(borrowed(members))?,
        AttributeValue::Bs(members) => {
            writer.binary_set(members.iter().map(|bytes| STANDARD.encode(bytes).into()).collect())?;
        }
        _ => return Err(Fault::UnknownType("unknown".to_owned())),
    }
    Ok(())
}

fn borrowed(members: &[String]) -> Vec<Text<'_>> {
    members.iter().map(|member| member.as_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use proptest::prelude::*;
    use shared::config::Path;
    use shared::image;
    use shared::image::DEPTH_LIMIT;
    use testkit::samples::image::{Sample, item, raw, shuffled};

    use super::*;

    fn sdk(sample: &Sample) -> AttributeValue {
        let blob = |bytes: &Vec<u8>| Blob::new(bytes.clone());
        match sample.clone() {
            Sample::S(text) => AttributeValue::S(text),
            Sample::N(number) => AttributeValue::N(number),
            Sample::B(bytes) => AttributeValue::B(blob(&bytes)),
            Sample::Bool(value) => AttributeValue::Bool(value),
            Sample::Null => AttributeValue::Null(true),
            Sample::M(entries) => AttributeValue::M(sdk_item(&entries)),
            Sample::L(items) => AttributeValue::L(items.iter().map(sdk).collect()),
            Sample::Ss(members) => AttributeValue::Ss(members),
            Sample::Ns(members) => AttributeValue::Ns(members),
            Sample::Bs(members) => AttributeValue::Bs(members.iter().map(blob).collect()),
        }
    }

    fn sdk_item(entries: &[(String, Sample)]) -> HashMap<String, AttributeValue> {
        entries.iter().map(|(name, sample)| (name.clone(), sdk(sample))).collect()
    }

    proptest! {
        #[test]
        fn table_and_stream_agree_byte_for_byte((entries, shuffled) in item().prop_flat_map(shuffled)) {
            let paths = entries.iter().map(|(name, _)| Path(vec![name.clone()])).collect::<Vec<_>>();
            let wanted = WantedPaths::new(&paths);
            let (item, text) = (sdk_item(&entries), raw(&shuffled));
            let from_table = convert(&item, &wanted).unwrap();
            let from_stream = image::convert(&text, &wanted).unwrap();
            prop_assert_eq!(from_table, from_stream);
        }
    }

    #[test]
    fn faults_name_the_attribute() {
        let list = |value| AttributeValue::L(vec![AttributeValue::Bool(true), value]);
        let deep =
            (0..DEPTH_LIMIT).fold(AttributeValue::Bool(true), |inner, _| AttributeValue::L(vec![inner]));
        let table = [
            (AttributeValue::N("1e".to_owned()), "attribute `a`: not a number as JSON writes it"),
            (list(AttributeValue::Null(false)), "attribute `a[1]`: of type `NULL`, but its value is `false`"),
            (AttributeValue::Ss(vec!["x".to_owned(); 2]), "attribute `a`: a set with a member twice"),
        ];
        for (value, expected) in table {
            let item = HashMap::from([("a".to_owned(), value)]);
            assert_eq!(convert(&item, &WantedPaths::default()).unwrap_err().to_string(), expected);
        }
        let error = convert(&HashMap::from([("a".to_owned(), deep)]), &WantedPaths::default()).unwrap_err();
        assert_eq!(error.fault, Fault::Depth);
    }

    #[test]
    fn keys() {
        let table = [
            (AttributeValue::S("AFC F5".to_owned()), Ok(Key::S("AFC F5".to_owned()))),
            (AttributeValue::N("7".to_owned()), Ok(Key::N("7".to_owned()))),
            (AttributeValue::B(Blob::new([0, 255])), Ok(Key::B(vec![0, 255]))),
            (AttributeValue::Bool(true), Err(Fault::NotAKey)),
            (AttributeValue::Null(true), Err(Fault::NotAKey)),
        ];
        for (value, expected) in table {
            assert_eq!(key(&value), expected, "{value:?}");
        }
    }
}
