//! The lab's own audit, and what an auditor takes away to make another one.

use maud::{Markup, html};
use unseen_texts::{Say, text};

use crate::shell::{Page, Place, Reader};

/// The page. `report` is what the audit found, as `unseen-audit verify --html` shows it.
pub fn page(reader: &Reader, report: &Markup) -> Page {
    let lang = reader.lang;
    let body = html! {
        p { (text!(
            "Every signature, the tree, the life of each job, budgets and releases, checked just now from the first entry on, as an auditor from outside does.",
            "方才从第一条起核查了全部签名、日志树、每个作业的生命周期、预算和发布，做法与外部审计员相同。"
        ).to(lang)) }
        p .verdict .note { (text!(
            "This is the lab speaking of itself. Whoever does not trust it takes the log away and audits it elsewhere, with the log's key and a checkpoint that they kept from before:",
            "这是实验室对自身的陈述。不信任实验室者，可将日志取走，用自己所知的日志公钥和先前保存的检查点在别处审计："
        ).to(lang)) " " code { "unseen-audit verify bundle --log-key VKEY --since checkpoint.txt" } }
        p .take {
            a .button href="/v1/bundle" download="bundle.tar" { (text!("The log with all that it names (tar)", "日志及其所指内容（tar）").to(lang)) }
            a .button href="/checkpoint" download="checkpoint.txt" { (text!("The checkpoint, to be kept", "检查点（请保存）").to(lang)) }
        }
        section .report { (report) }
    };
    Page { title: text!("Audit", "审计").told(lang), place: Place::Audit, body }
}
