//! What a mistyped word was probably meant to be.

/// The one of `known` that `text` was probably meant to be.
pub fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = text.to_lowercase();
    let distances = known.iter().map(|known| (distance(&lower, &known.to_lowercase()), *known));
    let (distance, known) = distances.min()?;
    // Two names of which half the letters differ have nothing to do with each other.
    (distance <= 3 && distance * 2 < known.len()).then_some(known)
}

/// How many letters must be inserted, removed or replaced to make one of `left` and `right` the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut cost = index + 1;
        let mut next = vec![cost];
        for (to, (diagonal, above)) in right.chars().zip(row.iter().zip(row.iter().skip(1))) {
            cost = (cost + 1).min(above + 1).min(diagonal + usize::from(from != to));
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["id", "name", "sort_key", "queue_arn", "partition_key"];
        for (text, meant) in [
            ("ID", Some("id")),
            ("nmae", None),
            ("names", Some("name")),
            ("Nam", Some("name")),
            ("sortKey", Some("sort_key")),
            ("sort-key", Some("sort_key")),
            ("queueARN", Some("queue_arn")),
            ("partitonkeys", Some("partition_key")),
            ("is", None),
            ("filter", None),
            ("arn", None),
            ("", None),
            ("ïd", None),
        ] {
            assert_eq!(nearest(text, &known), meant, "{text}");
        }
        assert_eq!(nearest("id", &[]), None);
    }
}
