/* step_rig.h - a job under a stepper, for the tests of the step mode: opened from its text, and at
 * the end every byte given back. */
#pragma once
#include "base/rng.h"
#include "jobs/job_text.h"
#include "jobs/stepper.h"
#include "tests/lib/test.h"

struct stage {
	struct mem mem;
	struct env env;
	struct fs_real fs;
	struct rng rng;
	struct job_text text;
	struct stepper *s;
	struct err e;
};

static inline void stage_open(struct stage *x, const char *job, uint64_t seed)
{
	struct job_text_source from = {.file = "/job.json", .text = job, .len = strlen(job)};
	memset(x, 0, sizeof *x);
	mem_init(&x->mem, 0);
	fs_real_init(&x->fs, &x->mem);
	x->env = (struct env){.clock = clock_real(), .fs = &x->fs.fs, .mem = &x->mem, .rng = &x->rng};
	EXPECT_OK(job_text_parse(&x->text, &x->env, &from, &x->e), &x->e);
	EXPECT_OK(stepper_open(&x->s, x->text.plan, x->env.fs, seed, &x->mem, &x->e), &x->e);
}

static inline void stage_close(struct stage *x)
{
	stepper_close(x->s);
	job_text_close(&x->text);
	EXPECT(x->mem.used_bytes == 0);
}
