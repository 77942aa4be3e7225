//! A policy as single rules by their keys, and what sets two policies apart: for whoever sets one, and for whoever
//! reads in the log what was set.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unseen_texts::{Sentence, Text, say, text};

use crate::policy::Policy;

/// One rule that is another now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The key, such as `caps.job`.
    pub key: String,
    /// What it was; null where it was not set.
    pub before: Option<String>,
    /// What it is; null where it is not set any more.
    pub after: Option<String>,
}

/// The rules of a policy by their keys, as they stand in its file: `caps.job`, `witnesses.witness.1.url`.
pub fn rules(policy: &Policy) -> BTreeMap<String, String> {
    let mut rules = BTreeMap::new();
    if let Ok(value) = toml::Value::try_from(policy) {
        flatten("", &value, &mut rules);
    }
    rules
}

/// The rules that differ; all of them where there was no policy before.
pub fn changes(before: Option<&Policy>, after: &Policy) -> Vec<Change> {
    let (was, is) = (before.map_or_else(BTreeMap::new, rules), rules(after));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let change = |key: &String| Change { key: key.clone(), before: was.get(key).cloned(), after: is.get(key).cloned() };
    keys.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// Changes in one line: `approvals 1 → 2; release_now false → true`. Keys and digests are cut.
pub fn in_words(changes: &[Change]) -> Sentence {
    let one = |Change { key, before, after }: &Change| match (short(before), short(after)) {
        (None, Some(after)) => say!("{key} = {after}", "{key} = {after}"),
        (Some(before), Some(after)) => say!("{key} {before} → {after}", "{key} {before} → {after}"),
        (before, None) => {
            let before = before.unwrap_or_default();
            say!("{key} {before} → not set", "{key} {before} → 不设")
        }
    };
    let all = changes.iter().map(one).reduce(|one, other| say!("{one}; {other}", "{one}；{other}"));
    all.unwrap_or_else(|| text!("no rule is another than before", "各项规则均与之前相同").into())
}

fn short(value: &Option<String>) -> Option<String> {
    let value = value.as_ref()?;
    let cut = value.char_indices().nth(LONGEST).map(|(at, _)| format!("{}…", &value[..at]));
    Some(cut.unwrap_or_else(|| value.clone()))
}

/// The most characters of a value in one line with others.
const LONGEST: usize = 24;

/// What a rule is about, for people who do not know its key.
pub fn meaning(key: &str) -> Text {
    match key {
        "approvals" => text!("operators who must approve a job before it runs", "作业运行前须批准的运行管理员人数"),
        "changes_need" => text!(
            "people who must sign a change of people, nodes, rules or the log's key",
            "变更人员、计算节点、规则或日志密钥须签署的人数"
        ),
        "separated" => text!(
            "whether people and rules are a security administrator's alone",
            "人员与规则是否只由安全管理员管理（三员分立）"
        ),
        "caps.dataset" => text!("most that may be spent on one dataset, rho", "单个数据集的预算上限，rho"),
        "caps.analyst" => {
            text!("most that one analyst may spend on one dataset, rho", "一位分析员在单个数据集上的预算上限，rho")
        }
        "caps.job" => text!("most that one job may cost, rho", "单个作业的开销上限，rho"),
        "caps.domain" => {
            text!("most that one unit may lose in all datasets together, rho", "一个单元在全部数据集中的损失上限，rho")
        }
        "delta" => text!(
            "for showing rho as epsilon and delta; limits nothing",
            "仅用于把 rho 换算成 ε 和 δ 来显示，不限制什么"
        ),
        "release_now" => text!("whether a result may appear as soon as it is there", "结果是否可以一算完就发布"),
        "sm2_key" => text!("key of the second signatures, in SM2", "第二重签名（SM2）的验证公钥"),
        "access" => text!("rules of access to the service", "服务的访问规则"),
        "machine.fuel_per_second" => {
            text!("speed that the lab counts on, for public time limits", "用于公开时限的机器速度")
        }
        "machine.memory" => text!("memory that one run may have, bytes", "一次运行可用的内存，字节"),
        "machine.swap" => {
            text!("whether rows may be read where memory can be swapped", "内存可能被换出时是否允许读取数据")
        }
        "witnesses.quorum" => {
            text!("witnesses who must have cosigned before a release opens", "发布启封前须联署的见证方数目")
        }
        "witnesses.required" => {
            text!("whether a release stays closed until they have", "见证方未联署时，发布是否保持封存")
        }
        "evidence.provider" => text!("kind of evidence of the machine", "机器证据的种类"),
        "evidence.required" => text!("whether a result without evidence is refused", "没有证据的结果是否拒绝"),
        "evidence.key" => text!("whose evidence counts", "谁出具的证据有效"),
        _ if key.starts_with("witnesses.witness.") => text!("a witness", "见证方"),
        _ if key.starts_with("evidence.nodes.") => text!("whose evidence counts of a node", "该节点由谁出具的证据有效"),
        _ if key.starts_with("evidence.pcrs.") => text!("value that a register must have had", "寄存器应有的值"),
        _ => text!("", ""),
    }
}

fn flatten(prefix: &str, value: &toml::Value, rules: &mut BTreeMap<String, String>) {
    let under = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| flatten(&under(key), value, rules)),
        toml::Value::Array(array) => {
            array.iter().enumerate().for_each(|(at, value)| flatten(&under(&(at + 1).to_string()), value, rules));
        }
        toml::Value::String(text) => _ = rules.insert(prefix.to_owned(), text.clone()),
        value => _ = rules.insert(prefix.to_owned(), value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use unseen_texts::Lang;

    use super::*;
    use crate::policy::{EvidenceRule, Witness, Witnesses};

    fn full() -> Policy {
        let witness = Witness { key: "a+1+k".into(), url: "https://a".into() };
        Policy {
            witnesses: Some(Witnesses { quorum: 1, required: true, witness: vec![witness] }),
            evidence: Some(EvidenceRule {
                provider: "tpm2".into(),
                required: true,
                key: "00".into(),
                pcrs: [("7".into(), "11".into())].into(),
                nodes: [("n1".into(), "22".into())].into(),
            }),
            sm2_key: Some("lab+1+k".into()),
            access: Some(unseen_ids::Digest::of(b"")),
            changes_need: Some(2),
            separated: true,
            ..Policy::default()
        }
    }

    #[test]
    fn what_changed_is_said_by_key() {
        let before = Policy::default();
        let mut after = Policy { approvals: 9, release_now: true, ..before.clone() };
        after.caps.domain = None;
        let said = in_words(&changes(Some(&before), &after));
        assert_eq!(said.to(Lang::En), "approvals 1 → 9; caps.domain 1 → not set; release_now false → true");
        assert_eq!(said.to(Lang::Zh), "approvals 1 → 9；caps.domain 1 → 不设；release_now false → true");
        assert_eq!(in_words(&changes(Some(&before), &before)).to(Lang::En), "no rule is another than before");
        let first = in_words(&changes(None, &before));
        assert!(first.to(Lang::En).starts_with("approvals = 1; caps.analyst = 0.5; "), "{first}");
        let keyed = Policy { sm2_key: Some("k".repeat(60)), ..before.clone() };
        assert_eq!(in_words(&changes(Some(&before), &keyed)).to(Lang::En), format!("sm2_key = {}…", "k".repeat(24)));
        let witnessed = changes(Some(&before), &full());
        assert!(witnessed.iter().any(|change| change.key == "witnesses.witness.1.url" && change.before.is_none()));
    }

    #[test]
    fn every_rule_has_a_meaning() {
        for key in rules(&full()).into_keys() {
            assert_ne!(meaning(&key).en, "", "{key}");
        }
    }
}
