//! Functions of expressions: what each takes and gives.

use std::cmp::Ordering;

use unseen_policies::meant::meant;
use unseen_texts::{say, text};

use crate::fault::Fault;
use crate::node::{Node, Part, Rounding};
use crate::syntax::{Expr, Kind};
use crate::typed::{Fallible, Scope, Typed};
use crate::value::Type;

/// Characters that `substr` may count to: a row's time must not depend on how long a text is.
const MOST_CHARACTERS: i64 = 256;

/// Functions, as advice names them.
const FUNCTIONS: &[&str] = &[
    "abs",
    "bin",
    "ceil",
    "coalesce",
    "day",
    "floor",
    "greatest",
    "least",
    "month",
    "nullif",
    "quarter",
    "round",
    "substr",
    "total",
    "width_bucket",
    "year",
    "year_month",
    "date_trunc",
];

impl Scope<'_> {
    /// The typed form of a call; `marked` where DISTINCT or `*` stands in it.
    pub(crate) fn call(&mut self, of: &Expr, name: &str, arguments: &[Expr], marked: bool) -> Fallible {
        let wrong = |scope: &Self, wanted: &str| {
            scope.fault(of, say!("write `{wanted}`", "请写成 `{wanted}`", wanted = wanted.to_owned()))
        };
        if matches!(name, "sum" | "avg" | "count" | "min" | "max") {
            return Err(self.fault(of, say!("`{name}` counts over rows, and here one row is looked at; over all rows of one unit it is total(column)", "`{name}` 跨行汇总，而此处只看一行；按单元的全部行合计请写 `total(列)`", name = name.to_owned())));
        }
        if marked {
            return Err(wrong(self, "count(*)"));
        }
        match (name, arguments) {
            ("abs", [inner]) => {
                let inner = self.numeric(inner)?;
                Ok(Typed { kind: inner.kind, node: Node::Absolute(Box::new(inner.node)) })
            }
            ("floor" | "ceil" | "ceiling" | "round", [inner]) => {
                let rounding = match name {
                    "floor" => Rounding::Down,
                    "round" => Rounding::Nearest,
                    _ => Rounding::Up,
                };
                let inner = self.numeric(inner)?;
                Ok(Typed { kind: Type::Whole, node: Node::Rounded(rounding, Box::new(inner.node)) })
            }
            ("coalesce" | "least" | "greatest", [_, ..]) => {
                let (nodes, kind) = self.alternatives(&arguments.iter().collect::<Vec<_>>(), of)?;
                let node = match name {
                    "coalesce" => Node::Coalesce(nodes),
                    "least" => Node::Extreme(Ordering::Less, nodes),
                    _ => Node::Extreme(Ordering::Greater, nodes),
                };
                Ok(Typed { node, kind })
            }
            ("nullif", [one, other]) => {
                let [one, other] = self.comparable([one, other], of)?;
                Ok(Typed { kind: one.kind, node: Node::NullIf(Box::new([one.node, other.node])) })
            }
            ("year" | "quarter" | "month" | "day" | "year_month", [inner]) => {
                let part = match name {
                    "year" => Part::Year,
                    "quarter" => Part::Quarter,
                    "month" => Part::Month,
                    "day" => Part::Day,
                    _ => Part::YearMonth,
                };
                let kind = if part == Part::YearMonth { Type::Text } else { Type::Whole };
                Ok(Typed { kind, node: Node::Part(part, Box::new(self.day(inner)?)) })
            }
            ("date_trunc", [unit, inner]) => {
                let part = match &unit.kind {
                    Kind::Text(unit) if unit == "month" => Part::MonthStart,
                    Kind::Text(unit) if unit == "year" => Part::YearStart,
                    _ => return Err(wrong(self, "date_trunc('month', column)")),
                };
                Ok(Typed { kind: Type::Day, node: Node::Part(part, Box::new(self.day(inner)?)) })
            }
            ("substr" | "substring", [inner, from, many]) => {
                let count = |expr: &Expr, least: i64| match expr.kind {
                    Kind::Whole(number) if (least..=MOST_CHARACTERS).contains(&number) => usize::try_from(number).ok(),
                    _ => None,
                };
                let (Some(from), Some(many)) = (count(from, 1), count(many, 0)) else {
                    return Err(self.fault(of, say!("from which character and how many must be numbers up to {MOST_CHARACTERS}, such as substr(code, 1, 2)", "起始位置和长度须为不超过 {MOST_CHARACTERS} 的数字，如 substr(code, 1, 2)")));
                };
                let text = self.typed(inner)?;
                match text.kind {
                    Type::Text | Type::Null => {
                        Ok(Typed { kind: Type::Text, node: Node::Piece(Box::new(text.node), from - 1, many) })
                    }
                    kind => Err(self.fault(
                        inner,
                        say!(
                            "`{piece}` holds {kind}, and only texts have characters",
                            "`{piece}` 是{kind}，只有文本才有字符",
                            piece = self.piece(inner),
                            kind = kind.word()
                        ),
                    )),
                }
            }
            ("bin", [inner, edges]) => self.bin(inner, edges, None),
            ("bin", [inner, edges, labels]) => self.bin(inner, edges, Some(labels)),
            ("width_bucket", [inner, low, high, many]) => self.width_bucket(of, inner, [low, high, many]),
            ("total", [inner]) => self.total(of, inner),
            (name, _) if FUNCTIONS.contains(&name) => Err(self.fault(
                of,
                say!(
                    "`{name}` takes other arguments: {usage}",
                    "`{name}` 的参数不对：{usage}",
                    name = name.to_owned(),
                    usage = usage(name)
                ),
            )),
            _ => {
                let advice = meant(name, FUNCTIONS);
                Err(self.fault(
                    of,
                    say!(
                        "there is no function `{name}`: {advice}",
                        "没有函数 `{name}`：{advice}",
                        name = name.to_owned()
                    ),
                ))
            }
        }
    }

    /// The day of a date or of a moment.
    fn day(&mut self, of: &Expr) -> Result<Node, Fault> {
        let mut found = self.typed(of)?;
        if let Kind::Text(_) = of.kind {
            let mut sides = [Typed { kind: Type::Day, ..found.clone() }, found];
            self.read_dates(&[of, of], &mut sides)?;
            let [_, read] = sides;
            found = read;
        }
        match found.kind {
            Type::Day | Type::Null => Ok(found.node),
            Type::Moment => Ok(Node::DayOf(Box::new(found.node))),
            kind => Err(self.fault(
                of,
                say!(
                    "`{piece}` holds {kind}, and not dates",
                    "`{piece}` 是{kind}，不是日期",
                    piece = self.piece(of),
                    kind = kind.word()
                ),
            )),
        }
    }

    fn bin(&mut self, inner: &Expr, edges: &Expr, labels: Option<&Expr>) -> Fallible {
        let of = self.numeric(inner)?;
        let list = |expr: &Expr| match &expr.kind {
            Kind::List(items) => items.clone(),
            _ => Vec::new(),
        };
        let rising =
            text!("the edges of bins are rising numbers, such as [10, 50]", "分段的边界须为递增的数，如 [10, 50]");
        let numbers: Option<Vec<f64>> = list(edges).iter().map(literal).collect();
        let numbers = numbers.filter(|edges| !edges.is_empty() && edges.is_sorted_by(|one, next| one < next));
        let numbers = numbers.ok_or_else(|| self.fault(edges, rising))?;
        let Some(labels) = labels else {
            return Ok(Typed {
                kind: Type::Whole,
                node: Node::Bin { of: Box::new(of.node), edges: numbers, labels: Vec::new() },
            });
        };
        let wanted = numbers.len() + 1;
        let texts: Option<Vec<String>> = list(labels)
            .into_iter()
            .map(|item| match item.kind {
                Kind::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        let texts =
            texts.filter(|texts| texts.len() == wanted && (1..texts.len()).all(|at| !texts[..at].contains(&texts[at])));
        let texts = texts.ok_or_else(|| {
            self.fault(
                labels,
                say!(
                    "{edges} edges make {wanted} bins, and each needs a label of its own",
                    "{edges} 个边界分成 {wanted} 段，每段须有各自的标签",
                    edges = numbers.len()
                ),
            )
        })?;
        Ok(Typed { kind: Type::Text, node: Node::Bin { of: Box::new(of.node), edges: numbers, labels: texts } })
    }

    /// SQL's own bins of equal width: 0 below the first, and one more than there are above the last.
    fn width_bucket(&mut self, of: &Expr, inner: &Expr, [low, high, many]: [&Expr; 3]) -> Fallible {
        let inner = self.numeric(inner)?;
        let (Some(low), Some(high), Kind::Whole(many @ 1..=500)) = (literal(low), literal(high), &many.kind) else {
            return Err(self.fault(
                of,
                text!(
                    "write width_bucket(column, low, high, bins) with numbers, and at most 500 bins",
                    "请写 `width_bucket(列, 下限, 上限, 段数)`，均为数字，至多 500 段"
                ),
            ));
        };
        let edges: Vec<f64> = (0..=*many).map(|at| low + (high - low) * at as f64 / *many as f64).collect();
        match edges.is_sorted_by(|one, next| one < next) && edges.iter().all(|edge| edge.is_finite()) {
            true => {
                Ok(Typed { kind: Type::Whole, node: Node::Bin { of: Box::new(inner.node), edges, labels: Vec::new() } })
            }
            false => {
                Err(self
                    .fault(of, text!("the lower end of the bins must lie below the upper one", "分段的下限须小于上限")))
            }
        }
    }

    fn total(&mut self, of: &Expr, inner: &Expr) -> Fallible {
        let Some(before) = self.totals.as_ref().map(|totals| totals.len()) else {
            return Err(self.fault(
                of,
                text!(
                    "a total is made of the rows that are kept, so it cannot say which are, nor stand within another",
                    "合计由保留的行得出，因此不能用于筛选行，也不能套在另一个合计之中"
                ),
            ));
        };
        let own = self.totals.take();
        let inner = self.numeric(inner);
        self.totals = own;
        let inner = inner?;
        let kind = inner.kind;
        if let Some(totals) = self.totals.as_mut() {
            totals.push(inner);
        }
        Ok(Typed { kind, node: Node::Total(before) })
    }
}

/// A number that is written out.
fn literal(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        Kind::Whole(number) => Some(*number as f64),
        Kind::Number(number) => Some(*number),
        Kind::Negated(inner) => literal(inner).map(|number| -number),
        _ => None,
    }
}

fn usage(name: &str) -> String {
    let arguments = match name {
        "bin" => "column, [10, 50], ['<10', '10-50', '>=50']",
        "date_trunc" => "'month', column",
        "nullif" => "column, 0",
        "substr" => "column, 1, 2",
        "width_bucket" => "column, 0, 100, 10",
        "coalesce" | "greatest" | "least" => "column, 0",
        _ => "column",
    };
    format!("{name}({arguments})")
}
