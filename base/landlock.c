/* landlock.c - see landlock.h. The door of landlock(7), by numbers: the C library has no calls. */
#include "base/landlock.h"

#include "base/check.h"
#include "base/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUNS (READS | LANDLOCK_ACCESS_FS_EXECUTE)
#define DEVICES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
/* Not named by headers as old as Debian 12's are: of ABI 2 and 3. */
#define REFERS (UINT64_C(1) << 13)
#define TRUNCATES (UINT64_C(1) << 14)
/* Likewise of ABI 6: abstract Unix sockets, and processes that hear signals. */
#define SCOPES ((UINT64_C(1) << 0) | (UINT64_C(1) << 1))
#define ABI_1 ((UINT64_C(1) << 13) - 1) /* everything its kernel knew */
#define OF_FILES                                                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_READ_FILE | TRUNCATES)

/* struct landlock_ruleset_attr as it grew: what a kernel does not know must be absent. */
struct ruleset {
	uint64_t files, network, scoped;
};

static const struct landlock_path system_paths[] = {
	{"/usr", ROOT_RUN}, {"/bin", ROOT_RUN}, {"/sbin", ROOT_RUN}, {"/lib", ROOT_RUN},
	{"/lib32", ROOT_RUN}, {"/lib64", ROOT_RUN}, {"/proc/self/exe", ROOT_RUN},
	{"/etc", ROOT_READ}, {"/proc", ROOT_READ}, {"/sys", ROOT_READ}, {"/dev", ROOT_READ},
	{"/dev/null", ROOT_READ | ROOT_WRITE},
};

static uint64_t rights_of(unsigned may, uint64_t known)
{
	uint64_t writes = known & ~(DEVICES | RUNS);
	return (may & ROOT_RUN ? RUNS : 0) | (may & ROOT_READ ? READS : 0) |
	       (may & ROOT_WRITE ? writes | READS : 0);
}

static RC add(int rules, const struct landlock_path *p, uint64_t known, struct err *e)
{
	struct stat st;
	int fd = open(p->path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return OK; /* not there, or not for us: nothing to allow */
	struct landlock_path_beneath_attr a = {.parent_fd = fd};
	a.allowed_access = rights_of(p->may, known);
	if (!fstat(fd, &st) && !S_ISDIR(st.st_mode))
		a.allowed_access &= OF_FILES & known;
	long failed = a.allowed_access ? syscall(SYS_landlock_add_rule, rules,
						 LANDLOCK_RULE_PATH_BENEATH, &a, 0)
				       : 0;
	int errnum = errno;
	close(fd);
	return failed ? err_errno(e, errnum, "Landlock: '%s'", p->path) : OK;
}

RC landlock_enter(const struct landlock_path *p, size_t n, bool *is_on, struct err *e)
{
	*is_on = false;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 2)
		return OK;
	const struct ruleset attr = {.files = ABI_1 | REFERS | (abi >= 3 ? TRUNCATES : 0),
				     .scoped = abi >= 6 ? SCOPES : 0};
	size_t size = abi >= 6 ? sizeof attr : sizeof attr.files;
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (rules < 0)
		return err_errno(e, errno, "Landlock");
	enum rc rc = OK;
	for (size_t i = 0; i < ARRAY_LEN(system_paths) && rc == OK; i++)
		rc = add(rules, &system_paths[i], attr.files, e);
	for (size_t i = 0; i < n && rc == OK; i++)
		rc = add(rules, &p[i], attr.files, e);
	if (rc == OK && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			 syscall(SYS_landlock_restrict_self, rules, 0)))
		rc = err_errno(e, errno, "Landlock");
	close(rules);
	*is_on = rc == OK;
	return rc;
}
