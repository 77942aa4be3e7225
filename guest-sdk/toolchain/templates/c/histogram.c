/* How many units have how much {{value}}: a histogram. */
#include "shape.h"

/* Where the first bin begins, and how wide a bin is. */
static const double START = {{start}}, WIDTH = {{width}};

/* One unit: the mean of its cells falls into one bin. */
static const char *contribute(const struct grain *grain, unseen_numbers state) {
    (void)state; /* empty in a job of one round */
    double sum = 0, count = 0;
    {{c_type}} cell;
    for (uint32_t row = 0; row < grain->{{id_dataset}}.length; row++) {
        if (unseen_{{c_read}}(grain->{{id_dataset}}.{{id_value}}, row, &cell)) {
            sum += (double)cell;
            count += 1;
        }
    }
    if (count == 0) return NULL;
    double bin = (sum / count - START) / WIDTH;
    bin = bin < 0 ? 0 : bin > 19 ? 19 : bin;
{{#group}}
    unseen_text {{id_group}};
    for (uint32_t row = 0; row < grain->{{id_dataset}}.length; row++) {
        if (unseen_text_at(grain->{{id_dataset}}.{{id_group}}, row, &{{id_group}})) {
            add_sizes((struct sizes){unseen_text_key({{id_group}}), unseen_int_key((int64_t)bin), .count = 1});
            break;
        }
    }
{{/group}}
{{#whole}}
    add_sizes((struct sizes){unseen_int_key((int64_t)bin), .count = 1});
{{/whole}}
    return NULL;
}

UNSEEN_JOB(contribute)
