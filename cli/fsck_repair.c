/* fsck_repair.c - see fsck_repair.h. */
#include "cli/fsck_repair.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum rc fsck_repair_open(struct fsck_repair *f, struct env *env, const char *dir, struct err *e)
{
	char uuid[UUID_TEXT];
	struct store_start ignored;
	uuid_make(env->rng, uuid); /* of no use: a directory without any identity is not repaired */
	struct store_options o = {.dir = dir, .repairs = true, .falls_back = true, .retain = 1,
				  .new_uuid = uuid, .pid = (uint64_t)getpid(),
				  .verify = VERIFY_LENGTHS};
	f->env = env;
	bytes_init(&f->slots, env->mem);
	return store_open(&f->store, env->fs, env->mem, &o, &ignored, e);
}

void fsck_repair_fault(struct fsck_repair *f, const struct inspect_fault *fault)
{
	if (f && fault->kind == FAULT_CORRUPT && !strcmp(fault->file, "job.json"))
		f->job = true;
	if (f && fault->kind == FAULT_VERSION && !f->later[0])
		snprintf(f->later, sizeof f->later, "%s", fault->file);
}

void fsck_repair_checkpoint(struct fsck_repair *f, const struct dir_checkpoint *c)
{
	if (f && !c->intact && !*c->dir)
		bytes_put(&f->slots, &c->m->slot, sizeof c->m->slot);
}

enum rc fsck_repair_do(struct fsck_repair *f, const struct dir_result *found,
		       void (*did)(void *arg, const char *file, const char *what), void *arg,
		       struct err *e)
{
	struct repair_asked a = {.slot = (const uint64_t *)(const void *)f->slots.data,
				 .n = (uint32_t)(f->slots.len / sizeof *a.slot), .job = f->job,
				 .did = did, .arg = arg};
	if (!bytes_ok(&f->slots))
		return ERR(e, E_NO_MEMORY, "no memory to repair '%s'", store_dir(f->store));
	if (found->unreadable)
		return ERR(e, E_IO, "nothing was repaired: what cannot be read now may be intact");
	if (found->version)
		return ERR(e, E_REFUSED, "nothing was repaired: '%s' is of a later version, and may be "
			   "intact: repair with a weir of that version", f->later);
	if (store_repair(f->store, &a, &f->did, e) == OK)
		return OK;
	if (f->did.fence)
		return err_in(e, "the repair is not finished: repair once more");
	if (e->code == E_CORRUPT)
		return err_in(e, "nothing was changed (savepoints can be restored by name, and --fresh "
			      "begins anew)");
	return err_in(e, "nothing was changed");
}

void fsck_repair_close(struct fsck_repair *f)
{
	if (!f)
		return;
	store_close(f->store);
	f->store = NULL;
	bytes_close(&f->slots);
}

void fsck_repair_text(const struct fsck_repair *f, const struct paint *p)
{
	const struct repair_did *d = &f->did;
	char a[PAINT_TEXT], b[PAINT_TEXT];
	if (!d->fence) {
		fprintf(p->to, "Nothing had to be repaired. ");
		return;
	}
	fprintf(p->to, "Repaired: %s quarantined, %s moved aside. ",
		text_many(d->quarantined, "manifest", a), text_many(d->moved, "file", b));
	if (d->goes_back)
		fprintf(p->to, "Checkpoints newer than %" PRIu64 " are given up:\nwhere a sink has "
			"committed output of them, the next `weir run` refuses, and names what\n--restore %"
			PRIu64 " --rewind moves aside.\n", d->chosen, d->chosen);
}

void fsck_repair_json(const struct fsck_repair *f, struct json_out *o, const struct bytes *did)
{
	const struct repair_did *d = &f->did;
	jout_key(o, "repair");
	jout_object(o);
	jout_kv_uint(o, "fence", d->fence);
	jout_kv_uint(o, "goes_on_from", d->chosen);
	jout_kv_bool(o, "goes_back", d->goes_back);
	jout_kv_uint(o, "quarantined", d->quarantined);
	jout_kv_uint(o, "moved", d->moved);
	jout_key(o, "did");
	jout_raw(o, "[", 1);
	bytes_put(o->to, did->data, did->len);
	bytes_put_u8(o->to, ']');
	jout_object_end(o);
}

static void no_fault(void *arg, const struct inspect_fault *f)
{
	(void)arg, (void)f;
}

static void no_note(void *arg, const char *file, const char *what)
{
	(void)arg, (void)file, (void)what;
}

static void no_checkpoint(void *arg, const struct dir_checkpoint *c)
{
	(void)arg, (void)c;
}

const struct dir_listener fsck_silent = {NULL, no_fault, no_note, no_checkpoint};
