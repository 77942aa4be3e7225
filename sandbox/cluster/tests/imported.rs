//! Imports by a courier without an engine that loses, doubles, delays, reorders and mixes up what it carries, over nodes
//! some of which are not to be relied on: the same rows, or a sentence. Nodes do here, in this process, what their
//! workers do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use unseen_age::{Encrypter, Identity, OpenedFile};
use unseen_cluster::answer::{Answer, Made, read_task};
use unseen_cluster::courier::{Back, Courier};
use unseen_cluster::error::ClusterError;
use unseen_cluster::gather::{Asking, Gatherer};
use unseen_cluster::import_orders::ImportKeys;
use unseen_cluster::importer::{Import, Importer, Unsorted};
use unseen_cluster::spool::Spool;
use unseen_cluster::store::Store;
use unseen_data::import::spread::{Cut, Dealt, Merged, Segment, Slice, Sorted, cut, merge, sort};
use unseen_data::{DataKey, Description, ReadAt};
use unseen_ids::{Digest, PublicKey};
use unseen_policies::receipts::receipt_bytes;
use unseen_tlog::{Signer, SigningKey};
use unseen_worker::importing::{ImportTask, Object, Step, Told, head, seal_told};
use unseen_worker::process::Fault;
use unseen_worker::spread::{Place, RunKey};
use zeroize::Zeroizing;

const NUMBER: Digest = Digest::from_bytes([4; 32]);
const BUCKETS: u32 = 6;
const DESCRIPTION: &str = "name = \"firms\"\nkind = \"private\"\nprovider = \"p\"\nclassification = \"internal\"\n\
    update_cycle = \"monthly\"\nsharing = \"none\"\n[unit]\ncolumn = \"code\"\ndomain = \"enterprise\"\n\
    [[column]]\nname = \"code\"\ntype = \"text\"\n[[column]]\nname = \"tax\"\ntype = \"int\"\n";

fn now() -> DateTime<Utc> {
    "2026-11-30T00:00:00Z".parse().unwrap()
}

/// An import whose source is cut, as the lab has it.
struct Source {
    folder: tempfile::TempDir,
    store: Store,
    keys: ImportKeys,
    slices: Vec<(Slice, Object)>,
}

impl Source {
    fn new(bad: Option<u32>) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store"), folder.path()).unwrap();
        store.begin_import(&NUMBER).unwrap();
        let identity = Identity::generate().unwrap();
        let keys = ImportKeys { run: RunKey::derive(&[1; 32], &NUMBER), identity, data: [2; 32].into(), salt: [3; 32] };
        let row =
            |row: u32| format!("u{},{}\n", row * 7 % 90, if bad == Some(row) { "x".into() } else { row.to_string() });
        let text = format!("code,tax\n{}", (0..400).map(row).collect::<String>());
        let file = folder.path().join("firms.csv");
        std::fs::write(&file, text).unwrap();
        let (rows, mut slices): (Arc<dyn ReadAt>, _) = (Arc::new(File::open(file).unwrap()), Vec::new());
        cut(rows, &description(), 600, &mut |cut| {
            let Cut::Records(slice, text) = cut else { panic!("it is a text") };
            slices.push((slice, encrypted(&store, &keys.identity, &text)));
            Ok::<_, unseen_data::ImportError>(())
        })
        .unwrap();
        assert!(slices.len() > 4);
        Source { folder, store, keys, slices }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn description() -> Description {
    Description::parse(DESCRIPTION).unwrap()
}

/// Puts a file into the store that this identity opens.
fn encrypted(store: &Store, identity: &Identity, bytes: &[u8]) -> Object {
    let mut to = Encrypter::new(Vec::new(), &[identity.recipient()]).unwrap();
    to.write_all(bytes).unwrap();
    keep(store, &to.finish().unwrap())
}

fn keep(store: &Store, bytes: &[u8]) -> Object {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let object = Object { digest: Digest::of(bytes), bytes: bytes.len() as u64 };
    store.keep_import_file(&NUMBER, &object.digest, object.bytes, &file).unwrap();
    object
}

struct Node {
    key: SigningKey,
    /// Leaves out the last row of each slice, or of each merge the last slice.
    alters: bool,
}

impl Node {
    fn new(seed: u8) -> Node {
        Node { key: SigningKey::from_seed([seed; 32]).unwrap(), alters: false }
    }

    fn id(&self) -> PublicKey {
        self.key.verifying_key().into()
    }

    fn opened(of: &Source, object: &Object) -> Arc<dyn ReadAt> {
        let file = of.store.import_file(&NUMBER, &object.digest, object.bytes).unwrap();
        Arc::new(OpenedFile::new(file, std::slice::from_ref(&of.keys.identity)).unwrap())
    }

    fn told(&self, of: &Source, task: &ImportTask) -> Told {
        let description = description();
        match &task.step {
            Step::Sort { slice, source } => {
                let mut rows = Node::opened(of, source);
                if self.alters {
                    rows = Arc::new(Shorter(rows));
                }
                let head = head(&NUMBER, task.first);
                match sort(rows, slice, &description, BUCKETS, now(), &head, Vec::new()) {
                    Ok((sorted, bytes)) => Told::Sorted(sorted, encrypted(&of.store, &of.keys.identity, &bytes)),
                    Err(_) => Told::Refused,
                }
            }
            Step::Merge(segments) => {
                let segment = |(number, (object, from, end)): (u32, &(Object, u64, u64))| Segment {
                    sorted: Node::opened(of, object),
                    head: head(&NUMBER, number),
                    place: (*from, *end),
                };
                let mut segments: Vec<Segment> = (0..).zip(segments).map(segment).collect();
                if self.alters {
                    segments.pop();
                }
                let key = DataKey::from_bytes(&*of.keys.data).unwrap();
                let (text, salt) = (DESCRIPTION, of.keys.salt);
                let dealt = Dealt { description: &description, text, salt, key: &key, buckets: BUCKETS };
                let mut close = |bytes: Vec<u8>| {
                    keep(&of.store, &bytes);
                    Ok(())
                };
                let buckets = task.first..=task.last;
                let mut merged = merge(segments, &dealt, buckets, &mut || Ok(Vec::new()), &mut close).unwrap();
                let hashes = merged.take_hashes();
                Told::Merged(merged, encrypted(&of.store, &of.keys.identity, &hashes))
            }
        }
    }

    fn make(&self, of: &Source, task: &ImportTask) -> Made {
        let ImportTask { step, first, last, attempt, state, .. } = task;
        let place = Place { first: *first, last: *last, node: self.id(), name: String::new(), attempt: *attempt };
        let told = self.told(of, task);
        let sealed = seal_told(&of.keys.run.parts(&self.id()), &NUMBER, step.round(), &place, &told).unwrap();
        let receipt = receipt_bytes(&NUMBER, step.round(), *first, *last, state, &Digest::of(&sealed));
        let signature = STANDARD.encode(self.key.sign(&receipt).unwrap());
        let (build, walls) = (Digest::of(b"build"), BTreeMap::new());
        Made { round: step.round(), place, state: *state, signature, build, walls, evidence: None, sealed }
    }
}

/// All but the last row of a text.
struct Shorter(Arc<dyn ReadAt>);

impl ReadAt for Shorter {
    fn length(&self) -> std::io::Result<u64> {
        let mut text = vec![0; self.0.length()? as usize];
        let read = self.0.read_at(&mut text, 0)?;
        let rows = text[..read - 1].iter().rposition(|byte| *byte == b'\n').map_or(read, |end| end + 1);
        Ok(rows as u64)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> std::io::Result<usize> {
        let left = self.length()?.saturating_sub(at) as usize;
        let count = out.len().min(left);
        self.0.read_at(&mut out[..count], at)
    }
}

/// Nodes and what is between them and the lab.
struct Lossy<'a> {
    of: &'a Source,
    nodes: &'a [Node],
    rng: ChaCha20Rng,
    /// Of 100 deliveries, how many go wrong.
    faults: u32,
    /// Each task goes to all nodes.
    to_all: bool,
    waiting: VecDeque<(u64, Back)>,
    past: Vec<Back>,
}

impl Lossy<'_> {
    fn one_of(&mut self, hundred: u32) -> bool {
        self.rng.random_range(0..100) < hundred
    }
}

impl Courier for Lossy<'_> {
    fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
        let task: ImportTask = read_task(&self.of.keys.run.tasks(), &task).unwrap();
        let (faults, some) = (self.faults, self.rng.random_range(0..self.nodes.len()));
        for (number, node) in self.nodes.iter().enumerate() {
            if !self.to_all && number != some {
                continue;
            }
            let mut made = node.make(self.of, &task);
            if self.one_of(faults / 3) {
                match self.rng.random_range(0..3) {
                    0 => made.place.node = self.nodes[(number + 1) % self.nodes.len()].id(),
                    1 => made.round = 1 - made.round,
                    _ => made.sealed[40] ^= 1,
                }
            }
            let back = Back::Answer(Answer::Made(made).to_bytes());
            if !self.one_of(faults) {
                self.waiting.push_back((id, back.clone()));
            }
            if self.one_of(faults) && !self.past.is_empty() {
                let old = self.past[self.rng.random_range(0..self.past.len())].clone();
                self.waiting.push_back((id, old));
            }
            self.past.push(back);
        }
        Ok(())
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
        if self.waiting.is_empty() {
            std::thread::sleep(wait);
            return Ok(None);
        }
        let at = if self.faults > 0 { self.rng.random_range(0..self.waiting.len()) } else { 0 };
        Ok(self.waiting.remove(at))
    }
}

type Outcome = Result<(Vec<Sorted>, Vec<Merged>), Unsorted>;

fn import(of: &Source, nodes: &[Node], (faults, to_all, seed): (u32, bool, u64), spool: &Path) -> (Outcome, usize) {
    let rng = ChaCha20Rng::seed_from_u64(seed);
    let mut courier = Lossy { of, nodes, rng, faults, to_all, waiting: VecDeque::new(), past: Vec::new() };
    // Where nothing goes wrong nothing is asked for again, however busy the machine is.
    let outcome = import_by(&mut courier, of, nodes, if faults > 0 { 20 } else { 30_000 }, spool);
    (outcome, courier.past.len())
}

fn import_by(courier: &mut dyn Courier, of: &Source, nodes: &[Node], late: u64, spool: &Path) -> Outcome {
    let asking = Asking {
        orders: Digest::of(b"orders"),
        tasks_key: of.keys.run.tasks(),
        run: NUMBER,
        late: Duration::from_millis(late),
        until: Instant::now() + Duration::from_secs(60),
        nodes: nodes.iter().enumerate().map(|(at, node)| (node.id(), format!("n{at}"))).collect(),
        vouched: &|_, _, _| Ok(()),
    };
    let description = description();
    let mut importer = Importer {
        gatherer: Gatherer::new(courier, asking, Spool::open(spool).unwrap()),
        import: Import { number: NUMBER, keys: &of.keys, store: &of.store },
        slices: &of.slices,
        description: &description,
        buckets: BUCKETS,
        together: 2,
    };
    importer.sort(&mut |_, _| ()).and_then(|sorted| {
        let merged = importer.merge(&sorted, &mut |_, _| ()).map_err(Unsorted::Fault)?;
        Ok((sorted.into_iter().map(|(told, _)| told).collect(), merged))
    })
}

fn done(outcome: Outcome) -> (Vec<Sorted>, Vec<Merged>) {
    outcome.unwrap_or_else(|why| panic!("{}", said(&why)))
}

fn said(why: &Unsorted) -> String {
    match why {
        Unsorted::Fault(fault) => Fault::to_string(fault),
        Unsorted::Refused { slice, node } => format!("{node} refuses slice {slice}"),
    }
}

#[test]
fn whatever_is_lost_doubled_or_mixed_up_the_rows_are_the_same() {
    let of = Source::new(None);
    let nodes = [Node::new(1), Node::new(2)];
    let ((sorted, merged), asked) = {
        let (outcome, asked) = import(&of, &nodes[..1], (0, false, 0), &of.path("honest"));
        (done(outcome), asked)
    };
    assert_eq!(asked, of.slices.len() + 3);
    assert_eq!(merged.iter().flat_map(|part| &part.files).map(|file| file.rows).sum::<u64>(), 400);
    std::thread::scope(|scope| {
        for tens in 0..4 {
            let (of, nodes, sorted, merged) = (&of, &nodes, &sorted, &merged);
            scope.spawn(move || {
                for seed in 10 * tens..10 * (tens + 1) {
                    let faults = (5 + (seed % 4) as u32 * 10, false, seed);
                    let (again, parts) = done(import(of, nodes, faults, &of.path(&seed.to_string())).0);
                    assert_eq!(again, *sorted, "seed {seed}");
                    assert!(parts.iter().zip(merged).all(|(one, other)| one.is_same(other)), "seed {seed}");
                }
            });
        }
    });
    // What is there is not asked for again, unless what was written with it is gone.
    let (again, asked) = import(&of, &nodes, (0, false, 0), &of.path("honest"));
    assert_eq!((done(again).0, asked), (sorted.clone(), 0));
    of.store.end_import(&NUMBER);
    of.store.begin_import(&NUMBER).unwrap();
    let fresh = Source::new(None);
    let (again, asked) = import(&fresh, &nodes, (0, false, 0), &of.path("honest"));
    assert_eq!((done(again).0, asked), (sorted, fresh.slices.len() + 3));
}

#[test]
fn a_node_that_alters_rows_is_found_out_and_named() {
    let of = Source::new(None);
    let mut nodes = [Node::new(1), Node::new(2)];
    nodes[1].alters = true;
    let (outcome, _) = import(&of, &nodes, (0, true, 0), &of.path("spool"));
    let why = said(&outcome.unwrap_err());
    assert!(why.contains("`n0` and `n1` made different rows"), "{why}");
}

/// What a node says reaches the lab's own process.
#[test]
fn what_cannot_be_is_not_believed() {
    let of = Source::new(None);
    let nodes = [Node::new(1)];
    let (sorted, merged) = done(import(&of, &nodes, (0, false, 0), &of.path("spool")).0);
    let bent = |of: serde_json::Value, at: &str, to: serde_json::Value| {
        let mut bent = of;
        *bent.pointer_mut(at).unwrap() = to;
        bent
    };
    let of_slice = serde_json::to_value(&sorted[0]).unwrap();
    let slice = |value| serde_json::from_value::<Sorted>(value).unwrap().can_be(&description(), BUCKETS);
    assert!(slice(of_slice.clone()));
    for (at, to) in [
        ("/index/1", serde_json::json!(u64::MAX)),
        ("/index", serde_json::json!([0, 1])),
        ("/tally/rows", serde_json::json!(u64::MAX)),
        ("/tally/bad", serde_json::json!(u64::MAX)),
        ("/tally/normalized", serde_json::json!([])),
        ("/tally/survey/columns", serde_json::json!([])),
    ] {
        assert!(!slice(bent(of_slice.clone(), at, to)), "{at}");
    }
    let of_buckets = serde_json::to_value(&merged[0]).unwrap();
    let buckets = |value, buckets| serde_json::from_value::<Merged>(value).unwrap().can_be(buckets);
    assert!(
        buckets(of_buckets.clone(), 0..=1)
            && !buckets(of_buckets.clone(), 0..=2)
            && !buckets(of_buckets.clone(), 1..=2)
    );
    for (at, to) in [
        ("/files/0/file", serde_json::json!("../../keys/seal.key")),
        ("/files/1/rows", serde_json::json!(u64::MAX)),
        ("/files/1/units", serde_json::json!(u64::MAX)),
    ] {
        assert!(!buckets(bent(of_buckets.clone(), at, to), 0..=1), "{at}");
    }
}

#[test]
fn the_first_slice_with_a_bad_row_is_named() {
    for seed in 0..5 {
        let of = Source::new(Some(230));
        let (outcome, _) = import(&of, &[Node::new(1)], (20, false, seed), &of.path("spool"));
        let Unsorted::Refused { slice, node } = outcome.unwrap_err() else { panic!("it is the rows") };
        let Slice::Records { rows, .. } = &of.slices[slice].0 else { panic!("it is a text") };
        let Slice::Records { rows: next, .. } = &of.slices[slice + 1].0 else { panic!("it is a text") };
        assert!((*rows..*next).contains(&230) && node == "n0");
    }
}

/// Nodes say that they have it not, again and again; the lab looks for itself.
#[test]
fn a_slice_that_somebody_took_away_is_missed_at_once() {
    struct GivesUp(VecDeque<u64>);

    impl Courier for GivesUp {
        fn send(&mut self, id: u64, _: Vec<u8>) -> Result<(), ClusterError> {
            self.0.push_back(id);
            Ok(())
        }
        fn receive(&mut self, _: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
            Ok(self.0.pop_front().map(|id| (id, Back::GivenUp("no luck".into()))))
        }
    }

    let of = Source::new(None);
    let lost = of.path("store").join("imports").join(NUMBER.to_hex()).join(of.slices[2].1.digest.to_hex());
    std::fs::remove_file(lost).unwrap();
    let outcome = import_by(&mut GivesUp(VecDeque::new()), &of, &[Node::new(1)], 30_000, &of.path("spool"));
    let why = said(&outcome.unwrap_err());
    assert!(why.contains("which the import needs"), "{why}");
}

#[test]
fn what_is_told_opens_in_its_place_only() {
    let key = Zeroizing::new([7; 32]);
    let place = Place { first: 1, last: 1, node: Node::new(1).id(), name: String::new(), attempt: 0 };
    let sealed = seal_told(&key, &NUMBER, 0, &place, &Told::Refused).unwrap();
    let opens = |import: &Digest, round: u32, place: &Place| {
        unseen_worker::importing::told(&key, import, round, place, &sealed).is_some()
    };
    assert!(opens(&NUMBER, 0, &place));
    assert!(!opens(&NUMBER, 1, &place) && !opens(&Digest::of(b"another"), 0, &place));
    for other in [
        Place { first: 0, ..place.clone() },
        Place { last: 2, ..place.clone() },
        Place { attempt: 1, ..place.clone() },
        Place { node: Node::new(2).id(), ..place.clone() },
    ] {
        assert!(!opens(&NUMBER, 0, &other));
    }
}
