//! `unseen doctor`: whether this machine keeps what the privacy model assumes of it.

use std::path::Path;

use unseen_usecases::doctor::{self, Doctor, Hold, ShowDoctor};

use super::Outcome;
use crate::args::Globals;
use crate::config::Profile;
use crate::place::{Place, is_address, program};
use unseen_shown::walls::title;
use unseen_terminal::output::Output;
use unseen_terminal::table::Column::Left;
use unseen_terminal::table::{NO_NAME, table};
use unseen_texts::{Lang, Say, text};

pub fn run(globals: &Globals, lang: Lang) -> Outcome {
    let found = match Profile::chosen(globals)?.lab {
        Some(lab) if is_address(&lab) => Place::of(globals, lang)?.ask(ShowDoctor { engine: true })?,
        lab => doctor::doctor(lab.as_deref().map(Path::new), &program()?)?,
    };
    Ok(Output::new(&found, shown(&found, lang)).bad_unless(found.good))
}

fn shown(found: &Doctor, lang: Lang) -> String {
    let rows = found.protections.iter().map(|protection| {
        let state = match protection.state {
            Hold::Holds => text!("holds", "有效").to(lang),
            Hold::Partly => text!("holds in part", "部分有效").to(lang),
            Hold::Missing => text!("MISSING", "缺失").to(lang),
        };
        let why = protection.why.as_ref().map_or_else(String::new, |why| why.told(lang));
        vec![
            title(&protection.name).map_or_else(|| protection.name.clone(), |title| title.told(lang)),
            state.to_owned(),
            why,
        ]
    });
    let mut text = table(lang, &[Left(text!("wall", "防护")), Left(text!("state", "状态")), Left(NO_NAME)], rows);
    if found.of_a_new_lab {
        let said = text!(
            "There is no lab here, or its policy names no machine: this is compared with the policy of a new one.",
            "这里没有实验室，或其规则没有说明机器：以上与新实验室的规则比较。"
        )
        .to(lang);
        text.push_str(&format!("\n{said}"));
    }
    text
}
