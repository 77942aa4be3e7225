//! Help pages in Chinese. English help stands beside the arguments; Chinese is looked up by the path of the
//! command and the name of the argument.

use clap::{Arg, ArgAction, Command};

/// Chinese help of a tree of commands, by path: `job run` for the command, `job run/threads` for its argument,
/// `job run//long` for what follows the first sentence on the long page.
pub type Lines = &'static [(&'static str, &'static str)];

/// Where a tree of commands begins, and its help.
pub type Page = (&'static str, Lines);

/// The Chinese for one place.
pub fn line(pages: &[Page], path: &str, part: &str) -> Option<&'static str> {
    pages.iter().find_map(|(root, lines)| {
        let rest = match path.strip_prefix(root)? {
            _ if root.is_empty() => path,
            "" => "",
            rest => rest.strip_prefix(' ')?,
        };
        let key = [rest, part].concat();
        lines.iter().find(|(known, _)| *known == key).map(|(_, chinese)| *chinese)
    })
}

/// The command with its help in Chinese.
pub fn in_chinese(mut command: Command, pages: &[Page]) -> Command {
    command.build();
    translated(command, pages, "")
}

/// What the parser has generated of itself.
const GENERATED: &[(&str, &str)] = &[("help", "显示帮助"), ("version", "显示版本")];
const HELP_COMMAND: &str = "显示本帮助或某个命令的帮助";
const COMMANDS: &str = "命令";
const ARGUMENTS: &str = "参数";
const OPTIONS: &str = "选项";
const EVERYWHERE: &str = "通用选项";
const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

fn translated(mut command: Command, pages: &[Page], path: &str) -> Command {
    command = command.help_template(TEMPLATE).subcommand_help_heading(COMMANDS).subcommand_value_name(COMMANDS);
    if let Some(about) = line(pages, path, "") {
        command = command.about(about);
        if let Some(more) = line(pages, path, "//long") {
            command = command.long_about(format!("{about}。\n\n{more}"));
        }
    }
    if let Some(examples) = command.get_after_help().map(|text| text.to_string().replacen("Examples:", "示例：", 1))
    {
        command = command.after_help(examples);
    }
    command = command.mut_args(|arg| {
        let generated = GENERATED.iter().find(|(id, _)| *id == arg.get_id().as_str()).map(|(_, chinese)| *chinese);
        let part = format!("/{}", arg.get_id());
        let help = generated.or_else(|| line(pages, path, &part)).or_else(|| line(pages, "", &part));
        let heading = match arg.get_help_heading() {
            Some(_) => EVERYWHERE,
            None if arg.is_positional() => ARGUMENTS,
            None => OPTIONS,
        };
        match generated {
            // The parser has given them a second text, for the long page.
            Some(chinese) => arg.help(chinese).long_help(chinese).help_heading(heading),
            None => with_values(arg, help).help_heading(heading),
        }
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let below = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command.mut_subcommand(&name, |sub| match name.as_str() {
            "help" => sub.about(HELP_COMMAND).help_template(TEMPLATE),
            _ => translated(sub, pages, &below),
        })
    })
}

/// An argument with its help, and with what the parser would add in English.
fn with_values(mut arg: Arg, help: Option<&str>) -> Arg {
    let Some(help) = help else { return arg };
    let mut more = Vec::new();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        more.push(format!("默认：{}", defaults.join(" ")));
    }
    if let Some(name) = arg.get_env() {
        more.push(format!("环境变量：{}", name.to_string_lossy()));
    }
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let known: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if takes_value && !known.is_empty() {
        more.push(format!("可选值：{}", known.join("、")));
    }
    let text = if more.is_empty() { help.to_owned() } else { format!("{help}（{}）", more.join("；")) };
    arg = arg.help(text);
    arg.hide_default_value(true).hide_env(true).hide_possible_values(true)
}

/// A page as it is printed: headings end in a full-width colon, and options are called so.
pub fn set_as_chinese(page: &str) -> String {
    let heading = |line: &str| {
        let name = line.strip_suffix(':')?;
        [COMMANDS, ARGUMENTS, OPTIONS, EVERYWHERE].contains(&name).then(|| format!("{name}："))
    };
    let usage = |line: &str| line.starts_with("用法：").then(|| line.replacen("[OPTIONS]", "[选项]", 1));
    let set = |line| heading(line).or_else(|| usage(line)).unwrap_or_else(|| line.to_owned());
    page.lines().map(|line| set(line) + "\n").collect()
}

/// What is wrong with the Chinese help of a command: places without Chinese, and lines for places that there are
/// not. For tests.
pub fn faults(mut command: Command, pages: &[Page]) -> Vec<String> {
    command.build();
    let mut places = Vec::new();
    gather(&command, "", &mut places);
    let missing = places.iter().filter(|(path, part)| line(pages, path, part).is_none());
    let mut found: Vec<String> = missing.map(|(path, part)| format!("no Chinese for {path}{part}")).collect();
    for (root, lines) in pages {
        for (key, _) in *lines {
            let whole = if root.is_empty() || key.is_empty() || key.starts_with('/') {
                format!("{root}{key}")
            } else {
                format!("{root} {key}")
            };
            if !places.iter().any(|(path, part)| [path.as_str(), part].concat() == whole) {
                found.push(format!("nothing is called {whole}"));
            }
        }
    }
    found
}

fn gather(command: &Command, path: &str, into: &mut Vec<(String, String)>) {
    into.push((path.to_owned(), String::new()));
    if command.get_long_about().is_some() {
        into.push((path.to_owned(), "//long".to_owned()));
    }
    let own = |arg: &&Arg| !GENERATED.iter().any(|(id, _)| *id == arg.get_id().as_str());
    // An argument of all commands is described once, at the root.
    let here = |arg: &&Arg| path.is_empty() || !arg.is_global_set();
    let arguments = command.get_arguments().filter(own).filter(here).filter(|arg| !arg.is_hide_set());
    into.extend(arguments.map(|arg| (path.to_owned(), format!("/{}", arg.get_id()))));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        let name = sub.get_name();
        gather(sub, &if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }, into);
    }
}
