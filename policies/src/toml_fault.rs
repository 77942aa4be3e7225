//! What the TOML reader says of a text that it cannot read, in plain words and both languages.

use unseen_texts::{Lang, Sentence, Text, say, text};

use crate::meant::meant;
use crate::rho::Rho;

/// A message of the reader's, or of serde's. One of the reader's that has no Chinese here stays English, in brackets.
pub fn toml_fault(message: &str) -> Sentence {
    let en = message.replace('\n', ", ");
    serde_fault(&en).or_else(|| rho_fault(&en)).unwrap_or_else(|| {
        let (head, expected) = en.split_once(", expected ").unwrap_or((&en, ""));
        let zh = match SYNTAX.iter().find(|(en, _)| *en == head) {
            None => format!("不符合 TOML 语法（{en}）"),
            Some((_, zh)) => {
                // Only signs are the same in both languages.
                let signs: Vec<_> = expected.split(", ").filter(|sign| sign.starts_with('`')).collect();
                if signs.is_empty() { (*zh).to_owned() } else { format!("{zh}，此处应为 {}", signs.join("、")) }
            }
        };
        Sentence::new_in(|lang| if lang == Lang::Zh { zh.clone() } else { en.clone() })
    })
}

/// Fields and types, as serde names them.
fn serde_fault(en: &str) -> Option<Sentence> {
    let after = |prefix: &str| en.strip_prefix(prefix);
    if let Some(field) = after("missing field ") {
        return Some(say!("{field} is missing", "缺少 {field}"));
    }
    if let Some((field, known)) = after("unknown field ").and_then(|rest| rest.split_once(", expected ")) {
        let known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
        let advice = meant(field.trim_matches('`'), &known);
        return Some(say!("there is no key {field}: {advice}", "没有键 {field}：{advice}"));
    }
    let found = after("invalid type: ").or_else(|| after("invalid value: "))?;
    let (is, wanted) = found.split_once(", expected ")?;
    let at = is.find(['`', '"']).unwrap_or(is.len());
    let (is, value) = (kind(is[..at].trim()), &is[at..]);
    let wanted = kind(wanted);
    Some(match value.is_empty() {
        true => say!("the value is {is}: write {wanted}", "值的类型是{is}：请写{wanted}"),
        false => say!("the value is {is}, {value}: write {wanted}", "值是{is} {value}：请写{wanted}"),
    })
}

/// An amount of rho says itself what is wrong with it.
fn rho_fault(en: &str) -> Option<Sentence> {
    let (value, _) = en.strip_prefix('`')?.split_once('`')?;
    let error = value.parse::<Rho>().err()?;
    (error.to_string() == en).then_some(error)
}

/// The name of a type, as TOML's reader and serde give it.
pub(crate) fn kind(en: &str) -> Text {
    match en.trim_start_matches("a ").trim_start_matches("an ") {
        "string" => text!("a text", "文本"),
        "integer" => text!("a whole number", "整数"),
        "float" | "floating point" | "f64" => text!("a number", "数"),
        "boolean" => text!("true or false", "布尔值（true 或 false）"),
        "datetime" => text!("a time", "时间"),
        "array" | "sequence" => text!("a list", "列表"),
        "u32" => text!("a whole number from 0 to 4294967295", "0 到 4294967295 的整数"),
        "u64" => text!("a whole number from 0", "不小于 0 的整数"),
        other if other == "table" || other == "map" || other.starts_with("struct ") => text!("a table", "表"),
        _ => text!("of another kind", "其他类型"),
    }
}

const SYNTAX: &[(&str, &str)] = &[
    ("cannot recurse further; max recursion depth met", "嵌套过深"),
    ("carriage return must be followed by newline", "回车之后必须是换行"),
    ("duplicate key", "键重复"),
    ("extra `=`", "多了一个 `=`"),
    ("extra assignment between key-value pairs", "多了一个 `=`"),
    ("extra comma in array", "数组中多了一个逗号"),
    ("extra comma in inline table", "行内表中多了一个逗号"),
    ("integers with a radix cannot be signed", "带进制前缀的整数不能有正负号"),
    ("invalid array", "数组写法不对"),
    ("invalid basic string", "双引号字符串不完整或有无效字符"),
    ("invalid comment character", "注释中有无效字符"),
    ("invalid date", "日期不存在或写法不对"),
    ("invalid datetime", "时间不存在或写法不对"),
    ("invalid escape sequence", "反斜杠之后的转义写法不对"),
    ("invalid inline table element", "行内表的元素写法不对"),
    ("invalid key-value pair", "键值对写法不对"),
    ("invalid literal string", "单引号字符串不完整或有无效字符"),
    ("invalid multi-line basic string", "多行字符串不完整或有无效字符"),
    ("invalid time", "时间不存在或写法不对"),
    ("invalid unquoted key", "不带引号的键只能用字母、数字、`_` 和 `-`"),
    ("invalid value", "值的写法不对"),
    ("key with no value", "这个键没有值"),
    ("missing assignment between key-value pairs", "键与值之间缺少 `=`"),
    ("missing comma between array elements", "数组元素之间缺少逗号"),
    ("missing comma between key-value pairs", "键值对之间缺少逗号"),
    ("missing escaped value", "反斜杠之后的转义写法不对"),
    ("missing key for inline table element", "行内表的元素缺少键"),
    ("missing opening quote", "缺少开头的引号"),
    ("missing value", "缺少值"),
    ("missing value for key", "这个键没有值"),
    ("redundant numeric sign", "数字的正负号多余"),
    ("string values must be quoted", "文本必须加引号"),
    ("unclosed array", "数组没有结束"),
    ("unclosed array table", "表数组的标题没有结束"),
    ("unclosed inline table", "行内表没有结束"),
    ("unclosed table", "表的标题没有结束"),
    ("unexpected content", "有多余内容"),
    ("unexpected content between comment and newline", "注释与换行之间有多余内容"),
    ("unexpected key or value", "此处不应有键或值"),
    ("unexpected leading zero", "数字不能以 0 开头"),
    ("unquoted keys cannot be empty", "键不能为空"),
];

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use unseen_texts::Say;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Asked {
        approvals: u32,
        flag: Option<bool>,
        cap: Option<Rho>,
    }

    /// What the reader of this version really says.
    #[test]
    fn common_mistakes_have_plain_words_in_both_languages() {
        for (text, en, zh) in [
            ("", "`approvals` is missing", "缺少 `approvals`"),
            (
                "aprovals = 1",
                "there is no key `aprovals`: did you mean `approvals`?",
                "没有键 `aprovals`：是否想写 `approvals`？",
            ),
            (
                "zzz = 1",
                "there is no key `zzz`: there are approvals, flag, cap",
                "没有键 `zzz`：可用的有 approvals, flag, cap",
            ),
            (
                "approvals = \"two\"",
                "the value is a text, \"two\": write a whole number from 0 to 4294967295",
                "值是文本 \"two\"：请写0 到 4294967295 的整数",
            ),
            (
                "approvals = 1\nflag = 3",
                "the value is a whole number, `3`: write true or false",
                "值是整数 `3`：请写布尔值（true 或 false）",
            ),
            ("approvals = 1\ncap = 0.5", "the value is a number, `0.5`: write a text", "值是数 `0.5`：请写文本"),
            ("approvals = 1\ncap = \"-1\"", "`-1` is not an amount of rho", "`-1` 不是"),
            ("approvals = 1\ncap = \"lots\"", "`lots` is not a finite number", "`lots` 不是有限的数"),
            ("approvals", "key with no value", "这个键没有值"),
            ("approvals = 1\napprovals = 2", "duplicate key", "键重复"),
            ("approvals = [1", "unclosed array", "数组没有结束"),
            ("approvals = x", "string values must be quoted", "文本必须加引号"),
            ("approvals = \"\\q\"", "missing escaped value", "反斜杠之后的转义写法不对"),
            ("approvals = 2027-13-45", "invalid date", "日期不存在"),
        ] {
            let error = toml::from_str::<Asked>(text).unwrap_err();
            let told = toml_fault(error.message());
            assert!(told.told(Lang::En).starts_with(en), "{text}: {} ({})", told.told(Lang::En), error.message());
            assert!(told.told(Lang::Zh).starts_with(zh), "{text}: {} ({})", told.told(Lang::Zh), error.message());
        }
    }
}
