/* test_export.c - a savepoint is whole or absent at any crash, holds what its checkpoint held,
 * needs nothing of the directory it came from, and is finished by whoever tries again. */
#include "checkpoint/slots.h"
#include "checkpoint/verify.h"
#include "jobs/export.h"
#include "runtime/bundle.h"
#include "tests/unit/runtime/bridge.h"

#define DIR   "job"
#define NAME  "before-v2"
#define ALONE DIR "/" SAVEPOINTS "/" NAME
enum { EXPORTED = 100 };

/* The bridge's parts lie where a job has them. */
static struct env env_of(struct bridge *b)
{
	return (struct env){.fs = b->fs, .mem = &b->mem, .rng = &b->r};
}

/* The manifest as a store would have published it, of two subtasks' chains and one big state that
 * is not keyed. */
static void complete(struct bridge *b)
{
	struct manifest *m = &b->newest;
	struct manifest_op *op = &m->op[0];
	m->slot_kind = SLOT_CHECKPOINT;
	m->slot = 9;
	m->parent = 8;
	m->epoch = 2;
	m->lineage = 1;
	m->attempt = b->attempt;
	m->top_id = m->id;
	m->name = NAME;
	m->retained = manifest_alloc(m, sizeof *m->retained);
	m->retained[0] = 8;
	m->n_retained = 1;
	uuid_make(&b->r, m->uuid);
	op->max_parallelism = GROUPS;
	op->state_version = 1;
	op->keyed[0].name = "";
	op->keyed[0].hash_id = shape_hash_id(&b->m.shape);
	bool fix8 = b->m.shape.form == KEY_FIX8;
	SAY(b, schema_add(&op->keyed[0].key, "k", fix8 ? T_INT64 : T_STRING, false, &b->e) == OK);
	SAY(b, schema_add(&op->keyed[0].value, "n", T_INT64, false, &b->e) == OK);
	struct manifest_section *s = manifest_add_section(m, op);
	*s = (struct manifest_section){.kind = SECTION_OPERATOR, .name = "",
				       .data = (const uint8_t *)"inline",
				       .ref = {.file = SECTION_INLINE, .bytes = 6, .rows = 1}};
	struct manifest_intent *in = manifest_add_intent(m);
	*in = (struct manifest_intent){.sink = "out", .kind = "rename", .from = "a", .to = "b"};
	for (uint32_t i = 0; i < b->n; i++)
		m->figures.keys += keyed_count(b->t[i].k);
}

static void open_job(struct bridge *b, uint64_t seed, enum key_form form, uint32_t keys)
{
	bridge_open(b, seed, form, keys);
	tables_open(b, 2);
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 20; k++)
			change_some(b, 200, true);
		checkpoint(b, i ? b->id : 0, i == 0, NULL);
	}
	complete(b);
	/* The bridge writes to ./parts; a job's parts are in its directory. */
	struct fs_names names;
	SAY(b, fs_mkdir_all(b->fs, DIR "/" LAYOUT_PARTS, &b->e) == OK);
	SAY(b, fs_list(b->fs, PARTS, &names, &b->e) == OK);
	for (size_t i = 0; i < names.n; i++) {
		char from[256], to[256];
		snprintf(from, sizeof from, PARTS "/%s", names.name[i]);
		snprintf(to, sizeof to, DIR "/" LAYOUT_PARTS "/%s", names.name[i]);
		SAY(b, fs_link(b->fs, from, to, &b->e) == OK);
	}
	SAY(b, fs_sync_dir(b->fs, DIR "/" LAYOUT_PARTS, &b->e) == OK);
	fs_names_close(&names);
}

static enum rc export_once(struct bridge *b, uint64_t epoch, uint32_t number, struct err *e)
{
	struct env env = env_of(b);
	struct export_job *x;
	struct export_options o = {.env = &env, .io = b->io, .dir = DIR, .job_text = "{}", .job_len = 2,
				   .epoch = epoch, .number = number, .reply = &b->mb, .kind = EXPORTED};
	if (export_open(&x, &o, &b->newest, e) != OK)
		return e->code;
	export_submit(x);
	struct mail *m = wait_for(b);
	SAY(b, m->kind == EXPORTED && export_of_letter(m) == x);
	*e = x->publish.error;
	enum rc rc = x->publish.rc;
	export_close(x);
	return rc;
}

static bool is_there(struct bridge *b)
{
	bool there;
	SAY(b, savepoint_is_there(b->fs, &b->mem, DIR, NAME, &there, &b->e) == OK);
	return there;
}

/* Read as any job's directory, and held against the model as it was at the barrier. */
static void expect_whole(struct bridge *b)
{
	struct manifest m;
	struct verify_result v;
	SAY(b, slots_read(slots_in(b->fs, ALONE), &b->mem, 9, &m, &b->e) == OK);
	SAY(b, verify_manifest(parts_in(b->fs, ALONE), &b->mem, &m, VERIFY_HASHES, &v, &b->e) == OK);
	SAY(b, v.verdict == VERIFY_INTACT);
	EXPECT(m.id == b->newest.id && m.kind == CHECKPOINT_SAVEPOINT && !strcmp(m.name, NAME));
	EXPECT(m.parent == SLOT_NONE && !m.n_retained && !m.n_pinned && !m.n_intents && m.n_files == 1);
	EXPECT(m.op[0].n_sections == 1 && !memcmp(m.op[0].section[0].data, "inline", 6));
	for (uint32_t i = 0; i < m.op[0].keyed[0].n_runs; i++)
		EXPECT(!m.op[0].keyed[0].run[i].delta);
	uint64_t keys = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		struct restored out;
		struct subtask *t = &b->t[i];
		struct keyed *k;
		struct keyed_config c = {b->m.shape, t->lo, t->hi, &t->chunks, &b->mem};
		SAY(b, keyed_open(&k, &c, &b->e) == OK);
		SAY(b, restore_stretches(1, false, b->fs, &b->mem, ALONE "/" LAYOUT_PARTS, &m,
					 &m.op[0].keyed[0], &b->m.shape, t->lo, t->hi, 0, k, &out,
					 &b->e) == OK);
		const char *wrong = model_differs(&b->m, b->published, k, t->lo, t->hi);
		if (wrong)
			fail_msg("seed %llu: %s", (unsigned long long)b->seed, wrong);
		keys += out.keys;
		keyed_close(k);
	}
	EXPECT(keys > 0);
	manifest_close(&m);
}

static uint32_t files_in(struct bridge *b, const char *folder)
{
	struct fs_names names;
	SAY(b, fs_list(b->fs, folder, &names, &b->e) == OK);
	uint32_t n = (uint32_t)names.n;
	fs_names_close(&names);
	return n;
}

TEST(inv40_a_savepoint_holds_what_its_checkpoint_held)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct bridge b;
		struct err e = {0};
		open_job(&b, seed, seed % 2 ? KEY_BYTES : KEY_FIX8, 3000);
		EXPECT(!is_there(&b));
		EXPECT_OK(export_once(&b, 2, 0, &e), &e);
		EXPECT(is_there(&b));
		expect_whole(&b);
		/* Asked for once more, by whoever does not know: nothing is done. */
		uint64_t files = files_in(&b, ALONE "/" LAYOUT_PARTS);
		EXPECT_OK(export_once(&b, 5, 0, &e), &e);
		EXPECT(files_in(&b, ALONE "/" LAYOUT_PARTS) == files);
		bridge_close(&b);
	}
}

/* The power is cut at each operation; what is left is nothing or the whole; the next owner finishes
 * it, and leaves nothing of the first try. */
TEST(inv1_a_savepoint_is_whole_or_absent_at_any_crash)
{
	uint64_t crashes = 0, absent = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct bridge b;
		struct err e = {0};
		struct rng r;
		rng_seed(&r, n);
		open_job(&b, 7, KEY_BYTES, 300);
		if (n % 2)
			fs_sim_crash_at(b.disk, fs_sim_count(b.disk) + n);
		else
			fs_sim_crash_after(b.disk, fs_sim_count(b.disk) + n);
		enum rc rc = export_once(&b, 2, 0, &e);
		more = fs_sim_crashed(b.disk);
		EXPECT(more || rc == OK);
		fs_sim_crash(b.disk, &r);
		crashes += more;
		absent += !is_there(&b);
		if (rc == OK)
			EXPECT(is_there(&b));
		if (is_there(&b))
			expect_whole(&b);
		err_clear(&e);
		EXPECT_OK(export_once(&b, 4, 0, &e), &e);
		expect_whole(&b);
		EXPECT(files_in(&b, ALONE "/" LAYOUT_PARTS) == 1);
		bridge_close(&b);
	}
	EXPECT(crashes > 20 && absent > 10);
}

TEST(inv32_a_savepoint_that_fails_is_an_error_and_is_made_later)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct bridge b;
		struct err e = {0};
		open_job(&b, 7, KEY_FIX8, 300);
		fs_sim_fault_at(b.disk, fs_sim_count(b.disk) + n, n % 2 ? E_IO : E_NO_SPACE, false);
		uint64_t before = fs_sim_faults(b.disk), at = fs_sim_count(b.disk);
		enum rc rc = export_once(&b, 2, 0, &e);
		more = fs_sim_count(b.disk) - at >= n;
		if (fs_sim_faults(b.disk) == before)
			EXPECT(rc == OK);
		EXPECT(rc != E_FENCED && rc != E_UNKNOWN_OUTCOME); /* of the savepoint, not of the job */
		fs_sim_fault_at(b.disk, 0, OK, false);
		err_clear(&e);
		EXPECT_OK(export_once(&b, 2, 1, &e), &e);
		expect_whole(&b);
		bridge_close(&b);
	}
}

TEST(inv31_a_savepoint_survives_the_loss_of_any_allocation)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct bridge b;
		struct err e = {0};
		open_job(&b, 3, KEY_BYTES, 100);
		b.mem.fail_at = b.mem.calls + n;
		enum rc rc = export_once(&b, 2, 0, &e);
		more = b.mem.calls >= b.mem.fail_at;
		b.mem.fail_at = 0;
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		err_clear(&e);
		EXPECT_OK(export_once(&b, 2, 1, &e), &e);
		expect_whole(&b);
		bridge_close(&b);
	}
}

TEST(a_dropped_export_comes_back_soon_and_is_begun_anew)
{
	struct bridge b;
	struct err e = {0};
	struct export_job *x;
	open_job(&b, 11, KEY_BYTES, 3000);
	struct env env = env_of(&b);
	struct export_options o = {.env = &env, .io = b.io, .dir = DIR, .epoch = 2, .reply = &b.mb,
				   .kind = EXPORTED};
	EXPECT_OK(export_open(&x, &o, &b.newest, &e), &e);
	export_submit(x);
	for (int i = 0; i < 12; i++)
		ioqueue_step(b.io, i % 3 ? LANE_DURABILITY : LANE_BYTES);
	export_drop(x);
	SAY(&b, wait_for(&b)->kind == EXPORTED);
	EXPECT(x->publish.rc == E_STOPPED && !is_there(&b));
	export_close(x);
	EXPECT_OK(export_once(&b, 2, 1, &e), &e);
	expect_whole(&b);
	EXPECT(files_in(&b, ALONE "/" LAYOUT_PARTS) == 1);
	bridge_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv40_a_savepoint_holds_what_its_checkpoint_held),
		T(inv1_a_savepoint_is_whole_or_absent_at_any_crash),
		T(inv32_a_savepoint_that_fails_is_an_error_and_is_made_later),
		T(inv31_a_savepoint_survives_the_loss_of_any_allocation),
		T(a_dropped_export_comes_back_soon_and_is_begun_anew),
	};
	return RUN(tests);
}
