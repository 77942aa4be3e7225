//! The worker that adds up what the parts of a run come to, and how the lab talks to it.
//!
//! ```text
//! worker   Round, state ->                      Taken ->          -> Round ... Sealed
//! lab                       Place, sealed part ->       ... close
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};

use unseen_core::order::OutOfOrder;
use unseen_core::release::SealedRelease;
use unseen_core::totals::PartialTotals;
use unseen_texts::{Sentence, say};
use zeroize::Zeroizing;

use crate::fault::{Fault, lab_fault, out_of_turn};
use crate::frames::read_frame;
use crate::guest::Guest;
use crate::link::Link;
use crate::process::{Identity, Worker};
use crate::run::{Outcome, Rounds, RunError};
use crate::spread::{Place, RunKey, state_bytes, state_digest};

pub use crate::link::{Message, Taken};

/// What the worker is told that adds up.
pub struct MergeSecrets {
    /// Which run it is.
    pub run: Identity,
    /// The sealed noise key.
    pub noise_key: Zeroizing<[u8; 32]>,
    /// Seals the release on its way back.
    pub seal_key: Zeroizing<[u8; 32]>,
    /// Opens the parts.
    pub run_key: RunKey,
}

/// The worker that adds up, at work.
pub struct Merging {
    link: Link,
    seal_key: Zeroizing<[u8; 32]>,
}

/// What it comes to next.
pub enum Step {
    /// A round begins: its parts are to be handed in.
    Round {
        /// From 0.
        number: u32,
        /// What `contribute` is to be given.
        state: Vec<f64>,
    },
    /// The run is over.
    Sealed(SealedRelease),
}

impl Merging {
    /// Hands over the keys. [`Merging::step`] tells of the first round.
    pub fn begin(mut worker: Worker, secrets: &MergeSecrets) -> Result<Merging, Fault> {
        worker.link.tell(&secrets.run)?;
        for key in [&*secrets.noise_key, &*secrets.seal_key, secrets.run_key.as_bytes()] {
            worker.link.say(key);
        }
        Ok(Merging { link: worker.link, seal_key: secrets.seal_key.clone() })
    }

    /// The same without a process: with whoever [`add_up`]s at the other end of two pipes.
    pub fn over(to: impl Write + Send + 'static, from: impl Read + Send + 'static, seal_key: [u8; 32]) -> Merging {
        Merging { link: Link::over(to, from), seal_key: seal_key.into() }
    }

    /// The next round, once the one before is closed, or the end.
    pub fn step(&mut self) -> Result<Step, Fault> {
        match self.link.hear()? {
            Message::Round(number) => {
                let bytes = self.link.hear_frame()?;
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(out_of_turn());
                }
                let state = numbers.iter().map(|number| f64::from_le_bytes(*number)).collect();
                Ok(Step::Round { number, state })
            }
            Message::Sealed => {
                let bytes = self.link.hear_frame()?;
                Ok(Step::Sealed(SealedRelease::from_sealed_bytes(&self.seal_key, &bytes).map_err(lab_fault)?))
            }
            Message::Failed(fault) => Err(fault),
            _ => Err(out_of_turn()),
        }
    }

    /// Hands in a part of the round at hand. One that was counted already is compared.
    ///
    /// # Errors
    /// Two nodes came to different totals for the same pieces: the run is over. Or the worker is gone.
    pub fn give(&mut self, place: &Place, sealed: &[u8]) -> Result<Taken, Fault> {
        self.link.tell(&Some(place))?;
        self.link.say(sealed);
        match self.link.hear()? {
            Message::Taken(taken) => Ok(taken),
            Message::Failed(fault) => Err(fault),
            _ => Err(out_of_turn()),
        }
    }

    /// No more parts of the round at hand will come. Where one is missing, the run is over.
    pub fn close(&mut self) -> Result<(), Fault> {
        self.link.tell(&None::<Place>)
    }
}

/// Runs all rounds of a job with parts that come from elsewhere: the other end of [`Merging`]. `said` writes a frame.
pub fn add_up<G: Guest>(
    rounds: Rounds<'_, G>,
    run_key: &RunKey,
    from: &mut impl Read,
    said: &dyn Fn(&[u8]),
) -> Result<Outcome, RunError> {
    let tell = |message: &Message| said(&serde_json::to_vec(message).unwrap_or_default());
    rounds.run(|round, number, state, totals| {
        tell(&Message::Round(number));
        said(&state_bytes(state));
        let state = state_digest(state);
        let mut makers: BTreeMap<u32, String> = BTreeMap::new();
        while let Some((place, sealed)) = handed_in(from).map_err(|fault| RunError::Elsewhere(Sentence::of(&fault)))? {
            let pieces = place.first..place.last.saturating_add(1);
            let (key, context) = (run_key.parts(&place.node), place.context(&state));
            let part = PartialTotals::open(round, pieces, &key, &context, &sealed);
            let taken = match part.map(|part| totals.absorb(part)) {
                Some(Ok(true)) => {
                    makers.insert(place.first, place.name);
                    Taken::New
                }
                Some(Ok(false)) => Taken::Same,
                Some(Err(OutOfOrder::Unequal(first, last))) => {
                    return Err(RunError::Elsewhere(say!(
                        "nodes `{before}` and `{after}` came to different totals for the buckets or blocks {first} to {last}: one of them is not to be relied on",
                        "节点 `{before}` 与 `{after}` 对分桶或分块 {first} 至 {last} 得出不同的总数：其中至少一个不可信",
                        before = makers.get(&first).cloned().unwrap_or_default(),
                        after = place.name
                    )));
                }
                Some(Err(_)) | None => Taken::Refused,
            };
            tell(&Message::Taken(taken));
        }
        Ok(())
    })
}

/// The next part, and where it belongs; none when no more will come.
fn handed_in(from: &mut impl Read) -> Result<Option<(Place, Vec<u8>)>, Fault> {
    let place: Option<Place> = serde_json::from_slice(&read_frame(from).map_err(lab_fault)?).map_err(lab_fault)?;
    place.map(|place| Ok((place, read_frame(from).map_err(lab_fault)?))).transpose()
}
