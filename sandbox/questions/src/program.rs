//! The expressions of a manifest's `[ready-made]` section, tied to the columns of its first input.

use unseen_data::description::ColumnType;
use unseen_policies::manifest::{ManifestError, Question};
use unseen_texts::{Sentence, say};

use crate::fault::Fault;
use crate::model::Model;
use crate::node::{Node, Row};
use crate::syntax::Expr;
use crate::typed::{Scope, Typed};
use crate::value::{Type, Value};

/// Which rows count, and what is made of their columns. The default keeps every row and makes nothing.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(crate) filter: Option<Node>,
    /// Over all rows of a grain that are kept.
    pub(crate) totals: Vec<Typed>,
    /// In order: each may use those before it.
    pub(crate) derived: Vec<(String, Typed)>,
    /// What is computed of the noised totals.
    pub model: Option<Model>,
}

impl Program {
    /// Ties expressions to columns, in the order in which rows show them.
    ///
    /// # Errors
    /// The first expression that does not fit, at its place in the manifest.
    pub fn new(question: &Question, columns: &[(&str, &ColumnType)]) -> Result<Program, ManifestError> {
        let mut program = Program::default();
        if let Some(filter) = &question.filter {
            let kept = program.keep(&filter.text, columns);
            kept.map_err(|fault| filter.error(say!("`where`: {fault}", "`where`：{fault}")))?;
        }
        for (name, expression) in &question.columns {
            let made = program.make(name, &expression.text, columns);
            made.map_err(|fault| {
                expression.error(say!("`{name}`: {fault}", "`{name}`：{fault}", name = name.clone()))
            })?;
        }
        if let Some(model) = &question.model {
            let derived = &program.derived;
            let tied = Model::new(model, &|name| column(name, columns, derived), &names(columns, derived))?;
            program.model = Some(tied);
        }
        Ok(program)
    }

    /// Lets only those rows count for which a condition holds. It sees columns only: totals and derived columns are
    /// of the rows that it keeps.
    pub(crate) fn keep(&mut self, text: &str, columns: &[(&str, &ColumnType)]) -> Result<(), Fault> {
        self.filter = Some(self.read(text, columns, true, |scope, expr| scope.condition(expr))?);
        Ok(())
    }

    /// Makes one more column.
    pub(crate) fn make(&mut self, name: &str, text: &str, columns: &[(&str, &ColumnType)]) -> Result<Type, Fault> {
        let all = 0..text.len();
        let known = matches!(name, "rows" | "units") || columns.iter().any(|(column, _)| *column == name);
        if known || self.kind(name).is_some() {
            return Err(Fault::at(
                text,
                &all,
                say!(
                    "`{name}` is the name of something else: choose another",
                    "`{name}` 已有他用：请换一个名称",
                    name = name.to_owned()
                ),
            ));
        }
        let typed = self.read(text, columns, false, |scope, expr| scope.typed(expr))?;
        let kind = typed.kind;
        if kind == Type::Null {
            return Err(Fault::at(
                text,
                &all,
                say!("`{name}` is null in every row", "`{name}` 在每一行都为空", name = name.to_owned()),
            ));
        }
        self.derived.push((name.to_owned(), typed));
        Ok(kind)
    }

    /// The type of a derived column, or of one that the model makes; none where there is none of this name.
    pub fn kind(&self, name: &str) -> Option<Type> {
        let derived = self.derived.iter().find(|(known, _)| known == name).map(|(_, typed)| typed.kind);
        derived.or_else(|| self.model.as_ref()?.kind(name))
    }

    /// The totals of a grain of so many rows; `cell` gives the cells of a row by column.
    pub fn totals<'a>(&'a self, rows: usize, cell: &dyn Fn(usize, usize) -> Value<'a>) -> Vec<Value<'a>> {
        let mut sums = vec![Sum::default(); self.totals.len()];
        if !sums.is_empty() {
            for at in 0..rows {
                let cell = |column| cell(at, column);
                let row = Row { cell: &cell, derived: &[], totals: &[] };
                if self.keeps(&row) {
                    sums.iter_mut().zip(&self.totals).for_each(|(sum, total)| sum.add(&total.node.of(&row)));
                }
            }
        }
        sums.iter().zip(&self.totals).map(|(sum, total)| sum.value(total.kind)).collect()
    }

    /// The derived columns of a row, into `derived`; false where the row does not count.
    pub fn derive<'a>(
        &'a self,
        cell: &dyn Fn(usize) -> Value<'a>,
        totals: &[Value<'a>],
        derived: &mut Vec<Value<'a>>,
    ) -> bool {
        derived.clear();
        if !self.keeps(&Row { cell, derived: &[], totals: &[] }) {
            return false;
        }
        for (_, typed) in &self.derived {
            let value = typed.node.of(&Row { cell, derived, totals });
            derived.push(value);
        }
        true
    }

    /// Refuses a derived column that names no group.
    pub fn check_group(&self, name: &str) -> Result<(), Sentence> {
        match self.kind(name) {
            Some(kind @ (Type::Number | Type::Moment)) => Err(say!(
                "the group `{name}` cannot be formed: it holds {kind}; put it into bins first, such as bin({name}, [10, 50], ['<10', '10-50', '>=50'])",
                "无法按 `{name}` 分组：它是{kind}；请先分段，如 bin({name}, [10, 50], ['<10', '10-50', '>=50'])",
                name = name.to_owned(),
                kind = kind.word()
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a derived column that cannot be summed.
    pub fn check_sum(&self, name: &str) -> Result<(), Sentence> {
        match self.kind(name) {
            Some(kind @ (Type::Text | Type::Day | Type::Moment)) => Err(say!(
                "the value `{name}` cannot be summed: it holds {kind}",
                "无法对 `{name}` 求和：它是{kind}",
                name = name.to_owned(),
                kind = kind.word()
            )),
            _ => Ok(()),
        }
    }

    fn keeps<'a>(&'a self, row: &Row<'_, 'a>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.of(row).as_truth() == Some(true))
    }

    /// Reads one expression.
    fn read<T>(
        &mut self,
        text: &str,
        columns: &[(&str, &ColumnType)],
        is_filter: bool,
        read: impl FnOnce(&mut Scope<'_>, &Expr) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let expr = Expr::parse(text)?;
        let derived = &self.derived;
        let column =
            |name: &str, derived_too: bool| column(name, columns, if derived_too { derived.as_slice() } else { &[] });
        let names = names(columns, derived);
        let totals = (!is_filter).then_some(&mut self.totals);
        read(&mut Scope { text, column: &column, names, totals }, &expr)
    }
}

/// What a name means: a column that rows show, or one that is made of them.
fn column(name: &str, columns: &[(&str, &ColumnType)], derived: &[(String, Typed)]) -> Option<Typed> {
    let own = columns.iter().position(|(column, _)| *column == name).map(|at| {
        let unit = match columns[at].1 {
            ColumnType::Decimal { scale } => Some(10_f64.powi(i32::from(*scale))),
            _ => None,
        };
        Typed { node: Node::Column { at, unit }, kind: Type::of(columns[at].1) }
    });
    own.or_else(|| {
        let at = derived.iter().position(|(known, _)| known == name)?;
        Some(Typed { node: Node::Derived(at), kind: derived[at].1.kind })
    })
}

/// All names, for advice.
fn names<'n>(columns: &[(&'n str, &ColumnType)], derived: &'n [(String, Typed)]) -> Vec<&'n str> {
    columns.iter().map(|(name, _)| *name).chain(derived.iter().map(|(name, _)| name.as_str())).collect()
}

/// A sum of values that are not null.
#[derive(Clone, Copy, Default)]
struct Sum {
    any: bool,
    whole: i128,
    number: f64,
}

impl Sum {
    fn add(&mut self, value: &Value<'_>) {
        self.any |= *value != Value::Null;
        match value {
            // No grain has so many rows that this overflows.
            Value::Whole(number) => self.whole = self.whole.saturating_add(i128::from(*number)),
            Value::Number(number) => self.number += number,
            _ => {}
        }
    }

    fn value<'a>(&self, kind: Type) -> Value<'a> {
        match kind {
            _ if !self.any => Value::Null,
            Type::Whole => Value::whole(i64::try_from(self.whole).ok()),
            _ => Value::number(self.number),
        }
    }
}
