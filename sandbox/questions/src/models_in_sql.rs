//! Models in SQL: quantiles, regressions and centres of clusters as functions, and the largest groups as
//! `ORDER BY ... DESC LIMIT ...`.

use unseen_policies::Rational;
use unseen_policies::manifest::{CLUSTER, Feature, MOST_CLUSTERS, MOST_FEATURES, MOST_RANKED, ModelKind, ModelValue};
use unseen_policies::rational::parse_decimal;
use unseen_texts::{say, text};

use crate::ask::{Asking, same};
use crate::draft::{GroupKeys, Value};
use crate::fault::Fault;
use crate::select::{Item, Select};
use crate::syntax::{Expr, Kind};
use crate::value::Type;

/// Rounds of a bisection: the interval is then a 4096th of the column's bounds.
const BISECTIONS: usize = 12;
/// Rounds of k-means.
const MOVES: usize = 8;
/// Weights of the rounds of a logistic regression: the last says how exact it is, and the first only lead there.
const STEPS: [u32; 6] = [1, 1, 2, 4, 8, 16];
/// The step of a quantile's value: shares of four digits are whole steps.
const RANK_STEP: f64 = 0.0001;
/// Names of columns are no longer than this: names of values are made of two of them.
const LONGEST_NAME: usize = 24;
/// The longest name of an output.
const LONGEST_OUTPUT: usize = 64;

/// What a function asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Quantile,
    Linear,
    Logistic,
    KMeans,
}

/// The function of an item, and what stands in it; none where it is no model's.
fn asked(expr: &Expr) -> Option<(Asked, &[Expr])> {
    let Kind::Call { name, arguments, distinct: false, all: false } = &expr.kind else { return None };
    let asked = match name.as_str() {
        "quantile" | "median" | "percentile_cont" | "percentile_disc" | "approx_quantile" | "approx_percentile" => {
            Asked::Quantile
        }
        "linear_regression" => Asked::Linear,
        "logistic_regression" => Asked::Logistic,
        "kmeans" | "k_means" => Asked::KMeans,
        _ => return None,
    };
    Some((asked, arguments))
}

impl Asking<'_> {
    /// Drafts the model that the items ask for; false where they ask for none.
    pub(crate) fn fit(&mut self, items: &[&Item], select: &Select) -> Result<bool, Fault> {
        let Some((first, (wanted, _))) = items.iter().find_map(|item| Some((item, asked(&item.expr)?))) else {
            return Ok(false);
        };
        let alone = |item: &&&Item| match asked(&item.expr) {
            Some((Asked::Quantile, _)) => wanted != Asked::Quantile,
            _ => item.expr.at != first.expr.at,
        };
        if let Some(other) = items.iter().find(alone) {
            return Err(self.fault(
                &other.expr.at,
                text!(
                    "a model is asked for alone, beside its groups: ask for the rest in a question of its own",
                    "模型须单独提问，只能与其分组一起：其余请另行提问"
                ),
            ));
        }
        if let Some(order) = &select.order {
            return Err(self.fault(
                &order.at,
                text!(
                    "groups are ranked by a count or a sum: leave ORDER BY out",
                    "只能按计数或求和排名：请去掉 ORDER BY"
                ),
            ));
        }
        let aliases: Vec<&str> = items.iter().filter_map(|item| item.name.as_deref()).collect();
        if !aliases.is_empty() {
            self.draft.output = aliases.join(", ").chars().take(LONGEST_OUTPUT).collect();
        }
        match wanted {
            Asked::Quantile => self.quantiles(items)?,
            Asked::Linear => self.linear(&first.expr)?,
            Asked::Logistic => self.logistic(&first.expr)?,
            Asked::KMeans => self.k_means(&first.expr, select)?,
        }
        if let Some((_, at)) = &select.limit {
            return Err(
                self.fault(at, text!("every group is released: leave LIMIT out", "所有分组都会发布：请去掉 LIMIT"))
            );
        }
        Ok(true)
    }

    fn quantiles(&mut self, items: &[&Item]) -> Result<(), Fault> {
        let mut of: Option<(&Expr, Feature)> = None;
        let (mut shares, mut called): (Vec<Rational>, Vec<(&String, usize)>) = (Vec::new(), Vec::new());
        for item in items {
            let (column, share) = match asked(&item.expr) {
                Some((_, [column])) if is_median(&item.expr) => (column, half()),
                Some((_, [column, share])) => (column, self.share(share)?),
                _ => {
                    return Err(self.fault(
                        &item.expr.at,
                        text!(
                            "write QUANTILE(column, 0.9), or MEDIAN(column)",
                            "请写 `QUANTILE(列, 0.9)` 或 `MEDIAN(列)`"
                        ),
                    ));
                }
            };
            let feature = match &of {
                Some((known, feature)) if same(self.sql(), known, column) => feature.clone(),
                Some(_) => return Err(self.fault(&column.at, text!("quantiles of one column are asked for at a time: ask for the others in a question of their own", "一次只能问一列的分位数：其余请另行提问"))),
                None => self.feature(column)?,
            };
            of = Some((column, feature));
            let place = shares.iter().position(|known| *known == share).unwrap_or(shares.len());
            called.extend(item.name.as_ref().map(|name| (name, place)));
            if place == shares.len() {
                shares.push(share);
            }
        }
        let Some((_, of)) = of else { return Ok(()) };
        self.note(say!("A quantile is found by halving, in {BISECTIONS} rounds: to a {parts}th of the bounds of `{name}`, and as near in rank as stated below. The release has an interval for it.", "分位数通过逐轮折半求得，共 {BISECTIONS} 轮：精确到 `{name}` 范围的 {parts} 分之一，排名误差见下文；发布结果附有区间。", parts = 1_u32 << BISECTIONS, name = of.name.clone()));
        self.model(ModelKind::Quantile { of, shares }, vec![1; BISECTIONS]);
        let values = &self.draft.values;
        let aliases = called.into_iter().filter_map(|(name, at)| Some((name.clone(), values.get(at)?.name.clone())));
        self.draft.aliases = aliases.collect();
        Ok(())
    }

    fn share(&self, share: &Expr) -> Result<Rational, Fault> {
        let written = match share.kind {
            Kind::Whole(_) | Kind::Number(_) => parse_decimal(&self.piece(&share.at)).ok(),
            _ => None,
        };
        let parts = |share: &Rational| share * Rational::from_integer(10_000.into());
        let (least, most) = (Rational::from_integer(1.into()), Rational::from_integer(9_999.into()));
        match written.filter(|share| (&least..=&most).contains(&&parts(share))) {
            Some(share) => Ok(share),
            None => Err(self.fault(
                &share.at,
                text!(
                    "a share lies from 0.0001 to 0.9999: the median is 0.5",
                    "份额须在 0.0001 与 0.9999 之间：中位数为 0.5"
                ),
            )),
        }
    }

    fn linear(&mut self, call: &Expr) -> Result<(), Fault> {
        let Some((_, [target, features @ ..])) = asked(call).filter(|(_, arguments)| arguments.len() > 1) else {
            return Err(self.fault(
                &call.at,
                text!(
                    "write LINEAR_REGRESSION(what is explained, by this, by that)",
                    "请写 `LINEAR_REGRESSION(被解释的列, 解释它的列, ...)`"
                ),
            ));
        };
        let target = self.feature(target)?;
        let features = self.features(features, Some(&target.name))?;
        self.model(ModelKind::Linear { target, features }, vec![1]);
        Ok(())
    }

    fn logistic(&mut self, call: &Expr) -> Result<(), Fault> {
        let Some((_, [target, features @ ..])) = asked(call).filter(|(_, arguments)| arguments.len() > 1) else {
            return Err(self.fault(
                &call.at,
                text!(
                    "write LOGISTIC_REGRESSION(condition, by this, by that)",
                    "请写 `LOGISTIC_REGRESSION(条件, 解释它的列, ...)`"
                ),
            ));
        };
        let (name, kind) = self.named(target)?;
        let is_truth = match kind {
            Type::Truth => true,
            Type::Whole | Type::Number => {
                self.reach(&name).finite().is_some_and(|(low, high)| low >= 0.0 && high <= 1.0)
            }
            _ => false,
        };
        if !is_truth {
            return Err(self.fault(&target.at, say!("`{piece}` is not true or false, nor 0 or 1 by its description: write a condition, such as {piece} > 30", "`{piece}` 不是真假值，按描述也不是 0 或 1：请写条件，如 {piece} > 30", piece = self.piece(&target.at))));
        }
        let features = self.features(features, Some(&name))?;
        self.model(ModelKind::Logistic { target: name, features }, STEPS.to_vec());
        Ok(())
    }

    fn k_means(&mut self, call: &Expr, select: &Select) -> Result<(), Fault> {
        if let Some(group) = select.groups.first() {
            return Err(self.fault(
                &group.at,
                text!(
                    "k-means forms groups of its own: leave GROUP BY out, or ask for some rows with WHERE",
                    "k-means 自行分组：请去掉 GROUP BY，或用 WHERE 选定部分行"
                ),
            ));
        }
        let (clusters, features) = match asked(call) {
            Some((_, [Expr { kind: Kind::Whole(clusters @ 2..=MOST_CLUSTERS), .. }, features @ ..]))
                if !features.is_empty() =>
            {
                (*clusters as usize, features)
            }
            _ => {
                return Err(self.fault(
                    &call.at,
                    say!(
                        "write KMEANS(4, column, column): first how many centres, from 2 to {MOST_CLUSTERS}",
                        "请写 `KMEANS(4, 列, 列)`：第一个是中心个数，2 至 {MOST_CLUSTERS}"
                    ),
                ));
            }
        };
        let features = self.features(features, None)?;
        let most = self.rows.min(clusters as f64).max(1.0) as u32;
        self.draft.groups_per_unit = self.draft.groups_per_unit.max(most).min(clusters as u32);
        if most > 1 {
            self.note(say!("One unit has several rows, and they may be in {most} clusters: with one row of each unit, as of one month, the same budget tells much more.", "一个单元有多行，可能分属 {most} 个聚类：每个单元只取一行（如某一个月）时，同样的预算能得到精确得多的结果。"));
        }
        self.draft.units_per_group /= clusters as f64;
        self.draft.groups.push((CLUSTER.to_owned(), GroupKeys::Range(1, clusters as i64)));
        self.model(ModelKind::KMeans { clusters, features }, vec![1; MOVES]);
        Ok(())
    }

    /// Columns that are none of each other's, nor the target.
    fn features(&mut self, exprs: &[Expr], target: Option<&str>) -> Result<Vec<Feature>, Fault> {
        let mut features: Vec<Feature> = Vec::new();
        for (expr, number) in exprs.iter().zip(1..) {
            if number > MOST_FEATURES {
                return Err(self.fault(
                    &expr.at,
                    say!(
                        "a model has at most {MOST_FEATURES} columns: leave some out",
                        "模型至多 {MOST_FEATURES} 列：请去掉一些"
                    ),
                ));
            }
            let feature = self.feature(expr)?;
            if target == Some(&feature.name) || features.iter().any(|known| known.name == feature.name) {
                return Err(self.fault(
                    &expr.at,
                    text!("this column stands here twice: leave one out", "此列重复出现：请去掉一个"),
                ));
            }
            features.push(feature);
        }
        Ok(features)
    }

    /// The column that a piece of the question is, made where it is none yet and called by what it says, and its type.
    fn named(&mut self, expr: &Expr) -> Result<(String, Type), Fault> {
        let own = match &expr.kind {
            Kind::Name(own) if own.chars().count() <= LONGEST_NAME => self.column(own),
            _ => None,
        };
        if let Some(column) = own {
            return Ok((column.name.clone(), Type::of(&column.kind)));
        }
        let is_taken =
            |name: &str| self.column(name).is_some() || self.draft.derived.iter().any(|(known, _)| known == name);
        let text = self.piece(&expr.at);
        let mut name = called(&text);
        while is_taken(&name) {
            name.push('_');
        }
        let kind = self.make(&name, &text, &expr.at)?;
        Ok((name, kind))
    }

    /// A column of numbers with its bounds.
    fn feature(&mut self, expr: &Expr) -> Result<Feature, Fault> {
        let (name, kind) = self.named(expr)?;
        if !matches!(kind, Type::Whole | Type::Number | Type::Truth) {
            return Err(self.fault(&expr.at, say!("`{piece}` holds {kind}, and a model computes with numbers: leave it out, or write CASE WHEN {piece} = '...' THEN 1 ELSE 0 END", "`{piece}` 是{kind}，模型只用数来计算：请去掉它，或写 CASE WHEN {piece} = '...' THEN 1 ELSE 0 END", piece = self.piece(&expr.at), kind = kind.word())));
        }
        let wished = self.bound(&name);
        let Some((lower, upper)) = wished.or_else(|| self.reach(&name).finite()) else {
            return Err(self.fault(&expr.at, say!("nothing public bounds `{piece}`, so one row of it could be anything: add --bounds \"{name}=0..100\", or write least(greatest({piece}, 0), 100)", "没有公开信息限定 `{piece}`，一行的取值可能任意大：请加上 --bounds \"{name}=0..100\"，或写 least(greatest({piece}, 0), 100)", piece = self.piece(&expr.at))));
        };
        let feature = Feature { name, lower, upper };
        if !feature.is_sound() {
            return Err(self.fault(&expr.at, say!("`{piece}` lies from {lower} to {upper}: give bounds between which it differs, such as --bounds \"{name}=0..100\"", "`{piece}` 的范围是 {lower} 至 {upper}：请给出有差别的范围，如 --bounds \"{name}=0..100\"", piece = self.piece(&expr.at), name = feature.name.clone())));
        }
        let shown = feature.name.clone();
        self.note(match wished {
            Some(_) => say!("`{shown}`: what a row has counts as {lower} to {upper}, as you say.", "`{shown}`：按您的指定，一行的取值限于 {lower} 至 {upper}。"),
            None => say!("`{shown}`: what a row has counts as {lower} to {upper}, by the description; narrower bounds give sharper results, such as --bounds \"{shown}=0..100\".", "`{shown}`：按描述，一行的取值限于 {lower} 至 {upper}；范围越窄结果越准，如 --bounds \"{shown}=0..100\"。"),
        });
        Ok(feature)
    }

    /// Takes a model and the values that it reads.
    fn model(&mut self, kind: ModelKind, rounds: Vec<u32>) {
        let rows = self.rows;
        let terms = kind.features().len() + 1;
        let count = ModelValue { name: "rows".to_owned(), lower: 0.0, upper: 1.0 };
        let counted = kind.reads().into_iter().filter(|name| *name == count.name).map(|_| count.clone());
        let values = counted.chain(kind.makes()).map(|ModelValue { name, lower, upper }| {
            let is_count = name == "rows";
            let mut value = Value::new(name, (lower * rows, upper * rows), is_count, (lower, upper));
            match kind {
                ModelKind::Quantile { .. } => {
                    value.bounds = (lower * rows, upper * rows);
                    value.granularity = RANK_STEP;
                }
                // Two thirds of the budget for the gradient, however many second derivatives there are.
                ModelKind::Logistic { .. } if value.name.starts_with("gradient") => value.weight = terms,
                _ => {}
            }
            value
        });
        self.draft.values = values.collect();
        self.draft.model = Some(kind);
        self.draft.rounds = rounds;
    }

    /// Ranks the groups, where the question does: `values` are what was asked for, with the names of their values.
    pub(crate) fn rank(&mut self, values: &[(&Expr, Option<String>)], select: &Select) -> Result<(), Fault> {
        let Some(order) = &select.order else {
            return match &select.limit {
                Some((_, at)) => Err(self.fault(at, text!("every group is released; for the largest of them write ORDER BY a count or a sum DESC before LIMIT", "所有分组都会发布；要最大的几组，请在 LIMIT 前写 `ORDER BY 计数或求和 DESC`"))),
                None => Ok(()),
            };
        };
        if !order.falls {
            return Err(self.fault(&order.at, text!("the smallest numbers are mostly noise, and groups are released in the order of their keys anyway: write DESC, or leave ORDER BY out", "最小的数大多是噪声，而分组本来就按键的顺序发布：请写 DESC，或去掉 ORDER BY")));
        }
        if self.draft.groups.is_empty() {
            return Err(self
                .fault(&order.at, text!("there is one group only: leave ORDER BY out", "只有一组：请去掉 ORDER BY")));
        }
        let by = self.meant(&order.by, select)?;
        let Some((_, value)) = values.iter().find(|(expr, _)| same(self.sql(), expr, by)) else {
            return Err(self.fault(
                &order.by.at,
                text!(
                    "groups are ranked by a count or a sum that is asked for: name one of those",
                    "只能按所问的计数或求和排名：请写其中之一"
                ),
            ));
        };
        let Some(value) = value.clone() else {
            return Err(self.fault(&order.by.at, text!("a mean of few rows is mostly noise, so that the highest would be of the smallest groups: rank by a count or a sum, or leave ORDER BY out", "行数很少的组其均值大多是噪声，排在最前的会是最小的组：请按计数或求和排名，或去掉 ORDER BY")));
        };
        let limit = select.limit.as_ref().and_then(|(number, _)| usize::try_from(*number).ok());
        let groups = self.draft.groups.iter().try_fold(1_usize, |count, (_, keys)| count.checked_mul(keys.len()?));
        let all = MOST_RANKED as usize;
        let most = limit.unwrap_or(all).min(groups.unwrap_or(all)).max(1);
        self.note(say!("Groups are ranked by their noised `{value}`: where two are nearer than their intervals, their order is chance.", "各组按加噪后的 `{value}` 排名：两组之差小于区间时，先后出于偶然。"));
        self.draft.model = Some(ModelKind::Top { by: value, most });
        Ok(())
    }
}

/// What a column is called that is made of an expression: as it is written, in one line, and cut off where it is too long.
fn called(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > LONGEST_NAME {
        true => line.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        false => line,
    }
}

fn half() -> Rational {
    Rational::new(1.into(), 2.into())
}

fn is_median(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Call { name, .. } if name == "median")
}
