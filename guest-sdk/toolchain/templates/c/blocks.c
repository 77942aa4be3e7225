/* The median of {{value}}. A median is not a sum, so it is taken in each of 100 blocks of units, and the blocks' medians
 * are averaged: sample and aggregate. */
#include "shape.h"

/* Sorts by halves: a heap grows at the front, and its largest goes to the back. */
static void sort(double *cells, size_t count) {
    for (size_t end = count, start = count / 2; end > 1;) {
        double cell;
        if (start > 0) {
            cell = cells[--start];
        } else {
            cell = cells[--end];
            cells[end] = cells[0];
        }
        size_t at = start;
        for (size_t child = 2 * at + 1; child < end; child = 2 * at + 1) {
            if (child + 1 < end && cells[child] < cells[child + 1]) child++;
            if (cells[child] <= cell) break;
            cells[at] = cells[child];
            at = child;
        }
        cells[at] = cell;
    }
}

static double median(double *cells, size_t count) {
    sort(cells, count);
    return (cells[(count - 1) / 2] + cells[count / 2]) / 2;
}

/* One block: all rows of about one hundredth of the units. */
static const char *contribute(const struct grain *grain, unseen_numbers state) {
    (void)state; /* empty in a job of one round */
    uint32_t rows = grain->{{id_dataset}}.length;
    double *cells = unseen_alloc(rows * sizeof *cells);
    {{c_type}} cell;
{{#group}}
    static const char *const KEYS[] = {{{keys}}};
    for (size_t key = 0; key < sizeof KEYS / sizeof *KEYS; key++) {
        unseen_text wanted = unseen_text_of(KEYS[key]), group;
        size_t count = 0;
        for (uint32_t row = 0; row < rows; row++)
            if (unseen_text_at(grain->{{id_dataset}}.{{id_group}}, row, &group) && unseen_same(group, wanted) &&
                unseen_{{c_read}}(grain->{{id_dataset}}.{{id_value}}, row, &cell))
                cells[count++] = (double)cell;
        if (count > 0) add_medians((struct medians){unseen_text_key(wanted), median(cells, count)});
    }
{{/group}}
{{#whole}}
    size_t count = 0;
    for (uint32_t row = 0; row < rows; row++)
        if (unseen_{{c_read}}(grain->{{id_dataset}}.{{id_value}}, row, &cell)) cells[count++] = (double)cell;
    if (count > 0) add_medians((struct medians){median(cells, count)});
{{/whole}}
    return NULL;
}

UNSEEN_JOB(contribute)
