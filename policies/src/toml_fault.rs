//! What the TOML reader says of a text that it cannot read, in both languages.

use unseen_texts::{Lang, Sentence};

/// A message of the reader's. One that has no Chinese here stays English in brackets.
pub fn toml_fault(message: &str) -> Sentence {
    let en = message.replace('\n', ", ");
    let told = serde_fault(&en).or_else(|| {
        let (head, expected) =
            en.split_once(", expected ").map_or((en.as_str(), None), |(head, rest)| (head, Some(rest)));
        let (_, zh) = SYNTAX.iter().find(|(en, _)| *en == head)?;
        let symbols = expected.filter(|expected| expected.chars().any(|c| c == '`'));
        Some(symbols.map_or_else(|| (*zh).to_owned(), |expected| format!("{zh}，此处应为 {expected}")))
    });
    let zh = told.unwrap_or_else(|| format!("不符合 TOML 语法（{en}）"));
    Sentence::new_in(|lang| if lang == Lang::Zh { zh.clone() } else { en.clone() })
}

/// Fields and types, as serde names them.
fn serde_fault(en: &str) -> Option<String> {
    let after = |prefix: &str| en.strip_prefix(prefix);
    if let Some(field) = after("missing field ") {
        return Some(format!("缺少字段 {field}"));
    }
    if let Some(field) = after("duplicate field ") {
        return Some(format!("字段 {field} 重复"));
    }
    if let Some((field, known)) = after("unknown field ").and_then(|rest| rest.split_once(", ")) {
        let known = known.trim_start_matches("expected ").trim_start_matches("one of ");
        return Some(format!("没有字段 {field}；可用字段有 {}", known.replace("` or `", "`, `")));
    }
    if let Some((is, wanted)) = after("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        return Some(format!("值的类型不对：这里是 {}，应为 {}", kind(is), kind(wanted)));
    }
    if let Some((is, wanted)) = after("invalid value: ").and_then(|rest| rest.split_once(", expected ")) {
        return Some(format!("值不对：这里是 {}，应为 {}", kind(is), kind(wanted)));
    }
    None
}

fn kind(en: &str) -> String {
    const KINDS: [(&str, &str); 14] = [
        ("string", "文本"),
        ("a string", "文本"),
        ("integer", "整数"),
        ("u32", "不小于 0 的整数"),
        ("u64", "不小于 0 的整数"),
        ("f64", "数"),
        ("floating point", "小数"),
        ("boolean", "布尔值"),
        ("a boolean", "布尔值"),
        ("sequence", "数组"),
        ("a sequence", "数组"),
        ("map", "表"),
        ("a map", "表"),
        ("datetime", "时间"),
    ];
    let found = KINDS.iter().filter_map(|(name, zh)| {
        let rest = en.strip_prefix(name)?;
        let whole = rest.is_empty() || rest.starts_with(" `") || rest.starts_with(" \"");
        whole.then(|| format!("{zh}{rest}"))
    });
    let longest = found.max_by_key(String::len);
    match en.strip_prefix("struct ") {
        Some(_) => "表".to_owned(),
        None => longest.unwrap_or_else(|| en.to_owned()),
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
    ("invalid inline table element", "行内表的元素写法不对"),
    ("invalid key-value pair", "键值对写法不对"),
    ("invalid literal string", "单引号字符串不完整或有无效字符"),
    ("invalid multi-line basic string", "多行字符串不完整或有无效字符"),
    ("invalid unquoted key", "不带引号的键只能用字母、数字、`_` 和 `-`"),
    ("invalid value", "值的写法不对"),
    ("key with no value", "这个键没有值"),
    ("missing assignment between key-value pairs", "键与值之间缺少 `=`"),
    ("missing comma between array elements", "数组元素之间缺少逗号"),
    ("missing comma between key-value pairs", "键值对之间缺少逗号"),
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
    ("unexpected content between comment and newline", "注释与换行之间有多余内容"),
    ("unexpected content", "有多余内容"),
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
        a: u32,
        b: Option<bool>,
    }

    /// What the reader of this version really says.
    #[test]
    fn common_mistakes_have_their_chinese() {
        for (text, wanted) in [
            ("", "缺少字段 `a`"),
            ("a = 1\nc = 2", "没有字段 `c`；可用字段有 `a`, `b`"),
            ("a = \"x\"", "值的类型不对：这里是 文本 \"x\"，应为 不小于 0 的整数"),
            ("a = 1\nb = 3", "值的类型不对：这里是 整数 `3`，应为 布尔值"),
            ("a = -1", "值不对：这里是 整数 `-1`，应为 不小于 0 的整数"),
            ("a", "这个键没有值"),
            ("a = 1\na = 2", "键重复"),
            ("a = [1", "数组没有结束"),
            ("a = x", "文本必须加引号"),
        ] {
            let error = toml::from_str::<Asked>(text).unwrap_err();
            let told = toml_fault(error.message()).told(Lang::Zh);
            assert!(told.starts_with(wanted), "{text}: {told} ({})", error.message());
        }
    }
}
