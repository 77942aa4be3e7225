//! Public group domains: which groups exist is declared, never learnt from data.

use std::collections::HashMap;

use unseen_ids::{Key, KeyRef};

/// The groups of one output: every combination of its key columns, in a fixed order in which the
/// last column changes fastest. Without key columns there is exactly one group, the total.
#[derive(Clone, Debug)]
pub struct Domain {
    axes: Vec<Axis>,
    size: usize,
}

#[derive(Clone, Debug)]
struct Axis {
    name: String,
    keys: Vec<Key>,
    lookup: Lookup,
}

#[derive(Clone, Debug)]
enum Lookup {
    /// Keys are `first`, `first + 1`, ...
    Range {
        first: i64,
    },
    Ints(HashMap<i64, usize>),
    Texts(HashMap<String, usize>),
}

impl Domain {
    /// The product of named key columns. A repeated key counts once, where it first stands.
    /// `None` when a column is empty or mixes numbers and texts.
    pub fn new(columns: Vec<(String, Vec<Key>)>) -> Option<Domain> {
        let axes = columns.into_iter().map(|(name, keys)| Axis::new(name, keys)).collect::<Option<Vec<_>>>()?;
        let size = axes.iter().fold(1usize, |size, axis| size.saturating_mul(axis.keys.len()));
        Some(Domain { axes, size })
    }

    /// Number of groups; at least 1.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Names of the key columns.
    pub fn names(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.name.as_str()).collect()
    }

    /// The key columns: names, and the keys of each in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[Key])> {
        self.axes.iter().map(|axis| (axis.name.as_str(), axis.keys.as_slice()))
    }

    /// Where a group stands; `None` when it is outside the domain or has the wrong number or type of keys.
    /// Costs one hash a text column, arithmetic a range; allocates nothing.
    pub fn index_of(&self, group: &[KeyRef<'_>]) -> Option<usize> {
        if group.len() != self.axes.len() {
            return None;
        }
        self.axes
            .iter()
            .zip(group)
            .try_fold(0, |index, (axis, key)| Some(index * axis.keys.len() + axis.index_of(*key)?))
    }

    /// The keys of the group at `index`, one per key column; `None` past the end.
    pub fn group(&self, index: usize) -> Option<Vec<&Key>> {
        if index >= self.size {
            return None;
        }
        let mut rest = index;
        let mut keys: Vec<&Key> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let key = &axis.keys[rest % axis.keys.len()];
                rest /= axis.keys.len();
                key
            })
            .collect();
        keys.reverse();
        Some(keys)
    }
}

impl Axis {
    fn new(name: String, mut keys: Vec<Key>) -> Option<Axis> {
        let (mut ints, mut texts) = (HashMap::new(), HashMap::new());
        let mut next = 0;
        keys.retain(|key| {
            let seat = match key {
                Key::Int(number) => *ints.entry(*number).or_insert(next),
                Key::Text(text) => *texts.entry(text.clone()).or_insert(next),
            };
            let new = seat == next;
            next += usize::from(new);
            new
        });
        let lookup = match (keys.first()?, ints.is_empty(), texts.is_empty()) {
            (Key::Int(first), false, true) => {
                let consecutive = |(at, key): (usize, &Key)| matches!(key, Key::Int(number) if i64::try_from(at).is_ok_and(|at| first.checked_add(at) == Some(*number)));
                match keys.iter().enumerate().all(consecutive) {
                    true => Lookup::Range { first: *first },
                    false => Lookup::Ints(ints),
                }
            }
            (Key::Text(_), true, false) => Lookup::Texts(texts),
            _ => return None,
        };
        Some(Axis { name, keys, lookup })
    }

    fn index_of(&self, key: KeyRef<'_>) -> Option<usize> {
        match (&self.lookup, key) {
            (Lookup::Range { first }, KeyRef::Int(number)) => {
                usize::try_from(number.checked_sub(*first)?).ok().filter(|at| *at < self.keys.len())
            }
            (Lookup::Ints(ints), KeyRef::Int(number)) => ints.get(&number).copied(),
            (Lookup::Texts(texts), KeyRef::Text(text)) => texts.get(text).copied(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(keys: &[&str]) -> Vec<Key> {
        keys.iter().map(|key| Key::Text((*key).to_owned())).collect()
    }

    #[test]
    fn every_group_has_one_place_and_strangers_have_none() {
        let ints = |keys: &[i64]| keys.iter().map(|key| Key::Int(*key)).collect::<Vec<_>>();
        let columns = vec![
            ("town".into(), texts(&["湖塘", "牛塘", "湖塘"])),
            ("bin".into(), ints(&[-1, 0, 1])),
            ("code".into(), ints(&[9, 4, i64::MAX])),
        ];
        let domain = Domain::new(columns).unwrap();
        assert_eq!((domain.size(), domain.names()), (18, vec!["town", "bin", "code"]));
        for index in 0..domain.size() {
            let group = domain.group(index).unwrap();
            let group: Vec<KeyRef<'_>> = group.into_iter().map(Key::as_ref).collect();
            assert_eq!(domain.index_of(&group), Some(index));
        }
        assert!(domain.group(18).is_none());
        use KeyRef::{Int, Text};
        for stranger in [
            vec![],
            vec![Text("湖塘"), Int(0)],
            vec![Text("湖塘"), Int(2), Int(9)],
            vec![Text("湖塘"), Int(-2), Int(9)],
            vec![Text("湖塘"), Int(i64::MIN), Int(9)],
            vec![Text("湖"), Int(0), Int(9)],
            vec![Int(0), Int(0), Int(9)],
            vec![Text("湖塘"), Int(0), Int(5)],
            vec![Text("湖塘"), Int(0), Int(9), Int(9)],
        ] {
            assert_eq!(domain.index_of(&stranger), None, "{stranger:?}");
        }
    }

    #[test]
    fn a_total_is_a_domain_of_one_and_empty_or_mixed_columns_are_none() {
        let total = Domain::new(vec![]).unwrap();
        assert_eq!((total.size(), total.index_of(&[]), total.group(0)), (1, Some(0), Some(vec![])));
        assert!(Domain::new(vec![("a".into(), vec![])]).is_none());
        assert!(Domain::new(vec![("a".into(), vec![Key::Int(1), Key::Text("1".into())])]).is_none());
        let edge = Domain::new(vec![("a".into(), vec![Key::Int(i64::MAX), Key::Int(i64::MIN)])]).unwrap();
        assert_eq!(edge.index_of(&[KeyRef::Int(i64::MIN)]), Some(1));
    }
}
