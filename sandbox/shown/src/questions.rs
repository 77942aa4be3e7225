//! Questions before they are asked, as people see them: what a description lets one ask, and how exact numbers will be.

use unseen_terminal::output::clean;
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, Text, say, text};
use unseen_usecases::ask::{ExpectedNumber, Measure, Suggested, SuggestedColumn};

use crate::figures::brief;

/// What to write for each column.
pub fn suggested(found: &Suggested, lang: Lang) -> String {
    let line = |label: Text, said: &Option<String>| {
        said.as_ref().map_or_else(String::new, |said| format!("  {}  {}\n", label.to(lang), clean(said)))
    };
    let column = |column: &SuggestedColumn| {
        let (group, value) = (
            line(text!("groups", "分组"), &column.group.as_deref().map(|group| shortened(group, lang))),
            line(text!("values", "求和"), &column.value),
        );
        let note = column.note.as_ref().map(|note| note.told(lang));
        let note = note.map_or_else(String::new, |note| format!("  {}\n", clean(&note)));
        let measure =
            line(text!("closer bounds, at a price", "用预算测出更紧的界限"), &column.measure.as_ref().map(command));
        format!("{}\n{group}{value}{note}{measure}", clean(&column.name))
    };
    found.columns.iter().map(column).collect()
}

/// More keys than this are not listed.
const MOST_KEYS: usize = 24;

/// An entry of `groups`; of many keys the first and the last, and how many there are.
fn shortened(group: &str, lang: Lang) -> String {
    let table: Option<toml::Table> = toml::from_str(&format!("group = {group}")).ok();
    let entry = table.as_ref().and_then(|table| table.get("group"));
    let keys = entry.and_then(|entry| entry.get("keys")?.as_array()).filter(|keys| keys.len() > MOST_KEYS);
    let (Some([first, .., last]), Some(name)) = (keys.map(Vec::as_slice), entry.and_then(|entry| entry.get("name")))
    else {
        return group.to_owned();
    };
    let said = say!(
        "{count} keys from {first} to {last}: --json lists them all",
        "从 {first} 到 {last} 共 {count} 个键：--json 列出全部",
        count = keys.map_or(0, Vec::len),
        first = first.to_string(),
        last = last.to_string()
    );
    format!("{{ name = {name}, keys = [...] }}  {}", said.told(lang))
}

/// What asks for it, in a shell.
fn command(measure: &Measure) -> String {
    let typed = |text: &String| format!("'{}'", text.replace('\'', r"'\''"));
    let bounds = measure.bounds.as_ref().map_or_else(String::new, |bounds| format!(" --bounds {}", typed(bounds)));
    format!("unseen ask {}{bounds} --rho 0.01", typed(&measure.sql))
}

/// How exact the numbers of a question will be.
pub fn expected(expected: &[ExpectedNumber], lang: Lang) -> String {
    if expected.is_empty() {
        return String::new();
    }
    let rows = expected.iter().map(|number| {
        vec![
            number.name.clone(),
            brief(number.supposed),
            format!("± {}", brief(number.half_width)),
            match number.mostly_noise {
                true => text!("mostly noise", "大部分是噪声").told(lang),
                false => format!("{} %", brief(100.0 * number.half_width / number.supposed.abs())),
            },
        ]
    });
    let heads = [
        Left(text!("number", "数")),
        Right(text!("supposed, in each group", "假定每组为")),
        Right(text!("95 %", "95 % 区间")),
        Right(text!("of it", "相对误差")),
    ];
    let remark = text!(
        "Supposed are as many units and rows as descriptions allow, groups of equal size, and rows in the middle of their bounds.",
        "假定单元数和行数达到描述的上限，各组大小相同，每行取值居于范围正中。"
    );
    let noisy = expected.iter().filter(|number| !number.noisy.is_empty()).map(|number| {
        let (name, groups) = (&number.name, number.noisy.join(", "));
        let said = say!(
            "By the sizes that the steward gives, `{name}` would be mostly noise in: {groups}",
            "按数据管理员公布的规模，`{name}` 在以下分组中大部分会是噪声：{groups}"
        );
        format!("{}\n", clean(&said.told(lang)))
    });
    format!("{}\n{}\n{}", table(lang, &heads, rows), remark.to(lang), noisy.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_keys_the_first_and_the_last_are_shown() {
        let entry = |count: usize| {
            let keys: Vec<String> = (0..count).map(|at| format!("\"{at}, ]\"")).collect();
            format!("{{ name = \"月\", keys = [{}] }}", keys.join(", "))
        };
        for whole in [entry(24), "{ name = \"a\", range = [1, 999] }".to_owned()] {
            assert_eq!(shortened(&whole, Lang::En), whole);
        }
        let said = shortened(&entry(552), Lang::En);
        let expected = r#"{ name = "月", keys = [...] }  552 keys from "0, ]" to "551, ]": --json lists them all"#;
        assert_eq!(said, expected);
    }
}
