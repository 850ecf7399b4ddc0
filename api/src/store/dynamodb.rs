//! DynamoDB itself, called through the AWS SDK.

mod attributes;
mod expression;
mod fault;

use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};

use self::attributes::{SdkItem, of_map, to_map};
use self::expression::Expression;
use super::port::{Action, CallError, DynamoDb, Page, Query, Scan, TransactError, Write};
use super::value::Map;

/// DynamoDB, in the account and region of a client of the SDK. The client need not repeat anything.
#[derive(Clone)]
pub struct SdkDynamoDb {
    client: Client,
}

impl SdkDynamoDb {
    /// DynamoDB as `client` calls it.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl fmt::Debug for SdkDynamoDb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SdkDynamoDb").finish_non_exhaustive()
    }
}

impl DynamoDb for SdkDynamoDb {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        let get = self.client.get_item().table_name(table).consistent_read(true);
        let answer = get.set_key(Some(of_map(key))).send().await.map_err(fault::of_call)?;
        answer.item.map(to_map).transpose()
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        let mut expression = Expression::default();
        let (name, value) = query.partition;
        let mut text = format!("{} = {}", expression.name(name), expression.text(value));
        if let Some((name, bounds)) = query.sort {
            text += &expression.bounds(name, bounds);
        }
        let call = self.client.query().table_name(query.table).set_index_name(query.index.map(str::to_owned));
        let call = call.consistent_read(query.index.is_none()).scan_index_forward(query.is_ascending);
        let call = call.limit(i32::try_from(query.limit).unwrap_or(i32::MAX)).key_condition_expression(text);
        let call = call.set_exclusive_start_key(query.start.as_ref().map(of_map));
        let call = call.set_expression_attribute_names(expression.names());
        let call = call.set_expression_attribute_values(expression.values());
        let answer = call.send().await.map_err(fault::of_call)?;
        page(answer.items, answer.last_evaluated_key)
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        let mut expression = Expression::default();
        let (name, value) = scan.filter;
        let text = format!("{} = {}", expression.name(name), expression.text(value));
        let call = self.client.scan().table_name(scan.table).filter_expression(text);
        let call = call.limit(i32::try_from(scan.limit).unwrap_or(i32::MAX));
        let call = call.set_exclusive_start_key(scan.start.as_ref().map(of_map));
        let call = call.set_expression_attribute_names(expression.names());
        let call = call.set_expression_attribute_values(expression.values());
        let answer = call.send().await.map_err(fault::of_call)?;
        page(answer.items, answer.last_evaluated_key)
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        let writes = actions.iter().map(write).collect::<Result<Vec<_>, _>>();
        let writes = writes.map_err(|error| TransactError::Refused(error.into()))?;
        let call = self.client.transact_write_items().client_request_token(token);
        let done = call.set_transact_items(Some(writes)).send().await;
        done.map(drop).map_err(fault::of_transaction)
    }
}

fn write(action: &Action) -> Result<TransactWriteItem, BuildError> {
    let mut expression = Expression::default();
    let condition = action.condition.as_ref().map(|condition| expression.condition(condition));
    let (names, values) = (expression.names(), expression.values());
    let table = action.table.as_str();
    let write = TransactWriteItem::builder();
    Ok(match &action.write {
        Write::Put(item) => {
            let put = Put::builder().table_name(table).set_item(Some(of_map(item)));
            let put = put.set_condition_expression(condition).set_expression_attribute_names(names);
            write.put(put.set_expression_attribute_values(values).build()?)
        }
        Write::Delete(key) => {
            let delete = Delete::builder().table_name(table).set_key(Some(of_map(key)));
            let delete = delete.set_condition_expression(condition).set_expression_attribute_names(names);
            write.delete(delete.set_expression_attribute_values(values).build()?)
        }
        Write::Check(key) => {
            let check = ConditionCheck::builder().table_name(table).set_key(Some(of_map(key)));
            let check = check.set_condition_expression(condition).set_expression_attribute_names(names);
            write.condition_check(check.set_expression_attribute_values(values).build()?)
        }
    }
    .build())
}

/// An answer without items is none: nothing may be taken for empty that wasn't read.
fn page(items: Option<Vec<SdkItem>>, next: Option<SdkItem>) -> Result<Page, CallError> {
    let items = items.ok_or_else(|| CallError::Unknown("the answer has no items".into()))?;
    let items = items.into_iter().map(to_map).collect::<Result<_, _>>()?;
    let next = next.filter(|keys| !keys.is_empty()).map(to_map).transpose()?;
    Ok(Page { items, next })
}
