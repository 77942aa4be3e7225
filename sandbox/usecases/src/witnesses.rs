//! The witnesses that the policy names: who they are, and being asked.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, PublicKey};
use unseen_texts::Sentence;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Show the policy's witnesses, and who of them has cosigned the present checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowWitnesses {}

/// Ask the policy's witnesses to cosign the present checkpoint, and publish what they give.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskWitnesses {}

/// The policy's witnesses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WitnessesShown {
    /// Entries of the present checkpoint.
    pub size: u64,
    /// How many must have cosigned.
    pub quorum: u32,
    /// Whether a release stays closed without that.
    pub required: bool,
    /// In the policy's order; none where it names none.
    pub witnesses: Vec<WitnessShown>,
}

/// A witness.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WitnessShown {
    /// Its name.
    pub name: String,
    /// Its verifier key.
    pub key: String,
    /// Where it answers.
    pub url: String,
    /// When it cosigned the present checkpoint, by its clock; null if it has not.
    #[schemars(with = "Option<String>")]
    pub cosigned: Option<DateTime<Utc>>,
}

/// What the policy's witnesses answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cosigning {
    /// Entries of the checkpoint they were asked about.
    pub size: u64,
    /// Names of those who cosigned it.
    pub cosigned: Vec<String>,
    /// The others.
    pub refused: Vec<RefusedCosigning>,
    /// How many the policy asks for.
    pub quorum: u32,
    /// The checkpoint, with what they added.
    pub checkpoint: String,
}

/// A witness that did not cosign.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedCosigning {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Sentence,
}

impl Answer for WitnessesShown {
    const NAME: &str = "witnesses/v1";
}
impl Answer for Cosigning {
    const NAME: &str = "cosigning/v1";
}

impl Cosigning {
    /// Whether as many have cosigned as the policy asks for.
    pub fn enough(&self) -> bool {
        self.cosigned.len() >= self.quorum as usize
    }
}

impl Query for ShowWitnesses {
    type Answer = WitnessesShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<WitnessesShown, UseCaseError> {
        let lab = desk.view()?;
        let rule = lab.ledger().witnesses();
        let cosigned = lab.cosigned()?;
        let named = rule.into_iter().flat_map(|rule| &rule.witness).zip(cosigned);
        let witnesses = named.map(|(witness, cosigned)| WitnessShown {
            name: witness.name().to_owned(),
            key: witness.key.clone(),
            url: witness.url.clone(),
            cosigned,
        });
        Ok(WitnessesShown {
            size: lab.log().size(),
            quorum: rule.map_or(0, |rule| rule.quorum),
            required: rule.is_some_and(|rule| rule.required),
            witnesses: witnesses.collect(),
        })
    }
}

impl Query for AskWitnesses {
    type Answer = Cosigning;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Cosigning, UseCaseError> {
        let lab = desk.view()?;
        let witnessed = lab.witnessing()?.carry_out()?;
        desk.write(|lab| lab.publish_witnessed(&witnessed))?;
        let gathered = &witnessed.gathered;
        let refused =
            gathered.refusals.iter().map(|(name, why)| RefusedCosigning { name: name.clone(), why: Sentence::of(why) });
        Ok(Cosigning {
            size: lab.log().size(),
            cosigned: gathered.cosignatures.iter().map(|found| found.name.clone()).collect(),
            refused: refused.collect(),
            quorum: lab.ledger().witnesses().map_or(0, |rule| rule.quorum),
            checkpoint: witnessed.note().to_string(),
        })
    }
}
