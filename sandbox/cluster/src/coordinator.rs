//! A run that is spread: each part of each round is gathered from nodes, and a worker in the lab adds all of them up.

use std::collections::BTreeMap;

use unseen_core::release::SealedRelease;
use unseen_ids::{Digest, PublicKey};
use unseen_policies::receipts::{NodeSaid, Receipt, Receipts, VERSION};
use unseen_texts::{Text, text};
use unseen_worker::merging::{Merging, Step, Taken};
use unseen_worker::process::Fault;
use unseen_worker::spread::{Place, Task, state_digest};

use crate::answer::Made;
use crate::error::ClusterError;
use crate::gather::{Gatherer, Got, Round, Taker};

/// What a run is spread by.
pub struct Coordinator<'a> {
    /// Who asks nodes for parts.
    pub gatherer: Gatherer<'a>,
    /// Who adds up.
    pub merging: Merging,
    /// Buckets, or blocks.
    pub pieces: u32,
    /// How many of them make a task.
    pub together: u32,
}

impl Coordinator<'_> {
    /// Carries out all rounds. `progress` is told how many parts of how many are there.
    ///
    /// # Errors
    /// Parts did not come, or two nodes came to different totals, or the job's `advance` failed. Inside text.
    pub fn run(mut self, mut progress: impl FnMut(u32, u32)) -> Result<(SealedRelease, Receipts), Fault> {
        let receipts = Receipts { version: VERSION, pieces: self.pieces, nodes: Vec::new(), parts: Vec::new() };
        let mut adding =
            Adding { merging: self.merging, number: 0, state: Vec::new(), receipts, said: BTreeMap::new() };
        loop {
            match adding.merging.step()? {
                Step::Sealed(sealed) => {
                    let Adding { mut receipts, said, .. } = adding;
                    receipts.parts.sort_by_key(|part| (part.round, part.first));
                    receipts.nodes = said.into_values().collect();
                    return Ok((sealed, receipts));
                }
                Step::Round { number, state } => {
                    let mut round = Round::new(number, state_digest(&state), self.pieces, self.together);
                    (adding.number, adding.state) = (number, state);
                    self.gatherer.gather(&mut round, &mut adding, &mut progress)?;
                    adding.merging.close()?;
                }
            }
        }
    }
}

/// Has the parts of the round at hand added up.
struct Adding {
    merging: Merging,
    number: u32,
    state: Vec<f64>,
    receipts: Receipts,
    said: BTreeMap<PublicKey, NodeSaid>,
}

impl Taker for Adding {
    fn pieces(&self) -> Text {
        text!("buckets or blocks", "分桶或分块")
    }

    fn task(&self, first: u32, last: u32, attempt: u32) -> Result<Vec<u8>, ClusterError> {
        let task = Task { round: self.number, first, last, attempt, state: self.state.clone() };
        serde_json::to_vec(&task).map_err(|error| ClusterError::of(&error))
    }

    fn take(&mut self, place: &Place, made: &Made) -> Result<Got, Fault> {
        let key = place.node;
        match self.merging.give(place, &made.sealed)? {
            Taken::New => {
                let (build, walls, evidence) = (made.build, made.walls.clone(), made.evidence.clone());
                self.said.insert(key, NodeSaid { key, build, walls, evidence });
                self.receipts.parts.push(receipt(made));
                Ok(Got::New)
            }
            Taken::Same => Ok(Got::Same),
            Taken::Refused => Ok(Got::Refused(None)),
        }
    }
}

fn receipt(made: &Made) -> Receipt {
    let Place { first, last, node, .. } = made.place.clone();
    let (ciphertext, signature) = (Digest::of(&made.sealed), made.signature.clone());
    Receipt { round: made.round, first, last, state: made.state, ciphertext, node, signature }
}
