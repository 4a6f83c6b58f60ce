/* file_reader.c - see file_reader.h. */
#include "operators/file_reader.h"

#include "base/check.h"

#define NO_FILE UINT32_MAX

void file_reader_init(struct file_reader *r)
{
	*r = (struct file_reader){.fd = -1, .file = NO_FILE};
}

void file_reader_close(struct file_reader *r)
{
	/* Nothing was written, so nothing is lost if this fails. */
	if (r->fs)
		(void)!fs_close(r->fs, &r->fd, NULL);
	file_reader_init(r);
}

static RC reader_open(struct file_reader *r, const struct file_read *rd, struct fs *fs,
		      struct err *e)
{
	r->fs = fs;
	(void)!fs_close(fs, &r->fd, NULL);
	r->file = NO_FILE;
	struct fs_stat st;
	/* Before it is opened: opening a device may do something. */
	enum rc rc = fs_stat(fs, rd->full, &st, e);
	if (rc == OK && st.kind != FS_FILE)
		return ERR(e, E_INVALID, "%s is not a regular file", rd->name);
	if (rc == OK)
		rc = fs_open(fs, rd->full, FS_READ, &r->fd, e);
	if (rc != OK)
		return err_in(e, "%s cannot be read", rd->name);
	if (file_is_whole(fs, r->fd, rd->name, rd->bound, rd->counted, e) != OK ||
	    file_head_hash(fs, r->fd, rd->name, rd->bound, &r->head, e) != OK)
		return e->code;
	r->file = rd->file;
	return OK;
}

static bool read_step(struct io_job *j, struct fs *fs)
{
	struct file_read *rd = CONTAINER_OF(j, struct file_read, job);
	struct file_reader *r = rd->reader;
	CHECK(rd->len <= rd->text->cap - rd->at);
	size_t got = 0;
	j->rc = r->file == rd->file ? OK : reader_open(r, rd, fs, &j->error);
	if (j->rc != OK)
		return true;
	if (rd->has_head && rd->head != r->head)
		j->rc = file_changed(&j->error, rd->name, rd->counted ? rd->counted : HEAD_BYTES);
	rd->has_head = true;
	rd->head = r->head;
	if (j->rc == OK)
		j->rc = fs_pread(fs, r->fd, rd->text->data + rd->at, rd->len, rd->off, &got, &j->error);
	if (j->rc == OK && got != rd->len)
		j->rc = ERR(&j->error, E_CHANGED, "%s became shorter while it was read", rd->name);
	return true;
}

void file_read_init(struct file_read *r, struct file_reader *reader, int kind,
		    struct mailbox *reply)
{
	*r = (struct file_read){
		.job = {.mail.kind = kind, .class = IO_READ, .step = read_step, .reply = reply},
		.reader = reader,
	};
}
