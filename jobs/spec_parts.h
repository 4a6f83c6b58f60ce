/* spec_parts.h - the steps of spec_parse, one file each; jobs/spec*.c only.
 * set: arguments over the text; expand: ${...}; then the blocks (spec.c), the stages one by one
 * (spec_stage.c), and how they read each other (spec_graph.c). Faults go to ds; the steps return
 * false only without memory. */
#pragma once
#include "jobs/spec.h"

bool spec_apply_sets(struct spec *s, const struct spec_source *from, struct diags *ds);
bool spec_expand(struct spec *s, const struct spec_source *from, struct diags *ds);
bool spec_read_stages(struct spec *s, const struct spec_source *from, struct diags *ds);
bool spec_connect(struct spec *s, struct diags *ds);

/* [A-Za-z0-9_-]{1,64} */
bool spec_name_ok(const char *name);
