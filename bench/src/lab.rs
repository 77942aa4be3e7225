//! A lab with the bench's table, and jobs in it.

use std::path::{Path, PathBuf};

use unseen_ids::{JobId, Role};
use unseen_lab::write_new_key;
use unseen_tlog::SigningKey;
use unseen_usecases::importing::{self, Import};
use unseen_usecases::jobs::{Approve, Submit};
use unseen_usecases::labs::{self, Init};
use unseen_usecases::people::{Enrol, request_enrolment};
use unseen_usecases::policy::SetPolicy;
use unseen_usecases::{Blob, Folder, change};

use crate::cost::Fallible;
use crate::inside;

const ORIGIN: &str = "bench.example/lab";
const POLICY: &str =
    "approvals = 1\ndelta = 1e-6\nrelease_now = true\n[caps]\ndataset = \"10\"\nanalyst = \"10\"\njob = \"0.5\"\n";

/// A lab in a folder, with an owner, who approves, and another, who is all the rest.
pub struct Made {
    pub folder: PathBuf,
    pub desk: Folder,
    pub owner: SigningKey,
    other: SigningKey,
}

/// Makes one beside the keys `owner` and `other`, with a table of so many rows.
pub fn make(dir: &Path, program: PathBuf, table: &Path, rows: u64) -> Fallible<Made> {
    let (owner, other) = (write_new_key(&dir.join("owner"))?, write_new_key(&dir.join("other"))?);
    let folder = dir.join("lab");
    labs::init(&folder, &Init { origin: ORIGIN.to_owned(), owner_name: "owner".to_owned() }, &owner)?;
    let desk = Folder { folder: folder.clone(), program };
    let request = request_enrolment(ORIGIN, "other", &[Role::Steward, Role::Analyst], &other)?;
    change::make(&desk, &Enrol(request), &owner)?;
    let rules = SetPolicy { name: "policy.toml".to_owned(), toml: POLICY.to_owned(), access: None };
    change::make(&desk, &rules, &owner)?;
    let description = dir.join("bench.toml");
    std::fs::write(&description, inside::description(rows))?;
    let import = Import { source: table.to_owned(), description, open_to: Vec::new(), keep_until: None, buckets: None };
    importing::import(&desk, &import, &other, &mut |_| ())?;
    Ok(Made { folder, desk, owner, other })
}

impl Made {
    /// Submits `rolling`, which a hundredth of the budget is enough for.
    pub fn submit(&self, component: &[u8]) -> Fallible<JobId> {
        let manifest = inside::ROLLING.replace("epsilon = 1", "epsilon = 0.1");
        let submit = Submit { name: "job.toml".to_owned(), manifest, module: Blob::new(component.to_vec()) };
        Ok(change::make(&self.desk, &submit, &self.other)?.job)
    }

    /// Enrols another operator, who is known by a certificate alone.
    pub fn enrol(&self, name: &str) -> Fallible<()> {
        let request = request_enrolment(ORIGIN, name, &[Role::Operator], &SigningKey::generate()?)?;
        change::make(&self.desk, &Enrol(request), &self.owner)?;
        Ok(())
    }

    pub fn approve(&self, job: JobId) -> Fallible<()> {
        change::make(&self.desk, &Approve { job }, &self.owner)?;
        Ok(())
    }
}
