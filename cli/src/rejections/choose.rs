//! Chooses rejections by the beginnings of their ids, as an operator types them.

use crate::exit::{Exit, Failure};

/// The fewest characters of an id that are shown: rejections that were not seen have ids too.
const SHOWN: usize = 8;

/// The one of `ids` that is `typed`, or else begins with it. `stack` is the option that names the stack in a command.
///
/// # Errors
///
/// [`Exit::Findings`]: no id matches. [`Exit::Usage`]: several do.
pub fn choose<'i>(typed: &str, ids: &[&'i str], stack: &str) -> Result<&'i str, Failure> {
    // An empty text names no id.
    let is_named = |id: &&&str| !typed.is_empty() && id.starts_with(typed);
    let matching: Vec<&str> = ids.iter().filter(is_named).copied().collect();
    match matching.as_slice() {
        [] => Err(Exit::Findings.because(format!(
            "no rejection that can be seen has an id that begins with `{typed}`; `fanoutctl rejected list{stack}` shows those \
             that can: the first of each group, and none that another command looks at"
        ))),
        [only] => Ok(only),
        several => several.iter().find(|id| **id == typed).copied().ok_or_else(|| {
            let ids = several.join("`, `");
            Exit::Usage
                .because(format!("the ids of several rejections begin with `{typed}`: `{ids}`; type more of it"))
        }),
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
        let found = choose(typed, &IDS, "").map_or_else(|error| error.to_string(), str::to_owned);
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
        assert_eq!(choose("", &IDS, "").unwrap_err().exit(), Exit::Findings, "an empty text names no id");
        assert_eq!(choose("4f1c", &IDS, "").unwrap_err().exit(), Exit::Usage);
    }

    proptest! {
        #[test]
        fn the_shown_beginning_of_an_id_names_it(ids in prop::collection::btree_set("[0-9a-fé]{1,14}", 1..20)) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            for id in &ids {
                let shown = shortest(id, &ids);
                prop_assert_eq!(choose(shown, &ids, "").unwrap(), *id);
                prop_assert!(shown.chars().count() >= SHOWN.min(id.chars().count()));
            }
        }
    }
}
