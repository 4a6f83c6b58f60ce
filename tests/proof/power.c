/* power.c - see power.h. What fails here, but for a cut, is an error of the machine: it aborts. */
#include "tests/proof/power.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* As in fs/ext4/ext4.h of the kernel, which no header of the system has. */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define EXT4_GOING_FLAGS_LOGFLUSH 1
#define EXT4_GOING_FLAGS_NOLOGFLUSH 2

#define HIDDEN "/dev/shm" /* on any Linux; the tmpfs over it is seen by this process alone */
#define IMAGE HIDDEN "/image"
#define DISK HIDDEN "/disk"
#define IMAGE_SIZE "12M"  /* the smallest journal takes four of it */

_Noreturn static void broken(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

/* ---- the device ---- */

/* Somebody else may take a free device before we do. Returns its errno, or 0. */
static int attach_free(struct power *p, int image)
{
	struct loop_config c = {.fd = (uint32_t)image, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), error = errno;
	if (control < 0)
		return error;
	for (int tries = 0; tries < 100; tries++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(p->device, sizeof p->device, "/dev/loop%d", n);
		int loop = n < 0 ? -1 : open(p->device, O_RDWR | O_CLOEXEC);
		error = loop < 0 ? errno : ioctl(loop, LOOP_CONFIGURE, &c) ? errno : 0;
		if (!error && mount(p->device, DISK, "ext4", 0, "") != 0)
			error = errno;
		if (loop >= 0)
			close(loop); /* with the mount it stays attached, without it is free again */
		if (error != EBUSY)
			break;
	}
	close(control);
	return error;
}

static int attach(struct power *p)
{
	int image = open(IMAGE, O_RDWR | O_CLOEXEC);
	if (image < 0)
		return errno;
	int error = attach_free(p, image);
	close(image);
	p->mounted = !error;
	return error;
}

static void detach(struct power *p)
{
	for (size_t i = 0; i < POWER_HANDLES; i++)
		if (p->handle[i] >= 0) {
			close(p->handle[i]);
			p->handle[i] = -1;
		}
	if (p->mounted && umount2(DISK, 0) != 0)
		broken("umount " DISK);
	p->mounted = false;
}

static void cut(struct power *p)
{
	uint32_t flags = p->how == POWER_LOG_LOST ? EXT4_GOING_FLAGS_NOLOGFLUSH
						  : EXT4_GOING_FLAGS_LOGFLUSH;
	int fd = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, EXT4_IOC_SHUTDOWN, &flags))
		broken("EXT4_IOC_SHUTDOWN");
	close(fd);
	p->down = true;
	if (!p->w)
		return;
	struct fs_stat st;
	fs_sim_crash_at(p->w->disk, fs_sim_count(p->w->disk) + 1);
	CHECK(fs_stat(fs_sim_fs(p->w->disk), ".", &st, NULL) == E_CRASHED);
}

/* ---- the operations ---- */

static struct power *power_of(struct fs *fs)
{
	return CONTAINER_OF(fs, struct power, fs);
}

static enum rc begin(struct power *p, struct err *e)
{
	p->ops++;
	if (!p->down && p->ops == p->cut_at)
		cut(p);
	if (!p->down)
		return OK;
	if (e)
		err_clear(e);
	return ERR(e, E_CRASHED, "the power failed at operation %llu", (unsigned long long)p->cut_at);
}

/* Where it is on the mounted disk; all of a world's paths are relative. */
struct place {
	char text[512];
};

static const char *place(struct place *at, const char *path)
{
	CHECK(*path != '/');
	int n = snprintf(at->text, sizeof at->text, DISK "/%s", path);
	CHECK(n > 0 && (size_t)n < sizeof at->text);
	return at->text;
}

static void handle_change(struct power *p, int from, int to)
{
	for (size_t i = 0; i < POWER_HANDLES; i++)
		if (p->handle[i] == from) {
			p->handle[i] = to;
			return;
		}
	CHECK(from == -1 ? !"too many handles" : p->down);
}

#define ONE(what, doing)                                                                           \
	struct power *p = power_of(fs);                                                            \
	struct place at;                                                                           \
	enum rc rc = begin(p, e);                                                                  \
	(void)at;                                                                                  \
	what = rc == OK ? p->real.fs.ops->doing : rc

static enum rc power_open_file(struct fs *fs, const char *path, enum fs_open how, int *fd,
			       struct err *e)
{
	ONE(rc, open(&p->real.fs, place(&at, path), how, fd, e));
	if (rc == OK)
		handle_change(p, -1, *fd);
	return rc;
}

static enum rc power_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
			   struct err *e)
{
	ONE(rc, pread(&p->real.fs, fd, to, len, off, got, e));
	return rc;
}

static enum rc power_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
			    struct err *e)
{
	ONE(rc, pwrite(&p->real.fs, fd, from, len, off, e));
	return rc;
}

static enum rc power_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e)
{
	ONE(rc, truncate(&p->real.fs, fd, size_bytes, e));
	return rc;
}

static enum rc power_sync(struct fs *fs, int fd, struct err *e)
{
	ONE(rc, sync(&p->real.fs, fd, e));
	return rc;
}

/* Of a dead process too: its descriptors are the kernel's, and would keep the disk busy. */
static enum rc power_close_file(struct fs *fs, int fd, struct err *e)
{
	struct power *p = power_of(fs);
	enum rc rc = begin(p, e);
	handle_change(p, fd, -1);
	if (rc == OK)
		return p->real.fs.ops->close(&p->real.fs, fd, e);
	close(fd);
	return rc;
}

static enum rc power_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e)
{
	ONE(rc, fstat(&p->real.fs, fd, st, e));
	return rc;
}

static enum rc power_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e)
{
	ONE(rc, stat(&p->real.fs, place(&at, path), st, e));
	return rc;
}

static enum rc power_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct place there;
	ONE(rc, link(&p->real.fs, place(&at, from), place(&there, to), e));
	return rc;
}

static enum rc power_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct place there;
	ONE(rc, rename_new(&p->real.fs, place(&at, from), place(&there, to), e));
	return rc;
}

static enum rc power_unlink(struct fs *fs, const char *path, struct err *e)
{
	ONE(rc, unlink(&p->real.fs, place(&at, path), e));
	return rc;
}

static enum rc power_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	ONE(rc, mkdir(&p->real.fs, place(&at, path), made, e));
	return rc;
}

static enum rc power_rmdir(struct fs *fs, const char *path, struct err *e)
{
	ONE(rc, rmdir(&p->real.fs, place(&at, path), e));
	return rc;
}

static enum rc power_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	ONE(rc, sync_dir(&p->real.fs, place(&at, path), e));
	return rc;
}

static enum rc power_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	ONE(rc, list(&p->real.fs, place(&at, path), l, e));
	return rc;
}

static enum rc power_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	ONE(rc, lock(&p->real.fs, place(&at, path), fd, e));
	if (rc == OK)
		handle_change(p, -1, *fd);
	return rc;
}

static const struct fs_ops power_ops = {
	.name = "power",
	.open = power_open_file,
	.pread = power_pread,
	.pwrite = power_pwrite,
	.truncate = power_truncate,
	.sync = power_sync,
	.close = power_close_file,
	.fstat = power_fstat,
	.stat = power_stat,
	.link = power_link,
	.rename_new = power_rename_new,
	.unlink = power_unlink,
	.mkdir = power_mkdir,
	.rmdir = power_rmdir,
	.sync_dir = power_sync_dir,
	.list = power_list,
	.lock = power_lock,
};

/* ---- from beginning to end ---- */

static bool no(char why[256], const char *what)
{
	int error = errno;
	snprintf(why, 256, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
	return false;
}

static bool make_image(struct power *p, char why[256])
{
	int status = system("mkfs.ext4 -q -F -b 4096 -J size=4 " IMAGE " " IMAGE_SIZE
			    " >/dev/null 2>&1");
	errno = 0;
	if (status != 0)
		return no(why, "no mkfs.ext4 (package e2fsprogs)");
	struct stat st;
	FILE *f = fopen(IMAGE, "r");
	CHECK(f && fstat(fileno(f), &st) == 0);
	p->image_size = (size_t)st.st_size;
	p->image = malloc(p->image_size);
	CHECK(p->image && fread(p->image, p->image_size, 1, f) == 1);
	fclose(f);
	return true;
}

bool power_open(struct power *p, char why[256])
{
	*p = (struct power){.fs.ops = &power_ops};
	memset(p->handle, -1, sizeof p->handle);
	errno = 0;
	if (geteuid() != 0)
		return no(why, "it needs root");
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return no(why, "no mounts of its own (unshare)");
	if (mount("weir-test", HIDDEN, "tmpfs", 0, "size=64m") || mkdir(DISK, 0755))
		return no(why, "no tmpfs on " HIDDEN);
	if (!make_image(p, why))
		return false;
	errno = attach(p);
	if (errno)
		return no(why, "no ext4 on a loop device");
	uint32_t flags = EXT4_GOING_FLAGS_NOLOGFLUSH;
	int fd = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool cuts = fd >= 0 && ioctl(fd, EXT4_IOC_SHUTDOWN, &flags) == 0;
	int error = errno;
	close(fd);
	detach(p);
	errno = error;
	return cuts || no(why, "no EXT4_IOC_SHUTDOWN");
}

static void plan_nothing(struct power *p)
{
	p->down = false;
	p->ops = p->cut_at = 0;
}

void power_fresh(struct power *p)
{
	detach(p);
	FILE *f = fopen(IMAGE, "r+");
	if (!f || fwrite(p->image, p->image_size, 1, f) != 1 || fclose(f))
		broken("write " IMAGE);
	errno = attach(p);
	if (errno)
		broken("mount " DISK);
	plan_nothing(p);
}

void power_world(struct power *p, struct world *w)
{
	p->w = w;
	fs_real_init(&p->real, &w->mem);
	p->fs.mem = &w->mem;
	w->fs = w->env.fs = &p->fs;
}

void power_back(struct power *p)
{
	detach(p);
	errno = attach(p);
	if (errno)
		broken("mount " DISK " again");
	plan_nothing(p);
}

void power_close(struct power *p)
{
	detach(p);
	free(p->image);
}
