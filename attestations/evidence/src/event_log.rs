//! A firmware's event log in the crypto-agile format (TCG PC Client Platform Firmware Profile,
//! section 10): what was extended into which PCR, so that the values can be worked out again.

use crate::{EvidenceError, Pcrs, bytes::Reader, key::TPM_ALG_SHA256, parts};
use unseen_ids::sha256;

const EV_NO_ACTION: u32 = 3;
const SPEC_ID: &[u8] = b"Spec ID Event03\0";
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

/// Whether replaying the log from a reset gives each of these values.
pub(crate) fn replay(log: &[u8], quoted: &Pcrs) -> Result<(), EvidenceError> {
    let mut reader = Reader::new(parts::EVENT_LOG, log);
    let sizes = header(&mut reader)?;
    // PCRs 17 to 22 are all ones until a dynamic launch; the others start at zero.
    let mut pcrs: [[u8; 32]; 24] = std::array::from_fn(|i| if (17..23).contains(&i) { [0xff; 32] } else { [0; 32] });
    let mut untouched = true;
    while !reader.is_empty() {
        let (index, kind) = (reader.le32()?, reader.le32()?);
        let digest = digests(&mut reader, &sizes)?;
        let length = reader.le32()?;
        let event = reader.take(length.try_into().map_err(|_| reader.malformed())?)?;
        match (kind, event.strip_prefix(STARTUP_LOCALITY)) {
            // PCR 0 begins with the locality from which the TPM was started.
            (EV_NO_ACTION, Some([locality])) if index == 0 && untouched => pcrs[0][31] = *locality,
            (EV_NO_ACTION, _) => {}
            _ => {
                untouched &= index != 0;
                let pcr = usize::try_from(index).ok().and_then(|index| pcrs.get_mut(index));
                let pcr = pcr.ok_or(reader.malformed())?;
                *pcr = sha256(&[pcr.as_slice(), digest]);
            }
        }
    }
    match quoted.iter().find(|(index, value)| pcrs.get(usize::from(**index)) != Some(*value)) {
        Some((index, _)) => Err(EvidenceError::EventLog(*index)),
        None => Ok(()),
    }
}

/// The first event, in the older format, names the algorithms and the sizes of their digests.
fn header(reader: &mut Reader) -> Result<Vec<(u16, usize)>, EvidenceError> {
    let (index, kind) = (reader.le32()?, reader.le32()?);
    let digest = reader.take(20)?;
    let length = reader.le32()?;
    let mut event = Reader::new(parts::EVENT_LOG, reader.take(length.try_into().map_err(|_| reader.malformed())?)?);
    if (index, kind) != (0, EV_NO_ACTION) || digest != [0; 20] || event.take(16)? != SPEC_ID {
        return Err(reader.malformed());
    }
    // Platform class, minor and major version, errata, size of a UINTN.
    event.take(8)?;
    let count = event.le32()?;
    let mut sizes = Vec::new();
    for _ in 0..count {
        sizes.push((event.le16()?, usize::from(event.le16()?)));
    }
    let vendor = event.u8()?;
    event.take(vendor.into())?;
    event.end()?;
    Ok(sizes)
}

/// The SHA-256 digest among those of one event. Every event must have exactly one.
fn digests<'a>(reader: &mut Reader<'a>, sizes: &[(u16, usize)]) -> Result<&'a [u8], EvidenceError> {
    let count = reader.le32()?;
    let mut found = None;
    for _ in 0..count {
        let algorithm = reader.le16()?;
        let (_, size) = sizes.iter().find(|(known, _)| *known == algorithm).ok_or(reader.malformed())?;
        let digest = reader.take(*size)?;
        if algorithm == TPM_ALG_SHA256 && (digest.len() != 32 || found.replace(digest).is_some()) {
            return Err(reader.malformed());
        }
    }
    found.ok_or(reader.malformed())
}
