/* A private linear regression by gradient descent: {{other}} on {{value}}, in a few rounds.
 *
 * `contribute` sees rows and the state, and adds one gradient. `advance` sees the noised sum of all gradients, never
 * rows, and takes a step. */
#include "shape.h"

/* Rounds, as `rounds` in job.toml. */
enum { ROUNDS = 5 };
/* How far a step goes. */
static const double RATE = 0.5;
/* Make the columns numbers of about one. */
static const double X_SCALE = {{x_scale}}, Y_SCALE = {{y_scale}};

struct weights {
    double slope, intercept;
};

/* The state is empty in the first round. */
static struct weights weights_of(unseen_numbers state) {
    return state.length == 2 ? (struct weights){state.values[0], state.values[1]} : (struct weights){0, 0};
}

static const char *contribute(const struct grain *grain, unseen_numbers state) {
    struct weights weights = weights_of(state);
    struct gradient sum = {0};
    {{c_type}} x;
    {{c_other_type}} y;
    for (uint32_t row = 0; row < grain->{{id_dataset}}.length; row++) {
        if (unseen_{{c_read}}(grain->{{id_dataset}}.{{id_value}}, row, &x) &&
            unseen_{{c_other_read}}(grain->{{id_dataset}}.{{id_other}}, row, &y)) {
            double error = weights.slope * ((double)x / X_SCALE) + weights.intercept - (double)y / Y_SCALE;
            sum.units += 1;
            sum.by_slope += error * ((double)x / X_SCALE);
            sum.by_intercept += error;
        }
    }
    if (sum.units > 0) add_gradient((struct gradient){1, sum.by_slope / sum.units, sum.by_intercept / sum.units});
    return NULL;
}

static const char *advance(uint32_t round, unseen_numbers state, unseen_noisy noisy) {
    struct gradient sum = noisy_gradient(noisy, 0);
    struct weights weights = weights_of(state);
    double units = sum.units > 1 ? sum.units : 1;
    const double next[] = {weights.slope - RATE * sum.by_slope / units, weights.intercept - RATE * sum.by_intercept / units};
    if (round + 1 < ROUNDS) return unseen_next(next, 2);
    static const char *const COLUMNS[] = {"slope", "intercept"};
    return unseen_done(&(unseen_derived){"model", COLUMNS, 2, next, 1}, 1);
}

UNSEEN_ITERATIVE_JOB(contribute, advance)
