//! From a question in SQL to a job that needs no code.

use std::cell::RefCell;

use unseen_data::Description;
use unseen_data::description::{ColumnSpec, ColumnType, UpdateCycle};
use unseen_ids::Key;
use unseen_policies::meant::meant;
use unseen_texts::{Sentence, say, text};

use crate::draft::{Draft, GroupKeys, Ratio, Value};
use crate::fault::{Fault, Span};
use crate::program::Program;
use crate::reach::{Known, Reach};
use crate::select::{Item, Select};
use crate::syntax::{Expr, Kind, Operator};
use crate::tables::{Catalogue, Tables};
use crate::value::Type;

/// What an asker says beside the question.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What one unit adds to one group at least and at most, by the name of a value.
    pub bounds: Vec<(String, f64, f64)>,
    /// How many groups one unit is in, at most.
    pub groups_per_unit: Option<u32>,
    /// How many rows one unit has in one group, at most.
    pub rows_per_unit: Option<u32>,
}

/// Most groups of one column that are listed in a manifest.
pub(crate) const MOST_KEYS: f64 = 20_000.0;

/// Drafts the job that answers a question.
///
/// # Errors
/// What is not answered: the piece of the question, and the nearest that is.
pub fn ask(sql: &str, wish: &Wish, catalogue: &dyn Catalogue) -> Result<Draft, Fault> {
    let select = Select::parse(sql)?;
    let mut asking = Asking::new(sql, wish, &select, catalogue)?;
    if let Some(filter) = &select.filter {
        let text = asking.piece(&filter.at);
        asking.program.keep(&text, &kinds(&asking.columns)).map_err(|fault| fault.within(sql, &filter.at))?;
        asking.draft.filter = Some(text);
    }
    let named =
        |expr: &Expr| select.items.iter().find(|item| same(sql, &item.expr, expr)).and_then(|item| item.name.clone());
    for group in &select.groups {
        let meant = asking.meant(group, &select)?;
        asking.group(meant, named(meant))?;
    }
    asking.settle_sizes()?;
    let is_group = |item: &Item, asking: &Asking<'_>| {
        let mut groups = select.groups.iter();
        groups.any(|group| asking.meant(group, &select).is_ok_and(|meant| same(sql, &item.expr, meant)))
    };
    let items: Vec<&Item> = select.items.iter().filter(|item| !is_group(item, &asking)).collect();
    if asking.fit(&items, &select)? {
        return asking.drafted();
    }
    let mut values = Vec::new();
    for item in items {
        values.push((&item.expr, asking.item(&item.expr, item.name.as_deref())?));
    }
    if asking.draft.values.is_empty() {
        return Err(Fault::at(
            sql,
            &select.items[0].expr.at,
            text!(
                "nothing is counted or summed: add COUNT(*), COUNT(DISTINCT unit), SUM(column) or AVG(column)",
                "没有计数或求和：请加上 `COUNT(*)`、`COUNT(DISTINCT 单元列)`、`SUM(列)` 或 `AVG(列)`"
            ),
        ));
    }
    asking.rank(&values, &select)?;
    // Units are counted under a name of their own.
    if let ([_], [(alias, _)]) = (&values[..], &asking.draft.aliases[..]) {
        asking.draft.output = alias.clone();
    }
    asking.drafted()
}

pub(crate) struct Asking<'a> {
    sql: &'a str,
    wish: &'a Wish,
    /// The first table's description.
    dataset: Description,
    /// All columns that rows show, in the order of the manifest.
    columns: Vec<ColumnSpec>,
    program: Program,
    pub(crate) draft: Draft,
    /// Rows of one unit in one group, at most.
    pub(crate) rows: f64,
    /// Names for which bounds were looked for.
    bounded: RefCell<Vec<String>>,
}

/// Whether two pieces of a question say the same.
pub(crate) fn same(sql: &str, one: &Expr, other: &Expr) -> bool {
    let bare = |expr: &Expr| sql[expr.at.clone()].split_whitespace().collect::<String>();
    one.at == other.at || bare(one) == bare(other) || one.kind == other.kind && matches!(one.kind, Kind::Name(_))
}

impl<'a> Asking<'a> {
    fn new(sql: &'a str, wish: &'a Wish, select: &Select, catalogue: &dyn Catalogue) -> Result<Asking<'a>, Fault> {
        let Tables { dataset, inputs, columns } = Tables::of(sql, select, catalogue)?;
        let draft = Draft { inputs, ..Draft::default() };
        let (program, bounded) = (Program::default(), RefCell::default());
        let mut asking = Asking { sql, wish, dataset, columns, program, draft, rows: 1.0, bounded };
        if asking.draft.inputs.len() > 1 {
            let others =
                asking.draft.inputs[1..].iter().map(|input| input.dataset.clone()).collect::<Vec<_>>().join(", ");
            asking.note(say!("Of {others} the first row of each unit stands beside its other rows; a unit without one has nulls there.", "{others} 取每个单元的第一行，与该单元的其他行并列；没有的单元为空。"));
        }
        Ok(asking)
    }

    /// The question.
    pub(crate) fn sql(&self) -> &str {
        self.sql
    }

    pub(crate) fn note(&mut self, note: Sentence) {
        self.draft.notes.push(note);
    }

    pub(crate) fn fault(&self, at: &Span, message: impl Into<Sentence>) -> Fault {
        Fault::at(self.sql, at, message)
    }

    /// A piece of the question, on as few lines as it has.
    pub(crate) fn piece(&self, at: &Span) -> String {
        self.sql[at.clone()].replace(['\t', '\r'], " ")
    }

    /// What GROUP BY means: an expression, the number of one that is asked for, or its name.
    pub(crate) fn meant<'s>(&self, group: &'s Expr, select: &'s Select) -> Result<&'s Expr, Fault> {
        match &group.kind {
            Kind::Whole(number) => {
                let at = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                let item = at.and_then(|at| select.items.get(at));
                item.map(|item| &item.expr).ok_or_else(|| {
                    self.fault(
                        &group.at,
                        say!("there is no column {number} in this SELECT", "此 SELECT 没有第 {number} 列"),
                    )
                })
            }
            Kind::Name(name) if !self.columns.iter().any(|column| column.name == *name) => {
                let item = select.items.iter().find(|item| item.name.as_ref() == Some(name));
                Ok(item.map_or(group, |item| &item.expr))
            }
            _ => Ok(group),
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether an expression is made of days.
    fn is_of_time(&self, expr: &Expr) -> bool {
        let own = match &expr.kind {
            Kind::Name(name) => self
                .column(name)
                .is_some_and(|column| matches!(column.kind, ColumnType::Date { .. } | ColumnType::Timestamp { .. })),
            _ => false,
        };
        own || expr.parts().any(|part| self.is_of_time(part))
    }

    /// Makes a column of an expression.
    pub(crate) fn make(&mut self, name: &str, text: &str, at: &Span) -> Result<Type, Fault> {
        let kind = self.program.make(name, text, &kinds(&self.columns)).map_err(|fault| {
            match fault.length == text.chars().count() {
                true => self.fault(at, fault.message),
                false => fault.within(self.sql, at),
            }
        })?;
        self.draft.derived.push((name.to_owned(), text.to_owned()));
        Ok(kind)
    }

    fn known(&self) -> Known {
        Known { columns: self.columns.iter().map(Reach::of).collect(), rows: rows_of_unit(&self.dataset) }
    }

    /// What a column that was made, or one that rows show, may hold in the rows that count.
    pub(crate) fn reach(&self, name: &str) -> Reach {
        let known = self.known();
        match self.columns.iter().position(|column| column.name == name) {
            Some(at) => self.program.kept(&known).columns.swap_remove(at),
            None => self.program.reaches(&known).pop().unwrap_or(Reach::Any),
        }
    }

    fn group(&mut self, expr: &Expr, name: Option<String>) -> Result<(), Fault> {
        if let Some(call) = aggregate(expr) {
            return Err(self.fault(&call.at, text!("groups are formed of what a row says, not of sums: write GROUP BY a column, or bin(total(column), ...) for what one unit has in all", "分组须由行的内容得出，不能由汇总得出：请按列分组，或用 `bin(total(列), ...)` 按单元合计分段")));
        }
        let plain = match &expr.kind {
            Kind::Name(own) => self.column(own).cloned(),
            _ => None,
        };
        let is_of_time = self.is_of_time(expr);
        let number = self.draft.groups.len() + 1;
        let (name, kind) = match plain {
            Some(column) if is_of_time => {
                let name = name.unwrap_or_else(|| format!("{}_month", column.name));
                let made = format!("year_month({})", quoted(&column.name));
                (name.clone(), self.make(&name, &made, &expr.at)?)
            }
            Some(column) if name.as_ref().is_none_or(|name| *name == column.name) => {
                (column.name.clone(), Type::of(&column.kind))
            }
            _ => {
                let name = name.unwrap_or_else(|| format!("group_{number}"));
                let text = self.piece(&expr.at);
                (name.clone(), self.make(&name, &text, &expr.at)?)
            }
        };
        let keys = self.keys(&name, kind, expr)?;
        if is_of_time {
            self.draft.times = self.draft.times.saturating_mul(keys.len().unwrap_or(1));
        }
        self.draft.groups.push((name, keys));
        Ok(())
    }

    /// The public keys of a group.
    fn keys(&self, name: &str, kind: Type, expr: &Expr) -> Result<GroupKeys, Fault> {
        if matches!(kind, Type::Number | Type::Moment | Type::Day) {
            return Err(self.fault(&expr.at, match kind {
                Type::Number => say!("`{name}` holds numbers, and a group for each would be one for each row: put them into bins, such as bin({name}, [10, 50], ['<10', '10-50', '>=50'])", "`{name}` 是数，逐一分组等于逐行分组：请先分段，如 bin({name}, [10, 50], ['<10', '10-50', '>=50'])", name = name.to_owned()),
                _ => say!("`{name}` holds days: group by year_month(...), year(...) or quarter(...) of it", "`{name}` 是日期：请按 `year_month(...)`、`year(...)` 或 `quarter(...)` 分组", name = name.to_owned()),
            }));
        }
        if let Some((reference, column)) = self.draft.looked_up(name) {
            return Ok(GroupKeys::Reference { reference, column });
        }
        match self.reach(name) {
            Reach::Texts(texts) if !texts.is_empty() => Ok(GroupKeys::Listed(texts.into_iter().map(Key::Text).collect())),
            Reach::Texts(_) => Err(self.fault(&expr.at, say!("WHERE lets none of the values through that the description declares of `{name}`, so no group is left: correct it, or ask the steward to declare more", "WHERE 排除了描述所声明的 `{name}` 的全部取值，没有分组可言：请更正，或请数据管理员补充声明", name = name.to_owned()))),
            Reach::Between(low, high) if low.is_finite() && high.is_finite() && high - low < MOST_KEYS => Ok(GroupKeys::Range(low as i64, high as i64)),
            _ => Err(self.fault(&expr.at, say!("which groups there are must be known without the rows, and the description does not say it of `{name}`: write WHERE {name} IN (...), CASE or bin(...) with the values you want, or ask the steward to declare them", "有哪些分组须不看数据就能确定，而描述未说明 `{name}` 的取值：请写明 `WHERE {name} IN (...)`、`CASE` 或 `bin(...)` 所要的取值，或请数据管理员声明", name = name.to_owned()))),
        }
    }

    /// How many rows and groups one unit has, at most, as far as anything public says.
    fn settle_sizes(&mut self) -> Result<(), Fault> {
        let (declared, kept) = (self.known().columns, self.program.kept(&self.known()).columns);
        let spans = declared.iter().zip(&kept).zip(&self.columns);
        let spans = spans.filter(|(_, column)| matches!(column.kind, ColumnType::Date { .. }));
        let step = step(self.dataset.update_cycle);
        let share = spans.filter_map(|((declared, kept), _)| {
            let ((first, last), (from, to)) = (declared.finite()?, kept.finite()?);
            Some((to - from + step) / (last - first + step))
        });
        let share = share.fold(1.0, f64::min);
        let all = rows_of_unit(&self.dataset);
        let of_unit = (all * share.max(0.0) - 1e-9).ceil().max(1.0);
        let times = self.draft.times as f64;
        let groups = self.draft.groups.iter().fold(1.0, |count, (_, keys)| count * keys.len().unwrap_or(1) as f64);
        self.rows = self.wish.rows_per_unit.map_or_else(|| (of_unit / times).ceil().max(1.0), f64::from);
        self.draft.groups_per_unit =
            self.wish.groups_per_unit.unwrap_or(times.min(groups).min(of_unit).max(1.0) as u32);
        let (rows, units) = (self.dataset.bounds.rows, self.dataset.bounds.units);
        if self.wish.rows_per_unit.is_none() {
            self.note(say!("One unit is taken to have at most {per_group} rows in a group: by its bounds ({rows} rows of {units} units), its update cycle and its days, it has at most {all} in all. Say otherwise with --rows-per-unit.", "假定一个单元在一组中至多有 {per_group} 行：按描述的上限（{units} 个单元、{rows} 行）、更新周期和起止日期，总共至多 {all} 行。可用 --rows-per-unit 另行指定。", per_group = self.rows));
        }
        if self.wish.groups_per_unit.is_none() && !self.draft.groups.is_empty() {
            let count = self.draft.groups_per_unit;
            self.note(match self.draft.times > 1 {
                true => say!("One unit is taken to be in at most {count} groups: one for each time that counts. What it adds to more is dropped; say otherwise with --groups-per-unit.", "假定一个单元至多属于 {count} 组：每个时段一组。超出的部分会被舍去；可用 --groups-per-unit 另行指定。"),
                false => say!("One unit is taken to be in at most {count} group. What it adds to more is dropped; say otherwise with --groups-per-unit.", "假定一个单元至多属于 {count} 组。超出的部分会被舍去；可用 --groups-per-unit 另行指定。"),
            });
        }
        let of_all = groups / times;
        self.draft.units_per_group = units as f64 / of_all.max(1.0);
        self.draft.rows_per_unit = self.rows;
        let sized = self.draft.groups.iter().find_map(|(name, keys)| {
            let column = self.column(name).filter(|column| !column.sizes.is_empty())?;
            let others = (of_all / keys.len()? as f64).max(1.0);
            let sizes = column.domain.iter().cloned().zip(column.sizes.iter().map(|size| *size as f64 / others));
            Some(sizes.collect::<Vec<_>>())
        });
        if let Some(sizes) = sized {
            self.draft.units_per_group = sizes.iter().map(|(_, size)| size).sum::<f64>() / sizes.len() as f64;
            self.draft.sizes = sizes;
        }
        Ok(())
    }

    /// Adds what one item of the SELECT asks for; the name of its value, where it is one and not a ratio.
    fn item(&mut self, expr: &Expr, name: Option<&str>) -> Result<Option<String>, Fault> {
        match &expr.kind {
            Kind::Call { name: function, arguments, .. } if function == "avg" => {
                let [of] = self.one(expr, arguments)?;
                // A mean may be called as its column is; the sum is then called otherwise.
                let taken = matches!(&of.kind, Kind::Name(own) if name == Some(own));
                let sum = self.sum(of, name.filter(|_| taken).map(|own| format!("sum_{own}")).as_deref())?;
                let count = self.count_of(of, None)?;
                let name = name.map_or_else(|| format!("mean_{sum}"), str::to_owned);
                self.draft.ratios.push(Ratio { name, numerator: sum, denominator: count });
                Ok(None)
            }
            Kind::Binary(Operator::Over, above, below) if aggregate(above).is_some() && aggregate(below).is_some() => {
                let (numerator, denominator) = (self.total(above, None)?, self.total(below, None)?);
                if numerator == denominator {
                    return Err(self.fault(&expr.at, text!("this divides a number by itself", "这是同一个数相除")));
                }
                let name = name.map_or_else(|| format!("ratio_{}", self.draft.ratios.len() + 1), str::to_owned);
                self.draft.ratios.push(Ratio { name, numerator, denominator });
                Ok(None)
            }
            _ => {
                let value = self.total(expr, name)?;
                if let Some(alias) = name.filter(|name| *name != value) {
                    self.draft.aliases.push((alias.to_owned(), value.clone()));
                }
                Ok(Some(value))
            }
        }
    }

    /// A count or a sum; the name of its value.
    fn total(&mut self, expr: &Expr, name: Option<&str>) -> Result<String, Fault> {
        let Kind::Call { name: function, arguments, distinct, all } = &expr.kind else {
            return Err(match aggregate(expr) {
                Some(call) => self.fault(&call.at, text!("of counts and sums only a quotient of two is formed here: ask for them one by one, and compute with the released numbers", "此处只能求两个汇总之商：请分别询问，再用发布的数字计算")),
                None => self.fault(&expr.at, say!("`{piece}` is neither counted nor summed: write it after GROUP BY, or within SUM or AVG", "`{piece}` 既未计数也未求和：请写入 GROUP BY，或放进 SUM、AVG", piece = self.piece(&expr.at))),
            });
        };
        match function.as_str() {
            "count" if *all => match name.filter(|name| *name != "rows") {
                None => self.add("rows", (0.0, 1.0), true, &expr.at, false),
                Some(name) => {
                    self.make(name, "1", &expr.at)?;
                    self.add(name, (0.0, 1.0), true, &expr.at, false)
                }
            },
            "count" if *distinct => {
                let [of] = self.one(expr, arguments)?;
                let unit = self.dataset.unit.as_ref().map_or("", |unit| unit.column.as_str());
                match &of.kind {
                    Kind::Name(name) if name == unit => self.add("units", (0.0, 1.0), true, &expr.at, true),
                    _ => Err(self.fault(&of.at, say!("only units are counted once each: write COUNT(DISTINCT {unit}), or COUNT(*) for rows", "只有单元可以去重计数：请写 `COUNT(DISTINCT {unit})`，或用 `COUNT(*)` 数行", unit = unit.to_owned()))),
                }
            }
            "count" => {
                let [of] = self.one(expr, arguments)?;
                self.count_of(of, name)
            }
            "sum" if *distinct => Err(self.fault(&expr.at, text!("values are summed as often as they are there: leave DISTINCT out", "求和时每个值都计入：请去掉 DISTINCT"))),
            "sum" => {
                let [of] = self.one(expr, arguments)?;
                self.sum(of, name)
            }
            "min" | "max" => Err(self.fault(&expr.at, text!("the least and the greatest are some one unit's own value: ask for a histogram, GROUP BY bin(column, [...])", "最小值和最大值是某个单元自己的值：请改问直方图，即 `GROUP BY bin(列, [...])`"))),
            "stddev" | "variance" | "var" | "var_pop" | "stddev_pop" | "var_samp" | "stddev_samp" => Err(self.fault(&expr.at, text!("a variance is the mean of squares less the square of the mean: ask for AVG(x * x) and AVG(x)", "方差等于平方的均值减去均值的平方：请问 AVG(x * x) 和 AVG(x)"))),
            other => {
                let advice = meant(other, &["count", "sum", "avg"]);
                Err(self.fault(&expr.at, say!("`{other}` is neither a count nor a sum: {advice}", "`{other}` 既不是计数也不是求和：{advice}", other = other.to_owned())))
            }
        }
    }

    pub(crate) fn one<'e>(&self, call: &Expr, arguments: &'e [Expr]) -> Result<[&'e Expr; 1], Fault> {
        match arguments {
            [of] => Ok([of]),
            _ => Err(self.fault(
                &call.at,
                text!("exactly one column or expression belongs in here", "此处须恰好有一列或一个表达式"),
            )),
        }
    }

    /// The sum of an expression.
    fn sum(&mut self, of: &Expr, name: Option<&str>) -> Result<String, Fault> {
        let column = match &of.kind {
            Kind::Name(own) => self.column(own).filter(|column| !self.reads_as_steps(column)),
            _ => None,
        };
        let column = column.map(|column| (column.name.clone(), Type::of(&column.kind)));
        let is_group = |name: &str, draft: &Draft| draft.groups.iter().any(|(group, _)| group == name);
        let (name, kind) = match column {
            Some((own, kind)) if name.is_none_or(|name| name == own) && !is_group(&own, &self.draft) => (own, kind),
            _ => {
                let text = self.piece(&of.at);
                if let Some((made, _)) = self.draft.derived.iter().find(|(made, known)| {
                    *known == text && name.is_none_or(|name| name == made) && !is_group(made, &self.draft)
                }) {
                    return Ok(made.clone());
                }
                let name = name.map_or_else(|| format!("sum_{}", self.draft.values.len() + 1), str::to_owned);
                let kind = self.make(&name, &text, &of.at)?;
                (name, kind)
            }
        };
        if matches!(kind, Type::Text | Type::Day | Type::Moment) {
            return Err(self.fault(
                &of.at,
                say!(
                    "`{piece}` holds {kind}, and these cannot be summed: count them with COUNT(*)",
                    "`{piece}` 是{kind}，不能求和：请用 COUNT(*) 计数",
                    piece = self.piece(&of.at),
                    kind = kind.word()
                ),
            ));
        }
        match self.reach(&name).finite() {
            Some(ends) => self.add(&name, ends, matches!(kind, Type::Whole | Type::Truth), &of.at, false),
            None if self.bound(&name).is_some() => self.add(&name, (0.0, 0.0), false, &of.at, false),
            None => Err(self.fault(&of.at, say!("nothing public bounds `{piece}`, so one unit's part of it could be anything: add --bounds \"{name}=0..100\", or write least(greatest({piece}, 0), 100)", "没有公开信息限定 `{piece}`，一个单元的贡献可能任意大：请加上 --bounds \"{name}=0..100\"，或写 least(greatest({piece}, 0), 100)", piece = self.piece(&of.at)))),
        }
    }

    /// Whether the bounds of a column's sum are by chance those of one row, counted in its steps: as such they would be
    /// refused, which those of a made column are not.
    fn reads_as_steps(&self, column: &ColumnSpec) -> bool {
        matches!(column.kind, ColumnType::Decimal { scale } if scale > 0 && self.rows == 10_f64.powi(scale.into()))
    }

    /// How often an expression is not null.
    fn count_of(&mut self, of: &Expr, name: Option<&str>) -> Result<String, Fault> {
        let never_null = matches!(&of.kind, Kind::Name(own) if self.column(own).is_some_and(|column| !column.nullable) && self.draft.inputs.len() == 1);
        if never_null && name.is_none() {
            return self.add("rows", (0.0, 1.0), true, &of.at, false);
        }
        let text = format!("CASE WHEN {} IS NULL THEN 0 ELSE 1 END", self.piece(&of.at));
        if let Some((made, _)) = self.draft.derived.iter().find(|(_, known)| *known == text) {
            return Ok(made.clone());
        }
        let name = name.map_or_else(|| format!("count_{}", self.draft.values.len() + 1), str::to_owned);
        self.make(&name, &text, &of.at).map_err(|fault| self.fault(&of.at, fault.message))?;
        self.add(&name, (0.0, 1.0), true, &of.at, false)
    }

    /// The draft, if each bound that was wished for found what it bounds.
    fn drafted(self) -> Result<Draft, Fault> {
        let mut bounded = self.bounded.borrow().clone();
        bounded.sort_unstable();
        bounded.dedup();
        match self.wish.bounds.iter().find(|(name, ..)| !bounded.contains(name)) {
            None => Ok(self.draft),
            Some((name, ..)) => Err(self.fault(
                &(0..self.sql.len()),
                say!(
                    "--bounds names `{name}`, and nothing in this question is bounded by that name: there are {known}",
                    "--bounds 中的 `{name}` 在此问题中没有对应的数：有 {known}",
                    name = name.clone(),
                    known = bounded.join(", ")
                ),
            )),
        }
    }

    /// The bounds that were wished for a name.
    pub(crate) fn bound(&self, name: &str) -> Option<(f64, f64)> {
        self.bounded.borrow_mut().push(name.to_owned());
        self.wish.bounds.iter().find(|(known, ..)| known == name).map(|(_, low, high)| (*low, *high))
    }

    /// Adds a value whose rows lie between two ends; once, if it is there.
    fn add(
        &mut self,
        name: &str,
        (low, high): (f64, f64),
        whole: bool,
        at: &Span,
        once: bool,
    ) -> Result<String, Fault> {
        if self.draft.values.iter().any(|value| value.name == name) {
            return Ok(name.to_owned());
        }
        let rows = if once { 1.0 } else { self.rows };
        let wished = self.bound(name);
        let (lower, upper) = wished.unwrap_or((low.min(0.0) * rows, high.max(0.0) * rows));
        let most = lower.abs().max(upper.abs());
        if !(lower <= upper && most > 0.0 && most < 1e15) {
            return Err(self.fault(at, say!("one unit cannot add {lower} to {upper}: give bounds that hold something, such as --bounds \"{name}=0..100\"", "一个单元的贡献不能是 {lower} 至 {upper}：请给出有意义的范围，如 --bounds \"{name}=0..100\"", name = name.to_owned())));
        }
        let (name, row) = (name.to_owned(), if wished.is_some() { (lower / rows, upper / rows) } else { (low, high) });
        if !once {
            let shown = name.clone();
            self.note(match wished {
                Some(_) => say!("`{shown}`: one unit adds {lower} to {upper} to a group, as you say.", "`{shown}`：按您的指定，一个单元对一组的贡献为 {lower} 至 {upper}。"),
                None => say!("`{shown}`: one unit adds {lower} to {upper} to a group, since a row has {low} to {high} by the description.", "`{shown}`：一个单元对一组的贡献为 {lower} 至 {upper}，因为按描述一行为 {low} 至 {high}。"),
            });
        }
        self.draft.values.push(Value::new(name.clone(), (lower, upper), whole, row));
        Ok(name)
    }
}

fn kinds(columns: &[ColumnSpec]) -> Vec<(&str, &ColumnType)> {
    columns.iter().map(|column| (column.name.as_str(), &column.kind)).collect()
}

/// A name as an expression has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The first count or sum in an expression.
fn aggregate(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        Kind::Call { name, .. } if matches!(name.as_str(), "sum" | "count" | "avg" | "min" | "max") => Some(expr),
        _ => expr.parts().find_map(aggregate),
    }
}

/// Rows of one unit, at most, as far as anything public says: as many as the bounds allow on average, or one in each
/// period of the update cycle from the first declared day to the last.
pub(crate) fn rows_of_unit(dataset: &Description) -> f64 {
    let step = step(dataset.update_cycle);
    let dates = dataset.columns.iter().filter(|column| matches!(column.kind, ColumnType::Date { .. }));
    let periods = dates
        .filter_map(|column| Reach::of(column).finite())
        .map(|(first, last)| ((last - first) / step).floor() + 1.0);
    let average = (dataset.bounds.rows as f64 / dataset.bounds.units.max(1) as f64).ceil().max(1.0);
    // Where there is about one row of each unit, its days are something else than when it reported.
    match average >= 2.0 && step > 1.0 {
        true => periods.fold(average, f64::max),
        false => average,
    }
}

/// Days from one row of a unit to its next.
fn step(cycle: UpdateCycle) -> f64 {
    match cycle {
        UpdateCycle::Weekly => 7.0,
        UpdateCycle::Monthly => 30.0,
        UpdateCycle::Quarterly => 91.0,
        UpdateCycle::Yearly => 365.0,
        _ => 1.0,
    }
}
