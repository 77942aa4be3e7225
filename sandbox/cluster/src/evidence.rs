//! Evidence of the machine that this is: the lab's, or a node's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unseen_evidence::{CollectOptions, EventLog, Provider, collect};
use unseen_ids::Digest;
use unseen_policies::policy::EvidenceRule;
use unseen_policies::toml_fault;
use unseen_texts::{Sentence, say};

/// What evidence is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// As the policy calls it.
    pub provider: String,
    /// The registers that it has to have.
    pub pcrs: BTreeSet<u8>,
    /// Whether nothing goes on without.
    pub required: bool,
}

impl From<&EvidenceRule> for Asked {
    fn from(rule: &EvidenceRule) -> Asked {
        let pcrs = rule.pcrs.keys().filter_map(|pcr| pcr.parse().ok()).collect();
        Asked { provider: rule.provider.clone(), pcrs, required: rule.required }
    }
}

/// `evidence.toml` in the folder of a lab or a node: how this machine is asked. What counts as evidence is policy and
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

/// Evidence of the machine whose `evidence.toml` is in this folder, bound to a nonce.
pub fn collected(folder: &Path, asked: &Asked, nonce: &Digest) -> Result<Vec<u8>, Sentence> {
    let provider = match asked.provider.as_str() {
        "tpm2" => Provider::Tpm2,
        _ => Provider::SevSnp,
    };
    let file = folder.join("evidence.toml");
    let text = std::fs::read_to_string(&file).map_err(|error| say!("{file}: {error}", "{file}：{error}"))?;
    let machine: Machine = toml::from_str(&text)
        .map_err(|error| say!("{file}: {fault}", "{file}：{fault}", fault = toml_fault(error.message())))?;
    let options = CollectOptions {
        attestation_key: machine.attestation_key,
        pcrs: machine.pcrs.union(&asked.pcrs).copied().collect(),
        event_log: match machine.event_log {
            None => EventLog::Firmware,
            Some(path) if path.as_os_str().is_empty() => EventLog::Omit,
            Some(path) => EventLog::File(path),
        },
        tcti: machine.tcti,
    };
    let evidence = collect(provider, &nonce.to_bytes(), &options).map_err(|error| Sentence::of(&error))?;
    evidence.to_bytes().map_err(|error| Sentence::of(&error))
}
