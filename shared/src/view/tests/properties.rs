//! Views against a slow and obvious second way, on trees.

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::*;
use crate::image::samples;

/// JSON as a tree: members in their order, each as often as it is there, and scalars as they are written.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Scalar(String),
}

struct TreeMembers(Vec<(String, Tree)>);
struct TreeElements(Vec<Tree>);

impl Tree {
    fn of(text: &str) -> Self {
        match text.as_bytes()[0] {
            b'{' => Self::Object(serde_json::from_str::<TreeMembers>(text).unwrap().0),
            b'[' => Self::Array(serde_json::from_str::<TreeElements>(text).unwrap().0),
            _ => Self::Scalar(text.to_owned()),
        }
    }

    /// What is at the paths that remain of each listed one; none if that is nothing.
    fn fields(&self, rests: &[&[String]]) -> Option<Self> {
        match self {
            _ if rests.iter().any(|rest| rest.is_empty()) => Some(self.clone()),
            Self::Scalar(_) => None,
            Self::Array(elements) => {
                let elements: Vec<Self> =
                    elements.iter().filter_map(|element| element.fields(rests)).collect();
                (!elements.is_empty()).then_some(Self::Array(elements))
            }
            Self::Object(members) => {
                let members = members.iter();
                let members: Vec<_> = members
                    .filter_map(|(name, value)| Some((name.clone(), value.fields(&below(name, rests))?)))
                    .collect();
                (!members.is_empty()).then_some(Self::Object(members))
            }
        }
    }

    fn omit(&self, rests: &[&[String]]) -> Option<Self> {
        match self {
            _ if rests.iter().any(|rest| rest.is_empty()) => None,
            Self::Scalar(_) => Some(self.clone()),
            Self::Array(elements) => {
                Some(Self::Array(elements.iter().filter_map(|element| element.omit(rests)).collect()))
            }
            Self::Object(members) => Some(Self::Object(
                members
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), value.omit(&below(name, rests))?)))
                    .collect(),
            )),
        }
    }

    /// Each scalar with the names above it.
    fn scalars(&self, above: &str, found: &mut Vec<String>) {
        match self {
            Self::Object(members) => {
                members.iter().for_each(|(name, value)| value.scalars(&format!("{above}.{name:?}"), found));
            }
            Self::Array(elements) => elements.iter().for_each(|element| element.scalars(above, found)),
            Self::Scalar(text) => found.push(format!("{above}={text}")),
        }
    }
}

fn below<'r>(name: &str, rests: &[&'r [String]]) -> Vec<&'r [String]> {
    let below =
        |rest: &&'r [String]| rest.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest);
    rests.iter().filter_map(below).collect()
}

impl<'de> Deserialize<'de> for TreeMembers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = TreeMembers;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TreeMembers, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, Tree::of(value.get())));
                }
                Ok(TreeMembers(members))
            }
        }
        deserializer.deserialize_map(Any)
    }
}

impl<'de> Deserialize<'de> for TreeElements {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = TreeElements;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<TreeElements, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = elements.next_element::<&RawValue>()? {
                    all.push(Tree::of(value.get()));
                }
                Ok(TreeElements(all))
            }
        }
        deserializer.deserialize_seq(Any)
    }
}

/// A name of few, some of them escaped, so that paths meet members.
fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        r#""a""#,
        r#""b""#,
        r#""c""#,
        r#""\u0061""#,
        r#""é""#,
        r#""\u00e9""#,
        r#""x.y""#,
        r#""\"""#,
    ])
}

fn scalar() -> impl Strategy<Value = String> {
    const SCALARS: [&str; 13] = [
        "null",
        "true",
        "0",
        "-0",
        "1.10",
        "1E+5",
        "1e-7",
        "0.1000000000000000055511151231257827021181583404541015625",
        "12345678901234567890123456789012345678",
        r#""""#,
        r#""{\"a\":[1]}""#,
        r#""\ud83d\ude00\\""#,
        r#""é, 😀""#,
    ];
    prop::sample::select(SCALARS.to_vec()).prop_map(str::to_owned)
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t")]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((name(), space(), value), 0..5).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, space, value)| format!("{space}{name}{space}:{value}{space}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn body() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(5, 40, 5, |value| {
        let array = prop::collection::vec(value.clone(), 0..5)
            .prop_map(|elements| format!("[{}]", elements.join(", ")));
        prop_oneof![array, object(value)]
    });
    object(value)
}

fn paths_strategy() -> impl Strategy<Value = Vec<Path>> {
    let name = prop::sample::select(vec!["a", "b", "c", "é", "\""]);
    let path = prop::collection::vec(name.prop_map(str::to_owned), 1..4).prop_map(Path);
    prop::collection::vec(path, 1..4)
}

fn written(members: Members, body: &str) -> Result<String, ViewError> {
    encoded(&ClientView { members, envelope: None }, body)
}

fn scalars(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    tree.scalars("", &mut found);
    found.sort();
    found
}

/// Checks a body of which the text is JSON.
fn check_body(body: &str, paths: &[Path]) -> Result<(), TestCaseError> {
    let rests: Vec<&[String]> = paths.iter().map(|path| path.0.as_slice()).collect();
    let tree = Tree::of(body.trim());
    let fields = written(Members::Fields(paths.to_vec()), body).unwrap();
    let omit = written(Members::Omit(paths.to_vec()), body).unwrap();
    let omitted = tree.omit(&rests);
    prop_assert!(fields.len() <= body.len().max(2) && omit.len() <= body.len());
    let [of_fields, of_omit] = [&fields, &omit].map(|text| Tree::of(text));
    prop_assert_eq!(&of_fields, &tree.fields(&rests).unwrap_or(Tree::Object(Vec::new())));
    prop_assert_eq!(Some(&of_omit), omitted.as_ref());
    // Each scalar is in one of the two.
    let mut both = [scalars(&of_fields), scalars(&of_omit)].concat();
    both.sort();
    prop_assert_eq!(both, scalars(&tree));
    // What is selected once stays selected.
    let again = written(Members::Fields(paths.to_vec()), &fields).unwrap();
    prop_assert_eq!(again, fields);
    let again = written(Members::Omit(paths.to_vec()), &omit).unwrap();
    prop_assert_eq!(again, omit);
    Ok(())
}

fn facts() -> impl Strategy<Value = (String, Option<String>, Option<String>, i64, String)> {
    let text = || "[\\t\\n\"\\\\ -~é]{1,128}";
    (
        text(),
        proptest::option::of(text()),
        proptest::option::of("[0-9TZ:. -]{1,30}"),
        0..=i64::MAX,
        "[!-~]{1,128}",
    )
}

proptest! {
    #[test]
    fn members_are_those_of_the_tree(body in body(), paths in paths_strategy()) {
        check_body(&body, &paths)?;
    }

    #[test]
    fn members_of_items_are_those_of_the_tree(item in samples::item(), paths in paths_strategy(), places in prop::collection::vec(any::<prop::sample::Index>(), 1..3)) {
        let (raw, wanted) = (samples::raw(&item), crate::image::WantedPaths::default());
        let body = crate::image::convert(&raw, &wanted);
        let Ok(image) = body else { return Ok(()) };
        check_body(&image.json, &paths)?;
        // Names of the item itself.
        let own: Vec<Path> = places.iter().filter(|_| !item.is_empty()).map(|place| Path(vec![place.get(&item).0.clone()])).collect();
        check_body(&image.json, &own)?;
    }

    #[test]
    fn no_text_makes_a_view_panic(text in prop_oneof![any::<String>(), r#"[{}\[\]",:\\ua0-9eE.+ -]{0,60}"#], paths in paths_strategy()) {
        for members in [Members::Fields(paths.clone()), Members::Omit(paths), Members::All] {
            let view = ClientView { members, envelope: None };
            let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
            for view in [cloud_events(view.clone()), view] {
                let is_whole = View::new(&view).is_whole();
                match encoded(&view, &text) {
                    Ok(written) if !is_whole => prop_assert!(is_json && serde_json::from_str::<&RawValue>(&written).is_ok(), "{}", written),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn an_envelope_is_json_of_bounded_size((id, name, time, version, group) in facts(), body in body()) {
        let facts = EventFacts { id: &id, name: name.as_deref(), time: time.as_deref(), version, group: &group };
        let text = View::new(&cloud_events(ClientView::default())).encode(&facts, &body).unwrap();
        prop_assert!(text.len() <= body.len() + ENVELOPE_LIMIT);
        let Tree::Object(members) = Tree::of(&text) else { panic!("no object") };
        let of = |name: &str| members.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let text_of = |name: &str| match of(name) {
            Some(Tree::Scalar(text)) => Some(serde_json::from_str::<String>(&text).unwrap()),
            _ => None,
        };
        prop_assert_eq!(of("data"), Some(Tree::of(&body)));
        prop_assert_eq!(text_of("id"), Some(id));
        prop_assert_eq!(text_of("type"), Some(name.unwrap_or_else(|| DEFAULT_TYPE.to_owned())));
        prop_assert_eq!(text_of("subject"), Some(group));
        prop_assert_eq!(text_of("sequence").and_then(|text| text.parse().ok()), Some(version));
        let instant = |text: &str| crate::ledger::EventTime::try_from_text(text);
        let expected = time.as_deref().and_then(instant).filter(|time| time.to_rfc_3339().is_some());
        prop_assert_eq!(text_of("time").as_deref().and_then(instant), expected);
    }

    #[test]
    fn versions_sort_as_text(left in 0..=i64::MAX, right in 0..=i64::MAX) {
        prop_assert_eq!(format!("{left:020}").cmp(&format!("{right:020}")), left.cmp(&right));
    }
}
