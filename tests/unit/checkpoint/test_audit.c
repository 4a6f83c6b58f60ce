/* test_audit.c - the ledger and what is proved from it: a true history of several owners passes; a
 * record planted twice, dropped, changed or moved to another interval does not, wherever it was
 * done; nor does any flipped byte. */
#include "base/bytes.h"
#include "base/check.h"
#include "base/fs_sim.h"
#include "base/hash.h"
#include "checkpoint/audit.h"
#include "checkpoint/layout.h"
#include "checkpoint/ledger.h"
#include "tests/lib/test.h"

#include <stdlib.h>

/* src -> words -> out: a source, a stage that makes one of one, a file sink. */
enum { SRC, WORDS, OUT, OPS };
static const char *const laws[OPS] = {NULL, "same", "sink"};

/* What one interval did; hashes of records are their numbers here. */
struct did {
	struct manifest_total sent[2], received[2], kept; /* edges src-words, words-out */
	uint64_t out[2], skipped;                         /* src, words */
	const char *text;                                 /* of the piece; NULL: none */
};

struct rig {
	struct mem mem;
	struct fs_sim *disk;
	struct fs *fs;
	struct ledger *l;
	struct manifest newest;  /* published last */
	bool has_newest;
	uint64_t id, epoch;
	struct err e;
	char fault[4096];
};

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	EXPECT_OK(fs_sim_open(&r->disk, &r->mem, &r->e), &r->e);
	r->fs = fs_sim_fs(r->disk);
	EXPECT_OK(fs_mkdir_all(r->fs, "d/out", &r->e), &r->e);
}

/* Another owner. */
static void own(struct rig *r)
{
	ledger_close(r->l);
	EXPECT_OK(ledger_open(&r->l, r->fs, &r->mem, "d", 0xab, ++r->epoch, &r->e), &r->e);
}

static void rig_close(struct rig *r)
{
	ledger_close(r->l);
	if (r->has_newest)
		manifest_close(&r->newest);
	fs_sim_close(&r->disk);
	EXPECT(r->mem.used_bytes == 0);
}

/* n records whose hashes come to `hash`, all the way. */
static struct did honest(uint64_t n, uint64_t hash, const char *text)
{
	struct manifest_total t = {n, hash};
	return (struct did){{t, t}, {t, t}, t, {n, n}, 0, text};
}

static void add(struct manifest_total *to, struct manifest_total x)
{
	to->n += x.n;
	to->hash += x.hash;
}

static void totals(struct rig *r, struct manifest *m, const struct did *x)
{
	static const char *const ids[OPS] = {"src", "words", "out"};
	const struct manifest *was = r->has_newest ? &r->newest : NULL;
	for (int i = 0; i < OPS; i++) {
		struct manifest_op *op = manifest_add_op(m, ids[i], "t", 1);
		op->max_parallelism = 1;
		op->counted = true;
		op->in = was ? was->op[i].in : 0;
		op->out = was ? was->op[i].out : 0;
		op->skipped = was ? was->op[i].skipped : 0;
		op->kept = was ? was->op[i].kept : (struct manifest_total){0};
	}
	for (int i = 0; i < 2; i++) {
		struct manifest_edge *g = manifest_add_edge(m);
		if (was)
			*g = was->edge[i];
		g->from = ids[i];
		g->to = ids[i + 1];
		add(&g->sent, x->sent[i]);
		add(&g->received, x->received[i]);
		m->op[i + 1].in += x->received[i].n;
		m->op[i].out += x->out[i];
	}
	m->op[WORDS].skipped += x->skipped;
	add(&m->op[OUT].kept, x->kept);
}

/* Prepares and notes the next checkpoint; published unless it is said that it fails. */
static void interval(struct rig *r, const struct did *x, bool published)
{
	struct manifest m;
	char path[100];
	manifest_init(&m, &r->mem);
	m.id = ++r->id;
	m.lineage = 0xab;
	totals(r, &m, x);
	if (x->text) {
		struct manifest_intent *in = manifest_add_intent(&m);
		snprintf(path, sizeof path, "d/out/part-000000ab-%020llu-%llu-0-0.csv",
			 (unsigned long long)m.id, (unsigned long long)r->epoch);
		*in = (struct manifest_intent){.sink = "out", .kind = "rename", .from = "x",
					       .to = manifest_text(&m, path), .length = strlen(x->text),
					       .hash = checksum64(x->text, strlen(x->text))};
		if (published)
			EXPECT_OK(fs_write_new(r->fs, path, x->text, strlen(x->text), &r->e), &r->e);
	}
	EXPECT_OK(ledger_append(r->l, &m, r->has_newest ? &r->newest : NULL, laws, &r->e), &r->e);
	if (!published) {
		manifest_close(&m);
		return;
	}
	if (r->has_newest)
		manifest_close(&r->newest);
	r->newest = m;
	r->has_newest = true;
}

static void on_fault(void *arg, const char *text)
{
	struct rig *r = arg;
	size_t at = strlen(r->fault);
	snprintf(r->fault + at, sizeof r->fault - at, "%s\n", text);
}

static struct audit_report check(struct rig *r)
{
	struct audit_report a = {.fault = on_fault, .arg = r};
	r->fault[0] = '\0';
	EXPECT_OK(audit_check(r->fs, &r->mem, "d", &r->newest, &a, &r->e), &r->e);
	EXPECT((a.faults > 0) == (r->fault[0] != '\0'));
	return a;
}

static void expect_fault(struct rig *r, const char *says)
{
	check(r);
	if (!strstr(r->fault, says))
		fail_msg("not \"%s\" but: %s", says, r->fault[0] ? r->fault : "nothing");
}

/* Ids 1 to 6 by two owners; 3 and 5 were never published, and what 3 did is in 4. */
static void history(struct rig *r, const struct did *third)
{
	struct did none = honest(0, 0, NULL), some = honest(10, 1000, "a\nb\n");
	rig_open(r);
	own(r);
	interval(r, &none, true);
	interval(r, &some, true);
	some.text = "lost\n";
	interval(r, &some, false);
	interval(r, third, true);
	own(r);
	some.text = "again lost\n";
	interval(r, &some, false);
	some.text = "c\n";
	interval(r, &some, true);
}

TEST(a_true_history_of_two_owners_and_lost_checkpoints_passes)
{
	struct rig r;
	struct did third = honest(20, 77, "d\n");
	history(&r, &third);
	struct audit_report a = check(&r);
	if (a.faults)
		fail_msg("%s", r.fault);
	EXPECT(a.intervals == 4 && a.from_id == 0 && a.to_id == 6 && a.edges == 2);
	EXPECT(a.records == 2 * (10 + 20 + 10) && a.pieces == 3 && a.pieces_gone == 0 && a.hashed);
	/* What a consumer takes away is no fault. */
	EXPECT_OK(fs_unlink(r.fs, "d/out/part-000000ab-00000000000000000004-1-0-0.csv", &r.e), &r.e);
	a = check(&r);
	EXPECT(!a.faults && a.pieces_gone == 1);
	rig_close(&r);
}

TEST(inv4_a_record_lost_doubled_or_changed_anywhere_is_found_in_its_interval)
{
	struct rig r;
	struct did x = honest(20, 77, "d\n");
	x.received[0].n = 19; /* lost between source and stage */
	history(&r, &x);
	expect_fault(&r, "interval 2-4: 'src' sent 20 records, 'words' received 19");
	rig_close(&r);

	x = honest(20, 77, "d\n");
	x.received[1].hash = 78;
	history(&r, &x);
	expect_fault(&r, "interval 2-4: the 20 records that 'out' received are not those that 'words' "
			 "sent");
	rig_close(&r);

	x = honest(20, 77, "d\n"); /* the stage made two of one, and says so at both ends */
	x.out[1] = x.sent[1].n = x.received[1].n = x.kept.n = 21;
	history(&r, &x);
	expect_fault(&r, "interval 2-4: 20 records went into 'words', 0 of them were left out, and 21");
	rig_close(&r);

	x = honest(20, 77, "d\n");
	x.kept.n = 21; /* the sink wrote one twice */
	history(&r, &x);
	expect_fault(&r, "interval 2-4: 'out' was given 20 records and wrote 21");
	rig_close(&r);

	x = honest(20, 77, "d\n");
	x.kept.hash = 70;
	history(&r, &x);
	expect_fault(&r, "interval 2-4: the 20 records that 'out' wrote are not those it was given");
	rig_close(&r);

	x = honest(20, 77, "d\n");
	x.out[0] = 21; /* the source counted one that it did not send */
	history(&r, &x);
	expect_fault(&r, "interval 2-4: 21 records left 'src', and 20 were sent to 'words'");
	rig_close(&r);
}

TEST(records_left_out_are_in_the_law)
{
	struct rig r;
	struct did x = honest(20, 77, "d\n");
	struct manifest_total left = {17, 50};
	x.skipped = 3;
	x.sent[1] = x.received[1] = x.kept = left;
	x.out[1] = 17;
	history(&r, &x);
	if (check(&r).faults)
		fail_msg("%s", r.fault);
	rig_close(&r);
}

/* The sums over the whole life agree: only interval by interval is it seen. */
TEST(a_record_moved_to_another_interval_is_found)
{
	struct rig r;
	struct did x = honest(20, 77, "d\n"), y = honest(5, 500, "e\n"), z = honest(5, 600, "f\n");
	history(&r, &x);
	y.kept.n--; /* a record of hash 9 is written an interval later */
	y.kept.hash -= 9;
	z.kept.n++;
	z.kept.hash += 9;
	interval(&r, &y, true);
	interval(&r, &z, true);
	EXPECT(r.newest.op[OUT].kept.n == r.newest.edge[1].received.n);
	EXPECT(r.newest.op[OUT].kept.hash == r.newest.edge[1].received.hash);
	expect_fault(&r, "interval 6-7: 'out' was given 5 records and wrote 4");
	expect_fault(&r, "interval 7-8: 'out' was given 5 records and wrote 6");
	rig_close(&r);
}

static uint64_t size_of(struct rig *r, const char *path)
{
	struct fs_stat st;
	EXPECT_OK(fs_stat(r->fs, path, &st, &r->e), &r->e);
	return st.size_bytes;
}

static void flip(struct rig *r, const char *path, uint64_t at)
{
	EXPECT_OK(fs_sim_flip(r->disk, path, 8 * at, &r->e), &r->e);
}

/* Behind the line of 4 stands what is named by nobody: nothing there counts. */
TEST(inv33_every_flipped_byte_of_ledger_and_pieces_is_found)
{
	static const char *const files[] = {
		"d/audit/000000ab-1-0.jsonl", "d/audit/000000ab-2-0.jsonl",
		"d/out/part-000000ab-00000000000000000002-1-0-0.csv",
		"d/out/part-000000ab-00000000000000000004-1-0-0.csv",
		"d/out/part-000000ab-00000000000000000006-2-0-0.csv"};
	struct rig r;
	struct did x = honest(20, 77, "d\n");
	history(&r, &x);
	uint64_t flips = 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		uint64_t size = size_of(&r, files[i]);
		for (uint64_t at = 0; at < size; at++, flips++) {
			flip(&r, files[i], at);
			if (!check(&r).faults)
				fail_msg("%s: byte %llu of %llu", files[i], (unsigned long long)at,
					 (unsigned long long)size);
			flip(&r, files[i], at);
		}
	}
	printf("%llu flips\n", (unsigned long long)flips);
	EXPECT(!check(&r).faults && flips > 1000);
	rig_close(&r);
}

TEST(a_file_nobody_wrote_and_a_line_too_much_are_found)
{
	struct rig r;
	struct did x = honest(20, 77, "d\n");
	history(&r, &x);
	const char *copy = "d/out/part-000000ab-00000000000000000004-1-0-1.csv";
	EXPECT_OK(fs_write_new(r.fs, copy, "d\n", 2, &r.e), &r.e);
	const char *theirs = "d/out/part-000000ff-00000000000000000004-1-0-1.csv"; /* lineage */
	EXPECT_OK(fs_write_new(r.fs, theirs, "d\n", 2, &r.e), &r.e);
	EXPECT_OK(fs_write_new(r.fs, "d/out/readme", "d\n", 2, &r.e), &r.e);
	expect_fault(&r, "00004-1-0-1.csv is no piece of any checkpoint");
	EXPECT(check(&r).faults == 1);
	EXPECT_OK(fs_unlink(r.fs, copy, &r.e), &r.e);
	int fd;
	const char *piece = "d/out/part-000000ab-00000000000000000002-1-0-0.csv";
	EXPECT_OK(fs_open(r.fs, piece, FS_WRITE, &fd, &r.e), &r.e);
	EXPECT_OK(fs_pwrite(r.fs, fd, "a\n", 2, 4, &r.e), &r.e);
	EXPECT_OK(fs_close(r.fs, &fd, &r.e), &r.e);
	expect_fault(&r, "has 6 bytes; 4 were written");
	rig_close(&r);
}

TEST(a_ledger_that_is_gone_or_was_never_kept_is_said_so)
{
	struct rig r;
	struct did x = honest(20, 77, "d\n");
	history(&r, &x);
	struct audit_report a = {.fault = on_fault, .arg = &r};
	struct manifest m = r.newest;
	m.ledger.file = NULL;
	EXPECT(audit_check(r.fs, &r.mem, "d", &m, &a, &r.e) == E_NOT_FOUND);
	EXPECT(strstr(r.e.text, "\"audit\": true"));
	err_clear(&r.e);
	m = r.newest;
	m.op[OUT].in++;
	r.newest = m;
	expect_fault(&r, "other counts than checkpoint 6 has");
	m.op[OUT].in--;
	EXPECT_OK(fs_unlink(r.fs, "d/audit/000000ab-1-0.jsonl", &r.e), &r.e);
	expect_fault(&r, "000000ab-1-0.jsonl: is missing");
	rig_close(&r);
}

/* A file that could not be written is left; the next one goes on from what was published. */
TEST(inv32_after_a_fault_another_file_goes_on_from_what_was_published)
{
	for (uint64_t n = 1;; n++) {
		struct rig r;
		struct did x = honest(3, 30, "x\n");
		rig_open(&r);
		own(&r);
		interval(&r, &x, true);
		fs_sim_fault_at(r.disk, r.fs->count + n, E_IO, false);
		struct manifest m;
		manifest_init(&m, &r.mem);
		m.id = ++r.id;
		m.lineage = 0xab;
		totals(&r, &m, &x);
		enum rc rc = ledger_append(r.l, &m, &r.newest, laws, &r.e);
		fs_sim_fault_at(r.disk, 0, OK, false);
		manifest_close(&m);
		EXPECT(rc == OK || rc == E_IO);
		err_clear(&r.e);
		interval(&r, &x, true);
		interval(&r, &x, true);
		if (check(&r).faults)
			fail_msg("operation %llu: %s", (unsigned long long)n, r.fault);
		rig_close(&r);
		if (rc == OK)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_true_history_of_two_owners_and_lost_checkpoints_passes),
		T(inv4_a_record_lost_doubled_or_changed_anywhere_is_found_in_its_interval),
		T(records_left_out_are_in_the_law),
		T(a_record_moved_to_another_interval_is_found),
		T(inv33_every_flipped_byte_of_ledger_and_pieces_is_found),
		T(a_file_nobody_wrote_and_a_line_too_much_are_found),
		T(a_ledger_that_is_gone_or_was_never_kept_is_said_so),
		T(inv32_after_a_fault_another_file_goes_on_from_what_was_published),
	};
	return RUN(tests);
}
