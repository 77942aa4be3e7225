//! The plain answer, counted straight from the tables, and how far a release is from it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// A folder of tables.
pub struct Tables<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Brings a unit's id into its one form.
    pub plain: fn(&str) -> String,
}

impl Tables<'_> {
    /// Reads a table by its name, with what is in its first column in one form.
    pub fn read(&self, name: &str) -> io::Result<Table> {
        let text = fs::read_to_string(self.folder.join(name).with_extension("csv"))?;
        let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
        let mut table = format!("{header}\n");
        for row in rows.lines() {
            let (id, cells) = row.split_once(',').unwrap_or((row, ""));
            table += &format!("{},{cells}\n", (self.plain)(id));
        }
        Ok(Table(table))
    }
}

/// A CSV file without quotes.
pub struct Table(pub String);

impl Table {
    /// Its rows in their order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut lines = self.0.trim_start_matches('\u{feff}').lines();
        let names: Rc<[&str]> = lines.next().unwrap_or("").split(',').collect();
        lines.map(move |line| Row { names: names.clone(), cells: line.split(',').collect() })
    }

    /// Each row by its unit, where a unit has one row.
    pub fn by_unit(&self) -> BTreeMap<&str, Row<'_>> {
        self.rows().map(|row| (row.unit(), row)).collect()
    }
}

/// A row.
pub struct Row<'a> {
    names: Rc<[&'a str]>,
    cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// The cell of the first column.
    pub fn unit(&self) -> &'a str {
        self.cells.first().copied().unwrap_or("")
    }

    /// A cell; empty where there is none.
    pub fn text(&self, column: &str) -> &'a str {
        let at = self.names.iter().position(|name| *name == column);
        at.and_then(|at| self.cells.get(at)).copied().unwrap_or("")
    }

    /// A cell as a number.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.text(column).parse().ok()
    }

    /// A cell as 1 for true, else 0.
    pub fn flag(&self, column: &str) -> f64 {
        f64::from(self.text(column) == "true")
    }

    /// The cells between two columns, with the columns' names, or those of the keys that a release calls `key.kind`.
    fn cells_between(&self, after: &str, before: &str) -> Keys {
        let cells = self.names.iter().zip(&self.cells).skip_while(|(name, _)| **name != after).skip(1);
        let cells = cells.take_while(|(name, _)| **name != before).filter(|(_, cell)| !cell.is_empty());
        cells.map(|(name, cell)| (name.trim_start_matches("key.").to_owned(), (*cell).to_owned())).collect()
    }
}

/// The label of a number among ascending edges; an edge belongs to the label above it.
pub fn bin<'a>(number: f64, edges: &[f64], labels: &[&'a str]) -> &'a str {
    let reached = edges.iter().filter(|edge| number >= **edge).count();
    labels.get(reached).copied().unwrap_or("")
}

/// A group: the key of each group column.
type Keys = BTreeMap<String, String>;
/// A number of a release: its output, its value or ratio, its group.
type Place = (String, String, Keys);
/// A number that a job computed: its table, the row from 0, the column.
type Cell = (String, String, String);

/// The answer to a question. A group that is missing has 0.
#[derive(Default)]
pub struct Truth {
    numbers: BTreeMap<Place, f64>,
    units: HashSet<(Place, String)>,
    computed: BTreeMap<Cell, (f64, f64)>,
}

/// What was found when a release was compared with the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Groups of all outputs.
    pub groups: usize,
    /// Totals and ratios; of a job of several rounds, what it computed at the end.
    pub numbers: usize,
    /// Those that are not mostly noise: their interval is narrower than they are large. What a job computed has no
    /// interval, and counts as clear.
    pub clear: usize,
    /// The median relative error of these.
    pub median: f64,
    /// The largest.
    pub worst: f64,
}

impl Truth {
    /// Adds to values of a group.
    pub fn add(&mut self, output: &str, group: &[(&str, &str)], values: &[(&str, f64)]) {
        for (value, number) in values {
            *self.numbers.entry(place(output, value, group)).or_default() += number;
        }
    }

    /// Counts a unit in a group, once.
    pub fn unit(&mut self, output: &str, group: &[(&str, &str)], unit: &str) {
        let place = place(output, "units", group);
        if self.units.insert((place.clone(), unit.to_owned())) {
            *self.numbers.entry(place).or_default() += 1.0;
        }
    }

    /// Divides one value of an output by another, in each group of the columns `by`, of all if there are none.
    pub fn ratio(&mut self, output: &str, name: &str, [numerator, denominator]: [&str; 2], by: &[&str]) {
        let mut sums: BTreeMap<Keys, [f64; 2]> = BTreeMap::new();
        for ((found, value, keys), number) in &self.numbers {
            let part = [numerator, denominator].iter().position(|part| part == value);
            if let Some(part) = part.filter(|_| found == output) {
                let kept = keys.iter().filter(|(key, _)| by.is_empty() || by.contains(&key.as_str()));
                let kept = kept.map(|(key, cell)| (key.clone(), cell.clone())).collect();
                sums.entry(kept).or_default()[part] += number;
            }
        }
        let quotients = sums.into_iter().filter(|(_, [_, denominator])| *denominator != 0.0);
        let quotients = quotients.map(|(keys, [n, d])| ((output.to_owned(), name.to_owned(), keys), n / d));
        self.numbers.extend(quotients);
    }

    /// States what a job of several rounds would have computed without noise, and how far off, as a share, is no bad
    /// luck but a wrong job. The totals of its rounds are steps on the way, and are not compared.
    pub fn computed(&mut self, table: &str, row: usize, columns: &[(&str, f64)], within: f64) {
        for (column, number) in columns {
            let cell = (table.to_owned(), row.to_string(), (*column).to_owned());
            self.computed.insert(cell, (*number, within));
        }
    }

    /// Compares with a release as `unseen job release --csv` writes it. Says what is wrong where a number is further
    /// off than no bad luck explains: five times half its 95 % interval, about ten standard deviations.
    pub fn measure(&self, release: &Table) -> Result<Measured, String> {
        if !self.computed.is_empty() {
            return self.measure_computed(release);
        }
        let (mut groups, mut numbers, mut errors) = (HashSet::new(), HashSet::new(), Vec::new());
        for row in release.rows().filter(|row| ["total", "ratio"].contains(&row.text("kind"))) {
            let (output, value, total) = (row.text("table"), row.text("value"), row.text("kind") == "total");
            let keys = row.cells_between("row", "value");
            if total {
                groups.insert((output.to_owned(), keys.clone()));
            }
            let place = (output.to_owned(), value.to_owned(), keys);
            let truth = self.numbers.get(&place).copied().or(total.then_some(0.0));
            numbers.insert(place.clone());
            // A ratio whose divisor may be zero is not stated.
            let (Some(truth), Some(number), Some(low), Some(high)) =
                (truth, row.number("number"), row.number("low"), row.number("high"))
            else {
                continue;
            };
            let clear = high - low < truth.abs();
            let half = if truth < number { number - low } else { high - number };
            if (clear || total) && (truth - number).abs() > 5.0 * half {
                return Err(format!("{place:?} is released as {number} ({low} to {high}), and is {truth}"));
            }
            if clear {
                errors.push(((number - truth) / truth).abs());
            }
        }
        if let Some(lost) = self.numbers.keys().find(|place| !numbers.contains(place)) {
            return Err(format!("{lost:?} is not in the release"));
        }
        Measured::new(groups.len(), numbers.len(), errors)
    }

    fn measure_computed(&self, release: &Table) -> Result<Measured, String> {
        let (mut groups, mut found, mut errors) = (HashSet::new(), HashSet::new(), Vec::new());
        for row in release.rows() {
            if row.text("kind") == "total" {
                groups.insert((row.text("table").to_owned(), row.cells_between("row", "value")));
            }
            let cell = (row.text("table").to_owned(), row.text("row").to_owned(), row.text("value").to_owned());
            let Some((truth, within)) = self.computed.get(&cell).filter(|_| row.text("kind") == "job") else {
                continue;
            };
            let number = row.number("number").ok_or_else(|| format!("{cell:?} is no number"))?;
            let error = ((number - truth) / truth).abs();
            if error > *within {
                return Err(format!("{cell:?} is released as {number}, and is {truth}"));
            }
            errors.push(error);
            found.insert(cell);
        }
        match self.computed.keys().find(|cell| !found.contains(cell)) {
            Some(lost) => Err(format!("{lost:?} is not in the release")),
            None => Measured::new(groups.len(), found.len(), errors),
        }
    }
}

impl Measured {
    fn new(groups: usize, numbers: usize, mut errors: Vec<f64>) -> Result<Measured, String> {
        errors.sort_by(f64::total_cmp);
        match (errors.get(errors.len() / 2), errors.last()) {
            (Some(&median), Some(&worst)) => Ok(Measured { groups, numbers, clear: errors.len(), median, worst }),
            _ => Err("everything is mostly noise".to_owned()),
        }
    }
}

fn place(output: &str, value: &str, group: &[(&str, &str)]) -> Place {
    let keys = group.iter().map(|(column, key)| ((*column).to_owned(), (*key).to_owned())).collect();
    (output.to_owned(), value.to_owned(), keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let mut truth = Truth::default();
        for (town, rows) in [("湖塘镇", 600.0), ("洛阳镇", 400.0)] {
            truth.add("trips", &[("town", town)], &[("rows", rows), ("late", rows / 4.0)]);
            truth.unit("trips", &[("town", town)], "P1");
            truth.unit("trips", &[("town", town)], "P1");
        }
        truth.ratio("trips", "share", ["late", "rows"], &[]);
        truth
    }

    fn release(rows: &str) -> Table {
        let others = "trips,total,0,1,洛阳镇,rows,380,360,400,10\ntrips,total,0,0,湖塘镇,late,150,140,160,5\n\
            trips,total,0,1,洛阳镇,late,100,90,110,5\ntrips,total,0,0,湖塘镇,units,9,-20,38,14\n\
            trips,total,0,1,洛阳镇,units,9,-20,38,14\ntrips,ratio,0,1,洛阳镇,share,,,,\n";
        let head = "\u{feff}table,kind,round,row,town,value,number,low,high,standard_deviation";
        let ratio = "trips,ratio,0,0,湖塘镇,share,0.25,0.2,0.3,";
        Table(format!("{head}\n{ratio}\ntrips,total,0,0,湖塘镇,rows,{rows}\n{others}"))
    }

    #[test]
    fn errors_are_of_what_is_not_mostly_noise() {
        let measured = truth().measure(&release("606,586,626,10")).unwrap();
        assert_eq!(measured, Measured { groups: 2, numbers: 8, clear: 5, median: 0.0, worst: 0.05 });
    }

    #[test]
    fn a_wrong_job_is_found() {
        assert!(truth().measure(&release("701,681,721,10")).unwrap_err().contains("is 600"));
        let mut more = truth();
        more.add("trips", &[("town", "雪堰镇")], &[("rows", 1.0)]);
        assert!(more.measure(&release("606,586,626,10")).unwrap_err().contains("雪堰镇"));
    }

    #[test]
    fn what_a_job_computed_is_compared_and_its_steps_are_not() {
        let release = Table(
            "table,kind,round,row,value,number,low,high,standard_deviation\n\
            model,job,1,0,slope,2.2,,,\nsums,total,0,0,by_slope,-7,-9,-5,1\n"
                .to_owned(),
        );
        let mut truth = Truth::default();
        truth.computed("model", 0, &[("slope", 2.0)], 0.2);
        let measured = truth.measure(&release).unwrap();
        assert_eq!((measured.groups, measured.numbers, measured.clear), (1, 1, 1));
        assert!((measured.worst - 0.1).abs() < 1e-9);
        truth.computed("model", 0, &[("slope", 2.0)], 0.05);
        assert!(truth.measure(&release).unwrap_err().contains("is 2"));
        truth.computed("model", 0, &[("slope", 2.2), ("intercept", 1.0)], 0.05);
        assert!(truth.measure(&release).unwrap_err().contains("intercept"));
    }

    #[test]
    fn an_edge_belongs_to_the_bin_above_it() {
        assert_eq!([0.9, 1.0, 7.0].map(|number| bin(number, &[1.0, 5.0], &["a", "b", "c"])), ["a", "b", "c"]);
    }
}
