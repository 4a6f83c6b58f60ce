/* spec_parts.h - the steps of spec_parse, one file each; jobs/spec*.c and config.c only.
 * set: arguments over the text; defaults (config.c); expand: ${...}; then the blocks
 * (spec_blocks.c: spec_checkpoint.c, spec_restart.c, spec_limits.c), the stages one
 * by one (spec_stage.c), and how they read each other (spec_graph.c). Faults go to ds; the steps
 * return false only without memory. */
#pragma once
#include "jobs/spec.h"

bool spec_apply_sets(struct spec *s, const struct spec_source *from, struct diags *ds);
bool spec_expand(struct spec *s, const struct spec_source *from, struct diags *ds);
/* checkpoint, restart and limits of s, from the objects of those names in root. */
void spec_read_blocks(struct spec *s, const struct json *root, struct diags *ds);
void spec_read_checkpoint(struct spec *s, const struct json *root, struct diags *ds);
void spec_read_restart(struct spec *s, const struct json *root, struct diags *ds);
void spec_read_limits(struct spec *s, const struct json *root, struct diags *ds);
bool spec_read_stages(struct spec *s, const struct spec_source *from, struct diags *ds);
bool spec_connect(struct spec *s, struct diags *ds);

/* The number, or what "auto" stands for; `absent` where v does not say. */
int64_t spec_parallelism(const struct spec *s, const struct json *v, unsigned absent);
/* Whether a strategy goes by that key of the block restart. */
bool spec_restart_reads(enum restart_strategy strategy, const char *key);
/* The block called name, checked against its table; NULL when it is absent or no object (told). */
const struct json *spec_block(const struct json *root, const char *name,
			      const struct opt_def *defs, const struct opt_alias *names,
			      struct diags *ds);
/* What the job inherits from a configuration rather than says. NULL: false. */
bool spec_is_inherited(const struct json *v);
/* "weir.json:3:5", where an inherited value stands. */
const char *spec_place_of(const struct json *v, char *to, size_t size);
/* A value the table may have refused: within [min, max] all the same, so that nothing overflows. */
unsigned spec_clamped(int64_t v, int64_t min, int64_t max);
/* [A-Za-z0-9_-]{1,64} */
bool spec_name_ok(const char *name);
