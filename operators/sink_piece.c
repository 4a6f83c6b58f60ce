/* sink_piece.c - see sink_piece.h: what the lanes do. */
#include "operators/sink_piece.h"

#include "base/check.h"
#include "base/planted.h"

/* Ends job j with the piece's first error, or remembers that j's was the first. */
static bool lane_done(struct piece *p, struct io_job *j)
{
	if (p->lane.rc == OK && j->rc != OK) {
		p->lane.rc = j->rc;
		p->lane.error = j->error;
	} else if (p->lane.rc != OK) {
		j->rc = p->lane.rc;
		j->error = p->lane.error;
	}
	return true;
}

static bool write_step(struct io_job *j, struct fs *fs)
{
	struct piece_write *w = CONTAINER_OF(j, struct piece_write, job);
	struct piece *p = w->piece;
	if (p->lane.rc != OK)
		return lane_done(p, j);
	if (p->lane.fd < 0) {
		p->lane.fs = fs;
		j->rc = fs_open(fs, p->pending, FS_CREATE, &p->lane.fd, &j->error);
		if (j->rc != OK)
			return lane_done(p, j);
	}
	size_t n = w->len - w->done < SINK_WRITE_BYTES ? w->len - w->done : SINK_WRITE_BYTES;
	j->rc = fs_pwrite(fs, p->lane.fd, w->data + w->done, n, w->off + w->done, &j->error);
	if (j->rc != OK)
		return lane_done(p, j);
	w->done += n;
	return w->done == w->len;
}

static bool early_step(struct io_job *j, struct fs *fs)
{
	struct piece *p = CONTAINER_OF(j, struct piece, early);
	if (p->lane.rc == OK)
		j->rc = fs_sync(fs, p->lane.fd, &j->error);
	return lane_done(p, j);
}

/* Stands in the bytes lane behind the last write, so that `sync` follows them all. */
static bool tail_step(struct io_job *j, struct fs *fs)
{
	(void)fs;
	return lane_done(CONTAINER_OF(j, struct piece, tail), j);
}

static bool sync_step(struct io_job *j, struct fs *fs)
{
	struct piece *p = CONTAINER_OF(j, struct piece, sync);
	switch (p->lane.step++) {
	case 0:
		if (PLANTED(no_sync_of_a_prepared_file))
			break;
		j->rc = fs_sync(fs, p->lane.fd, &j->error);
		break;
	case 1:
		j->rc = fs_close(fs, &p->lane.fd, &j->error);
		break;
	default:
		if (!PLANTED(no_sync_of_prepared_names))
			j->rc = fs_sync_dir(fs, p->pending_dir, &j->error);
		return lane_done(p, j);
	}
	return j->rc == OK ? false : lane_done(p, j);
}

struct piece *piece_open(struct mem *mem, char *pending, char *pending_dir, int kind,
			 struct mailbox *reply)
{
	struct piece *p = mem_get_aligned(mem, 64, sizeof *p);
	if (!p)
		return NULL;
	memset(p, 0, sizeof *p);
	p->pending = pending;
	p->pending_dir = pending_dir;
	p->lane.fd = -1;
	checksum_begin(&p->sum);
	struct io_job job = {.mail.kind = kind, .reply = reply};
	p->early = p->tail = p->sync = job;
	p->early.mail.kind += PIECE_EARLY;
	p->tail.mail.kind += PIECE_TAIL;
	p->sync.mail.kind += PIECE_SYNCED;
	p->early.class = p->sync.class = IO_SYNC;
	p->tail.class = IO_SINK;
	p->early.step = early_step;
	p->tail.step = tail_step;
	p->sync.step = sync_step;
	p->tail.then = &p->sync;
	return p;
}

void piece_close(struct piece *p, struct mem *mem)
{
	if (!p)
		return;
	/* An attempt that ends leaves an unfinished piece behind: an orphan, for the sweep. */
	if (p->lane.fs)
		(void)!fs_close(p->lane.fs, &p->lane.fd, NULL);
	mem_put(mem, p->pending);
	mem_put(mem, p->final);
	mem_put(mem, p->pending_dir);
	mem_put(mem, p);
}

void piece_write_init(struct piece_write *w, int kind, struct mailbox *reply)
{
	*w = (struct piece_write){
		.job = {.mail.kind = kind, .class = IO_SINK, .step = write_step, .reply = reply}};
}
