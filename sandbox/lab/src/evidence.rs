//! Evidence of the machine, taken when a run starts and bound to the statement that started it.

use unseen_cluster::evidence::collected;
use unseen_ids::{Digest, JobId};
use unseen_policies::event::EvidenceRecorded;
use unseen_texts::{Sentence, text};

use crate::error::LabError;
use crate::lab::Lab;

impl Lab {
    /// Records evidence for a run, if the policy asks for it and there is none yet. Returns why there is
    /// none where the policy does without.
    pub(crate) fn record_evidence(&mut self, id: JobId) -> Result<Option<Sentence>, LabError> {
        let job = self.ledger().job(id)?;
        let Some(rule) = self.ledger().policy().and_then(|policy| policy.evidence.as_ref()) else { return Ok(None) };
        if job.evidence.is_some() {
            return Ok(None);
        }
        let required = rule.required;
        let run = self.started(id)?.entry;
        let recorded = self.ask_for_evidence(id).map_err(LabError::Evidence).and_then(|bytes| {
            let evidence = Digest::of(&bytes);
            self.record_with(EvidenceRecorded { job: id, run, evidence }, &[&bytes])
        });
        match recorded {
            Ok(_) => Ok(None),
            // Not to be had, or not what the policy asks for.
            Err(LabError::Evidence(why) | LabError::Named(why)) if required => Err(LabError::Evidence(why)),
            Err(LabError::Evidence(why) | LabError::Named(why)) => Ok(Some(why)),
            Err(other) => Err(other),
        }
    }

    fn ask_for_evidence(&self, id: JobId) -> Result<Vec<u8>, Sentence> {
        let rule = self
            .ledger()
            .policy()
            .and_then(|policy| policy.evidence.as_ref())
            .ok_or_else(|| Sentence::from(text!("the policy asks for no evidence", "规则不要求证据")))?;
        let run = self.started(id).map_err(|error| Sentence::of(&error))?;
        collected(&self.dir, &rule.into(), &run.statement)
    }
}
