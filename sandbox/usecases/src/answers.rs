//! The schema of every answer.

use schemars::Schema;
use unseen_ids::schema;

use crate::{
    ask::*, budget::*, change::*, check::*, datasets::*, doctor::*, explain::*, fits::*, importing::*, imports::*,
    inbox::*, jobs::*, labs::*, lives::*, logs::*, modules::*, nodes::*, outcomes::*, people::*, policy::*,
    projects::*,
};
use crate::{release::*, replay::*, runs::*, trial::*, visits::*, witnesses::*};

/// The JSON schema of every answer, by its name.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    macro_rules! schemas { ($($answer:ty),* $(,)?) => { vec![$(schema::<$answer>()),*] } }
    schemas![
        AccessExplained,
        AccessLines,
        Asked,
        BackedUp,
        Budget,
        Built,
        CheckpointShown,
        Checked,
        Cosigning,
        DatasetShown,
        DatasetStanding,
        Datasets,
        Doctor,
        Draft,
        Enrolled,
        EnrolledNode,
        EnrolmentRequest,
        Entries,
        EntryProof,
        EntryShown,
        Explained,
        Exported,
        FitDrafted,
        ImportShown,
        Imported,
        Inbox,
        JobShown,
        JobStanding,
        Jobs,
        KeyShown,
        LabShown,
        LogKeyChanged,
        Module,
        NodeMade,
        Nodes,
        People,
        PolicyPreview,
        PolicySet,
        PolicyShown,
        Project,
        Quality,
        Ran,
        Registered,
        Release,
        Releases,
        Replayed,
        Revoked,
        RevokedNode,
        Runs,
        Sm2Enabled,
        Submitted,
        Suggested,
        TableShown,
        ToSign,
        Trial,
        TwinWritten,
        Unsigned,
        WitnessesShown,
    ]
}
