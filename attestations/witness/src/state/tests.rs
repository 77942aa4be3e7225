use super::*;
use crate::decide::tests::{NAME, ORIGIN, key, log_key, request};
use crate::record::{LogFile, record_path};
use std::io;
use unseen_durable::TEMPORARY;
use unseen_tlog::{SigningKey, note::Checkpoint};

const HONEST: u64 = u64::MAX;

fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), NAME, &key(9)).unwrap();
    add_log(dir.path(), &log_key(1)).unwrap();
    dir
}

fn open(dir: &Path) -> Result<Witness, StateError> {
    Witness::open(dir, Arc::new(key(9)))
}

/// The sizes that were cosigned last: in memory, and after opening the folder anew.
fn size(state: &Witness) -> u64 {
    let note = state.latest(&origin_hash(ORIGIN)).unwrap();
    note.map_or(0, |note| Checkpoint::parse(note.text()).unwrap().size)
}

#[test]
fn what_was_cosigned_is_there_after_a_restart() {
    let dir = made();
    let state = open(dir.path()).unwrap();
    assert!(state.latest(&origin_hash(ORIGIN)).unwrap().is_none());
    for (old, new, now) in [(0, 3, 10), (3, 5, 11), (5, 5, 12), (5, 5, 12)] {
        let cosigned = state.add_checkpoint(&request(old, new, HONEST, &[1]), now).verdict.unwrap();
        drop(Folder::locked(dir.path()).unwrap_err());
        let status = status(dir.path()).unwrap();
        assert_eq!(status.logs[0].record.latest, Some(cosigned), "on the disk when it is answered");
    }
    drop(state);
    let state = open(dir.path()).unwrap();
    assert_eq!(size(&state), 5);
    let early = state.add_checkpoint(&request(5, 7, HONEST, &[1]), 11).verdict.unwrap_err();
    assert!(matches!(early, Failure::Refused(Refused::Clock { now: 11, last: 12 })), "{early}");
    assert!(matches!(
        state.add_checkpoint(&request(3, 7, HONEST, &[1]), 20).verdict,
        Err(Failure::Refused(Refused::Conflict { size: 5 }))
    ));
}

#[test]
fn one_process_one_key_one_beginning() {
    let dir = made();
    assert!(matches!(init(dir.path(), NAME, &key(9)), Err(StateError::NotEmpty(_))));
    assert!(matches!(Witness::open(dir.path(), Arc::new(key(8))), Err(StateError::OtherKey(_))));
    assert!(matches!(add_log(dir.path(), &log_key(9)), Err(StateError::OwnKey)));
    let state = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::InUse(_))));
    assert!(matches!(add_log(dir.path(), &log_key(2)), Err(StateError::InUse(_))));
    assert_eq!(status(dir.path()).unwrap().logs.len(), 1, "may be asked meanwhile");
    drop(state);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(open(empty.path()), Err(StateError::Read { .. })));
    assert!(matches!(init(&empty.path().join("x"), "a b", &key(9)), Err(StateError::Name(_))));
    assert!(matches!(open(&empty.path().join("y")), Err(StateError::Open { .. })));
}

#[test]
fn a_log_is_handed_over_to_another_key() {
    let dir = made();
    let ask = |old, new, signer| {
        let state = open(dir.path()).unwrap();
        state.add_checkpoint(&request(old, new, HONEST, &[signer]), 10).verdict
    };
    ask(0, 3, 1).unwrap();
    assert!(matches!(ask(3, 5, 2), Err(Failure::Refused(Refused::Signature))));
    add_log(dir.path(), &log_key(2)).unwrap();
    add_log(dir.path(), &log_key(2)).unwrap();
    assert_eq!(status(dir.path()).unwrap().logs[0].record.keys, [log_key(1), log_key(2)]);
    assert!(matches!(ask(0, 5, 2), Err(Failure::Refused(Refused::Conflict { size: 3 }))), "what was cosigned stays");
    ask(3, 5, 2).unwrap();
}

#[test]
fn damaged_and_missing_files_are_never_new_ones() {
    let dir = made();
    open(dir.path()).unwrap().add_checkpoint(&request(0, 3, HONEST, &[1]), 10).verdict.unwrap();
    let record = dir.path().join(record_path(ORIGIN));
    let whole = fs::read_to_string(&record).unwrap();
    let other = {
        let state = open(dir.path()).unwrap();
        let cosigned =
            decide(&Record { keys: vec![log_key(1)], latest: None }, NAME, &key(8), &request(0, 3, HONEST, &[1]), 10);
        drop(state);
        let file = LogFile {
            origin: ORIGIN.into(),
            keys: vec![log_key(1).to_string()],
            cosigned: Some(cosigned.unwrap().note.to_string()),
        };
        serde_json::to_string(&file).unwrap()
    };
    for damage in [
        String::new(),
        whole[..whole.len() / 2].into(),
        whole.replace("\\n3\\n", "\\n2\\n"),
        whole.replace("\"cosigned\"", "\"cosignd\""),
        whole.replace("\"origin\": \"lab", "\"origin\": \"lob"),
        whole.replace(&log_key(1).to_string(), &log_key(2).to_string()),
        format!("{{\"origin\": {ORIGIN:?}, \"keys\": [\"{}\"]}}", log_key(1)),
        format!("{{\"origin\": {ORIGIN:?}, \"keys\": [], \"cosigned\": null}}"),
        other,
    ] {
        fs::write(&record, &damage).unwrap();
        assert!(matches!(open(dir.path()), Err(StateError::Damaged { .. })), "{damage}");
        assert!(add_log(dir.path(), &log_key(1)).is_err(), "{damage}");
    }
    fs::remove_file(&record).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::Read { .. })));
    assert!(add_log(dir.path(), &log_key(1)).is_err(), "a lost record is not made anew");

    // The list was put back to before the log was added: the log is not a new one then either.
    fs::write(&record, &whole).unwrap();
    let list = dir.path().join(WITNESS);
    let listed = fs::read_to_string(&list).unwrap();
    fs::write(&list, listed.replace(&format!("{ORIGIN:?}"), "")).unwrap();
    assert!(matches!(add_log(dir.path(), &log_key(1)), Err(StateError::Unlisted { .. })));
    fs::write(&list, &listed[..9]).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::Damaged { .. })));
    fs::write(&list, listed).unwrap();
    assert_eq!(size(&open(dir.path()).unwrap()), 3);
}

#[test]
fn a_fork_leaves_evidence_that_anybody_can_check() {
    let dir = made();
    let state = open(dir.path()).unwrap();
    state.add_checkpoint(&request(0, 5, HONEST, &[1]), 10).verdict.unwrap();
    let evidence = |request: &Request| state.add_checkpoint(request, 10).evidence.map(Result::unwrap);
    assert_eq!(evidence(&request(0, 7, 3, &[1])), None, "it does not know");
    assert_eq!(evidence(&request(5, 7, 3, &[2])), None, "anybody can send this");
    assert_eq!(evidence(&request(3, 3, HONEST, &[1])), None, "an old one");

    let forked = request(0, 5, 3, &[3, 1]);
    let path = evidence(&forked).unwrap();
    assert!(path.contains("/fork-"));
    assert_eq!(evidence(&request(5, 5, 3, &[1])), None, "once");
    let read = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(dir.path().join(path)).unwrap()).unwrap()
    };
    let note = |path: &str, field: &str| {
        let note = Note::parse(read(path)[field].as_str().unwrap().as_bytes()).unwrap();
        let witness = WitnessKey::new(NAME, key(9).verifying_key()).unwrap();
        (Checkpoint::open(&note, &log_key(1)).unwrap(), witness.verify(&note).ok())
    };
    let ((seen, cosigned), (sent, uncosigned)) = (note(&path, "cosigned"), note(&path, "submitted"));
    assert_eq!((cosigned, uncosigned), (Some(10), None));
    assert!(seen.size == sent.size && seen.root != sent.root, "this is proof by itself");

    let path = evidence(&request(5, 7, 3, &[1])).unwrap();
    assert!(path.contains("/unproven-"));
    assert_eq!(note(&path, "submitted").0, request(5, 7, 3, &[1]).checkpoint);
    assert_eq!(read(&path)["old"], 5);
    assert_eq!(read(&path)["proof"].as_array().unwrap().len(), request(5, 7, 3, &[1]).proof.len());
    assert_eq!(size(&state), 5);
    for size in 8..60 {
        evidence(&request(5, size, 3, &[1]));
    }
    let kept = fs::read_dir(dir.path().join(evidence_folder(ORIGIN))).unwrap().count();
    assert_eq!(kept, MAX_EVIDENCE + 1, "it cannot fill the disk");
    assert_eq!(status(dir.path()).unwrap().logs[0].evidence, kept);
}

/// A folder whose writes fail from some call on, with or without having happened.
#[derive(Debug)]
struct Faulty {
    folder: Folder,
    failing: Arc<Mutex<Option<bool>>>,
}

impl Storage for Faulty {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.folder.read(path)
    }
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        match *self.failing.lock().unwrap() {
            None => self.folder.write(files),
            Some(happens) => {
                if happens {
                    self.folder.write(files)?;
                }
                Err(ErrorKind::StorageFull.into())
            }
        }
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.folder.list(folder)
    }
}

/// A write fails, and has happened or not: nothing is answered, the witness goes on from what is on
/// the disk, and it never cosigns a second history.
#[test]
fn a_failed_write_is_never_answered_with_a_cosignature() {
    for happens in [false, true] {
        let dir = made();
        let failing = Arc::new(Mutex::new(None));
        let faulty = Faulty { folder: Folder::locked(dir.path()).unwrap(), failing: failing.clone() };
        let state = Witness::open_in(Box::new(faulty), Arc::new(key(9))).unwrap();
        state.add_checkpoint(&request(0, 3, HONEST, &[1]), 10).verdict.unwrap();

        *failing.lock().unwrap() = Some(happens);
        for _ in 0..2 {
            let failed = state.add_checkpoint(&request(3, 5, HONEST, &[1]), 11).verdict.unwrap_err();
            assert!(matches!(failed, Failure::State(StateError::Write { .. })), "{failed}");
            assert!(state.latest(&origin_hash(ORIGIN)).is_err(), "nothing is shown that may be taken back");
        }
        *failing.lock().unwrap() = None;
        let now = if happens { 5 } else { 3 };
        assert_eq!(size(&state), now);
        let fork = state.add_checkpoint(&request(now, 6, 2, &[1]), 11).verdict.unwrap_err();
        assert!(matches!(fork, Failure::Refused(Refused::Unproven { .. })), "{fork}");
        state.add_checkpoint(&request(now, 6, HONEST, &[1]), 11).verdict.unwrap();

        // Evidence that cannot be kept is told of, and changes nothing else.
        *failing.lock().unwrap() = Some(false);
        let outcome = state.add_checkpoint(&request(6, 6, 2, &[1]), 11);
        assert!(matches!(outcome.verdict, Err(Failure::Refused(Refused::Fork { size: 6 }))));
        assert!(matches!(outcome.evidence, Some(Err(StateError::Write { .. }))));
        *failing.lock().unwrap() = None;
        drop(state);
        assert_eq!(size(&open(dir.path()).unwrap()), 6);
    }
}

/// What a dead process may leave: temporary files, and a record that is not listed yet.
#[test]
fn a_beginning_that_was_cut_short_can_be_made_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("witness.json.tmp"), "{").unwrap();
    let witness = init(dir.path(), NAME, &key(9)).unwrap();
    let record = Record { keys: vec![log_key(2)], latest: None };
    let folder = Folder::locked(dir.path()).unwrap();
    write_record(&folder, ORIGIN, &record).unwrap();
    fs::write(dir.path().join(record_path(ORIGIN) + TEMPORARY), "{").unwrap();
    assert!(Folder::reading(dir.path()).write(&[("x".into(), Vec::new())]).is_err());
    drop(folder);
    add_log(dir.path(), &log_key(1)).unwrap();
    let status = status(dir.path()).unwrap();
    assert_eq!((status.witness, status.logs[0].record.keys.clone()), (witness, vec![log_key(1)]));
    assert!(SigningKey::from_seed([9; 32]).unwrap().verifying_key() == *open(dir.path()).unwrap().witness().key());
}
