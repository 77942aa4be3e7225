//! Help in both languages, and words of ours as names of people and of things.

use clap::CommandFactory;
use unseen_terminal::help::{faults, in_chinese, set_as_chinese};

use crate::args::Cli;
use crate::help::PAGES;

#[test]
fn every_command_and_argument_has_its_chinese_and_no_line_is_left_over() {
    assert_eq!(faults(Cli::command(), PAGES), Vec::<String>::new());
}

/// No English but names of commands, keys and files is left on a Chinese page.
#[test]
fn chinese_help_pages_are_chinese() {
    fn pages(command: &mut clap::Command, into: &mut Vec<String>) {
        into.push(set_as_chinese(&command.render_long_help().to_string()));
        command.get_subcommands_mut().filter(|sub| sub.get_name() != "help").for_each(|sub| pages(sub, into));
    }
    let mut all = Vec::new();
    pages(&mut in_chinese(Cli::command(), PAGES), &mut all);
    assert!(all.len() > 40);
    for page in all {
        for english in
            ["Usage", "OPTIONS", "Options:", "Arguments:", "Commands:", "Print ", "[default", "[env", "[possible"]
        {
            assert!(!page.contains(english), "{english}: {page}");
        }
    }
}
