//! `unseen lab`.

use unseen_lab::{Newest, open_key};
use unseen_usecases::labs::{self, Init, LabShown, LogKeyChanged, RotateLogKey, ShowLab};

use super::{Outcome, Problem, change, key, read_text};
use crate::args::{Globals, LabCommand};
use crate::place::Place;
use unseen_shown::jobs as shown;
use unseen_terminal::output::{Output, facts};
use unseen_texts::{Lang, text};

pub fn run(globals: &Globals, command: &LabCommand, lang: Lang) -> Outcome {
    match command {
        LabCommand::Init { dir, origin, owner, name } => {
            let request = Init { origin: origin.clone(), owner_name: name.clone() };
            let lab = labs::init(dir, &request, &*open_key(owner)?)?;
            let said = text!(
                "The lab is made. Keep keys/ safe, and give the verifier key to auditors.",
                "实验室已建好。请妥善保管 keys/，并把验证公钥交给审计员。"
            )
            .to(lang);
            Ok(Output::new(&lab, format!("{said}\n\n{}", about(&lab, lang))))
        }
        LabCommand::Show => {
            let lab = Place::of(globals, lang)?.ask(ShowLab {})?;
            Ok(Output::new(&lab, format!("{}{}", about(&lab, lang), shown::at_work(&lab.at_work, lang))))
        }
        LabCommand::Backup { out } => {
            let done = labs::backup(Place::of(globals, lang)?.folder()?, out)?;
            let text = format!(
                "{}{}",
                facts(lang, &[(text!("Backup", "备份"), done.backup.clone()), (text!("Entries", "条目数"), done.entries.to_string())]),
                text!("It holds every key of the lab: keep it as safe as the lab, and the newest checkpoint in another place.", "备份含有实验室的全部密钥：请像实验室一样妥善保管，并把最新检查点另存他处。").to(lang)
            );
            Ok(Output::new(&done, text))
        }
        LabCommand::Restore { backup, dir, since, unchecked } => {
            let since = since.as_deref().map(read_text).transpose()?;
            let newest = match &since {
                Some(text) => Newest::Checkpoint(text),
                None if *unchecked => Newest::Unchecked,
                None => Newest::Witnesses,
            };
            let lab = labs::restore(backup, dir, &newest)?;
            Ok(Output::new(&lab, about(&lab, lang)))
        }
        LabCommand::EnableSm2 { signer } => {
            let done = labs::enable_sm2(Place::of(globals, lang)?.folder()?, &*key(globals, signer)?)?;
            let text = facts(
                lang,
                &[
                    (text!("SM2 verifier key", "SM2 验证公钥"), done.sm2_key.clone()),
                    (text!("Entry", "条目"), done.entry.to_string()),
                ],
            );
            Ok(Output::new(&done, text))
        }
        LabCommand::RotateKey { to, signer } => {
            let token = to.as_ref().map(|uri| Ok::<_, Problem>((Place::of(globals, lang)?, uri))).transpose()?;
            if let Some((place, uri)) = &token {
                labs::propose_log_key(place.folder()?, uri)?;
            }
            let done = change(globals, RotateLogKey {}, signer, lang, |done| rotated(done, lang));
            if let (Some((place, _)), Err(_)) = (&token, &done) {
                labs::forget_log_key(place.folder()?)?;
            }
            done
        }
    }
}

fn rotated(done: &LogKeyChanged, lang: Lang) -> Output {
    let next = text!(
        "The log has a new key. Give the verifier key to auditors and witnesses; the old one stays good for what is older.",
        "日志已换新密钥。请把验证公钥交给审计员和见证方；旧公钥对此前的内容仍然有效。"
    );
    let about =
        [(text!("Verifier key", "验证公钥"), done.log_key.clone()), (text!("Entry", "条目"), done.entry.to_string())];
    Output::new(done, format!("{}{}", facts(lang, &about), next.to(lang)))
}

fn about(lab: &LabShown, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[
            (text!("Log", "日志"), lab.origin.clone()),
            (text!("Verifier key", "验证公钥"), lab.log_key.clone()),
            (text!("Entries", "条目数"), lab.entries.to_string()),
            (text!("People", "人员"), lab.people.to_string()),
            (text!("Nodes", "计算节点"), lab.nodes.to_string()),
            (text!("Datasets", "数据集"), lab.datasets.to_string()),
            (text!("Jobs", "作业"), lab.jobs.to_string()),
        ],
    );
    if let Some(recipient) = &lab.upload_to {
        text.push_str(&facts(lang, &[(text!("Uploads are encrypted to", "上传加密公钥"), recipient.clone())]));
    }
    text
}
