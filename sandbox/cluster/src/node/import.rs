//! An import on a node: slices of its source are sorted here, and buckets merged.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use unseen_ids::Digest;
use unseen_worker::importing::{self, ImportTask, import_part};
use unseen_worker::process::Worker;
use unseen_worker::spread::Place;

use super::ready::{Machine, Part, Ready, Wanted, failed};
use crate::answer::read_task;
use crate::error::NodeError;
use crate::import_orders::OpenedImport;
use crate::store::Store;

/// An import as a node has it ready.
pub(super) struct ImportHere {
    opened: OpenedImport,
    /// Evidence of this machine for the import.
    evidence: Option<String>,
}

impl ImportHere {
    pub(super) fn new(opened: OpenedImport, machine: &Machine) -> Result<ImportHere, NodeError> {
        let evidence = machine.evidence(opened.body.evidence.as_ref(), &opened.body.work.import)?;
        Ok(ImportHere { opened, evidence })
    }
}

impl Ready for ImportHere {
    fn tick_seconds(&self) -> u32 {
        self.opened.body.tick_seconds
    }

    fn good_until(&self) -> DateTime<Utc> {
        self.opened.good_until
    }

    fn part(&self, machine: &Machine, task: &[u8], wanted: &Wanted) -> Result<Part, NodeError> {
        let OpenedImport { tasks, secrets, body, .. } = &self.opened;
        let task: ImportTask = read_task(tasks, task)?;
        let (key, name, import) = (machine.key, machine.name.clone(), body.work.import);
        let place = Place { first: task.first, last: task.last, node: key, name, attempt: task.attempt };
        machine.has_memory(task.memory)?;
        let read = |object: importing::Object| machine.store.import_file(&import, &object.digest, object.bytes);
        let files = task.step.reads().into_iter().map(read).collect::<Result<Vec<File>, _>>()?;
        let worker = Worker::for_import(&machine.program, task.memory, &files).map_err(failed)?;
        let walls = machine.walls(&worker, body.swap, wanted)?;
        let mut written = Written { store: &machine.store, near: &machine.near, import, file: None, fault: None };
        let sealed = import_part(worker, secrets, (&body.work, &task, &place), &mut written);
        if let Some(fault) = written.fault {
            return Err(fault);
        }
        let (sealed, evidence) = (sealed.map_err(failed)?, self.evidence.clone());
        Ok(Part { run: import, round: task.step.round(), place, state: task.state, sealed, walls, evidence })
    }
}

/// Puts what a worker writes into the store, file by file. All of it is encrypted.
struct Written<'a> {
    store: &'a Store,
    near: &'a Path,
    import: Digest,
    /// The file at hand, which has no name.
    file: Option<File>,
    /// Why something could not be written.
    fault: Option<NodeError>,
}

impl importing::Files for Written<'_> {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.at_hand().and_then(|mut file| file.write_all(bytes).map(|()| file));
        self.file = Some(written.map_err(|why| self.no_room(why))?);
        Ok(())
    }

    fn ends(&mut self, digest: &Digest) -> io::Result<()> {
        let file = self.at_hand().and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = file.map_err(|why| self.no_room(why))?;
        let kept = self.store.keep_import_file(&self.import, digest, bytes, &file);
        kept.map_err(|error| self.gave_up(error.into()))
    }
}

impl Written<'_> {
    /// Takes the file at hand, or a new one.
    fn at_hand(&mut self) -> io::Result<File> {
        self.file.take().map_or_else(|| unseen_durable::nameless(self.near), Ok)
    }

    fn no_room(&mut self, why: io::Error) -> io::Error {
        self.gave_up(NodeError::Io { path: self.near.to_owned(), why })
    }

    /// The worker is ended, and the lab told why.
    fn gave_up(&mut self, fault: NodeError) -> io::Error {
        self.fault = Some(fault);
        io::ErrorKind::Other.into()
    }
}
