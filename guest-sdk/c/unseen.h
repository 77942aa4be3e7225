/* Write a job for an Unseen lab in C.
 *
 * A job has one function. It gets the rows of one grain (all rows of one enterprise, person or vehicle, or a whole
 * block of them) and says what the grain adds to which group. The lab clamps, sums over all grains and adds noise; only
 * that leaves.
 *
 *     #include "shape.h"                       // written by `unseen job build` from job.toml
 *
 *     static const char *contribute(const struct grain *grain, unseen_numbers state) {
 *         for (uint32_t row = 0; row < grain->people.length; row++) {
 *             int64_t age;
 *             if (unseen_int(grain->people.age, row, &age))
 *                 add_ages((struct ages){ .decade = unseen_int_key(age / 10), .persons = 1 });
 *         }
 *         return NULL;                         // or the text of an error, which counts as contributing nothing
 *     }
 *     UNSEEN_JOB(contribute)
 *
 * A job of several rounds has a second function, which sees noised totals only:
 *
 *     static const char *advance(uint32_t round, unseen_numbers state, unseen_noisy noisy) {
 *         return unseen_next(numbers, count);  // or unseen_done(tables, count)
 *     }
 *     UNSEEN_ITERATIVE_JOB(contribute, advance)
 *
 * In the lab each grain runs in a component put back to its first state: statics do not carry anything from one grain
 * to the next, nothing need be freed (`unseen_alloc` gives room), and there is no clock, file, network, randomness or C
 * library.
 */
#ifndef UNSEEN_H
#define UNSEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, not ended by a zero. */
typedef struct {
    const char *bytes;
    size_t length;
} unseen_text;

typedef struct {
    const double *values;
    size_t length;
} unseen_numbers;

enum { UNSEEN_INTS, UNSEEN_FLOATS, UNSEEN_BOOLS, UNSEEN_TEXTS };

/* Cells as the contract has them (`cells` in job.wit): of texts, `values` are the offsets of one more cell. */
typedef struct {
    uint8_t kind;
    const void *values;
    size_t length;
    const char *bytes;
    size_t bytes_length;
} unseen_cells;

/* The cells of one column, one for each row. `validity` has one byte a row, 0 for a null, or is empty. */
typedef struct {
    unseen_cells cells;
    const uint8_t *validity;
    size_t validity_length;
} unseen_column;

/* Each reads a cell: false for a null, past the end, or where the column holds something else. Dates are ints (days
 * since 1970-01-01), timestamps too (microseconds), and decimals (the number times ten to the declared scale). */
bool unseen_int(unseen_column column, uint32_t row, int64_t *cell);
bool unseen_float(unseen_column column, uint32_t row, double *cell);
bool unseen_bool(unseen_column column, uint32_t row, bool *cell);
bool unseen_text_at(unseen_column column, uint32_t row, unseen_text *cell);

/* A day of the Gregorian calendar. */
typedef struct {
    int64_t year;
    uint8_t month, day;
} unseen_date;
unseen_date unseen_date_of(int64_t days);

bool unseen_same(unseen_text one, unseen_text other);
unseen_text unseen_text_of(const char *text);

/* One coordinate of a group. */
typedef struct {
    uint32_t is_text;
    union {
        int64_t number;
        unseen_text text;
    };
} unseen_key;
unseen_key unseen_int_key(int64_t number);
unseen_key unseen_text_key(unseen_text text);

/* Room that is never freed, aligned to 8 bytes; traps where there is none. */
void *unseen_alloc(size_t size);

/* A table computed from noised totals. `rows` are `rows_length` times as many numbers as there are columns. */
typedef struct {
    const char *name;
    const char *const *columns;
    size_t columns_length;
    const double *rows;
    size_t rows_length;
} unseen_derived;

/* What `advance` returns: run another round with this state, or stop and publish these tables. */
const char *unseen_next(const double *state, size_t length);
const char *unseen_done(const unseen_derived *tables, size_t length);

/* The noised totals of all outputs. */
typedef struct {
    const struct unseen_totals *outputs;
    size_t length;
} unseen_noisy;

/* For shape.h and for unseen.c. */
struct unseen_table {
    uint32_t rows;
    const unseen_column *columns;
    size_t columns_length;
};
struct unseen_group_column {
    unseen_text name;
    unseen_cells keys;
};
struct unseen_value_column {
    unseen_text name;
    unseen_numbers totals;
};
struct unseen_totals {
    unseen_text output;
    const struct unseen_group_column *groups;
    size_t groups_length;
    const struct unseen_value_column *values;
    size_t values_length;
};
void unseen_add(uint32_t output, const unseen_key *group, size_t keys, const double *values, size_t numbers);
unseen_column unseen_column_at(const struct unseen_table *tables, size_t count, size_t table, size_t column);
uint32_t unseen_rows_at(const struct unseen_table *tables, size_t count, size_t table);
const struct unseen_totals *unseen_totals_of(unseen_noisy noisy, const char *output);
size_t unseen_groups(unseen_noisy noisy, const char *output);
unseen_key unseen_group_key(unseen_noisy noisy, const char *output, size_t row, size_t column);
double unseen_group_value(unseen_noisy noisy, const char *output, size_t row, size_t column);
const void *unseen_answer(const char *error);
const void *unseen_verdict(const char *said);

#ifdef __wasm__
#define UNSEEN_EXPORT(name) __attribute__((export_name(name)))
#else
#define UNSEEN_EXPORT(name)
#endif

#define UNSEEN_JOB(contribute)                                                                                         \
    UNSEEN_EXPORT("contribute")                                                                                        \
    const void *unseen_contribute(const struct unseen_table *tables, size_t count, const double *state,                \
                                  size_t states) {                                                                     \
        struct grain grain = unseen_grain(tables, count);                                                              \
        return unseen_answer(contribute(&grain, (unseen_numbers){state, states}));                                     \
    }

#define UNSEEN_ITERATIVE_JOB(contribute, advance)                                                                      \
    UNSEEN_JOB(contribute)                                                                                             \
    UNSEEN_EXPORT("advance")                                                                                           \
    const void *unseen_advance(uint32_t round, const double *state, size_t states, const struct unseen_totals *noisy,  \
                               size_t outputs) {                                                                       \
        return unseen_verdict(advance(round, (unseen_numbers){state, states}, (unseen_noisy){noisy, outputs}));        \
    }

#endif
