//! Evidence of the machine on which a run happened.
//!
//! When a run starts, the lab signs a statement; its SHA-256 is the **nonce**. [`collect`] asks a
//! [`Provider`] for evidence bound to that nonce, [`Evidence::to_bytes`] is kept with the log, and
//! an auditor, offline, is told by [`verify`] what that evidence proves, what it does not, and
//! never more. `docs/evidence.md` has the document field by field.
//!
//! | module | what it is | specification |
//! |---|---|---|
//! | this one | the document, what a policy expects, the verdict | |
//! | `tpm2` | one TPM quote against nonce, key and PCR values | TCG TPM 2.0 Library, part 2, 10.12 and 11.3 |
//! | `key` | the attestation key: PEM, digest, signatures | RFC 5280, 5480, 8017, 7468 |
//! | `event_log` | a firmware's event log, replayed | TCG PC Client Platform Firmware Profile, section 10 |
//! | `sev_snp` | one report of an AMD processor, over its raw bytes | AMD 56860 (SEV-SNP ABI), 57230 (VCEK) |
//! | `collect` | the only part with effects: runs tpm2-tools | |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod bytes;
mod collect;
mod event_log;
mod key;
pub mod parts;
#[cfg(feature = "sev-snp")]
mod sev_snp;
mod tpm2;

pub use bytes::Blob;
pub use collect::{CollectError, CollectOptions, EventLog, FIRMWARE_LOG, collect};
pub use key::attestation_key_digest;

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use unseen_ids::canonical;
use unseen_texts::{Say, Sentence, Text, said_as_written, text};

/// The longest evidence that is written or read, in bytes of JSON. A firmware's event log, the
/// largest part, has some 30 to 100 kB.
pub const MAX_BYTES: usize = 1 << 20;

/// Who says something about the machine. In serde `none`, `tpm2` and `sev-snp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Nobody.
    None,
    /// A TPM 2.0, by a quote.
    Tpm2,
    /// An AMD processor, by a report of its secure processor about one guest.
    SevSnp,
}

said_as_written!(Provider);

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Provider::None => "none",
            Provider::Tpm2 => "tpm2",
            Provider::SevSnp => "sev-snp",
        })
    }
}

/// The document that is kept with the log: JSON with the member `provider` and those of the variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case")]
pub enum Evidence {
    /// No evidence was asked for.
    None,
    /// A TPM's quote.
    Tpm2(Tpm2),
    /// A report about an SEV-SNP guest.
    SevSnp(SevSnp),
}

/// A TPM's signature over the values of some PCRs and the nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tpm2 {
    /// The TPMS_ATTEST structure, which is what is signed.
    pub attest: Blob,
    /// The TPMT_SIGNATURE structure, as the TPM and `tpm2_quote` write it.
    pub signature: Blob,
    /// The attestation key as one `PUBLIC KEY` block: what `tpm2_readpublic -f pem` writes, what
    /// OpenSSL reads, and what the policy names by its digest. (A TPM2B_PUBLIC would add attributes
    /// of the key, but only in its owner's word.)
    pub attestation_key: String,
    /// The bank the PCRs are of.
    pub pcr_bank: PcrBank,
    /// The PCRs that were quoted, by index, and their values.
    #[serde(with = "bytes::pcrs")]
    pub pcrs: Pcrs,
    /// The firmware's binary event log, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<Blob>,
}

/// PCR values by index, 0 to 23. In JSON the index is decimal, the value 64 lowercase hex digits.
pub type Pcrs = BTreeMap<u8, [u8; 32]>;

/// The banks of PCRs that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PcrBank {
    /// PCRs extended with SHA-256.
    Sha256,
}

/// An attestation report and the certificates under which it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SevSnp {
    /// The ATTESTATION_REPORT structure, 1184 bytes.
    pub report: Blob,
    /// The certificate of this processor at this firmware level (VCEK), DER.
    pub vcek: Blob,
    /// Who signed it.
    pub chain: Chain,
}

/// AMD's certificates above a processor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chain {
    /// The signer of the processors' certificates of one product line (ASK), DER.
    pub ask: Blob,
    /// The root of that product line (ARK), DER.
    pub ark: Blob,
}

impl Evidence {
    /// Whose evidence this is.
    pub fn provider(&self) -> Provider {
        match self {
            Evidence::None => Provider::None,
            Evidence::Tpm2(_) => Provider::Tpm2,
            Evidence::SevSnp(_) => Provider::SevSnp,
        }
    }

    /// The one spelling of this document: JSON without blanks, members in the order of the fields.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EvidenceError> {
        let bytes = canonical::to_vec_as_declared(self).map_err(|e| EvidenceError::Json(Sentence::of(&e)))?;
        if bytes.len() > MAX_BYTES { Err(EvidenceError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads what [`Evidence::to_bytes`] writes and nothing else, so that no two readers can see two
    /// things in one document (by a member that is there twice, say).
    pub fn parse(bytes: &[u8]) -> Result<Evidence, EvidenceError> {
        if bytes.len() > MAX_BYTES {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        let evidence: Evidence = serde_json::from_slice(bytes).map_err(|e| EvidenceError::Json(Sentence::of(&e)))?;
        if evidence.to_bytes()? == bytes { Ok(evidence) } else { Err(EvidenceError::Spelling) }
    }
}

/// What the lab's policy names: evidence is measured against this and against nothing it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The policy names no provider.
    None,
    /// A TPM's quote.
    Tpm2(ExpectedTpm2),
    /// A report about an SEV-SNP guest.
    SevSnp(ExpectedSevSnp),
}

impl Expected {
    /// The provider the policy names.
    pub fn provider(&self) -> Provider {
        match self {
            Expected::None => Provider::None,
            Expected::Tpm2(_) => Provider::Tpm2,
            Expected::SevSnp(_) => Provider::SevSnp,
        }
    }
}

/// What a quote must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTpm2 {
    /// SHA-256 of the attestation key's SubjectPublicKeyInfo in DER; [`attestation_key_digest`].
    pub key: [u8; 32],
    /// The PCRs that must be in the quote, with these values. Others may be in it too.
    pub pcrs: Pcrs,
}

/// What a report must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedSevSnp {
    /// The product line, which fixes AMD's root key.
    pub product: Product,
    /// What the guest was started with: the launch digest, 48 bytes.
    pub measurement: Option<[u8; 48]>,
    /// The least firmware level: the eight bytes of REPORTED_TCB in the report's order (least
    /// significant first). Each byte is a level of its own, and each must be reached.
    pub minimum_tcb: Option<[u8; 8]>,
    /// Whether a guest counts whose policy lets the host read its memory for debugging.
    pub allow_debug: bool,
}

/// The lines of AMD processors whose root is known here. In serde in lowercase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004 and relatives.
    Genoa,
    /// EPYC 9005.
    Turin,
}

/// What evidence that holds says, in sentences that depend on no secret and on no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// Whose evidence it was. Compare it where a policy requires evidence: [`Provider::None`] is not an error.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub provider: Provider,
    /// What was established.
    pub established: Vec<Text>,
    /// What was not, and what it rests on instead.
    pub not_established: Vec<Text>,
}

impl unseen_ids::Answer for Proven {
    const NAME: &str = "evidence/v1";
}

/// Measures evidence against the nonce of the run and the policy in force then.
///
/// [`Evidence::None`] is [`Proven`] to be nothing under any policy; whether a run needs evidence is
/// for the caller to say. Evidence of a provider that the policy does not name is an error.
pub fn verify(evidence: &Evidence, nonce: &[u8; 32], expected: &Expected) -> Result<Proven, EvidenceError> {
    match (evidence, expected) {
        (Evidence::None, _) => Ok(no_evidence()),
        (Evidence::Tpm2(quote), Expected::Tpm2(expected)) => tpm2::verify(quote, nonce, expected),
        #[cfg(feature = "sev-snp")]
        (Evidence::SevSnp(report), Expected::SevSnp(expected)) => sev_snp::verify(report, nonce, expected),
        #[cfg(not(feature = "sev-snp"))]
        (Evidence::SevSnp(_), Expected::SevSnp(_)) => Err(EvidenceError::NotBuilt),
        _ => Err(EvidenceError::Provider { given: evidence.provider(), named: expected.provider() }),
    }
}

fn no_evidence() -> Proven {
    let nothing = text!(
        "No evidence of the machine was given: which machine the run happened on rests on the operator's word.",
        "没有给出机器证据：运行发生在哪台机器上，只凭运行管理员所言。"
    );
    Proven { provider: Provider::None, established: Vec::new(), not_established: vec![nothing] }
}

/// Why evidence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("evidence")]
pub enum EvidenceError {
    /// Over [`MAX_BYTES`].
    #[error("the evidence has {0} bytes and may have {MAX_BYTES}; leave its event log out")]
    #[zh("证据长 {0} 字节，至多允许 {MAX_BYTES} 字节；请省略事件日志")]
    TooLong(usize),
    /// Not the document.
    #[error("the evidence is not the document that docs/evidence.md describes: {0}")]
    #[zh("证据不是 docs/evidence.md 所述的文档：{0}")]
    Json(Sentence),
    /// The document, spelt in another way.
    #[error("the evidence is not in its one spelling: no blanks, members once and in the order of docs/evidence.md")]
    #[zh("证据的写法不合唯一规定：不得有空白，各成员只出现一次，顺序如 docs/evidence.md 所述")]
    Spelling,
    /// Not what the policy asks for.
    #[error("the evidence comes from {given} and the policy names {named}: collect it again under the policy in force")]
    #[zh("证据来自 {given}，而规则要求 {named}：请按现行规则重新采集")]
    Provider {
        /// Whose the evidence is.
        given: Provider,
        /// Whose it should be.
        named: Provider,
    },
    /// Built without the feature `sev-snp`.
    #[error("this program was built without the feature sev-snp, so it cannot verify such a report")]
    #[zh("本程序构建时未启用 sev-snp 功能，无法验证此类报告")]
    NotBuilt,
    /// Not a key that can be used.
    #[error(
        "the attestation key is not one PUBLIC KEY block with an ECC P-256 or an RSA key of 2048 bits or more (tpm2_readpublic -f pem writes one)"
    )]
    #[zh(
        "证明密钥不是单个 PUBLIC KEY 块，其中须为 ECC P-256 密钥或 2048 位以上的 RSA 密钥（可用 tpm2_readpublic -f pem 写出）"
    )]
    Key,
    /// A key that the policy does not name.
    #[error("the attestation key is not the one the policy names: its digest is {0}")]
    #[zh("证明密钥不是规则所指的那个：其摘要是 {0}")]
    OtherKey(String),
    /// A structure that is cut short, too long, or holds what it must not.
    #[error("{0} is malformed: it was damaged, or no tool of docs/evidence.md wrote it")]
    #[zh("{0}格式不对：已损坏，或不是 docs/evidence.md 所列工具写出的")]
    Malformed(Text),
    /// A signature scheme that is not understood, or not the key's.
    #[error(
        "the quote must be signed with ECDSA or RSASSA and SHA-256, as its key is: make the key as docs/evidence.md says"
    )]
    #[zh("引证须与其密钥相应，以 ECDSA 或 RSASSA 及 SHA-256 签名：请按 docs/evidence.md 生成密钥")]
    Scheme,
    /// A signature that does not hold.
    #[error("{0} is not signed by the key it should be signed by, or was changed afterwards")]
    #[zh("{0}不是由应签的密钥签名，或签名后被改动")]
    Signature(Text),
    /// Another run's evidence.
    #[error("the evidence is bound to another nonce: it was made for another run")]
    #[zh("证据绑定的是另一个一次性值：它是为别的运行而作的")]
    Nonce,
    /// The quote is not over exactly the PCRs that are listed.
    #[error("the quote is not over the listed PCRs of the sha256 bank, at least one, and those alone")]
    #[zh("引证的对象须恰为所列 sha256 PCR 组中的 PCR（至少一个），而此引证不是")]
    PcrSelection,
    /// The values are not those that were signed.
    #[error("the PCR values are not those that were quoted")]
    #[zh("PCR 值不是所引证的值")]
    PcrDigest,
    /// A value that the policy does not want.
    #[error(
        "PCR {0} is not in the quote with the value the policy names: the machine started with other software, or the policy is out of date"
    )]
    #[zh("引证中的 PCR {0} 没有规则所列的值：机器启动时运行了别的软件，或规则已过时")]
    PcrValue(u8),
    /// The log does not lead to the values.
    #[error(
        "the event log does not lead to the value of PCR {0}: quote only PCRs that the firmware alone extends, or leave the log out"
    )]
    #[zh("由事件日志得不出 PCR {0} 的值：请只引证仅由固件扩展的 PCR，或省略事件日志")]
    EventLog(u8),
    /// A root that is not the product line's.
    #[error("the root certificate is not AMD's for the product line the policy names")]
    #[zh("根证书不是规则所指产品系列的 AMD 根证书")]
    Root,
    /// A certificate that is not this report's.
    #[error(
        "the processor's certificate is for another chip or firmware level than the report: fetch the one it names"
    )]
    #[zh("处理器证书所属的芯片或固件级别与报告不符：请取得报告所指的证书")]
    OtherChip,
    /// A report that a policy does not accept.
    #[error("{0}, which the policy does not accept")]
    #[zh("{0}，规则不接受")]
    Guest(Text),
}
