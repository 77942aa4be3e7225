//! Rows of a twin, one after another.

use std::collections::HashSet;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use unseen_policies::Bounds;

use super::fitted::{Bin, Fitted, FittedColumn};
use super::spread::{mixed, normal, pick};
use crate::cell::{self, Cell, USCC_ALPHABET};
use crate::description::{
    Bound, Check, ColumnSpec, ColumnType, Description, Distribution, Rule, Unit, UnitRows, WhenMissing,
};
use crate::hash::siphash24;
use crate::resident_id;

/// Rows a unit has on average, where nothing is said.
const ROWS_PER_UNIT: u64 = 8;

/// The share of nulls in a column that may have them, where nothing is said.
const NULLS: f64 = 0.03;

/// Draws of a cell, until one does not mean null where there may be none.
const DRAWS: usize = 16;

/// The last day that every format can write: 9999-12-31.
const LAST_DAY: i64 = 2_932_896;
const DAY: i64 = 86_400_000_000;

/// What makes the rows. Columns that nothing is said of take their draws from one stream, in their order.
pub(super) struct Rows<'d> {
    description: &'d Description,
    /// In the order in which they are made: behind those they are made of.
    columns: Vec<Made<'d>>,
    seed: u64,
    rng: ChaCha12Rng,
    units: Units<'d>,
    /// Of the row at hand: cells as they are written, and what lies beneath, nulls too: a number in the column's own
    /// unit, or the place of a text.
    cells: Vec<String>,
    beneath: Vec<f64>,
    /// The bins that its fitted columns have fallen into.
    bins: Vec<usize>,
    /// Keys of a reference table so far.
    keys: HashSet<String>,
    made: u64,
}

struct Made<'d> {
    at: usize,
    spec: &'d ColumnSpec,
    kind: How<'d>,
}

/// How a column is made.
enum How<'d> {
    /// It names the unit.
    Unit(&'d Unit),
    /// It is the key of a reference table.
    Key,
    /// Nothing is said of it.
    Plain,
    /// By its shape, and by the weights of a release. `given` is where the column that it goes by stands.
    Shaped { fitted: Option<&'d FittedColumn>, given: Option<usize>, weights: Vec<f64> },
}

/// Whose rows come when.
enum Units<'d> {
    /// A reference table's are nobody's.
    None,
    /// Each row is drawn to one of so many.
    Drawn(u64),
    /// One unit after another.
    InTurn { size: Size<'d>, unit: u64, left: u64, most: u64 },
}

/// How many rows a unit has.
enum Size<'d> {
    Said(UnitRows),
    Fitted(&'d [(Bin, f64)]),
}

impl<'d> Rows<'d> {
    /// Rows that follow a description, and a release where there is one.
    pub(super) fn new(description: &'d Description, fitted: &'d Fitted, rows: u64, seed: u64) -> Rows<'d> {
        let count = description.columns.len();
        Rows {
            description,
            columns: columns(description, fitted),
            seed,
            rng: ChaCha12Rng::seed_from_u64(seed),
            units: units(description, fitted, rows),
            cells: vec![String::new(); count],
            beneath: vec![0.0; count],
            bins: vec![0; count],
            keys: HashSet::new(),
            made: 0,
        }
    }

    /// The cells of the next row; none where the description leaves room for no further one.
    pub(super) fn next(&mut self) -> Option<&[String]> {
        if self.description.unit.is_some() && self.made >= self.description.bounds.rows {
            return None;
        }
        let columns = std::mem::take(&mut self.columns);
        // A key that is there already is left out; after many of them there are no more.
        let made = (0..2 * self.keys.len() as u64 + 100).find_map(|_| self.make(&columns));
        self.columns = columns;
        if made? { Some(&self.cells) } else { None }
    }

    /// Makes one row: none where its key is there already, false where there is no unit left.
    fn make(&mut self, columns: &[Made<'d>]) -> Option<bool> {
        let row = self.made;
        self.made += 1;
        let Some(mut unit) = self.turn() else { return Some(false) };
        for Made { at, spec, kind } in columns {
            self.cells[*at] = match kind {
                How::Unit(of) => {
                    if let Units::Drawn(units) = self.units {
                        unit = self.rng.random_range(0..units);
                    }
                    id_of_unit(self.description, of, spec, unit)
                }
                How::Key => spec.domain.get(row as usize).cloned().unwrap_or_else(|| unit_id("key", spec, row)),
                How::Plain => self.present(spec, |rows| rows.plain(spec)),
                How::Shaped { fitted, given, weights } => {
                    self.present(spec, |rows| rows.shaped(*at, spec, unit, *fitted, *given, weights))
                }
            };
            if matches!(kind, How::Key) && !self.keys.insert(self.cells[*at].clone()) {
                return None;
            }
        }
        Some(true)
    }

    /// Whose row comes next, where units come in turn.
    fn turn(&mut self) -> Option<u64> {
        let Units::InTurn { size, unit, left, most } = &mut self.units else { return Some(0) };
        while *left == 0 {
            *unit = unit.wrapping_add(1);
            if *unit >= *most {
                return None;
            }
            let draw = own(self.seed, *unit, "").random();
            *left = size.of(draw);
        }
        *left -= 1;
        Some(*unit)
    }

    /// A cell that does not happen to mean null where there may be no null.
    fn present(&mut self, spec: &ColumnSpec, mut draw: impl FnMut(&mut Self) -> String) -> String {
        let mut cell = draw(self);
        for _ in 1..DRAWS {
            if spec.nullable || !spec.is_null(&cell, &self.description.csv) {
                break;
            }
            cell = draw(self);
        }
        cell
    }

    fn plain(&mut self, spec: &ColumnSpec) -> String {
        let rng = &mut self.rng;
        if spec.nullable && rng.random_bool(NULLS) {
            return null(self.description, spec);
        }
        let cell = match &spec.kind {
            ColumnType::Float => {
                let (low, high) = float_bounds(spec);
                Cell::Float((low + (high - low) * rng.random::<f64>()).clamp(low, high))
            }
            ColumnType::Bool => Cell::Bool(rng.random()),
            ColumnType::Text => return text(spec, rng),
            kind => {
                let (low, high) = int_bounds(spec, kind);
                Cell::Int(rng.random_range(low..=high))
            }
        };
        cell::render(&cell, &spec.kind).into_owned()
    }

    /// A cell by its column's shape. What lies beneath a null is made too, for the columns that depend on it.
    fn shaped(
        &mut self,
        at: usize,
        spec: &ColumnSpec,
        unit: u64,
        fitted: Option<&FittedColumn>,
        given: Option<usize>,
        weights: &[f64],
    ) -> String {
        let shape = &spec.shape;
        let mut own = own(self.seed, unit, &spec.name);
        let (first, second): (f64, f64) = (own.random(), own.random());
        let draw = match shape.per_unit {
            share if share <= 0.0 => self.rng.random(),
            _ if shape.is_constant() => first,
            share => mixed(first, self.rng.random(), share),
        };
        let nulls = if spec.nullable { shape.nulls.unwrap_or(NULLS) } else { 0.0 };
        let chance = if shape.is_constant() || nulls <= 0.0 { second } else { self.rng.random() };
        let mut is_null = chance < nulls;

        let (mut draw, mut place, mut ends) = (draw, None, None);
        if let Some(fitted) = fitted {
            let (bin, rest) = pick(fitted.weights(given.map(|at| self.bins[at])), draw);
            self.bins[at] = bin;
            let nulls_are_fitted = fitted.bins.contains(&Bin::Null);
            is_null &= !nulls_are_fitted;
            draw = rest;
            match fitted.bins[bin] {
                Bin::Null => is_null = true,
                Bin::Text(text) => place = Some(text),
                Bin::Between(low, high) => ends = Some((low, high)),
            }
        }
        let is_choice = spec.kind == ColumnType::Bool || !spec.domain.is_empty();
        let text = match &spec.kind {
            ColumnType::Text if !is_choice => {
                if shape.is_constant() {
                    text(spec, &mut own)
                } else {
                    text(spec, &mut self.rng)
                }
            }
            ColumnType::Bool | ColumnType::Text => {
                let place = place.unwrap_or_else(|| pick(weights, draw).0);
                self.beneath[at] = place as f64;
                match spec.kind {
                    ColumnType::Bool => cell::render(&Cell::Bool(place == 0), &spec.kind).into_owned(),
                    _ => spec.domain.get(place).cloned().unwrap_or_default(),
                }
            }
            kind => {
                let (number, cell) = self.number(spec, draw, ends);
                self.beneath[at] = number;
                cell::render(&cell, kind).into_owned()
            }
        };
        if is_null { null(self.description, spec) } else { text }
    }

    /// A number, day or moment by its rule, within its bounds: in the column's own unit, and as a cell.
    fn number(&self, spec: &ColumnSpec, draw: f64, ends: Option<(f64, f64)>) -> (f64, Cell<'static>) {
        let beneath = |name: &str| {
            let at = self.description.columns.iter().position(|column| column.name == name);
            at.map_or(0.0, |at| self.beneath[at])
        };
        let (low, high) = Self::bounds(spec);
        let step = match &spec.kind {
            ColumnType::Float => 0.0,
            ColumnType::Decimal { scale } => 10_f64.powi(-i32::from(*scale)),
            _ => 1.0,
        };
        let number = match &spec.shape.rule {
            Rule::Drawn(distribution) => {
                let (low, high) = ends.unwrap_or((low, high));
                // So that the outermost steps are met as often as the others.
                distribution.quantile(draw, low - step / 2.0, high + step / 2.0)
            }
            Rule::Line { slopes, base, noise } => {
                let line = slopes.iter().fold(*base, |sum, (name, slope)| sum + slope * beneath(name));
                line * (noise * normal(draw.clamp(1e-12, 1.0 - 1e-12))).exp()
            }
            Rule::After { column, days } => {
                let day = if matches!(spec.kind, ColumnType::Timestamp { .. }) { DAY as f64 } else { 1.0 };
                let distance = Distribution::Exponential { from: 0.0, mean: days.max(1e-9) };
                beneath(column) + day * distance.quantile(draw, 0.0, f64::INFINITY)
            }
        };
        let number = if number.is_nan() { low } else { number.max(low).min(high) };
        match &spec.kind {
            ColumnType::Float => (number, Cell::Float(number)),
            kind => {
                let (least, most) = whole_bounds(spec, kind);
                let steps = ((number / step).round() as i64).clamp(least, most);
                (steps as f64 * step, Cell::Int(steps))
            }
        }
    }

    /// The least and the greatest value, in the column's own unit. Where a rule says how values lie, bounds that are
    /// not declared need not be made up.
    fn bounds(spec: &ColumnSpec) -> (f64, f64) {
        match &spec.kind {
            ColumnType::Float if spec.shape.rule == Rule::default() => float_bounds(spec),
            ColumnType::Float => {
                let end = |bound: Option<Bound>, end: f64| bound.map_or(end, |bound| bound.in_unit_of(&spec.kind));
                (end(spec.min, f64::MIN), end(spec.max, f64::MAX))
            }
            kind => {
                let (low, high) = whole_bounds(spec, kind);
                (Bound::Int(low).in_unit_of(kind), Bound::Int(high).in_unit_of(kind))
            }
        }
    }
}

impl Size<'_> {
    fn of(&self, draw: f64) -> u64 {
        let (distribution, low, high, draw) = match self {
            Size::Said(UnitRows { min, max, distribution }) => (distribution, f64::from(*min), f64::from(*max), draw),
            Size::Fitted(bins) => {
                let weights: Vec<f64> = bins.iter().map(|(_, weight)| *weight).collect();
                let (at, rest) = pick(&weights, draw);
                match bins.get(at) {
                    Some((Bin::Between(low, high), _)) => (&Distribution::Uniform, *low, *high, rest),
                    _ => (&Distribution::Uniform, 1.0, 1.0, rest),
                }
            }
        };
        distribution.quantile(draw, low - 0.5, high + 0.5).round().clamp(low, high).max(1.0) as u64
    }
}

/// Columns behind those that they are made of, otherwise in their order.
fn columns<'d>(description: &'d Description, fitted: &'d Fitted) -> Vec<Made<'d>> {
    let columns = &description.columns;
    let at = |name: &str| columns.iter().position(|column| column.name == name);
    let fitted_of = |spec: &ColumnSpec| {
        let found = fitted.columns.iter().find(|fitted| fitted.column == spec.name);
        found.filter(|fitted| fitted.fits(spec) && spec.shape.rule.columns().is_empty())
    };
    let unit = description.unit.as_ref();
    let is_named = |name: &str| columns.iter().any(|other| other.shape.rule.columns().contains(&name));
    let how = |spec: &'d ColumnSpec| {
        let given = fitted_of(spec).and_then(|fitted| at(&fitted.given.as_ref()?.0));
        match unit {
            Some(unit) if unit.column == spec.name => How::Unit(unit),
            None if description.key.as_ref() == Some(&spec.name) => How::Key,
            _ if spec.shape != Default::default()
                || !spec.sizes.is_empty()
                || is_named(&spec.name)
                || fitted_of(spec).is_some() =>
            {
                How::Shaped { fitted: fitted_of(spec), given, weights: weights(spec) }
            }
            _ => How::Plain,
        }
    };
    let mut order = Vec::new();
    let mut seen = vec![false; columns.len()];
    // A column is followed only once, so no ring holds this up, even where none was refused.
    let mut waiting: Vec<(usize, bool)> = (0..columns.len()).rev().map(|at| (at, false)).collect();
    while let Some((number, ready)) = waiting.pop() {
        let spec = &columns[number];
        if ready {
            order.push(Made { at: number, spec, kind: how(spec) });
        } else if !std::mem::replace(&mut seen[number], true) {
            waiting.push((number, true));
            let mut first: Vec<usize> = spec.shape.rule.columns().into_iter().filter_map(at).collect();
            if let How::Shaped { given, .. } = how(spec) {
                first.extend(given);
                first.extend(unit.filter(|_| spec.shape.per_unit > 0.0).and_then(|unit| at(&unit.column)));
            }
            waiting.extend(first.into_iter().map(|at| (at, false)));
        }
    }
    order
}

/// How often each choice of a column is met: as is written, else by the public sizes, else all alike.
fn weights(spec: &ColumnSpec) -> Vec<f64> {
    let choices = if spec.kind == ColumnType::Bool { 2 } else { spec.domain.len() };
    let sizes: Vec<f64> = spec.sizes.iter().map(|size| *size as f64).collect();
    let said = if spec.shape.weights.is_empty() { sizes } else { spec.shape.weights.clone() };
    if said.len() == choices && said.iter().sum::<f64>() > 0.0 { said } else { vec![1.0; choices] }
}

/// Whose rows come when: as a release says, or the description; where its bounds leave fewer rows to a unit than is
/// usual, those.
fn units<'d>(description: &'d Description, fitted: &'d Fitted, rows: u64) -> Units<'d> {
    let Some(unit) = &description.unit else { return Units::None };
    let Bounds { units: most, rows: most_rows, .. } = description.bounds;
    let in_turn = |size| Units::InTurn { size, unit: u64::MAX, left: 0, most };
    if fitted.rows_of_unit.iter().any(|(_, weight)| *weight > 0.0) {
        return in_turn(Size::Fitted(&fitted.rows_of_unit));
    }
    if let Some(said) = &unit.rows {
        return in_turn(Size::Said(said.clone()));
    }
    let are_said = most != Bounds::DEFAULT.units && most_rows != Bounds::DEFAULT.rows;
    let average = (most_rows / most.max(1)).max(1);
    if are_said && average < ROWS_PER_UNIT {
        let max = u32::try_from(2 * average - 1).unwrap_or(1);
        return in_turn(Size::Said(UnitRows { min: 1, max, distribution: Distribution::Uniform }));
    }
    Units::Drawn((rows / ROWS_PER_UNIT).clamp(1, most.max(1)))
}

/// The stream of what is one unit's own in a column.
fn own(seed: u64, unit: u64, column: &str) -> ChaCha12Rng {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..].copy_from_slice(&unit.to_le_bytes());
    ChaCha12Rng::seed_from_u64(siphash24(&key, column.as_bytes()))
}

/// What stands for no value in a column.
pub(super) fn null(description: &Description, column: &ColumnSpec) -> String {
    column.null.as_ref().unwrap_or(&description.csv.null).first().cloned().unwrap_or_default()
}

/// The id of a unit; where an import refuses rows of no unit, one that does not mean that there is none.
fn id_of_unit(description: &Description, unit: &Unit, column: &ColumnSpec, number: u64) -> String {
    let is_none = |id: &String| {
        unit.is_missing(id)
            || column.is_null(id, &description.csv)
            || column.kind == ColumnType::Int && id.parse().is_ok_and(|id| unit.is_missing_number(id))
    };
    let first = unit_id(&unit.domain, column, number);
    if unit.when_missing == WhenMissing::SetAside || !is_none(&first) {
        return first;
    }
    (1..DRAWS as u64).map(|next| unit_id(&unit.domain, column, number + next)).find(|id| !is_none(id)).unwrap_or(first)
}

/// The id of a domain's unit: it depends only on the domain, the column's check and the
/// number.
fn unit_id(domain: &str, column: &ColumnSpec, number: u64) -> String {
    let mut rng = ChaCha12Rng::seed_from_u64(number);
    match (&column.kind, &column.check) {
        (ColumnType::Text, Some(Check::Uscc)) => uscc(&mut rng),
        (ColumnType::Text, Some(Check::ResidentId)) => resident_id(&mut rng),
        (ColumnType::Text, Some(Check::Pattern(pattern))) => matching(pattern, &mut rng),
        (ColumnType::Text, None) => format!("{domain}-{number:06}"),
        (kind, _) => {
            let (low, high) = int_bounds(column, kind);
            let span = high.abs_diff(low).saturating_add(1);
            let id = low.saturating_add_unsigned(number % span);
            cell::render(&Cell::Int(id), kind).into_owned()
        }
    }
}

fn float_bounds(column: &ColumnSpec) -> (f64, f64) {
    let low = if let Some(Bound::Float(low)) = column.min { Some(low) } else { None };
    let high = if let Some(Bound::Float(high)) = column.max { Some(high) } else { None };
    match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low + 1000.0),
        (None, Some(high)) => (high - 1000.0, high),
        (None, None) => (0.0, 1000.0),
    }
}

fn int_bounds(column: &ColumnSpec, kind: &ColumnType) -> (i64, i64) {
    // Two years from 2023-01-01, in days and in microseconds; a thousand otherwise.
    let (start, span) = match kind {
        ColumnType::Date { .. } => (19_358, 730),
        ColumnType::Timestamp { .. } => (19_358 * DAY, 730 * DAY),
        ColumnType::Decimal { scale } => (0, 1000i64.saturating_mul(10i64.saturating_pow(u32::from(*scale)))),
        _ => (0, 1000),
    };
    let low = if let Some(Bound::Int(low)) = column.min { Some(low) } else { None };
    let high = if let Some(Bound::Int(high)) = column.max { Some(high) } else { None };
    match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low.saturating_add(span).max(start + span)),
        (None, Some(high)) => (high.saturating_sub(span).min(start), high),
        (None, None) => (start, start + span),
    }
}

/// Of a column that is made by a rule: what is not declared is as far as can be written.
fn whole_bounds(column: &ColumnSpec, kind: &ColumnType) -> (i64, i64) {
    if column.shape.rule == Rule::default() {
        return int_bounds(column, kind);
    }
    let (least, most) = match kind {
        ColumnType::Date { .. } => (-LAST_DAY / 4, LAST_DAY),
        ColumnType::Timestamp { .. } => (-LAST_DAY / 4 * DAY, LAST_DAY * DAY),
        _ => (i64::MIN, i64::MAX),
    };
    let end = |bound: Option<Bound>, end: i64| if let Some(Bound::Int(bound)) = bound { bound } else { end };
    let (low, high) = (end(column.min, least), end(column.max, most));
    (low.min(high), high.max(low))
}

fn text(column: &ColumnSpec, rng: &mut ChaCha12Rng) -> String {
    if !column.domain.is_empty() {
        return column.domain[rng.random_range(0..column.domain.len())].clone();
    }
    match &column.check {
        Some(Check::Uscc) => uscc(rng),
        Some(Check::ResidentId) => resident_id(rng),
        Some(Check::Pattern(pattern)) => matching(pattern, rng),
        None => format!("{}-{}", column.name, rng.random_range(0..100)),
    }
}

/// A code of the right form with a right check digit, of no one in particular.
fn uscc(rng: &mut impl Rng) -> String {
    let mut body = *b"91330000000000000";
    for place in &mut body[8..] {
        *place = USCC_ALPHABET[rng.random_range(0..USCC_ALPHABET.len())];
    }
    let digit = cell::uscc_check_digit(&body).unwrap_or(b'0');
    body.iter().chain([&digit]).copied().map(char::from).collect()
}

/// A number of the right form with a right check digit, of a person born from 1950 to 2004, of no one in particular.
fn resident_id(rng: &mut impl Rng) -> String {
    let day = cell::date_of(rng.random_range(-7_305..12_784)).unwrap_or_default().format("%Y%m%d");
    let mut number = format!("330000{day}{:03}", rng.random_range(1..996u16));
    let digit = number.as_bytes().first_chunk().map_or(b'0', resident_id::check_digit);
    number.push(char::from(digit));
    number
}

fn matching(pattern: &str, rng: &mut impl Rng) -> String {
    let pattern = pattern.strip_suffix('*').unwrap_or(pattern);
    pattern
        .chars()
        .map(|wanted| match wanted {
            '#' => char::from(b'0' + rng.random_range(0..10u8)),
            '@' | '?' => char::from(b'A' + rng.random_range(0..26u8)),
            exact => exact,
        })
        .collect()
}
