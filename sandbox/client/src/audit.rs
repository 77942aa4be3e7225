//! What auditors take from a lab and have it do: its log, and replays.

use std::path::Path;
use std::time::Duration;

use unseen_api::BUNDLE;
use unseen_api::replays::{REPLAYS, ReplayStanding, ReplayState};
use unseen_ids::JobId;

use crate::Client;
use crate::error::ClientError;

impl Client {
    /// Takes the log with all that its entries name into a folder, which must be new. Gives the number of files. What
    /// it holds is for an audit to say: nothing of it is believed here but that names lead nowhere else.
    pub fn export(&self, out: &Path, modules: bool) -> Result<u64, ClientError> {
        let failed = |source| ClientError::File { path: out.to_owned(), source };
        let mut archive = tar::Archive::new(self.http.stream(&format!("{BUNDLE}?modules={modules}"))?);
        let mut files = 0;
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let kind = entry.header().entry_type();
            if !(kind.is_dir() || kind.is_file()) || !entry.unpack_in(out).map_err(failed)? {
                return Err(self.http.strange());
            }
            files += u64::from(kind.is_file());
        }
        if files == 0 { Err(self.http.strange()) } else { Ok(files) }
    }

    /// Has a released job run again, and waits for the answer.
    pub fn replay(&self, job: JobId) -> Result<ReplayStanding, ClientError> {
        let path = format!("/v1/jobs/{job}{REPLAYS}");
        let mut standing: ReplayStanding = self.http.post(&path, &serde_json::json!({}))?;
        while standing.state == ReplayState::Running {
            std::thread::sleep(Duration::from_millis(500));
            standing = self.http.get(&path)?;
        }
        Ok(standing)
    }
}
