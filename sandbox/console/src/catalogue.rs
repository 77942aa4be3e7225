//! Datasets: all that the reader may see, and one of them with its fields.

use maud::{Markup, html};
use unseen_access::Action;
use unseen_ids::Role;
use unseen_policies::event::Status;
use unseen_shown::datasets::{form, normalized};
use unseen_shown::jobs::word;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::budget::Budget;
use unseen_usecases::datasets::{Bilingual, DatasetShown, Datasets, MOST_SENT, Quality};
use unseen_usecases::lives::DatasetStanding;

use crate::parts::{Can, Change, can, digest, mark, moment, signed, spoken};
use crate::shell::{Page, Place, Reader};

/// All of them.
pub fn page(reader: &Reader, found: &Datasets) -> Page {
    let lang = reader.lang;
    let body = html! {
        @if found.datasets.is_empty() {
            p .empty { (text!("No dataset is open to you.", "没有向您开放的数据集。").to(lang)) }
        }
        @if reader.roles.contains(&Role::Steward) {
            p { a .button href=(reader.to("/datasets/new")) { (text!("Send rows", "上传数据").to(lang)) } }
        }
        p { a href="/v1/catalog.jsonld" { (text!("As DCAT-AP (JSON-LD), for other catalogues", "以 DCAT-AP（JSON-LD）格式提供给其他目录").to(lang)) } }
        p { a href="/v1/catalog.gbt21063.json" { (text!("As GB/T 21063.3 names its elements (JSON)", "以 GB/T 21063.3 核心元数据格式（JSON）下载").to(lang)) } }
        ul .cards { @for dataset in &found.datasets { li {
            h2 { a href=(reader.to(&format!("/datasets/{}", dataset.name))) { (bilingual(&dataset.title, lang)) } }
            p .small { code { (dataset.name) } " · " (word(dataset.classification.en(), dataset.classification.zh(), lang))
                " · " (dataset.domain.clone().unwrap_or_else(|| text!("public table", "公开参照表").told(lang))) }
            p { (stars(dataset.stars, lang)) }
            @if !dataset.open_to.is_empty() {
                p .small { (text!("Open to", "开放给").to(lang)) " " (clean(&dataset.open_to.join(", "))) }
            }
        } } }
    };
    Page { title: text!("Datasets", "数据目录").told(lang), place: Place::Catalogue, body }
}

/// What a page of one dataset is made of.
pub struct One<'a> {
    /// Its description.
    pub shown: &'a DatasetShown,
    /// Its status, and all snapshots it ever had.
    pub standing: &'a DatasetStanding,
    /// What was spent of its budget, for whom that is.
    pub budget: Option<&'a Budget>,
    /// What its import counted, for its steward.
    pub quality: Option<&'a Quality>,
}

/// One of them.
pub fn one(reader: &Reader, of: &One<'_>, cans: &[Can]) -> Page {
    let lang = reader.lang;
    let One { shown: found, standing, budget, quality } = of;
    let unit = found.unit.as_ref().map(|unit| format!("{} · {}", unit.domain, unit.column));
    let about = [
        (text!("Name", "名称"), found.name.clone()),
        (text!("Status", "状态"), standing.status.told(lang)),
        (text!("Privacy unit", "隐私单元"), unit.unwrap_or_else(|| text!("public table", "公开参照表").told(lang))),
        (text!("Provider", "提供方"), found.provider.clone()),
        (text!("Level", "级别"), word(found.classification.en(), found.classification.zh(), lang)),
        (text!("Update cycle", "更新周期"), word(found.update_cycle.en(), found.update_cycle.zh(), lang)),
        (text!("Sharing", "共享类型"), word(found.sharing.en(), found.sharing.zh(), lang)),
    ];
    let about_it = bilingual(&found.about, lang);
    let body = html! {
        @if !about_it.is_empty() { p { (about_it) } }
        (facts(lang, &about))
        (reliable(found, lang))
        (how_to_ask(reader, found, lang))
        h2 { (text!("Fields", "字段").to(lang)) }
        p { a href=(format!("/v1/datasets/{}/dictionary.csv", found.name)) { (text!("As a CSV file", "下载为 CSV").to(lang)) } }
        (fields(found, lang))
        @if reader.roles.contains(&Role::Steward) {
            p { a href=(format!("/v1/datasets/{}/registration-pack", found.name)) { (text!("What a register of public data asks, with proofs (zip)", "公共数据资源登记材料，附证明（zip）").to(lang)) } }
        }
        @if let Some(budget) = budget.filter(|budget| !budget.budgets.is_empty()) {
            h2 { (text!("Budget", "预算").to(lang)) }
            (budgets(budget, lang))
        }
        @if let Some(quality) = quality {
            h2 { (text!("Quality", "质量").to(lang)) }
            (counted(quality, lang))
        }
        h2 { (text!("Snapshots", "快照").to(lang)) }
        (snapshots(reader, standing))
        (owned(reader, standing, cans))
        (twin(found, cans, lang))
    };
    Page { title: bilingual(&found.title, lang), place: Place::Catalogue, body }
}

/// How many of five points hold, as people know it from shops.
fn stars(hold: usize, lang: Lang) -> Markup {
    let said = say!("{hold} of 5 points: see what they are about", "五项中有 {hold} 项成立，详见内页");
    let drawn: String = (0..5).map(|at| if at < hold { '★' } else { '☆' }).collect();
    html! { span .stars role="img" aria-label=(said.to(lang)) title=(said.to(lang)) { (drawn) } }
}

/// The points themselves.
fn reliable(found: &DatasetShown, lang: Lang) -> Markup {
    let hold = found.stars.iter().filter(|star| star.holds).count();
    html! {
        h2 { (text!("What you can rely on", "可以依靠什么").to(lang)) " " (stars(hold, lang)) }
        ul { @for star in &found.stars { li {
            @if star.holds { (mark("good", text!("so", "是").to(lang))) } @else { (mark("note", text!("not so", "否").to(lang))) }
            " " (clean(star.says.to(lang)))
        } } }
        p .small { (text!("These points are of what is written of the dataset, not of its rows: those nobody outside may know.", "以上只涉及对数据集的描述，不涉及数据行：后者外人无从得知。").to(lang)) }
    }
}

/// Who lets one use it, and what they will want to know.
fn how_to_ask(reader: &Reader, found: &DatasetShown, lang: Lang) -> Markup {
    let open = match found.classification.en() {
        "public" | "internal" => text!(
            "Where no analysts are named, every analyst of the lab may submit jobs on it.",
            "未指定开放对象时，本实验室的每位分析员都可提交使用它的作业。"
        ),
        _ => text!(
            "Data of this level is open to analysts whom its steward names, one by one.",
            "此级别的数据只向数据管理员逐一指定的分析员开放。"
        ),
    };
    html! {
        h2 { (text!("How to ask for it", "如何申请").to(lang)) }
        (facts(lang, &[
            (text!("Steward", "数据管理员"), found.steward.clone()),
            (text!("Contact", "联系方式"), found.contact.clone().unwrap_or_else(|| text!("ask the lab's operators", "请询问实验室的运行管理员").told(lang))),
        ]))
        p { (open.to(lang)) " " (text!("Say what you want to find out, which fields you need, and how exact the answer must be: that is what it costs.", "请说明要回答的问题、所需字段，以及答案需要多精确：开销取决于精度。").to(lang)) }
        @if reader.roles.contains(&Role::Steward) {
            p .small { (spoken(&say!("Its steward opens it: `unseen dataset import … --open-to NAME`, or in the browser when its rows are registered anew.", "由其数据管理员开放：`unseen dataset import … --open-to 姓名`，或在浏览器中重新登记数据时填写。").told(lang))) }
        }
    }
}

/// Rows to try things on.
fn twin(found: &DatasetShown, cans: &[Can], lang: Lang) -> Markup {
    if !can(cans, Action::MakeTwin).is_some_and(|can| can.allowed) {
        return html! {};
    }
    let at = |end: &str| format!("/v1/datasets/{name}/twin/{name}.{end}", name = found.name);
    html! {
        h2 { (text!("Try it on made-up rows", "用合成数据试用").to(lang)) }
        @if found.unit.is_some() {
            p { (text!("They follow the description and no real row: what they come to says nothing of the lab's.", "这些数据只依据描述生成，与任何真实数据行无关：其结果不反映实验室的数据。").to(lang)) }
        } @else {
            p { (text!("A public table: these are its own rows.", "公开参照表：以下即其真实内容。").to(lang)) }
        }
        form .filters method="get" action=(at("csv")) {
            @if found.unit.is_some() {
                div { label for="twin-rows" { (text!("Rows", "行数").to(lang)) }
                    input #twin-rows name="rows" type="number" min="1" max=(MOST_SENT) value="1000" required; }
                div { label for="twin-seed" { (text!("Seed: the same one gives the same rows", "随机种子：相同种子得到相同数据").to(lang)) }
                    input #twin-seed name="seed" type="number" min="0" value="1" required; }
            }
            div { button { (text!("Rows (CSV)", "数据（CSV）").to(lang)) } }
        }
        p { a href=(at("dataset.toml")) { (text!("The description for them (dataset.toml)", "对应的描述（dataset.toml）").to(lang)) } }
        p .small { (spoken(&say!(
            "Put both into a folder `twins`, and `unseen job try my-job --twins twins` runs a job on them; or at a terminal: `unseen twin {name} --out twins`.",
            "把两个文件放入文件夹 `twins`，`unseen job try my-job --twins twins` 即可在其上试跑作业；也可在终端执行：`unseen twin {name} --out twins`。",
            name = found.name
        ).told(lang))) }
    }
}

fn fields(found: &DatasetShown, lang: Lang) -> Markup {
    let header = [
        Left(text!("Field", "字段").told(lang)),
        Left(text!("Type", "类型").told(lang)),
        Left(text!("Range or values", "范围或取值").told(lang)),
        Left(text!("Meaning", "含义").told(lang)),
    ];
    let listed = found.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, domain) => domain.join(if lang == Lang::Zh { "、" } else { ", " }),
            (min, max, _) => {
                format!("{} … {}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
            }
        };
        let null = column.nullable.then(|| text!("may be empty", "可为空").told(lang));
        let form = form(column, lang);
        vec![
            html! { code { (clean(&column.name)) } },
            html! { (column.kind) @for note in null.iter().chain(&form) { " · " (note) } },
            html! { (clean(&range)) },
            html! { (clean(&bilingual(&column.meaning, lang))) },
        ]
    });
    rows(&header, listed)
}

/// What the import counted: of raw rows, so it is for the steward alone.
fn counted(found: &Quality, lang: Lang) -> Markup {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let mut about = vec![
        (text!("Rows", "行数"), found.rows.to_string()),
        (text!("Units", "隐私单元数"), found.units.to_string()),
        (text!("Rows without a unit, set aside", "没有隐私单元、另计的行数"), found.set_aside.to_string()),
    ];
    if let Some(normalized) = normalized(found, lang) {
        about.push((text!("Cells brought into the declared form", "已按声明规范化的单元格"), normalized));
    }
    if let Some(fresh) = &found.freshness {
        let state = if fresh.fresh { text!("fresh", "及时") } else { text!("late", "逾期") };
        let newest = fresh.newest.date_naive().to_string();
        about.push((text!("Newest", "最新数据"), say!("{newest} ({state})", "{newest}（{state}）").told(lang)));
    }
    let header = [
        Left(text!("Field", "字段").told(lang)),
        Right(text!("Complete", "完整性").told(lang)),
        Right(text!("Valid", "有效性").told(lang)),
    ];
    let listed = found.columns.iter().map(|column| {
        vec![
            html! { code { (clean(&column.name)) } },
            html! { (percent(column.completeness)) },
            html! { (percent(column.validity)) },
        ]
    });
    html! { (facts(lang, &about)) (rows(&header, listed)) }
}

fn snapshots(reader: &Reader, found: &DatasetStanding) -> Markup {
    let lang = reader.lang;
    let header = [
        Left(text!("Snapshot", "快照").told(lang)),
        Left(text!("Registered by", "登记条目").told(lang)),
        Left(text!("State", "状态").told(lang)),
    ];
    let entry = |entry: u64| html! { a href=(reader.to(&format!("/log/{entry}"))) { (entry) } };
    let listed = found.snapshots.iter().map(|kept| {
        let state = match (kept.gone.as_deref(), kept.gone_by, kept.keep_until) {
            (Some("deleted"), Some(by), _) => html! { (text!("deleted by", "已销毁，条目").to(lang)) " " (entry(by)) },
            (Some(_), Some(by), _) => html! { (text!("withdrawn by", "已撤回，条目").to(lang)) " " (entry(by)) },
            (_, _, Some(until)) => html! { (text!("kept until", "保留至").to(lang)) " " (moment(until)) },
            _ => html! { (text!("in use", "使用中").to(lang)) },
        };
        vec![digest(&kept.snapshot), entry(kept.entry), state]
    });
    rows(&header, listed)
}

/// What its steward may do with it.
fn owned(reader: &Reader, found: &DatasetStanding, cans: &[Can]) -> Markup {
    let lang = reader.lang;
    let close = can(cans, Action::CloseDataset).filter(|can| can.allowed);
    let delete = can(cans, Action::DeleteDataset).filter(|can| can.allowed);
    let to = |what: &str| Change::to(format!("/v1/datasets/{}/{what}", found.dataset));
    let reason = |id: &str, status: Option<&str>| {
        html! {
            label for=(id) { (text!("Why, for those who use it", "原因（使用者可见）").to(lang)) }
            input id=(id) name="reason" required maxlength="500" autocomplete="off";
            @if let Some(status) = status { input type="hidden" name="status" value=(status); }
        }
    };
    html! {
        @if close.is_some() || delete.is_some() {
            section .decide { h2 { (text!("Yours to decide", "由您决定").to(lang)) }
                @match found.status {
                    Status::Open => (signed(lang, close, &to("status"), &text!("Close and sign", "关闭并签名").into(), reason("close", Some("closed")))),
                    _ => (signed(lang, close, &to("status"), &text!("Open and sign", "开放并签名").into(), reason("open", Some("open")))),
                }
                @if found.status != Status::Withdrawn {
                    (signed(lang, close, &to("status"), &text!("Withdraw for ever, and sign", "永久撤回并签名").into(), reason("withdraw", Some("withdrawn"))))
                } @else {
                    (signed(lang, delete, &to("deletions"), &text!("Destroy all snapshots, and sign", "销毁全部快照并签名").into(), reason("delete", None)))
                }
            }
        }
    }
}

/// Budgets, and what is left of them.
pub(crate) fn budgets(found: &Budget, lang: Lang) -> Markup {
    let header = [
        Left(text!("Dataset", "数据集").told(lang)),
        Left(text!("Of", "对象").told(lang)),
        Right(text!("Spent, rho", "已用 rho").told(lang)),
        Right(text!("Left", "剩余").told(lang)),
        Right(text!("Cap", "上限").told(lang)),
    ];
    let listed = found.budgets.iter().map(|line| {
        let of = line.analyst.clone().unwrap_or_else(|| text!("everyone together", "所有人合计").told(lang));
        vec![
            html! { (clean(&line.dataset)) },
            html! { (clean(&of)) },
            html! { (line.spent) },
            html! { (line.left) },
            html! { (line.cap) },
        ]
    });
    rows(&header, listed)
}

pub(crate) fn bilingual(text: &Bilingual, lang: Lang) -> String {
    clean(&word(&text.en, &text.zh, lang))
}
