//! From what is written to what fits: names found, types compared, in one pass from the leaves up.

use std::borrow::Cow;

use unseen_policies::meant::meant;
use unseen_texts::{Sentence, say, text};

use crate::day;
use crate::fault::Fault;
use crate::node::Node;
use crate::syntax::{Expr, Kind, Operator};
use crate::value::{Type, Value};

/// An expression and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) kind: Type,
}

/// What names mean.
pub(crate) struct Scope<'s> {
    /// The text, for faults.
    pub(crate) text: &'s str,
    /// The column of a name; one that is derived only where that is asked for.
    pub(crate) column: &'s dyn Fn(&str, bool) -> Option<Typed>,
    /// All names, for advice.
    pub(crate) names: Vec<&'s str>,
    /// Totals found so far; none where there may be none.
    pub(crate) totals: Option<&'s mut Vec<Typed>>,
}

pub(crate) type Fallible = Result<Typed, Fault>;

impl Scope<'_> {
    pub(crate) fn fault(&self, of: &Expr, message: impl Into<Sentence>) -> Fault {
        Fault::at(self.text, &of.at, message)
    }

    /// The piece of text that an expression is.
    pub(crate) fn piece(&self, of: &Expr) -> String {
        self.text.get(of.at.clone()).unwrap_or_default().to_owned()
    }

    /// The typed form of an expression.
    pub(crate) fn typed(&mut self, of: &Expr) -> Fallible {
        match &of.kind {
            Kind::Name(name) => (self.column)(name, self.totals.is_some()).ok_or_else(|| self.unknown(of, name)),
            Kind::Null => Ok(constant(Value::Null, Type::Null)),
            Kind::Truth(truth) => Ok(constant(Value::Truth(*truth), Type::Truth)),
            Kind::Whole(number) => Ok(constant(Value::Whole(*number), Type::Whole)),
            Kind::Number(number) => Ok(constant(Value::Number(*number), Type::Number)),
            Kind::Text(text) => Ok(constant(Value::Text(Cow::Owned(text.clone().into_bytes())), Type::Text)),
            Kind::Negated(inner) => {
                let inner = self.numeric(inner)?;
                Ok(Typed { kind: inner.kind, node: Node::Negated(Box::new(inner.node)) })
            }
            Kind::Not(inner) => Ok(truth(Node::Not(Box::new(self.condition(inner)?)))),
            Kind::Binary(Operator::And, left, right) => {
                Ok(truth(Node::And(Box::new([self.condition(left)?, self.condition(right)?]))))
            }
            Kind::Binary(Operator::Or, left, right) => {
                Ok(truth(Node::Or(Box::new([self.condition(left)?, self.condition(right)?]))))
            }
            Kind::Binary(operator, left, right) => match operator {
                Operator::Plus | Operator::Minus | Operator::Times | Operator::Over | Operator::Modulo => {
                    self.arithmetic(*operator, left, right)
                }
                _ => {
                    let [left, right] = self.comparable([left, right], of)?;
                    Ok(truth(Node::Compared(*operator, Box::new([left.node, right.node]))))
                }
            },
            Kind::IsNull(inner) => Ok(truth(Node::IsNull(Box::new(self.typed(inner)?.node)))),
            Kind::In(inner, list) => {
                let sides = self.comparables(std::iter::once(&**inner).chain(list), of)?;
                let mut nodes = sides.into_iter().map(|side| side.node);
                let first = nodes.next().unwrap_or(Node::Constant(Value::Null));
                Ok(truth(Node::In(Box::new(first), nodes.collect())))
            }
            Kind::Between(parts) => {
                let [of, low, high] = self.comparable([&parts[0], &parts[1], &parts[2]], of)?;
                Ok(truth(Node::Between(Box::new([of.node, low.node, high.node]))))
            }
            Kind::Like(inner, pattern) => self.like(inner, pattern),
            Kind::Case(inner, cases, other) => self.case(of, inner.as_deref(), cases, other.as_deref()),
            Kind::Call { name, arguments, distinct, all } => self.call(of, name, arguments, *distinct || *all),
            Kind::List(_) => Err(self.fault(
                of,
                text!("a list stands only behind IN and within bin(...)", "列表只能写在 IN 之后，或 bin(...) 之中"),
            )),
        }
    }

    /// The typed form of a condition.
    pub(crate) fn condition(&mut self, of: &Expr) -> Result<Node, Fault> {
        let found = self.typed(of)?;
        match found.kind {
            Type::Truth | Type::Null => Ok(found.node),
            kind => Err(self.fault(
                of,
                say!(
                    "`{piece}` holds {kind}, and a condition is wanted: compare it with something",
                    "`{piece}` 是{kind}，此处需要条件：请与某值比较",
                    piece = self.piece(of),
                    kind = kind.word()
                ),
            )),
        }
    }

    /// The typed form of a number.
    pub(crate) fn numeric(&mut self, of: &Expr) -> Fallible {
        let found = self.typed(of)?;
        match found.kind.is_numeric() {
            true => Ok(found),
            false => Err(self.fault(
                of,
                say!(
                    "`{piece}` holds {kind}, and one computes with numbers only",
                    "`{piece}` 是{kind}，只有数才能计算",
                    piece = self.piece(of),
                    kind = found.kind.word()
                ),
            )),
        }
    }

    fn unknown(&self, of: &Expr, name: &str) -> Fault {
        if self.names.contains(&name) {
            return self.fault(
                of,
                say!(
                    "`{name}` is made of the rows that are kept: write what it is made of instead",
                    "`{name}` 由保留的行得出：请改写它的表达式",
                    name = name.to_owned()
                ),
            );
        }
        let advice = meant(name, &self.names);
        self.fault(
            of,
            say!("there is no column `{name}`: {advice}", "没有列 `{name}`：{advice}", name = name.to_owned()),
        )
    }

    fn arithmetic(&mut self, operator: Operator, left: &Expr, right: &Expr) -> Fallible {
        let (one, other) = (self.numeric(left)?, self.numeric(right)?);
        let whole = one.kind != Type::Number && other.kind != Type::Number && operator != Operator::Over;
        if operator == Operator::Modulo && !whole {
            let of = if one.kind == Type::Number { left } else { right };
            return Err(self.fault(
                of,
                text!("`%` takes whole numbers only: use floor(...) first", "`%` 只用于整数：请先用 floor(...)"),
            ));
        }
        let kind = if whole { Type::Whole } else { Type::Number };
        Ok(Typed { kind, node: Node::Arithmetic(operator, Box::new([one.to(kind), other.to(kind)])) })
    }

    pub(crate) fn comparable<const N: usize>(&mut self, sides: [&Expr; N], of: &Expr) -> Result<[Typed; N], Fault> {
        let typed = self.comparables(sides.into_iter(), of)?;
        typed.try_into().map_err(|_| self.fault(of, Sentence::default()))
    }

    /// Sides that may be compared: texts beside dates are read as dates.
    fn comparables<'e>(&mut self, sides: impl Iterator<Item = &'e Expr>, of: &Expr) -> Result<Vec<Typed>, Fault> {
        let sides: Vec<&Expr> = sides.collect();
        let mut typed = sides.iter().map(|side| self.typed(side)).collect::<Result<Vec<_>, _>>()?;
        self.read_dates(&sides, &mut typed)?;
        let mut kind = Type::Null;
        for (side, expr) in typed.iter().zip(&sides) {
            kind = kind.with(side.kind).ok_or_else(|| {
                self.fault(
                    of,
                    say!(
                        "{one} are compared with {other} in `{piece}`: write `{side}` as {one}",
                        "`{piece}` 中{one}与{other}相比：请把 `{side}` 写成{one}",
                        one = kind.word(),
                        other = side.kind.word(),
                        piece = self.piece(of),
                        side = self.piece(expr)
                    ),
                )
            })?;
        }
        Ok(typed)
    }

    /// Makes dates of constant texts, where one of them is a date.
    pub(crate) fn read_dates(&self, exprs: &[&Expr], typed: &mut [Typed]) -> Result<(), Fault> {
        let Some(kind) = typed.iter().map(|side| side.kind).find(|kind| matches!(kind, Type::Day | Type::Moment))
        else {
            return Ok(());
        };
        for (side, expr) in typed.iter_mut().zip(exprs) {
            let Kind::Text(text) = &expr.kind else { continue };
            let read = if kind == Type::Day { day::day(text) } else { day::moment(text) };
            let number = read.ok_or_else(|| {
                self.fault(
                    expr,
                    say!(
                        "`{text}` is not a date: write it as '2025', '2025-01' or '2025-01-31'",
                        "`{text}` 不是日期：请写成 '2025'、'2025-01' 或 '2025-01-31'",
                        text = text.clone()
                    ),
                )
            })?;
            *side = constant(Value::Whole(number), kind);
        }
        Ok(())
    }

    /// Alternatives, as one type.
    pub(crate) fn alternatives(&mut self, exprs: &[&Expr], of: &Expr) -> Result<(Vec<Node>, Type), Fault> {
        let mut typed = exprs.iter().map(|expr| self.typed(expr)).collect::<Result<Vec<_>, _>>()?;
        self.read_dates(exprs, &mut typed)?;
        let mut kind = Type::Null;
        for (found, expr) in typed.iter().zip(exprs) {
            kind = kind.with(found.kind).ok_or_else(|| {
                self.fault(
                    expr,
                    say!(
                        "`{of}` gives {one}, and `{piece}` {other}: give one type",
                        "`{of}` 给出{one}，而 `{piece}` 是{other}：请统一类型",
                        of = self.piece(of),
                        one = kind.word(),
                        piece = self.piece(expr),
                        other = found.kind.word()
                    ),
                )
            })?;
        }
        Ok((typed.into_iter().map(|found| found.to(kind)).collect(), kind))
    }

    fn like(&mut self, inner: &Expr, pattern: &Expr) -> Fallible {
        let of = self.typed(inner)?;
        if !matches!(of.kind, Type::Text | Type::Null) {
            return Err(self.fault(
                inner,
                say!(
                    "`{piece}` holds {kind}, and LIKE looks at texts",
                    "`{piece}` 是{kind}，LIKE 只用于文本",
                    piece = self.piece(inner),
                    kind = of.kind.word()
                ),
            ));
        }
        let simple = match &pattern.kind {
            Kind::Text(text) => {
                let begin = text.strip_suffix('%');
                let text = begin.unwrap_or(text);
                (!text.contains(['%', '_'])).then(|| (text.as_bytes().to_vec(), begin.is_some()))
            }
            _ => None,
        };
        let (text, open) = simple.ok_or_else(|| {
            self.fault(
                pattern,
                text!("LIKE takes a beginning here, such as LIKE '13%'", "此处 LIKE 只能匹配开头，如 LIKE '13%'"),
            )
        })?;
        Ok(truth(Node::Like { of: Box::new(of.node), text, open }))
    }

    fn case(&mut self, of: &Expr, inner: Option<&Expr>, cases: &[(Expr, Expr)], other: Option<&Expr>) -> Fallible {
        let given: Vec<&Expr> = cases.iter().map(|(_, then)| then).chain(other).collect();
        let (mut nodes, kind) = self.alternatives(&given, of)?;
        let other = other.and_then(|_| nodes.pop()).map(Box::new);
        let (first, whens) = match inner {
            Some(inner) => {
                let whens = cases.iter().map(|(when, _)| when);
                let mut sides =
                    self.comparables(std::iter::once(inner).chain(whens), of)?.into_iter().map(|side| side.node);
                (sides.next(), sides.collect())
            }
            None => (None, cases.iter().map(|(when, _)| self.condition(when)).collect::<Result<Vec<_>, _>>()?),
        };
        let cases = whens.into_iter().zip(nodes).collect();
        let node = match first {
            Some(first) => Node::Switch(Box::new(first), cases, other),
            None => Node::Case(cases, other),
        };
        Ok(Typed { node, kind })
    }
}

impl Typed {
    /// Its node, as a type that holds it.
    fn to(self, kind: Type) -> Node {
        match (self.kind, kind) {
            (Type::Whole, Type::Number) => Node::Widened(Box::new(self.node)),
            _ => self.node,
        }
    }
}

fn constant(value: Value<'static>, kind: Type) -> Typed {
    Typed { node: Node::Constant(value), kind }
}

fn truth(node: Node) -> Typed {
    Typed { node, kind: Type::Truth }
}
