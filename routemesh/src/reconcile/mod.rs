//! From what is desired to what must change. Pure: nothing here touches the kernel.
//!
//! [`plan`] says what interfaces, containers and hooks should be, given the configuration and
//! the world; [`hops`] where next hops lead, and [`slots`] what
//! they are called in the kernel; [`table`] which route wins for a prefix, and [`fib`] how the
//! kernel gets from one table of winners to the next at once. [`difference`] is for
//! people: how two configurations differ. [`diff`]
//! turns desired and actual into changes, the same for the first round, an event and a timer.

pub mod difference;
pub mod fib;
pub mod hops;
pub mod indexed;
pub mod plan;
pub mod slots;
pub mod table;
mod tunnel;

use std::collections::BTreeMap;

/// What makes `actual` equal to `desired`.
#[derive(Debug, PartialEq, Eq)]
pub struct Diff<K, V> {
    /// Entries that are new or differ.
    pub set: Vec<(K, V)>,
    /// Entries that are no longer desired.
    pub remove: Vec<K>,
}

/// The difference between two tables.
pub fn diff<K: Ord + Clone, V: PartialEq + Clone>(
    desired: &BTreeMap<K, V>,
    actual: &BTreeMap<K, V>,
) -> Diff<K, V> {
    Diff {
        set: desired
            .iter()
            .filter(|(key, value)| actual.get(key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        remove: actual
            .keys()
            .filter(|key| !desired.contains_key(key))
            .cloned()
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applying_a_difference_makes_the_tables_equal() {
        let desired = BTreeMap::from([(1, 'a'), (2, 'x'), (4, 'd')]);
        let mut actual = BTreeMap::from([(1, 'a'), (2, 'b'), (3, 'c')]);
        let difference = diff(&desired, &actual);
        assert_eq!(difference.set, [(2, 'x'), (4, 'd')]);
        assert_eq!(difference.remove, [3]);
        actual.extend(difference.set);
        actual.retain(|key, _| !difference.remove.contains(key));
        assert_eq!(actual, desired);
    }

    #[test]
    fn equal_tables_differ_in_nothing() {
        let table = BTreeMap::from([(1, 'a')]);
        let difference = diff(&table, &table);
        assert!(difference.set.is_empty() && difference.remove.is_empty());
    }
}
