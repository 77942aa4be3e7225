//! Imports that are spread, beside those of one machine: whatever another test imports is imported in slices too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use unseen_data::description::Kind;
use unseen_data::import::spread::{
    Cut, Dealt, Gathered, Merged, Segment, Slice, Sorted, cut, gather, merge, named, refusal, sort,
};
use unseen_data::*;

use crate::support::*;

/// Bytes in memory.
struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = self.0.get(at as usize..).unwrap_or_default();
        // As little as may be.
        let count = rest.len().min(out.len()).min(1000);
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// The same as [`import_bytes`], in slices of so many bytes and with buckets merged two by two.
pub fn spread_bytes(
    dir: &Path,
    toml: &str,
    bytes: &[u8],
    options: &ImportOptions,
    long: usize,
) -> Result<PathBuf, ImportError> {
    let description = Description::parse(toml).unwrap();
    let (lab, key, salt) = (LabDataKey::from_bytes(&LAB).unwrap(), DataKey::generate().unwrap(), [5; 32]);
    let source: Arc<dyn ReadAt> = Arc::new(Bytes(bytes.to_vec()));
    let (mut sorted, mut slices): (Vec<Arc<dyn ReadAt>>, Vec<Sorted>) = Default::default();
    let mut refused: Vec<Result<_, ImportError>> = Vec::new();
    let ignored = cut(source.clone(), &description, long, &mut |cut| {
        let (slice, rows): (Slice, Arc<dyn ReadAt>) = match cut {
            Cut::Records(slice, text) => (slice, Arc::new(Bytes(text))),
            Cut::Groups(slice) => (slice, source.clone()),
        };
        let head = format!("slice {}", slices.len());
        let told = sort(rows, &slice, &description, options.buckets, options.now, head.as_bytes(), vec![]);
        let (told, written) = match told {
            Ok(told) => told,
            Err(fault) => {
                refused.push(Ok(Some(named(source.clone(), fault))));
                return Ok(());
            }
        };
        // What is told goes through JSON.
        slices.push(serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap());
        sorted.push(Arc::new(Bytes(written)));
        Ok::<_, ImportError>(())
    })?;
    if let Some(fault) = refusal(refused.into_iter(), false)? {
        return Err(fault);
    }
    let gathered = Gathered::sorted(slices.iter(), ignored, &description)?;
    let dealt = Dealt { description: &description, text: toml, salt, key: &key, buckets: options.buckets };
    let (mut files, mut merged): (Vec<Vec<u8>>, Vec<Merged>) = Default::default();
    for first in (0..options.buckets).step_by(2) {
        let last = (first + 1).min(options.buckets - 1);
        let segments = || -> Vec<Segment> {
            let parts = slices.iter().zip(&sorted).enumerate().map(|(number, (told, sorted))| Segment {
                sorted: sorted.clone(),
                head: format!("slice {number}").into_bytes(),
                place: told.segment(first, last).unwrap(),
            });
            parts.collect()
        };
        let mut close = |file: Vec<u8>| {
            files.push(file);
            Ok(())
        };
        let mut once = merge(segments(), &dealt, first..=last, &mut || Ok(Vec::new()), &mut close)?;
        let twice = merge(segments(), &dealt, first..=last, &mut || Ok(Vec::new()), &mut |_| Ok(()))?;
        assert!(once.is_same(&twice));
        let hashes = once.take_hashes();
        let told: Merged = serde_json::from_str(&serde_json::to_string(&once).unwrap()).unwrap();
        merged.push(told.with_hashes(&hashes));
        // A segment of another slice, or of other buckets, is not taken.
        if slices.len() > 1 {
            let mut swapped = segments();
            let place = swapped[0].place;
            swapped[0] = Segment { sorted: sorted[1].clone(), head: swapped[0].head.clone(), place };
            assert!(merge(swapped, &dealt, first..=last, &mut || Ok(Vec::new()), &mut |_| Ok(())).is_err());
        }
    }
    let destination = dir.join("spread").join(&description.name);
    let _ = fs::remove_dir_all(&destination);
    let mut files = files.into_iter();
    gather(
        &destination,
        (&description, toml),
        (&lab, &key, &salt),
        options,
        gathered.merged(merged),
        &mut |_| {
            let path = dir.join("fetched");
            fs::write(&path, files.next().unwrap()).unwrap();
            Ok(fs::File::open(&path).unwrap())
        },
        &mut |_| (),
    )?;
    Ok(destination)
}

/// Imports the same once more, in slices, and compares what comes of it.
pub fn check_spread(dir: &Path, toml: &str, bytes: &[u8], options: &ImportOptions, whole: Result<&Path, &ImportError>) {
    let not_of_the_rows = matches!(whole, Err(ImportError::Exists(_) | ImportError::Busy(_)));
    if Description::parse(toml).unwrap().kind != Kind::Private || not_of_the_rows {
        return;
    }
    // As many slices as there can be, and a few.
    for long in [1, bytes.len() / 3 + 1] {
        if long == 1 && bytes.len() > 20_000 {
            continue;
        }
        match (whole, spread_bytes(dir, toml, bytes, options, long)) {
            (Ok(whole), Ok(spread)) => compare(whole, &spread),
            (Err(whole), Err(spread)) => assert_eq!(whole.to_string(), spread.to_string(), "{long}"),
            (whole, spread) => panic!("whole: {whole:?}, in slices of {long} bytes: {spread:?}"),
        }
    }
}

fn compare(whole: &Path, spread: &Path) {
    assert_eq!(quality(whole), quality(spread));
    let (whole, spread) = (open(whole), open(spread));
    let counts = |of: &Snapshot| -> Vec<_> { of.manifest().files.iter().map(|file| (file.rows, file.units)).collect() };
    assert_eq!(counts(&whole), counts(&spread));
    assert_eq!(whole.manifest().set_aside, spread.manifest().set_aside);
    let columns: Vec<String> = whole.manifest().columns.iter().map(|column| column.name.clone()).collect();
    let input = |snapshot| [ScanInput { snapshot, columns: &columns, lookups: &[] }];
    let (whole_input, spread_input) = (input(&whole), input(&spread));
    for bucket in 0..whole.buckets() {
        let mut one = CoGroup::open(&whole_input, bucket, GrainLimits::NONE).unwrap();
        let mut other = CoGroup::open(&spread_input, bucket, GrainLimits::NONE).unwrap();
        loop {
            let (one, other) = (one.next().unwrap(), other.next().unwrap());
            let grain = |grain: &Grain<'_>| (grain.unit().to_owned(), format!("{:?}", rows_of(grain.table(0))));
            assert_eq!(one.as_ref().map(grain), other.as_ref().map(grain));
            if one.is_none() {
                break;
            }
        }
    }
}

/// Errors say where, whichever slice they are in.
#[test]
fn a_bad_row_is_named_by_its_place_in_the_whole_file() {
    let dir = TempDir::new().unwrap();
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let rows: String = (0..500).map(|row| format!("u{row},{}\r\n", if row == 321 { "x" } else { "1" })).collect();
    let csv = format!("unit,n\r\n{rows}");
    let whole = import_bytes(dir.path(), &toml, csv.as_bytes(), &options(2, 1 << 20)).unwrap_err().to_string();
    assert!(whole.starts_with("row 322 (line 323)"), "{whole}");
    for long in [1, 77, 4096] {
        let spread = spread_bytes(dir.path(), &toml, csv.as_bytes(), &options(2, 1 << 20), long).unwrap_err();
        assert_eq!(spread.to_string(), whole);
    }
}
