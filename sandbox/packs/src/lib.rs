//! What standards want told of a lab, as files that carry their own proof.
//!
//! ```text
//! core_elements(asks)                    GB/T 21063.3 with the codes of NDI-TR-2025-06: every dataset one may see
//! registration(asks, "firms")            公共数据资源登记: what a register asks of one dataset, as a zip
//! five_safes(asks, job, release)         Five Safes RO-Crate 0.4 of a release, in a bag (RFC 8493), as a zip
//! evidence(asks)                         GB/T 22239-2019 level 3 and SATRE 2: what the lab shows for each requirement
//! ```
//! Everything is made of answers that whoever asks is given ([`Asks`]), so nothing is in a pack that its reader may
//! not see, and it is the same whether a service makes it or a client of one. The same answers give the same bytes.
//! What a standard asks and the lab does not know is said to be missing, and never made up.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod archive;
mod bag;
mod codes;
mod controls;
mod core_elements;
mod crate_metadata;
mod documents;
mod error;
mod evidence;
mod evidence_page;
mod five_safes;
mod proof;
mod registration;
mod registration_page;
mod story;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use unseen_api::address::Addressed;
use unseen_ids::{Answer, schema};
use unseen_usecases::Query;

pub use codes::{Coded, Source};
pub use core_elements::{CoreElements, Elements, core_elements};
pub use documents::{EvidencePack, Registration, Requirement, Standing};
pub use error::PackError;
pub use evidence::evidence;
pub use five_safes::five_safes;
pub use proof::Recorded;
pub use registration::registration;

/// Whoever can be asked about a lab: the lab itself in somebody's name, or a client of it.
pub trait Asks {
    /// Why there is no answer.
    type Error: From<PackError>;

    /// Asks.
    fn ask<Q: Query + Addressed>(&self, query: Q) -> Result<Q::Answer, Self::Error>
    where
        Q::Answer: 'static;
}

/// A pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// What its file may be called: letters, digits, dots and hyphens.
    pub name: String,
    /// The zip archive.
    pub bytes: Vec<u8>,
}

/// A pack was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackWritten {
    /// The file.
    pub file: String,
    /// How many bytes it has.
    pub bytes: usize,
}

impl Answer for PackWritten {
    const NAME: &str = "pack-written/v1";
}

/// The JSON schema of everything here that is JSON, by its name.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![schema::<CoreElements>(), schema::<EvidencePack>(), schema::<PackWritten>(), schema::<Registration>()]
}
