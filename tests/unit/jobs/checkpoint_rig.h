/* checkpoint_rig.h - a planned job on a simulated disk, and a manifest that a test fills with what
 * a checkpoint says of each stage: shared by the tests of what becomes of it. */
#pragma once
#include "jobs/plan.h"

#include "base/env.h"
#include "base/fs_sim.h"
#include "checkpoint/manifest.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define LINES "{\"id\":\"lines\",\"type\":\"file_source\",\"path\":\"in\"}"
#define WORDS "{\"id\":\"words\",\"type\":\"flat_map\",\"expr\":\"split(line)\",\"as\":\"word\"}"
#define COUNT "{\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"word\",\"as\":\"n\"}"
#define OUT "{\"id\":\"out\",\"type\":\"blackhole_sink\"}"

struct rig {
	struct mem mem;
	struct fs_sim *disk;
	struct rng rng;
	struct env env;
	struct diags ds;
	struct spec_type *types;
	struct spec *spec;
	struct plan *plan;
	struct manifest m;
	struct err e;
	char job[4096];
};

static inline void open_rig(struct rig *r, const char *head, const char *stages)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	rng_seed(&r->rng, 1);
	EXPECT_OK(fs_sim_open(&r->disk, &r->mem, &r->e), &r->e);
	r->env = (struct env){.clock = clock_real(), .fs = fs_sim_fs(r->disk), .mem = &r->mem,
			      .rng = &r->rng};
	snprintf(r->job, sizeof r->job, "{\"name\":\"j\",%s\"pipeline\":[%s]}", head, stages);
	diags_init(&r->ds, "job.json", r->job, strlen(r->job), &r->mem);
	r->types = plan_types(&r->mem);
	struct spec_source from = {.file = "job.json", .text = r->job, .len = strlen(r->job),
				   .types = r->types};
	EXPECT_OK(spec_parse(&r->spec, &from, &r->ds, &r->mem, &r->e), &r->e);
	EXPECT_OK(plan_make(&r->plan, r->spec, &r->ds, &r->mem, &r->e), &r->e);
	manifest_init(&r->m, &r->mem);
	r->m.id = 9;
}

static inline void close_rig(struct rig *r)
{
	manifest_close(&r->m);
	diags_close(&r->ds);
	plan_close(r->plan);
	spec_close(r->spec);
	mem_put(&r->mem, r->types);
	fs_sim_close(&r->disk);
	EXPECT(r->mem.used_bytes == 0);
}

/* What a checkpoint says of a stage: keyed by one field, a section of its own, or neither. */
static inline struct manifest_op *had(struct rig *r, const char *id, const char *type,
				      const char *key, enum type key_type, bool section)
{
	struct manifest_op *op = manifest_add_op(&r->m, id, type, 1);
	op->max_parallelism = 128;
	op->state_version = 1;
	if (key) {
		struct manifest_keyed *k = manifest_add_keyed(&r->m, op);
		EXPECT_OK(schema_add(&k->key, key, key_type, false, &r->e), &r->e);
		k->value = r->plan->stage[2].p.value_schema;
		k->hash_id = key_type == T_STRING ? HASH_XXH3_64 : HASH_FOLD64;
	}
	if (section)
		manifest_add_section(&r->m, op)->ref.file = SECTION_INLINE;
	return op;
}
