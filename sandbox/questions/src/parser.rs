//! From words to expressions: SQL's, without what no row can answer.
//!
//! The parser is ours, and small: what it reads is signed and kept for ever, so its meaning must not move with
//! somebody else's releases, and what a stranger hands in must be read in linear time.

use unseen_texts::{Sentence, Text, say, text};

use crate::fault::{Fault, Span};
use crate::syntax::{Expr, Kind, MAX_DEPTH, Operator, too_deep};
use crate::token::{Token, tokens};

/// Characters of an expression, at most.
const LONGEST: usize = 2_000;

/// Words that end an expression, or that only mean something within one.
const KEYWORDS: &[&str] = &[
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cross",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "is",
    "join",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "right",
    "select",
    "then",
    "union",
    "using",
    "when",
    "where",
    "window",
    "with",
];

impl Expr {
    /// Reads an expression and nothing after it.
    pub(crate) fn parse(text: &str) -> Result<Expr, Fault> {
        let mut parser = Parser::new(text, LONGEST)?;
        let expr = parser.expr()?;
        match parser.peek() {
            Token::End => Ok(expr),
            _ => Err(parser
                .fault(text!("the expression ends before this: leave it out", "表达式到此之前已结束：请去掉这一部分"))),
        }
    }
}

/// How tightly `NOT` and comparisons bind, and a sign before a number.
const NOT: u8 = 3;
const COMPARES: u8 = 4;
const SIGNED: u8 = 7;

/// Reads the words of a text one after another.
pub(crate) struct Parser<'t> {
    pub(crate) text: &'t str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    /// Tables that columns were named with, and where.
    pub(crate) qualifiers: Vec<(String, Span)>,
}

impl<'t> Parser<'t> {
    pub(crate) fn new(text: &'t str, longest: usize) -> Result<Parser<'t>, Fault> {
        Ok(Parser { text, tokens: tokens(text, longest)?, at: 0, depth: 0, qualifiers: Vec::new() })
    }

    /// The next word; the last is repeated for ever.
    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    /// The word after the next.
    pub(crate) fn peek_beyond(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].0
    }

    pub(crate) fn here(&self) -> Span {
        self.tokens[self.at].1.clone()
    }

    /// From where something began to the last word read.
    pub(crate) fn since(&self, start: &Span) -> Span {
        start.start..self.tokens[self.at.saturating_sub(1)].1.end.max(start.end)
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// A fault of the next word.
    pub(crate) fn fault(&self, message: impl Into<Sentence>) -> Fault {
        Fault::at(self.text, &self.here(), message)
    }

    /// Whether the next word is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Reads this keyword, if it is the next word.
    pub(crate) fn takes(&mut self, keyword: &str) -> bool {
        let is = self.is(keyword);
        if is {
            self.next();
        }
        is
    }

    pub(crate) fn takes_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if is {
            self.next();
        }
        is
    }

    pub(crate) fn expects(&mut self, keyword: &str) -> Result<(), Fault> {
        match self.takes(keyword) || self.takes_sign(keyword) {
            true => Ok(()),
            false => Err(self.fault(say!("`{keyword}` is missing here", "此处缺少 `{keyword}`"))),
        }
    }

    /// A name that is no keyword.
    pub(crate) fn name(&mut self) -> Result<String, Fault> {
        let is_keyword = KEYWORDS.iter().any(|keyword| self.is(keyword));
        match self.peek() {
            Token::Word(_) if is_keyword => {}
            Token::Word(name) | Token::Quoted(name) => {
                let name = name.clone();
                self.next();
                return Ok(name);
            }
            _ => {}
        }
        Err(self.fault(text!(
            "a name is missing here; names that are SQL's own words stand in double quotes",
            "此处缺少名称；与 SQL 关键字相同的名称请加双引号"
        )))
    }

    /// An expression, as long as it goes.
    pub(crate) fn expr(&mut self) -> Result<Expr, Fault> {
        self.binding(0)
    }

    /// Expressions with commas between them.
    pub(crate) fn list(&mut self) -> Result<Vec<Expr>, Fault> {
        let mut found = vec![self.expr()?];
        while self.takes_sign(",") {
            found.push(self.expr()?);
        }
        Ok(found)
    }

    /// An expression of operators that bind more tightly than `least`.
    fn binding(&mut self, least: u8) -> Result<Expr, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.text, &self.here()));
        }
        let mut left = self.prefix()?;
        loop {
            let start = left.at.clone();
            if least < COMPARES && ["is", "in", "not", "between", "like"].iter().any(|word| self.is(word)) {
                left = self.predicate(left)?;
                continue;
            }
            let operator = match self.peek() {
                Token::Sign("||") => {
                    return Err(self.fault(text!(
                        "texts are not joined here: group by both columns instead",
                        "此处不能拼接文本：请按两列分组"
                    )));
                }
                Token::Sign("::") => return Err(self.fault(NO_CAST)),
                Token::Sign(sign) => Operator::of(sign),
                _ if self.is("and") => Some(Operator::And),
                _ if self.is("or") => Some(Operator::Or),
                _ => None,
            };
            let Some(operator) = operator.filter(|operator| operator.binds() > least) else { break };
            self.next();
            let right = self.binding(operator.binds())?;
            let at = self.since(&start);
            left = self.made(Kind::Binary(operator, Box::new(left), Box::new(right)), at)?;
            let again = matches!(self.peek(), Token::Sign(sign) if Operator::of(sign).is_some_and(|next| next.binds() == COMPARES));
            if operator.binds() == COMPARES && again {
                return Err(self.fault(text!(
                    "comparisons do not follow one another: write `a < b AND b < c`",
                    "比较不能连写：请写 `a < b AND b < c`"
                )));
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn made(&self, kind: Kind, at: Span) -> Result<Expr, Fault> {
        Expr::new(self.text, kind, at)
    }

    /// What follows `left`: IS NULL, IN, BETWEEN, LIKE, with or without NOT.
    fn predicate(&mut self, left: Expr) -> Result<Expr, Fault> {
        let start = left.at.clone();
        if self.takes("is") {
            let not = self.takes("not");
            let found = match () {
                () if self.takes("null") => self.made(Kind::IsNull(Box::new(left)), self.since(&start))?,
                () if self.is("true") || self.is("false") => {
                    return Err(self
                        .fault(text!("write the condition itself, or NOT before it", "请直接写条件，或在前面加 NOT")));
                }
                () => {
                    return Err(self.fault(text!(
                        "only NULL may stand here: write IS NULL or IS NOT NULL",
                        "此处只能是 NULL：请写 IS NULL 或 IS NOT NULL"
                    )));
                }
            };
            return self.negated_if(not, found, &start);
        }
        let not = self.takes("not");
        let found = if self.takes("in") {
            self.expects("(")?;
            if self.is("select") {
                return Err(self.fault(NO_SUBQUERY));
            }
            let items = self.list()?;
            self.expects(")")?;
            self.made(Kind::In(Box::new(left), items), self.since(&start))?
        } else if self.takes("between") {
            let low = self.binding(COMPARES)?;
            self.expects("and")?;
            let high = self.binding(COMPARES)?;
            self.made(Kind::Between(Box::new([left, low, high])), self.since(&start))?
        } else {
            self.expects("like")?;
            let pattern = self.binding(COMPARES)?;
            self.made(Kind::Like(Box::new(left), Box::new(pattern)), self.since(&start))?
        };
        self.negated_if(not, found, &start)
    }

    fn negated_if(&self, not: bool, found: Expr, start: &Span) -> Result<Expr, Fault> {
        match not {
            true => self.made(Kind::Not(Box::new(found)), self.since(start)),
            false => Ok(found),
        }
    }

    fn prefix(&mut self) -> Result<Expr, Fault> {
        let start = self.here();
        if self.takes("not") {
            let of = self.binding(NOT)?;
            return self.made(Kind::Not(Box::new(of)), self.since(&start));
        }
        if self.takes("case") {
            return self.case(&start);
        }
        if self.is("select") || self.is("exists") {
            return Err(self.fault(NO_SUBQUERY));
        }
        let kind = match self.peek().clone() {
            Token::Sign("-") => {
                self.next();
                let of = self.binding(SIGNED)?;
                Kind::Negated(Box::new(of))
            }
            Token::Sign("+") => {
                self.next();
                return self.binding(SIGNED);
            }
            Token::Sign("(") => {
                self.next();
                let mut inner = self.expr()?;
                self.expects(")")?;
                inner.at = self.since(&start);
                return Ok(inner);
            }
            Token::Sign("[") => {
                self.next();
                let items = self.list()?;
                self.expects("]")?;
                Kind::List(items)
            }
            Token::Sign("*") => {
                return Err(self.fault(text!("`*` names every column, and none of them may leave as it is: ask for COUNT(*), or for the SUM or AVG of a column", "`*` 指所有列，而任何一列都不能原样离开：请改问 `COUNT(*)`，或某一列的 SUM 或 AVG")));
            }
            Token::Number(digits) => {
                let kind = number(&digits)
                    .ok_or_else(|| self.fault(say!("the number {digits} is too large", "数字 {digits} 过大")))?;
                self.next();
                kind
            }
            Token::Text(text) => {
                self.next();
                Kind::Text(text)
            }
            Token::Word(word) => return self.word(&word, &start),
            Token::Quoted(name) => {
                self.next();
                return self.qualified(name, &start);
            }
            Token::End => return Err(self.fault(text!("something is missing at the end", "末尾缺少内容"))),
            Token::Sign(_) => {
                return Err(self.fault(text!(
                    "a column, a number or a text in single quotes is missing before this",
                    "此处之前缺少列名、数字或单引号中的文本"
                )));
            }
        };
        self.made(kind, self.since(&start))
    }

    /// What begins with a word: a constant, a function, a column.
    fn word(&mut self, word: &str, start: &Span) -> Result<Expr, Fault> {
        let lower = word.to_ascii_lowercase();
        let constant = match lower.as_str() {
            "null" => Some(Kind::Null),
            "true" => Some(Kind::Truth(true)),
            "false" => Some(Kind::Truth(false)),
            _ => None,
        };
        if let Some(kind) = constant {
            self.next();
            return self.made(kind, start.clone());
        }
        let name = self.name()?;
        // DATE '2025-01-01' is the text, which is a date beside dates.
        if let ("date" | "timestamp", Token::Text(text)) = (lower.as_str(), self.peek().clone()) {
            self.next();
            return self.made(Kind::Text(text), self.since(start));
        }
        match self.takes_sign("(") {
            true => self.call(lower, start),
            false => self.qualified(name, start),
        }
    }

    /// A column, behind its table's name or without it.
    fn qualified(&mut self, name: String, start: &Span) -> Result<Expr, Fault> {
        let name = match self.takes_sign(".") {
            true if matches!(self.peek(), Token::Sign("*")) => return self.prefix(),
            true => {
                self.qualifiers.push((name, start.clone()));
                self.name()?
            }
            false => name,
        };
        self.made(Kind::Name(name), self.since(start))
    }

    fn call(&mut self, name: String, start: &Span) -> Result<Expr, Fault> {
        if matches!(name.as_str(), "cast" | "try_cast" | "convert") {
            return Err(Fault::at(self.text, start, NO_CAST));
        }
        let (mut arguments, mut all) = (Vec::new(), false);
        let distinct = self.takes("distinct");
        if name == "extract" {
            let part = self.name()?;
            self.expects("from")?;
            arguments.push(self.expr()?);
            self.expects(")")?;
            let kind = Kind::Call { name: part.to_ascii_lowercase(), arguments, distinct, all };
            return self.made(kind, self.since(start));
        }
        if self.takes_sign("*") {
            all = true;
        } else if !matches!(self.peek(), Token::Sign(")")) {
            if self.is("select") {
                return Err(self.fault(NO_SUBQUERY));
            }
            arguments = self.list()?;
        }
        self.expects(")")?;
        if self.is("within") {
            arguments.insert(0, self.within(&name, &arguments)?);
        }
        let at = self.since(start);
        if self.is("over") || self.is("filter") {
            return Err(match self.is("over") {
                true => self.fault(text!("a window function would see the rows of many units side by side: ask for groups with GROUP BY instead", "窗口函数会把多个单元的行放在一起看：请改用 GROUP BY 分组")),
                false => self.fault(text!("put the condition into the sum instead: SUM(CASE WHEN condition THEN value END)", "请把条件写入求和之中：SUM(CASE WHEN 条件 THEN 值 END)")),
            });
        }
        self.made(Kind::Call { name, arguments, distinct, all }, at)
    }

    /// What `PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)` is a quantile of.
    fn within(&mut self, name: &str, arguments: &[Expr]) -> Result<Expr, Fault> {
        if !matches!((name, arguments), ("percentile_cont" | "percentile_disc", [_])) {
            return Err(self.fault(text!(
                "only PERCENTILE_CONT(0.5) looks within a group: write SUM(CASE WHEN condition THEN value END) for a part of the rows",
                "只有 PERCENTILE_CONT(0.5) 可接 WITHIN GROUP：只计部分行请写 SUM(CASE WHEN 条件 THEN 值 END)"
            )));
        }
        for word in ["within", "group", "(", "order", "by"] {
            self.expects(word)?;
        }
        let of = self.expr()?;
        self.takes("asc");
        if self.is("desc") {
            return Err(self.fault(text!(
                "a quantile counts from the least: leave DESC out, and write 0.1 for 0.9",
                "分位数从小往大数：请去掉 DESC，并把 0.9 写作 0.1"
            )));
        }
        self.expects(")")?;
        Ok(of)
    }

    fn case(&mut self, start: &Span) -> Result<Expr, Fault> {
        let of = if self.is("when") { None } else { Some(Box::new(self.expr()?)) };
        let mut cases = Vec::new();
        while self.takes("when") {
            let when = self.expr()?;
            self.expects("then")?;
            cases.push((when, self.expr()?));
        }
        if cases.is_empty() {
            return Err(
                self.fault(text!("CASE needs at least one WHEN ... THEN ...", "CASE 至少要有一个 WHEN ... THEN ..."))
            );
        }
        let other = if self.takes("else") { Some(Box::new(self.expr()?)) } else { None };
        self.expects("end")?;
        self.made(Kind::Case(of, cases, other), self.since(start))
    }
}

const NO_CAST: Text = text!(
    "types are not converted here: columns have the types of their description, and dates are written as texts such as '2025-01-31'",
    "此处不能转换类型：列的类型以描述为准，日期写成文本，如 '2025-01-31'"
);
const NO_SUBQUERY: Text = text!(
    "a question within a question is not answered: for what is counted over all rows of one unit write total(column)",
    "不能在问题中再套问题：若要按每个单元的全部行合计，请写 `total(列)`"
);

fn number(digits: &str) -> Option<Kind> {
    match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok().map(Kind::Whole),
        false => digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a bracket round everything that has parts.
    fn shown(expr: &Expr) -> String {
        match &expr.kind {
            Kind::Name(name) => name.clone(),
            Kind::Null => "NULL".into(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Whole(number) => number.to_string(),
            Kind::Number(number) => number.to_string(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::Negated(of) => format!("(-{})", shown(of)),
            Kind::Not(of) => format!("(!{})", shown(of)),
            Kind::Binary(operator, left, right) => format!("({} {operator:?} {})", shown(left), shown(right)),
            Kind::IsNull(of) => format!("({} null)", shown(of)),
            kind => {
                let name = match kind {
                    Kind::Call { name, .. } => name.clone(),
                    Kind::In(..) => "in".into(),
                    Kind::Like(..) => "like".into(),
                    Kind::Between(..) => "between".into(),
                    Kind::Case(..) => "case".into(),
                    _ => String::new(),
                };
                format!("{name}[{}]", expr.parts().map(shown).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn operators_bind_as_in_sql() {
        for (text, expected) in [
            ("a + b * -c - 1", "((a Plus (b Times (-c))) Minus 1)"),
            ("not a = 1 and b or c", "(((!(a Equal 1)) And b) Or c)"),
            ("a not between 1 and 2 + 3 and b", "((!between[a 1 (2 Plus 3)]) And b)"),
            ("a is not null", "(!(a null))"),
            ("t.\"a b\" in (1, 'x') or `c` not like 'y%'", "(in[a b 1 'x'] Or (!like[c 'y%']))"),
            ("CASE x WHEN 1 THEN 'a' ELSE 'b' END", "case[x 1 'a' 'b']"),
            ("bin(land, [10, 5e1])", "bin[land [10 50]]"),
            ("extract(year from month) = year(date '2025-01-01')", "(year[month] Equal year['2025-01-01'])"),
            ("(a - (b - c)) - +1.5", "((a Minus (b Minus c)) Minus 1.5)"),
        ] {
            assert_eq!(Expr::parse(text).map(|expr| shown(&expr)), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_answered_is_named_at_its_place() {
        for (text, place, length, said) in [
            ("sum(a) over (partition by b)", 8, 4, "a window function"),
            ("a + *", 5, 1, "`*` names every column"),
            ("t.*", 3, 1, "`*` names every column"),
            ("a in (select 1)", 7, 6, "a question within a question"),
            ("cast(a as int)", 1, 4, "types are not converted"),
            ("a::int", 2, 2, "types are not converted"),
            ("1 < a < 3", 7, 1, "comparisons do not follow one another"),
            ("a b", 3, 1, "the expression ends before this"),
            ("(a", 3, 1, "`)` is missing here"),
            ("a +", 4, 1, "something is missing"),
            ("99999999999999999999", 1, 20, "is too large"),
            ("1e999", 1, 5, "is too large"),
            ("case end", 6, 3, "a name is missing here"),
        ] {
            let fault = Expr::parse(text).unwrap_err();
            let message = fault.message.to_string();
            assert!((fault.place, fault.length) == (place, length) && message.contains(said), "{text}: {fault:?}");
        }
    }

    /// Each is refused in linear time, and none is deep enough for a stack.
    #[test]
    fn hostile_expressions_are_refused() {
        for text in ["(", "-", "not ", "f(", "case when ", "[", "a + (", "1 = case ", "a between ", "if(case "] {
            let many = text.repeat(LONGEST / text.chars().count());
            assert!(Expr::parse(&many).is_err(), "{text}");
            assert!(Expr::parse(&text.repeat(10_000)).is_err(), "{text}");
        }
        for link in [" + a", " and a", " or a = 1", " is null", " between 1 and 2"] {
            let chain = format!("a{}", link.repeat(LONGEST / link.len() - 1));
            let fault = Expr::parse(&chain).unwrap_err();
            assert!(fault.message.to_string().contains("nested more than 100 deep"), "{link}: {fault}");
        }
        assert!(Expr::parse(&format!("a{}", " + a".repeat(90))).is_ok());
    }
}
