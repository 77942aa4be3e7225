//! An import that is spread: slices of its source are sorted by nodes, then buckets are merged.

use std::io::{Read, Seek};

use unseen_age::{Decrypter, Identity};
use unseen_data::Description;
use unseen_data::import::spread::{Merged, Slice, Sorted, need_to_sort};
use unseen_ids::{Digest, digest_of};
use unseen_texts::{Sentence, Text, say, text};
use unseen_worker::importing::{ImportTask, Object, Step, Told, told};
use unseen_worker::process::Fault;
use unseen_worker::spread::Place;

use crate::answer::Made;
use crate::error::ClusterError;
use crate::gather::{Gatherer, Got, Round, Taker};
use crate::import_orders::ImportKeys;
use crate::store::Store;

/// What an import is spread by.
pub struct Importer<'a> {
    /// Who asks nodes for parts.
    pub gatherer: Gatherer<'a>,
    /// Which import it is.
    pub import: Import<'a>,
    /// The slices of the source, and the file that has each.
    pub slices: &'a [(Slice, Object)],
    /// The dataset's description.
    pub description: &'a Description,
    /// The buckets of the snapshot.
    pub buckets: u32,
    /// How many of them make a task.
    pub together: u32,
}

/// What all parts of an import have in common.
#[derive(Clone, Copy)]
pub struct Import<'a> {
    /// The import's number.
    pub number: Digest,
    /// Its keys.
    pub keys: &'a ImportKeys,
    /// Where its files are.
    pub store: &'a Store,
}

/// Why slices are not sorted.
pub enum Unsorted {
    /// A node refuses the rows of this slice, and none before it is refused.
    Refused {
        /// From 0.
        slice: usize,
        /// The node's name.
        node: String,
    },
    /// Parts did not come, or two nodes came to different results.
    Fault(Fault),
}

/// What a slice was sorted into.
pub type SortedSlice = (Sorted, Object);

/// Memory that merging takes: for the rows of a file that is written, and for what is read ahead of each sorted slice.
const MERGE: u64 = 512 << 20;
const MERGE_SLICE: u64 = 256 << 10;

impl Importer<'_> {
    /// Has all slices sorted. `progress` is told how many of how many are.
    pub fn sort(&mut self, progress: &mut dyn FnMut(u32, u32)) -> Result<Vec<SortedSlice>, Unsorted> {
        let slices = u32::try_from(self.slices.len()).unwrap_or(u32::MAX);
        let mut round = Round::new(0, self.import.number, slices, 1);
        let (of, slices_of, description, buckets) = (self.import, self.slices, self.description, self.buckets);
        let mut sorting = Sorting { of, slices: slices_of, description, buckets, made: Vec::new() };
        sorting.made.resize_with(self.slices.len(), || None);
        let gathered = self.gatherer.gather(&mut round, &mut sorting, progress);
        if let Some((slice, node)) = sorting.refused() {
            return Err(Unsorted::Refused { slice, node });
        }
        gathered.map_err(Unsorted::Fault)?;
        let made = sorting.made.into_iter().map(|made| match made {
            Some(Part { result: Ok(sorted), .. }) => Ok(sorted),
            _ => Err(Unsorted::Fault(unlike())),
        });
        made.collect()
    }

    /// Has the buckets merged out of these. `progress` is told how many parts of how many are.
    ///
    /// # Errors
    /// Parts did not come, or two nodes came to different results. Inside text.
    pub fn merge(&mut self, sorted: &[SortedSlice], progress: &mut dyn FnMut(u32, u32)) -> Result<Vec<Merged>, Fault> {
        // Another try may have sorted a slice into another file, and what was made of that one says nothing of this.
        let digests: Vec<u8> = sorted.iter().flat_map(|(_, object)| object.digest.to_bytes()).collect();
        let state = Digest::of(&digests);
        let mut round = Round::new(1, state, self.buckets, self.together);
        let mut merging = Merges { of: self.import, sorted, state, made: Vec::new() };
        self.gatherer.gather(&mut round, &mut merging, progress)?;
        let mut made = merging.made;
        made.sort_by_key(|made| made.place.first);
        made.into_iter().map(|made| self.with_hashes(made.result)).collect()
    }

    fn with_hashes(&self, (merged, hashes): (Merged, Object)) -> Result<Merged, Fault> {
        let fault = |error: ClusterError| Fault::Lab(Sentence::of(&error));
        let Import { number, keys, store } = self.import;
        let mut file = store.import_file(&number, &hashes.digest, hashes.bytes).map_err(fault)?;
        let found = digest_of(&file).and_then(|(digest, _)| file.rewind().map(|()| digest));
        if found.map_err(|why| Fault::Lab(Sentence::of(&why)))? != hashes.digest {
            return Err(Fault::Lab(text!("a file of the import was altered", "导入的某个文件被改动").into()));
        }
        let mut bytes = Vec::new();
        // One for each unit, and no more, whatever a node has written.
        let most = merged.files.iter().map(|file| file.units).sum::<u64>().saturating_mul(8);
        let identity = Identity::from_secret(&keys.identity.to_secret());
        let opened = identity.and_then(|identity| Decrypter::new(file, &[identity]));
        opened
            .map_err(std::io::Error::from)
            .and_then(|opened| opened.take(most).read_to_end(&mut bytes))
            .map_err(|why| Fault::Lab(Sentence::of(&why)))?;
        Ok(merged.with_hashes(&bytes))
    }
}

impl Import<'_> {
    fn told(&self, place: &Place, made: &Made) -> Option<Told> {
        told(&self.keys.run.parts(&place.node), &self.number, made.round, place, &made.sealed)
    }

    /// Refuses to ask nodes again for what they cannot read.
    fn ensure(&self, object: &Object) -> Result<(), ClusterError> {
        self.store.ensure_import_file(&self.number, &object.digest, object.bytes)
    }

    /// Whether a file is there that a node says it wrote.
    fn has(&self, object: &Object) -> Result<bool, Fault> {
        let has = self.store.has_import_file(&self.number, &object.digest, object.bytes);
        has.map_err(|error| Fault::Lab(Sentence::of(&error)))
    }
}

/// What a node made.
struct Part<T> {
    place: Place,
    result: T,
}

struct Sorting<'a> {
    of: Import<'a>,
    slices: &'a [(Slice, Object)],
    description: &'a Description,
    buckets: u32,
    /// Of each slice, what it was sorted into, or that its rows are refused.
    made: Vec<Option<Part<Result<SortedSlice, ()>>>>,
}

impl Sorting<'_> {
    /// The first slice that is refused, once all before it are sorted.
    fn refused(&self) -> Option<(usize, String)> {
        let first = self.made.iter().position(|made| !matches!(made, Some(Part { result: Ok(_), .. })))?;
        let made = self.made[first].as_ref()?;
        Some((first, made.place.name.clone()))
    }
}

impl Taker for Sorting<'_> {
    fn pieces(&self) -> Text {
        text!("slices", "切片")
    }

    fn task(&self, first: u32, last: u32, attempt: u32) -> Result<Vec<u8>, ClusterError> {
        let (slice, source) = self.slices.get(first as usize).cloned().ok_or(ClusterError::Rubbish)?;
        if attempt > 0 {
            self.of.ensure(&source)?;
        }
        let (long, rows) = match &slice {
            Slice::Records { count, .. } => (source.bytes, *count),
            Slice::Groups { bytes, count, .. } => (*bytes, *count),
        };
        let memory = need_to_sort(long, rows, self.description.columns.len() as u64);
        json(&ImportTask { step: Step::Sort { slice, source }, first, last, attempt, memory, state: self.of.number })
    }

    fn take(&mut self, place: &Place, made: &Made) -> Result<Got, Fault> {
        let result = match self.of.told(place, made) {
            Some(Told::Sorted(sorted, object))
                if sorted.can_be(self.description, self.buckets) && self.of.has(&object)? =>
            {
                Ok((sorted, object))
            }
            Some(Told::Refused) => Err(()),
            _ => return Ok(Got::Refused(None)),
        };
        let Some(kept) = self.made.get_mut(place.first as usize) else { return Ok(Got::Refused(None)) };
        if let Some(before) = kept {
            let same = match (&before.result, &result) {
                (Ok((before, _)), Ok((sorted, _))) => before == sorted,
                (before, result) => before.is_err() && result.is_err(),
            };
            return match same {
                true => Ok(Got::Same),
                false => Err(differ(&before.place, place)),
            };
        }
        *kept = Some(Part { place: place.clone(), result });
        match self.refused() {
            // Nothing that is still to come could change it.
            Some(_) => Err(unlike()),
            None => Ok(Got::New),
        }
    }
}

struct Merges<'a> {
    of: Import<'a>,
    sorted: &'a [SortedSlice],
    state: Digest,
    made: Vec<Part<(Merged, Object)>>,
}

impl Taker for Merges<'_> {
    fn pieces(&self) -> Text {
        text!("buckets", "分桶")
    }

    fn task(&self, first: u32, last: u32, attempt: u32) -> Result<Vec<u8>, ClusterError> {
        // There may be a thousand, each to be asked for over a network, and most parts are only late.
        if attempt == 3 {
            self.sorted.iter().try_for_each(|(_, object)| self.of.ensure(object))?;
        }
        let segment = |(sorted, object): &SortedSlice| {
            sorted.segment(first, last).map(|(from, end)| (*object, from, end)).ok_or(ClusterError::Rubbish)
        };
        let step = Step::Merge(self.sorted.iter().map(segment).collect::<Result<_, _>>()?);
        let memory = MERGE + MERGE_SLICE * self.sorted.len() as u64;
        json(&ImportTask { step, first, last, attempt, memory, state: self.state })
    }

    fn take(&mut self, place: &Place, made: &Made) -> Result<Got, Fault> {
        let Some(Told::Merged(merged, hashes)) = self.of.told(place, made) else { return Ok(Got::Refused(None)) };
        if !merged.can_be(place.first..=place.last) {
            return Ok(Got::Refused(None));
        }
        let files =
            merged.files.iter().map(|file| Some(Object { digest: Digest::from_hex(&file.sha256)?, bytes: file.bytes }));
        let Some(files) = files.chain([Some(hashes)]).collect::<Option<Vec<_>>>() else {
            return Ok(Got::Refused(None));
        };
        for file in &files {
            if !self.of.has(file)? {
                return Ok(Got::Refused(None));
            }
        }
        match self.made.iter().find(|before| before.place.first == place.first) {
            Some(before) if before.result.0.is_same(&merged) => Ok(Got::Same),
            Some(before) => Err(differ(&before.place, place)),
            None => {
                self.made.push(Part { place: place.clone(), result: (merged, hashes) });
                Ok(Got::New)
            }
        }
    }
}

fn json(task: &ImportTask) -> Result<Vec<u8>, ClusterError> {
    serde_json::to_vec(task).map_err(|error| ClusterError::of(&error))
}

fn differ(before: &Place, after: &Place) -> Fault {
    Fault::Lab(say!(
        "nodes `{before}` and `{after}` made different rows of the same part of the import: one of them is not to be relied on",
        "节点 `{before}` 与 `{after}` 对导入的同一部分得出不同的行：其中至少一个不可信",
        before = before.name,
        after = after.name
    ))
}

fn unlike() -> Fault {
    Fault::Lab(text!("a slice was not sorted", "有切片未完成排序").into())
}
