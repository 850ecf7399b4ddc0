//! Patterns that no event can match, because a field must be there and must not.
//!
//! Two fields with different values at one path are none: an array may have both.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::FieldDraft;
use super::findings::PatternFinding;

/// A finding for each pair of fields that stand in each other's way in one of `alternatives`, which are lists of places
/// in `fields`.
pub(super) fn contradictions(fields: &[FieldDraft], alternatives: &[Vec<usize>]) -> Vec<PatternFinding> {
    let mut places: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
    for (place, draft) in fields.iter().enumerate() {
        places.entry(&draft.field.path.0).or_default().push(place);
    }
    // Nearly every pattern names each path once.
    places.retain(|_, places| places.len() > 1);
    let mut pairs = BTreeSet::new();
    for alternative in alternatives {
        for places in places.values() {
            let here = || places.iter().copied().filter(|place| alternative.contains(place));
            for absent in here() {
                pairs.extend(
                    here()
                        .filter(|present| exclude(fields, absent, *present))
                        .map(|present| (absent, present)),
                );
            }
        }
    }
    pairs
        .into_iter()
        .filter_map(|(absent, present)| finding(fields.get(absent)?, fields.get(present)?))
        .collect()
}

fn exclude(fields: &[FieldDraft], absent: usize, present: usize) -> bool {
    let (Some(absent), Some(present)) = (fields.get(absent), fields.get(present)) else {
        return false;
    };
    !absent.field.admits_presence() && !present.field.admits_absence()
}

fn finding(absent: &FieldDraft, present: &FieldDraft) -> Option<PatternFinding> {
    let problem =
        format!("must not be there, but `{}` wants a value, so that no event matches both", present.key);
    Some(PatternFinding::new(absent.at, &absent.key, problem, "delete one of the two"))
}
