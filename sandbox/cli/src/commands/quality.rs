//! The quality of a dataset, as people read it.

use unseen_shown::datasets::normalized;
use unseen_terminal::output::facts;
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::datasets::Quality;

pub fn quality_text(quality: &Quality, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[
            (text!("Rows", "行数"), quality.rows.to_string()),
            (text!("Rows without a unit, set aside", "没有隐私单元、另计的行数"), quality.set_aside.to_string()),
            (text!("Units", "隐私单元数"), quality.units.to_string()),
        ],
    );
    if quality.bad_rows > 0 {
        text.push_str(&facts(
            lang,
            &[(text!("Rows with bad cells, set aside", "有不合格单元格、另计的行数"), quality.bad_rows.to_string())],
        ));
    }
    if quality.alike > 0 {
        text.push_str(&facts(
            lang,
            &[(
                text!("Ids that differ in case, width or spaces only", "仅大小写、全半角或空格不同的编号"),
                quality.alike.to_string(),
            )],
        ));
    }
    if !quality.totals.is_empty() {
        text.push_str(&facts(
            lang,
            &[(text!("Units that look like total rows", "疑似合计行的隐私单元"), quality.totals.join(", "))],
        ));
    }
    if quality.as_floats > 0 {
        text.push_str(&facts(
            lang,
            &[(
                text!("Ids like 1001.0 that were probably whole numbers", "形如 1001.0、原本可能是整数的编号"),
                quality.as_floats.to_string(),
            )],
        ));
    }
    if let Some(normalized) = normalized(quality, lang) {
        text.push_str(&facts(
            lang,
            &[(text!("Cells brought into the declared form", "已按声明规范化的单元格"), normalized)],
        ));
    }
    if let Some(freshness) = &quality.freshness {
        let state = if freshness.fresh { text!("fresh", "及时") } else { text!("late", "逾期") };
        let newest = freshness.newest.date_naive().to_string();
        let said = say!("{newest} ({state})", "{newest}（{state}）").told(lang);
        text.push_str(&facts(lang, &[(text!("Newest", "最新数据"), said)]));
    }
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let rows = quality.columns.iter().map(|column| {
        let invalid = column.out_of_range.saturating_add(column.out_of_domain).saturating_add(column.failed_check);
        vec![
            column.name.clone(),
            percent(column.completeness),
            percent(column.validity),
            invalid.to_string(),
            column.distinct_estimate.to_string(),
            column.rows.to_string(),
        ]
    });
    text.push_str(&table(
        lang,
        &[
            Left(text!("column", "列")),
            Right(text!("completeness", "完整性")),
            Right(text!("validity", "有效性")),
            Right(text!("invalid", "无效")),
            Right(text!("distinct (estimate)", "不同取值（估计）")),
            Right(text!("rows", "行数")),
        ],
        rows,
    ));
    text
}
