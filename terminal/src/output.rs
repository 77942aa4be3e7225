//! What commands print: an [`Output`] is JSON for programs and text for people.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

pub use indicatif::ProgressBar as Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unseen_ids::Answer;
use unseen_policies::text::hides;

use unseen_texts::{InLang, Lang, Text, written_in};

use crate::problem::Problem;

/// Text that others wrote, in one line, with what would move the cursor, colour the screen, turn the order of
/// letters round or not show at all written out: a name must not be able to draw a table of its own.
pub use unseen_policies::text::shown as clean;

/// The language of texts in JSON, where somebody named one: programs read English.
static OF_JSON: OnceLock<Lang> = OnceLock::new();

/// Has texts in JSON written in this language from now on.
pub(crate) fn write_json_in(lang: Lang) {
    let _only_once = OF_JSON.set(lang);
}

/// The language of texts in JSON.
pub fn json_language() -> Lang {
    OF_JSON.get().copied().unwrap_or(Lang::En)
}

/// What a command found or did.
pub struct Output {
    json: serde_json::Value,
    text: String,
    good: bool,
}

impl Output {
    /// The same thing twice: for `--json`, and as text that is in the reader's language already.
    pub fn new(answer: &impl Answer, text: impl Into<String>) -> Output {
        let json = written_in(json_language(), || answer.to_json()).unwrap_or_default();
        Output { json, text: text.into(), good: true }
    }

    /// The command did its work, and what it found is bad: exit code 1.
    pub fn bad_unless(mut self, good: bool) -> Output {
        self.good = good;
        self
    }

    /// 0, or 1 when what was found is bad.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.good)
    }

    /// Writes it. A reader that went away is not an error; an answer that could not be written is.
    pub fn print(&self, as_json: bool) -> std::io::Result<()> {
        let text = if as_json {
            plain_json(&serde_json::to_string_pretty(&self.json).unwrap_or_default())
        } else {
            plain(&self.text)
        };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}

/// One sentence on standard error, and what to do about it: in a person's language, or as JSON with code, text and
/// data.
pub fn print_error(problem: &Problem, advice: Option<Text>, lang: Lang, as_json: bool) {
    let line = if as_json {
        plain_json(&serde_json::json!({ "error": problem.to_json(json_language()) }).to_string())
    } else {
        // A compiler's messages have lines of their own.
        let said = InLang(problem.message(), lang).to_string();
        let said = said.lines().map(clean).collect::<Vec<_>>().join("\n");
        match (lang, advice.map(|advice| advice.to(lang))) {
            (Lang::En, None) => format!("error: {said}"),
            (Lang::En, Some(advice)) => format!("error: {said}\n{advice}"),
            (Lang::Zh, None) => format!("错误：{said}"),
            (Lang::Zh, Some(advice)) => format!("错误：{said}\n{advice}"),
        }
    };
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Lines of `name: value`.
pub fn facts(lang: Lang, facts: &[(Text, String)]) -> String {
    named_facts(lang, facts.iter().map(|(name, value)| (name.to(lang), value.as_str())))
}

/// The same under names that people gave.
pub(crate) fn named_facts<'a>(lang: Lang, facts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let colon = match lang {
        Lang::En => ": ",
        Lang::Zh => "：",
    };
    facts.map(|(name, value)| format!("{}{colon}{}\n", clean(name), clean(value))).collect()
}

/// A bar for each value, from a common zero, in `width` cells; negative ones run to the left of it.
pub fn bars(values: &[f64], width: usize) -> Vec<String> {
    let ends = values.iter().filter(|value| value.is_finite());
    let (least, most) = ends.fold((0.0_f64, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    if least == 0.0 {
        return values.iter().map(|value| bar(*value, most, width)).collect();
    }
    let left = ((width as f64 * least / (least - most)).round() as usize).clamp(1, width);
    let one = |value: &f64| match *value < 0.0 {
        // There are no blocks that grow to the left by eighths.
        true => format!("{:>left$}│", "█".repeat((value / least * left as f64).round() as usize)),
        false => format!("{:left$}│{}", "", bar(*value, most, width - left)),
    };
    values.iter().map(one).collect()
}

/// A bar of up to `width` cells for `value` of `most`.
pub fn bar(value: f64, most: f64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if !(value > 0.0 && most > 0.0) {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * width as f64 * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

/// A progress bar on standard error; nothing when that is not a terminal.
pub fn progress(what: &str, total: Option<u64>) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = progress_on(target, what, total);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn progress_on(target: ProgressDrawTarget, what: &str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, target);
    let template = if total.is_some() { "{msg} {wide_bar} {percent}% {eta}" } else { "{msg} {spinner} {pos}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// Moves a bar as a run goes on.
pub fn steps(bar: &ProgressBar) -> impl FnMut(u32, u32) {
    let bar = bar.clone();
    move |done, all| {
        bar.set_length(u64::from(all));
        bar.set_position(u64::from(done));
    }
}

/// `text` in bold on a terminal.
pub fn bold(text: &str) -> String {
    let text = clean(text);
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("{BOLD}{text}{NOT_BOLD}")
    } else {
        text
    }
}

const BOLD: &str = "\x1b[1m";
const NOT_BOLD: &str = "\x1b[0m";

/// A whole answer as it goes to a terminal: whoever wrote what is in it, nothing hides, and only [`bold`]
/// speaks to the terminal.
fn plain(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let parts = line.split(BOLD).map(|part| part.split(NOT_BOLD).map(tabbed).collect::<Vec<_>>().join(NOT_BOLD));
        parts.collect::<Vec<_>>().join(BOLD)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn tabbed(text: &str) -> String {
    text.split('\t').map(clean).collect::<Vec<_>>().join("\t")
}

/// JSON that means the same, with what hides written as JSON writes it.
fn plain_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && hides(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use unicode_width::UnicodeWidthStr;

    /// A terminal of 60 columns that keeps what is written.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl indicatif::TermLike for Screen {
        fn width(&self) -> u16 {
            60
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A bar that is wider than the terminal moves down a line at each tick.
    #[test]
    fn a_bar_fits_its_line_in_chinese_too() {
        for what in ["Reading and sorting", "正在读取和排序"] {
            let screen = Screen::default();
            let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
            let bar = progress_on(target, what, Some(100));
            for step in 0..100 {
                bar.set_position(step);
                bar.tick();
            }
            let written = screen.0.lock().unwrap();
            assert!(written.iter().any(|text| text.contains(what)), "{written:?}");
            assert!(written.iter().all(|text| text.width() <= 60), "{written:?}");
        }
    }

    #[test]
    fn bars_start_at_one_zero_and_negative_ones_run_to_the_left() {
        assert_eq!(bars(&[4.0, 1.0, f64::NAN, 0.0], 4), ["████", "█", "", ""]);
        assert_eq!(bars(&[-2.0, 2.0, -1.0, 0.0], 4), ["██│", "  │██", " █│", "  │"]);
        assert_eq!(bars(&[-3.0, -1.5], 4), ["████│", "  ██│"]);
    }

    #[test]
    fn nothing_hides_in_an_answer() {
        let answer = "\x1b[1mname\x1b[0m\ta\u{202e}b\r\n\u{200b}\x1b[31mred";
        assert_eq!(plain(answer), "\x1b[1mname\x1b[0m\ta\\u{202e}b\\u{d}\n\\u{200b}\\u{1b}[31mred");
        let value = serde_json::json!({ "a\u{2066}": ["\u{e0001}", "好"] });
        let json = plain_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(json.is_ascii() || json.replace('好', "").is_ascii(), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }
}
