//! Rows that their steward sends: encrypted to the lab before they come here, imported there, and signed for.

use maud::html;
use unseen_terminal::output::clean;
use unseen_texts::{Say, say, text};

use crate::parts::spoken;
use crate::shell::{Page, Place, Reader};

/// The page. `recipient` is what rows are encrypted to: an age recipient.
pub fn page(reader: &Reader, recipient: Option<&str>) -> Page {
    let lang = reader.lang;
    let title = text!("Send rows", "上传数据").told(lang);
    let Some(recipient) = recipient else {
        let body = html! { p .empty { (text!("This lab takes no uploads.", "此实验室不接受上传。").to(lang)) } };
        return Page { title, place: Place::Catalogue, body };
    };
    let body = html! {
        ol {
            li { p { (text!("Encrypt the file on your own machine, to this lab's key; have somebody at the lab read the key to you once.", "在自己的机器上用本实验室的公钥加密文件；请实验室的人当面或电话核对一次公钥。").to(lang)) }
                pre { "age -r " (clean(recipient)) " -o rows.csv.age rows.csv" } }
            li { p { (spoken(text!("Say what its rows are: `unseen dataset describe` drafts it, or write it by hand.", "写好数据集描述：可由 `unseen dataset describe` 起草，也可手写。").to(lang))) } }
            li { p { (text!("Send it. What is there already is not sent again.", "上传。已经传到的部分不会重发。").to(lang)) } }
        }
        form #upload data-then=(reader.to("/datasets/")) {
            fieldset {
                label for="rows" { (text!("The encrypted file (.age)", "加密后的文件（.age）").to(lang)) }
                input #rows type="file" accept=".age" required;
                label for="called" { (text!("Name of the dataset", "数据集名称").to(lang)) }
                input #called name="called" required maxlength="64" autocomplete="off";
                label for="description" { (text!("Description (dataset.toml)", "描述（dataset.toml）").to(lang)) }
                textarea #description name="description" rows="16" required spellcheck="false" {}
                label for="open-to" { (text!("Open to these analysts alone, separated by commas; else the rules decide", "只向这些分析员开放（以逗号分隔）；不填则由规则决定").to(lang)) }
                input #open-to name="openTo" autocomplete="off";
                label for="keep-until" { (text!("The lab destroys it on this day; leave empty to keep it", "到此日由实验室销毁；不填则一直保留").to(lang)) }
                input #keep-until name="keepUntil" type="date";
                button disabled { (text!("Send and import", "上传并导入").to(lang)) }
                p .said role="status" aria-live="polite" {}
            }
            fieldset #imported hidden {
                p #counted {}
                button type="button" { (text!("Register and sign", "登记并签名").to(lang)) }
            }
        }
        p .small { (spoken(&say!("Files over {most} GiB are sent with `unseen dataset import`.", "超过 {most} GiB 的文件请用 `unseen dataset import` 上传。", most = 1).told(lang))) }
    };
    Page { title, place: Place::Catalogue, body }
}
