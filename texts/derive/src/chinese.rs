//! What every Chinese text keeps.

use syn::LitStr;

/// Refuses a text that is not Chinese or is set as English is, and operators by half their name.
pub(crate) fn check(text: &LitStr) -> syn::Result<()> {
    match fault(&text.value()) {
        Some(fault) => Err(syn::Error::new(text.span(), fault)),
        None => Ok(()),
    }
}

fn fault(text: &str) -> Option<String> {
    let letters: Vec<char> = outside_code(text).chars().collect();
    if letters.iter().any(|c| c.is_ascii_alphabetic()) && !text.chars().any(chinese) {
        return Some("this is no Chinese text".to_owned());
    }
    for pair in letters.windows(2) {
        let mark = |c: char| matches!(c, ':' | ',' | ';' | '?' | '!' | '(' | ')');
        if chinese(pair[0]) && mark(pair[1]) || mark(pair[0]) && chinese(pair[1]) {
            return Some(format!("`{}{}`: Chinese is set with full-width marks", pair[0], pair[1]));
        }
    }
    let halved = text
        .match_indices("管理员")
        .any(|(at, _)| !["运行", "数据", "安全"].iter().any(|kind| text[..at].ends_with(kind)));
    halved.then(|| "an operator is 运行管理员, a steward 数据管理员, a security administrator 安全管理员".to_owned())
}

/// Without what stands in backticks and in braces.
fn outside_code(text: &str) -> String {
    let mut code = false;
    let outside = text.split('`').map(|part| {
        code = !code;
        if code { part } else { "`" }
    });
    let outside = outside.collect::<String>();
    outside.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect::<Vec<_>>().join("{")
}

fn chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c) || matches!(c, '：' | '，' | '（' | '）' | '；' | '、' | '。')
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn chinese_is_set_as_chinese() {
        for good in
            ["状态", "`{0}`：{1}", "{0}", "{a}：请看 `unseen job, all`（{b}）", "请由运行管理员登记", "95 % 区间"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["State", "错误: 没有", "错误:没有", "管理员", "请由管理员登记", "提交时间(UTC)", "是,否"]
        {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
