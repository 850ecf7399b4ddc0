//! What up-to-date clients were sent last, packed: for each client two numbers of seven bits a byte, the lowest first and
//! the highest bit set in all bytes but the last. The first is the client's, counted from the client before; the second
//! is the version, counted from one below 0, or 0 if nothing was sent; version −1 is a 0 of two bytes, which a release
//! that doesn't know it reads as nothing.

use std::iter;

use crate::config::VERSION_LIMIT;
use crate::ledger::{ClientId, LastVersion};

/// Version −1.
const BELOW_ZERO: [u8; 2] = [0x80, 0];

/// The entries must be in the order of their clients.
pub(super) fn pack(entries: impl Iterator<Item = (ClientId, LastVersion)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = 0;
    for (ClientId(client), version) in entries {
        bytes.extend(digits(u64::from(client - before)));
        match version.map(u64::try_from) {
            None => bytes.extend(digits(0)),
            Some(Ok(version)) => bytes.extend(digits(version + 1)),
            Some(Err(_)) => bytes.extend(BELOW_ZERO),
        }
        before = client;
    }
    bytes
}

/// `None` if the bytes are not what [`pack`] makes.
pub(super) fn unpack(mut bytes: &[u8]) -> Option<Vec<(ClientId, LastVersion)>> {
    let mut entries = Vec::new();
    let mut before = 0_u32;
    while !bytes.is_empty() {
        let client = before.checked_add(u32::try_from(number(&mut bytes)?).ok()?)?;
        let is_below_zero = bytes.starts_with(&BELOW_ZERO);
        let version = i64::try_from(number(&mut bytes)?).ok()?.checked_sub(1)?;
        if client == before && !entries.is_empty() || version > VERSION_LIMIT {
            return None;
        }
        entries.push((ClientId(client), (version >= 0 || is_below_zero).then_some(version)));
        before = client;
    }
    Some(entries)
}

fn digits(mut number: u64) -> impl Iterator<Item = u8> {
    let mut is_done = false;
    iter::from_fn(move || {
        if is_done {
            return None;
        }
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        is_done = number == 0;
        Some(if is_done { low & 0x7f } else { low | 0x80 })
    })
}

/// Takes a number off the front.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let digits = u64::from(byte & 0x7f);
        number |= digits.checked_shl(7 * place).filter(|shifted| shifted >> (7 * place) == digits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_is_a_few_bytes() {
        let pack = |entries: &[(u32, LastVersion)]| {
            pack(entries.iter().map(|(client, version)| (ClientId(*client), *version)))
        };
        assert_eq!(pack(&[]), [0_u8; 0]);
        assert_eq!(pack(&[(3, None), (4, Some(0)), (300, Some(126))]), [3, 0, 1, 1, 0xa8, 2, 127]);
        assert_eq!(pack(&[(3, Some(-1)), (4, None)]), [3, 0x80, 0, 1, 0]);
        let clients: Vec<(u32, LastVersion)> = (1..=100).map(|client| (client, Some(1_000_000))).collect();
        assert_eq!(pack(&clients).len(), 400);
    }

    #[test]
    fn bytes_that_are_no_entries_are_refused() {
        for bytes in [&[1][..], &[0x80], &[1, 0x80], &[1, 5, 0, 5], &[0xff; 12]] {
            assert_eq!(unpack(bytes), None, "{bytes:?}");
        }
        let beyond = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(unpack(&beyond), None);
    }

    proptest! {
        #[test]
        fn entries_come_back(
            entries in prop::collection::btree_map(0..u32::MAX, prop::option::of(-1..=VERSION_LIMIT), 0..20)
        ) {
            let entries: Vec<(ClientId, LastVersion)> =
                entries.into_iter().map(|(client, version)| (ClientId(client), version)).collect();
            let packed = pack(entries.iter().copied());
            prop_assert_eq!(unpack(&packed), Some(entries));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(entries) = unpack(&bytes) {
                prop_assert!(entries.iter().is_sorted_by_key(|(client, _)| *client));
            }
        }
    }
}
