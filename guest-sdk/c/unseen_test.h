/* For tests of a job, natively: columns made up there, and what the job has said. No WebAssembly is involved. */
#ifndef UNSEEN_TEST_H
#define UNSEEN_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unseen.h"

/* Ends the test with the line that does not hold. */
#define unseen_test(holds)                                                                                             \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);                                 \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Columns of `rows` cells; `validity` has one byte a row, 0 for a null, or is NULL. */
static inline unseen_column unseen_test_column(uint8_t kind, const void *cells, size_t rows, const uint8_t *validity) {
    return (unseen_column){{kind, cells, rows, NULL, 0}, validity, validity ? rows : 0};
}
static inline unseen_column unseen_test_ints(const int64_t *cells, size_t rows, const uint8_t *validity) {
    return unseen_test_column(UNSEEN_INTS, cells, rows, validity);
}
static inline unseen_column unseen_test_floats(const double *cells, size_t rows, const uint8_t *validity) {
    return unseen_test_column(UNSEEN_FLOATS, cells, rows, validity);
}
static inline unseen_column unseen_test_bools(const uint8_t *cells, size_t rows, const uint8_t *validity) {
    return unseen_test_column(UNSEEN_BOOLS, cells, rows, validity);
}
static inline unseen_column unseen_test_texts(const char *const *texts, size_t rows, const uint8_t *validity) {
    uint32_t *offsets = unseen_alloc((rows + 1) * sizeof *offsets);
    offsets[0] = 0;
    for (size_t row = 0; row < rows; row++) offsets[row + 1] = offsets[row] + (uint32_t)strlen(texts[row]);
    char *bytes = unseen_alloc(offsets[rows]);
    for (size_t row = 0; row < rows; row++) memcpy(bytes + offsets[row], texts[row], strlen(texts[row]));
    unseen_column column = unseen_test_column(UNSEEN_TEXTS, offsets, rows + 1, NULL);
    column.cells.bytes = bytes;
    column.cells.bytes_length = offsets[rows];
    column.validity = validity;
    column.validity_length = validity ? rows : 0;
    return column;
}

/* What was said since the program began: how many contributions, and of one of them the keys and values. */
size_t unseen_test_said(void);
uint32_t unseen_test_output(size_t at);
const unseen_key *unseen_test_group(size_t at);
const double *unseen_test_values(size_t at);

#endif
