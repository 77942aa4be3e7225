/* The canonical ABI of the job contract (job.wit), by hand: it is small and fixed. Grains are read where they lie. */
#include "unseen.h"
#ifndef __wasm__
#include "unseen_test.h"
#endif

/* --- Cells --- */

static const void *cells_of(unseen_column column, uint8_t kind, uint32_t row) {
    size_t rows = column.cells.length - (kind == UNSEEN_TEXTS && column.cells.length > 0);
    bool is_null = column.validity_length > 0 && (row >= column.validity_length || column.validity[row] == 0);
    return column.cells.kind == kind && row < rows && !is_null ? column.cells.values : NULL;
}

bool unseen_int(unseen_column column, uint32_t row, int64_t *cell) {
    const int64_t *values = cells_of(column, UNSEEN_INTS, row);
    if (values) *cell = values[row];
    return values != NULL;
}

bool unseen_float(unseen_column column, uint32_t row, double *cell) {
    const double *values = cells_of(column, UNSEEN_FLOATS, row);
    if (values) *cell = values[row];
    return values != NULL;
}

bool unseen_bool(unseen_column column, uint32_t row, bool *cell) {
    const uint8_t *values = cells_of(column, UNSEEN_BOOLS, row);
    if (values) *cell = values[row] != 0;
    return values != NULL;
}

bool unseen_text_at(unseen_column column, uint32_t row, unseen_text *cell) {
    const uint32_t *offsets = cells_of(column, UNSEEN_TEXTS, row);
    if (offsets) *cell = (unseen_text){column.cells.bytes + offsets[row], offsets[row + 1] - offsets[row]};
    return offsets != NULL;
}

/* Counts in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day comes last. */
unseen_date unseen_date_of(int64_t days) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return (unseen_date){year + era * 400 + (month <= 2), (uint8_t)month, (uint8_t)day};
}

/* --- Texts and keys --- */

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

unseen_text unseen_text_of(const char *text) {
    return (unseen_text){text, length_of(text)};
}

bool unseen_same(unseen_text one, unseen_text other) {
    bool same = one.length == other.length;
    for (size_t at = 0; same && at < one.length; at++) same = one.bytes[at] == other.bytes[at];
    return same;
}

unseen_key unseen_int_key(int64_t number) {
    return (unseen_key){.is_text = 0, .number = number};
}

unseen_key unseen_text_key(unseen_text text) {
    return (unseen_key){.is_text = 1, .text = text};
}

/* --- Contributions --- */

/* As the contract has it (`contribution` in job.wit). */
struct contribution {
    uint32_t output;
    const unseen_key *group;
    size_t keys;
    const double *values;
    size_t numbers;
};

static struct contribution *said;
static size_t said_length, said_room;

static void copy(void *to, const void *from, size_t length) {
    for (size_t at = 0; at < length; at++) ((char *)to)[at] = ((const char *)from)[at];
}

static void *copied(const void *from, size_t length) {
    void *to = unseen_alloc(length);
    copy(to, from, length);
    return to;
}

void unseen_add(uint32_t output, const unseen_key *group, size_t keys, const double *values, size_t numbers) {
    if (said_length == said_room) {
        size_t room = said_room ? 2 * said_room : 8;
        struct contribution *more = unseen_alloc(room * sizeof *more);
        copy(more, said, said_length * sizeof *more);
        said = more;
        said_room = room;
    }
    const unseen_key *kept = copied(group, keys * sizeof *group);
    said[said_length++] = (struct contribution){output, kept, keys, copied(values, numbers * sizeof *values), numbers};
}

/* --- Grains and totals by place, for shape.h --- */

unseen_column unseen_column_at(const struct unseen_table *tables, size_t count, size_t table, size_t column) {
    bool known = table < count && column < tables[table].columns_length;
    return known ? tables[table].columns[column] : (unseen_column){0};
}

uint32_t unseen_rows_at(const struct unseen_table *tables, size_t count, size_t table) {
    return table < count ? tables[table].rows : 0;
}

const struct unseen_totals *unseen_totals_of(unseen_noisy noisy, const char *output) {
    for (size_t at = 0; at < noisy.length; at++)
        if (unseen_same(noisy.outputs[at].output, unseen_text_of(output))) return &noisy.outputs[at];
    return NULL;
}

size_t unseen_groups(unseen_noisy noisy, const char *output) {
    const struct unseen_totals *totals = unseen_totals_of(noisy, output);
    return totals && totals->values_length > 0 ? totals->values[0].totals.length : 0;
}

unseen_key unseen_group_key(unseen_noisy noisy, const char *output, size_t row, size_t column) {
    const struct unseen_totals *totals = unseen_totals_of(noisy, output);
    if (totals && column < totals->groups_length) {
        unseen_column keys = {.cells = totals->groups[column].keys};
        int64_t number;
        unseen_text text;
        if (unseen_int(keys, (uint32_t)row, &number)) return unseen_int_key(number);
        if (unseen_text_at(keys, (uint32_t)row, &text)) return unseen_text_key(text);
    }
    return unseen_text_key((unseen_text){"", 0});
}

double unseen_group_value(unseen_noisy noisy, const char *output, size_t row, size_t column) {
    const struct unseen_totals *totals = unseen_totals_of(noisy, output);
    bool known = totals && column < totals->values_length && row < totals->values[column].totals.length;
    return known ? totals->values[column].totals.values[row] : 0;
}

/* --- Answers --- */

/* result<list<contribution>, string>, and the same with a verdict: a tag, and what it says. */
struct answer {
    size_t is_error;
    size_t words[3];
};

static const void *error_of(const char *error) {
    return copied(&(struct answer){1, {(size_t)error, length_of(error), 0}}, sizeof(struct answer));
}

const void *unseen_answer(const char *error) {
    if (error) return error_of(error);
    return copied(&(struct answer){0, {(size_t)said, said_length, 0}}, sizeof(struct answer));
}

static struct answer verdict;
/* Given back by `unseen_next` and `unseen_done`; what else `advance` returns is the text of an error. */
static const char DECIDED[] = "advance decided";

const void *unseen_verdict(const char *decided) {
    if (decided == DECIDED) return &verdict;
    return error_of(decided ? decided : "advance returns unseen_next(...) or unseen_done(...)");
}

const char *unseen_next(const double *state, size_t length) {
    verdict = (struct answer){0, {0, (size_t)copied(state, length * sizeof *state), length}};
    return DECIDED;
}

/* As the contract has it (`derived` in job.wit). */
struct derived {
    unseen_text name;
    const unseen_text *columns;
    size_t columns_length;
    const unseen_numbers *rows;
    size_t rows_length;
};

const char *unseen_done(const unseen_derived *tables, size_t length) {
    struct derived *made = unseen_alloc(length * sizeof *made);
    for (size_t at = 0; at < length; at++) {
        const unseen_derived *table = &tables[at];
        size_t width = table->columns_length;
        unseen_text *columns = unseen_alloc(width * sizeof *columns);
        for (size_t column = 0; column < width; column++) columns[column] = unseen_text_of(table->columns[column]);
        const double *numbers = copied(table->rows, width * table->rows_length * sizeof *numbers);
        unseen_numbers *rows = unseen_alloc(table->rows_length * sizeof *rows);
        for (size_t row = 0; row < table->rows_length; row++) rows[row] = (unseen_numbers){numbers + row * width, width};
        made[at] = (struct derived){unseen_text_of(table->name), columns, width, rows, table->rows_length};
    }
    verdict = (struct answer){0, {1, (size_t)made, length}};
    return DECIDED;
}

/* --- Room --- */

#ifdef __wasm__
/* Upwards from what the module has anyway, so that a small grain never asks for more; put back when the call ends. */
extern char __heap_base;
static size_t next_room;

static void *room(size_t size, size_t align) {
    if (next_room == 0) next_room = (size_t)&__heap_base;
    size_t start = (next_room + align - 1) & ~(align - 1), end = start + size;
    size_t pages = __builtin_wasm_memory_size(0), needed = end / 65536 + (end % 65536 != 0);
    if (end < start) __builtin_trap();
    if (needed > pages && __builtin_wasm_memory_grow(0, needed - pages > pages ? needed - pages : pages) == (size_t)-1 &&
        __builtin_wasm_memory_grow(0, needed - pages) == (size_t)-1)
        __builtin_trap();
    next_room = end;
    return (void *)start;
}

void *unseen_alloc(size_t size) {
    return room(size, 8);
}

__attribute__((export_name("cabi_realloc"))) void *unseen_realloc(void *old, size_t old_size, size_t align, size_t size) {
    void *moved = room(size, align);
    copy(moved, old, old_size < size ? old_size : size);
    return moved;
}

/* That it exists says that lists are read where they lie and are not freed: the host may ask for room once. */
__attribute__((export_name("unseen_keeps_lists"))) void unseen_keeps_lists(void) {}

/* Compilers call these by themselves. */
void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    return __builtin_memcpy(to, from, length);
}
void *memmove(void *to, const void *from, size_t length) {
    return __builtin_memmove(to, from, length);
}
void *memset(void *to, int byte, size_t length) {
    return __builtin_memset(to, byte, length);
}
#else
void *unseen_alloc(size_t size) {
    void *room = malloc(size ? size : 1);
    if (!room) abort();
    return room;
}
size_t unseen_test_said(void) {
    return said_length;
}
uint32_t unseen_test_output(size_t at) {
    return said[at].output;
}
const unseen_key *unseen_test_group(size_t at) {
    return said[at].group;
}
const double *unseen_test_values(size_t at) {
    return said[at].values;
}
#endif
