//! What a scan shows, against a naive model in memory.

use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;
use unseen_ids::{Key, bucket_of};

use crate::support::*;

fn readings(count: usize, units: u16) -> impl Strategy<Value = Vec<Reading>> {
    let note = prop::sample::select(vec!["a", "b,\"c\"", "两\n行", "unknown"]).prop_map(str::to_owned);
    let reading = (
        prop::option::weighted(0.9, 0..units),
        prop::option::of(any::<i64>()),
        prop::option::of(-1e9..1e9f64),
        prop::option::of(any::<bool>()),
        prop::option::of(note),
    );
    let reading = reading.prop_map(|(unit, count, level, flag, note)| Reading { unit, count, level, flag, note });
    prop::collection::vec(reading, 1..count)
}

/// Imports two datasets and a reference table, co-groups them, and compares every cell of every
/// grain with a model that does the same in memory.
fn check_against_model(first: &[Reading], second: &[Reading], buckets: u32, sort_memory: usize) {
    let dir = TempDir::new().unwrap();
    let options = options(buckets, sort_memory);
    let one =
        import_bytes(dir.path(), &private("one", "unit", &READING), readings_csv(first).as_bytes(), &options).unwrap();
    // The second one had another number of buckets before.
    let (toml, before) = (private("two", "unit", &READING), ImportOptions { buckets: 3, ..options.clone() });
    let two = import_bytes(dir.path(), &toml, readings_csv(second).as_bytes(), &before).unwrap();
    let (was, two) = (quality(&two), again(&two, &toml, &options).unwrap());
    assert_eq!(quality(&two), was);
    let labels = import_bytes(dir.path(), &labels_toml(), LABELS.as_bytes(), &options).unwrap();
    let labels = SnapshotDir::open(&labels, None).unwrap().into_reference().unwrap();
    assert_eq!(labels.distinct("rank"), Some(vec![Key::Int(1), Key::Int(3)]));

    let lookups = [labels.lookup("note", "key", &strings(&["rank", "label"])).unwrap()];
    let (one_columns, two_columns) = (strings(&["note", "count", "level", "flag"]), strings(&["level", "unit"]));
    let (one, two) = (open(&one), open(&two));
    let inputs = [
        ScanInput { snapshot: &one, columns: &one_columns, lookups: &lookups },
        ScanInput { snapshot: &two, columns: &two_columns, lookups: &[] },
    ];

    let mut model: BTreeMap<(u32, String), (Vec<Row>, Vec<Row>)> = BTreeMap::new();
    let place = |unit: u16| (bucket_of(unit_name(unit).as_bytes(), buckets), unit_name(unit));
    for row in first {
        let Some(unit) = row.unit else { continue };
        let mut cells = vec![text(row.note.as_deref()), int(row.count), float(row.level), bool(row.flag)];
        cells.extend(brought(row.note.as_deref()));
        model.entry(place(unit)).or_default().0.push(cells);
    }
    for row in second {
        let Some(unit) = row.unit else { continue };
        model.entry(place(unit)).or_default().1.push(vec![float(row.level), text(Some(&unit_name(unit)))]);
    }

    let mut grains = Vec::new();
    for bucket in 0..buckets {
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap();
        while let Some(grain) = scan.next().unwrap() {
            assert_eq!(grain.tables(), 2);
            grains.push(((bucket, grain.unit().to_owned()), (rows_of(grain.table(0)), rows_of(grain.table(1)))));
        }
        assert!(scan.next().unwrap().is_none());
    }
    assert_eq!(grains.len(), model.len());
    for (grain, wanted) in grains.iter().zip(&model) {
        assert_eq!((&grain.0, &grain.1), wanted);
    }

    let blocks: Vec<_> = [0..2, 2..5]
        .into_iter()
        .flat_map(|range| {
            let mut gatherer =
                BlockGatherer::new(BlockKey::new(&[3; 32]).unwrap(), 5, range, &inputs, GrainLimits::NONE).unwrap();
            for bucket in 0..buckets {
                absorb(&mut gatherer, CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap());
            }
            gatherer.finish()
        })
        .collect();
    assert_eq!(blocks.len(), 5);
    let key = BlockKey::new(&[3; 32]).unwrap();
    for (number, block) in blocks.iter().enumerate() {
        let members = || model.iter().filter(|((_, unit), _)| key.block_of(unit.as_bytes(), 5) as usize == number);
        let wanted: (Vec<Row>, Vec<Row>) = (
            members().flat_map(|(_, rows)| rows.0.clone()).collect(),
            members().flat_map(|(_, rows)| rows.1.clone()).collect(),
        );
        assert_eq!((rows_of(block.grain().table(0)), rows_of(block.grain().table(1))), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grains_are_the_rows_of_each_unit_in_import_order(
        mut first in readings(120, 12),
        mut second in readings(60, 12),
        buckets in 1u32..5,
        sort_memory in prop::sample::select(vec![1usize, 500, 4000, 1 << 20]),
    ) {
        // An import without any unit is refused, and is not what is tested here.
        first[0].unit = Some(0);
        second[0].unit = Some(1);
        check_against_model(&first, &second, buckets, sort_memory);
    }
}

/// Units larger than a batch, units ending exactly at the end of a batch, many runs.
#[test]
fn units_across_batches_and_many_runs() {
    let sizes = [8192usize, 1, 20_000, 8191, 3, 5, 8192, 400];
    let mut rows = Vec::new();
    for (unit, size) in sizes.iter().enumerate() {
        for at in 0..*size {
            let odd = (at * 7 + unit) % 11;
            rows.push(Reading {
                unit: Some(unit as u16),
                count: (odd != 3).then_some(at as i64),
                level: (unit != 2 || odd != 5).then_some(at as f64 / 8.0),
                flag: Some(odd > 5),
                note: (odd != 7).then(|| format!("n{}", at % 300)),
            });
        }
    }
    // A fixed shuffle: rows of a unit keep no neighbours, but their order is what is imported.
    let step = 10_007;
    let shuffled: Vec<_> = (0..rows.len()).map(|at| rows[at * step % rows.len()].clone()).collect();
    check_against_model(&shuffled, &rows[..30_000], 1, 300 << 10);
    check_against_model(&rows[..9000], &shuffled[..100], 3, 300 << 10);
}

#[test]
fn int_units_are_canonical_and_shown_as_ints() {
    let dir = TempDir::new().unwrap();
    let toml = private("ints", "id", &[("id", "type = \"int\""), ("v", "type = \"decimal\"\nscale = 2")]);
    let at = import_bytes(dir.path(), &toml, b"id,v\n007,1.5\n+7,2\n7,\n-1,0.25\n", &options(2, 1 << 20)).unwrap();
    let snapshot = open(&at);
    let columns = strings(&["v", "id"]);
    let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
    let mut seen = BTreeMap::new();
    for bucket in 0..2 {
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap();
        while let Some(grain) = scan.next().unwrap() {
            seen.insert(grain.unit().to_owned(), rows_of(grain.table(0)));
        }
    }
    let row = |steps: Option<i64>, id: i64| vec![int(steps), int(Some(id))];
    let wanted = [("-1", vec![row(Some(25), -1)]), ("7", vec![row(Some(150), 7), row(Some(200), 7), row(None, 7)])];
    assert_eq!(seen, wanted.map(|(unit, rows)| (unit.to_owned(), rows)).into());
}
