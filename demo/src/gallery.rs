//! The gallery: one scenario for each field of work of the district's plan, its tables drawn from a seed and its
//! plain answer, beside which a release can be put.
//!
//! Descriptions and jobs lie in `guest-sdk/examples/gallery`, in folders of the scenarios' names. Values lie within
//! the bounds of the jobs, but for rare ones, so what a release differs by is its noise.

mod enterprises;
mod fusion;
mod models;
mod people;
mod places;
mod scenario;
mod truth;

use std::collections::HashSet;
use std::io;
use std::path::Path;

pub use scenario::Scenario;
pub use truth::Measured;
use truth::{Table, Tables, Truth};

/// All scenarios.
pub static ALL: [Scenario; 19] = [
    fusion::LAND_YIELD,
    enterprises::ECONOMY_TREND,
    models::INDUSTRY_MAP,
    enterprises::POLICY_REACH,
    enterprises::PROJECT_COHORTS,
    models::LATE_FILING,
    enterprises::SAFETY_ALARMS,
    enterprises::PARK_ENERGY,
    places::FIELD_SENSORS,
    people::JOB_SEEKERS,
    people::HOSPITAL_VISITS,
    people::ELDERLY_ALONE,
    people::SCHOOL_RUN,
    places::MUCK_TRUCKS,
    places::STREET_EVENTS,
    places::WATER_USE,
    enterprises::AIR_LIMITS,
    places::HOUSE_SAFETY,
    fusion::COURIER_COVER,
];

/// Why a scenario was not written or measured.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// There is no such scenario.
    #[error("the gallery has no scenario `{0}`; it has: {1}")]
    Unknown(String, String),
    /// A file could not be read or written.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// A release is not what the tables say.
    #[error("{0}: {1}")]
    Wrong(String, String),
}

/// What was counted in a scenario's private tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of all of them.
    pub rows: usize,
    /// Different units.
    pub units: usize,
}

/// Writes the tables of a scenario into a folder, of `units` units or as many as it usually has.
pub fn write(name: &str, dir: &Path, seed: u64, units: Option<u64>) -> Result<(), GalleryError> {
    let (stream, scenario) = find(name)?;
    let units = units.unwrap_or(scenario.units);
    scenario.write(dir, seed, stream, units).map_err(|error| failed(dir, error))
}

/// Compares a release, as `unseen job release --csv` writes it, with the tables in a folder.
pub fn measure(name: &str, data: &Path, release: &Path) -> Result<(Size, Measured), GalleryError> {
    let (_, scenario) = find(name)?;
    let tables = Tables { folder: data, plain: scenario.plain };
    let (mut rows, mut units) = (0, HashSet::new());
    for (table, _) in scenario.private {
        for row in tables.read(table).map_err(|error| failed(data, error))?.rows() {
            rows += 1;
            units.insert(row.unit().to_owned());
        }
    }
    let mut truth = Truth::default();
    (scenario.truth)(&tables, &mut truth).map_err(|error| failed(data, error))?;
    let release = Table(std::fs::read_to_string(release).map_err(|error| failed(release, error))?);
    let measured = truth.measure(&release).map_err(|wrong| GalleryError::Wrong(name.to_owned(), wrong))?;
    Ok((Size { rows, units: units.len() }, measured))
}

fn find(name: &str) -> Result<(u32, &'static Scenario), GalleryError> {
    let unknown = || GalleryError::Unknown(name.to_owned(), ALL.each_ref().map(|scenario| scenario.name).join(", "));
    (0..).zip(&ALL).find(|(_, scenario)| scenario.name == name).ok_or_else(unknown)
}

fn failed(path: &Path, error: io::Error) -> GalleryError {
    GalleryError::Io(path.display().to_string(), error)
}
