//! `[ready-made]`: which rows count, what is made of their columns, and what is computed of their sums, in a job
//! without code.

use unseen_texts::{Sentence, say, text};

use super::ModuleRef;
use super::model::Model;
use crate::reader::{ManifestError, Node, Place};

/// Most columns that may be made.
const MAX_COLUMNS: usize = 64;
/// Most characters of one expression.
const MAX_TEXT: usize = 2_000;

/// Nanoseconds that one byte of an expression may take for a row, beside comparing texts.
const EXPRESSED: u128 = 60;
/// Bytes of a row's text that are compared in a nanosecond.
const COMPARED: u128 = 16;

/// `[ready-made]`. What expressions mean is not looked at here: no number is less private for it.
#[derive(Clone, Debug)]
pub struct Question {
    /// The condition under which a row counts; every row without one.
    pub filter: Option<Expression>,
    /// Columns made of others, by name and in order: each may use those above it.
    pub columns: Vec<(String, Expression)>,
    /// What is computed of the noised totals, and what is summed for that.
    pub model: Option<Model>,
}

/// An expression as it is written.
#[derive(Clone, Debug)]
pub struct Expression {
    /// At most 2,000 characters.
    pub text: String,
    at: Place,
}

impl Question {
    pub(crate) fn read(node: Node<'_>, module: Option<&ModuleRef>) -> Result<Question, ManifestError> {
        let table = node.table(&["where", "columns", "model"])?;
        if module != Some(&ModuleRef::ReadyMadeSum) {
            return Err(node.error(text!(
                "`[ready-made]` goes with module = \"ready-made:sum\" only: leave one of them out, or write both",
                "`[ready-made]` 只与 module = \"ready-made:sum\" 一起用：请都写或都不写"
            )));
        }
        let columns = match table.optional("columns") {
            None => Vec::new(),
            Some(node) => {
                let fields = node.fields()?;
                if fields.len() > MAX_COLUMNS {
                    return Err(node.error(say!(
                        "{count} columns are made of others; at most {MAX_COLUMNS} are allowed",
                        "派生了 {count} 列；至多允许 {MAX_COLUMNS} 列",
                        count = fields.len()
                    )));
                }
                fields.into_iter().map(|(name, node)| Ok((name, Expression::read(node)?))).collect::<Result<_, _>>()?
            }
        };
        let filter = table.optional("where").map(Expression::read).transpose()?;
        Ok(Question { filter, columns, model: table.optional("model").map(Model::read).transpose()? })
    }

    /// What evaluating all expressions takes for a row of so many bytes, at most, and what its model takes: each step of
    /// an expression stands for at least one byte that is written here.
    pub(crate) fn nanoseconds(&self, row: u64) -> u128 {
        let all = self.columns.iter().map(|(_, expression)| expression).chain(&self.filter);
        let bytes: u128 = all.map(|expression| expression.text.len() as u128).sum();
        let model = self.model.as_ref().map_or(0, Model::nanoseconds);
        bytes * (EXPRESSED + u128::from(row) / COMPARED) + model
    }
}

impl Expression {
    fn read(node: Node<'_>) -> Result<Expression, ManifestError> {
        let text = node.clean(text!("an expression, as a text", "写成文本的表达式"))?;
        match text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            true => Err(node.error(say!(
                "an expression has 1 to {MAX_TEXT} characters, not all blank",
                "表达式须有 1 至 {MAX_TEXT} 个字符，且不能全为空白"
            ))),
            false => Ok(Expression { text: text.to_owned(), at: node.place() }),
        }
    }

    /// An error that points to it.
    pub fn error(&self, message: impl Into<Sentence>) -> ManifestError {
        self.at.error(message)
    }
}
