/* leftovers.c - see leftovers.h. */
#include "jobs/leftovers.h"

#include "operators/registry.h"

RC leftovers_list(struct op_begin *b, const struct manifest *m, struct err *e)
{
	char dir[INTENT_PATH_MAX], before[INTENT_PATH_MAX] = "";
	enum rc rc = OK;
	for (uint32_t i = 0; i < m->n_intents && rc == OK; i++) {
		const struct manifest_op *op = manifest_find_op(m, m->intent[i].sink);
		const struct op_ops *ops = op ? registry_find(op->type) : NULL;
		fs_dirname(m->intent[i].from, dir, sizeof dir);
		if (!ops || !ops->left || !strcmp(dir, before))
			continue;
		rc = ops->left(b, dir, e);
		memcpy(before, dir, sizeof before);
	}
	return rc;
}

RC leftovers_of(struct bytes *to, struct env *env, const struct manifest *m, const char *uuid,
		uint64_t epoch, struct err *e)
{
	struct intent *in = mem_get(env->mem, (m->n_intents + 1) * sizeof *in);
	if (!in)
		return ERR(e, E_NO_MEMORY, "no memory for a list of files");
	for (uint32_t i = 0; i < m->n_intents; i++)
		in[i] = intent_of(m, i);
	struct op_begin b = {.mem = env->mem, .fs = env->fs, .uuid = uuid, .epoch = epoch,
			     .intents = in, .n_intents = m->n_intents, .orphans = *to};
	enum rc rc = leftovers_list(&b, m, e);
	*to = b.orphans;
	mem_put(env->mem, in);
	return rc;
}
