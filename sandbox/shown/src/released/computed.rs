//! Tables that a job computed, as people read them: what a model of the lab's own calls things is told in their
//! language, and beside what its asker called it. Nobody's own words are translated, nor those of an analyst's code.

use unseen_core::release::Derived;
use unseen_ids::Key;
use unseen_texts::{Lang, Say, Text, say, text};
use unseen_usecases::release::Numbers;

/// The tables, under the names that people read.
pub(crate) fn tables(numbers: &Numbers, lang: Lang) -> Vec<Derived> {
    let Some(model) = &numbers.model else { return numbers.derived.clone() };
    let output = numbers.rounds.last().and_then(|round| round.outputs.first()).map_or("", |output| &output.name);
    numbers.derived.iter().map(|table| told(table, model, output, lang)).collect()
}

fn told(table: &Derived, model: &str, output: &str, lang: Lang) -> Derived {
    let mut told = table.clone();
    let name = name(&table.name, lang);
    // What the question is called where nobody called it anything says nothing.
    told.name = if output == "answer" { name } else { say!("{output}: {name}", "{output}：{name}").told(lang) };
    let own = |word: &mut String| {
        if let Some(text) = word_of(word) {
            *word = text.told(lang);
        }
    };
    let last = told.columns.len().saturating_sub(1);
    let is_own = |(at, column): &(usize, &mut String)| match model {
        "top" => *at != 1 || matches!(column.as_str(), "rows" | "units"),
        "k-means" => *at == 0,
        _ => *at <= last,
    };
    told.columns.iter_mut().enumerate().filter(is_own).for_each(|(_, column)| own(column));
    let of_terms = table.name == "coefficients";
    if of_terms || model == "k-means" {
        told.keys.last_mut().into_iter().for_each(own);
    }
    if of_terms {
        let others = |keys: &[Key]| keys.split_last().map(|(_, others)| others.to_vec());
        for (at, keys) in told.groups.iter_mut().enumerate() {
            // The first term of each group; a column may be called so too.
            let is_first = at == 0 || others(keys) != others(&table.groups[at - 1]);
            if let Some(Key::Text(term)) = keys.last_mut().filter(|_| is_first) {
                own(term);
            }
        }
    }
    told
}

/// The name of a table of a model's.
fn name(name: &str, lang: Lang) -> String {
    if let Some(of) = name.strip_prefix("quantiles of ") {
        return say!("quantiles of {of}", "{of} 的分位数").told(lang);
    }
    let ranked = name.strip_prefix("top ").and_then(|rest| rest.split_once(" by "));
    if let Some((most, by)) = ranked {
        return say!("top {most} by {by}", "按 {by} 排列的前 {most} 组").told(lang);
    }
    word_of(name).map_or_else(|| name.to_owned(), |text| text.told(lang))
}

/// A word of ours.
fn word_of(word: &str) -> Option<Text> {
    const WORDS: [(&str, Text); 18] = [
        ("share", text!("share", "份额")),
        ("value", text!("value", "值")),
        ("low", text!("low", "下限")),
        ("high", text!("high", "上限")),
        ("rank", text!("rank", "名次")),
        ("rows", text!("rows", "行数")),
        ("units", text!("units", "单元数")),
        ("standard_deviation", text!("standard_deviation", "标准差")),
        ("coefficients", text!("coefficients", "系数")),
        ("coefficient", text!("coefficient", "系数")),
        ("term", text!("term", "项")),
        ("intercept", text!("intercept", "截距")),
        ("fit", text!("fit", "拟合情况")),
        ("hidden", text!("hidden", "被噪声淹没（hidden）")),
        ("last_step", text!("last_step", "最后一步（last_step）")),
        ("centres", text!("centres", "中心")),
        ("standard deviations of the centres", text!("standard deviations of the centres", "中心的标准差")),
        ("cluster", text!("cluster", "聚类")),
    ];
    WORDS.iter().find(|(own, _)| *own == word).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(name: &str, columns: &[&str], keys: &[&str], groups: &[&[&str]], model: &str, output: &str) -> String {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let groups = groups.iter().map(|keys| keys.iter().map(|key| Key::Text((*key).to_owned())).collect()).collect();
        let table = Derived { name: name.into(), columns: owned(columns), rows: Vec::new(), keys: owned(keys), groups };
        let all = |table: &Derived| {
            let groups = table.groups.iter().map(|keys| keys.iter().map(Key::to_string).collect::<Vec<_>>().join("/"));
            let groups = groups.collect::<Vec<_>>().join(" ");
            format!("{}|{}|{}|{groups}", table.name, table.columns.join(" "), table.keys.join(" "))
        };
        if output == "answer" {
            assert_eq!(all(&told(&table, model, output, Lang::En)), all(&table));
        }
        all(&told(&table, model, output, Lang::Zh))
    }

    #[test]
    fn our_words_are_told_in_the_readers_language_and_nobody_elses() {
        let terms: [&[&str]; 4] =
            [&["north", "intercept"], &["north", "intercept"], &["south", "intercept"], &["south", "rows"]];
        for (found, expected) in [
            (
                told_of(
                    "quantiles of value",
                    &["share", "value", "low", "high"],
                    &["share"],
                    &[&["low"]],
                    "quantile",
                    "middle",
                ),
                "middle：value 的分位数|份额 值 下限 上限|share|low",
            ),
            (
                told_of(
                    "coefficients",
                    &["coefficient", "standard_deviation"],
                    &["term", "term"],
                    &terms,
                    "linear",
                    "answer",
                ),
                "系数|系数 标准差|term 项|north/截距 north/intercept south/截距 south/rows",
            ),
            (
                told_of("fit", &["last_step", "hidden"], &["cluster"], &[&["intercept"]], "logistic", "answer"),
                "拟合情况|最后一步（last_step） 被噪声淹没（hidden）|cluster|intercept",
            ),
            (
                told_of("centres", &["rows", "value"], &["cluster"], &[&["1"]], "k-means", "answer"),
                "中心|行数 value|聚类|1",
            ),
            (
                told_of(
                    "top 3 by rank",
                    &["rank", "rank", "standard_deviation"],
                    &["rank"],
                    &[&["value"]],
                    "top",
                    "answer",
                ),
                "按 rank 排列的前 3 组|名次 rank 标准差|rank|value",
            ),
            (
                told_of(
                    "top 3 by units",
                    &["rank", "units", "standard_deviation"],
                    &["town"],
                    &[&["fit"]],
                    "top",
                    "answer",
                ),
                "按 units 排列的前 3 组|名次 单元数 标准差|town|fit",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }
}
