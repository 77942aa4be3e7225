/* Kinds of enterprises by k-means: each round adds up the enterprises that are nearest to each centre, and moves the
 * centres to where their noised sums say. */
#include "shape.h"

enum { CLUSTERS = 4, MEASURES = 3, SECTORS = 6, ROUNDS = 8 };

/* The most that is declared of each measure: everything is a share of it. */
static const double MOST[MEASURES] = {15, 100, 300};
/* Where the centres begin: processors, exporters, innovators, leaders, as people of the trade would put them. */
static const double FIRST[CLUSTERS * MEASURES] = {0.1, 0.2, 0.2, 0.1, 0.6, 0.2, 0.4, 0.2, 0.5, 0.6, 0.6, 0.8};

static const double *centres_of(unseen_numbers state) {
    return state.length == CLUSTERS * MEASURES ? state.values : FIRST;
}

static int nearest(const double *centres, const double *point) {
    int found = 0;
    double least = 0;
    for (int cluster = 0; cluster < CLUSTERS; cluster++) {
        double distance = 0;
        for (int at = 0; at < MEASURES; at++) {
            double away = point[at] - centres[cluster * MEASURES + at];
            distance += away * away;
        }
        if (cluster == 0 || distance < least) {
            least = distance;
            found = cluster;
        }
    }
    return found;
}

static const char *contribute(const struct grain *grain, unseen_numbers state) {
    double point[MEASURES];
    unseen_text sector;
    if (!unseen_float(grain->enterprise_profiles.research, 0, &point[0]) ||
        !unseen_float(grain->enterprise_profiles.exported, 0, &point[1]) ||
        !unseen_float(grain->enterprise_profiles.per_head, 0, &point[2]) ||
        !unseen_text_at(grain->enterprise_profiles.sector, 0, &sector)) {
        return NULL;
    }
    for (int at = 0; at < MEASURES; at++) point[at] /= MOST[at];
    unseen_key cluster = unseen_int_key(nearest(centres_of(state), point));
    add_clusters((struct clusters){cluster, 1, point[0], point[1], point[2]});
    add_members((struct members){unseen_text_key(sector), cluster, 1});
    return NULL;
}

static const char *advance(uint32_t round, unseen_numbers state, unseen_noisy noisy) {
    const double *centres = centres_of(state);
    double next[CLUSTERS * MEASURES], clusters[CLUSTERS * (MEASURES + 1)], sectors[SECTORS * CLUSTERS];
    for (int cluster = 0; cluster < CLUSTERS; cluster++) {
        struct clusters sum = noisy_clusters(noisy, cluster);
        const double sums[MEASURES] = {sum.research, sum.exported, sum.per_head};
        clusters[cluster * (MEASURES + 1)] = sum.enterprises;
        for (int at = 0; at < MEASURES; at++) {
            /* A centre that next to nobody is near stays where it is. */
            double mean = sum.enterprises >= 1 ? sums[at] / sum.enterprises : centres[cluster * MEASURES + at];
            mean = mean < 0 ? 0 : mean > 1 ? 1 : mean;
            next[cluster * MEASURES + at] = mean;
            clusters[cluster * (MEASURES + 1) + at + 1] = mean * MOST[at];
        }
    }
    if (round + 1 < ROUNDS) return unseen_next(next, CLUSTERS * MEASURES);
    for (int row = 0; row < SECTORS * CLUSTERS; row++) sectors[row] = noisy_members(noisy, row).enterprises;
    static const char *const OF_CLUSTERS[] = {"enterprises", "research", "exported", "per_head"};
    static const char *const OF_SECTORS[] = {"processors", "exporters", "innovators", "leaders"};
    const unseen_derived tables[] = {
        {"clusters", OF_CLUSTERS, MEASURES + 1, clusters, CLUSTERS},
        {"sectors", OF_SECTORS, CLUSTERS, sectors, SECTORS},
    };
    return unseen_done(tables, 2);
}

UNSEEN_ITERATIVE_JOB(contribute, advance)
