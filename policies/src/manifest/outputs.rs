//! The outputs of a manifest: groups that are declared, and values within bounds.

use std::collections::HashSet;

use num_traits::{ToPrimitive, Zero};
use toml::de::DeValue;
use unseen_ids::Key;
use unseen_texts::{say, text};

use crate::rational::Rational;
use crate::reader::{ManifestError, Node, Place, unique};

/// Most groups one output may have.
pub const MAX_GROUPS: usize = 100_000;

/// Most numbers one job may release: groups x values x rounds, over all outputs.
pub const MAX_CELLS: usize = 1_000_000;

/// `[[output]]`.
#[derive(Clone, Debug)]
pub struct Output {
    /// Unique in the manifest.
    pub name: String,
    /// Key columns; none for a single total.
    pub groups: Vec<Group>,
    /// Values of each group; at least one.
    pub values: Vec<Value>,
    /// Quotients of values that readers are shown, with their errors.
    pub ratios: Vec<Ratio>,
    /// Most groups one grain may contribute to; at least 1.
    pub max_groups_per_unit: u32,
    /// Share of the budget among the outputs.
    pub weight: Rational,
    pub(crate) at: Place,
    pub(crate) max_groups_at: Place,
}

/// One key column of an output.
#[derive(Clone, Debug)]
pub struct Group {
    /// Unique in the output.
    pub name: String,
    /// Its public keys.
    pub keys: Keys,
    pub(crate) at: Place,
}

/// Where the keys of a group column come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// These, all numbers or all texts.
    Listed(Vec<Key>),
    /// `first` to `last`, both included.
    Range {
        /// The lowest key.
        first: i64,
        /// The highest key.
        last: i64,
    },
    /// The distinct values of a public table's column, in row order.
    Reference {
        /// The public table.
        reference: String,
        /// Its column.
        column: String,
    },
}

/// One value of an output.
#[derive(Clone, Debug)]
pub struct Value {
    /// Unique in the output.
    pub name: String,
    /// As written.
    pub lower: Rational,
    /// As written.
    pub upper: Rational,
    /// What one step is worth, in units of the value.
    pub granularity: Rational,
    /// The lowest contribution in steps: `lower / granularity` rounded up; at least -2^62.
    pub lower_steps: i64,
    /// The highest contribution in steps: `upper / granularity` rounded down; at most 2^62.
    pub upper_steps: i64,
    /// Share of the budget among the output's values.
    pub weight: Rational,
    pub(crate) at: Place,
}

/// A quotient of two released totals: a mean is a sum over a count. It is formed of noised numbers when a
/// release is read, and costs nothing.
#[derive(Clone, Debug)]
pub struct Ratio {
    /// Unique in the output.
    pub name: String,
    /// A value of the output.
    pub numerator: String,
    /// Another value of the output.
    pub denominator: String,
    /// The key columns that are kept; over all others both totals are summed before they are divided.
    pub by: Vec<String>,
    pub(crate) at: Place,
}

const MAX_STEPS: i64 = 1 << 62;

/// Most quotients one output may have.
const MAX_RATIOS: usize = 64;
/// The same, counted for each group.
const MAX_RATIO_CELLS: usize = 400_000;

impl Output {
    pub(crate) fn read(node: Node<'_>) -> Result<Output, ManifestError> {
        let table = node.table(&["name", "groups", "values", "ratios", "max_groups_per_unit", "weight"])?;
        let name = table.required("name")?;
        let groups = match table.optional("groups") {
            Some(node) => {
                node.list(text!("a list of groups", "分组的列表"))?.map(Group::read).collect::<Result<Vec<_>, _>>()?
            }
            None => Vec::new(),
        };
        let values = table.required("values")?.each(Value::read)?;
        let ratios = match table.optional("ratios") {
            Some(node) => ratios(node, &groups, &values)?,
            None => Vec::new(),
        };
        let group_names = groups.iter().map(|group| (group.at, group.name.as_str()));
        let value_names = values.iter().map(|value| (value.at, value.name.as_str()));
        let ratio_names = ratios.iter().map(|ratio| (ratio.at, ratio.name.as_str()));
        unique(text!("name in this output", "名称"), group_names.chain(value_names).chain(ratio_names))?;
        let max_groups = table.optional("max_groups_per_unit");
        Ok(Output {
            name: name.name(64)?,
            groups,
            values,
            ratios,
            max_groups_per_unit: max_groups.map_or(Ok(1), |node| node.whole(1..=u32::MAX.into()))? as u32,
            weight: table.weight()?,
            at: name.place(),
            max_groups_at: max_groups.unwrap_or(name).place(),
        })
    }

    /// Number of groups with each reference column counted as one key, and whether that is exact.
    pub(crate) fn least_groups(&self) -> (usize, bool) {
        self.groups.iter().fold((1, true), |(size, exact), group| {
            let least = group.keys.len();
            (size.saturating_mul(least.unwrap_or(1)), exact && least.is_some())
        })
    }
}

impl Group {
    pub(crate) fn read(node: Node<'_>) -> Result<Group, ManifestError> {
        let table = node.table(&["name", "keys", "range", "reference", "column"])?;
        let name = table.required("name")?;
        let keys = match (table.optional("keys"), table.optional("range"), table.optional("reference")) {
            (Some(keys), None, None) => Keys::Listed(listed(keys)?),
            (None, Some(range), None) => {
                match range.list(text!("[first, last]", "[first, last]（起止两个整数）"))?.collect::<Vec<_>>()[..]
                {
                    [first, last] => {
                        let all = i64::MIN..=i64::MAX;
                        let (first, end) = (first.whole(all.clone())?, last.whole(all)?);
                        if first > end {
                            return Err(last.error(say!(
                                "the range ends at {end}, before it starts at {first}: write the smaller number first",
                                "范围终点 {end} 小于起点 {first}：请先写较小的数"
                            )));
                        }
                        Keys::Range { first, last: end }
                    }
                    _ => {
                        return Err(range.error(text!(
                            "`range` needs two whole numbers: write [first, last]",
                            "`range` 需要两个整数：请写 [first, last]"
                        )));
                    }
                }
            }
            (None, None, Some(reference)) => {
                Keys::Reference { reference: reference.name(64)?, column: table.required("column")?.name(128)? }
            }
            _ => {
                return Err(name.error(text!(
                    "a group needs exactly one of `keys`, `range`, and `reference` with `column`",
                    "分组须在 `keys`、`range`、`reference`（带 `column`）中恰好选一个"
                )));
            }
        };
        if let (Some(column), Keys::Listed(_) | Keys::Range { .. }) = (table.optional("column"), &keys) {
            return Err(column.error(text!(
                "`column` goes with `reference` only: leave it out",
                "`column` 只与 `reference` 一起用：请删去"
            )));
        }
        Ok(Group { name: name.name(64)?, keys, at: name.place() })
    }
}

impl Keys {
    /// Number of keys; `None` while the table that holds them is not at hand.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Keys::Listed(keys) => Some(keys.len()),
            Keys::Range { first, last } => {
                Some(usize::try_from(last.abs_diff(*first)).map_or(usize::MAX, |n| n.saturating_add(1)))
            }
            Keys::Reference { .. } => None,
        }
    }
}

fn listed(node: Node<'_>) -> Result<Vec<Key>, ManifestError> {
    let mut seen = HashSet::new();
    let mut keys: Vec<Key> = Vec::new();
    for node in node.list(text!("a list of keys", "键的列表"))? {
        let key = match node.value {
            DeValue::Integer(_) => Key::Int(node.whole(i64::MIN..=i64::MAX)?),
            _ => Key::Text(node.clean(text!("whole numbers or texts", "整数或文本"))?.to_owned()),
        };
        if keys.first().is_some_and(|first| matches!(first, Key::Int(_)) != matches!(key, Key::Int(_))) {
            return Err(node.error(say!(
                "the key `{key}` is of another type than the first: write only numbers or only texts",
                "键 `{key}` 的类型与第一个不同：请全写数字或全写文本"
            )));
        }
        if !seen.insert(key.clone()) {
            return Err(
                node.error(say!("the key `{key}` stands here twice: leave one out", "键 `{key}` 重复：请删去一个"))
            );
        }
        keys.push(key);
    }
    match keys.is_empty() {
        true => Err(node.error(text!(
            "a group needs at least one key: for a single total leave the group out",
            "分组至少要有一个键：只要一个总数时请省略分组"
        ))),
        false => Ok(keys),
    }
}

impl Value {
    pub(crate) fn read(node: Node<'_>) -> Result<Value, ManifestError> {
        let table = node.table(&["name", "lower", "upper", "granularity", "weight"])?;
        let name = table.required("name")?;
        let (lower_node, upper_node) = (table.required("lower")?, table.required("upper")?);
        let (lower, upper) = (lower_node.number()?, upper_node.number()?);
        let (step_node, granularity) = table.required("granularity").and_then(|node| Ok((node, node.number()?)))?;
        if lower > upper {
            let name = name.name(64)?;
            return Err(lower_node.error(say!(
                "`lower` is above `upper` for value `{name}`: write the smaller bound as `lower`",
                "值 `{name}` 的 `lower` 大于 `upper`：请把较小的写作 `lower`"
            )));
        }
        if granularity <= Rational::zero() {
            return Err(step_node.error(text!(
                "`granularity` must be above 0: write the smallest difference that matters",
                "`granularity` 必须大于 0：请写有意义的最小差值"
            )));
        }
        let steps = |node: Node<'_>, steps: Rational| {
            let steps = steps.to_integer().to_i64().filter(|steps| (-MAX_STEPS..=MAX_STEPS).contains(steps));
            steps.ok_or_else(|| {
                node.error(say!(
                    "`{key}` divided by `granularity` overflows 2^62 steps: use a coarser granularity",
                    "`{key}` 除以 `granularity` 超过 2^62 步：请用更粗的粒度",
                    key = node.key
                ))
            })
        };
        let lower_steps = steps(lower_node, (&lower / &granularity).ceil())?;
        let upper_steps = steps(upper_node, (&upper / &granularity).floor())?;
        if lower_steps > upper_steps || (lower_steps, upper_steps) == (0, 0) {
            return Err(step_node.error(text!("no multiple of `granularity` other than 0 lies between `lower` and `upper`: use a finer granularity or wider bounds", "`lower` 与 `upper` 之间除 0 外没有 `granularity` 的倍数：请用更细的粒度或更宽的范围")));
        }
        let (weight, at) = (table.weight()?, name.place());
        Ok(Value { name: name.name(64)?, lower, upper, granularity, lower_steps, upper_steps, weight, at })
    }
}

fn ratios(node: Node<'_>, groups: &[Group], values: &[Value]) -> Result<Vec<Ratio>, ManifestError> {
    let items: Vec<_> = node.list(text!("a list of ratios", "比值的列表"))?.collect();
    match items.len() > MAX_RATIOS {
        true => Err(node.error(say!(
            "the output has {count} ratios; at most {MAX_RATIOS} are allowed",
            "此输出有 {count} 个比值；至多允许 {MAX_RATIOS} 个",
            count = items.len()
        ))),
        false => items.into_iter().map(|node| Ratio::read(node, groups, values)).collect(),
    }
}

impl Ratio {
    fn read(node: Node<'_>, groups: &[Group], values: &[Value]) -> Result<Ratio, ManifestError> {
        let table = node.table(&["name", "numerator", "denominator", "by"])?;
        let values: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
        let groups: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let (name, below) = (table.required("name")?, table.required("denominator")?);
        let (numerator, denominator) = (table.required("numerator")?.one_of(&values)?, below.one_of(&values)?);
        if numerator == denominator {
            return Err(below.error(say!(
                "`{numerator}` cannot be divided by itself: name another value",
                "`{numerator}` 不能除以自身：请写另一个值"
            )));
        }
        let by = match table.optional("by") {
            None => groups.iter().map(|group| (*group).to_owned()).collect(),
            Some(node) => {
                let nodes: Vec<_> = node.list(text!("a list of group names", "分组名的列表"))?.collect();
                let by = nodes.iter().map(|node| node.one_of(&groups)).collect::<Result<Vec<_>, _>>()?;
                unique(
                    text!("group", "分组"),
                    nodes.iter().zip(&by).map(|(node, name)| (node.place(), name.as_str())),
                )?;
                by
            }
        };
        Ok(Ratio { name: name.name(64)?, numerator, denominator, by, at: name.place() })
    }
}

/// Refuses domains and jobs that are too large, and more groups per unit than there are.
/// `sizes` holds each output's number of groups, and whether it is exact or only a lower bound.
pub(crate) fn check_sizes(outputs: &[Output], sizes: &[(usize, bool)], rounds: u32) -> Result<(), ManifestError> {
    let mut cells = 0usize;
    for (output, (size, exact)) in outputs.iter().zip(sizes) {
        if *size > MAX_GROUPS {
            return Err(too_many_groups(output));
        }
        if *exact && output.max_groups_per_unit as usize > *size {
            return Err(output.max_groups_at.error(say!("`max_groups_per_unit` is {max_groups_per_unit} but output `{name}` has {size} groups: write at most {size}", "`max_groups_per_unit` 为 {max_groups_per_unit}，而输出 `{name}` 只有 {size} 组：请至多写 {size}", max_groups_per_unit = output.max_groups_per_unit, name = output.name)));
        }
        if size.saturating_mul(output.ratios.len()) > MAX_RATIO_CELLS {
            return Err(output.at.error(say!("output `{name}` has {count} ratios of {size} groups, the limit is {MAX_RATIO_CELLS} in all: ask for fewer, or for ratios of coarser groups in an output of their own", "输出 `{name}` 有 {count} 个比值、{size} 组，总数上限为 {MAX_RATIO_CELLS}：请减少比值，或在另一个输出中用更粗的分组", name = output.name, count = output.ratios.len())));
        }
        cells = cells.saturating_add(size.saturating_mul(output.values.len()).saturating_mul(rounds as usize));
        if cells > MAX_CELLS {
            return Err(output.at.error(say!("with output `{name}` the job releases {cells} numbers (groups x values x rounds), the limit is {MAX_CELLS}: ask for fewer groups, values or rounds", "加上输出 `{name}`，作业将发布 {cells} 个数字（组数 × 值的个数 × 轮数），上限为 {MAX_CELLS}：请减少组、值或轮数", name = output.name)));
        }
    }
    Ok(())
}

pub(crate) fn too_many_groups(output: &Output) -> ManifestError {
    output.at.error(say!(
        "output `{name}` has more than {MAX_GROUPS} groups: list fewer keys or use coarser ones",
        "输出 `{name}` 的组数超过 {MAX_GROUPS}：请减少键或用更粗的键",
        name = output.name
    ))
}
