//! The order in which Go's writers put the keys of a map. It moves references, never the entries.

use crate::value::{Mapping, Value};
use crate::write::KeyOrder;

/// The entries of `mapping`, sorted by `less` if they are to be.
pub(crate) fn entries(
    mapping: &Mapping,
    order: KeyOrder,
    less: fn(&str, &str) -> bool,
) -> Vec<(&str, &Value)> {
    let entries: Vec<_> = mapping.iter().collect();
    match order {
        KeyOrder::Kept => entries,
        KeyOrder::Sorted => sort(entries, less),
    }
}

/// A merge sort: the standard library's sorts may panic where `less` contradicts itself, which
/// [`natural`] can on keys with numbers beyond 64 bits.
fn sort<'v>(
    mut entries: Vec<(&'v str, &'v Value)>,
    less: fn(&str, &str) -> bool,
) -> Vec<(&'v str, &'v Value)> {
    if entries.windows(2).all(|pair| !less(pair[1].0, pair[0].0)) {
        return entries;
    }
    let right = entries.split_off(entries.len() / 2);
    let mut right = sort(right, less).into_iter().peekable();
    let mut merged = Vec::with_capacity(entries.len() + right.len());
    for left in sort(entries, less) {
        while let Some(entry) = right.next_if(|entry| less(entry.0, left.0)) {
            merged.push(entry);
        }
        merged.push(left);
    }
    merged.extend(right);
    merged
}

/// How `encoding/json` sorts.
pub(crate) fn by_bytes(left: &str, right: &str) -> bool {
    left < right
}

/// How go-yaml v2 sorts: numbers inside a key by their value, letters after everything else.
pub(crate) fn natural(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let Some(at) = left.iter().zip(&right).position(|(left, right)| left != right) else {
        return left.len() < right.len();
    };
    match (left[at].is_alphabetic(), right[at].is_alphabetic()) {
        (true, true) => return left[at] < right[at],
        (false, false) => {}
        (_, right) => return right,
    }
    // A zero that differs from a digit inside a number is no leading zero.
    let inside = (left[at] == '0' || right[at] == '0')
        && left[..at]
            .iter()
            .rev()
            .take_while(|digit| digit.is_ascii_digit())
            .any(|digit| *digit != '0');
    let number = |key: &[char]| {
        let digits = key[at..].iter().take_while(|digit| digit.is_ascii_digit());
        digits.fold((i64::from(inside), 0_usize), |(number, length), digit| {
            let digit = i64::from(u32::from(*digit) - u32::from('0'));
            (number.wrapping_mul(10).wrapping_add(digit), length + 1)
        })
    };
    (number(&left), left[at]) < (number(&right), right[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_keys_count_by_value() {
        let mut keys = [
            "a10", "a2", "b", "A", "a-1", "_", "1", "10", "2", "a02", "a", "ab", "a.b",
        ];
        keys.sort_by(|left, right| natural(right, left).cmp(&natural(left, right)));
        assert_eq!(
            keys,
            [
                "_", "1", "2", "10", "A", "a", "a-1", "a.b", "a2", "a02", "a10", "ab", "b"
            ]
        );
    }

    #[test]
    fn sorting_survives_an_order_that_contradicts_itself() {
        let mapping: Mapping = (0..100).map(|number| (number.to_string(), number)).collect();
        assert_eq!(entries(&mapping, KeyOrder::Sorted, |_, _| true).len(), 100);
    }
}
