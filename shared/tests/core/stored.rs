//! Any item of the ledger is read back as it was stored, and anything else is refused.

use proptest::prelude::*;
use shared::ledger::stored::{Value, keys, restore, store};
use testkit::samples::ledger::{LATER, item};

const MAY_BE_MISSING: [&str; 27] = [
    "behind",
    "last",
    "last_write_count",
    "sent",
    "time",
    "streamed_at",
    "holes",
    "pairs",
    "after",
    "closed",
    "closed_incarnation",
    "settles_at",
    "hold",
    "erasures",
    "settlement",
    "failure",
    "refused",
    // Of what push functions write.
    "state",
    "mark",
    "place",
    "asked_at",
    "incarnation",
    "shown_by",
    "done_at",
    "breaker",
    "gone",
    "refusals",
];

proptest! {
    #[test]
    fn what_is_stored_is_read_back((key, item) in item()) {
        prop_assert_eq!(restore(&key, store(&item)), Ok(item));
    }

    #[test]
    fn different_items_have_different_keys((one, _) in item(), (other, _) in item()) {
        prop_assert_eq!(keys(&one) == keys(&other), one == other);
    }

    #[test]
    fn every_attribute_is_needed_and_what_is_unknown_is_kept((key, item) in item()) {
        let stored = store(&item);
        for name in stored.keys().filter(|name| !name.starts_with(LATER)) {
            let mut less = stored.clone();
            less.remove(name);
            match restore(&key, less) {
                // These may be left out: they are empty then.
                Ok(_) => prop_assert!(MAY_BE_MISSING.contains(&name.as_str()), "{name}"),
                Err(damaged) => prop_assert_eq!(&damaged.attribute, name),
            }
            let mut other = stored.clone();
            other.insert(name.clone(), Value::L(vec![Value::L(Vec::new())]));
            prop_assert_eq!(&restore(&key, other).unwrap_err().attribute, name);
        }
        let mut more = stored;
        more.insert("zzz".to_owned(), Value::Bool(true));
        prop_assert_eq!(restore(&key, more.clone()).map(|item| store(&item)), Ok(more));
    }
}
