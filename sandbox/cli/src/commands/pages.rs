//! `unseen explain`, `completions` and `man`: what people, shells and `man` are told of words and commands.

use std::io::ErrorKind;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use unseen_api::answers::{Completions, Manual};
use unseen_terminal::help::in_chinese;
use unseen_terminal::output::Output;
use unseen_terminal::table::wrapped;
use unseen_terminal::{FileError, Problem};
use unseen_texts::{Lang, Say, say};

use super::Outcome;
use crate::args::Cli;
use crate::help::PAGES;

pub fn explain(word: Option<&str>, lang: Lang) -> Outcome {
    let found = unseen_usecases::explain::explain(word)?;
    let told = found.words.iter().map(|word| (word.word.told(lang), word.meaning.told(lang)));
    let told: Vec<_> = told.map(|(word, meaning)| format!("{word}\n{}\n", wrapped(&meaning, WIDTH))).collect();
    Ok(Output::new(&found, told.join("\n")))
}

/// Columns of a line.
const WIDTH: usize = 80;

pub fn completions(shell: Shell, lang: Lang) -> Outcome {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut spoken(lang), "unseen", &mut bytes);
    let script = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Output::new(&Completions { script: script.clone() }, script))
}

pub fn man(dir: &Path, lang: Lang) -> Outcome {
    std::fs::create_dir_all(dir).map_err(FileError::at(dir))?;
    let mut command = spoken(lang).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    write_all(&command, dir, lang, &mut pages)?;
    let many = pages.len();
    let dir = dir.to_owned();
    let said = say!("{many} pages are written to {dir}.", "已写出 {many} 页到 {dir}。");
    Ok(Output::new(&Manual { pages }, said.to(lang)))
}

fn spoken(lang: Lang) -> Command {
    let command = unseen_terminal::with_examples(Cli::command());
    if lang == Lang::Zh { in_chinese(command, PAGES) } else { command }
}

fn write_all(command: &Command, dir: &Path, lang: Lang, pages: &mut Vec<String>) -> Result<(), Problem> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        write_all(below, dir, lang, pages)?;
    }
    let page = Man::new(command.clone()).source(concat!("unseen ", env!("CARGO_PKG_VERSION")));
    let name = page.get_filename();
    let mut bytes = Vec::new();
    page.render(&mut bytes).map_err(FileError::at(&name))?;
    let text = String::from_utf8(bytes).map_err(|_| FileError::at(&name)(ErrorKind::InvalidData.into()))?;
    let place = dir.join(&name);
    std::fs::write(&place, with_headings(&text, lang)).map_err(FileError::at(&place))?;
    pages.push(name);
    Ok(())
}

/// The headings of a page as they are generated, and as manuals have them in English and Chinese.
const HEADINGS: &[(&str, &str, &str)] = &[
    ("NAME", "NAME", "名称"),
    ("SYNOPSIS", "SYNOPSIS", "概要"),
    ("DESCRIPTION", "DESCRIPTION", "描述"),
    ("OPTIONS", "OPTIONS", "选项"),
    ("SUBCOMMANDS", "COMMANDS", "命令"),
    ("EXTRA", "EXAMPLES", "示例"),
    ("VERSION", "VERSION", "版本"),
];

fn with_headings(page: &str, lang: Lang) -> String {
    let set = |line: &str| {
        let heading = line.strip_prefix(".SH ")?;
        let (_, english, chinese) = HEADINGS.iter().find(|(generated, ..)| *generated == heading)?;
        Some(format!(".SH {}", if lang == Lang::Zh { chinese } else { english }))
    };
    page.lines().map(|line| set(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_in_the_readers_language() {
        let dir = tempfile::tempdir().unwrap();
        let page = |lang| {
            assert!(man(dir.path(), lang).is_ok());
            std::fs::read_to_string(dir.path().join("unseen-certificate-person.1")).unwrap()
        };
        let english = page(Lang::En);
        assert!(english.contains(".SH NAME\n") && english.contains("Issue a certificate for a person"), "{english}");
        let chinese = page(Lang::Zh);
        assert!(chinese.contains(".SH 名称\n") && chinese.contains("为人员签发证书"), "{chinese}");
        for heading in HEADINGS {
            assert!(!chinese.contains(&format!(".SH {}\n", heading.0)), "{chinese}");
        }
        let pages = std::fs::read_dir(dir.path()).unwrap().count();
        assert!(pages > 60, "{pages}");
    }
}
