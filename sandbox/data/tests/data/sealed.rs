//! Snapshots that somebody altered.

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use unseen_data::import::infer;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;

use crate::support::*;

/// Reads a whole snapshot as the worker does.
fn read_all(dir: &Path, root: [u8; 32], lab: &LabDataKey) -> Result<usize, String> {
    let opened = SnapshotDir::open(dir, Some(root)).map_err(|fault| fault.to_string())?;
    let key = opened.data_key(lab).map_err(|fault| fault.to_string())?;
    opened.quality(Some(&key)).map_err(|fault| fault.to_string())?;
    let snapshot = opened.into_snapshot(&key).map_err(|fault| fault.to_string())?;
    let columns = strings(&["unit", "count", "level", "flag", "note"]);
    let mut rows = 0;
    for bucket in 0..snapshot.buckets() {
        let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).map_err(|fault| fault.to_string())?;
        while let Some(grain) = scan.next().map_err(|fault| fault.to_string())? {
            rows += rows_of(grain.table(0)).len();
        }
    }
    Ok(rows)
}

#[test]
fn any_altered_byte_of_a_snapshot_is_an_error() {
    let dir = TempDir::new().unwrap();
    let rows: Vec<Reading> = (0..200)
        .map(|at| Reading { unit: Some(at % 40), count: Some(i64::from(at)), level: None, flag: None, note: None })
        .collect();
    let at = import_bytes(
        dir.path(),
        &private("one", "unit", &READING),
        readings_csv(&rows).as_bytes(),
        &options(2, 1 << 20),
    )
    .unwrap();
    let root = open(&at).root();
    let lab = LabDataKey::from_bytes(&LAB).unwrap();
    assert_eq!(read_all(&at, root, &lab), Ok(200));
    assert!(read_all(&at, [0; 32], &lab).unwrap_err().contains("digest is not the registered one"));
    assert!(read_all(&at, root, &LabDataKey::from_bytes(&[8; 32]).unwrap()).unwrap_err().contains("does not open"));

    for entry in fs::read_dir(&at).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(good.len() / 20 + 1) {
            let mut bad = good.clone();
            bad[place] ^= 0x20;
            fs::write(&path, &bad).unwrap();
            assert!(read_all(&at, root, &lab).is_err(), "{path:?} byte {place}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(read_all(&at, root, &lab).is_err(), "{path:?} cut");
        fs::remove_file(&path).unwrap();
        assert!(read_all(&at, root, &lab).is_err(), "{path:?} removed");
        fs::write(&path, &good).unwrap();
    }
    fs::rename(at.join("bucket-0000.parquet"), at.join("x")).unwrap();
    fs::rename(at.join("bucket-0001.parquet"), at.join("bucket-0000.parquet")).unwrap();
    fs::rename(at.join("x"), at.join("bucket-0001.parquet")).unwrap();
    assert!(read_all(&at, root, &lab).unwrap_err().contains("altered"));
}

/// Even with manifest and digests to match, a bucket opens neither in another bucket's place nor
/// for another dataset: the cipher binds it.
#[test]
fn a_bucket_opens_in_its_own_place_only() {
    let dir = TempDir::new().unwrap();
    let toml = private("one", "unit", &READING);
    let at = import_bytes(
        dir.path(),
        &toml,
        readings_csv(&[Reading { unit: Some(1), count: None, level: None, flag: None, note: None }]).as_bytes(),
        &options(2, 1 << 20),
    )
    .unwrap();
    let opened = SnapshotDir::open(&at, None).unwrap();
    let key = opened.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    let mut manifest = opened.manifest.clone();
    let (a, b) = (manifest.files[0].clone(), manifest.files[1].clone());
    manifest.files[0] = unseen_data::snapshot::ManifestFile { file: a.file, ..b.clone() };
    manifest.files[1] = unseen_data::snapshot::ManifestFile { file: b.file, ..opened.manifest.files[0].clone() };
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let mut files = opened.files().unwrap();
    files.reverse();
    let snapshot = Snapshot::open(&bytes, unseen_ids::sha256(&[&bytes]), &key, files).unwrap();
    let columns = strings(&["count"]);
    for bucket in 0..2 {
        let fault = CoGroup::open(
            &[ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }],
            bucket,
            GrainLimits::NONE,
        )
        .err()
        .unwrap();
        assert!(fault.to_string().contains("does not hold what its manifest says"), "{fault}");
    }
}

#[test]
fn rows_are_dealt_anew_only_as_they_are_registered() {
    let dir = TempDir::new().unwrap();
    let toml = private("d", "unit", &[("unit", "type = \"int\""), ("n", "type = \"int\"")]);
    let at = import_bytes(dir.path(), &toml, b"unit,n\n1,1\n2,2\n3,3\n1,4\n", &options(2, 1 << 20)).unwrap();
    let there = at.with_extension("again");
    for (toml, buckets, words) in [
        (&toml.replace("[unit]", "[bounds]\nrows = 9\n[unit]"), 4, "description"),
        (&toml.replace("\"n\"\ntype = \"int\"", "\"n\"\ntype = \"float\""), 4, "description"),
        (&toml, 0, "1 to 65536 buckets, not 0"),
        (&toml, 65_537, "1 to 65536 buckets, not 65537"),
    ] {
        let fault = again(&at, toml, &options(buckets, 1 << 20)).unwrap_err().to_string();
        assert!(fault.contains(words), "{words}: {fault}");
        assert!(!there.exists());
    }
    // More buckets than units: most are empty, and all are there.
    let finer = again(&at, &toml.replace("provider = \"p\"", "provider = \"q\""), &options(64, 1 << 20)).unwrap();
    assert_eq!((open(&finer).manifest().rows(), open(&finer).manifest().units()), (4, 3));
    assert_eq!(open(&finer).manifest().files.len(), 64);
    fs::remove_dir_all(&finer).unwrap();

    let bucket = at.join("bucket-0001.parquet");
    let mut bytes = fs::read(&bucket).unwrap();
    bytes[9] ^= 1;
    fs::write(&bucket, bytes).unwrap();
    let fault = again(&at, &toml, &options(4, 1 << 20)).unwrap_err().to_string();
    assert!(fault.contains("bucket-0001.parquet") && fault.contains("altered"), "{fault}");
    assert!(!there.exists());
}

/// Every byte of a small Parquet file set to a few other values: whatever the file then claims, the
/// import ends with an answer, and what it accepts it counts right.
#[test]
fn a_parquet_file_that_lies_is_an_error_and_never_a_crash() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let good = parquet_bytes(20);
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("bad.parquet");
    let mut refused = 0;
    for place in 4..good.len() {
        for value in [0x00, 0x7f, 0xff, good[place] ^ 1] {
            let mut bad = good.clone();
            bad[place] = value;
            fs::write(&source, &bad).unwrap();
            // Drafting decodes the same pages as an import, and writes nothing.
            let drafted = infer(&source, "d");
            refused += usize::from(drafted.is_err());
            if (place + usize::from(value)).is_multiple_of(16) {
                match import_bytes(dir.path(), &toml, &bad, &options(1, 1 << 20)) {
                    Ok(at) => fs::remove_dir_all(at).unwrap(),
                    Err(fault) => assert!(!fault.to_string().is_empty()),
                }
            }
        }
    }
    assert!(refused > good.len(), "{refused}");
    for length in (0..good.len()).step_by(7) {
        assert!(import_bytes(dir.path(), &toml, &good[..length], &options(1, 1 << 20)).is_err());
    }
}

/// A footer that counts other rows than there are, in two places that agree: no row is lost or made
/// up without a word.
#[test]
fn a_parquet_footer_cannot_change_the_number_of_rows() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let good = parquet_bytes(20);
    let footer = u32::from_le_bytes(good[good.len() - 8..][..4].try_into().unwrap()) as usize;
    // 20 is written as 40: a zigzag varint.
    let places: Vec<usize> = (good.len() - 8 - footer..good.len() - 8).filter(|&at| good[at] == 40).collect();
    assert!(places.len() >= 4, "{places:?}");
    let dir = TempDir::new().unwrap();
    for &a in &places {
        for &b in &places {
            for lie in [36, 42] {
                let mut bad = good.clone();
                (bad[a], bad[b]) = (lie, lie);
                if let Ok(at) = import_bytes(dir.path(), &toml, &bad, &options(1, 1 << 20)) {
                    assert_eq!(open(&at).manifest().rows(), 20, "bytes {a} and {b} set to {lie}");
                    fs::remove_dir_all(at).unwrap();
                }
            }
        }
    }
}
