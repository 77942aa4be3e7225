/* The job's logic, on rows made up here: `make test`. */
#include "job.c"
#include "unseen_test.h"

int main(void) {
{{#group}}
    const char *texts[] = {"{{key}}", "{{key}}", "{{key}}"};
{{/group}}
    {{c_type}} cells[] = {{{cell_3}}, 0, {{cell_5}}};
    const uint8_t validity[] = {1, 0, 1};
    struct grain grain = {0};
    grain.{{id_dataset}}.length = 3;
{{#group}}
    grain.{{id_dataset}}.{{id_group}} = unseen_test_texts(texts, 3, NULL);
{{/group}}
    grain.{{id_dataset}}.{{id_value}} = unseen_test_{{c_read}}s(cells, 3, validity);
    unseen_test(contribute(&grain, (unseen_numbers){0}) == NULL);
    unseen_test(unseen_test_said() == 1 && unseen_test_values(0)[0] == {{float_4}});
    return 0;
}
