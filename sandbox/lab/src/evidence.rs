//! Evidence of the machine, taken when a run starts and bound to the statement that started it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use unseen_evidence::{CollectOptions, EventLog, Provider, collect};
use unseen_ids::{Digest, JobId};
use unseen_policies::event::EvidenceRecorded;
use unseen_policies::toml_fault;
use unseen_texts::{Sentence, say, text};

use crate::error::LabError;
use crate::lab::Lab;

/// `evidence.toml` in the lab's folder: how this machine is asked. What counts as evidence is policy and
/// stands in the log; this is only where the key is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    /// The attestation key as tpm2-tools name it, such as `0x81010002`.
    attestation_key: String,
    /// The PCRs to quote, besides those that the policy names.
    #[serde(default)]
    pcrs: BTreeSet<u8>,
    /// The event log; the firmware's when left out, none when empty.
    event_log: Option<PathBuf>,
    /// How tpm2-tools reach the TPM; as `TPM2TOOLS_TCTI` says when left out.
    tcti: Option<String>,
}

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
        let provider = match rule.provider.as_str() {
            "tpm2" => Provider::Tpm2,
            _ => Provider::SevSnp,
        };
        let file = self.dir.join("evidence.toml");
        let text = std::fs::read_to_string(&file).map_err(|error| say!("{file}: {error}", "{file}：{error}"))?;
        let machine: Machine = toml::from_str(&text)
            .map_err(|error| say!("{file}: {fault}", "{file}：{fault}", fault = toml_fault(error.message())))?;
        let named = rule.pcrs.keys().filter_map(|pcr| pcr.parse().ok());
        let options = CollectOptions {
            attestation_key: machine.attestation_key,
            pcrs: machine.pcrs.into_iter().chain(named).collect(),
            event_log: match machine.event_log {
                None => EventLog::Firmware,
                Some(path) if path.as_os_str().is_empty() => EventLog::Omit,
                Some(path) => EventLog::File(path),
            },
            tcti: machine.tcti,
        };
        let evidence = collect(provider, &run.statement.to_bytes(), &options).map_err(|error| Sentence::of(&error))?;
        evidence.to_bytes().map_err(|error| Sentence::of(&error))
    }
}
