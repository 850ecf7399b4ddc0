//! The keys of the stack's event table, as an operator names aggregates by them.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::table::{self, KeyType, Table};
use shared::control::TypedKey;
use shared::ids::Group;
use shared::ledger::{GroupItem, ItemKey};

use super::operator::{Operator, StackLedger};
use crate::context::output;
use crate::exit::{Exit, Failure};
use crate::key::{key_of_group, typed_key};

/// The types that an aggregate's key can have. The groups of two types differ, so the ledger tells which one is meant.
const KEY_TYPES: [KeyType; 3] = [KeyType::S, KeyType::N, KeyType::B];

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
        let name = stream_table(&operator.stack).map_err(|why| Exit::Unreachable.because(why))?;
        let description = table::describe(&operator.target, &name).await?;
        Ok(Self { name, description })
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

/// The name of the event table that `stack` reads, or why it isn't known.
pub(super) fn stream_table(stack: &DeployedStack) -> Result<String, String> {
    let stream = output(stack, "EventStreamARN").map_err(|error| error.to_string())?;
    table::of_stream(stream).map(str::to_owned)
}

/// The aggregate that the operator named as `text`, in a table whose keys are of this type; and another that is meant, if
/// `text` is the `MessageGroupId` of one.
///
/// # Errors
///
/// [`Exit::Usage`]: the text is not a key of that type.
pub(super) fn named_key(text: &str, of: KeyType) -> Result<(TypedKey, Option<TypedKey>), Failure> {
    // The operator may have copied the group from a consumer's log.
    match (typed_key(text, of), key_of_group(text, of)) {
        (Ok(key), encoded) => Ok((key, encoded)),
        (Err(failure), Some(key)) => Err(Exit::Usage.because(format!("{failure}; {}", did_you_mean(&key)))),
        (Err(failure), None) => Err(failure),
    }
}

/// The aggregate of the ledger that the operator named as `text`; none if the ledger knows none.
///
/// # Errors
///
/// [`Exit::Usage`]: the text is not a key, or is the `MessageGroupId` of an aggregate that the ledger knows.
/// [`Failure::Call`]: the ledger can't be read.
pub(super) async fn known_group(
    ledger: &StackLedger,
    text: &str,
) -> Result<Option<(Group, GroupItem)>, Failure> {
    if text.is_empty() {
        typed_key(text, KeyType::S)?;
    }
    let keys = KEY_TYPES.into_iter().filter_map(|of| typed_key(text, of).ok()?.group());
    // As consumers see it: for a hint.
    let encoded: Vec<TypedKey> = KEY_TYPES.into_iter().filter_map(|of| key_of_group(text, of)).collect();
    let keys: Vec<ItemKey> =
        keys.chain(encoded.iter().filter_map(TypedKey::group)).map(ItemKey::Group).collect();
    let items = ledger.read(&keys).await?;
    for key in keys {
        let ItemKey::Group(group) = key else { continue };
        let Some(item) = items.group(&group).present() else { continue };
        let typed = TypedKey::from(&item.key);
        if typed.as_text() != text {
            let hint = did_you_mean(&typed);
            return Err(Exit::Usage.because(format!("the ledger knows no aggregate `{text}`; {hint}")));
        }
        let item = item.clone();
        return Ok(Some((group, item)));
    }
    Ok(None)
}

/// That the ledger knows no aggregate `text`.
pub(super) fn unknown_group(text: &str) -> Failure {
    Exit::Usage.because(format!(
        "the ledger knows no aggregate `{text}`: none of its events was fanned out since there is a ledger; name an \
         aggregate by its key"
    ))
}

/// The question after an aggregate that was named by its `MessageGroupId`, perhaps from a consumer's log.
pub(super) fn did_you_mean(key: &TypedKey) -> String {
    format!("did you mean `{key}`? (a `MessageGroupId` is the key encoded)")
}
