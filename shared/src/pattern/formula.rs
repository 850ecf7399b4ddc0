//! How the fields of a pattern are joined: "and" for the fields of a section, "or" for the branches of `$or`.
//!
//! A formula is over numbers, which stand for fields or for tests.

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    One(usize),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

impl Formula {
    /// Whether it holds, if `is_true` says which numbers do.
    pub(super) fn holds(&self, is_true: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::One(number) => is_true(*number),
            Self::All(parts) => parts.iter().all(|part| part.holds(is_true)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is_true)),
        }
    }

    /// The same formula over other numbers.
    pub(super) fn mapped(&self, number: &mut impl FnMut(usize) -> usize) -> Self {
        match self {
            Self::One(old) => Self::One(number(*old)),
            Self::All(parts) => Self::All(parts.iter().map(|part| part.mapped(number)).collect()),
            Self::Any(parts) => Self::Any(parts.iter().map(|part| part.mapped(number)).collect()),
        }
    }

    /// How many [`alternatives`](Self::alternatives) there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(parts) => parts.iter().map(Self::count).fold(1, usize::saturating_mul),
            Self::Any(parts) => parts.iter().map(Self::count).fold(0, usize::saturating_add),
        }
    }

    /// The numbers that make the formula hold together, one list for each way. Look at [`count`](Self::count) first.
    pub(super) fn alternatives(&self) -> Vec<Vec<usize>> {
        match self {
            Self::One(number) => vec![vec![*number]],
            Self::All(parts) => parts.iter().fold(vec![Vec::new()], |so_far, part| {
                let added = part.alternatives();
                let with = |first: &Vec<usize>| {
                    added.iter().map(|more| [first.as_slice(), more].concat()).collect::<Vec<_>>()
                };
                so_far.iter().flat_map(with).collect()
            }),
            Self::Any(parts) => parts.iter().flat_map(Self::alternatives).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Formula::{All, Any, One};

    #[test]
    fn each_branch_is_combined_with_each() {
        let formula =
            All(vec![One(0), Any(vec![One(1), All(vec![One(2), One(3)])]), Any(vec![One(4), One(5)])]);
        assert_eq!(
            formula.alternatives(),
            [vec![0, 1, 4], vec![0, 1, 5], vec![0, 2, 3, 4], vec![0, 2, 3, 5]]
        );
        assert_eq!(formula.count(), 4);
        assert!(formula.holds(&|number| matches!(number, 0 | 2 | 3 | 5)));
        assert!(!formula.holds(&|number| matches!(number, 0 | 2 | 4 | 5)));
    }

    #[test]
    fn a_count_does_not_overflow() {
        let two = || Any(vec![One(0), One(0)]);
        assert_eq!(All((0..200).map(|_| two()).collect()).count(), usize::MAX);
    }
}
