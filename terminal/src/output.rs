//! What commands print: an [`Answer`] is JSON for programs and text for people.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::i18n::tr;

/// What a command found or did.
pub struct Answer {
    json: serde_json::Value,
    text: String,
    good: bool,
}

impl Answer {
    /// The same thing twice: for `--json`, and as text that is in the chosen language already.
    pub fn new(json: impl Serialize, text: impl Into<String>) -> Answer {
        Answer { json: serde_json::to_value(json).unwrap_or_default(), text: text.into(), good: true }
    }

    /// The command did its work, and what it found is bad: exit code 1.
    pub fn bad_unless(mut self, good: bool) -> Answer {
        self.good = good;
        self
    }

    /// 0, or 1 when what was found is bad.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.good)
    }

    /// Writes it. A reader that went away is no error.
    pub fn print(&self, as_json: bool) {
        let text =
            if as_json { serde_json::to_string_pretty(&self.json).unwrap_or_default() } else { self.text.clone() };
        let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    }
}

/// One sentence on standard error, in the chosen language.
pub fn print_error(error: &str, as_json: bool) {
    // A compiler's messages have lines of their own.
    let text = tr(error).lines().map(clean).collect::<Vec<_>>().join("\n");
    let line =
        if as_json { serde_json::json!({ "error": text }).to_string() } else { format!("{}: {text}", tr("error")) };
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A table with a translated header. Columns whose name starts with `>` are set flush right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let translated = header.iter().map(|name| match name.strip_prefix('>') {
        Some(name) => format!(">{}", tr(name)),
        None => tr(name).into_owned(),
    });
    named_table(&translated.collect::<Vec<_>>(), rows)
}

/// The same with names that people gave, in whatever language.
pub fn named_table(header: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line)).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| name.strip_prefix('>').unwrap_or(name)));
    if !std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)).collect::<Vec<_>>());
    }
    for (i, _) in header.iter().enumerate().filter(|(_, name)| name.starts_with('>')) {
        if let Some(column) = table.column_mut(i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Lines of `name: value`, names translated.
pub fn facts(facts: &[(&str, String)]) -> String {
    facts.iter().map(|(name, value)| format!("{}: {}\n", tr(name), clean(value))).collect()
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

/// A progress bar on standard error; nothing when that is no terminal.
pub fn progress(what: &str, total: Option<u64>) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    let template = if total.is_some() { "{msg} {wide_bar} {percent}% {eta}" } else { "{msg} {spinner} {pos}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(tr(what).into_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
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
        format!("\x1b[1m{text}\x1b[0m")
    } else {
        text
    }
}

/// Text that others wrote, without what would move the cursor, colour the screen or turn the order of
/// letters round: a name must not be able to draw a table of its own.
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}
