#include "shape.h"

static int64_t bin_of(double delay) {
    double bin = delay / 15;
    if (bin >= 9) return 9;
    if (bin < -2) return -2;
    int64_t whole = (int64_t)bin;
    return whole - (bin < (double)whole);
}

static const char *contribute(const struct grain *grain, unseen_numbers state) {
    (void)state;
    for (uint32_t row = 0; row < grain->flights.length; row++) {
        unseen_text carrier;
        double delay;
        bool cancelled = false;
        if (unseen_text_at(grain->flights.carrier, row, &carrier) && unseen_float(grain->flights.delay, row, &delay)) {
            unseen_bool(grain->flights.cancelled, row, &cancelled);
            add_delays((struct delays){unseen_text_key(carrier), unseen_int_key(bin_of(delay)), 1, cancelled});
        }
    }
    return NULL;
}

UNSEEN_JOB(contribute)
