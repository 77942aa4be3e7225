//! Expressions as they are written.

use unseen_texts::say;

use crate::fault::{Fault, Span};

/// An expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) at: Span,
    /// Levels of expressions in it, itself included; at most [`MAX_DEPTH`].
    depth: usize,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Name(String),
    Null,
    Truth(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Negated(Box<Expr>),
    Not(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Like(Box<Expr>, Box<Expr>),
    /// What lies between two others, both included.
    Between(Box<[Expr; 3]>),
    /// What is compared, if anything; conditions or what it may equal, with what they give; what is given where
    /// none holds.
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// A function by its name in small letters; `all` of `f(*)`.
    Call {
        name: String,
        arguments: Vec<Expr>,
        distinct: bool,
        all: bool,
    },
    /// `[1, 2]`
    List(Vec<Expr>),
}

/// What stands between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
}

impl Operator {
    /// The comparison with its sides changed.
    pub(crate) fn turned(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
            other => other,
        }
    }
}

/// Levels that an expression may have: no reader of one recurses deeper.
pub(crate) const MAX_DEPTH: usize = 100;

impl Expr {
    pub(crate) fn new(text: &str, kind: Kind, at: Span) -> Result<Expr, Fault> {
        let deepest = kind.parts().map(|part| part.depth).max().unwrap_or_default();
        match deepest >= MAX_DEPTH {
            true => Err(too_deep(text, &at)),
            false => Ok(Expr { kind, at, depth: deepest + 1 }),
        }
    }

    /// The expressions that it is directly made of.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Expr> {
        self.kind.parts()
    }
}

impl Kind {
    fn parts(&self) -> impl Iterator<Item = &Expr> {
        let parts: Vec<&Expr> = match self {
            Kind::Name(_) | Kind::Null | Kind::Truth(_) | Kind::Whole(_) | Kind::Number(_) | Kind::Text(_) => {
                Vec::new()
            }
            Kind::Negated(of) | Kind::Not(of) | Kind::IsNull(of) => vec![of],
            Kind::Binary(_, left, right) | Kind::Like(left, right) => vec![left, right],
            Kind::In(of, list) => std::iter::once(&**of).chain(list).collect(),
            Kind::Between(parts) => parts.iter().collect(),
            Kind::Case(of, cases, other) => {
                let cases = cases.iter().flat_map(|(when, then)| [when, then]);
                of.as_deref().into_iter().chain(cases).chain(other.as_deref()).collect()
            }
            Kind::Call { arguments, .. } => arguments.iter().collect(),
            Kind::List(items) => items.iter().collect(),
        };
        parts.into_iter()
    }
}

impl Operator {
    pub(crate) fn of(sign: &str) -> Option<Operator> {
        Some(match sign {
            "=" | "==" => Operator::Equal,
            "<>" | "!=" => Operator::Unequal,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "+" => Operator::Plus,
            "-" => Operator::Minus,
            "*" => Operator::Times,
            "/" => Operator::Over,
            "%" => Operator::Modulo,
            _ => return None,
        })
    }

    /// How tightly it binds.
    pub(crate) fn binds(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Plus | Operator::Minus => 5,
            Operator::Times | Operator::Over | Operator::Modulo => 6,
            _ => 4,
        }
    }
}

pub(crate) fn too_deep(text: &str, at: &Span) -> Fault {
    Fault::at(
        text,
        at,
        say!(
            "this is nested more than {MAX_DEPTH} deep: take it apart into several columns",
            "嵌套超过 {MAX_DEPTH} 层：请拆成几列"
        ),
    )
}
