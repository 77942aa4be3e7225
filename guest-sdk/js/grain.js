// The rows of one grain: a table for each input, with typed columns.

/** All rows of one grain: a table for each of the manifest's inputs. `shape.js` has one with a getter for each. */
export class Grain {
  /** The tables' classes, in the manifest's order. */
  static INPUTS = [];

  /** Of each table the number of rows, and of each column its cells and validity. */
  constructor(tables) {
    this.tables = this.constructor.INPUTS.map((Kind, place) => new Kind(...tables[place]));
  }
}

/**
 * The rows that a grain has in one input; `length` of them, which may be 0. `shape.js` gives each input a class of its
 * own, with a getter for each column.
 */
export class Table {
  /** The dataset. */
  static NAME = "";
  /** The columns' names, in their order. */
  static COLUMNS = [];

  constructor(rows, columns) {
    this.length = rows;
    this.columns = this.constructor.COLUMNS.map((name, place) => new Column(name, ...columns[place]));
  }
}

const DAY = 86_400_000;

/**
 * The cells of one column, one for each row; a null is `null`. Numbers are numbers, truth values booleans, texts
 * strings. Dates and timestamps arrive as numbers: `dates()` and `timestamps()` read them, and `decimals(scale)` reads
 * a column of decimals.
 */
export class Column {
  /**
   * `validity` has one byte for each row, 0 for a null; it is empty where no cell is null. `areInts` are whole numbers,
   * which arrive rounded where JavaScript cannot hold them.
   */
  constructor(name, cells, validity = [], areInts = false) {
    this.name = name;
    this.cells = cells;
    this.validity = validity;
    this.areInts = areInts;
  }

  /** Number of rows. */
  get length() {
    return this.cells.length;
  }

  /** The cell of a row; `null` for a null, or past the end. */
  at(row) {
    if (row < 0 || row >= this.length || this.isNull(row)) return null;
    const cell = this.cells[row];
    if (!this.areInts || Number.isSafeInteger(cell)) return cell;
    throw new RangeError(`column \`${this.name}\` holds whole numbers beyond 2^53, which JavaScript cannot hold`);
  }

  /** All cells, a null as `null`. */
  *[Symbol.iterator]() {
    for (let row = 0; row < this.length; row++) yield this.at(row);
  }

  /** The cells that are not null. */
  *valid() {
    for (let row = 0; row < this.length; row++) if (!this.isNull(row)) yield this.at(row);
  }

  /** Days, as `Date`s at midnight UTC, of a column of dates (days since 1970-01-01). */
  dates() {
    return Array.from(this, (days) => (days === null ? null : new Date(days * DAY)));
  }

  /** Moments, of a column of timestamps (microseconds since 1970-01-01), cut to milliseconds. */
  timestamps() {
    return Array.from(this, (ticks) => (ticks === null ? null : new Date(Math.floor(ticks / 1000))));
  }

  /** The numbers of a column of decimals with so many places (which hold the number times ten to the scale). */
  decimals(scale) {
    return Array.from(this, (steps) => (steps === null ? null : steps / 10 ** scale));
  }

  isNull(row) {
    return this.validity.length > 0 && this.validity[row] === 0;
  }
}
