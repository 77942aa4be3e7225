//! The registration as a page in Chinese, for whoever fills in the register's form.

use maud::{Markup, html};
use unseen_terminal::output::clean;
use unseen_terminal::page::{page as whole, rows};
use unseen_terminal::table::Column::Left;
use unseen_texts::Lang;

use crate::codes::Coded;
use crate::documents::{Registration, Resource};

/// The page.
pub(crate) fn page(of: &Registration) -> String {
    let title = format!("公共数据资源登记材料：{}", of.resource.elements.name);
    whole(Lang::Zh, &title, "", &body(of))
}

fn body(of: &Registration) -> Markup {
    html! {
        p { "由实验室日志生成，供登记主体填报时使用；未说明的内容不作推断。核验方法见 log/README.md。" }
        h2 { "一、主体信息" }
        (facts(&[
            ("提供方", of.subject.provider.clone()),
            ("统一社会信用代码", stated(of.subject.organisation.as_ref())),
            ("数据管理员（登记签名人）", stated(of.subject.steward.as_ref())),
            ("所在实验室", of.subject.lab.clone()),
        ]))
        h2 { "二、数据合法合规性来源" }
        p { (clean(&stated(of.lawful_source.as_ref()))) }
        h2 { "三、数据资源情况" }
        (resource(&of.resource))
        h2 { "四、存证情况" }
        (rows(
            &["条目", "事项", "时间", "日志条目数", "树根", "联署方", "证明文件"].map(|name| Left(name.to_owned())),
            of.records.iter().map(|record| {
                let at = &record.recorded;
                let by = if at.cosigned_by.is_empty() { "无".to_owned() } else { at.cosigned_by.join("、") };
                cells(&[&at.entry.to_string(), &record.title.zh, &record.time, &at.size.to_string(), &at.root, &by, &at.proof])
            }),
        ))
        h2 { "五、产品和服务信息" }
        @if of.products.is_empty() { p { "尚无已发布的结果。" } } @else {
            (rows(
                &["作业", "名称", "作者", "表", "预算 rho", "发布条目"].map(|name| Left(name.to_owned())),
                of.products.iter().map(|product| {
                    let (tables, rho, release) = (product.tables.join("、"), product.rho.to_string(), product.release.to_string());
                    cells(&[&product.job, &product.title, &product.author, &tables, &rho, &release])
                }),
            ))
        }
        h2 { "六、应用场景信息" }
        @if of.scenes.is_empty() { p { "尚无。" } }
        ul { @for scene in &of.scenes { li { (clean(scene)) } } }
        h2 { "七、数据安全风险评估" }
        (facts(&risk(of)))
        ul { @for held in &of.risk.holds { li { (held.zh) } } }
        h2 { "八、实验室无法提供、须由登记主体补充的材料" }
        ul { @for lacks in &of.missing { li { (lacks.zh) } } }
    }
}

fn resource(of: &Resource) -> Markup {
    let elements = &of.elements;
    let none = || "未说明".to_owned();
    let most = |count: Option<u64>| count.map_or_else(|| "不适用（公开表）".to_owned(), |count| count.to_string());
    let mut known = vec![
        ("名称", elements.name.clone()),
        ("摘要", if elements.summary.is_empty() { none() } else { elements.summary.clone() }),
        ("标识符", elements.identifier.clone()),
        ("元数据标识符", elements.metadata_identifier.clone()),
        ("分类", stated(elements.class.as_ref())),
        ("行政区划代码", stated(elements.area.as_ref())),
        ("共享属性", elements.sharing.clone()),
        ("更新周期", elements.update_cycle.clone()),
        ("隐私单元", stated(of.unit.as_ref())),
        ("单元数上限（声明值，实际数量不公开）", most(of.most_units)),
        ("行数上限（声明值，实际数量不公开）", most(of.most_rows)),
        ("现有快照摘要", of.snapshot.to_string()),
        ("历次快照数／其中已撤回或销毁", format!("{}／{}", of.snapshots, of.gone)),
    ];
    let codes = &elements.codes;
    let coded = |name, coded: &Coded| {
        let code = coded.code.clone().unwrap_or_else(|| "—".to_owned());
        (name, format!("{code} {}", coded.label.zh))
    };
    known.extend([
        coded("数据来源", &codes.origin),
        coded("交付方式", &codes.delivery),
        coded("更新频率", &codes.frequency),
        coded("数据质量", &codes.quality),
        coded("安全级别", &codes.security),
        coded("服务类型", &codes.service),
    ]);
    html! {
        (facts(&known))
        (rows(
            &["字段", "类型", "含义"].map(|name| Left(name.to_owned())),
            of.fields.iter().map(|field| cells(&[&field.name, &field.kind, &field.meaning.zh])),
        ))
    }
}

fn risk(of: &Registration) -> Vec<(&'static str, String)> {
    let mut known =
        vec![("分级", of.risk.level.clone()), ("作业所需审批数（作者本人不计）", of.risk.approvals.to_string())];
    if let Some(budget) = &of.risk.budget {
        known.push(("隐私预算上限 rho", budget.cap.to_string()));
        known.push(("已用 rho", budget.spent.to_string()));
        known.push(("已用 epsilon", format!("{:.4}（delta = {:e}）", budget.spent_epsilon, budget.delta)));
    }
    known
}

fn stated(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "未说明".to_owned())
}

fn facts(facts: &[(&str, String)]) -> Markup {
    html! { dl .facts { @for (name, value) in facts { dt { (name) } dd { (clean(value)) } } } }
}

fn cells(texts: &[&str]) -> Vec<Markup> {
    texts.iter().map(|text| html! { (clean(text)) }).collect()
}
