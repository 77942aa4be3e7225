//! One TPM quote: the structure that was signed, taken apart, and each of its fields checked.

use crate::{
    EvidenceError, ExpectedTpm2, Proven, Provider, Tpm2,
    bytes::Reader,
    event_log,
    key::{AttestationKey, TPM_ALG_SHA256},
    parts,
};
use unseen_ids::{hex, sha256};
use unseen_texts::text;

/// TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins so.
const TPM_GENERATED: u32 = 0xff54_4347;
const TPM_ST_ATTEST_QUOTE: u16 = 0x8018;
/// A Name: an algorithm and a digest of at most 64 bytes.
const MOST_NAME: u16 = 66;
const MOST_DIGEST: u16 = 64;

/// Checks a quote; see [`crate::verify`].
pub(crate) fn verify(quote: &Tpm2, nonce: &[u8; 32], expected: &ExpectedTpm2) -> Result<Proven, EvidenceError> {
    let key = AttestationKey::from_pem(&quote.attestation_key)?;
    if key.digest() != expected.key {
        return Err(EvidenceError::OtherKey(hex::encode(&key.digest())));
    }
    key.verify(&quote.attest.0, &quote.signature.0)?;
    let attest = Attest::read(&quote.attest.0)?;
    if attest.extra_data != nonce {
        return Err(EvidenceError::Nonce);
    }
    if quote.pcrs.is_empty() || !attest.pcrs.iter().eq(quote.pcrs.keys()) {
        return Err(EvidenceError::PcrSelection);
    }
    let values: Vec<_> = quote.pcrs.values().copied().collect();
    if attest.pcr_digest != sha256(&[&values.concat()]) {
        return Err(EvidenceError::PcrDigest);
    }
    if let Some((index, _)) = expected.pcrs.iter().find(|(index, value)| quote.pcrs.get(index) != Some(value)) {
        return Err(EvidenceError::PcrValue(*index));
    }
    if let Some(log) = &quote.event_log {
        event_log::replay(&log.0, &quote.pcrs)?;
    }
    Ok(proven(!expected.pcrs.is_empty(), quote.event_log.is_some()))
}

/// What of TPMS_ATTEST (TPM 2.0 Library, part 2, 10.12.12) is compared with something.
struct Attest<'a> {
    extra_data: &'a [u8],
    /// In ascending order.
    pcrs: Vec<u8>,
    pcr_digest: &'a [u8],
}

impl Attest<'_> {
    fn read(bytes: &[u8]) -> Result<Attest<'_>, EvidenceError> {
        let mut reader = Reader::new(parts::QUOTE, bytes);
        if (reader.be32()?, reader.be16()?) != (TPM_GENERATED, TPM_ST_ATTEST_QUOTE) {
            return Err(reader.malformed());
        }
        // Of the signing key's name in the TPM's hierarchy only the TPM's owner could say what it should be.
        reader.tpm2b(MOST_NAME)?;
        let extra_data = reader.tpm2b(MOST_DIGEST)?;
        // The clock and its counters (TPMS_CLOCK_INFO), then the version of the TPM's firmware.
        reader.take(8 + 4 + 4)?;
        if reader.u8()? > 1 {
            return Err(reader.malformed());
        }
        reader.take(8)?;
        // TPML_PCR_SELECTION: one bank, a bit a PCR.
        if (reader.be32()?, reader.be16()?) != (1, TPM_ALG_SHA256) {
            return Err(EvidenceError::PcrSelection);
        }
        let size = reader.u8()?;
        let bits = reader.take(size.into())?;
        if !(3..=4).contains(&size) {
            return Err(reader.malformed());
        }
        let pcrs = (0..size * 8).filter(|index| bits[usize::from(index / 8)] & (1 << (index % 8)) != 0).collect();
        let pcr_digest = reader.tpm2b(MOST_DIGEST)?;
        reader.end()?;
        Ok(Attest { extra_data, pcrs, pcr_digest })
    }
}

/// The verdict on a quote that holds, when the policy lists values (`listed`) and there is an event `log`.
pub(crate) fn proven(listed: bool, log: bool) -> Proven {
    let mut established = vec![
        text!(
            "The attestation key that the policy names signed a quote of these PCR values for this run.",
            "规则所指的证明密钥为本次运行签署了这些 PCR 值的引证。"
        ),
        text!(
            "It was signed when the statement that starts this run was there already: the quote holds its digest.",
            "签署之时，开始本次运行的声明已经存在：引证中含有其摘要。"
        ),
    ];
    let mut not_established = vec![
        text!(
            "Whose TPM that is, and that the key is held by one at all and by hardware, rests on the operator who set the policy: a program with such a key signs the same.",
            "该 TPM 属于谁、密钥是否真由 TPM 及硬件持有，取决于设定规则的运行管理员：持有此密钥的程序也能作同样的签名。"
        ),
        text!(
            "That the run happened on the machine of that TPM: a quote shows no link between the TPM and the process that asked for it.",
            "运行是否发生在该 TPM 所在的机器上：引证并不表明 TPM 与索取引证的进程之间有联系。"
        ),
        text!(
            "What the machine did after its PCRs were last extended, and what it runs that nothing measures.",
            "机器在最后一次扩展 PCR 之后做了什么，以及运行了哪些未被度量的内容。"
        ),
    ];
    if listed {
        established.push(text!(
            "The PCRs that the policy lists have the values it lists.",
            "规则所列的 PCR 均为规则所列的值。"
        ));
    } else {
        not_established.push(text!(
            "Whether the PCR values are good ones: the policy lists none.",
            "PCR 值是否合格：规则没有列出任何值。"
        ));
    }
    if log {
        established.push(text!(
            "The event log, replayed, leads to exactly the PCR values that were signed.",
            "重放事件日志，恰好得到所签署的 PCR 值。"
        ));
        not_established.push(text!(
            "What the events of the log mean: their digests are bound by the quote, their descriptions are not.",
            "日志中各事件的含义：引证只绑定事件的摘要，不绑定其描述。"
        ));
    } else {
        not_established.push(text!(
            "Which events led to the PCR values: no event log was given.",
            "哪些事件形成了这些 PCR 值：没有给出事件日志。"
        ));
    }
    Proven { provider: Provider::Tpm2, established, not_established }
}
