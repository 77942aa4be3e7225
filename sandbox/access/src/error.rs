//! Why a text is not taken as rules.

use unseen_texts::Say;

/// Why a text is not taken as rules. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("access")]
pub enum RulesError {
    /// Longer than [`crate::Rules::LONGEST`].
    #[error("the rules have {bytes} bytes: at most {longest} are read")]
    #[zh("规则共 {bytes} 字节：至多读取 {longest} 字节")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is read at most.
        longest: usize,
    },
    /// Deeper than can be read safely.
    #[error(
        "line {line}, column {column}: a rule has at most {brackets} brackets within one another, and at most {marks} brackets and operators: make two rules of it, or compare with a set"
    )]
    #[zh(
        "第 {line} 行第 {column} 列：一条规则的括号至多嵌套 {brackets} 层，括号和运算符合计至多 {marks} 个：请拆成两条，或改用集合比较"
    )]
    TooDeep {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// How many there may be.
        brackets: usize,
        /// How many there may be.
        marks: usize,
    },
    /// A string that never ends.
    #[error("line {line}, column {column}: the quotation mark that opens here is never closed")]
    #[zh("第 {line} 行第 {column} 列：此处打开的引号一直没有闭合")]
    Unended {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Not Cedar.
    #[error("line {line}, column {column}: {why}")]
    #[zh("第 {line} 行第 {column} 列：不符合 Cedar 语法（{why}）")]
    Syntax {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// In Cedar's words.
        why: String,
    },
    /// A template.
    #[error("line {line}, column {column}: a rule has no slots such as `?principal`: write out whom it is about")]
    #[zh("第 {line} 行第 {column} 列：规则中不能有 `?principal` 之类的占位符：请写明针对谁")]
    Slot {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A rule without a name, or with one that is none.
    #[error(
        "line {line}, column {column}: a rule needs a name such as `@id(\"own-jobs\")`: lower-case letters, digits and `-`, at most 64"
    )]
    #[zh("第 {line} 行第 {column} 列：规则需要名称，例如 `@id(\"own-jobs\")`：小写字母、数字和 `-`，至多 64 个")]
    NoId {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Two rules of one name.
    #[error("line {line}, column {column}: there is a rule `{id}` already: give this one a name of its own")]
    #[zh("第 {line} 行第 {column} 列：已有名为 `{id}` 的规则：请换一个名称")]
    Twice {
        /// Its name.
        id: String,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A rule that does not say in both languages what it is about.
    #[error(
        "line {line}, column {column}: the rule `{id}` lacks `@{key}(\"...\")`: say in one sentence what it allows or forbids"
    )]
    #[zh("第 {line} 行第 {column} 列：规则 `{id}` 缺少 `@{key}(\"...\")`：请用一句话写明它允许或禁止什么")]
    NoText {
        /// Its name.
        id: String,
        /// `en` or `zh`.
        key: &'static str,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// It speaks of what the schema does not have.
    #[error("line {line}, column {column}: the rule `{id}` does not fit what rules can speak of: {why}")]
    #[zh("第 {line} 行第 {column} 列：规则 `{id}` 与规则词汇表不符（{why}）")]
    Unfit {
        /// Its name.
        id: String,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// In Cedar's words.
        why: String,
    },
    /// It can never apply, so it does not do what its author meant.
    #[error("line {line}, column {column}: the rule `{id}` can never apply: see whom, what and when it names")]
    #[zh("第 {line} 行第 {column} 列：规则 `{id}` 永远不会适用：请检查其对象、操作和条件")]
    NeverApplies {
        /// Its name.
        id: String,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Nobody could ever change them.
    #[error("with these rules nobody could set the policy: allow `setPolicy` to operators")]
    #[zh("按这些规则，任何人都无法再设定实验室规则：请允许运行管理员执行 `setPolicy`")]
    LockedOut,
}
