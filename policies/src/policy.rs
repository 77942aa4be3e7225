//! The rules a lab sets for itself: caps on privacy loss, and how jobs are approved and released.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, Role};
use unseen_texts::{Sentence, say, text};

use crate::rho::Rho;

/// A lab's rules. Each change is a signed entry of the log; the latest one holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How many distinct operators, none of them the author, must approve a job before it may run.
    pub approvals: u32,
    /// How many different people must sign a change of people, nodes, rules or the log's key, in one
    /// envelope: 1 or 2. One where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_need: Option<u32>,
    /// Whether people and rules are a security administrator's and no operator's, and nobody is two of operator,
    /// security administrator and auditor (GB/T 22239-2019, 8.1.5).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub separated: bool,
    /// Caps on privacy loss.
    pub caps: Caps,
    /// The delta at which losses are also shown as (epsilon, delta). For display only; the
    /// currency is rho.
    pub delta: f64,
    /// Whether a result may appear as soon as it is there. Its moment then tells how long the run
    /// took, so a lab with strangers among its analysts leaves this off: no result appears sooner
    /// than [`crate::ledger::RELEASE_DELAY`] after its run started.
    pub release_now: bool,
    /// What the lab says of the machine that runs jobs. Without it no job has a slot: that is how labs
    /// began that are older than this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Who must have seen a release's entry before the release opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<Witnesses>,
    /// What evidence of the machine goes with each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRule>,
    /// Verifier key of the lab's SM2 key, if its checkpoints and releases bear SM2 signatures too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm2_key: Option<String>,
    /// The rules of access to the lab's service, as a blob: a text in Cedar. Without one the usual rules hold. They
    /// say who may ask; what the log takes is the ledger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Digest>,
}

/// The machine that runs jobs, in public numbers. What a job may need at most is worked out from these
/// ([`crate::need`]), never from what the machine happens to do; `unseen doctor` measures whether they
/// are true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Units of fuel that a run burns in a second at the very least, whatever the guest does: all its
    /// threads together. See [`Machine::FUEL_PER_SECOND`].
    pub fuel_per_second: u64,
    /// Bytes of memory that a run may have.
    pub memory: u64,
    /// Whether rows may be read where the kernel could write them to swap: swap is on, and the worker's
    /// memory can neither be locked nor is it kept out of swap by its cgroup. Every run reports it.
    pub swap: bool,
}

impl Machine {
    /// What one thread of an ordinary machine burns at least, with a margin of two: reads that depend on
    /// one another and all miss the cache take up to 200 ns each, for ten units of fuel.
    pub const FUEL_PER_SECOND: u64 = 20_000_000;

    /// A machine of which so many bytes of memory may be used.
    pub fn with_memory(memory: u64) -> Machine {
        Machine { fuel_per_second: Machine::FUEL_PER_SECOND, memory, swap: true }
    }

    fn check(&self) -> Result<(), Sentence> {
        if !(1_000_000..=1_000_000_000_000).contains(&self.fuel_per_second) {
            return Err(say!(
                "`machine.fuel_per_second` is {fuel_per_second}: it must lie between 1,000,000 and 10^12",
                "`machine.fuel_per_second` 为 {fuel_per_second}：必须在 1,000,000 到 10^12 之间",
                fuel_per_second = self.fuel_per_second
            ));
        }
        if self.memory < 64 << 20 {
            return Err(say!(
                "`machine.memory` is {memory} bytes: a run needs at least 64 MiB",
                "`machine.memory` 为 {memory} 字节：一次运行至少需要 64 MiB",
                memory = self.memory
            ));
        }
        Ok(())
    }
}

/// The witnesses of the log and how many of them count as enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// How many of them must have cosigned.
    pub quorum: u32,
    /// Whether a release stays closed without that; else it opens and is marked unwitnessed.
    pub required: bool,
    /// The witnesses.
    pub witness: Vec<Witness>,
}

/// One witness: an organisation other than the lab's, or it witnesses nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its verifier key (C2SP tlog-cosignature, type 0x04); its name is the part before the first `+`.
    pub key: String,
    /// Where it answers: the submission prefix, `http://` or `https://`.
    pub url: String,
}

impl Witness {
    /// The witness's name.
    pub fn name(&self) -> &str {
        self.key.split('+').next().unwrap_or_default()
    }
}

/// Evidence of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRule {
    /// `tpm2` or `sev-snp`.
    pub provider: String,
    /// Whether a result without evidence is refused.
    pub required: bool,
    /// Whose evidence counts: of `tpm2`, the SHA-256 (hex) of the attestation key's public key
    /// (SubjectPublicKeyInfo); of `sev-snp`, the product line (`milan`, `genoa`, `turin`).
    pub key: String,
    /// Values that registers must have had: of `tpm2`, PCR number to 64 hex digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pcrs: BTreeMap<String, String>,
    /// Whose evidence counts of each node, by its name, as `key` says it; the registers are the same. Where there are
    /// any, no other node takes part in runs or imports.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, String>,
}

/// Caps on privacy loss. A job is refused when any of them would be passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// For one private dataset, over all jobs for ever.
    pub dataset: Rho,
    /// For one analyst on one private dataset, over all jobs for ever.
    pub analyst: Rho,
    /// For one job.
    pub job: Rho,
    /// For one unit, over all datasets of its unit domain and all jobs for ever: what the guarantee is
    /// about when a unit is in several of them. Without it, n datasets may cost a unit n caps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Rho>,
}

impl Policy {
    /// Who enrols and revokes people and sets the rules.
    pub fn administrator(&self) -> Role {
        if self.separated { Role::Security } else { Role::Operator }
    }

    /// Says what is wrong with the rules, if anything is.
    pub fn check(&self) -> Result<(), Sentence> {
        if self.approvals == 0 || self.approvals > 16 {
            return Err(say!(
                "`approvals` is {approvals}: a job needs between 1 and 16 approvals",
                "`approvals` 为 {approvals}：作业需要 1 至 16 个审批",
                approvals = self.approvals
            ));
        }
        if let Some(changes_need) = self.changes_need.filter(|need| ![1, 2].contains(need)) {
            return Err(say!(
                "`changes_need` is {changes_need}: one person or two sign a change",
                "`changes_need` 为 {changes_need}：变更须由 1 人或 2 人签署"
            ));
        }
        if !(self.delta > 0.0 && self.delta < 0.5) {
            return Err(say!(
                "`delta` is {delta}: it must lie between 0 and 0.5, usually far below one over the number of units",
                "`delta` 为 {delta}：必须在 0 与 0.5 之间，通常远小于单元数的倒数",
                delta = self.delta
            ));
        }
        self.machine.as_ref().map_or(Ok(()), Machine::check)?;
        self.witnesses.as_ref().map_or(Ok(()), Witnesses::check)?;
        self.evidence.as_ref().map_or(Ok(()), EvidenceRule::check)
    }
}

impl Witnesses {
    fn check(&self) -> Result<(), Sentence> {
        // One party under two names is one witness.
        let names: BTreeSet<_> = self.witness.iter().map(Witness::name).collect();
        let keys: BTreeSet<_> = self.witness.iter().map(|witness| witness.key.splitn(3, '+').nth(2)).collect();
        let known = self.witness.len();
        if names.len() != known || names.contains("") || keys.len() != known || keys.contains(&None) {
            return Err(text!(
                "`witnesses.witness`: each needs a key (NAME+ID+BASE64) whose name and key no other has",
                "`witnesses.witness`：每个见证方需要一把密钥（名称+编号+BASE64），名称和密钥均不得与其他见证方相同"
            )
            .into());
        }
        if self.quorum == 0 || self.quorum as usize > known {
            return Err(say!(
                "`witnesses.quorum` is {quorum}: it must lie between 1 and the number of witnesses, {known}",
                "`witnesses.quorum` 为 {quorum}：必须在 1 与见证方数目 {known} 之间",
                quorum = self.quorum
            ));
        }
        let elsewhere = |witness: &&Witness| !["http://", "https://"].iter().any(|way| witness.url.starts_with(way));
        match self.witness.iter().find(elsewhere) {
            Some(witness) => Err(say!(
                "the witness {name} needs a url that begins with http:// or https://",
                "见证方 {name} 的 url 必须以 http:// 或 https:// 开头",
                name = witness.name()
            )),
            None => Ok(()),
        }
    }
}

impl EvidenceRule {
    /// The rule for the evidence of a node; none where it does not count.
    pub fn of_node(&self, name: &str) -> Option<EvidenceRule> {
        let key = self.nodes.get(name)?.clone();
        Some(EvidenceRule { key, nodes: BTreeMap::new(), ..self.clone() })
    }

    fn check(&self) -> Result<(), Sentence> {
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let mut keys = self.nodes.values().chain([&self.key]);
        let fine = match self.provider.as_str() {
            "tpm2" => {
                keys.all(|key| hex(key))
                    && self.pcrs.iter().all(|(pcr, value)| matches!(pcr.parse(), Ok(0u8..=23)) && hex(value))
            }
            "sev-snp" => keys.all(|key| ["milan", "genoa", "turin"].contains(&key.as_str())) && self.pcrs.is_empty(),
            _ => {
                return Err(say!(
                    "`evidence.provider` is {provider:?}: write tpm2 or sev-snp",
                    "`evidence.provider` 为 {provider:?}：请写 tpm2 或 sev-snp",
                    provider = self.provider
                ));
            }
        };
        if fine {
            Ok(())
        } else {
            Err(text!("`evidence` needs, for tpm2, the key's SHA-256 in 64 hex digits and PCRs 0 to 23 with 64 hex digits each; for sev-snp, the key milan, genoa or turin and no PCRs", "`evidence` 的写法：tpm2 需要密钥的 SHA-256（64 位十六进制数字），以及 PCR 0 至 23，每个值 64 位十六进制数字；sev-snp 的 key 为 milan、genoa 或 turin，不写 PCR").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(key: &str) -> Witness {
        Witness { key: key.into(), url: "https://witness.example".into() }
    }

    #[test]
    fn witnesses_are_several_and_can_be_asked() {
        let good = Witnesses {
            quorum: 2,
            required: true,
            witness: vec![witness("a+1+k/+="), witness("b+2+l"), witness("c+3+m")],
        };
        let check = |change: &dyn Fn(&mut Witnesses)| {
            let mut witnesses = good.clone();
            change(&mut witnesses);
            Policy { witnesses: Some(witnesses), ..Policy::default() }.check()
        };
        assert_eq!(check(&|_| ()), Ok(()));
        assert_eq!(check(&|rule| rule.quorum = 3), Ok(()));
        assert_eq!(check(&|rule| rule.witness[1].url = "http://127.0.0.1:1".into()), Ok(()));
        type Change = fn(&mut Witnesses);
        let wrong: [(&str, Change); 10] = [
            ("quorum", |rule| rule.quorum = 0),
            ("quorum", |rule| rule.quorum = 4),
            ("quorum", |rule| rule.witness.truncate(1)),
            ("quorum", |rule| rule.witness.clear()),
            ("whose name and key no other has", |rule| rule.witness[1].key = "a+2+l".into()),
            ("whose name and key no other has", |rule| rule.witness[1].key = "+2+l".into()),
            ("whose name and key no other has", |rule| rule.witness[1].key = "b+2+k/+=".into()),
            ("whose name and key no other has", |rule| rule.witness[1].key = "b+2".into()),
            ("the witness b needs a url", |rule| rule.witness[1].url = "ftp://b".into()),
            ("the witness b needs a url", |rule| rule.witness[1].url = String::new()),
        ];
        for (says, change) in wrong {
            let error = check(&change).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn evidence_is_of_a_provider_that_is_known_and_by_a_key() {
        let check = |provider: &str, key: &str, pcrs: &[(&str, &str)]| {
            let pcrs = pcrs.iter().map(|(pcr, value)| (pcr.to_string(), value.to_string())).collect();
            let rule = EvidenceRule {
                provider: provider.into(),
                required: true,
                key: key.into(),
                pcrs,
                nodes: BTreeMap::new(),
            };
            Policy { evidence: Some(rule), ..Policy::default() }.check()
        };
        let hex = "0123456789abcdef".repeat(4);
        assert_eq!(check("tpm2", &hex, &[]), Ok(()));
        // That of a node has the same form.
        for (node, fine) in [(hex.as_str(), true), (&hex[1..], false), ("milan", false)] {
            let nodes = [("n1".to_owned(), node.to_owned())].into();
            let (provider, key, pcrs) = ("tpm2".to_owned(), hex.clone(), BTreeMap::new());
            let rule = EvidenceRule { provider, required: true, key, pcrs, nodes };
            assert_eq!(rule.check().is_ok(), fine);
            assert_eq!(rule.of_node("n1").unwrap().key, node);
            assert_eq!(rule.of_node("n2"), None);
        }
        assert_eq!(check("tpm2", &hex, &[("0", &hex), ("23", &hex)]), Ok(()));
        for product in ["milan", "genoa", "turin"] {
            assert_eq!(check("sev-snp", product, &[]), Ok(()));
        }
        for (provider, key, pcrs) in [
            ("tpm2", "", vec![]),
            ("tpm2", &hex[1..], vec![]),
            ("tpm2", &hex.to_uppercase(), vec![]),
            ("tpm2", &hex, vec![("24", hex.as_str())]),
            ("tpm2", &hex, vec![("-1", &hex)]),
            ("tpm2", &hex, vec![("7", &hex[1..])]),
            ("sev-snp", "rome", vec![]),
            ("sev-snp", "milan", vec![("7", &hex)]),
        ] {
            assert!(
                check(provider, key, &pcrs).unwrap_err().to_string().starts_with("`evidence` needs"),
                "{provider} {key} {pcrs:?}"
            );
        }
        for provider in ["", "none", "sgx", "TPM2"] {
            assert!(
                check(provider, &hex, &[]).unwrap_err().to_string().starts_with("`evidence.provider`"),
                "{provider}"
            );
        }
    }

    #[test]
    fn a_machine_burns_fuel_and_has_memory() {
        for (fuel_per_second, memory, fine) in [
            (1_000_000, 64 << 20, true),
            (999_999, 1 << 30, false),
            (1 << 50, 1 << 30, false),
            (1 << 30, 1 << 20, false),
        ] {
            let machine = Some(Machine { fuel_per_second, memory, swap: false });
            assert_eq!(Policy { machine, ..Policy::default() }.check().is_ok(), fine, "{fuel_per_second} {memory}");
        }
    }

    #[test]
    fn approvals_and_delta_have_bounds() {
        for (approvals, fine) in [(0, false), (1, true), (16, true), (17, false)] {
            assert_eq!(Policy { approvals, ..Policy::default() }.check().is_ok(), fine, "{approvals}");
        }
        for (changes_need, fine) in [(None, true), (Some(0), false), (Some(1), true), (Some(2), true), (Some(3), false)]
        {
            let policy = Policy { changes_need, ..Policy::default() };
            assert_eq!(policy.check().is_ok(), fine, "{changes_need:?}");
        }
        for (delta, fine) in [(0.0, false), (-1e-6, false), (1e-300, true), (0.5, false), (f64::NAN, false)] {
            assert_eq!(Policy { delta, ..Policy::default() }.check().is_ok(), fine, "{delta}");
        }
    }
}
