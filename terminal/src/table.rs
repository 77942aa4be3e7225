//! Tables: as wide as the terminal at most, and no number or name is ever cut in two.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
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

    fn map<Other>(&self, to: impl FnOnce(&Name) -> Other) -> Column<Other> {
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
    laid_out(lang, &header, &rows, room.map(usize::from))
}

/// What stands beside the text of a cell.
const PADDING: usize = 2;
/// Longer words may be cut: keys and digests are read in pieces anyway.
const LONGEST_WORD: usize = 24;

/// As a table where that fits into `room`, else without its last column if that has no name, else each row
/// as lines of `name: value`.
fn laid_out(lang: Lang, header: &[Column<String>], rows: &[Vec<String>], room: Option<usize>) -> String {
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let least: Vec<_> = header
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = match column {
                Column::Left(_) => cells(at).map(|cell| longest_word(cell)).max(),
                Column::Right(_) => cells(at).map(|cell| cell.width()).max(),
            };
            cells.unwrap_or(0).max(longest_word(column.name())) + PADDING
        })
        .collect();
    // One more between two columns.
    let fits = |room| least.iter().sum::<usize>() + least.len().saturating_sub(1) <= room;
    match room {
        Some(room) if !fits(room) => match header.split_last() {
            Some((last, rest)) if last.name().is_empty() && !rest.is_empty() => {
                let rows: Vec<_> = rows.iter().map(|row| row.iter().take(rest.len()).cloned().collect()).collect();
                laid_out(lang, rest, &rows, Some(room))
            }
            _ => as_facts(lang, header, rows),
        },
        _ => as_table(header, rows, &least, room),
    }
}

fn as_table(header: &[Column<String>], rows: &[Vec<String>], least: &[usize], room: Option<usize>) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line));
    table.set_header(header.iter().map(Column::name));
    match room.and_then(|room| u16::try_from(room).ok()) {
        Some(room) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(room),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.add_rows(rows);
    for ((at, column), least) in header.iter().enumerate().zip(least) {
        let Some(set) = table.column_mut(at) else { continue };
        set.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(u16::try_from(*least).unwrap_or(u16::MAX))));
        if matches!(column, Column::Right(_)) {
            set.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn as_facts(lang: Lang, header: &[Column<String>], rows: &[Vec<String>]) -> String {
    let rows = rows.iter().map(|row| {
        let named = header.iter().zip(row).filter(|(column, cell)| !column.name().is_empty() || !cell.is_empty());
        named_facts(lang, named.map(|(column, cell)| (column.name().as_str(), cell.as_str())))
    });
    rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// How wide a column must be for no word of this text to be cut. Chinese may be cut anywhere.
fn longest_word(text: &str) -> usize {
    let breaks = |c: char| c.is_whitespace() || c.width().unwrap_or(0) > 1;
    let narrow = text.split(breaks).map(UnicodeWidthStr::width).max().unwrap_or(0);
    let wide = text.chars().filter_map(UnicodeWidthChar::width).max().unwrap_or(0);
    narrow.max(wide).min(LONGEST_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn towns(room: Option<usize>) -> String {
        let name = str::to_owned;
        let header = [
            Column::Left(name("town")),
            Column::Right(name("companies")),
            Column::Right(name("±")),
            Column::Left(String::new()),
        ];
        let row = |town, number| vec![name(town), name(number), name("12.5"), "█".repeat(24)];
        laid_out(Lang::Zh, &header, &[row("湖塘镇湖塘镇湖塘镇", "160658"), row("Benniu Town", "7")], room)
    }

    /// At every width each number and each word stands whole, and no line is wider than the terminal as long
    /// as the longest of them fits.
    #[test]
    fn nothing_is_cut_in_two() {
        for room in (24..120).map(Some).chain([None]) {
            let shown = towns(room);
            for whole in ["160658", "12.5", "Benniu", "companies"] {
                assert!(shown.contains(whole), "{room:?}\n{shown}");
            }
            let widest = shown.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(room.is_none_or(|room| widest <= room), "{room:?}\n{shown}");
        }
        assert!(towns(Some(80)).contains('█'), "{}", towns(Some(80)));
        assert!(!towns(Some(40)).contains('█') && towns(Some(40)).contains('─'), "{}", towns(Some(40)));
        assert!(towns(Some(24)).contains("companies：160658\n"), "{}", towns(Some(24)));
    }
}
