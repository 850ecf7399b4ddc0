//! The keys of the stack's event table, as an operator names aggregates by them.

use aws::operator::table::{self, KeyType, Table};
use shared::control::TypedKey;

use super::operator::Operator;
use crate::context::output;
use crate::exit::{Exit, Failure};

/// The stack's event table.
pub(super) struct StackEventTable {
    pub(super) name: String,
    pub(super) description: Table,
}

impl StackEventTable {
    /// The table that the stack reads.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: the stack does not name it. [`Failure::Call`]: it can't be looked at.
    pub(super) async fn of_stack(operator: &Operator) -> Result<Self, Failure> {
        let stream = output(&operator.stack, "EventStreamARN")?;
        let name = table::of_stream(stream).map_err(|why| Exit::Unreachable.because(why))?;
        let description = table::describe(&operator.target, name).await?;
        Ok(Self { name: name.to_owned(), description })
    }

    /// The type of its partition key.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`]: DynamoDB does not name it.
    pub(super) fn key_type(&self) -> Result<KeyType, Failure> {
        self.description.partition_type.ok_or_else(|| {
            let name = &self.name;
            Exit::Config.because(format!("DynamoDB does not name the type of `{name}`'s partition key"))
        })
    }
}

/// The question after an aggregate that was named by its `MessageGroupId`, perhaps from a consumer's log.
pub(super) fn did_you_mean(key: &TypedKey) -> String {
    format!("did you mean `{key}`? (a `MessageGroupId` is the key encoded)")
}
