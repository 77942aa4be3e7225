//! The shape of a job: the names that its code and its manifest must agree on. Code is built for a shape and
//! carries it; on the wire between host and guest there are places only, which these names number.

use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, canonical};
use unseen_texts::Say;

use crate::manifest::Manifest;

/// The version of the contract between host and guest: the package of `guest-sdk/wit/job.wit`.
pub const CONTRACT: &str = "unseen:job@0.2.0";

/// The custom section of a module that holds the shape it was built for, as [`Shape::to_bytes`].
pub const SECTION: &str = "unseen:shape";

/// What a job reads and says, by name and in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// [`CONTRACT`].
    pub contract: String,
    /// One table each.
    pub inputs: Vec<InputShape>,
    /// One table of totals each.
    pub outputs: Vec<OutputShape>,
}

/// What a shape of any version says.
#[derive(Deserialize)]
struct Versioned {
    contract: String,
}

/// A table of a grain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputShape {
    /// Whose rows.
    pub dataset: String,
    /// Its columns, then the looked-up ones.
    pub columns: Vec<String>,
}

/// A table of totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputShape {
    /// The output.
    pub name: String,
    /// Its group columns.
    pub groups: Vec<String>,
    /// Its values.
    pub values: Vec<String>,
}

/// Why a component does not fit a manifest. Contains only names that the author wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("shape")]
#[allow(missing_docs)]
pub enum ShapeError {
    #[error(
        "the component does not say which job.toml it was built for: build it again with the tools of this version"
    )]
    #[zh("组件没有说明它是按哪个 job.toml 编译的：请用本版本的工具重新编译")]
    Unknown,
    #[error("the component was built for the contract {0}, and here it is {now}: build it again with the tools of this version", now = CONTRACT)]
    #[zh("组件是按约定 {0} 编译的，而这里是 {now}：请用本版本的工具重新编译", now = CONTRACT)]
    Contract(String),
    #[error("the component was built for a job.toml whose {what} is {built}, and here it is {now}: build it again")]
    #[zh("组件编译时，job.toml 的{what}是{built}，而这里是{now}：请重新编译")]
    Other { what: What, built: Name, now: Name },
}

/// One of a shape's names, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("shape.what")]
#[allow(missing_docs)]
pub enum What {
    #[error("input {0}")]
    #[zh("第 {0} 个输入")]
    Input(usize),
    #[error("column {0} of `{1}`")]
    #[zh(" `{1}` 第 {0} 列")]
    Column(usize, String),
    #[error("output {0}")]
    #[zh("第 {0} 个输出")]
    Output(usize),
    #[error("group column {0} of `{1}`")]
    #[zh(" `{1}` 第 {0} 个分组列")]
    GroupColumn(usize, String),
    #[error("value {0} of `{1}`")]
    #[zh(" `{1}` 第 {0} 个值")]
    Value(usize, String),
}

/// A name, where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("shape.name")]
#[allow(missing_docs)]
pub enum Name {
    #[error("`{0}`")]
    #[zh(" `{0}`")]
    Is(String),
    #[error("none")]
    #[zh("空")]
    None,
}

impl Shape {
    /// The shape of a manifest.
    pub fn of(manifest: &Manifest) -> Shape {
        let inputs = manifest.inputs.iter().map(|input| {
            let looked_up = input.lookups.iter().flat_map(|lookup| &lookup.columns);
            InputShape {
                dataset: input.dataset.clone(),
                columns: input.columns.iter().chain(looked_up).cloned().collect(),
            }
        });
        let outputs = manifest.outputs.iter().map(|output| OutputShape {
            name: output.name.clone(),
            groups: output.groups.iter().map(|group| group.name.clone()).collect(),
            values: output.values.iter().map(|value| value.name.clone()).collect(),
        });
        Shape { contract: CONTRACT.to_owned(), inputs: inputs.collect(), outputs: outputs.collect() }
    }

    /// Its canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(self).expect("invariant: names can be written")
    }

    /// The digest of that.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Whether a component that carries `section` was built for this shape.
    ///
    /// # Errors
    /// The first name that differs.
    pub fn check(&self, section: Option<&[u8]>) -> Result<(), ShapeError> {
        let section = section.ok_or(ShapeError::Unknown)?;
        let Versioned { contract } = serde_json::from_slice(section).map_err(|_| ShapeError::Unknown)?;
        if contract != self.contract {
            return Err(ShapeError::Contract(contract));
        }
        let built: Shape = serde_json::from_slice(section).map_err(|_| ShapeError::Unknown)?;
        let inputs = |shape: &Shape| shape.inputs.iter().map(|input| input.dataset.clone()).collect::<Vec<_>>();
        same(What::Input, &inputs(&built), &inputs(self))?;
        for (built, now) in built.inputs.iter().zip(&self.inputs) {
            same(|at| What::Column(at, now.dataset.clone()), &built.columns, &now.columns)?;
        }
        let outputs = |shape: &Shape| shape.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
        same(What::Output, &outputs(&built), &outputs(self))?;
        for (built, now) in built.outputs.iter().zip(&self.outputs) {
            same(|at| What::GroupColumn(at, now.name.clone()), &built.groups, &now.groups)?;
            same(|at| What::Value(at, now.name.clone()), &built.values, &now.values)?;
        }
        Ok(())
    }
}

fn same(what: impl FnOnce(usize) -> What, built: &[String], now: &[String]) -> Result<(), ShapeError> {
    let most = built.len().max(now.len());
    let Some(place) = (0..most).find(|&place| built.get(place) != now.get(place)) else { return Ok(()) };
    let name = |names: &[String]| names.get(place).map_or(Name::None, |name| Name::Is(name.clone()));
    Err(ShapeError::Other { what: what(place + 1), built: name(built), now: name(now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Shape {
            contract: CONTRACT.to_owned(),
            inputs: vec![
                InputShape { dataset: "firms".into(), columns: names(&["town", "land"]) },
                InputShape { dataset: "monthly".into(), columns: names(&["energy"]) },
            ],
            outputs: vec![OutputShape {
                name: "yield".into(),
                groups: names(&["town"]),
                values: names(&["firms", "land"]),
            }],
        }
    }

    fn refused(change: impl FnOnce(&mut Shape)) -> String {
        let mut built = shape();
        change(&mut built);
        shape().check(Some(&built.to_bytes())).unwrap_err().to_string()
    }

    #[test]
    fn one_sentence_names_the_first_difference() {
        assert_eq!(shape().check(Some(&shape().to_bytes())), Ok(()));
        let said = |what: &str, built: &str, now: &str| {
            format!(
                "the component was built for a job.toml whose {what} is {built}, and here it is {now}: build it again"
            )
        };
        assert_eq!(refused(|built| built.inputs.swap(0, 1)), said("input 1", "`monthly`", "`firms`"));
        assert_eq!(
            refused(|built| built.inputs[0].columns.swap(0, 1)),
            said("column 1 of `firms`", "`land`", "`town`")
        );
        assert_eq!(
            refused(|built| built.inputs[1].columns.push("tax".into())),
            said("column 2 of `monthly`", "`tax`", "none")
        );
        assert_eq!(refused(|built| built.outputs.clear()), said("output 1", "none", "`yield`"));
        assert_eq!(
            refused(|built| built.outputs[0].groups[0] = "city".into()),
            said("group column 1 of `yield`", "`city`", "`town`")
        );
        assert_eq!(refused(|built| drop(built.outputs[0].values.pop())), said("value 2 of `yield`", "none", "`land`"));
        assert!(refused(|built| built.contract = "unseen:job@0.3.0".into()).contains("unseen:job@0.3.0"));
        for section in [None, Some(&b"{}"[..]), Some(b"\xff")] {
            assert_eq!(shape().check(section), Err(ShapeError::Unknown));
        }
    }
}
