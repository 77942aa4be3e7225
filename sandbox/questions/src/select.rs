//! `SELECT ... FROM ... WHERE ... GROUP BY ...`, and what of SQL is not answered.

use unseen_policies::manifest::MOST_RANKED;
use unseen_texts::{Text, say, text};

use crate::fault::{Fault, Span};
use crate::parser::Parser;
use crate::syntax::{Expr, Kind, Operator};
use crate::token::Token;

/// Characters of a question, at most.
const LONGEST: usize = 10_000;

/// A question as it is written.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) table: Table,
    pub(crate) joins: Vec<Join>,
    pub(crate) filter: Option<Expr>,
    pub(crate) groups: Vec<Expr>,
    pub(crate) order: Option<Order>,
    /// How many groups at most, and where that stands.
    pub(crate) limit: Option<(i64, Span)>,
}

/// What groups are ranked by.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) by: Expr,
    /// From the greatest.
    pub(crate) falls: bool,
    /// The whole clause.
    pub(crate) at: Span,
}

/// What is asked for, and what it is called.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) expr: Expr,
    pub(crate) name: Option<String>,
}

/// A table, and where it stands.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) at: Span,
    /// What it is called in the question.
    alias: Option<String>,
}

/// A further table and the columns by which it is joined: one of those before, one of its own.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) table: Table,
    pub(crate) on: [String; 2],
    pub(crate) on_at: Span,
}

impl Select {
    pub(crate) fn parse(text: &str) -> Result<Select, Fault> {
        let mut parser = Parser::new(text, LONGEST)?;
        if parser.is("with") {
            return Err(parser.fault(NO_QUERIES));
        }
        if !parser.takes("select") {
            return Err(parser.fault(text!(
                "a question begins with SELECT: SELECT town, COUNT(*) FROM firms GROUP BY town",
                "问题以 SELECT 开头：SELECT town, COUNT(*) FROM firms GROUP BY town"
            )));
        }
        if parser.is("distinct") {
            return Err(parser.fault(text!(
                "rows are not listed, so none is there twice: leave DISTINCT out and write GROUP BY",
                "结果不逐行列出，不会重复：请去掉 DISTINCT，改写 GROUP BY"
            )));
        }
        if parser.is("top") && matches!(parser.peek_beyond(), Token::Number(_)) {
            return Err(parser.fault(text!(
                "the largest groups are asked for at the end: ORDER BY n DESC LIMIT 20",
                "要最大的几组，请写在末尾：ORDER BY n DESC LIMIT 20"
            )));
        }
        let mut items = vec![item(&mut parser)?];
        while parser.takes_sign(",") {
            items.push(item(&mut parser)?);
        }
        parser.expects("from")?;
        let table = table(&mut parser)?;
        let mut joins = Vec::new();
        loop {
            if matches!(parser.peek(), Token::Sign(",")) {
                return Err(parser.fault(text!(
                    "every row beside every other is nobody's own any more: write JOIN ... USING (the unit's column)",
                    "任意两行相配后便不再属于某个单元：请写 `JOIN ... USING (单元列)`"
                )));
            }
            if ["cross", "right", "full", "natural"].iter().any(|word| parser.is(word)) {
                return Err(parser.fault(text!(
                    "only JOIN and LEFT JOIN are answered here, with USING or ON",
                    "此处只支持 JOIN 和 LEFT JOIN，并写明 USING 或 ON"
                )));
            }
            if parser.takes("left") {
                parser.takes("outer");
            } else {
                parser.takes("inner");
            }
            if !parser.takes("join") {
                break;
            }
            joins.push(join(&mut parser)?);
        }
        let filter = if parser.takes("where") { Some(parser.expr()?) } else { None };
        let groups = if parser.takes("group") {
            parser.expects("by")?;
            parser.list()?
        } else {
            Vec::new()
        };
        unanswered(&parser)?;
        let (order, limit) = (order(&mut parser)?, limit(&mut parser)?);
        unanswered(&parser)?;
        parser.takes_sign(";");
        let tables = || std::iter::once(&table).chain(joins.iter().map(|join| &join.table));
        let is_there = |name: &str| tables().any(|table| table.name == name || table.alias.as_deref() == Some(name));
        if let Some((name, at)) = parser.qualifiers.iter().find(|(name, _)| !is_there(name)) {
            let name = name.clone();
            return Err(Fault::at(
                text,
                at,
                say!("no table of this question is called `{name}`", "此问题中没有叫 `{name}` 的表"),
            ));
        }
        match parser.peek() {
            Token::End => Ok(Select { items, table, joins, filter, groups, order, limit }),
            _ => Err(parser
                .fault(text!("the question ends before this: leave it out", "问题到此之前已结束：请去掉这一部分"))),
        }
    }
}

const NO_QUERIES: Text = text!(
    "one SELECT is answered at a time: ask several questions, one after another",
    "一次只回答一个 SELECT：请分几次提问"
);

/// What may follow in SQL, and what does instead.
const UNANSWERED: &[(&str, Text)] = &[
    (
        "having",
        text!(
            "which groups appear must not depend on rows: all are released, and you choose among them afterwards; leave HAVING out",
            "哪些分组出现不能取决于数据：所有分组都会发布，您可事后挑选；请去掉 HAVING"
        ),
    ),
    ("union", NO_QUERIES),
    ("intersect", NO_QUERIES),
    ("except", NO_QUERIES),
    (
        "window",
        text!(
            "a window would see the rows of many units side by side: ask for groups with GROUP BY instead",
            "窗口会把多个单元的行放在一起看：请改用 GROUP BY 分组"
        ),
    ),
];

fn unanswered(parser: &Parser<'_>) -> Result<(), Fault> {
    match UNANSWERED.iter().find(|(word, _)| parser.is(word)) {
        Some((_, why)) => Err(parser.fault(*why)),
        None => Ok(()),
    }
}

fn order(parser: &mut Parser<'_>) -> Result<Option<Order>, Fault> {
    let start = parser.here();
    if !parser.takes("order") {
        return Ok(None);
    }
    parser.expects("by")?;
    let by = parser.expr()?;
    let falls = parser.takes("desc");
    if !falls {
        parser.takes("asc");
    }
    if matches!(parser.peek(), Token::Sign(",")) {
        return Err(parser.fault(text!("groups are ranked by one number", "只能按一个数排名")));
    }
    Ok(Some(Order { by, falls, at: parser.since(&start) }))
}

fn limit(parser: &mut Parser<'_>) -> Result<Option<(i64, Span)>, Fault> {
    let start = parser.here();
    if !parser.takes("limit") {
        return Ok(None);
    }
    let number = match parser.peek() {
        Token::Number(digits) => digits.parse().ok().filter(|number| (1..=MOST_RANKED).contains(number)),
        _ => None,
    };
    let number = number.ok_or_else(|| {
        parser
            .fault(say!("LIMIT takes a whole number from 1 to {MOST_RANKED}", "LIMIT 后须是 1 至 {MOST_RANKED} 的整数"))
    })?;
    parser.next();
    Ok(Some((number, parser.since(&start))))
}

fn item(parser: &mut Parser<'_>) -> Result<Item, Fault> {
    let expr = parser.expr()?;
    let named = parser.takes("as")
        || matches!(parser.peek(), Token::Quoted(_))
        || matches!(parser.peek(), Token::Word(_)) && !parser.is("from");
    Ok(Item { expr, name: if named { Some(parser.name()?) } else { None } })
}

fn table(parser: &mut Parser<'_>) -> Result<Table, Fault> {
    let start = parser.here();
    if matches!(parser.peek(), Token::Sign("(")) {
        return Err(parser.fault(text!(
            "a question within a question is not answered: name a dataset after FROM",
            "不能在问题中再套问题：FROM 之后请写数据集名称"
        )));
    }
    let mut name = parser.name()?;
    // Names of datasets may have hyphens, which SQL would put in quotes.
    while matches!(parser.peek(), Token::Sign("-")) && parser.here().start == parser.since(&start).end {
        parser.next();
        let rest = match parser.peek() {
            Token::Number(digits) => {
                let digits = digits.clone();
                parser.next();
                digits
            }
            _ => parser.name()?,
        };
        name = format!("{name}-{rest}");
    }
    // The last part names the dataset; what stands before it is a schema.
    while parser.takes_sign(".") {
        name = parser.name()?;
    }
    let at = parser.since(&start);
    let ends = [
        "where",
        "group",
        "join",
        "inner",
        "left",
        "cross",
        "right",
        "full",
        "natural",
        "on",
        "using",
        "having",
        "order",
        "limit",
        "union",
        "intersect",
        "except",
        "window",
    ];
    let alias = matches!(parser.peek(), Token::Word(_)) && !ends.iter().any(|word| parser.is(word));
    let alias = match alias {
        true => {
            parser.takes("as");
            Some(parser.name()?)
        }
        false => None,
    };
    Ok(Table { name, at, alias })
}

fn join(parser: &mut Parser<'_>) -> Result<Join, Fault> {
    let table = table(parser)?;
    let start = parser.here();
    if parser.takes("using") {
        parser.expects("(")?;
        let column = parser.name()?;
        if matches!(parser.peek(), Token::Sign(",")) {
            return Err(parser.fault(text!("tables are joined by one column", "两表只按一列连接")));
        }
        parser.expects(")")?;
        return Ok(Join { table, on: [column.clone(), column], on_at: parser.since(&start) });
    }
    parser.expects("on")?;
    let condition = parser.expr()?;
    if let Kind::Binary(Operator::Equal, one, other) = &condition.kind
        && let (Kind::Name(one), Kind::Name(other)) = (&one.kind, &other.kind)
    {
        return Ok(Join { table, on: [one.clone(), other.clone()], on_at: condition.at.clone() });
    }
    Err(Fault::at(
        parser.text,
        &condition.at,
        text!(
            "tables are joined by one equal column: write ON a.code = b.code",
            "两表按一列相等来连接：请写 ON a.code = b.code"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_taken_apart() {
        let text = "select t.town as 镇, avg(output / land), count(*) n from monthly-2025 as t left join firms using (uscc) \
                    join towns x on t.town = x.code where month >= '2025-01' group by town, 2;";
        let select = Select::parse(text).unwrap();
        let names: Vec<_> = select.items.iter().map(|item| item.name.as_deref()).collect();
        assert_eq!(names, [Some("镇"), None, Some("n")]);
        assert_eq!(select.table.name, "monthly-2025");
        let joins: Vec<_> = select
            .joins
            .iter()
            .map(|join| (join.table.name.as_str(), join.on[0].as_str(), join.on[1].as_str()))
            .collect();
        assert_eq!(joins, [("firms", "uscc", "uscc"), ("towns", "town", "code")]);
        assert!(select.filter.is_some() && select.groups.len() == 2);
    }

    #[test]
    fn what_is_not_answered_is_underlined() {
        for (text, piece, said) in [
            ("SELECT * FROM t", "*", "`*` names every column"),
            ("SELECT DISTINCT a FROM t", "DISTINCT", "rows are not listed"),
            ("SELECT COUNT(*) FROM t HAVING COUNT(*) > 5", "HAVING", "which groups appear"),
            ("SELECT a, COUNT(*) FROM t GROUP BY a ORDER BY 2 DESC, 1", ",", "ranked by one number"),
            ("SELECT a, COUNT(*) FROM t GROUP BY a LIMIT 0", "0", "a whole number from 1 to 1000"),
            ("SELECT a FROM t GROUP BY a ORDER BY 1 DESC LIMIT 3 UNION SELECT 1", "UNION", "one SELECT is answered"),
            ("SELECT a, RANK() OVER (ORDER BY b) FROM t", "OVER", "a window function"),
            ("SELECT COUNT(*) FROM (SELECT 1)", "(", "a question within a question"),
            ("SELECT COUNT(*) FROM a, b", ",", "every row beside every other"),
            ("SELECT COUNT(*) FROM a JOIN b ON a.x < b.y", "a.x < b.y", "by one equal column"),
            ("SELECT COUNT(*) FROM a CROSS JOIN b", "CROSS", "only JOIN and LEFT JOIN"),
            ("WITH q AS (SELECT 1) SELECT 1 FROM q", "WITH", "one SELECT is answered"),
            ("SELECT COUNT(*) FROM a UNION SELECT 1", "UNION", "one SELECT is answered"),
            ("DELETE FROM a", "DELETE", "a question begins with SELECT"),
            ("SELECT COUNT(*) FROM a x JOIN b ON x.c = y.d", "y", "no table of this question is called `y`"),
            ("SELECT COUNT(*) a b FROM t", "b", "`from` is missing here"),
        ] {
            let fault = Select::parse(text).unwrap_err();
            let found: String = text.chars().skip(fault.place - 1).take(fault.length).collect();
            assert!(found == piece && fault.message.to_string().contains(said), "{text}: {found}: {fault}");
        }
    }
}
