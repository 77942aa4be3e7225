//! A Five Safes RO-Crate of a release (profile 0.4, <https://w3id.org/5s-crate/0.4>), in a bag.

use unseen_ids::{Digest, JobId};
use unseen_policies::event::Event;
use unseen_shown::released::csv;
use unseen_usecases::logs::ShowCheckpoint;
use unseen_usecases::release::Release;

use crate::archive::{Files, plain};
use crate::bag::bag;
use crate::crate_metadata::{WORKFLOW, metadata, workflow};
use crate::error::PackError;
use crate::proof::Log;
use crate::story::{NUMBERS, POLICY, Story, TABLE};
use crate::{Asks, Pack};

/// A crate of a released job. The numbers are in it where its maker has opened the release, which is on record then;
/// else it names them by their digest.
pub fn five_safes<A: Asks>(asks: &A, job: JobId, opened: Option<&Release>) -> Result<Pack, A::Error> {
    let log = Log::of(asks)?;
    let story = Story::told(asks, &log, job, opened.is_some())?;
    let mut files = Files::default();
    if let Some(release) = opened {
        files.put(NUMBERS, body(release, &story)?);
        files.put(TABLE, csv::write(&release.numbers).map_err(PackError::unwritten)?);
    }
    files.put("log/checkpoint", asks.ask(ShowCheckpoint {})?.checkpoint);
    if let Event::PolicySet(set) = &story.policy.record.event {
        files.put_json(POLICY, &set.policy)?;
    }
    log.put(&mut files);
    story.entries().for_each(|entry| entry.put(&mut files));
    files.put(format!("{WORKFLOW}job.toml"), story.shown.manifest_text.clone());
    files.put_json(&format!("{WORKFLOW}ro-crate-metadata.json"), &workflow(&story))?;
    let described = metadata(&story, files.iter().map(|(path, bytes)| (path.to_owned(), bytes.len())));
    files.put_json("ro-crate-metadata.json", &described)?;
    let name = format!("crate-{}-{job}", plain(&log.origin));
    let info = [
        ("External-Identifier", &*format!("urn:uuid:{}", uuid(&log.origin, job))),
        ("External-Description", &*format!("Five Safes RO-Crate of the release of {job} of {}", log.origin)),
        ("Bag-Software-Agent", concat!("unseen ", env!("CARGO_PKG_VERSION"))),
    ];
    Ok(Pack { bytes: bag(&files, &info).zip(&name)?, name: format!("{name}.zip") })
}

/// The release as the log names it, put together of what was answered.
fn body(release: &Release, story: &Story) -> Result<Vec<u8>, PackError> {
    release.bytes().ok_or(PackError::OtherRelease { entry: story.released.recorded.entry })
}

/// A name that stays (RFC 9562, version 8): half of a digest of what the crate is of.
pub(crate) fn uuid(origin: &str, job: JobId) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Digest::of(format!("five safes\n{origin}\n{job}").as_bytes()).to_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = unseen_ids::hex::encode(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
