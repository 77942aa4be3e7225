/* The job's logic, on rows made up here: `make test`. */
#include "job.c"
#include "unseen_test.h"

int main(void) {
    for (int number = 0; number < 20; number++) {
        double x = number / 10.0 - 1;
        {{c_type}} xs[] = {({{c_type}})(x * X_SCALE)};
        {{c_other_type}} ys[] = {({{c_other_type}})(0.8 * x * Y_SCALE)};
        struct grain grain = {0};
        grain.{{id_dataset}}.length = 1;
        grain.{{id_dataset}}.{{id_value}} = unseen_test_{{c_read}}s(xs, 1, NULL);
        grain.{{id_dataset}}.{{id_other}} = unseen_test_{{c_other_read}}s(ys, 1, NULL);
        unseen_test(contribute(&grain, (unseen_numbers){0}) == NULL);
    }
    unseen_test(unseen_test_said() == 20);
    double by_slope = 0;
    for (size_t at = 0; at < 20; at++) by_slope += unseen_test_values(at)[1];
    /* The slope is 0.8, and the first guess 0. */
    unseen_test(by_slope < 0);
    return 0;
}
