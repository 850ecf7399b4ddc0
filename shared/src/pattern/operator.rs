//! One entry of a field's list: a value, or an operator with what it is applied to.
//!
//! Each function adds what is wrong to the findings, and returns what is right.

use super::case::Caseless;
use super::cidr::{Cidr, InvalidCidr};
use super::condition::Condition;
use super::findings::{Findings, add, join, wrong};
use super::numeric::{self, number};
use super::tree::{Member, Node, Tree};
use super::wildcard::{InvalidWildcard, Wildcard};
use crate::nearest::nearest;
use crate::quoted::quoted;

/// Every operator ("Amazon EventBridge User Guide, Comparison operators").
pub(super) const OPERATORS: [&str; 8] =
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists"];

/// What `anything-but` can be applied to.
const NEGATED: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// What `prefix` and `suffix` can be applied to.
const IGNORING_CASE: [&str; 1] = ["equals-ignore-case"];

/// The condition that an entry of the field `key` stands for.
pub(super) fn condition(key: &str, entry: &Node, findings: &mut Findings) -> Option<Condition> {
    match &entry.tree {
        Tree::Text(text) => Some(Condition::Text(text.clone())),
        Tree::Number(_) => number(key, entry, findings).map(Condition::Number),
        Tree::Boolean(value) => Some(Condition::Boolean(*value)),
        Tree::Null => Some(Condition::Null),
        Tree::Section(members) => {
            let member = single(key, entry, members, &OPERATORS, findings)?;
            operator(key, member, findings)
        }
        Tree::Date | Tree::List(_) | Tree::TooDeep => {
            let remedy = "write text in quotes, a number, true, false, or an operator in braces";
            wrong(key, entry, remedy, findings)
        }
    }
}

fn operator(key: &str, member: &Member, findings: &mut Findings) -> Option<Condition> {
    let key = join(key, &member.key);
    let value = &member.value;
    match member.key.as_str() {
        "prefix" => affix(&key, value, Condition::Prefix, Condition::PrefixIgnoringCase, findings),
        "suffix" => affix(&key, value, Condition::Suffix, Condition::SuffixIgnoringCase, findings),
        "anything-but" => anything_but(&key, value, findings),
        "numeric" => numeric::condition(&key, value, findings),
        "exists" => match &value.tree {
            Tree::Boolean(true) => Some(Condition::Present),
            Tree::Boolean(false) => Some(Condition::Absent),
            _ => wrong(&key, value, "write `true` or `false` without quotes", findings),
        },
        of_text => text_operator(of_text, &key, value, findings),
    }
}

/// `equals-ignore-case`, `wildcard` or `cidr`.
fn text_operator(name: &str, key: &str, value: &Node, findings: &mut Findings) -> Option<Condition> {
    let text = text(key, value, findings)?;
    let (problem, remedy) = match name {
        "equals-ignore-case" => return Some(Condition::TextIgnoringCase(Caseless::new(text))),
        "wildcard" => match Wildcard::try_parse(text) {
            Ok(wildcard) => return Some(Condition::Wildcard(wildcard)),
            Err(InvalidWildcard(problem, remedy)) => (problem.to_owned(), remedy.to_owned()),
        },
        _ => match Cidr::try_parse(text) {
            Ok(block) => return Some(Condition::Cidr(block)),
            Err(InvalidCidr(problem, remedy)) => (problem, remedy),
        },
    };
    add(value.at, key, format_args!("{} {problem}", quoted(text)), remedy, findings);
    None
}

/// `prefix` or `suffix`.
fn affix(
    key: &str,
    value: &Node,
    plain: impl FnOnce(String) -> Condition,
    ignoring_case: impl FnOnce(Caseless) -> Condition,
    findings: &mut Findings,
) -> Option<Condition> {
    if let Tree::Section(members) = &value.tree {
        let member = single(key, value, members, &IGNORING_CASE, findings)?;
        return text(&join(key, &member.key), &member.value, findings)
            .map(|text| ignoring_case(Caseless::new(text)));
    }
    text(key, value, findings).map(|text| plain(text.to_owned()))
}

fn anything_but(key: &str, value: &Node, findings: &mut Findings) -> Option<Condition> {
    let conditions = match &value.tree {
        Tree::Section(members) => {
            let member = single(key, value, members, &NEGATED, findings)?;
            let key = join(key, &member.key);
            each(&key, &member.value, findings, |entry, findings| negated(&member.key, &key, entry, findings))
        }
        Tree::List(entries) => {
            let is_number = |entry: &Node| matches!(entry.tree, Tree::Number(_));
            let numbers = entries.iter().filter(|entry| is_number(entry)).count();
            if numbers > 0 && numbers < entries.len() {
                let remedy = "list only texts or only numbers";
                add(value.at, key, "is a list of numbers and something else", remedy, findings);
                return None;
            }
            each(key, value, findings, |entry, findings| excluded(key, entry, findings))
        }
        _ => excluded(key, value, findings).map(|condition| vec![condition]),
    };
    conditions.map(Condition::AnythingBut)
}

/// A value that must not be there.
fn excluded(key: &str, entry: &Node, findings: &mut Findings) -> Option<Condition> {
    match &entry.tree {
        Tree::Text(_) | Tree::Number(_) => condition(key, entry, findings),
        _ => wrong(key, entry, "write text, a number, a list of either, or an operator in braces", findings),
    }
}

/// What a text must not be, by the operator `name`.
fn negated(name: &str, key: &str, entry: &Node, findings: &mut Findings) -> Option<Condition> {
    let text = text(key, entry, findings)?;
    if text.is_empty() && matches!(name, "prefix" | "suffix") {
        add(entry.at, key, "is empty, and every text has it", "write what texts must not have", findings);
        return None;
    }
    match name {
        "prefix" => Some(Condition::Prefix(text.to_owned())),
        "suffix" => Some(Condition::Suffix(text.to_owned())),
        _ => text_operator(name, key, entry, findings),
    }
}

/// The conditions of one entry, or of each entry of a list; none if one is wrong.
fn each(
    key: &str,
    value: &Node,
    findings: &mut Findings,
    mut condition: impl FnMut(&Node, &mut Findings) -> Option<Condition>,
) -> Option<Vec<Condition>> {
    let Tree::List(entries) = &value.tree else {
        return condition(value, findings).map(|condition| vec![condition]);
    };
    if entries.is_empty() {
        add(value.at, key, "is an empty list", "list what must not be there", findings);
        return None;
    }
    // Collecting options would stop at the first that is wrong.
    let conditions: Vec<_> = entries.iter().map(|entry| condition(entry, findings)).collect();
    conditions.into_iter().collect()
}

/// The one member of an operator's braces, whose name is `known`.
fn single<'n>(
    key: &str,
    value: &Node,
    members: &'n [Member],
    known: &[&str],
    findings: &mut Findings,
) -> Option<&'n Member> {
    for member in members {
        if known.contains(&member.key.as_str()) {
            continue;
        }
        let remedy = match nearest(&member.key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known == OPERATORS => {
                format!("known are `{}`; a field of an object stands in a section", known.join("`, `"))
            }
            None => format!("known here are `{}`", known.join("`, `")),
        };
        add(member.at, &join(key, &member.key), "unknown operator", remedy, findings);
        return None;
    }
    match members {
        [member] => Some(member),
        [] => {
            add(
                value.at,
                key,
                "has braces without an operator",
                format_args!("write one of `{}` in them", known.join("`, `")),
                findings,
            );
            None
        }
        _ => {
            let problem = format_args!("has {} operators in one pair of braces", members.len());
            add(value.at, key, problem, "give each braces of its own", findings);
            None
        }
    }
}

fn text<'n>(key: &str, value: &'n Node, findings: &mut Findings) -> Option<&'n str> {
    match &value.tree {
        Tree::Text(text) => Some(text),
        _ => wrong(key, value, "write text in quotes", findings),
    }
}
