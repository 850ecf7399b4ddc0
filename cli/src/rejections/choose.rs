//! Chooses rejections by the beginnings of their ids, as an operator types them.

/// The fewest characters of an id that are shown: rejections that were not seen have ids too.
const SHOWN: usize = 8;

/// Why an id names no rejection, or more than one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No rejection that can be seen has such an id.
    #[error(
        "no rejection that can be seen has an id that begins with `{0}`; `fanoutctl rejected list` shows those that can: \
         the first of each group, and none that another command looks at"
    )]
    Unknown(String),
    /// Several rejections have such an id.
    #[error("the ids of several rejections begin with `{typed}`: `{}`; type more of it", .ids.join("`, `"))]
    Ambiguous {
        /// The beginning that was typed.
        typed: String,
        /// The whole ids that begin with it.
        ids: Vec<String>,
    },
}

/// The one of `ids` that is `typed`, or else begins with it.
///
/// # Errors
///
/// [`ChoiceError`]: no id matches, or several do.
pub fn choose<'i>(typed: &str, ids: &[&'i str]) -> Result<&'i str, ChoiceError> {
    let matching: Vec<&str> = ids.iter().filter(|id| id.starts_with(typed)).copied().collect();
    match matching.as_slice() {
        _ if typed.is_empty() => Err(ChoiceError::Unknown(String::new())),
        [] => Err(ChoiceError::Unknown(typed.to_owned())),
        [only] => Ok(only),
        several => match several.iter().find(|id| **id == typed) {
            Some(exact) => Ok(exact),
            None => Err(ChoiceError::Ambiguous {
                typed: typed.to_owned(),
                ids: several.iter().map(|id| (*id).to_owned()).collect(),
            }),
        },
    }
}

/// The shortest beginning of `id` that no other of `ids` has, of at least eight characters.
pub fn shortest<'i>(id: &'i str, ids: &[&str]) -> &'i str {
    let is_unique = |beginning: &str| ids.iter().all(|other| *other == id || !other.starts_with(beginning));
    let beginnings = id.char_indices().map(|(end, _)| end).skip(SHOWN);
    beginnings.filter_map(|end| id.get(..end)).find(|beginning| is_unique(beginning)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const IDS: [&str; 4] = ["4f1c09aa-1", "4f1c09aa-2", "4f1c09aa", "77-é-long"];

    fn check(typed: &str, expected: &Expect) {
        let found = choose(typed, &IDS).map_or_else(|error| error.to_string(), str::to_owned);
        expected.assert_eq(&found);
    }

    #[test]
    fn an_id_is_named_by_its_beginning() {
        check("7", &expect!["77-é-long"]);
        check("4f1c09aa-2", &expect!["4f1c09aa-2"]);
        check("4f1c09aa", &expect!["4f1c09aa"]);
        check(
            "4f1c",
            &expect![
                "the ids of several rejections begin with `4f1c`: `4f1c09aa-1`, `4f1c09aa-2`, `4f1c09aa`; type more of it"
            ],
        );
        check(
            "5",
            &expect![
                "no rejection that can be seen has an id that begins with `5`; `fanoutctl rejected list` shows those that can: the first of each group, and none that another command looks at"
            ],
        );
        assert_eq!(choose("", &IDS), Err(ChoiceError::Unknown(String::new())), "an empty text names no id");
    }

    proptest! {
        #[test]
        fn the_shown_beginning_of_an_id_names_it(ids in prop::collection::btree_set("[0-9a-fé]{1,14}", 1..20)) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            for id in &ids {
                let shown = shortest(id, &ids);
                prop_assert_eq!(choose(shown, &ids), Ok(*id));
                prop_assert!(shown.chars().count() >= SHOWN.min(id.chars().count()));
            }
        }
    }
}
