//! Where versions count from, and what an item's version is then.

use super::Survey;
use super::item::SampledItem;
use crate::config::VersionPlace;
use crate::event::Role;

/// The admitted items with version 0, where versions count from 1.
pub(super) fn zeros<'s>(survey: &Survey<'s>) -> Vec<&'s SampledItem> {
    survey.admitted.iter().copied().filter(|item| is_zero(survey, item)).collect()
}

/// Whether it is such an item.
pub(super) fn is_zero(survey: &Survey<'_>, item: &SampledItem) -> bool {
    item.lacks(Role::Version) && version_at(item, &counted_from(0, survey)) == Some(0)
}

/// The place of versions, if they count from `first`.
pub(super) fn counted_from(first: i64, survey: &Survey<'_>) -> VersionPlace {
    VersionPlace { first, ..survey.source.version.clone() }
}

/// The item's version at this place.
pub(super) fn version_at(item: &SampledItem, place: &VersionPlace) -> Option<i64> {
    place.read(item.at(&place.path)?)
}
