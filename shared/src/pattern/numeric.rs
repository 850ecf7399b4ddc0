//! `numeric`: one comparison, or one from each side.
//!
//! A range in which there is no number is refused.

use std::cmp::Ordering;
use std::ops::Bound;

use super::condition::Condition;
use super::findings::{Findings, add, wrong};
use super::tree::{Node, Tree};
use crate::image::Decimal;
use crate::quoted::quoted;

const SHAPE: &str = "write comparisons and numbers in turn, as in `[\">=\", 100, \"<\", 500.50]`";

/// A number's exact value.
pub(super) fn number(key: &str, entry: &Node, findings: &mut Findings) -> Option<Decimal> {
    let Tree::Number(digits) = &entry.tree else {
        return wrong(key, entry, "write a number without quotes", findings);
    };
    let decimal = Decimal::try_parse(digits.as_bytes());
    if decimal.is_none() {
        let remedy = "write a decimal number, with an exponent if need be";
        add(entry.at, key, format_args!("{} is no number of JSON", quoted(digits)), remedy, findings);
    }
    decimal
}

/// The condition of `numeric` with the operand `value`.
pub(super) fn condition(key: &str, value: &Node, findings: &mut Findings) -> Option<Condition> {
    let Tree::List(entries) = &value.tree else {
        return wrong(key, value, SHAPE, findings);
    };
    let comparisons =
        entries.chunks(2).map(|pair| comparison(key, value, pair, findings)).collect::<Vec<_>>();
    let comparisons = comparisons.into_iter().collect::<Option<Vec<_>>>()?;
    if let [(Comparison::Equal, number)] = comparisons.as_slice() {
        return Some(Condition::Number(number.clone()));
    }
    let (mut from, mut to) = (Bound::Unbounded, Bound::Unbounded);
    for (comparison, number) in comparisons {
        let side = match comparison {
            Comparison::Equal => None,
            Comparison::From(bound) => Some((&mut from, bound(number))),
            Comparison::To(bound) => Some((&mut to, bound(number))),
        };
        match side {
            Some((free @ Bound::Unbounded, bound)) => *free = bound,
            _ => {
                let remedy = "write `=` alone, or one of `>` and `>=` and one of `<` and `<=`";
                add(value.at, key, "has comparisons that do not make a range", remedy, findings);
                return None;
            }
        }
    }
    match (&from, &to) {
        (Bound::Unbounded, Bound::Unbounded) => {
            add(value.at, key, "is an empty list", SHAPE, findings);
            return None;
        }
        _ if is_empty(&from, &to) => {
            add(
                value.at,
                key,
                "is a range in which there is no number",
                "put the lower end below the upper one",
                findings,
            );
            return None;
        }
        _ => {}
    }
    Some(Condition::Numeric(from, to))
}

enum Comparison {
    Equal,
    From(fn(Decimal) -> Bound<Decimal>),
    To(fn(Decimal) -> Bound<Decimal>),
}

/// A comparison and its number.
fn comparison(
    key: &str,
    value: &Node,
    pair: &[Node],
    findings: &mut Findings,
) -> Option<(Comparison, Decimal)> {
    let [sign, operand] = pair else {
        add(value.at, key, "is a comparison without a number", SHAPE, findings);
        return None;
    };
    let Tree::Text(text) = &sign.tree else {
        return wrong(key, sign, SHAPE, findings);
    };
    let comparison = match text.as_str() {
        "=" => Comparison::Equal,
        ">" => Comparison::From(Bound::Excluded),
        ">=" => Comparison::From(Bound::Included),
        "<" => Comparison::To(Bound::Excluded),
        "<=" => Comparison::To(Bound::Included),
        _ => {
            let remedy = "known are `=`, `<`, `<=`, `>`, `>=`; for unequal there is `anything-but`";
            add(sign.at, key, format_args!("{} is no comparison", quoted(text)), remedy, findings);
            return None;
        }
    };
    Some((comparison, number(key, operand, findings)?))
}

fn is_empty(from: &Bound<Decimal>, to: &Bound<Decimal>) -> bool {
    let (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) =
        (from, to)
    else {
        return false;
    };
    match low.cmp(high) {
        Ordering::Less => false,
        Ordering::Equal => !matches!((from, to), (Bound::Included(_), Bound::Included(_))),
        Ordering::Greater => true,
    }
}
