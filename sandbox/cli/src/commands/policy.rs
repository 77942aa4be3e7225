//! `unseen policy`: the lab's rules, and the rules of access to its service.

use std::path::Path;

use unseen_access::Rules;
use unseen_policies::rules::Change;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::Left;
use unseen_terminal::table::{NO_NAME, table};
use unseen_texts::{Lang, Say, Sentence, say, text};
use unseen_usecases::policy::{
    AccessChange, AccessExplained, ExplainAccess, PolicyPreview, PolicySet, PreviewPolicy, SetPolicy, ShowPolicy,
    explained,
};

use super::{Outcome, Problem, change, read_text};
use crate::args::{Globals, PolicyCommand};
use crate::place::Place;

pub fn run(globals: &Globals, command: &PolicyCommand, lang: Lang) -> Outcome {
    match command {
        PolicyCommand::Show => {
            let shown = Place::of(globals, lang)?.ask(ShowPolicy {})?;
            Ok(Output::new(&shown, shown.toml.clone()))
        }
        PolicyCommand::Diff { file, access } => {
            let found = Place::of(globals, lang)?.ask(PreviewPolicy(set_policy(file, access.as_deref())?))?;
            Ok(Output::new(&found, preview(&found, lang)))
        }
        PolicyCommand::Check { file } => {
            let text = read_text(file)?;
            let rules = Rules::parse(&text).map_err(|error| say!("{file}: {error}", "{file}：{error}"))?;
            let found = AccessExplained { rules: explained(&rules), cedar: text, usual: false };
            let said = say!("good: {count} rules", "合格：共 {count} 条规则", count = found.rules.len());
            Ok(Output::new(&found, said.to(lang)))
        }
        PolicyCommand::Explain { file: Some(file), .. } => {
            let text = read_text(file)?;
            let rules = Rules::parse(&text).map_err(|error| say!("{file}: {error}", "{file}：{error}"))?;
            let found = AccessExplained { rules: explained(&rules), cedar: text, usual: false };
            Ok(Output::new(&found, access_rules(&found, lang)))
        }
        PolicyCommand::Explain { file: None, cedar } => {
            let found = Place::of(globals, lang)?.ask(ExplainAccess {})?;
            let text = if *cedar { found.cedar.clone() } else { access_rules(&found, lang) };
            Ok(Output::new(&found, text))
        }
        PolicyCommand::Set { file, access, signer } => {
            let wish = set_policy(file, access.as_deref())?;
            change(globals, wish, signer, lang, |done| Output::new(done, policy_set(done, lang)))
        }
    }
}

fn set_policy(file: &Path, access: Option<&Path>) -> Result<SetPolicy, Problem> {
    let access = access.map(read_text).transpose()?;
    Ok(SetPolicy { name: file.display().to_string(), toml: read_text(file)?, access })
}

fn preview(found: &PolicyPreview, lang: Lang) -> String {
    let mut text = String::new();
    if found.changes.is_empty() && found.access.is_empty() {
        text.push_str(text!("Nothing would be another than now.\n", "各项规则均与现在相同。\n").to(lang));
    }
    if !found.voids.is_empty() {
        let jobs = found.voids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        text.push_str(&facts(lang, &[(text!("Jobs that would be void", "将会失效的作业"), jobs)]));
    }
    text.push_str(&changed(&found.changes, lang));
    text.push_str(&access_changed(&found.access, lang));
    text
}

fn access_rules(found: &AccessExplained, lang: Lang) -> String {
    let rows = found.rules.iter().map(|rule| {
        let effect = if rule.permits { text!("permits", "允许") } else { text!("FORBIDS", "禁止") };
        vec![rule.rule.clone(), effect.told(lang), rule.says.told(lang)]
    });
    let columns = [Left(text!("rule", "规则")), Left(NO_NAME), Left(text!("what it says", "内容"))];
    table(lang, &columns, rows)
}

fn access_changed(changes: &[AccessChange], lang: Lang) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let rows = changes.iter().map(|change| {
        let said = |side: &Option<Sentence>| side.as_ref().map_or_else(|| "-".to_owned(), |said| said.told(lang));
        vec![change.rule.clone(), said(&change.before), said(&change.after)]
    });
    let columns =
        [Left(text!("rule of access", "访问规则")), Left(text!("before", "之前")), Left(text!("after", "之后"))];
    format!("\n{}\n", table(lang, &columns, rows))
}

fn policy_set(done: &PolicySet, lang: Lang) -> String {
    let mut text = facts(lang, &[(text!("Policy set by entry", "规则设置条目"), done.entry.to_string())]);
    if !done.voided.is_empty() {
        let jobs = done.voided.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let void = text!("Jobs that are void now, to be submitted again", "因此失效、须重新提交的作业");
        text.push_str(&facts(lang, &[(void, jobs)]));
    }
    text.push_str(&changed(&done.changes, lang));
    text.push_str(&access_changed(&done.access, lang));
    text
}

fn changed(changes: &[Change], lang: Lang) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let none = || "-".to_owned();
    let rows = changes.iter().map(|change| {
        vec![change.key.clone(), change.before.clone().unwrap_or_else(none), change.after.clone().unwrap_or_else(none)]
    });
    let header = [Left(text!("rule", "规则")), Left(text!("before", "原为")), Left(text!("after", "现为"))];
    table(lang, &header, rows)
}
