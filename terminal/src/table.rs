//! Tables: as wide as the terminal at most, and no number or name is ever cut in two.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use unseen_texts::{Lang, Text, text};

use crate::output::{clean, named_facts};

/// The head of a column: a text of ours, or a name that people gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column<Name = Text> {
    /// Of words.
    Left(Name),
    /// Of numbers, set flush right.
    Right(Name),
}

/// The head of a column that needs none. As the last one, it is left out where there is no room for it.
pub const NO_NAME: Text = text!("", "");

impl<Name> Column<Name> {
    /// Its name.
    pub fn name(&self) -> &Name {
        let (Column::Left(name) | Column::Right(name)) = self;
        name
    }

    /// The same under another kind of name.
    pub fn map<Other>(&self, to: impl FnOnce(&Name) -> Other) -> Column<Other> {
        match self {
            Column::Left(name) => Column::Left(to(name)),
            Column::Right(name) => Column::Right(to(name)),
        }
    }
}

/// A table under heads of ours.
pub fn table(lang: Lang, header: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let named: Vec<_> = header.iter().map(|column| column.map(|name| name.to(lang).to_owned())).collect();
    named_table(lang, &named, rows)
}

/// The same under names that people gave.
pub fn named_table(lang: Lang, header: &[Column<String>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header: Vec<_> = header.iter().map(|column| column.map(|name| clean(name))).collect();
    let rows: Vec<Vec<_>> = rows.into_iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let room = if std::io::stdout().is_terminal() { Table::new().width() } else { None };
    // Some terminals say that they are 0 wide: those of scripts and build servers.
    laid_out(lang, &header, &rows, room.map(usize::from).filter(|width| *width > 0))
}

/// What stands beside the text of a cell.
const PADDING: usize = 1;
/// How wide a line of a folded word is, where its joints allow it.
const LONG_LINE: usize = 24;
/// The same of the name of a column.
const SHORT_LINE: usize = 10;
/// Four characters.
const CHINESE: usize = 8;

/// A table where it fits into `room`, if necessary without a last column that has no name, or with long names in
/// several lines; otherwise each row as lines of `name: value`.
fn laid_out(lang: Lang, header: &[Column<String>], rows: &[Vec<String>], room: Option<usize>) -> String {
    let Some(room) = room else { return as_table(header, rows, &widths(header, rows), None) };
    let bare = match header.split_last() {
        Some((last, rest)) if last.name().is_empty() && !rest.is_empty() => rest,
        _ => header,
    };
    let headers: Vec<_> = bare.iter().map(|column| column.map(|name| folded(name, SHORT_LINE))).collect();
    let cell = |(column, cell): (&Column<String>, &String)| match column {
        Column::Left(_) => folded_words(cell),
        Column::Right(_) => cell.clone(),
    };
    let cells: Vec<Vec<_>> = rows.iter().map(|row| bare.iter().zip(row).map(cell).collect()).collect();
    for (header, rows) in [(header, rows), (bare, rows), (&headers, rows), (&headers, &cells)] {
        let widths = widths(header, rows);
        // One more between two columns.
        if widths.iter().sum::<usize>() + widths.len().saturating_sub(1) <= room {
            return as_table(header, rows, &widths, Some(room));
        }
    }
    as_facts(lang, bare, rows)
}

/// How wide each column must be for no number and no word to be cut.
fn widths(header: &[Column<String>], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |(at, column): (usize, &Column<String>)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let cells = match column {
            Column::Left(_) => cells.map(|cell| longest_word(cell)).max(),
            Column::Right(_) => cells.map(|cell| cell.width()).max(),
        };
        cells.unwrap_or(0).max(longest_word(column.name())) + PADDING
    };
    header.iter().enumerate().map(width).collect()
}

/// A name in lines, broken after what joins its words.
fn folded(name: &str, width: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in name.split_inclusive(['_', '-', '.', '/', ' ']) {
        match lines.last_mut() {
            Some(line) if line.width() + word.width() <= width => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n").trim().to_owned()
}

/// A text whose long words are folded: what cannot be folded, such as a digest, is cut where the column ends.
fn folded_words(text: &str) -> String {
    let folded = |word: &str| if word.width() > LONG_LINE { folded(word, LONG_LINE) } else { word.to_owned() };
    text.split(' ').map(folded).collect::<Vec<_>>().join(" ")
}

fn as_table(header: &[Column<String>], rows: &[Vec<String>], least: &[usize], room: Option<usize>) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line));
    table.set_content_arrangement(ContentArrangement::Disabled);
    let widths = match room {
        Some(room) => shared(&natural(header, rows), least, room),
        None => natural(header, rows),
    };
    let lines = |(text, width): (&String, &usize)| wrapped(text, width - PADDING);
    table.set_header(header.iter().map(Column::name).zip(&widths).map(lines));
    table.add_rows(rows.iter().map(|row| row.iter().zip(&widths).map(lines).collect::<Vec<_>>()));
    for (at, column) in header.iter().enumerate() {
        let Some(set) = table.column_mut(at) else { continue };
        set.set_padding((0, PADDING as u16));
        if matches!(column, Column::Right(_)) {
            set.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// How wide each column would like to be.
fn natural(header: &[Column<String>], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |text: &String| text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    let of = |(at, column): (usize, &Column<String>)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(width);
        cells.chain([width(column.name())]).max().unwrap_or(0) + PADDING
    };
    header.iter().enumerate().map(of).collect()
}

/// Shares a room among columns: each has its least, and the narrowest of those that would like more gets it first.
fn shared(natural: &[usize], least: &[usize], room: usize) -> Vec<usize> {
    let mut widths = least.to_vec();
    let gaps = widths.len().saturating_sub(1);
    for _ in (widths.iter().sum::<usize>() + gaps)..room {
        let wanting = widths.iter_mut().zip(natural).filter(|(width, natural)| **width < **natural);
        match wanting.map(|(width, _)| width).min_by_key(|width| **width) {
            Some(width) => *width += 1,
            None => break,
        }
    }
    widths
}

/// A text in lines of at most this width, as long as no piece of it is wider.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for given in text.split('\n') {
        let mut line = String::new();
        for piece in pieces(given) {
            if !line.is_empty() && line.width() + piece.trim_end().width() > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(piece);
        }
        lines.push(line);
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// No line begins with one of these.
const NOT_FIRST: &str = "，。、；：？！）】》」』〉〕”’…—·～％,.;:?!)]}%";
/// No line ends with one of these.
const NOT_LAST: &str = "（【《「『〈〔“‘([{";

/// A text in pieces, after each of which a line may end: a word, or a Chinese character, with its marks.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let pairs = text.chars().zip(text.char_indices().skip(1));
    let ends = pairs.filter_map(|(before, (at, after))| {
        let apart = (is_wide(before) || is_wide(after)) && after != ' ';
        let may = before == ' ' || apart && !NOT_LAST.contains(before) && !NOT_FIRST.contains(after);
        may.then_some(at)
    });
    let mut start = 0;
    ends.chain([text.len()]).map(move |end| &text[std::mem::replace(&mut start, end)..end])
}

fn is_wide(c: char) -> bool {
    c.width().unwrap_or(0) > 1
}

/// Each row as its values under their names, and a blank line after it. Empty ones are left out.
fn as_facts(lang: Lang, header: &[Column<String>], rows: &[Vec<String>]) -> String {
    let row = |row: &Vec<String>| {
        let there = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines = there.map(|(column, cell)| match column.name().as_str() {
            "" => format!("{cell}\n"),
            name => named_facts(lang, [(name, cell.as_str())].into_iter()),
        });
        lines.collect::<String>() + "\n"
    };
    rows.iter().map(row).collect()
}

/// How wide a column must be for no word of this text to be cut. Chinese may be cut almost anywhere, but not into
/// lines of a letter or two.
fn longest_word(text: &str) -> usize {
    let pieces = text.lines().flat_map(pieces).map(|piece| piece.trim_end().width());
    let wide = if text.contains(is_wide) { text.width().min(CHINESE) } else { 0 };
    pieces.max().unwrap_or(0).max(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn towns(room: Option<usize>) -> String {
        let name = str::to_owned;
        let header = [
            Column::Left(name("town")),
            Column::Right(name("companies")),
            Column::Right(name("tax_per_mu_2025")),
            Column::Left(String::new()),
        ];
        let row = |town, number| vec![name(town), name(number), name("12.5 ± 3"), "█".repeat(24)];
        laid_out(Lang::Zh, &header, &[row("湖塘镇湖塘镇湖塘镇", "160658"), row("Benniu Town", "7")], room)
    }

    #[test]
    fn long_names_are_broken_where_their_words_end() {
        let header = [Column::Left("value".to_owned()), Column::Right("groups".to_owned())];
        let row = vec!["gradient.energy_per_output".to_owned(), "1".to_owned()];
        let shown = laid_out(Lang::En, &header, &[row], Some(32));
        assert!(shown.contains("gradient.energy_per_ ") && shown.trim_end().ends_with("\noutput"), "{shown}");
    }

    #[test]
    fn no_line_begins_or_ends_with_a_mark_that_may_not() {
        let header = [Column::Left("含义".to_owned()), Column::Right("行数".to_owned())];
        let text = "企业（含分支机构）所在的镇、街道，以及“行业”大类（GB/T 4754-2017）。共 12 个镇！";
        for room in 14..90 {
            let shown = laid_out(Lang::Zh, &header, &[vec![text.to_owned(), "7".to_owned()]], Some(room));
            for line in shown.lines().skip(2).map(|line| line.trim_end_matches([' ', '7'])) {
                assert!(!line.starts_with(|c| NOT_FIRST.contains(c)), "{room}\n{shown}");
                assert!(!line.ends_with(|c| NOT_LAST.contains(c)), "{room}\n{shown}");
                assert!(line.width() <= room, "{room}\n{shown}");
            }
        }
    }

    /// At every width each number and each word stands whole, and no line is wider than the terminal as long
    /// as the longest of them fits.
    #[test]
    fn nothing_is_cut_in_two() {
        for room in (26..120).map(Some).chain([None]) {
            let shown = towns(room);
            for whole in ["160658", "12.5 ± 3", "Benniu", "companies"] {
                assert!(shown.contains(whole), "{room:?}\n{shown}");
            }
            let widest = shown.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(room.is_none_or(|room| widest <= room), "{room:?}\n{shown}");
        }
        assert!(towns(Some(80)).contains('█'), "{}", towns(Some(80)));
        assert!(!towns(Some(44)).contains('█') && towns(Some(44)).contains("tax_per_mu_2025"), "{}", towns(Some(44)));
        assert!(towns(Some(38)).contains("mu_2025"), "{}", towns(Some(38)));
        assert!(towns(Some(26)).contains("companies：160658\n"), "{}", towns(Some(26)));
    }
}
