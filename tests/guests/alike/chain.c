/* The longest run of late flights, on the same day or the next. */
#include "shape.h"

static const char *contribute(const struct grain *grain, unseen_numbers state) {
    (void)state;
    int64_t longest = 0, length = 0, before = 0, day = 0;
    bool knew = false;
    if (grain->flights.length == 0) return "a plane without flights";
    for (uint32_t row = 0; row < grain->flights.length; row++) {
        double delay;
        bool knows = unseen_int(grain->flights.day, row, &day);
        bool follows = knew && knows && day - before >= 0 && day - before <= 1;
        bool is_late = unseen_float(grain->flights.delay, row, &delay) && delay > 15;
        length = is_late ? (follows ? length + 1 : 1) : 0;
        longest = length > longest ? length : longest;
        knew = knows;
        before = day;
    }
    add_chains((struct chains){unseen_int_key(longest), 1});
    return NULL;
}

UNSEEN_JOB(contribute)
