//! Inside a worker process: from its walls to its result.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Mutex;

use serde::de::DeserializeOwned;
use unseen_core::order::Round;
use unseen_core::release::{ReleaseError, SealedRelease};
use unseen_core::seed::{NoiseKey, RoundSeed, RunIdentity};
use unseen_data::snapshot::load_reference;
use unseen_data::{BlockKey, DataKey, Snapshot};
use unseen_ids::JobId;
use unseen_policies::{Manifest, Plan};
use unseen_runtime::Failure;
use unseen_runtime::freshness::{self, Freshness};
use unseen_texts::say;

use crate::cgroup;
use crate::code::{Code, Use};
use crate::fault::{Fault, lab_fault};
use crate::frames::{read_frame, read_key, write_frame};
use crate::importing;
use crate::jail;
use crate::link::{Message, adopt, shut_in};
use crate::memory;
use crate::merging::add_up;
use crate::process::{IMPORT, Identity, NO_OUTLINE, Outline, Part, Work};
use crate::rows::{ReferenceTables, Rows};
use crate::run::{self, Grains, Outcome, Rounds, RunError, Watch};
use crate::spread::{Place, RunKey, Task, state_digest};

/// The worker's whole life. Called by `main` when the first argument is [`crate::process::ARGUMENT`].
pub fn work() {
    let stdout = Mutex::new(std::io::stdout());
    let say_frame = |frame: &[u8]| {
        let mut stdout = stdout.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Half a message would keep the lab waiting; and where nobody listens there is no use for the rest.
        if write_frame(&mut *stdout, frame).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(1);
        }
    };
    let say = |message: &Message| say_frame(&serde_json::to_vec(message).unwrap_or_default());
    match work_on_input(&Saying { say: &say, frame: &say_frame }) {
        Ok(Some(sealed)) => {
            say(&Message::Sealed);
            say_frame(&sealed);
        }
        Ok(None) => {}
        Err(fault) => say(&Message::Failed(fault)),
    }
}

fn work_on_input(saying: &Saying<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let mut stdin = std::io::stdin().lock();
    let text = read_frame(&mut stdin).map_err(lab_fault)?;
    if text == NO_OUTLINE {
        (saying.say)(&Message::Ready(Box::new(jail::enter())));
        return Ok(None);
    }
    if text == IMPORT {
        return importing::work(&mut stdin, saying.say, saying.frame);
    }
    if let Freshness::Broken { place } = freshness::probe().map_err(lab_fault)? {
        return Err(lab_fault(say!(
            "on this machine a grain would see another in {place}",
            "在本机上，数据粒之间会在{place}里看到对方的数据"
        )));
    }
    let mut outline: Outline = serde_json::from_slice(&text).map_err(lab_fault)?;
    cgroup::enter("run", cgroup::Limits::of(outline.memory, outline.threads));
    for part in outline.snapshots.iter_mut().chain(&mut outline.references) {
        part.manifest = read_frame(&mut stdin).map_err(lab_fault)?;
    }
    let compiled = read_frame(&mut stdin).map_err(lab_fault)?;
    let manifest = Manifest::parse(&outline.manifest).map_err(lab_fault)?;

    // Everything that needs more rights than a worker keeps comes before the walls go up.
    let references = outline
        .references
        .iter()
        .map(|part| load_reference(&part.manifest, part.root.to_bytes(), adopt(&part.files)).map_err(lab_fault));
    let references = ReferenceTables(references.collect::<Result<_, _>>()?);
    let plan = Plan::new(&manifest, &references).map_err(lab_fault)?;
    let threads = outline.threads as usize;
    // SAFETY: the lab compiled these bytes itself, or found them in its cache under its own HMAC.
    let code = unsafe { Code::load(&compiled, &manifest, &plan, Use::Runs(threads)) }.map_err(lab_fault)?;
    let files: Vec<Vec<File>> = outline.snapshots.iter().map(|part| adopt(&part.files)).collect();
    memory::set_aside(outline.memory).map_err(Fault::Lab)?;
    let walls = shut_in()?;
    (saying.say)(&Message::Ready(Box::new(walls)));

    // Whoever only wanted to know whether it could run has gone.
    let Ok(run) = read_frame(&mut stdin) else { return Ok(None) };
    let run: Identity = serde_json::from_slice(&run).map_err(lab_fault)?;
    let begun = Begun { outline, manifest, plan, references, code, files, run };
    match begun.outline.work {
        Work::Whole => begun.whole(&mut stdin, saying),
        Work::Part => begun.part(&mut stdin, saying),
        Work::Merge => begun.merge(&mut stdin, saying),
    }
    .map(Some)
}

/// A worker behind its walls that was told its run.
struct Begun {
    outline: Outline,
    manifest: Manifest,
    plan: Plan,
    references: ReferenceTables,
    code: Code,
    files: Vec<Vec<File>>,
    run: Identity,
}

impl Begun {
    fn whole(self, stdin: &mut impl Read, saying: &Saying<'_>) -> Result<Vec<u8>, Fault> {
        let (noise_secret, seal_key) = (read_key::<32>(stdin)?, read_key::<32>(stdin)?);
        let begun = self.opened(|part, files| {
            let key = DataKey::from_bytes(&*read_key::<32>(stdin)?).map_err(lab_fault)?;
            Snapshot::open(&part.manifest, part.root.to_bytes(), &key, files).map_err(lab_fault)
        })?;
        let noise_key = NoiseKey::new(*noise_secret);
        let seed = |round| noise_key.round_seed(&begun.identity(), round);
        let outcome =
            run::run(begun.rounds(&seed), &begun.grains(BlockKey::new(&noise_secret).map_err(lab_fault)?, saying))?;
        begun.seal(outcome, &seal_key)
    }

    fn part(self, stdin: &mut impl Read, saying: &Saying<'_>) -> Result<Vec<u8>, Fault> {
        let (task, place): (Task, Place) = read(stdin)?;
        let (part_key, block_key) = (read_key(stdin)?, read_key(stdin)?);
        let begun = self.opened(|part, files| {
            let key = DataKey::from_bytes(&*read_key::<32>(stdin)?).map_err(lab_fault)?;
            Snapshot::open_some(&part.manifest, part.root.to_bytes(), &key, part.first, files).map_err(lab_fault)
        })?;
        let pieces = begun.rows.expected(&begun.plan).pieces();
        let round = Round::new(&begun.plan, begun.identity().digest(), task.round, pieces);
        let grains = begun.grains(BlockKey::from_bytes(*block_key), saying);
        let part = grains.part(&round, &task.state, task.first..task.last.saturating_add(1), (0, pieces))?;
        part.seal(&part_key, &place.context(&state_digest(&task.state))).map_err(|error| RunError::from(error).into())
    }

    fn merge(self, stdin: &mut impl Read, saying: &Saying<'_>) -> Result<Vec<u8>, Fault> {
        let (noise_key, seal_key) = (NoiseKey::new(*read_key(stdin)?), read_key::<32>(stdin)?);
        let run_key = RunKey::from_bytes(read_key(stdin)?);
        let begun = self.opened(|part, _| Snapshot::unread(&part.manifest, part.root.to_bytes()).map_err(lab_fault))?;
        let seed = |round| noise_key.round_seed(&begun.identity(), round);
        let outcome = add_up(begun.rounds(&seed), &run_key, stdin, saying.frame)?;
        begun.seal(outcome, &seal_key)
    }

    /// Opens the snapshots and ties the code to them.
    fn opened(self, mut open: impl FnMut(&Part, Vec<File>) -> Result<Snapshot, Fault>) -> Result<Opened, Fault> {
        let Begun { outline, manifest, plan, references, code, files, run } = self;
        let snapshots = outline.snapshots.iter().zip(files).map(|(part, files)| open(part, files));
        let rows = Rows::new(&manifest, snapshots.collect::<Result<_, _>>()?, &references).map_err(lab_fault)?;
        let code = code.reading(&rows).map_err(lab_fault)?;
        let roots = outline.snapshots.iter().map(|part| part.root.to_bytes()).collect();
        Ok(Opened { plan, code, rows, run, roots, threads: outline.threads as usize })
    }
}

/// A worker that has all it needs.
struct Opened {
    plan: Plan,
    code: Code,
    rows: Rows,
    run: Identity,
    roots: Vec<[u8; 32]>,
    threads: usize,
}

impl Opened {
    fn identity(&self) -> RunIdentity<'_> {
        let Identity { origin, entry, leaf, .. } = &self.run;
        RunIdentity { origin, entry: *entry, leaf: leaf.to_bytes(), snapshots: &self.roots }
    }

    fn rounds<'a>(&'a self, seed: &'a (dyn Fn(u32) -> RoundSeed + Sync)) -> Rounds<'a, Code> {
        Rounds { plan: &self.plan, guest: &self.code, seed, expected: self.rows.expected(&self.plan) }
    }

    fn grains<'a>(&'a self, block_key: BlockKey, watch: &'a Saying<'_>) -> Grains<'a, Code> {
        let Opened { plan, code, rows, threads, .. } = self;
        Grains { plan, guest: code, rows, block_key, threads: *threads, watch }
    }

    fn seal(&self, outcome: Outcome, key: &[u8; 32]) -> Result<Vec<u8>, Fault> {
        let sealed = seal(self.run.job, self.run.entry, &self.plan, outcome).map_err(lab_fault)?;
        Ok(sealed.into_sealed_bytes(key))
    }
}

/// Writes the release of an outcome and seals it.
pub fn seal(job: JobId, run: u64, plan: &Plan, outcome: Outcome) -> Result<SealedRelease, ReleaseError> {
    SealedRelease::seal(plan, job, run, &outcome.rounds, outcome.derived)
}

/// How a worker speaks.
struct Saying<'a> {
    say: &'a (dyn Fn(&Message) + Sync),
    frame: &'a (dyn Fn(&[u8]) + Sync),
}

impl Watch for Saying<'_> {
    fn progress(&self, done: u32, all: u32) {
        (self.say)(&Message::Progress { done, all });
    }

    fn failed(&self, _: &Failure) {}
}

fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, Fault> {
    serde_json::from_slice(&read_frame(from).map_err(lab_fault)?).map_err(lab_fault)
}
