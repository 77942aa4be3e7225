#include "shape.h"

static const char *contribute(const struct grain *grain, unseen_numbers state) {
    (void)state;
    static const char *const CARRIERS[] = {"东航", "AA", "b?c"};
    double seats = 0;
    int64_t cell;
    for (uint32_t row = 0; row < grain->planes.length; row++)
        if (unseen_int(grain->planes.seats, row, &cell)) seats += (double)cell;
    for (size_t at = 0; at < 3; at++) {
        unseen_text wanted = unseen_text_of(CARRIERS[at]), carrier;
        double sum = 0, count = 0, delay;
        for (uint32_t row = 0; row < grain->flights.length; row++) {
            if (unseen_text_at(grain->flights.carrier, row, &carrier) && unseen_same(carrier, wanted) &&
                unseen_float(grain->flights.delay, row, &delay)) {
                sum += delay;
                count += 1;
            }
        }
        if (count > 0) add_means((struct means){unseen_text_key(wanted), sum, count, seats});
    }
    return NULL;
}

UNSEEN_JOB(contribute)
