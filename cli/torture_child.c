/* torture_child.c - see torture_child.h. */
#include "cli/torture_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *torture_fault_text(const struct fs_fault_plan *p, char to[FAULT_TEXT])
{
	snprintf(to, FAULT_TEXT, "%s:%s:%" PRIu64 ":%" PRIu64 ":%d", fs_fault_how_name(p->how),
		 fs_op_name(p->op), p->at, p->times, p->errnum);
	return to;
}

bool torture_fault_read(struct fs_fault_plan *p, const char *text)
{
	char how[20], op[20];
	int end = 0;
	*p = (struct fs_fault_plan){.how = FS_FAULT_HOWS, .op = FS_OPS};
	if (sscanf(text, "%19[^:]:%19[^:]:%" SCNu64 ":%" SCNu64 ":%d%n", how, op, &p->at, &p->times,
		   &p->errnum, &end) != 5 || text[end])
		return false;
	for (int i = 0; i < FS_FAULT_HOWS; i++)
		if (!strcmp(how, fs_fault_how_name((enum fs_fault_how)i)))
			p->how = (enum fs_fault_how)i;
	for (int i = 0; i < FS_OPS; i++)
		if (!strcmp(op, fs_op_name((enum fs_op)i)))
			p->op = (enum fs_op)i;
	return p->how != FS_FAULT_HOWS && p->op != FS_OPS;
}

struct fs_fault_seen *torture_page(const char *path, bool create, struct err *e)
{
	struct fs_fault_seen *page;
	int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0644);
	if (fd < 0 || (create && ftruncate(fd, sizeof *page))) {
		(void)!err_errno(e, errno, "the shared page '%s'", path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		(void)!err_errno(e, errno, "the shared page '%s'", path);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

/* As kill -9 does it: no handler, no buffer written, no lock given back in order. */
static void die_now(void *arg)
{
	(void)arg;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

RC torture_child_begin(struct fs_fault *f, struct env *env, char *const args[2], struct err *e)
{
	struct fs_fault_plan plan;
	if (!torture_fault_read(&plan, args[1]))
		return ERR(e, E_USAGE, "'%s' is no fault; this is for weir torture alone", args[1]);
	struct fs_fault_seen *seen = torture_page(args[0], false, e);
	if (!seen)
		return e->code;
	fs_fault_init(f, env->fs, &plan, seen, die_now, NULL);
	env->fs = &f->fs;
	return OK;
}
