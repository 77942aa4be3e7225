//! One TPM quote: the structure that was signed, taken apart, and each of its fields checked.

use crate::{
    EvidenceError, ExpectedTpm2, Proven, Provider, Tpm2,
    bytes::Reader,
    event_log,
    key::{AttestationKey, TPM_ALG_SHA256},
};
use unseen_ids::{hex, sha256};

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
        let mut reader = Reader::new("the quote", bytes);
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
        "The attestation key that the policy names signed a quote of these PCR values for this run.",
        "It was signed when the statement that starts this run was there already: the quote holds its digest.",
    ];
    let mut not_established = vec![
        "Whose TPM that is, and that the key is held by one at all and by hardware, rests on the operator who set the policy: a program with such a key signs the same.",
        "That the run happened on the machine of that TPM: a quote shows no link between the TPM and the process that asked for it.",
        "What the machine did after its PCRs were last extended, and what it runs that nothing measures.",
    ];
    if listed {
        established.push("The PCRs that the policy lists have the values it lists.");
    } else {
        not_established.push("Whether the PCR values are good ones: the policy lists none.");
    }
    if log {
        established.push("The event log, replayed, leads to exactly the PCR values that were signed.");
        not_established
            .push("What the events of the log mean: their digests are bound by the quote, their descriptions are not.");
    } else {
        not_established.push("Which events led to the PCR values: no event log was given.");
    }
    Proven { provider: Provider::Tpm2, established, not_established }
}
